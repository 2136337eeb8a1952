//! Every code, status and cause, and the words for each.

#[cfg(feature = "std")]
use alloc::boxed::Box;
use alloc::format;
use alloc::string::ToString;
#[cfg(feature = "std")]
use alloc::vec::Vec;

use super::*;
use crate::handshake::{HandshakeError, RequestError};
use crate::report::Phase;
use crate::report::{
    Cause, Direction, Evidence, Initiator, LocalClose, Position, Termination, TlsAlert, TlsError,
};
use crate::report::{StreamEnd, TransportError};
use crate::wire::close::{CloseCode, CloseFrame};
use crate::wire::role::Role;
use crate::wire::violation::Violation;

const HALF: u64 = 1 << 63;

fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn report(cause: Cause) -> Termination {
    let now = Timestamp::ZERO;
    let mut evidence = Evidence::before_open(now);
    evidence.phase = Phase::Open;
    evidence.position = Position::FrameBoundary;
    Termination::before_open(Role::Client, cause, StreamEnd::NotSeen, None, evidence)
}

/// The peer closed; `None` is a Close without a code.
fn closed(code: Option<u16>) -> Termination {
    let mut report = report(Cause::ClosingHandshake);
    let frame = code.map_or(CloseFrame::EMPTY, |code| CloseCode::new(code).unwrap().into());
    (report.code, report.clean) = (code.unwrap_or(1005), true);
    report.initiator = Initiator::Peer;
    report.peer_close = Some(frame);
    report.local_close = Some(LocalClose { frame, flushed: true, echo: true });
    report
}

fn with_local_close(mut report: Termination, echo: bool) -> Termination {
    let frame = CloseCode::NORMAL.into();
    report.local_close = Some(LocalClose { frame, flushed: true, echo });
    report
}

fn decide<'a>(outcome: impl Into<Outcome<'a>>) -> Decision {
    decide_with(ReconnectConfig::default(), outcome)
}

fn decide_with<'a>(config: ReconnectConfig, outcome: impl Into<Outcome<'a>>) -> Decision {
    let mut reconnect = Reconnect::new(config);
    reconnect.start(Timestamp::ZERO);
    reconnect.poll_attempt().unwrap();
    reconnect.handle_opened(Timestamp::ZERO);
    let decision = reconnect.handle_outcome(outcome, HALF, Timestamp::ZERO);
    let expected = match decision {
        Decision::Retry(retry) => State::Waiting(retry.at),
        Decision::Stop(reason) => State::GaveUp(reason),
    };
    assert_eq!(reconnect.state(), expected);
    decision
}

#[test]
fn every_close_code() {
    for code in 1000..5000 {
        let Ok(legal) = CloseCode::new(code) else { continue };
        let says = decide(&closed(Some(code))).to_string();
        let expected = match legal.get() {
            1000 => "stop: the peer closed normally (1000)".into(),
            1001 => "retry in 2.5 s: the peer goes away (1001)".into(),
            1002 => "stop: 1002 repeats until the bug is fixed (protocol error)".into(),
            1003 => "stop: 1003 repeats until the bug is fixed (unsupported data)".into(),
            1007 => "stop: 1007 repeats until the bug is fixed (invalid payload)".into(),
            1009 => "stop: 1009 repeats until the bug is fixed (message too big)".into(),
            1010 => "stop: 1010 repeats until the bug is fixed (extension missing)".into(),
            1011 => "retry in 2.5 s: the peer met a condition that it did not expect (1011)".into(),
            1012 => "retry in 17.5 s: the server restarts (1012)".into(),
            1013 => "retry in 180.0 s: the server is overloaded (1013)".into(),
            1014 => {
                "retry in 2.5 s: a gateway got an invalid response from its upstream (1014)".into()
            }
            1008 | 3000..=4999 => {
                format!("stop: only the application knows what {code} means; classify it")
            }
            _ => panic!("{code} is not in the table"),
        };
        assert_eq!(says, expected, "{code}");
    }
    let says = "retry in 2.5 s: the peer closed without a code (1005)";
    assert_eq!(decide(&closed(None)).to_string(), says);
}

