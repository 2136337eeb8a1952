//! What a person is told to do: it fits what was lost, which end asks, and the numbers there are.

use farewell::diagnosis::Verdict;
use farewell::{Cause, Heartbeat, Position};

use crate::support::drive::{Drive, millis, quiet, secs};
use crate::support::wire::{BINARY_BEGINS, CLOSE, PING, ROLES, TEXT, TEXT_BEGINS, sent_by};

#[test]
fn a_peer_that_closes_for_idleness_within_a_second_is_given_its_number() {
    for role in ROLES {
        // 253 ms is measured; somebody has set 250.
        let mut drive = Drive::new(role, quiet());
        drive.peer_sends(&[(TEXT, b"hi")]).wait(millis(253)).peer_closes(1000, "idle timeout");
        let diagnosis = drive.eof().report().diagnosis();
        let Verdict::PeerApplicationIdle { timeout } = diagnosis.verdict() else {
            panic!("{diagnosis:#}")
        };
        assert_eq!(timeout, millis(250), "{diagnosis:#}");
        let text = format!("{diagnosis:#}");
        assert!(text.contains("closes after 250 ms without messages"), "{text}");
        assert!(text.contains("at least every 125 ms: a Ping where the peer counts"), "{text}");
        assert!(!text.contains("ignores protocol pings"), "no Ping was sent: {text}");

        // There is no number to be had where a message has just come.
        let mut drive = Drive::new(role, quiet());
        drive.wait(millis(5_000)).peer_sends(&[(TEXT, b"hi")]).peer_closes(1000, "idle timeout");
        let text = format!("{:#}", drive.eof().report().diagnosis());
        assert!(text.starts_with("Why: the peer's application closes what it takes for"), "{text}");
        assert!(!text.contains("every 0 s") && !text.contains("after 0 s"), "{text}");
    }
}

#[test]
fn a_close_without_a_code_is_said_to_have_none() {
    for role in ROLES {
        let mut drive = Drive::new(role, quiet());
        let report = drive.peer_sends(&[(CLOSE, b"")]).eof().report();
        assert_eq!(
            report.diagnosis().to_string(),
            "certain: closed by the peer with 1005 (its Close has no code)",
        );
    }
}

#[test]
fn a_message_that_a_close_cut_short_is_said_to_be_lost() {
    for role in ROLES {
        for (ours_first, code) in [(false, 1000), (false, 1012), (true, 1000)] {
            let mut drive = Drive::new(role, quiet());
            if ours_first {
                drive.close(1000, "");
            }
            drive.peer_sends(&[(TEXT_BEGINS, b"once upon")]).peer_closes(code, "");
            let report = drive.eof().report();
            assert!(report.truncated_message && report.clean, "{report}");
            let text = format!("{:#}", report.diagnosis());
            assert!(text.contains("its last message was not finished"), "{text}");
            assert!(text.contains("The message that the peer had begun is lost"), "{text}");
            assert!(!text.contains("Nothing is to be done"), "{text}");
            assert_eq!(text.contains("reconnect"), code == 1012, "{text}");
        }
    }
}

#[test]
fn messages_that_a_close_left_behind_are_to_be_sent_again() {
    for role in ROLES {
        let mut drive = Drive::new(role, quiet());
        drive.block().send("wait for me").peer_closes(1000, "").run_out();
        let report = drive.report();
        assert_eq!(report.dropped.messages, 1, "{report}");
        let text = format!("{:#}", report.diagnosis());
        assert!(text.contains("of 1 message were never written"), "{text}");
        assert!(text.contains("send it again"), "{text}");
        assert!(!text.contains("Nothing is to be done"), "{text}");
    }
}

#[test]
fn a_control_frame_that_was_cut_short_is_no_lost_message() {
    for role in ROLES {
        for (first, name) in [(PING, "Ping"), (CLOSE, "Close")] {
            let mut drive = Drive::new(role, quiet());
            let frame = sent_by(drive.peer(), &[(first, b"\x03\xe8payload")]);
            let report = drive.receive(&frame[..frame.len() - 4]).eof().report();
            let at = Position::InsideControlFrame { received: 5, expected: 9 };
            assert_eq!(report.cause, Cause::Eof { at }, "{name}");
            let text = format!("{report} {:#}", report.diagnosis());
            assert!(text.contains("inside a control frame, 5 of 9 bytes received"), "{text}");
            assert!(text.contains("None of its messages was cut short"), "{text}");
            assert!(!text.contains("ask for the message"), "{text}");
            assert!(!text.contains("mid-message"), "{text}");

            // Between two fragments the message is lost, whatever else was cut.
            let mut drive = Drive::new(role, quiet());
            drive.peer_sends(&[(BINARY_BEGINS, b"begun")]);
            let report = drive.receive(&frame[..frame.len() - 4]).eof().report();
            let at = Position::InsidePayload { received: 5, expected: 9 };
            assert_eq!(report.cause, Cause::Eof { at }, "{name}");
            let text = format!("{:#}", report.diagnosis());
            assert!(text.contains("ask for the message again"), "{text}");
        }
    }
}

#[test]
fn only_a_peer_that_was_pinged_is_said_to_ignore_pings() {
    for role in ROLES {
        let mut config = quiet();
        let mut heartbeat = Heartbeat::default();
        heartbeat.interval = secs(10);
        config.heartbeat = Some(heartbeat);
        let mut drive = Drive::new(role, config);
        drive.wait(secs(12)).peer_sends(&[(TEXT, b"hi")]).wait(secs(3));
        drive.peer_closes(1000, "idle timeout").eof();
        let text = format!("{:#}", drive.report().diagnosis());
        assert!(text.contains("1 ping sent"), "{text}");
        assert!(text.contains("The peer ignores protocol pings"), "{text}");
    }
}
