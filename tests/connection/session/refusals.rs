//! Refusals that break rules of HTTP: a client says that it was refused, with the status and with
//! what can be read of the rest, however the response is cut.

use core::time::Duration;

use bytes::BytesMut;
use farewell::handshake::{ClientHandshake, ClientRequest, Outcome, Refusal};
use farewell::reconnect::Advice;
use farewell::{
    Cause, Config, ReadClosed, Seed, Session, SessionEvent, Termination, TransportError,
};

use crate::support::pair::START;

/// Refusals, each with one thing odd, up to the end of the head. All of them ask to wait.
fn odd_heads() -> Vec<(&'static str, String)> {
    let with = |odd: &str| {
        format!("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n{odd}\r\nLocation: /busy\r\n\r\n")
    };
    let many: String = (0..80).map(|at| format!("X-{at}: y\r\n")).collect();
    let plain = "Retry-After: 7\r\nLocation: /busy\r\n\r\n";
    vec![
        ("nothing", with("X: y")),
        ("folded", with("X: y\r\n z\r\n\tz")),
        ("folded behind the status line", format!("HTTP/1.1 503 Busy\r\n X: y\r\n{plain}")),
        ("a space before the colon", with("X : y")),
        ("a control character", with("X: \u{1}y")),
        ("a zero byte", with("X: \0y")),
        ("a carriage return", with("X: \ry")),
        ("a long line", with(&format!("X: {}", "y".repeat(9000)))),
        ("a long folded line", with(&format!("X: {}\r\n {}", "y".repeat(5000), "y".repeat(5000)))),
        ("no colon", with("nothing")),
        ("no name", with(": y")),
        ("a name that is none", with("a b: y")),
        ("a name in UTF-8", with("\u{fc}: y")),
        ("a bare line feed", with("X: y\nY: z")),
        ("bare line feeds", with("X: y").replace("\r\n", "\n")),
        (
            "many fields",
            format!("HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nLocation: /busy\r\n{many}\r\n"),
        ),
        ("an empty line first", format!("\r\n{}", with("X: y"))),
        ("a long reason", format!("HTTP/1.1 503 {}\r\n{plain}", "y".repeat(9000))),
        ("a reason with a control character", format!("HTTP/1.1 503 B\u{1}sy\r\n{plain}")),
        ("no reason", format!("HTTP/1.1 503\r\n{plain}")),
        ("another version", format!("HTTP/1.9 503 Busy\r\n{plain}")),
        (
            "after an odd informational one",
            format!("HTTP/1.1 103 Hints\r\nX : y\r\n\r\n{}", with("X: y")),
        ),
    ]
}

fn client() -> ClientHandshake {
    let request = ClientRequest::new("ws://a.example").unwrap();
    let limits = Config::default().limits;
    ClientHandshake::start(&request, [7; 16], &limits, &mut BytesMut::new())
}

/// What `wire` comes to in pieces of so many bytes, and then, where that is no end, its end.
fn refusal(wire: &[u8], piece: usize) -> (Refusal, usize) {
    let mut client = client();
    let mut total = 0;
    for piece in wire.chunks(piece) {
        match client.receive(piece) {
            Ok((taken, Some(Outcome::Refused(refusal)))) => return (refusal, total + taken),
            Ok((taken, None)) => total += taken,
            other => panic!("{other:?}: {}", wire.escape_ascii()),
        }
    }
    let refusal = client.finish();
    (refusal.unwrap_or_else(|| panic!("{}", wire.escape_ascii())), total)
}

fn in_every_manner(wire: &[u8]) -> (Refusal, usize) {
    let whole = refusal(wire, wire.len());
    for piece in [1, 2, 3, 17, 1000] {
        assert_eq!(refusal(wire, piece), whole, "{piece}: {}", wire.escape_ascii());
    }
    whole
}

