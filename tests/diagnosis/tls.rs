//! TLS that failed: each error, and its verdict. With real certificates they are in `tests/tls`.

use farewell::handshake::ClientRequest;
use farewell::{
    Config, ReadClosed, Seed, Session, SessionEvent, Timestamp, TlsAlert, TlsError, TransportError,
};

/// Where the table of these verdicts begins.
pub(crate) const HEADING: &str = "//! # Where TLS failed\n";

pub(crate) const ALL: [TlsError; 14] = [
    TlsError::Expired,
    TlsError::NotYetValid,
    TlsError::UnknownIssuer,
    TlsError::WrongName,
    TlsError::Revoked,
    TlsError::BadCertificate,
    TlsError::NoCertificate,
    TlsError::Alert(TlsAlert(40)),
    TlsError::NotTls,
    TlsError::Incompatible,
    TlsError::NoApplicationProtocol,
    TlsError::Undecryptable,
    TlsError::Broken,
    TlsError::Local,
];

/// The verdict on a connection that ended so in its opening handshake.
pub(crate) fn verdict(kind: TransportError) -> String {
    let (now, seed) = (Timestamp::ZERO, Seed::new([7; 32]));
    let request = ClientRequest::new("wss://server.example/").unwrap();
    let mut session = Session::client(&request, Config::default(), seed, now);
    session.handle_read_closed(ReadClosed::Failed(kind), now);
    let Some(SessionEvent::Ended(report)) = session.poll_event(&mut &mut [][..], now) else {
        panic!("no end");
    };
    report.diagnosis().first().verdict().name().to_owned()
}

#[test]
fn every_verdict_of_the_table_happens_and_no_other() {
    let mut happens: Vec<_> =
        ALL.into_iter().map(|error| verdict(TransportError::Tls(error))).collect();
    // Who speaks TLS alone knows that its handshake was not over.
    happens.extend(["tls_cut_short".into(), "tls_timed_out".into()]);
    let (_, table) = include_str!("../../src/diagnosis.rs").split_once(HEADING).unwrap();
    let rows = table.lines().take_while(|line| !line.starts_with("//! # "));
    let cells = rows.filter_map(|line| line.strip_prefix("//! | `")?.split('|').next());
    let mut named: Vec<String> =
        cells.flat_map(|cell| cell.split('`').step_by(2).map(str::to_owned)).collect();
    named.retain(|name| !name.trim().is_empty());
    happens.sort_unstable();
    named.sort_unstable();
    assert_eq!(happens, named);
}
