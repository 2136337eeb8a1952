//! What the report says to a person.

use farewell::{Config, Heartbeat, ReadClosed, Role, TransportError};

use crate::support::drive::{Drive, millis, quiet, secs};
use crate::support::wire::{BINARY, BINARY_BEGINS, ROLES, TEXT, header, mask_of, plain, sent_by};

/// What happens, and what is said of it, on both ends.
fn says(happens: impl Fn(&mut Drive), sentence: &str) {
    says_with(quiet(), happens, sentence);
}

fn says_with(config: Config, happens: impl Fn(&mut Drive), sentence: &str) {
    for role in ROLES {
        let mut drive = Drive::new(role, config.clone());
        happens(&mut drive);
        assert_eq!(drive.report().to_string(), sentence, "{}", drive.wires());
    }
}

#[test]
fn an_end_inside_a_frame() {
    let happens = |drive: &mut Drive| {
        let frame = sent_by(drive.peer(), &[(BINARY, &[7; 4096])]);
        drive.receive(&frame[..frame.len() - 4096 + 812]).wait(millis(3_200)).eof();
    };
    says(
        happens,
        "unclean (1006): the peer's stream ended inside a frame, 812 of 4096 bytes received; \
         no Close frame was received or sent; last byte 3.2 s ago",
    );
}

#[test]
fn other_ends_of_stream() {
    says(
        |drive| _ = drive.eof(),
        "unclean (1006): the peer's stream ended between two messages; \
         no Close frame was received or sent; \
         nothing came after the opening handshake",
    );
    says(
        |drive| _ = drive.receive(&[BINARY]).wait(millis(40)).eof(),
        "unclean (1006): the peer's stream ended inside a frame's header, 1 byte of it received; \
         no Close frame was received or sent; last byte 40 ms ago",
    );
    says(
        |drive| _ = drive.peer_sends(&[(BINARY_BEGINS, b"abc")]).wait(secs(700)).eof(),
        "unclean (1006): the peer's stream ended between two fragments, \
         3 bytes of the message received; no Close frame was received or sent; \
         last byte 11 min ago",
    );
    says(
        |drive| _ = drive.close(1000, "").eof(),
        "unclean (1006): the peer's stream ended between two messages; \
         our Close 1000 was sent, none was received; \
         nothing came after the opening handshake",
    );
    says(
        |drive| _ = drive.block().peer_closes(4001, "bye").eof().unblock(),
        "unclean (4001): the peer's stream ended before our Close was written; \
         Close 4001 \"bye\" was received, our Close 4001 \"bye\" was sent; last byte 0 µs ago",
    );
}

#[test]
fn clean_closes() {
    says(
        |drive| _ = drive.close(1000, "done").wait(millis(30)).peer_closes(1000, "").eof(),
        "clean (1000): we closed; \
         Close 1000 was received, our Close 1000 \"done\" was sent; last byte 0 µs ago",
    );
    says(
        |drive| _ = drive.peer_closes(1001, "deploy").wait(millis(5)).eof(),
        "clean (1001): the peer closed; \
         Close 1001 \"deploy\" was received, our Close 1001 \"deploy\" was sent; last byte 5 ms ago",
    );
    says(
        |drive| _ = drive.block().close(1000, "").peer_sends(&[(0x88, b"")]).unblock().eof(),
        "clean (1005): both ends closed at once; \
         Close without a code was received, our Close 1000 was sent; last byte 0 µs ago",
    );
    let cut = [(0x01, &b"unfinished"[..]), (0x88, b"\x03\xe8")];
    says(
        |drive| _ = drive.peer_sends(&cut).eof(),
        "clean (1000): the peer closed; Close 1000 was received, our Close 1000 was sent; \
         its last message was not finished; last byte 0 µs ago",
    );
}

#[test]
fn a_reason_from_the_peer_cannot_forge_a_line_of_a_log() {
    says(
        |drive| _ = drive.peer_closes(4000, "a\r\nb\u{1b}[2J").eof(),
        "clean (4000): the peer closed; Close 4000 \"a\\r\\nb\\u{1b}[2J\" was received, \
         our Close 4000 \"a\\r\\nb\\u{1b}[2J\" was sent; last byte 0 µs ago",
    );
}

#[test]
fn closes_that_came_to_nothing() {
    says(
        |drive| _ = drive.close(1000, "").run_out(),
        "unclean (1006): our Close was not answered in time; \
         our Close 1000 was sent, none was received; \
         nothing came after the opening handshake",
    );
    for role in ROLES {
        let mut drive = Drive::new(role, quiet());
        let report = drive.block().send("one").send("two").close(1000, "").run_out().report();
        let sentence = format!(
            "unclean (1006): our Close could not be written in time; \
             our Close 1000 was never written, none was received; \
             {} bytes of 2 messages were never written; \
             nothing came after the opening handshake",
            drive.output.len(),
        );
        assert_eq!(report.to_string(), sentence);
    }
    let mut drive = Drive::new(Role::Server, quiet());
    let report = drive.block().peer_closes(1000, "").run_out().report();
    assert_eq!(
        report.to_string(),
        "unclean (1000): our Close could not be written in time; \
         Close 1000 was received, our Close 1000 was never written; \
         4 bytes were never written; last byte 5.0 s ago"
    );
}

