//! What the fuzz targets found, each with the smallest wire that showed it.

use bytes::BytesMut;
use farewell::handshake::{ClientRequest, RequestError};
use farewell::{
    CloseCode, Config, Connection, Event, Position, ReadClosed, Role, Seed, Session, SessionEvent,
    Termination, Timestamp,
};

const NOW: Timestamp = Timestamp::from_nanos(1);
const LATER: Timestamp = Timestamp::from_nanos(1_000_000);

/// The report of a server's connection that reads `wire` in pieces of `len` bytes by a clock that
/// had been further once, then the end of the stream, with nothing of its output accepted by the
/// transport before.
fn report(config: &Config, wire: &[u8], len: usize) -> Box<Termination> {
    let mut server = Connection::new(Role::Server, config.clone(), Seed::new([1; 32]), NOW);
    server.handle_timeout(LATER);
    let mut ended = None;
    let mut poll = |server: &mut Connection, piece: &mut [u8]| {
        let mut input = piece;
        while let Some(event) = server.poll_event(&mut input, NOW) {
            if let Event::Ended(report) = event {
                ended = Some(report);
            }
        }
    };
    for piece in wire.chunks(len) {
        poll(&mut server, &mut piece.to_vec());
    }
    let mut out = BytesMut::new();
    server.poll_transmit(&mut out);
    server.handle_flushed(out.len(), NOW);
    server.handle_read_closed(ReadClosed::Eof, NOW);
    poll(&mut server, &mut []);
    ended.expect("the stream has ended")
}

#[test]
fn a_refused_frame_gives_one_report_however_it_was_cut() {
    let cases: [(&str, &[u8], Position); 4] = [
        ("reserved bit", b"\xf1\x80abcd", Position::InsideHeader { received: 1 }),
        ("unmasked", b"\x81\x00abcd", Position::InsideHeader { received: 2 }),
        (
            "length not minimal",
            b"\x82\xfe\x00\x7d\x00\x00\x00\x00",
            Position::InsideHeader { received: 4 },
        ),
        (
            "unexpected continuation",
            b"\x80\x82\x00\x00\x00\x00ab",
            Position::InsidePayload { received: 0, expected: 2 },
        ),
    ];
    for (name, wire, position) in cases {
        let whole = report(&Config::default(), wire, wire.len());
        assert_eq!(whole.evidence.position, position, "{name}: {wire:02x?}");
        assert_eq!(whole.evidence.received.bytes, wire.len() as u64, "{name}: {wire:02x?}");
        for len in 1..wire.len() {
            assert_eq!(report(&Config::default(), wire, len), whole, "{name}: {wire:02x?}");
        }
    }
}

#[test]
fn what_is_thrown_away_is_counted_alike_however_it_was_cut() {
    let mut config = Config::default();
    config.limits.linger = 10;
    let wire = [0xff; 40];
    let whole = report(&config, &wire, wire.len());
    assert_eq!(whole.evidence.discarded, 11);
    for len in 1..wire.len() {
        assert_eq!(report(&config, &wire, len), whole, "pieces of {len} bytes of {wire:02x?}");
    }
}

#[test]
fn the_last_message_is_dated_alike_however_it_was_cut() {
    let hello = b"\x82\x85\0\0\0\0Hello";
    let begun = b"\x82\x85\0\0\0\0Hello\x01\x80\0\0\0\0";
    for wire in [&hello[..], begun] {
        let whole = report(&Config::default(), wire, wire.len());
        assert_eq!(whole.evidence.last_data, Some(LATER), "{wire:02x?}");
        for len in 1..wire.len() {
            assert_eq!(report(&Config::default(), wire, len), whole, "{len} of {wire:02x?}");
        }
    }
}