#[test]
fn codes_that_cannot_come_stop() {
    for code in (0..1000).chain([1004]).chain(1015..3000).chain(5000..=u16::MAX) {
        assert_eq!(Advice::for_code(code), Advice::Stop, "{code}");
    }
    assert_eq!([1005, 1006].map(Advice::for_code), [Advice::Retry; 2]);
}

#[test]
fn every_status() {
    for status in (0..101).chain(102..1000) {
        let decision = decide(&report(Cause::HandshakeRejected { status }));
        let expected = match status {
            // A connection was open before this 404.
            200 | 404 | 511 => format!(
                "retry in 75.0 s: status {status} may pass, as of a captive portal or a deployment"
            ),
            408 | 425 | 429 | 500 | 502..=504 | 506..=510 | 512..=599 => {
                format!("retry in 2.5 s: the server refused with status {status}")
            }
            _ => format!("stop: status {status} stays until the request or the server is changed"),
        };
        assert_eq!(decision.to_string(), expected);
    }
}

#[test]
fn every_cause_without_a_close_of_the_peers() {
    let at = Position::FrameBoundary;
    let second = secs(1);
    let transport = |direction, kind| Cause::Transport { direction, kind };
    let cases = [
        (Cause::Eof { at }, "retry in 2.5 s: the peer's stream ended without a Close (1006)"),
        (
            transport(Direction::Read, TransportError::Reset),
            "retry in 2.5 s: reading failed: connection reset (1006)",
        ),
        (
            transport(Direction::Write, TransportError::BrokenPipe),
            "retry in 2.5 s: writing failed: broken pipe (1006)",
        ),
        (Cause::PongTimeout { waited: second }, "retry in 2.5 s: the peer fell silent (1006)"),
        (
            Cause::IdleTimeout { idle: second },
            "retry in 2.5 s: the connection was idle for too long (1006)",
        ),
        (
            Cause::WriteStalled { pending: 1 },
            "retry in 2.5 s: the transport stopped taking output (1006)",
        ),
        (Cause::CloseTimeout, "retry in 2.5 s: the closing handshake took too long (1006)"),
        (Cause::HandshakeTimeout, "retry in 2.5 s: the opening handshake took too long (1006)"),
        (
            Cause::HandshakeInvalid(HandshakeError::AcceptWrong),
            "stop: the server would only do it again: \
             the response's Sec-WebSocket-Accept does not answer this request's key",
        ),
        (
            Cause::Violation { rule: Violation::InvalidUtf8, offset: 7 },
            "stop: the peer would only do it again: a text message is not valid UTF-8",
        ),
        (
            Cause::TooBig { rule: Violation::FrameTooBig { len: 9, limit: 8 }, offset: 7 },
            "stop: the peer would only do it again: a frame of 9 bytes is over the limit of 8",
        ),
        (Cause::Aborted, "stop: the application dropped the connection"),
    ];
    for (cause, expected) in cases {
        assert_eq!(decide(&report(cause)).to_string(), expected, "{cause:?}");
    }
}

#[test]
fn who_closed_first_matters_more_than_how_it_ended() {
    let at = Position::FrameBoundary;
    for cause in [Cause::Eof { at }, Cause::CloseTimeout, Cause::ClosingHandshake] {
        let ours = with_local_close(report(cause), false);
        let expected = "stop: the application closed the connection";
        assert_eq!(decide(&ours).to_string(), expected, "{cause:?}");
        // Both closed at once: it was meant on this endpoint, whatever the peer meant.
        let both = with_local_close(closed(Some(1001)), false);
        assert_eq!(decide(&both).to_string(), expected);
    }
    // The peer closed, and its stream ended before our answer was written.
    let mut unclean = with_local_close(closed(Some(1012)), true);
    (unclean.cause, unclean.clean) = (Cause::Eof { at }, false);
    assert_eq!(decide(&unclean).to_string(), "retry in 17.5 s: the server restarts (1012)");
    // This endpoint closed an idle connection, and the peer answered: nobody meant it to be over.
    let mut idle = with_local_close(closed(Some(1000)), false);
    idle.cause = Cause::IdleTimeout { idle: secs(1) };
    assert!(!decide(&idle).is_stop(), "{}", decide(&idle));
    // A violation stops, also where this endpoint had closed before.
    let rule = Violation::ReservedBits;
    let failed = with_local_close(report(Cause::Violation { rule, offset: 0 }), false);
    assert_eq!(decide(&failed).reason().kind, ReasonKind::Violation(rule));
}