#[test]
fn failures_of_the_transport() {
    says(
        |drive| _ = drive.read_closed(ReadClosed::Failed(TransportError::Reset)),
        "unclean (1006): reading failed: connection reset; \
         no Close frame was received or sent; \
         nothing came after the opening handshake",
    );
    says(
        |drive| {
            drive.write_failed(TransportError::BrokenPipe).peer_closes(1011, "crash").eof();
        },
        "unclean (1011): writing failed: broken pipe; \
         Close 1011 \"crash\" was received, none was sent; last byte 0 µs ago",
    );
    says(
        |drive| _ = drive.close(1000, "").read_closed(ReadClosed::TlsTruncated),
        "unclean (1006): reading failed: the TLS stream was cut short; \
         our Close 1000 was sent, none was received; \
         nothing came after the opening handshake",
    );
    let reset = |code| ReadClosed::Failed(TransportError::StreamReset { code });
    says(
        |drive| _ = drive.read_closed(reset(0x8)),
        "unclean (1006): reading failed: the stream was reset with CANCEL (0x8); \
         no Close frame was received or sent; \
         nothing came after the opening handshake",
    );
    says(
        |drive| _ = drive.read_closed(reset(0x10c)),
        "unclean (1006): reading failed: the stream was reset with H3_REQUEST_CANCELLED (0x10c); \
         no Close frame was received or sent; \
         nothing came after the opening handshake",
    );
    says(
        |drive| _ = drive.read_closed(reset(0xbeef)),
        "unclean (1006): reading failed: the stream was reset with code 0xbeef; \
         no Close frame was received or sent; \
         nothing came after the opening handshake",
    );
    says(
        |drive| {
            let kind = TransportError::GoAway { code: 0 };
            drive.read_closed(ReadClosed::Failed(kind));
        },
        "unclean (1006): reading failed: the connection below was shut down with NO_ERROR (0x0); \
         no Close frame was received or sent; \
         nothing came after the opening handshake",
    );
    says(
        |drive| _ = drive.read_closed(ReadClosed::EndOrReset),
        "unclean (1006): reading failed: the stream ended or was reset, which of the two is not \
         known; no Close frame was received or sent; \
         nothing came after the opening handshake",
    );
    says(
        |drive| _ = drive.abort(),
        "unclean (1006): the connection was dropped on this side; \
         no Close frame was received or sent; \
         nothing came after the opening handshake",
    );
}

#[test]
fn broken_rules() {
    says(
        |drive| _ = drive.peer_sends(&[(0x83, b"")]).eof(),
        "unclean (1006): a frame has the reserved opcode 0x3 (RFC 6455 section 5.2, byte 0); \
         our Close 1002 \"reserved opcode\" was sent, none was received; last byte 0 µs ago",
    );
    says(
        |drive| {
            let text = header(TEXT, mask_of(drive.peer()), 1 << 25);
            drive.receive(&text).eof();
        },
        "unclean (1006): a frame of 33554432 bytes is over the limit of 16777216 \
         (RFC 6455 section 10.4, byte 1); \
         our Close 1009 \"frame too big\" was sent, none was received; last byte 0 µs ago",
    );
}

#[test]
fn deadlines() {
    let mut config = quiet();
    config.timeouts.idle = Some(secs(60));
    says_with(
        config.clone(),
        |drive| _ = drive.wait(secs(60)).peer_closes(1000, "").eof(),
        "clean (1000): nothing came for 60.0 s; \
         Close 1000 was received, our Close 1001 \"idle timeout\" was sent; last byte 0 µs ago",
    );
    for role in ROLES {
        let mut drive = Drive::new(role, quiet());
        drive.block().send("stuck").run_out();
        let sentence = format!(
            "unclean (1006): the transport stopped taking output, {0} bytes pending; \
             no Close frame was received or sent; \
             {0} bytes of 1 message were never written; \
             nothing came after the opening handshake",
            drive.output.len()
        );
        assert_eq!(drive.report().to_string(), sentence);
    }
    config = quiet();
    config.heartbeat = Some(Heartbeat::default());
    for role in ROLES {
        let mut drive = Drive::new(role, config.clone());
        drive.peer_sends(&[(TEXT, b"hello")]).run_out();
        let quiet = drive.now.since(drive.report().evidence.last_received.expect("hello"));
        let sentence = format!(
            "unclean (1006): nothing came for 20.0 s after a Ping was sent; \
             no Close frame was received or sent; last byte {:.1} s ago",
            quiet.as_secs_f64()
        );
        assert_eq!(drive.report().to_string(), sentence);
        assert!(quiet > secs(37), "the Ping went out after most of an interval");
        assert_eq!(plain(&drive.output).len(), 1);
    }
}
