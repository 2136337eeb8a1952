//! The phases of a connection, and everything that takes it from one to the next.
//!
//! Invariant: [`next`] is the whole machine, and what it returns is the only phase that is ever
//! assigned. The table in the crate docs is tested against it.

use crate::report::Phase;

/// What takes a connection from one phase to another (RFC 6455 section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trigger {
    /// The application closes, or the idle timeout does: _Start the WebSocket Closing Handshake_
    /// (section 7.1.2).
    Close,
    /// The peer's Close comes, and ours still has to be written (section 7.1.3).
    PeerClose,
    /// The peer's Close has come, and ours is out, or writing failed: nothing is left to say
    /// (section 7.1.1).
    Exchanged,
    /// The peer breaks a rule or a limit: _Fail the WebSocket Connection_ (section 7.1.7).
    Fault,
    /// The close deadline passes after our Close was written.
    Unanswered,
    /// The close deadline passes before that, or after the transport has failed or ended.
    CloseTimeout,
    /// The peer's stream has ended, and nothing of ours can still leave (sections 7.1.4 and 7.2.1).
    TransportDone,
    /// Nothing came after a Ping, or the transport takes no output.
    PeerLost,
    /// The linger deadline passes, or more comes than is thrown away.
    LingerOver,
    /// The application drops the connection.
    Abort,
}

/// The phase that follows; the same one where the trigger means nothing in it.
pub(super) const fn next(phase: Phase, trigger: Trigger) -> Phase {
    use Phase::{CloseReceived, CloseSent, Ended, Lingering, Open, Opening};
    use Trigger::{
        Abort, Close, CloseTimeout, Exchanged, Fault, LingerOver, PeerClose, PeerLost,
        TransportDone, Unanswered,
    };
    match (phase, trigger) {
        (Open, Close) => CloseSent,
        (Open | CloseSent, PeerClose) => CloseReceived,
        (Open | CloseSent | CloseReceived, Exchanged) => Lingering,
        (Open | CloseSent, Fault) => Lingering,
        (CloseSent, Unanswered) => Lingering,
        (Open, PeerLost) => Ended,
        (Lingering, LingerOver) => Ended,
        (
            Open | CloseSent | CloseReceived | Lingering,
            CloseTimeout | TransportDone | Abort,
        ) => Ended,

        // A Close is sent once, and nothing that is received counts after the peer's.
        (CloseSent | CloseReceived | Lingering, Close)
        | (CloseReceived | Lingering, PeerClose | Fault)
        | (Lingering, Exchanged)
        // Each of these deadlines belongs to other phases.
        | (Open | CloseReceived | Lingering, Unanswered)
        | (CloseSent | CloseReceived | Lingering, PeerLost)
        | (Open | CloseSent | CloseReceived, LingerOver)
        // A connection begins open, and ends once.
        | (Opening | Ended, _) => phase,
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;
    use alloc::format;
    use alloc::string::{String, ToString};

    use super::*;

    const PHASES: [Phase; 6] = [
        Phase::Opening,
        Phase::Open,
        Phase::CloseSent,
        Phase::CloseReceived,
        Phase::Lingering,
        Phase::Ended,
    ];

    /// Each trigger as the crate docs word it.
    const TRIGGERS: [(Trigger, &str); 10] = [
        (Trigger::Close, "we close, or the idle timeout does"),
        (Trigger::PeerClose, "the peer's Close comes, ours is not yet written"),
        (Trigger::Exchanged, "the peer's Close has come, ours is written or never can be"),
        (Trigger::Fault, "the peer breaks a rule or a limit"),
        (Trigger::Unanswered, "the close deadline passes, our Close is written"),
        (Trigger::CloseTimeout, "the close deadline passes otherwise"),
        (Trigger::TransportDone, "the stream ends or fails, nothing of ours can still leave"),
        (Trigger::PeerLost, "nothing comes after a Ping, or the output stalls"),
        (Trigger::LingerOver, "the linger deadline passes, or too much comes"),
        (Trigger::Abort, "`abort`"),
    ];

    /// A line of the table: from, what fires, to.
    fn row(from: &str, what: &str, to: &str) -> String {
        format!("{from} | {what} | {to}")
    }

    #[test]
    fn the_documented_phases_are_the_machine() {
        let mut machine = BTreeSet::new();
        for from in PHASES {
            for (trigger, words) in TRIGGERS {
                let to = next(from, trigger);
                if to != from {
                    machine.insert(row(&format!("{from:?}"), words, &format!("{to:?}")));
                }
            }
        }
        let mut documented = BTreeSet::new();
        let docs = include_str!("../lib.rs").lines().filter_map(|line| line.strip_prefix("//! | "));
        for line in docs.skip_while(|line| !line.starts_with("From ")).skip(1) {
            let cells: alloc::vec::Vec<_> = line.trim_end_matches('|').split(" | ").collect();
            let [from, what, to] = cells[..] else { break };
            for from in from.split(", ") {
                let name = |cell: &str| cell.trim().trim_matches('`').to_string();
                assert!(documented.insert(row(&name(from), what.trim(), &name(to))), "{line}");
            }
        }
        assert_eq!(documented, machine);
    }

    #[test]
    fn the_drawing_names_every_phase_of_a_connection() {
        let docs = include_str!("../lib.rs");
        let (_, drawing) = docs.split_once("//! # Phases").unwrap();
        let (_, drawing) = drawing.split_once("```text").unwrap();
        let (drawing, _) = drawing.split_once("```").unwrap();
        for phase in &PHASES[1..] {
            assert!(drawing.contains(&format!("{phase:?}")), "{phase:?}");
        }
    }

    #[test]
    fn every_phase_leads_to_the_end_and_none_back() {
        for (index, from) in PHASES.into_iter().enumerate() {
            for (trigger, _) in TRIGGERS {
                let to = next(from, trigger);
                let place = PHASES.into_iter().position(|phase| phase == to);
                assert!(place >= Some(index), "{from:?} {trigger:?}");
            }
            let aborted = next(from, Trigger::Abort);
            assert!(aborted == Phase::Ended || from == Phase::Opening);
        }
    }
}
