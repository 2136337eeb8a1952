//! The words for things: short ones for tables, and what an ending usually means.

use std::time::Duration;

use farewell::handshake::HandshakeError;
use farewell::{Cause, Position, Role, Side, Termination};

/// What happened, in a few words. The self-test's expectations are written in them.
pub(crate) fn cause(report: &Termination) -> String {
    match report.cause {
        Cause::ClosingHandshake => "closing handshake".into(),
        Cause::Eof { at } => format!("end of stream{}", place(at)),
        Cause::Transport { side: Side::Read, kind } => format!("read failed: {kind}"),
        Cause::Transport { side: Side::Write, kind } => format!("write failed: {kind}"),
        Cause::PongTimeout { .. } => "silence after a Ping".into(),
        Cause::IdleTimeout { .. } => "idle timeout".into(),
        Cause::WriteStalled { .. } => "output stalled".into(),
        Cause::CloseTimeout => "Close not answered".into(),
        Cause::HandshakeTimeout => "handshake timeout".into(),
        Cause::HandshakeRejected { status } => format!("handshake refused: {status}"),
        Cause::HandshakeInvalid(error) => format!("bad handshake (section {})", error.section()),
        Cause::Violation { rule, .. } => format!("rule broken (section {})", rule.section()),
        Cause::TooBig { .. } => "over a limit".into(),
        Cause::Aborted => "dropped on this side".into(),
        _ => format!("{:?}", report.cause),
    }
}

fn place(at: Position) -> &'static str {
    match at {
        Position::OpeningHandshake => " in handshake",
        Position::InsideHeader { .. } | Position::InsidePayload { .. } => " inside a frame",
        Position::BetweenFragments { .. } => " inside a message",
        _ => "",
    }
}

/// What usually lies behind such an ending, and what to do; nothing where all is well.
pub(crate) fn meaning(report: &Termination) -> Option<&'static str> {
    if report.code == 1009 {
        return Some("The peer takes no message as long as ours: send less, or raise its limit.");
    }
    Some(match report.cause {
        Cause::ClosingHandshake if report.truncated_message => {
            "The peer closed before its last message was complete: that message is lost."
        }
        Cause::ClosingHandshake => return None,
        Cause::Eof { at } => return Some(early_end(at, report)),
        Cause::Transport { .. } => {
            "The peer's machine threw the connection away: its process was killed or closed the \
             socket with data unread, or a load balancer or firewall dropped the connection."
        }
        Cause::PongTimeout { .. } => {
            "The peer or the network between is gone without a word, or the peer hangs: cable, \
             Wi-Fi, sleep, crash. Connect again."
        }
        Cause::IdleTimeout { .. } => {
            "This end closes connections on which nothing comes. If the peer is alive, let it \
             send something more often, or set a heartbeat."
        }
        Cause::WriteStalled { .. } => {
            "The peer is connected and reads nothing, or not fast enough: it hangs, or is slower \
             than what it is sent."
        }
        Cause::CloseTimeout => {
            "This end said goodbye and got no answer: the peer hangs, is gone, or does not know \
             the closing handshake."
        }
        Cause::Violation { .. } => {
            "The peer has a bug, or something between changes the bytes. The same will happen \
             again: its author needs the rule and the byte above."
        }
        Cause::TooBig { .. } => {
            "The peer sent more than this end takes: raise the limit here, or send less at once."
        }
        Cause::Aborted => "This program dropped the connection without saying goodbye.",
        _ => return not_opened(report),
    })
}

fn not_opened(report: &Termination) -> Option<&'static str> {
    Some(match report.cause {
        Cause::HandshakeTimeout => {
            "The other end accepts connections and does not answer: it hangs, is overloaded, or \
             speaks a protocol in which the client waits."
        }
        Cause::HandshakeRejected { status } => refused(status),
        Cause::HandshakeInvalid(HandshakeError::OriginRefused) => {
            "A web page from elsewhere wants to connect, and this server lets only its own in."
        }
        Cause::HandshakeInvalid(_) if report.role == Role::Server => {
            "The client does not speak WebSocket: a browser's address bar, a bot, TLS where none \
             is expected, or a proxy between that does not pass upgrades on."
        }
        Cause::HandshakeInvalid(_) => {
            "The other end does not speak WebSocket here: wrong port or path, or a proxy between \
             that does not pass upgrades on."
        }
        _ => return None,
    })
}

fn early_end(at: Position, report: &Termination) -> &'static str {
    match (at, report.peer_close) {
        (Position::OpeningHandshake, _) => {
            "The other end hung up before the connection was open: a port scan or a health check, \
             if this is the server; a wrong port or a crash, if it is the client."
        }
        (_, Some(_)) => {
            "The peer closed properly and did not wait for this end's answer: most likely harmless."
        }
        (_, None) if report.local_close.is_some() => {
            "The peer hung up instead of answering this end's Close: impolite and harmless, unless \
             it had more to say."
        }
        (Position::FrameBoundary, None) => {
            "The peer's process ended, or it closed the socket without a Close frame, or a proxy \
             did so: often after a time without traffic. Read the peer's and the proxy's log."
        }
        _ => {
            "The peer's process ended in the middle of sending, or a proxy cut it off: part of a \
             message is lost. Read the peer's log."
        }
    }
}

fn refused(status: u16) -> &'static str {
    match status {
        200..=299 => "A web server answered, not a WebSocket server: wrong path or port.",
        300..=399 => "The server moved: see the Location header field.",
        401 | 403 | 407 => "The client may not connect: credentials, cookie or Origin.",
        404 | 410 => "There is no WebSocket at this path.",
        426 => {
            "The request did not ask for WebSocket: a plain HTTP client, or a proxy between \
                that does not pass upgrades on."
        }
        408 | 425 | 429 => "The server asks the client to come back later.",
        400..=499 => "The server did not like the request: it may say why below.",
        _ => "The server, or what is behind its proxy, is down or overloaded: try again later.",
    }
}

/// Which end it is.
pub(crate) const fn name(side: Role) -> &'static str {
    match side {
        Role::Client => "client",
        Role::Server => "server",
    }
}

/// A span of time.
pub(crate) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0 if span < Duration::from_millis(1) => format!("{} µs", span.as_micros()),
        0 if span < Duration::from_millis(10) => format!("{:.1} ms", span.as_secs_f64() * 1e3),
        0 => format!("{} ms", span.as_millis()),
        1..=59 => format!("{:.1} s", span.as_secs_f64()),
        60..=3599 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// A number and what it counts.
pub(crate) fn count(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// Breaks a text into lines of `width` characters, each behind `indent`.
pub(crate) fn wrap(text: &str, indent: &str, width: usize) -> String {
    let mut lines = String::new();
    let mut column = 0;
    for word in text.split_whitespace() {
        let len = word.chars().count();
        if column == 0 || column + 1 + len > width {
            lines.push_str(if column == 0 { "" } else { "\n" });
            lines.push_str(indent);
            column = indent.chars().count();
        } else {
            lines.push(' ');
            column += 1;
        }
        lines.push_str(word);
        column += len;
    }
    lines
}
