//! The connection never opens.

use farewell::{Role, TransportError};

use super::super::trace::{Change, Op, Trace};
use super::super::world::Simulation;
use super::{Play, Row};

pub(super) const SCENARIOS: &[Row] = &[
    ("rejected", 22, rejected),
    ("rejected-400", 4, rejected_400),
    ("rejected-by-us", 4, rejected_by_us),
    ("stripped-101", 6, stripped_101),
    ("stripped-refused", 10, stripped_refused),
    ("stripped-request", 6, stripped_request),
    ("plain-page", 4, plain_page),
    ("plain-request", 4, plain_request),
    ("captive-portal", 3, captive_portal),
    ("other-protocol", 10, other_protocol),
    ("tls-port", 10, tls_port),
    ("not-found-stripped", 4, not_found_stripped),
    ("wrong-accept", 5, wrong_accept),
    ("faulty-handshake", 10, faulty_handshake),
    ("cut-short", 14, cut_short),
    ("handshake-timeout", 8, handshake_timeout),
];

/// A client that has sent its request, a round trip later.
fn client(play: Play) -> Simulation {
    let mut world = play.opening(Role::Client).begin();
    let trip = world.way() + world.way();
    let thinking = world.numbers.between(0.0, 0.3);
    world.sleep(trip + thinking);
    world
}

fn hear_response(world: &mut Simulation, status: &str, fields: &str, body: &str) {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {length}\r\n\r\n{body}");
    world.receive(head.as_bytes());
    world.sleep(0.01);
    world.act(Op::Eof);
}

fn rejected(play: Play) -> Trace {
    const ANSWERS: [(&str, &str, &str); 11] = [
        ("401 Unauthorized", "WWW-Authenticate: Bearer\r\n", "token missing"),
        ("403 Forbidden", "", "origin"),
        ("404 Not Found", "", "<html>not found</html>"),
        ("301 Moved Permanently", "Location: https://example.com/\r\n", ""),
        ("429 Too Many Requests", "Retry-After: 30\r\n", ""),
        ("500 Internal Server Error", "", "oops"),
        ("502 Bad Gateway", "", "<html>bad gateway</html>"),
        ("503 Service Unavailable", "Retry-After: 5\r\n", ""),
        ("504 Gateway Timeout", "", ""),
        ("410 Gone", "", ""),
        ("426 Upgrade Required", "Sec-WebSocket-Version: 8, 7\r\n", ""),
    ];
    let mut world = client(play);
    let (status, fields, body) = world.numbers.pick(&ANSWERS);
    hear_response(&mut world, status, fields, body);
    let number = status[..3].parse().ok();
    world.finish("handshake_rejected", number)
}

/// The application does not like the request, and says so with the most general status.
fn rejected_400(play: Play) -> Trace {
    let mut world = client(play);
    let body = world.numbers.pick(&["missing room", "", "unknown client"]);
    hear_response(&mut world, "400 Bad Request", "", body);
    world.finish("handshake_rejected", Some(400))
}

const REQUEST: &str = "GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

fn hear_request(world: &mut Simulation, without: &str) {
    let lines = REQUEST.split_inclusive("\r\n");
    let kept = lines.filter(|line| without.is_empty() || !line.starts_with(without));
    let request: String = kept.collect();
    world.receive(request.as_bytes());
}

fn rejected_by_us(play: Play) -> Trace {
    let mut world = play.opening(Role::Server).begin();
    hear_request(&mut world, "");
    let status = world.numbers.pick(&[401, 403, 404, 503]);
    world.act(Op::Reject(status));
    world.sleep(0.5);
    world.act(Op::Eof);
    world.finish("handshake_rejected", Some(status.into()))
}

/// The response comes through without its hop-by-hop header fields.
fn stripped_101(play: Play) -> Trace {
    let mut world = client(play);
    let fields =
        world.numbers.pick(&[&["Upgrade"][..], &["Connection"], &["Upgrade", "Connection"]]);
    let changes = fields.iter().map(|name| Change::Without((*name).to_string())).collect();
    world.act(Op::Answer(changes));
    world.finish("upgrade_stripped", None)
}

/// The request got through without them, and the server complains.
fn stripped_refused(play: Play) -> Trace {
    const ANSWERS: [(&str, &str, &str); 5] = [
        ("505 HTTP Version Not Supported", "", ""),
        ("426 Upgrade Required", "Upgrade: websocket\r\n", "Upgrade Required"),
        ("426 Upgrade Required", "Sec-WebSocket-Version: 13\r\n", ""),
        ("400 Bad Request", "", "'upgrade' token not found in 'Connection' header"),
        ("400 Bad Request", "", "Can \"Upgrade\" only to \"WebSocket\"."),
    ];
    let mut world = client(play);
    let (status, fields, body) = world.numbers.pick(&ANSWERS);
    hear_response(&mut world, status, fields, body);
    world.finish("upgrade_stripped", None)
}

/// Seen by the server behind the proxy.
fn stripped_request(play: Play) -> Trace {
    let mut world = play.opening(Role::Server).begin();
    match world.numbers.below(3) {
        0 => hear_request(&mut world, "Connection"),
        1 => hear_request(&mut world, "Upgrade"),
        // What a proxy speaks to its upstream unless it is told otherwise.
        _ => {
            let request = REQUEST.replace("HTTP/1.1", "HTTP/1.0").replace("Upgrade\r", "close\r");
            world.receive(request.as_bytes());
        }
    }
    world.sleep(0.2);
    world.act(Op::Eof);
    world.finish("upgrade_stripped", None)
}

