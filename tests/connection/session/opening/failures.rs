//! Every way for an opening handshake to fail but a refusal, and what is reported of it.

use std::time::Duration;

use bytes::Buf;
use farewell::handshake::{Accept, HandshakeError, Origins};
use farewell::{
    Cause, Config, Direction, Phase, Position, ReadClosed, Role, Seed, SendError, Session,
    Termination, Timer, TransportError,
};

use super::{NOT_NOW, REQUEST, client, give, server, side, write_all};
use crate::support::pair::{Endpoint, START};

/// A client whose request waits is told that there was no decision, and has time to hear of it.
fn linger(side: &mut Endpoint) {
    if let Some((at, timer)) = side.session.next_timer() {
        assert_eq!((timer, side.session.phase()), (Timer::Linger, Phase::Lingering));
        side.session.handle_timeout(at);
    }
}

#[test]
fn every_other_way_to_fail_gives_one_report() {
    type Act = fn(&mut Endpoint);
    let eof = Cause::Eof { at: Position::OpeningHandshake };
    let transport = |direction, kind| Cause::Transport { direction, kind };
    let cases: [(&str, Act, Cause); 8] = [
        ("eof", |side| side.session.handle_read_closed(ReadClosed::Eof, START), eof),
        (
            "truncated",
            |side| side.session.handle_read_closed(ReadClosed::TlsTruncated, START),
            transport(Direction::Read, TransportError::TlsTruncated),
        ),
        (
            "reset",
            |side| {
                let reset = ReadClosed::Failed(TransportError::Reset);
                side.session.handle_read_closed(reset, START);
            },
            transport(Direction::Read, TransportError::Reset),
        ),
        (
            "write failed",
            |side| {
                side.session.handle_write_failed(TransportError::BrokenPipe, START);
                side.poll(&mut [], START);
                assert!(!side.has_ended(), "an answer may still come");
                side.session.handle_read_closed(ReadClosed::Eof, START);
            },
            transport(Direction::Write, TransportError::BrokenPipe),
        ),
        (
            "a failed write and silence",
            |side| {
                side.session.handle_write_failed(TransportError::BrokenPipe, START);
                // The close timeout, and not what is left of the handshake's.
                let at = side.session.poll_timeout().unwrap();
                assert_eq!(at, START + Duration::from_secs(5));
                side.session.handle_write_failed(TransportError::Reset, at);
                assert_eq!(side.session.poll_timeout(), Some(at));
                side.session.handle_timeout(at);
            },
            transport(Direction::Write, TransportError::BrokenPipe),
        ),
        ("abort", |side| side.session.abort(START), Cause::Aborted),
        (
            "timeout",
            |side| {
                let at = side.session.poll_timeout().unwrap();
                assert_eq!(at, START + Duration::from_secs(10));
                side.session.handle_timeout(START + Duration::from_secs(9));
                side.poll(&mut [], START);
                assert!(!side.has_ended());
                side.session.handle_timeout(at + Duration::from_secs(1));
                linger(side);
            },
            Cause::HandshakeTimeout,
        ),
        (
            "time runs backwards",
            |side| {
                side.session.handle_timeout(farewell::Timestamp::ZERO);
                side.session.handle_timeout(START + Duration::from_secs(10));
                linger(side);
            },
            Cause::HandshakeTimeout,
        ),
    ];
    for role in [Role::Client, Role::Server] {
        let begun = match role {
            Role::Client => ["", "HTTP/1.1 1", "HTTP/1.1 101 Switching Protocols\r\nUpgrade"],
            Role::Server => ["", "GET /", REQUEST],
        };
        for begun in begun {
            for (name, act, cause) in &cases {
                let mut side = side(role);
                side.behaviour.answer = None;
                give(&mut side, begun);
                act(&mut side);
                side.poll(&mut [], START);
                let report: &Termination = side.report();
                assert_eq!(report.cause, *cause, "{name}, {role:?}");
                assert_eq!(report.role, role);
                assert_eq!((report.code, report.clean), (1006, false));
                assert_eq!(report.evidence.opened, START);
                assert_eq!(side.session.phase(), Phase::Ended);
                assert_eq!(side.session.poll_timeout(), None);
                assert!(!side.session.has_output());
                side.poll(&mut [0x81, 0], START);
                assert_eq!(side.session.send("x", START).unwrap_err().reason, SendError::Ended);
            }
        }
    }
}

/// Found by the fault matrix: without a heartbeat no deadline was left.
#[test]
fn a_response_that_the_transport_does_not_take_is_a_stalled_write() {
    let mut config = Config::default();
    config.heartbeat = None;
    let mut side = Endpoint::new(Session::server(config, Seed::new([2; 32]), START));
    side.blocked = true;
    give(&mut side, REQUEST);
    let stall = Duration::from_secs(30);
    assert_eq!(side.session.next_timer(), Some((START + stall, Timer::WriteStall)));
    // Each byte that leaves is progress, until all have left.
    let response = side.session.output().remaining();
    for (flushed, at) in [(10, 20), (response - 11, 25)] {
        let at = START + Duration::from_secs(at);
        side.session.handle_flushed(flushed, at);
        assert_eq!(side.session.next_timer(), Some((at + stall, Timer::WriteStall)));
    }
    let at = side.session.poll_timeout().unwrap();
    side.session.handle_timeout(at);
    side.poll(&mut [], at);
    assert_eq!(side.report().cause, Cause::WriteStalled { pending: 1 });
    assert_eq!(side.report().dropped.messages, 0);
}

#[test]
fn a_response_that_has_left_stalls_no_more() {
    let mut config = Config::default();
    config.heartbeat = None;
    let mut side = Endpoint::new(Session::server(config, Seed::new([2; 32]), START));
    give(&mut side, REQUEST);
    write_all(&mut side);
    assert_eq!(side.session.next_timer(), None);
}

#[test]
fn an_end_while_the_request_waits_is_reported() {
    let mut server = server();
    server.behaviour.answer = None;
    give(&mut server, REQUEST);
    server.session.handle_read_closed(ReadClosed::Eof, START);
    server.poll(&mut [], START);
    let at = Position::OpeningHandshake;
    assert_eq!(server.report().cause, Cause::Eof { at });
    assert_eq!(
        server.report().to_string(),
        "unclean (1006): the peer's stream ended in the opening handshake; last byte 0 µs ago"
    );
    assert_eq!(server.session.accept(Accept::new(Origins::SameHost), START), NOT_NOW);
}

//= rfc6455#7.2.1
//= type=test
//# To do so, the client MUST _Fail the WebSocket Connection_ as defined in
//# Section 7.1.7.
#[test]
fn a_wrong_response_fails_the_client() {
    let mut client = client();
    give(&mut client, "SSH-2.0-OpenSSH\r\n");
    assert_eq!(client.report().cause, Cause::HandshakeInvalid(HandshakeError::NotHttp));
    assert!(!client.session.has_output());
}
