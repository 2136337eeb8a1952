//! How connections end: every decision where the RFC leaves room, every cause in every phase for
//! both roles, and what the report's sentence says.

mod remedies;
mod sentences;
mod table;
mod wording;

use farewell::{
    Cause, CloseCode, CloseFrame, Direction, Initiator, Phase, Position, ReadClosed, Role,
    SendError, StreamEnd, Timer, TransportError, Undelivered, Violation,
};

use crate::support::drive::{Drive, millis, quiet, reason, secs};
use crate::support::oracle::Seen;
use crate::support::wire::{
    self, BINARY, CLOSE, GOES_ON, LAST, PING, PONG, ROLES, TEXT, TEXT_BEGINS, close_body, plain,
};

fn drives() -> impl Iterator<Item = Drive> {
    ROLES.into_iter().map(|role| Drive::new(role, quiet()))
}

#[test]
fn a_simultaneous_close_is_clean_and_both_frames_are_reported() {
    for mut drive in drives() {
        drive.block().close(1000, "ours").peer_closes(1001, "theirs").unblock();
        let report = drive.eof().report();
        assert_eq!(report.cause, Cause::ClosingHandshake);
        assert_eq!((report.clean, report.code, report.reason()), (true, 1001, "theirs"));
        assert_eq!(report.initiator, Initiator::Both);
        let local = report.local_close.expect("our Close");
        assert_eq!((local.frame, local.flushed, local.echo), (reason(1000, "ours"), true, false));
        assert_eq!(report.peer_close, Some(reason(1001, "theirs")));
        assert_eq!(plain(&drive.output), [(CLOSE, close_body(1000, "ours"))], "one Close only");
    }
}

#[test]
fn data_after_our_close_is_delivered() {
    for mut drive in drives() {
        drive.close(1000, "").expect_phase(Phase::CloseSent);
        drive.peer_sends(&[(TEXT_BEGINS, b"Hel"), (LAST, b"lo"), (BINARY, b"x")]);
        drive.peer_closes(1000, "").eof();
        assert!(matches!(
            &drive.log[..],
            [Seen::Data { last: true, .. }, Seen::Data { .. }, Seen::Close(1000, _)]
        ));
        assert!(drive.report().clean);
    }
}

#[test]
fn bytes_after_the_peers_close_are_discarded_and_counted() {
    for flushing in [true, false] {
        for mut drive in drives() {
            drive.flushing = flushing;
            let late = wire::sent_by(drive.peer(), &[(TEXT, b"late"), (PING, b"late")]);
            drive.peer_closes(1000, "").receive(&late).receive(b"\xff\xff").unblock();
            let report = drive.eof().report();
            assert_eq!(report.evidence.discarded, late.len() as u64 + 2, "{}", drive.wires());
            assert_eq!(report.cause, Cause::ClosingHandshake);
            assert_eq!(drive.log, [Seen::Close(1000, String::new())]);
            assert_eq!(plain(&drive.output), [(CLOSE, close_body(1000, ""))]);
        }
    }
}

#[test]
fn a_ping_after_our_close_and_before_the_peers_is_answered() {
    for flushing in [true, false] {
        for mut drive in drives() {
            drive.flushing = flushing;
            drive.close(1000, "").peer_sends(&[(PING, b"still there?")]);
            drive.peer_closes(1000, "").unblock().eof();
            let pong = (PONG, b"still there?".to_vec());
            assert_eq!(plain(&drive.output), [(CLOSE, close_body(1000, "")), pong]);
            assert!(drive.report().clean);
        }
    }
}

#[test]
fn a_close_in_the_middle_of_a_fragmented_message_is_accepted_and_reported() {
    for mut drive in drives() {
        drive.peer_sends(&[(TEXT_BEGINS, b"a"), (GOES_ON, b"b"), (CLOSE, &close_body(1000, ""))]);
        let report = drive.eof().report();
        assert!(report.truncated_message && report.clean);
        assert_eq!(report.code, 1000);
    }
    for mut drive in drives() {
        drive.peer_sends(&[(TEXT_BEGINS, b"a"), (LAST, b"b"), (CLOSE, &close_body(1000, ""))]);
        assert!(!drive.eof().report().truncated_message);
    }
}