#[test]
fn a_refusal_is_one_whatever_is_odd_about_its_fields() {
    for (name, head) in odd_heads() {
        let wire = format!("{head}busy now");
        let (refusal, taken) = in_every_manner(wire.as_bytes());
        assert_eq!((refusal.status(), taken), (503, wire.len()), "{name}");
        assert_eq!(refusal.retry_after(), Some(Duration::from_secs(7)), "{name}");
        assert_eq!(refusal.headers().get("Location"), Some("/busy"), "{name}");
        assert_eq!(&refusal.body()[..], b"busy now", "{name}");
        for (_, value) in refusal.headers().iter() {
            assert!(value.iter().all(|byte| *byte == b'\t' || !byte.is_ascii_control()), "{name}");
        }
    }
}

#[test]
fn a_refusal_over_the_limit_of_a_head_is_one() {
    let wire = format!(
        "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n{}",
        format!("X: {}\r\n", "y".repeat(1000)).repeat(20),
    );
    let (refusal, taken) = in_every_manner(wire.as_bytes());
    assert_eq!((refusal.status(), taken), (503, Config::default().limits.head + 1));
    assert_eq!(refusal.retry_after(), Some(Duration::from_secs(7)));
    assert_eq!(refusal.body().len(), 0);
}

#[test]
fn a_refusal_that_is_cut_off_has_the_fields_that_came() {
    let wire = "HTTP/1.1 503 Busy\r\nLocation: /busy\r\nRetry-After: 70\r\n\r\nbody";
    let cases = [
        ("HTTP/1.1 503 ", None, None),
        ("HTTP/1.1 503 Busy\r\nLocation: /bu", None, None),
        ("HTTP/1.1 503 Busy\r\nLocation: /busy\r\nRetry-After: 7", Some("/busy"), None),
        (&wire[..wire.len() - 6], Some("/busy"), Some(70)),
        (wire, Some("/busy"), Some(70)),
    ];
    for (wire, location, seconds) in cases {
        let (refusal, _) = in_every_manner(wire.as_bytes());
        assert_eq!(refusal.status(), 503, "{wire}");
        assert_eq!(refusal.headers().get("Location"), location, "{wire}");
        assert_eq!(refusal.retry_after(), seconds.map(Duration::from_secs), "{wire}");
    }
}

/// How a session's opening handshake ends when this is all that comes, and then `end`.
fn report(wire: &str, piece: usize, end: impl FnOnce(&mut Session)) -> Termination {
    let request = ClientRequest::new("ws://a.example").unwrap();
    let mut session = Session::client(&request, Config::default(), Seed::new([1; 32]), START);
    let mut bytes = wire.as_bytes().to_vec();
    for piece in bytes.chunks_mut(piece) {
        let mut input = piece;
        if let Some(SessionEvent::Ended(report)) = session.poll_event(&mut input, START) {
            return *report;
        }
    }
    end(&mut session);
    match session.poll_event(&mut &mut [][..], START) {
        Some(SessionEvent::Ended(report)) => *report,
        other => panic!("{other:?}: {wire}"),
    }
}

#[test]
fn an_odd_refusal_is_tried_again_as_a_plain_one_is() {
    let ends: [fn(&mut Session); 3] = [
        |session| session.handle_read_closed(ReadClosed::Eof, START),
        |session| session.handle_read_closed(ReadClosed::Failed(TransportError::Reset), START),
        |session| session.handle_timeout(START + Config::default().timeouts.handshake),
    ];
    for (name, head) in odd_heads() {
        // The whole of it, and what came before the last line.
        for wire in [&head[..], head[..head.len() - 4].rsplit_once('\n').unwrap().0] {
            for end in ends {
                for piece in [1, wire.len()] {
                    let report = report(wire, piece, end);
                    assert_eq!(report.cause, Cause::HandshakeRejected { status: 503 }, "{name}");
                    assert_eq!(report.evidence.http_status, Some(503), "{name}");
                    assert!(report.refusal.is_some(), "{name}");
                }
            }
        }
    }
    assert_eq!(Advice::for_status(503), Advice::Retry);
}
