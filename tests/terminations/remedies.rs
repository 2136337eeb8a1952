//! What a person is told to do: it fits what was lost, which end asks, and the numbers there are.

use farewell::diagnosis::Verdict;

use crate::drive::{Drive, millis, quiet};
use crate::wire::{CLOSE, ROLES, TEXT};

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
        assert!(text.contains("at least every 125 ms"), "{text}");

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