#[test]
fn what_send_accepted_goes_out_before_the_close() {
    for mut drive in drives() {
        drive.block().send("one").send("two").peer_closes(1000, "");
        let mut out = bytes::BytesMut::new();
        let refused = drive.connection.send("three", &mut out, drive.now);
        assert_eq!((refused, out.len()), (Err(SendError::Closing), 0));
        assert_eq!(drive.connection.ping(b"", &mut out, drive.now), Err(SendError::Closing));
        let again = drive.connection.close(CloseCode::NORMAL, drive.now);
        assert_eq!(again, Err(SendError::Closing));
        drive.wait(secs(4)).unblock().eof();
        let texts = [b"one", b"two"].map(|text| (TEXT, text.to_vec()));
        assert_eq!(plain(&drive.output)[..2], texts);
        assert_eq!(plain(&drive.output)[2..], [(CLOSE, close_body(1000, ""))]);
        assert!(drive.report().clean);
        assert_eq!(drive.report().dropped, Undelivered::default());
    }
}

#[test]
fn what_could_not_be_written_by_the_close_deadline_is_reported_as_dropped() {
    for closes_first in [true, false] {
        for mut drive in drives() {
            drive.block().send("one").send("two");
            let messages = drive.output.len();
            if closes_first {
                drive.close(1000, "");
            } else {
                drive.peer_closes(1000, "");
            }
            drive.flush_some(3).wait(millis(4_999));
            assert!(drive.report.is_none());
            drive.wait(millis(1));
            let report = drive.report();
            assert_eq!(report.cause, Cause::CloseTimeout);
            assert!(!report.clean);
            assert_eq!(report.code, if closes_first { 1006 } else { 1000 });
            assert_eq!(report.dropped.messages, 2);
            assert_eq!(report.dropped.bytes, drive.output.len() as u64 - 3);
            assert!(drive.output.len() > messages, "the Close was queued behind them");
            assert!(!report.local_close.expect("our Close").flushed);
        }
    }
}

#[test]
fn an_end_of_stream_after_our_close_alone_is_not_clean() {
    for mut drive in drives() {
        let report = drive.close(1000, "").eof().report();
        assert_eq!(report.cause, Cause::Eof { at: Position::FrameBoundary });
        assert_eq!((report.clean, report.code), (false, 1006));
        assert_eq!(report.initiator, Initiator::Local);
        assert!(report.local_close.expect("our Close").flushed);
        assert_eq!(report.peer_close, None);
    }
}

#[test]
fn where_the_stream_ended_is_where_it_ended_not_where_our_close_was() {
    for mut drive in drives() {
        let unfinished = wire::sent_by(drive.peer(), &[(BINARY, &[7; 4096])]);
        let head = unfinished.len() - 4096;
        drive.close(1000, "").receive(&unfinished[..head + 812]);
        let at = Position::InsidePayload { received: 812, expected: 4096 };
        let report = drive.eof().report();
        assert_eq!(report.cause, Cause::Eof { at }, "{}", drive.wires());
        assert_eq!(report.evidence.position, at);
        assert_eq!(report.evidence.phase, Phase::CloseSent, "the phase in which delivery stopped");
    }
}

#[test]
fn an_end_of_stream_before_our_answer_is_out_is_not_clean_but_has_the_peers_code() {
    for then_flushed in [true, false] {
        for mut drive in drives() {
            drive.block().peer_closes(4001, "bye").eof();
            assert!(
                drive.report.is_none(),
                "the peer may have closed one side: our Close goes out"
            );
            if then_flushed {
                drive.unblock();
            } else {
                drive.run_out();
            }
            let report = drive.report();
            assert_eq!((report.clean, report.code), (false, 4001), "{report}");
            assert_eq!(report.cause, Cause::Eof { at: Position::FrameBoundary }, "{report}");
            assert_eq!(report.local_close.expect("our Close").flushed, then_flushed);
        }
    }
}

#[test]
fn a_tls_stream_cut_short_is_clean_only_if_both_closes_passed() {
    for mut drive in drives() {
        let report = drive.peer_closes(1000, "").read_closed(ReadClosed::TlsTruncated).report();
        assert_eq!((report.clean, report.stream_end), (true, StreamEnd::TlsTruncated));
    }
    for mut drive in drives() {
        let report = drive.close(1000, "").read_closed(ReadClosed::TlsTruncated).report();
        assert_eq!((report.clean, report.stream_end), (false, StreamEnd::TlsTruncated));
        let (direction, kind) = (Direction::Read, TransportError::TlsTruncated);
        assert_eq!(report.cause, Cause::Transport { direction, kind });
    }
}