#[test]
fn every_failure_to_connect() {
    let cases = [
        (ConnectFailure::Unresolved, "retry in 2.5 s: the host's name did not resolve"),
        (ConnectFailure::Refused, "retry in 2.5 s: the connection was refused"),
        (ConnectFailure::Unreachable, "retry in 2.5 s: the host cannot be reached"),
        (ConnectFailure::TimedOut, "retry in 2.5 s: no connection came about in time"),
        (ConnectFailure::Other, "retry in 2.5 s: no connection came about"),
        (
            ConnectFailure::Tls,
            "stop: the TLS handshake failed, and will until one of its ends is changed",
        ),
        (ConnectFailure::TlsNeeded, "stop: a wss:// URL needs a connector that speaks TLS"),
        (
            ConnectFailure::Request(RequestError::Scheme),
            "stop: the request cannot be made: the URI does not begin with ws:// or wss://",
        ),
    ];
    for (failure, expected) in cases {
        assert_eq!(decide(failure).to_string(), expected);
    }
}

#[test]
fn every_failure_of_a_tls_handshake() {
    let stop = "stop: TLS failed: ";
    let cases = [
        (TlsError::Expired, stop),
        (TlsError::NotYetValid, "retry in 180.0 s: TLS failed: "),
        (TlsError::UnknownIssuer, stop),
        (TlsError::WrongName, stop),
        (TlsError::Revoked, stop),
        (TlsError::BadCertificate, stop),
        (TlsError::NoCertificate, stop),
        (TlsError::Alert(TlsAlert(40)), stop),
        (TlsError::Alert(TlsAlert(80)), "retry in 2.5 s: TLS failed: "),
        (TlsError::NotTls, stop),
        (TlsError::Incompatible, stop),
        (TlsError::NoApplicationProtocol, stop),
        (TlsError::Undecryptable, "retry in 2.5 s: TLS failed: "),
        (TlsError::Broken, "retry in 2.5 s: TLS failed: "),
        (TlsError::Local, "retry in 2.5 s: TLS failed: "),
    ];
    for (error, expected) in cases {
        let kind = TransportError::Tls(error);
        let mut failed = report(Cause::Transport { direction: Direction::Read, kind });
        for position in [Position::TlsHandshake, Position::OpeningHandshake] {
            failed.evidence.position = position;
            assert_eq!(decide(&failed).to_string(), format!("{expected}{error}"));
        }
        // With a proxy it is the same.
        let kind = TransportError::ProxyTls(error);
        let mut below = report(Cause::Transport { direction: Direction::Read, kind });
        below.evidence.position = Position::TlsHandshake;
        assert_eq!(decide(&below).is_stop(), expected == stop, "{error}");
        let says = decide(&below).to_string();
        assert!(says.contains("the proxy let nothing through: TLS with the proxy: "), "{says}");
        // Of a connection that was open, the next may live longer.
        failed.evidence.position = Position::FrameBoundary;
        assert!(!decide(&failed).is_stop(), "{error}");
    }
}

