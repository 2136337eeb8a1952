//! One end of an exchange with another implementation, for `tests/interop/peers/run`.
//!
//! `interop_peer ADAPTER server SETTINGS` prints where it listens and echoes until it is stopped.
//! `interop_peer ADAPTER client SETTINGS URL` sends the messages of `messages.json`, checks what comes
//! back, prints what was agreed on, and exits with 0 where all of it was right. ADAPTER is `blocking`
//! or `tokio`; SETTINGS is `plain`, or window bits and takeover as `9,takeover` and `15,none`.

use std::net::TcpListener;

use farewell::handshake::{ClientRequest, Negotiated, Origins};
use farewell::{
    Acceptor, CloseCode, Compression, Config, Incoming, Message, Termination, WindowBits, blocking,
};

type Failure = Box<dyn std::error::Error>;

const MESSAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/peers/messages.json");

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match arguments[..] {
        ["blocking", "server", settings] => serve_blocking(&acceptor(settings)?),
        ["tokio", "server", settings] => runtime.block_on(serve_tokio(acceptor(settings)?)),
        ["blocking", "client", settings, url] => ask_blocking(url, config(settings)?),
        ["tokio", "client", settings, url] => runtime.block_on(ask_tokio(url, config(settings)?)),
        _ => Err("usage: interop_peer blocking|tokio server|client SETTINGS [URL]".into()),
    }
}

fn acceptor(settings: &str) -> Result<Acceptor, Failure> {
    Ok(Acceptor::new(Origins::Any).config(config(settings)?))
}

/// Small fragments, so that compressed messages are cut as well.
fn config(settings: &str) -> Result<Config, Failure> {
    let mut config = Config::default();
    config.fragment_size = Some(10_000);
    if settings == "plain" {
        return Ok(config);
    }
    let (bits, takeover) = settings.split_once(',').ok_or("SETTINGS are BITS,takeover|none")?;
    let bits = WindowBits::new(bits.parse()?).ok_or("window bits are 9 to 15")?;
    let mut compression = Compression::default();
    compression.window_bits = bits;
    compression.peer_window_bits = bits;
    compression.context_takeover = takeover == "takeover";
    compression.peer_context_takeover = takeover == "takeover";
    compression.threshold = 0;
    config.compression = Some(compression);
    Ok(config)
}

fn messages() -> Result<Vec<Message<'static>>, Failure> {
    let entries: Vec<serde_json::Value> =
        serde_json::from_str(&std::fs::read_to_string(MESSAGES)?)?;
    let message = |entry: &serde_json::Value| {
        let unit = entry["unit"].as_str()?;
        let text = unit.repeat(usize::try_from(entry["times"].as_u64()?).ok()?);
        Some(match entry["kind"].as_str()? {
            "text" => Message::from(text),
            _ => Message::from(text.into_bytes()),
        })
    };
    entries.iter().map(message).collect::<Option<_>>().ok_or("a message lacks a field".into())
}

fn serve_blocking(acceptor: &Acceptor) -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept()?;
        let mut socket = blocking::accept(stream, acceptor)?;
        while let Incoming::Message(message) = socket.next() {
            socket.send(message)?;
        }
    }
}

async fn serve_tokio(acceptor: Acceptor) -> Result<(), Failure> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let mut socket = farewell::aio::accept(stream, &acceptor).await?;
        while let Incoming::Message(message) = socket.next().await {
            socket.send(message).await?;
        }
    }
}

fn ask_blocking(url: &str, config: Config) -> Result<(), Failure> {
    let mut socket = blocking::connect_with(&ClientRequest::new(url)?, config)?;
    say_agreed(socket.session().negotiated());
    for message in messages()? {
        // Twice: the second may refer to the first.
        for _ in 0..2 {
            socket.send(message.clone())?;
            check(&message, socket.next())?;
        }
    }
    check_report(&socket.close(CloseCode::NORMAL))
}

async fn ask_tokio(url: &str, config: Config) -> Result<(), Failure> {
    let mut socket = farewell::aio::connect_with(&ClientRequest::new(url)?, config).await?;
    say_agreed(socket.session().negotiated());
    for message in messages()? {
        for _ in 0..2 {
            socket.send(message.clone()).await?;
            check(&message, socket.next().await)?;
        }
    }
    let report = socket.close(CloseCode::NORMAL).await;
    check_report(&report)
}

/// In the words of the header field, as the other programs print it.
fn say_agreed(negotiated: &Negotiated) {
    let Some(params) = negotiated.extensions().deflate() else {
        return println!("agreed: nothing");
    };
    let mut words = vec!["permessage-deflate".to_owned()];
    for (set, name) in [
        (params.server_no_context_takeover, "server_no_context_takeover"),
        (params.client_no_context_takeover, "client_no_context_takeover"),
    ] {
        if set {
            words.push(name.into());
        }
    }
    words.push(format!("server_max_window_bits={}", params.server_max_window_bits));
    words.push(format!("client_max_window_bits={}", params.client_max_window_bits));
    println!("agreed: {}", words.join("; "));
}

fn check(sent: &Message<'_>, incoming: Incoming) -> Result<(), Failure> {
    match incoming {
        Incoming::Message(echo) if echo == *sent => Ok(()),
        Incoming::Message(echo) => {
            let (sent, echo) = (sent.as_bytes().len(), echo.as_bytes().len());
            Err(format!("{echo} bytes came back for {sent}, or of another kind").into())
        }
        Incoming::Ended(report) => Err(report.to_string().into()),
    }
}

fn check_report(report: &Termination) -> Result<(), Failure> {
    if report.clean && report.code == 1000 { Ok(()) } else { Err(report.to_string().into()) }
}
