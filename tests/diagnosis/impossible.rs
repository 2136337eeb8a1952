//! Evidence that no connection could have: never a panic, never a confident guess.

use std::time::Duration;

use farewell::diagnosis::{Confidence, Diagnoser, Fact, History, KnownTimeout, Verdict};
use farewell::handshake::HandshakeError;
use farewell::{
    Cause, CloseCode, CloseFrame, Config, Connection, Direction, Event, Initiator, Phase, Position,
    ReadClosed, Role, Seed, Termination, Timestamp, TransportError, Violation,
};
use proptest::prelude::*;

/// A real report, to be changed.
fn report(role: Role) -> Termination {
    let mut connection =
        Connection::new(role, Config::default(), Seed::new([1; 32]), Timestamp::ZERO);
    connection.close(CloseFrame::from_code(CloseCode::NORMAL), Timestamp::ZERO).unwrap();
    connection.handle_read_closed(ReadClosed::Eof, Timestamp::ZERO);
    connection.abort(Timestamp::ZERO);
    match connection.poll_event(&mut &mut [][..], Timestamp::ZERO) {
        Some(Event::Ended(report)) => *report,
        other => panic!("{other:?}"),
    }
}

/// Numbers near the edges, near what is known, and any.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        Just(u64::MAX),
        0_u64..3,
        (0_u64..8000).prop_map(|seconds| seconds * 1_000_000_000),
        any::<u64>(),
    ]
}

fn span() -> impl Strategy<Value = Duration> {
    prop_oneof![Just(Duration::MAX), number().prop_map(Duration::from_nanos)]
}

fn time() -> impl Strategy<Value = Timestamp> {
    number().prop_map(Timestamp::from_nanos)
}

fn times() -> impl Strategy<Value = Option<Timestamp>> {
    proptest::option::of(time())
}

fn position() -> impl Strategy<Value = Position> {
    prop_oneof![
        Just(Position::OpeningHandshake),
        Just(Position::FrameBoundary),
        number().prop_map(|received| Position::InsideHeader { received }),
        (number(), number())
            .prop_map(|(received, expected)| Position::InsidePayload { received, expected }),
        (number(), number())
            .prop_map(|(received, expected)| Position::InsideControlFrame { received, expected }),
        number().prop_map(|received| Position::BetweenFragments { received }),
    ]
}

fn failure() -> impl Strategy<Value = TransportError> {
    prop::sample::select(vec![
        TransportError::Reset,
        TransportError::Aborted,
        TransportError::BrokenPipe,
        TransportError::TimedOut,
        TransportError::TlsTruncated,
        TransportError::Refused,
        TransportError::Unreachable,
        TransportError::UnexpectedEof,
        TransportError::StreamReset { code: 8 },
        TransportError::StreamReset { code: u64::MAX },
        TransportError::GoAway { code: 0 },
        TransportError::EndOrReset,
        TransportError::Other,
    ])
}

fn cause() -> impl Strategy<Value = Cause> {
    let direction = prop::sample::select(vec![Direction::Read, Direction::Write]);
    let rule = Violation::MessageTooBig { len: u64::MAX, limit: 0 };
    prop_oneof![
        Just(Cause::ClosingHandshake),
        position().prop_map(|at| Cause::Eof { at }),
        (direction, failure()).prop_map(|(direction, kind)| Cause::Transport { direction, kind }),
        span().prop_map(|waited| Cause::PongTimeout { waited }),
        span().prop_map(|idle| Cause::IdleTimeout { idle }),
        number().prop_map(|pending| Cause::WriteStalled { pending }),
        Just(Cause::CloseTimeout),
        Just(Cause::HandshakeTimeout),
        any::<u16>().prop_map(|status| Cause::HandshakeRejected { status }),
        any::<u16>().prop_map(|status| Cause::PlainRequest { status }),
        Just(Cause::HandshakeInvalid(HandshakeError::NotHttp)),
        number().prop_map(move |offset| Cause::TooBig { rule, offset }),
        Just(Cause::Aborted),
    ]
}

fn close() -> impl Strategy<Value = Option<CloseFrame>> {
    let codes = prop::sample::select(vec![1000, 1001, 1002, 1008, 1012, 1013, 1014, 4999]);
    let reasons = prop::sample::select(vec!["", "idle", "\u{e9}inactive"]);
    proptest::option::of(
        (codes, reasons).prop_map(|(code, reason)| {
            CloseFrame::new(CloseCode::new(code).unwrap(), reason).unwrap()
        }),
    )
}