#[test]
fn a_protocol_violation_is_answered_and_no_close_is_invented() {
    for mut drive in drives() {
        let offset = wire::sent_by(drive.peer(), &[(TEXT, b"fine")]).len() as u64;
        drive.peer_sends(&[(TEXT, b"fine"), (0x83, b"")]).expect_phase(Phase::Lingering);
        assert!(drive.connection.wants_shutdown());
        drive.peer_closes(1000, "too late");
        let report = drive.eof().report();
        let rule = Violation::ReservedOpcode(3);
        assert_eq!(report.cause, Cause::Violation { rule, offset });
        assert_eq!((report.clean, report.code, report.peer_close), (false, 1006, None));
        assert_eq!(report.initiator, Initiator::Local);
        let local = report.local_close.expect("our Close");
        assert_eq!(local.frame.code(), Some(CloseCode::PROTOCOL_ERROR));
        assert!(local.flushed && !local.echo);
        assert_eq!(drive.log.len(), 1, "what came before was delivered");
    }
}

#[test]
fn a_violation_after_our_close_sends_no_second_one() {
    for mut drive in drives() {
        drive.close(1000, "").peer_sends(&[(0x83, b"")]);
        let report = drive.eof().report();
        assert!(matches!(report.cause, Cause::Violation { .. }));
        assert_eq!(plain(&drive.output), [(CLOSE, close_body(1000, ""))]);
    }
}

#[test]
fn a_ping_before_a_violation_is_answered_before_the_close() {
    for mut drive in drives() {
        let mut bytes = wire::sent_by(drive.peer(), &[(PING, b"first"), (0x83, b"")]);
        // All events are taken before any output is, as the contract allows.
        let mut input = &mut bytes[..];
        while drive.connection.poll_event(&mut input, drive.now).is_some() {}
        drive.receive(b"").eof();
        let answers = plain(&drive.output);
        assert_eq!(answers[0], (PONG, b"first".to_vec()), "{}", drive.wires());
        assert_eq!((answers.len(), answers[1].0), (2, CLOSE));
    }
}

#[test]
fn after_a_failed_write_the_peers_close_is_still_read() {
    for mut drive in drives() {
        drive.block().send("hello").write_failed(TransportError::Reset).expect_phase(Phase::Open);
        let refused = drive.connection.close(CloseCode::NORMAL, drive.now);
        assert_eq!(refused, Err(SendError::WriteFailed));
        drive.peer_sends(&[(TEXT, b"why"), (PING, b"")]).peer_closes(1013, "overload");
        let reset = ReadClosed::Failed(TransportError::Reset);
        let report = drive.read_closed(reset).report();
        let (direction, kind) = (Direction::Write, TransportError::Reset);
        assert_eq!(report.cause, Cause::Transport { direction, kind });
        assert_eq!((report.clean, report.code, report.reason()), (false, 1013, "overload"));
        assert_eq!(report.initiator, Initiator::Peer);
        assert_eq!(report.local_close, None, "nothing was sent, so nothing is claimed");
        assert_eq!(report.dropped.messages, 1);
        assert_eq!(drive.log.len(), 3);
    }
}

#[test]
fn a_failed_write_gives_no_verdict_until_the_read_side_has_ended() {
    for mut drive in drives() {
        drive.write_failed(TransportError::BrokenPipe).wait(secs(4));
        assert!(drive.report.is_none());
        let at = Position::InsideHeader { received: 1 };
        let report = drive.receive(&[BINARY]).eof().report();
        assert_eq!(report.evidence.position, at, "where the reading stopped");
        assert!(matches!(report.cause, Cause::Transport { direction: Direction::Write, .. }));
        assert_eq!(report.initiator, Initiator::Transport);
    }
}

#[test]
fn a_write_that_fails_after_our_close_is_out_does_not_undo_the_handshake() {
    for mut drive in drives() {
        drive.close(1000, "").write_failed(TransportError::BrokenPipe).peer_closes(1000, "");
        let report = drive.eof().report();
        assert_eq!(report.cause, Cause::ClosingHandshake, "{report}");
        assert_eq!((report.clean, report.initiator), (true, Initiator::Local));
    }
}

#[test]
fn a_write_that_fails_after_the_end_of_the_stream_is_not_the_cause() {
    for mut drive in drives() {
        drive.block().close(1000, "").eof().write_failed(TransportError::BrokenPipe);
        let report = drive.report();
        assert_eq!(report.cause, Cause::Eof { at: Position::FrameBoundary }, "{report}");
    }
}

