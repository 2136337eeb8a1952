//! The words for things, short enough for tables.

use std::time::Duration;

use farewell::{Cause, Direction, Position, Termination, TransportError};

/// What happened, in a few words. The self-test's expectations are written in them.
pub(crate) fn cause(report: &Termination) -> String {
    match report.cause {
        Cause::ClosingHandshake => "closing handshake".into(),
        Cause::Eof { at } => format!("end of stream{}", place(at)),
        Cause::Transport { kind: TransportError::Tls(error), .. } => format!("TLS: {error}"),
        Cause::Transport { kind: kind @ TransportError::ProxyTls(_), .. } => kind.to_string(),
        Cause::Transport { direction: Direction::Read, kind } => format!("read failed: {kind}"),
        Cause::Transport { direction: Direction::Write, kind } => format!("write failed: {kind}"),
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
        Position::TlsHandshake => " in TLS handshake",
        Position::OpeningHandshake => " in handshake",
        Position::InsideHeader { .. }
        | Position::InsideControlFrame { .. }
        | Position::InsidePayload { .. } => " inside a frame",
        Position::BetweenFragments { .. } => " inside a message",
        _ => "",
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
