//! The contract of every deadline: handled at its time, it fires or moves.

use farewell::{Phase, ReadClosed, TransportError};
use proptest::prelude::*;

use super::{beating, pings};
use crate::support::drive::{Drive, millis, reason, secs};
use crate::support::wire::{BINARY, PING, PONG, ROLES, TEXT};

/// Something that moves deadlines.
#[derive(Debug, Clone)]
enum Act {
    Receive(u8),
    Send,
    Close,
    PeerCloses,
    WriteFailed,
    Flush(usize),
    Eof,
    Wait(u64),
    AtDeadline,
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0_u8..4).prop_map(Act::Receive),
        3 => Just(Act::Send),
        1 => Just(Act::Close),
        1 => Just(Act::PeerCloses),
        1 => Just(Act::WriteFailed),
        3 => (0_usize..40).prop_map(Act::Flush),
        1 => Just(Act::Eof),
        5 => (0_u64..12_000).prop_map(Act::Wait),
        8 => Just(Act::AtDeadline),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// The contract: handled at its time, a deadline fires or moves. The drive asserts it after
    /// every call of `handle_timeout`.
    #[test]
    fn a_handled_deadline_is_never_due_again(acts in prop::collection::vec(any_act(), 0..40)) {
        let mut config = beating(secs(3), secs(4));
        config.timeouts.idle = Some(secs(11));
        config.timeouts.write_stall = Some(secs(6));
        for role in ROLES {
            let mut drive = Drive::new(role, config.clone());
            drive.block();
            for act in &acts {
                if drive.report.is_some() {
                    break;
                }
                let open = drive.connection.phase() == Phase::Open;
                match act {
                    Act::Receive(0) => _ = drive.peer_sends(&[(TEXT, b"x")]),
                    Act::Receive(1) => _ = drive.receive(&[BINARY]),
                    Act::Receive(2) => _ = drive.peer_sends(&[(PING, b"x")]),
                    Act::Receive(_) => {
                        let latest = pings(&drive).pop().unwrap_or_default();
                        drive.peer_sends(&[(PONG, &latest)]);
                    }
                    Act::Send if open => {
                        let mut out = bytes::BytesMut::new();
                        let _ = drive.connection.send("text", &mut out, drive.now);
                        drive.output.extend_from_slice(&out);
                    }
                    Act::Close if open => {
                        let _ = drive.connection.close(reason(1000, ""), drive.now);
                    }
                    Act::PeerCloses => _ = drive.peer_closes(1000, ""),
                    Act::WriteFailed => _ = drive.write_failed(TransportError::Other),
                    Act::Flush(bytes) => _ = drive.flush_some(*bytes),
                    Act::Eof => _ = drive.read_closed(ReadClosed::Eof),
                    Act::Wait(span) => _ = drive.wait(millis(*span)),
                    _ => {
                        if let Some((span, _)) = drive.next() {
                            drive.sleep(span).timeout();
                        }
                    }
                }
            }
            drive.run_out();
        }
    }
}
