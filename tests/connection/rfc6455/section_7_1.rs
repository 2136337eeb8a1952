//! Sections 7.1 and 7.2: how a connection is closed, and what is reported of it.

use farewell::{Cause, Direction, Phase, ReadClosed, Role, TransportError};

use crate::support::drive::{Drive, Step, quiet, secs};
use crate::support::wire::{CLOSE, ROLES, TEXT, close_body, plain};

fn drives() -> impl Iterator<Item = Drive> {
    ROLES.into_iter().map(|role| Drive::new(role, quiet()))
}

#[test]
fn section_7_1_1_the_server_closes_first_and_the_client_waits() {
    //= rfc6455#7.1.1
    //= type=test
    //# As such, when a server
    //# is instructed to _Close the WebSocket Connection_ it SHOULD initiate
    //# a TCP Close immediately, and when a client is instructed to do the
    //# same, it SHOULD wait for a TCP Close from the server.
    for mut drive in drives() {
        drive.peer_closes(1000, "");
        assert_eq!(drive.connection.wants_shutdown(), drive.role == Role::Server);
    }
    //= rfc6455#7.1.1
    //= type=test
    //# In abnormal cases (such as not
    //# having received a TCP Close from the server after a reasonable amount
    //# of time) a client MAY initiate the TCP Close.
    let abnormal: [Step; 3] = [
        |drive| _ = drive.peer_closes(1000, "").wait(secs(2)),
        |drive| _ = drive.peer_sends(&[(0x83, b"")]),
        |drive| _ = drive.close(1000, "").wait(secs(5)),
    ];
    for case in abnormal {
        for mut drive in drives() {
            case(&mut drive);
            assert!(drive.connection.wants_shutdown(), "{}", drive.wires());
        }
    }
}

#[test]
fn section_7_1_2_a_closing_handshake_starts_with_code_and_reason() {
    //= rfc6455#7.1.2
    //= type=test
    //# To _Start the WebSocket Closing Handshake_ with a status code
    //# (Section 7.4) /code/ and an optional close reason (Section 7.1.6)
    //# /reason/, an endpoint MUST send a Close control frame, as described
    //# in Section 5.5.1, whose status code is set to /code/ and whose close
    //# reason is set to /reason/.
    for mut drive in drives() {
        drive.close(3999, "grüße");
        assert_eq!(plain(&drive.output), [(CLOSE, close_body(3999, "grüße"))]);
    }
}

#[test]
fn section_7_1_3_either_close_starts_the_closing_handshake() {
    //= rfc6455#7.1.3
    //= type=test
    //# Upon either sending or receiving a Close control frame, it is said
    //# that _The WebSocket Closing Handshake is Started_ and that the
    //# WebSocket connection is in the CLOSING state.
    for mut drive in drives() {
        drive.block().close(1000, "").expect_phase(Phase::CloseSent);
    }
    for mut drive in drives() {
        drive.block().peer_closes(1000, "").expect_phase(Phase::CloseReceived);
    }
}

#[test]
fn section_7_1_4_clean_is_a_transport_closed_after_both_closes() {
    //= rfc6455#7.1.4
    //= type=test
    //# If the TCP connection was closed after the
    //# WebSocket closing handshake was completed, the WebSocket connection
    //# is said to have been closed _cleanly_.
    let endings: [(bool, Step); 6] = [
        (true, |drive| _ = drive.close(1000, "").peer_closes(1000, "").eof()),
        (true, |drive| _ = drive.peer_closes(1000, "").eof()),
        (true, |drive| {
            let reset = ReadClosed::Failed(TransportError::Reset);
            drive.peer_closes(1000, "").read_closed(reset);
        }),
        (false, |drive| _ = drive.close(1000, "").eof()),
        (false, |drive| _ = drive.block().peer_closes(1000, "").eof().unblock()),
        (false, |drive| _ = drive.eof()),
    ];
    for (clean, end) in endings {
        for mut drive in drives() {
            end(&mut drive);
            assert_eq!(drive.report().clean, clean, "{}", drive.wires());
        }
    }
}

#[test]
fn section_7_1_5_the_code_is_that_of_the_first_close_received() {
    //= rfc6455#7.1.5
    //= type=test
    //# _The WebSocket Connection Close Code_ is
    //# defined as the status code (Section 7.4) contained in the first Close
    //# control frame received by the application implementing this protocol.
    for mut drive in drives() {
        drive.close(1001, "").peer_closes(4000, "first").peer_closes(4001, "second");
        let report = drive.eof().report();
        assert_eq!((report.code, report.reason()), (4000, "first"), "never our own");
    }
    //= rfc6455#7.1.5
    //= type=test
    //# If this Close control frame contains no status code, _The WebSocket
    //# Connection Close Code_ is considered to be 1005.
    for mut drive in drives() {
        assert_eq!(drive.peer_sends(&[(CLOSE, b"")]).eof().report().code, 1005);
    }
    //= rfc6455#7.1.5
    //= type=test
    //# If _The WebSocket
    //# Connection is Closed_ and no Close control frame was received by the
    //# endpoint (such as could occur if the underlying transport connection
    //# is lost), _The WebSocket Connection Close Code_ is considered to be
    //# 1006.
    for mut drive in drives() {
        assert_eq!(drive.close(1000, "").eof().report().code, 1006);
    }
}

#[test]
fn section_7_1_6_the_reason_is_what_follows_the_code() {
    //= rfc6455#7.1.6
    //= type=test
    //# If there is no such data in
    //# the Close control frame, _The WebSocket Connection Close Reason_ is
    //# the empty string.
    let longest = "ü".repeat(61) + "x";
    for (body, reason) in [
        (Vec::new(), ""),
        (close_body(1000, ""), ""),
        (close_body(1000, "bye"), "bye"),
        (close_body(1000, &longest), &longest[..]),
        (close_body(1000, "any\r\ntext\0"), "any\r\ntext\0"),
    ] {
        for mut drive in drives() {
            assert_eq!(drive.peer_sends(&[(CLOSE, &body)]).eof().report().reason(), reason);
        }
    }
}

#[test]
fn section_7_1_7_a_failed_connection_is_closed() {
    //= rfc6455#7.1.7
    //= type=test
    //# To do so, the client MUST _Close the
    //# WebSocket Connection_, and MAY report the problem to the user (which
    //# would be especially useful for developers) in an appropriate manner.
    //# Similarly, to do so, the server MUST _Close the WebSocket
    //# Connection_, and SHOULD log the problem.
    for mut drive in drives() {
        drive.peer_sends(&[(TEXT, b"\xff")]);
        assert!(drive.connection.wants_shutdown());
        let report = drive.wait(secs(2)).report();
        let sentence = report.to_string();
        assert!(sentence.contains("not valid UTF-8 (RFC 6455 section 8.1"), "{sentence}");
        // However blocked the transport is.
        let mut blocked = Drive::new(drive.role, quiet());
        blocked.block().peer_sends(&[(TEXT, b"\xff")]).wait(secs(5)).report();
    }
}

#[test]
fn section_7_2_1_a_lost_transport_fails_the_connection() {
    //= rfc6455#7.2.1
    //= type=test
    //# If at any point the underlying transport layer connection is
    //# unexpectedly lost, the client MUST _Fail the WebSocket Connection_.
    for mut drive in drives() {
        let kind = TransportError::TimedOut;
        let report = drive.read_closed(ReadClosed::Failed(kind)).report();
        assert_eq!(report.cause, Cause::Transport { direction: Direction::Read, kind });
        assert_eq!((report.clean, report.code), (false, 1006));
        assert_eq!(drive.connection.phase(), Phase::Ended);
    }
}
