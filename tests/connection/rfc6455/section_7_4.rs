//! Section 7.4: status codes.

use farewell::{CloseCode, CloseFrame, Violation};

use super::failing::fails;
use crate::support::drive::{Drive, quiet};
use crate::support::oracle::Seen;
use crate::support::wire::{CLOSE, ROLES, close_body, peer_of, plain, sent_by};

/// The codes that may stand on the wire.
fn is_legal(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// On both sides of every border, and a few from the middle.
fn codes() -> impl Iterator<Item = u16> {
    let borders = [0, 999, 1000, 1003, 1004, 1006, 1007, 1014, 1015, 2999, 3000, 4999, 5000, 65535];
    let around = borders
        .into_iter()
        .flat_map(|code: u16| [code.saturating_sub(1), code, code.saturating_add(1)]);
    around.chain([1, 500, 1005, 1011, 1016, 2000, 3500, 4500, 10_000])
}

#[test]
fn only_legal_codes_can_be_sent() {
    //= rfc6455#7.4.1
    //= type=test
    //# 1005 is a reserved value and MUST NOT be set as a status code in a
    //# Close control frame by an endpoint.
    //= rfc6455#7.4.1
    //= type=test
    //# 1006 is a reserved value and MUST NOT be set as a status code in a
    //# Close control frame by an endpoint.
    //= rfc6455#7.4.1
    //= type=test
    //# 1015 is a reserved value and MUST NOT be set as a status code in a
    //# Close control frame by an endpoint.
    for code in codes() {
        let made = CloseCode::new(code);
        assert_eq!(made.is_ok(), is_legal(code), "{code}");
        let Ok(code) = made else { continue };
        for role in ROLES {
            let mut drive = Drive::new(role, quiet());
            drive.connection.close(code, drive.now).unwrap();
            drive.receive(b"");
            assert_eq!(plain(&drive.output), [(CLOSE, close_body(code.get(), ""))]);
        }
    }
    assert_eq!(CloseFrame::EMPTY.code(), None, "1005 is reported, not stored");
}

#[test]
fn only_legal_codes_are_received() {
    for code in codes() {
        for role in ROLES {
            let wire = sent_by(peer_of(role), &[(CLOSE, &close_body(code, "why"))]);
            if is_legal(code) {
                let mut drive = Drive::new(role, quiet());
                let report = drive.receive(&wire).eof().report();
                assert_eq!((report.code, report.clean), (code, true));
                assert_eq!(drive.log, [Seen::Close(code, "why".to_owned())]);
            } else {
                let payload = wire.len() as u64 - 5;
                fails(role, &wire, Violation::InvalidCloseCode(code), payload);
            }
        }
    }
}
