//! What users meet first has an example in its documentation.

use std::fmt::Write as _;
use std::fs;

use crate::root;

/// The items that are used most, each with the file and the line that it is declared in.
const ITEMS: [(&str, &str); 64] = [
    ("src/adapter/acceptor.rs", "pub struct Acceptor"),
    ("src/adapter/aio.rs", "pub async fn accept<"),
    ("src/adapter/aio.rs", "pub async fn accept_tls<"),
    ("src/adapter/aio.rs", "pub async fn accept_with<"),
    ("src/adapter/aio.rs", "pub async fn connect("),
    ("src/adapter/aio.rs", "pub async fn connect_over<"),
    ("src/adapter/aio.rs", "pub async fn connect_unix("),
    ("src/adapter/aio.rs", "pub async fn connect_with("),
    ("src/adapter/aio.rs", "pub async fn handshake<"),
    ("src/adapter/aio.rs", "pub async fn handshake_tls<"),
    ("src/adapter/aio/drain.rs", "pub struct Drain"),
    ("src/adapter/aio/extract.rs", "pub struct WebSocketUpgrade"),
    ("src/adapter/aio/reconnecting.rs", "pub struct Reconnecting"),
    ("src/adapter/aio/split.rs", "pub struct Receiver"),
    ("src/adapter/aio/split.rs", "pub struct Sender"),
    ("src/adapter/aio/upgrade.rs", "pub fn upgrade<"),
    ("src/adapter/aio/websocket.rs", "pub struct WebSocket"),
    ("src/adapter/blocking.rs", "pub fn accept<"),
    ("src/adapter/blocking.rs", "pub fn accept_tls<"),
    ("src/adapter/blocking.rs", "pub fn accept_with<"),
    ("src/adapter/blocking.rs", "pub fn connect("),
    ("src/adapter/blocking.rs", "pub fn connect_over<"),
    ("src/adapter/blocking.rs", "pub fn connect_unix("),
    ("src/adapter/blocking.rs", "pub fn connect_with("),
    ("src/adapter/blocking.rs", "pub fn handshake<"),
    ("src/adapter/blocking.rs", "pub fn handshake_tls<"),
    ("src/adapter/blocking/drain.rs", "pub struct Drain"),
    ("src/adapter/blocking/reconnecting.rs", "pub struct Reconnecting"),
    ("src/adapter/blocking/split.rs", "pub struct Receiver"),
    ("src/adapter/blocking/split.rs", "pub struct Sender"),
    ("src/adapter/blocking/websocket.rs", "pub struct WebSocket"),
    ("src/adapter/drain.rs", "pub struct Ticket"),
    ("src/adapter/error.rs", "pub enum AcceptError"),
    ("src/adapter/error.rs", "pub enum ConnectError"),
    ("src/adapter/messages.rs", "pub struct Messages"),
    ("src/adapter/options.rs", "pub struct ConnectOptions"),
    ("src/adapter/reconnecting.rs", "pub enum ReconnectEvent"),
    ("src/adapter/reconnecting.rs", "pub struct Disconnected"),
    ("src/adapter.rs", "pub enum Incoming"),
    ("src/config.rs", "pub struct Config"),
    ("src/config.rs", "pub struct Heartbeat"),
    ("src/config.rs", "pub struct Limits"),
    ("src/config.rs", "pub struct Timeouts"),
    ("src/connection/send_error.rs", "pub enum SendError"),
    ("src/deflate/settings.rs", "pub struct Compression"),
    ("src/dial/proxy.rs", "pub struct Proxy"),
    ("src/driver.rs", "pub struct Driver"),
    ("src/handshake.rs", "pub struct Negotiated"),
    ("src/handshake/client_request.rs", "pub struct ClientRequest"),
    ("src/handshake/origin.rs", "pub enum Origins"),
    ("src/handshake/response.rs", "pub struct Accept"),
    ("src/handshake/response.rs", "pub struct Rejection"),
    ("src/handshake/server.rs", "pub struct Request"),
    ("src/report/cause.rs", "pub enum Cause"),
    ("src/report/stats.rs", "pub struct Stats"),
    ("src/report/termination.rs", "pub struct Termination"),
    ("src/session.rs", "pub struct Session"),
    ("src/session/prepared.rs", "pub struct Prepared"),
    ("src/tls/client.rs", "pub struct TlsClient"),
    ("src/tls/server.rs", "pub struct TlsServer"),
    ("src/wire/close.rs", "pub struct CloseCode"),
    ("src/wire/close.rs", "pub struct CloseFrame"),
    ("src/wire/message.rs", "pub enum Message"),
    ("src/wire/message.rs", "pub struct Text"),
];

/// Whether the documentation right above a declaration has an example.
fn has_example(text: &str, declaration: &str) -> Option<bool> {
    let lines: Vec<_> = text.lines().collect();
    let is_it = |line: &str| {
        let rest = line.strip_prefix(declaration);
        let name_goes_on = |rest: &str| rest.starts_with(|c: char| c.is_ascii_alphanumeric());
        rest.is_some_and(|rest| declaration.ends_with(['(', '<']) || !name_goes_on(rest))
    };
    let at = lines.iter().position(|line| is_it(line))?;
    let above = lines[..at].iter().rev();
    let mut docs = above.take_while(|line| line.starts_with("///") || line.starts_with("#["));
    Some(docs.any(|line| line.starts_with("/// ```")))
}

#[test]
fn the_most_used_items_have_an_example() {
    let mut missing = String::new();
    for (file, declaration) in ITEMS {
        let text = fs::read_to_string(root().join(file)).unwrap();
        match has_example(&text, declaration) {
            Some(true) => {}
            Some(false) => writeln!(missing, "{file}: {declaration}: no example").unwrap(),
            None => writeln!(missing, "{file}: {declaration}: it is not there").unwrap(),
        }
    }
    assert!(missing.is_empty(), "\n{missing}");
}

#[test]
fn an_example_of_something_else_is_none() {
    let text =
        "/// ```\n/// ```\npub struct Near;\n\n/// Nothing.\n#[derive(Debug)]\npub struct Far;\n";
    assert_eq!(has_example(text, "pub struct Near"), Some(true));
    assert_eq!(has_example(text, "pub struct Far"), Some(false));
    assert_eq!(has_example(text, "pub struct Gone"), None);
    assert_eq!(has_example(text, "pub struct Fa"), None);
}