prop_compose! {
    fn any_report()(
        role in prop::sample::select(vec![Role::Client, Role::Server]),
        cause in cause(),
        initiator in prop::sample::select(vec![
            Initiator::Local, Initiator::Peer, Initiator::Both, Initiator::Transport,
        ]),
        (code, clean, keep_local, peer_close) in
            (any::<u16>(), any::<bool>(), any::<bool>(), close()),
        phase in prop::sample::select(vec![
            Phase::Opening, Phase::Open, Phase::CloseSent, Phase::CloseReceived, Phase::Lingering,
            Phase::Ended,
        ]),
        position in position(),
        (opened, ended, last_received, last_flushed, last_data, suspended_at) in
            (time(), time(), times(), times(), times(), times()),
        (queued, len, largest) in (time(), number(), number()),
        (sent, outstanding, last_queued, ping_flushed, timeout) in
            (any::<u32>(), any::<u32>(), times(), times(), proptest::option::of(span())),
        (pending, lateness, status) in (number(), span(), proptest::option::of(any::<u16>())),
    ) -> Termination {
        let mut report = report(role);
        (report.cause, report.initiator, report.code, report.clean) =
            (cause, initiator, code, clean);
        report.peer_close = peer_close;
        if !keep_local {
            report.local_close = None;
        }
        let evidence = &mut report.evidence;
        (evidence.phase, evidence.position) = (phase, position);
        (evidence.opened, evidence.ended) = (opened, ended);
        (evidence.last_received, evidence.last_flushed) = (last_received, last_flushed);
        (evidence.last_data, evidence.suspended_at) = (last_data, suspended_at);
        if let Some(message) = &mut evidence.last_sent {
            (message.queued, message.len, message.largest_before) = (queued, len, largest);
        }
        (evidence.pings.sent, evidence.pings.outstanding) = (sent, outstanding);
        (evidence.pings.last_queued, evidence.pings.last_flushed) = (last_queued, ping_flushed);
        evidence.pings.timeout = timeout;
        (evidence.pending_output, evidence.timer_lateness) = (pending, lateness);
        evidence.http_status = status;
        report
    }
}

/// What nobody said.
fn rests_on_timing(verdict: Verdict) -> bool {
    matches!(
        verdict,
        Verdict::ProxyIdleTimeout { .. }
            | Verdict::ProxyLifetime { .. }
            | Verdict::PeerApplicationIdle { .. }
            | Verdict::PeerVanished
            | Verdict::PeerDiedMidMessage { .. }
            | Verdict::PeerAborted
            | Verdict::PeerClosedUnderUs
            | Verdict::PeerSuspectedLimit { .. }
            | Verdict::HalfOpen { .. }
            | Verdict::PeerStalled
            | Verdict::OutboundBlocked { .. }
            | Verdict::LocalSuspended { .. }
            | Verdict::CloseSkipped
            | Verdict::UpgradeStripped
            | Verdict::Unexplained
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_evidence_gets_ranked_findings(
        report in any_report(),
        past in prop::collection::vec(any_report(), 0..6),
        own in span(),
    ) {
        let mut history = History::new();
        past.iter().for_each(|past| history.record(past));
        let rows = [KnownTimeout::idle("ours", own, "a test"), KnownTimeout::lifetime("ours", own, "a test")];
        let diagnosis = Diagnoser::new().history(&history).known_timeouts(&rows).diagnose(&report);
        let _ = (diagnosis.to_string(), format!("{diagnosis:#}"));

        let confidences: Vec<_> = diagnosis.iter().map(|finding| finding.confidence()).collect();
        prop_assert!(confidences.is_sorted_by(|one, next| one >= next), "{confidences:?}");
        let mut names: Vec<_> = diagnosis.iter().map(|finding| finding.verdict().name()).collect();
        names.sort_unstable();
        prop_assert!(names.is_sorted_by(|one, next| one != next), "twice: {diagnosis:#}");
        for finding in &diagnosis {
            let certain = finding.confidence() == Confidence::Certain;
            prop_assert!(!certain || !rests_on_timing(finding.verdict()), "{finding}");
        }
        let backwards = report.evidence.ended < report.evidence.opened
            || report.evidence.pings.outstanding > report.evidence.pings.sent
            || report.evidence.last_received.is_some_and(|at| at > report.evidence.ended);
        if backwards {
            prop_assert_eq!(diagnosis.first().confidence(), Confidence::Possible);
            prop_assert!(diagnosis.first().evidence().contains(&Fact::Contradiction));
        }
    }
}

#[test]
fn the_same_evidence_gets_the_same_diagnosis() {
    let report = report(Role::Client);
    assert_eq!(report.diagnosis(), report.diagnosis());
    assert_eq!(report.diagnosis(), Diagnoser::new().history(&History::new()).diagnose(&report));
}