#[test]
fn deadlines_handled_late_do_not_put_off_the_end() {
    let config = Config::default();
    let end = NOW + config.timeouts.close + config.timeouts.linger;
    for role in [Role::Server, Role::Client] {
        let mut connection = Connection::new(role, config.clone(), Seed::new([1; 32]), NOW);
        connection.close(CloseCode::NORMAL, NOW).unwrap();
        let mut out = BytesMut::new();
        connection.poll_transmit(&mut out);
        connection.handle_flushed(out.len(), NOW);
        connection.handle_timeout(end);
        let event = connection.poll_event(&mut &mut [][..], end);
        assert!(matches!(event, Some(Event::Ended(_))), "{role:?}: {event:?}");
    }
}

#[test]
fn a_client_sends_no_origin_that_a_server_finds_malformed() {
    for origin in ["", " ", "https://a b", "https://ex\u{e4}mple.com", "https://a\t"] {
        let request = ClientRequest::new("ws://example.com").unwrap();
        assert_eq!(request.clone().origin(origin).err(), Some(RequestError::Origin), "{origin:?}");
        assert_eq!(request.header("origin", origin).err(), Some(RequestError::Origin));
    }
}

#[test]
fn a_flush_after_the_end_does_not_end_it_again() {
    for role in [Role::Server, Role::Client] {
        let mut connection = Connection::new(role, Config::default(), Seed::new([1; 32]), NOW);
        connection.close(CloseCode::NORMAL, NOW).unwrap();
        let mut out = BytesMut::new();
        connection.poll_transmit(&mut out);
        connection.handle_read_closed(ReadClosed::Eof, NOW);
        connection.abort(NOW);
        let event = connection.poll_event(&mut &mut [][..], NOW);
        assert!(matches!(event, Some(Event::Ended(_))), "{role:?}: {event:?}");
        connection.handle_flushed(out.len(), NOW);
        assert_eq!(connection.poll_event(&mut &mut [][..], NOW), None, "{role:?}");
    }
}

/// The report of a session that reads `wire` in pieces of `len` bytes while the transport takes
/// nothing of its output, and is dropped.
fn session_report(session: &mut Session, wire: &[u8], len: usize) -> Box<Termination> {
    let mut ended = None;
    let mut poll = |session: &mut Session, piece: &mut [u8]| {
        let mut input = piece;
        while let Some(event) = session.poll_event(&mut input, NOW) {
            if let SessionEvent::Ended(report) = event {
                ended = Some(report);
            }
        }
    };
    for piece in wire.chunks(len) {
        poll(session, &mut piece.to_vec());
    }
    session.abort(NOW);
    poll(session, &mut []);
    ended.expect("it was aborted")
}

#[test]
fn a_failed_opening_handshake_gives_one_report_however_it_was_cut() {
    let mut config = Config::default();
    config.limits.head = 200;
    config.limits.linger = 20;
    let request = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    let cases = [
        (Role::Server, "POST / HTTP/1.1\r\nHost: a\r\n\r\nmore of it than is read".to_string()),
        (Role::Server, "GET / HTTP/1.1\r\n\nHost: a\r\n\r\n1234567".to_string()),
        (Role::Server, format!("{request}{}", "x".repeat(210))),
        (Role::Server, format!("{request}{}", "x".repeat(300))),
        (Role::Client, "HTTP/1.1 101 \r\n\r\nabc".to_string()),
        (Role::Client, "SSH-2.0".to_string()),
    ];
    for (role, wire) in cases {
        let report = |len| {
            let seed = Seed::new([1; 32]);
            let mut session = match role {
                Role::Server => Session::server(config.clone(), seed, NOW),
                Role::Client => {
                    let request = ClientRequest::new("ws://example.com").unwrap();
                    Session::client(&request, config.clone(), seed, NOW)
                }
            };
            session_report(&mut session, wire.as_bytes(), len)
        };
        let whole = report(wire.len());
        for len in 1..wire.len() {
            assert_eq!(report(len), whole, "pieces of {len} bytes of {wire:?}");
        }
    }
}
