//! Every verdict has its row: a name, a sentence, a remedy.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::*;

const ALL: [Verdict; 40] = [
    Verdict::ClosedByUs { code: 1000 },
    Verdict::ClosedByPeer { code: 1005 },
    Verdict::ClosedByBoth { code: 1000 },
    Verdict::Restart { code: 1012 },
    Verdict::TryAgainLater,
    Verdict::PeerFailure { code: 1002 },
    Verdict::LocalFailure { code: 1007 },
    Verdict::LocalIdleTimeout { idle: Duration::from_secs(30) },
    Verdict::LocalMessageTimeout { elapsed: Duration::from_secs(30) },
    Verdict::LocalAbort,
    Verdict::CloseSkipped,
    Verdict::CloseUnanswered,
    Verdict::ProxyIdleTimeout { timeout: Duration::from_secs(60) },
    Verdict::ProxyLifetime { lifetime: Duration::from_secs(7200) },
    Verdict::PeerApplicationIdle { timeout: Duration::from_secs(60) },
    Verdict::PeerVanished,
    Verdict::PeerDiedMidMessage { received: 812, expected: Some(4096) },
    Verdict::PeerAborted,
    Verdict::PeerClosedUnderUs,
    Verdict::PeerSuspectedLimit { len: 131_073 },
    Verdict::HalfOpen { silent: Duration::from_secs(20) },
    Verdict::PeerStalled,
    Verdict::OutboundBlocked { pending: 1 },
    Verdict::KernelTimeout,
    Verdict::LocalSuspended { late: Duration::from_secs(900) },
    Verdict::HandshakeRejected { status: 403 },
    Verdict::UpgradeStripped,
    Verdict::NotWebSocket,
    Verdict::HandshakeFailure,
    Verdict::HandshakeCutShort,
    Verdict::HandshakeTimedOut,
    Verdict::TransportFailure,
    Verdict::Unexplained,
    Verdict::ClosedByApplication { code: 4401 },
    Verdict::NoAnswerFromUs { code: 1011 },
    Verdict::HttpInStream { status: Some(408) },
    Verdict::TlsPort,
    Verdict::Unreachable,
    Verdict::Refused,
    Verdict::SystemAborted,
];

#[test]
fn every_verdict_has_a_name_and_a_remedy_of_its_own() {
    let all: Vec<_> = ALL
        .into_iter()
        .chain(tls::ALL)
        .chain(proxy_tls::ALL)
        .chain(dial::ALL)
        .chain(stream::ALL)
        .collect();
    let mut names: Vec<_> = all.iter().map(Verdict::name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all.len());
    for verdict in all {
        let (text, remedy) = (verdict.to_string(), verdict.remedy());
        assert!(!text.is_empty() && !text.ends_with('.'), "{text}");
        let nothing = remedy.starts_with("Nothing is to be done");
        assert_eq!(verdict.is_agreed(), nothing, "{text}: {remedy}");
        assert!(remedy.ends_with('.') && !remedy.contains("  "), "{text}: {remedy}");
        let untold = matches!(verdict, Verdict::TransportFailure | Verdict::Unexplained);
        assert_eq!(remedy.starts_with("Keep this report"), untold, "{text}: {remedy}");
    }
}

#[test]
fn numbers_stand_in_the_remedies() {
    let cases = [
        (ALL[12], "Ping every 30 s"),
        (ALL[13], "7200 s"),
        (ALL[14], "at least every 30 s"),
        (ALL[19], "131073 bytes"),
        (ALL[25], "credentials"),
        (Verdict::HandshakeRejected { status: 404 }, "path"),
        (Verdict::HandshakeRejected { status: 426 }, "version"),
        (Verdict::HandshakeRejected { status: 503 }, "upstream"),
        (Verdict::HandshakeRejected { status: 999 }, "server's log"),
        (Verdict::PeerFailure { code: 1009 }, "too big"),
        (Verdict::PeerFailure { code: 4000 }, "documentation"),
        (Verdict::HandshakeRejected { status: 511 }, "log in"),
        (Verdict::HandshakeRejected { status: 521 }, "origin"),
        (Verdict::ClosedByApplication { code: 3000 }, "credentials"),
        (Verdict::ClosedByApplication { code: 4429 }, "may follow HTTP"),
        (Verdict::ClosedByApplication { code: 4000 }, "own list"),
    ];
    for (verdict, part) in cases {
        assert!(verdict.remedy().contains(part), "{verdict}: {}", verdict.remedy());
    }
}