/// A server that took the request for one for a page.
fn plain_page(play: Play) -> Trace {
    let mut world = client(play);
    let html = "Content-Type: text/html\r\n";
    hear_response(&mut world, "200 OK", html, "<!doctype html><div id=root></div>");
    world.finish("upgrade_stripped", None)
}

/// A health check, or somebody with a browser.
fn plain_request(play: Play) -> Trace {
    let mut world = play.opening(Role::Server).begin();
    world.receive(b"GET /health HTTP/1.1\r\nHost: example.com\r\n\r\n");
    world.sleep(0.2);
    world.act(Op::Eof);
    world.finish("not_web_socket", None)
}

fn captive_portal(play: Play) -> Trace {
    let mut world = client(play);
    hear_response(&mut world, "200 OK", "Content-Type: text/html\r\n", "<h1>Log in to Wi-Fi</h1>");
    world.finish("not_web_socket", None)
}

fn other_protocol(play: Play) -> Trace {
    const GREETINGS: [&[u8]; 4] = [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"220 mail.example.com ESMTP\r\n",
        b"-ERR unknown command 'GET'\r\n",
        b"\x00\x00\x12\x04\x00\x00\x00\x00\x00",
    ];
    let mut world = client(play);
    let greeting = world.numbers.pick(&GREETINGS);
    world.receive(greeting);
    world.act(Op::Eof);
    world.finish("not_web_socket", None)
}

/// TLS hears plain HTTP, or says so; or a server without TLS hears TLS.
fn tls_port(mut play: Play) -> Trace {
    if play.numbers.chance(0.3) {
        let mut world = play.opening(Role::Server).begin();
        world.receive(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03randomrandom");
        world.sleep(0.2);
        world.act(Op::Eof);
        return world.finish("tls_port", None);
    }
    let mut world = client(play);
    match world.numbers.below(4) {
        0 => {
            let page = "<h1>400</h1> The plain HTTP request was sent to HTTPS port";
            hear_response(&mut world, "400 Bad Request", "", page);
        }
        1 => {
            let said = "Client sent an HTTP request to an HTTPS server.\n";
            hear_response(&mut world, "400 Bad Request", "", said);
        }
        _ => {
            world.receive(b"\x15\x03\x01\x00\x02\x02\x46");
            world.act(Op::Eof);
        }
    }
    world.finish("tls_port", None)
}

/// What frameworks answer to a request without its upgrade, for a path that is there.
fn not_found_stripped(play: Play) -> Trace {
    let mut world = client(play);
    let server = world.numbers.pick(&["uvicorn", "daphne"]);
    hear_response(&mut world, "404 Not Found", &format!("server: {server}\r\n"), "Not Found");
    world.finish("upgrade_stripped", None)
}

/// Something answers 101 out of a cache, or without understanding.
fn wrong_accept(play: Play) -> Trace {
    let mut world = client(play);
    let name = "Sec-WebSocket-Accept".to_string();
    let wrong = Change::With(name.clone(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".to_string());
    let change = world.numbers.pick(&[wrong.clone(), wrong, Change::Without(name)]);
    world.act(Op::Answer(vec![change]));
    world.finish("not_web_socket", None)
}

fn faulty_handshake(mut play: Play) -> Trace {
    if play.numbers.chance(0.5) {
        let mut world = play.opening(Role::Server).begin();
        let without = world.numbers.pick(&["Sec-WebSocket-Key", "Sec-WebSocket-Version", "Host"]);
        hear_request(&mut world, without);
        world.sleep(0.2);
        world.act(Op::Eof);
        return world.finish("handshake_failure", None);
    }
    let mut world = client(play);
    let with = |name: &str, value: &str| Change::With(name.to_string(), value.to_string());
    let change = world.numbers.pick(&[
        with("Sec-WebSocket-Protocol", "never-asked-for"),
        with("Sec-WebSocket-Extensions", "x-unknown"),
    ]);
    world.act(Op::Answer(vec![change]));
    world.finish("handshake_failure", None)
}

fn cut_short(mut play: Play) -> Trace {
    if play.numbers.chance(0.3) {
        let mut world = play.opening(Role::Server).begin();
        let part = world.numbers.below(60);
        if part > 0 {
            world.receive(&REQUEST.as_bytes()[..part]);
        }
        world.sleep(0.3);
        world.act(Op::Eof);
        return world.finish("handshake_cut_short", None);
    }
    let mut world = client(play);
    if world.numbers.chance(0.4) {
        world.receive(b"HTTP/1.1 101 Switching Pro");
    }
    let reset = Op::ReadFailed(TransportError::Reset);
    let end = world.numbers.pick(&[Op::Eof, reset]);
    world.act(end);
    world.finish("handshake_cut_short", None)
}

fn handshake_timeout(mut play: Play) -> Trace {
    let role = play.numbers.pick(&[Role::Client, Role::Client, Role::Server]);
    let mut world = play.opening(role).begin();
    if world.numbers.chance(0.3) {
        let part = if role == Role::Client { "HTTP/1.1 101" } else { "GET /chat HTTP/1.1\r\n" };
        world.receive(part.as_bytes());
    }
    world.finish("handshake_timed_out", None)
}
