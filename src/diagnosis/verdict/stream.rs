//! What is said of endings of a stream of HTTP/2 or HTTP/3.

use alloc::format;

#[cfg(test)]
use super::Verdict;
use super::row::{Row, row};
use crate::report::{CodeMeaning, StreamCode};

pub(super) fn cancelled(code: Option<u64>) -> Row {
    row(
        "stream_cancelled",
        match code {
            Some(code) => format!("the stream was given up with {}", StreamCode(code)),
            None => "the stream was given up, or ended".into(),
        },
        "The peer, or a proxy in front of it, gave up this one stream; the connection below may live \
         on. Look there for a crash, a restart, a timeout or a limit, and reconnect; send Pings more \
         often if it had been quiet.",
    )
}

pub(super) fn refused() -> Row {
    row(
        "stream_refused",
        "the stream was refused unseen",
        "The peer took no notice of it, so it can be tried again at once, on another connection: this \
         one has as many streams as it may have, or is being shut down.",
    )
}

pub(super) fn failed(code: u64) -> Row {
    let remedy = match StreamCode(code).meaning() {
        CodeMeaning::TooMuch => {
            "The peer takes what it gets for too much, of Pings or of small frames for example: send \
             less often, and reconnect with a growing delay."
        }
        CodeMeaning::Protocol => {
            "The peer, or a proxy in front of it, says that what it got is no proper HTTP: report the \
             code to the developers of both ends, and try HTTP/1.1 (ALPN http/1.1) meanwhile."
        }
        CodeMeaning::Refused => {
            "The code says that nothing of the stream was looked at, which does not go with a stream \
             that was in use: what was sent may well have been processed. Read the peer's log, or that \
             of a proxy in front of it, and reconnect."
        }
        CodeMeaning::Cancelled
        | CodeMeaning::Http11
        | CodeMeaning::Failed
        | CodeMeaning::Unknown => {
            "The peer, or a proxy in front of it, says what failed there: read its log around this \
             time, and look up the code."
        }
    };
    row("stream_failed", format!("the stream was reset with {}", StreamCode(code)), remedy)
}

pub(super) fn going_away(code: u64) -> Row {
    let remedy = if StreamCode(code).is_no_error() {
        "The peer, or a proxy in front of it, shuts down the whole connection: it restarts, or the \
         connection has reached an age or a number of requests. Open a new connection and reconnect \
         there, with jitter."
    } else {
        "The peer, or a proxy in front of it, ended the whole connection for an error, which another \
         stream may have made: read its log around this time, look up the code, and reconnect with a \
         growing delay."
    };
    let sentence = format!("the connection below was shut down with {}", StreamCode(code));
    row("connection_going_away", sentence, remedy)
}

pub(super) fn not_offered() -> Row {
    row(
        "extended_connect_not_offered",
        "no WebSockets on streams of this connection",
        "Wait for the server's SETTINGS before asking whether they offer it, and where they do not, open \
         a connection of its own for the WebSocket, with HTTP/1.1 (ALPN http/1.1); or let the server, \
         and every proxy in front of it, offer extended CONNECT (RFC 8441: \
         SETTINGS_ENABLE_CONNECT_PROTOCOL).",
    )
}

#[cfg(test)]
pub(super) const ALL: [Verdict; 5] = [
    Verdict::StreamCancelled { code: Some(8) },
    Verdict::StreamRefused,
    Verdict::StreamFailed { code: 2 },
    Verdict::ConnectionGoingAway { code: 0 },
    Verdict::ExtendedConnectNotOffered,
];