#[test]
fn tearing_down_shuts_down_writing_and_reads_to_the_end() {
    for mut drive in drives() {
        drive.peer_closes(1000, "").expect_phase(Phase::Lingering);
        //= rfc6455#7.1.1
        //= type=test
        //# when a server
        //# is instructed to _Close the WebSocket Connection_ it SHOULD initiate
        //# a TCP Close immediately, and when a client is instructed to do the
        //# same, it SHOULD wait for a TCP Close from the server.
        assert_eq!(drive.connection.wants_shutdown(), drive.role == Role::Server);
        drive.receive(&[0xff; 1000]).wait(secs(1));
        assert!(drive.report.is_none());
        let report = drive.eof().report();
        assert_eq!((report.clean, report.stream_end), (true, StreamEnd::Eof));
        assert_eq!(report.evidence.discarded, 1000);
    }
}

#[test]
fn writing_is_shut_down_only_when_everything_is_out() {
    for mut drive in drives() {
        drive.block().send("hello").peer_sends(&[(0x83, b"")]);
        assert!(!drive.connection.wants_shutdown());
        drive.flush_some(drive.output.len() - 1);
        assert!(!drive.connection.wants_shutdown());
        drive.flush();
        assert!(drive.connection.wants_shutdown());
        drive.write_failed(TransportError::BrokenPipe);
        assert!(!drive.connection.wants_shutdown(), "there is nothing left to shut down");
    }
}

#[test]
fn lingering_is_bounded_in_time_and_in_bytes() {
    for mut drive in drives() {
        drive.peer_closes(1000, "");
        assert_eq!(drive.next(), Some((secs(2), Timer::Linger)));
        for _ in 0..20 {
            drive.wait(millis(99)).receive(b"chatter");
        }
        assert!(drive.report.is_none());
        let report = drive.wait(millis(20)).report();
        assert_eq!((report.clean, report.stream_end), (true, StreamEnd::NotSeen));
    }
    let mut config = quiet();
    config.limits.linger = 1000;
    for role in ROLES {
        let mut drive = Drive::new(role, config.clone());
        drive.peer_closes(1000, "").receive(&[0; 1000]);
        assert!(drive.report.is_none(), "the limit is inclusive");
        drive.receive(&[0]);
        assert_eq!(drive.report().stream_end, StreamEnd::NotSeen);
    }
}

#[test]
fn an_unanswered_close_times_out_and_lingers() {
    for mut drive in drives() {
        drive.close(1000, "");
        assert_eq!(drive.next(), Some((secs(5), Timer::Close)));
        drive.wait(secs(5)).expect_phase(Phase::Lingering);
        assert!(drive.connection.wants_shutdown());
        assert_eq!(drive.next(), Some((secs(2), Timer::Linger)));
        drive.peer_closes(1000, "late");
        let report = drive.wait(secs(2)).report();
        assert_eq!(report.cause, Cause::CloseTimeout);
        assert_eq!((report.clean, report.code, report.peer_close), (false, 1006, None));
    }
}

#[test]
fn the_end_comes_once_even_if_output_is_flushed_after_it() {
    for mut drive in drives() {
        drive.block().close(1000, "").eof().abort();
        drive.report();
        // Asserted by the drive: no event follows.
        drive.unblock().eof().write_failed(TransportError::Reset).abort();
        drive.receive(b"more").timeout();
        assert_eq!(drive.next(), None);
    }
}

#[test]
fn an_abort_ends_the_connection_at_once() {
    for mut drive in drives() {
        let report = drive.abort().report();
        assert_eq!(report.cause, Cause::Aborted);
        assert_eq!((report.clean, report.code), (false, 1006));
        assert_eq!(report.initiator, Initiator::Local);
        let mut out = bytes::BytesMut::new();
        let now = drive.now;
        let connection = &mut drive.connection;
        assert_eq!(connection.send("x", &mut out, now), Err(SendError::Ended));
        assert_eq!(connection.close(CloseFrame::EMPTY, now), Err(SendError::Ended));
        assert!(!connection.poll_transmit(&mut out) && out.is_empty());
    }
    for mut drive in drives() {
        let report = drive.peer_closes(1000, "").abort().report();
        assert_eq!((report.cause, report.clean), (Cause::ClosingHandshake, true));
    }
}