#[cfg(feature = "std")]
#[test]
fn errors_of_the_system_by_kind_and_by_what_is_in_them() {
    use std::io::{Error, ErrorKind};
    let cases = [
        (ErrorKind::ConnectionRefused, ConnectFailure::Refused),
        (ErrorKind::HostUnreachable, ConnectFailure::Unreachable),
        (ErrorKind::NetworkUnreachable, ConnectFailure::Unreachable),
        (ErrorKind::NetworkDown, ConnectFailure::Unreachable),
        (ErrorKind::AddrNotAvailable, ConnectFailure::Unreachable),
        (ErrorKind::TimedOut, ConnectFailure::TimedOut),
        (ErrorKind::WouldBlock, ConnectFailure::TimedOut),
        (ErrorKind::AddrInUse, ConnectFailure::Unreachable),
        (ErrorKind::ConnectionReset, ConnectFailure::Other),
        (ErrorKind::PermissionDenied, ConnectFailure::Other),
    ];
    for (kind, failure) in cases {
        assert_eq!(ConnectFailure::from(&Error::from(kind)), failure);
    }
    let told = Error::other(ConnectFailure::Tls);
    assert_eq!(ConnectFailure::from(&told), ConnectFailure::Tls);
    assert_eq!(ConnectFailure::from(&Error::other("else")), ConnectFailure::Other);
}

#[test]
fn the_application_classifies_what_it_did_not_cause() {
    let classify = |advice| {
        let classify = Some(Classifier::new(move |_| advice));
        ReconnectConfig { classify, ..ReconnectConfig::default() }
    };
    let all = [
        (Some(Advice::Retry), "retry in 2.5 s"),
        (Some(Advice::RetryAfterRestart), "retry in 17.5 s"),
        (Some(Advice::RetryAfterOverload), "retry in 180.0 s"),
        (Some(Advice::RetryLater), "retry in 75.0 s"),
        (Some(Advice::Stop), "stop"),
    ];
    for (advice, expected) in all {
        let says = decide_with(classify(advice), &closed(Some(4001))).to_string();
        let reason = "the peer closed with 4001, as the application classified it";
        assert_eq!(says, format!("{expected}: {reason}"));
        let says = decide_with(classify(advice), &closed(Some(1002))).to_string();
        assert!(says.starts_with(expected), "{says}");
        let rejected = report(Cause::HandshakeRejected { status: 401 });
        let says = decide_with(classify(advice), &rejected).to_string();
        let reason = "the server refused with status 401, as the application classified it";
        assert_eq!(says, format!("{expected}: {reason}"));
        let says = decide_with(classify(advice), ConnectFailure::Refused).to_string();
        assert!(says.starts_with(expected), "{says}");
        for ours in [report(Cause::Aborted), with_local_close(closed(Some(4001)), false)] {
            let decision = decide_with(classify(advice), &ours);
            assert!(decision.is_stop() && !decision.reason().classified, "{decision}");
        }
    }
    let undecided = decide_with(classify(None), &closed(Some(1001)));
    assert!(!undecided.is_stop() && !undecided.reason().classified);
}

/// A refusal with these header fields, as a client's session reports it.
#[cfg(feature = "std")]
fn refused(fields: &str) -> Box<Termination> {
    refused_with("503 Busy", fields)
}

#[cfg(feature = "std")]
fn refused_with(status: &str, fields: &str) -> Box<Termination> {
    use crate::handshake::ClientRequest;
    use crate::{Config, ReadClosed, Seed, Session, SessionEvent};
    let now = Timestamp::ZERO;
    let request = ClientRequest::new("ws://localhost/").unwrap();
    let mut session = Session::client(&request, Config::default(), Seed::new([1; 32]), now);
    let mut wire = format!("HTTP/1.1 {status}\r\n{fields}Content-Length: 0\r\n\r\n").into_bytes();
    let mut input = &mut wire[..];
    loop {
        match session.poll_event(&mut input, now) {
            Some(SessionEvent::Ended(report)) => return report,
            Some(_) => {}
            None => session.handle_read_closed(ReadClosed::Eof, now),
        }
    }
}

