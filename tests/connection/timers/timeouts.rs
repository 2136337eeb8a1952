//! What takes too long: an idle peer, a message, output that only drips.

use farewell::{Cause, Phase, Position, Timer, TransportError};

use super::beating;
use crate::support::drive::{Drive, quiet, secs};
use crate::support::wire::{
    CLOSE, LAST, PING, ROLES, TEXT_BEGINS, close_body, peer_of, plain, sent_by,
};

#[test]
fn an_idle_connection_is_closed_as_going_away() {
    let mut config = quiet();
    config.timeouts.idle = Some(secs(60));
    for role in ROLES {
        let mut drive = Drive::new(role, config.clone());
        assert_eq!(drive.next(), Some((secs(60), Timer::Idle)));
        drive.wait(secs(59)).receive(&[PING]);
        assert_eq!(drive.next(), Some((secs(60), Timer::Idle)), "any byte counts");
        drive.wait(secs(30)).send("our own output does not count");
        drive.wait(secs(30)).expect_phase(Phase::CloseSent);
        assert_eq!(plain(&drive.output)[1], (CLOSE, close_body(1001, "idle timeout")));
        let report = drive.run_out().report();
        assert_eq!(report.cause, Cause::IdleTimeout { idle: secs(60) });
        assert_eq!((report.clean, report.code), (false, 1006));
        assert_eq!(report.evidence.position, Position::InsideHeader { received: 1 });
    }
}

#[test]
fn a_message_that_takes_for_ever_is_closed_for_policy() {
    let mut config = quiet();
    config.timeouts.message = Some(secs(60));
    for role in ROLES {
        let peer = peer_of(role);
        let text = sent_by(peer, &[(TEXT_BEGINS, b"ab"), (PING, b"p"), (LAST, b"c")]);
        let mut drive = Drive::new(role, config.clone());
        assert_eq!(drive.next(), None);
        // Whole messages do not count, however they are cut, and each one counts anew.
        for _ in 0..5 {
            for piece in text.chunks(text.len() / 2 + 1) {
                drive.receive(piece).wait(secs(30));
            }
        }
        assert_eq!(drive.next(), None, "{}", drive.wires());
        // Whatever is under way counts: a header, a payload, fragments, a control frame.
        for begun in [1, 3, text.len() - 1] {
            let mut drive = Drive::new(role, config.clone());
            drive.wait(secs(7));
            for byte in &text[..begun] {
                drive.receive(&[*byte]);
            }
            assert_eq!(drive.next(), Some((secs(60), Timer::Message)), "{begun}");
            drive.wait(secs(59)).send("our own output does not count");
            assert_eq!(drive.next(), Some((secs(1), Timer::Message)), "{begun}");
            drive.wait(secs(1)).expect_phase(Phase::CloseSent);
            let close = plain(&drive.output).pop();
            assert_eq!(close, Some((CLOSE, close_body(1008, "message too slow"))));
            let report = drive.run_out().report();
            assert_eq!(report.cause, Cause::MessageTimeout { elapsed: secs(60) });
        }
        // Off, as it is by default, it takes as long as it likes.
        let mut drive = Drive::new(role, quiet());
        drive.receive(&text[..3]).wait(secs(1_000_000));
        assert_eq!((drive.next(), drive.report.is_none()), (None, true));
    }
}

#[test]
fn output_that_only_drips_stalls_where_that_is_asked_for() {
    let mut config = quiet();
    config.timeouts.write_drain = Some(secs(60));
    for role in ROLES {
        let mut drive = Drive::new(role, config.clone());
        drive.block().send("what is ready first");
        assert_eq!(drive.next(), Some((secs(30), Timer::WriteStall)));
        // A byte now and then is progress for the one and not for the other.
        for _ in 0..2 {
            drive.wait(secs(25)).flush_some(1);
        }
        assert_eq!(drive.next(), Some((secs(10), Timer::WriteDrain)));
        // What comes later does not put it off.
        drive.send("what is ready later");
        assert_eq!(drive.next(), Some((secs(10), Timer::WriteDrain)));
        let report = drive.wait(secs(10)).report();
        assert!(matches!(report.cause, Cause::WriteStalled { .. }), "{report}");
        // All that was ready is out in time: counted anew for what is ready by then.
        let mut drive = Drive::new(role, config.clone());
        drive.block().send("first").wait(secs(25)).send("later");
        let first = drive.connection.evidence().pending_output / 2;
        drive.flush_some(first as usize);
        assert_eq!(drive.next(), Some((secs(30), Timer::WriteStall)));
        drive.wait(secs(25)).flush_some(1);
        drive.wait(secs(25)).flush_some(1);
        assert_eq!(drive.next(), Some((secs(10), Timer::WriteDrain)));
        drive.unblock();
        assert_eq!(drive.next(), None);
    }
}

#[test]
fn once_the_end_has_begun_only_its_own_deadlines_count() {
    let mut config = beating(secs(1), secs(1));
    config.timeouts.idle = Some(secs(2));
    config.timeouts.write_stall = Some(secs(2));
    for role in ROLES {
        let mut drive = Drive::new(role, config.clone());
        drive.block().close(1000, "");
        assert_eq!(drive.next(), Some((secs(5), Timer::Close)));
        drive.unblock();
        assert_eq!(drive.next(), Some((secs(5), Timer::Close)));
        drive.peer_closes(1000, "");
        assert_eq!(drive.next(), Some((secs(2), Timer::Linger)));
        drive.eof();
        assert_eq!(drive.next(), None);
        let mut drive = Drive::new(role, config.clone());
        drive.write_failed(TransportError::Reset);
        assert_eq!(drive.next(), Some((secs(5), Timer::Close)));
    }
}
