//! What _Fail the WebSocket Connection_ looks like from outside.

use farewell::{Cause, Config, Phase, Role, Violation};

use crate::support::drive::{Drive, quiet};
use crate::support::wire::{CLOSE, TEXT, close_body, frames, peer_of, sent_by, show};

/// The peer of `role` sends `wire`, which breaks `rule` at `offset`.
///
/// Everything that is asked of a failure holds: the fitting Close is sent, once; what comes
/// afterwards is not looked at; the report names the rule and the place, and calls nothing clean.
pub(crate) fn fails(role: Role, wire: &[u8], rule: Violation, offset: u64) {
    fails_with(quiet(), role, wire, rule, offset);
}

pub(crate) fn fails_with(config: Config, role: Role, wire: &[u8], rule: Violation, offset: u64) {
    let mut drive = Drive::new(role, config);
    drive.receive(wire).expect_phase(Phase::Lingering);
    let seen = drive.log.clone();
    assert!(drive.connection.wants_shutdown(), "{}", drive.wires());
    //= rfc6455#7.1.7
    //= type=test
    //# An endpoint MUST NOT continue to attempt to
    //# process data (including a responding Close frame) from the remote
    //# endpoint after being instructed to _Fail the WebSocket Connection_.
    let late = [(TEXT, &b"late"[..]), (CLOSE, &close_body(1000, ""))];
    drive.receive(&sent_by(peer_of(role), &late));
    assert_eq!(drive.log, seen, "{}", drive.wires());
    let report = drive.eof().report();
    match report.cause {
        Cause::Violation { rule: found, offset: at }
        | Cause::TooBig { rule: found, offset: at } => {
            assert_eq!((found, at), (rule, offset), "{role:?}: {}", show(wire));
        }
        other => panic!("{other:?} instead of {rule:?}: {}", show(wire)),
    }
    assert_eq!((report.clean, report.code, report.peer_close), (false, 1006, None));
    //= rfc6455#7.1.7
    //= type=test
    //# If _The WebSocket Connection is Established_ prior to the point where
    //# the endpoint is required to _Fail the WebSocket Connection_, the
    //# endpoint SHOULD send a Close frame with an appropriate status code
    //# (Section 7.4) before proceeding to _Close the WebSocket Connection_.
    let closes: Vec<_> =
        frames(&drive.output).into_iter().filter(|frame| frame.first == CLOSE).collect();
    assert_eq!(closes.len(), 1, "{}", drive.wires());
    assert_eq!(closes[0].payload[..2], rule.close_code().get().to_be_bytes());
}