/// What a captive portal or a deployment answers for a while is not the server's last word.
#[cfg(feature = "std")]
#[test]
fn what_may_pass_is_tried_again_after_a_long_delay() {
    let now = Timestamp::ZERO;
    let first = |report: &Termination, opened: bool| {
        let mut reconnect = Reconnect::new(ReconnectConfig::default());
        if opened {
            reconnect.handle_opened(now);
            reconnect.handle_outcome(&closed(Some(1001)), HALF, now);
        }
        reconnect.start(now);
        reconnect.handle_outcome(report, HALF, now)
    };
    let portal = "Location: http://portal.example/\r\n";
    let cases = [
        ("404 Not Found", "", false, false),
        ("404 Not Found", "", true, true),
        ("302 Found", portal, false, true),
        ("307 Go", portal, true, true),
        ("302 Found", "Location: http://localhost/login\r\n", true, false),
        ("302 Found", "Location: /login\r\n", true, false),
        ("302 Found", "", true, false),
        ("200 OK", "", false, true),
        ("511 Network Authentication Required", "", false, true),
        ("401 Unauthorized", "", true, false),
    ];
    for (status, fields, opened, retried) in cases {
        let decision = first(&refused_with(status, fields), opened);
        match decision {
            Decision::Retry(retry) => {
                assert!(retried, "{status} {fields}: {decision}");
                assert_eq!((retry.pace, retry.delay), (Pace::Later, secs(75)), "{decision}");
            }
            Decision::Stop(_) => assert!(!retried, "{status} {fields}: {decision}"),
        }
    }
    let asks = first(&refused_with("511 Log in", "Retry-After: 300\r\n"), false);
    assert!(asks.to_string().starts_with("retry in 302.5 s: "), "{asks}");
}

/// A response whose HTTP is at fault somewhere says with its status what is to be done.
#[cfg(feature = "std")]
#[test]
fn a_fault_of_http_does_not_make_a_status_final() {
    for odd in ["X : y\r\n", "X: \u{1}y\r\n", "nothing\r\n", "a b: y\r\n"] {
        let busy = refused(odd);
        assert_eq!(busy.evidence.http_status, Some(503), "{odd:?}");
        assert_eq!(decide(&*busy).to_string(), decide(&*refused("")).to_string(), "{odd:?}");
        assert!(!decide(&*busy).is_stop(), "{odd:?}");
        let stranger = decide(&*refused_with("401 Who?", odd));
        assert_eq!(stranger.reason().kind, ReasonKind::Status(401), "{odd:?}");
        assert!(stranger.is_stop(), "{odd:?}");
    }
    for status in ["101 Switching", "99 No", "no"] {
        let broken = refused_with(status, "X : y\r\n");
        let kind = decide(&*broken).reason().kind;
        assert!(matches!(kind, ReasonKind::Handshake(_)), "{status}: {broken}");
    }
}

#[cfg(feature = "std")]
#[test]
fn a_retry_after_is_honoured_within_bounds() {
    let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
                Retry-After: Sun, 06 Nov 1994 08:50:07 GMT\r\n";
    let reason = "the server refused with status 503";
    let cases = [
        ("", format!("retry in 2.5 s: {reason}")),
        ("Retry-After: 0\r\n", format!("retry in 2.5 s: {reason}")),
        ("Retry-After: 30\r\n", format!("retry in 32.5 s: {reason}; the server asked for 30.0 s")),
        (date, format!("retry in 32.5 s: {reason}; the server asked for 30.0 s")),
        ("Retry-After: soon\r\n", format!("retry in 2.5 s: {reason}")),
        (
            "Retry-After: 86400\r\n",
            format!("retry in 10 min: {reason}; the server asked for 1440 min"),
        ),
    ];
    for (fields, expected) in cases {
        assert_eq!(decide(&*refused(fields)).to_string(), expected, "{fields:?}");
    }
    // It never shortens the backoff.
    let config = ReconnectConfig { first_delay: Duration::ZERO, ..ReconnectConfig::default() };
    let mut reconnect = Reconnect::new(config);
    let report = refused("Retry-After: 1\r\n");
    let mut delays = Vec::new();
    for _ in 0..6 {
        let Decision::Retry(retry) = reconnect.handle_outcome(&*report, u64::MAX, reconnect.now)
        else {
            panic!("503 is tried again")
        };
        delays.push(retry.delay.as_secs_f64().round() as u64);
        reconnect.handle_timeout(0, retry.at);
    }
    assert_eq!(delays, [1, 2, 4, 8, 16, 32]);
}
