//! Every failure of every phase of a dial, and whether it is tried again.

use alloc::string::{String, ToString};
use core::net::SocketAddr;

use super::*;
use crate::handshake::HandshakeError;
use crate::report::{
    AddressAttempt, AttemptError, AttemptErrorKind, AttemptOutcome, DialFailure, DialPhase,
    DialRecord, LookupError, PhaseSpan, ProxyFailure, SocksReply,
};

fn decide(failure: DialFailure, outcomes: &[AttemptOutcome]) -> String {
    let now = Timestamp::ZERO;
    let mut record = DialRecord::new(now);
    let address = SocketAddr::from(([192, 0, 2, 1], 80));
    let attempt = |outcome: &AttemptOutcome| AddressAttempt {
        address,
        span: PhaseSpan::begun(now),
        outcome: *outcome,
    };
    record.attempts = outcomes.iter().map(attempt).collect();
    record.failure = Some(failure);
    let mut reconnect = Reconnect::new(ReconnectConfig::default());
    reconnect.start(now);
    assert_eq!(Outcome::from(&record).failure(), Some(ConnectFailure::from(&record)));
    let decision = reconnect.handle_outcome(&record, 1 << 63, now);
    decision.to_string()
}

#[test]
fn every_failure_of_a_lookup_and_of_addresses_is_tried_again() {
    let words = LookupError::new("no");
    let failed = |kind| AttemptOutcome::Failed(AttemptError::new(kind));
    let [refused, unreachable, other] =
        [AttemptErrorKind::Refused, AttemptErrorKind::Unreachable, AttemptErrorKind::Other]
            .map(failed);
    let unconnected = DialFailure::Unconnected;
    let timed_out = |phase| DialFailure::TimedOut { phase };
    let cases: [(DialFailure, &[AttemptOutcome], &str); 10] = [
        (
            DialFailure::Unresolved { proxy: false, words },
            &[],
            "retry in 2.5 s: the host's name did not resolve",
        ),
        (DialFailure::NoAddress, &[], "retry in 2.5 s: the host's name did not resolve"),
        (unconnected.clone(), &[refused], "retry in 2.5 s: the connection was refused"),
        (
            unconnected.clone(),
            &[unreachable, refused],
            "retry in 2.5 s: the connection was refused",
        ),
        (unconnected.clone(), &[unreachable], "retry in 2.5 s: the host cannot be reached"),
        (unconnected.clone(), &[other], "retry in 2.5 s: no connection came about"),
        (unconnected, &[], "retry in 2.5 s: no connection came about"),
        (timed_out(DialPhase::Resolve), &[], "retry in 2.5 s: no connection came about in time"),
        (
            timed_out(DialPhase::Connect),
            &[AttemptOutcome::Silent],
            "retry in 2.5 s: no connection came about in time",
        ),
        (timed_out(DialPhase::Proxy), &[], "retry in 2.5 s: no connection came about in time"),
    ];
    for (failure, outcomes, expected) in cases {
        assert_eq!(decide(failure, outcomes), expected);
    }
    let many = DialFailure::TooManyAddresses { given: 1001, limit: 1000 };
    assert_eq!(decide(many, &[]), "stop: there are more addresses than are tried");
}

#[test]
fn what_a_proxy_decides_by_rule_stops_and_what_may_pass_does_not() {
    let rule = HandshakeError::StartLine;
    let stop = [
        ProxyFailure::CredentialsNeeded,
        ProxyFailure::CredentialsRefused,
        ProxyFailure::NoMethod,
        ProxyFailure::Refused { status: 403 },
        ProxyFailure::Refused { status: 404 },
        ProxyFailure::Refused { status: 501 },
        ProxyFailure::Socks(SocksReply::NotAllowed),
        ProxyFailure::Socks(SocksReply::CommandNotSupported),
        ProxyFailure::Socks(SocksReply::AddressTypeNotSupported),
        ProxyFailure::Socks(SocksReply::Unassigned(9)),
        ProxyFailure::Malformed(rule),
        ProxyFailure::NotSocks,
        ProxyFailure::NoTls,
        ProxyFailure::NameTooLong,
    ];
    let retry = [
        ProxyFailure::CutShort,
        ProxyFailure::Refused { status: 429 },
        ProxyFailure::Refused { status: 502 },
        ProxyFailure::Refused { status: 503 },
        ProxyFailure::Refused { status: 504 },
        ProxyFailure::Socks(SocksReply::GeneralFailure),
        ProxyFailure::Socks(SocksReply::NetworkUnreachable),
        ProxyFailure::Socks(SocksReply::HostUnreachable),
        ProxyFailure::Socks(SocksReply::Refused),
        ProxyFailure::Socks(SocksReply::TtlExpired),
    ];
    for (failures, begins) in [(&stop[..], "stop: "), (&retry[..], "retry in 2.5 s: ")] {
        for failure in failures {
            let says = decide((*failure).into(), &[]);
            let expected =
                [begins, "the proxy let nothing through: ", &failure.to_string()].concat();
            assert_eq!(says, expected);
        }
    }
}
