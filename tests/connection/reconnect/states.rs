//! Each state and what leads out of it, under a clock of the test's own.

use std::time::Duration;

use farewell::Timestamp;
use farewell::reconnect::{
    ConnectFailure, Decision, Pace, ReasonKind, Reconnect, ReconnectConfig, State,
};

use super::support::{at, closed_with, ended_after, retry, secs};

const HALF: u64 = 1 << 63;

fn machine(set: impl FnOnce(&mut ReconnectConfig)) -> Reconnect {
    let mut config = ReconnectConfig::default();
    set(&mut config);
    Reconnect::new(config)
}

/// Opens a connection at `now`, by whatever it takes.
fn open(reconnect: &mut Reconnect, now: Timestamp) {
    if reconnect.state() == State::Idle {
        reconnect.start(now);
    }
    reconnect.handle_timeout(HALF, now);
    assert!(reconnect.poll_attempt().is_some(), "{:?}", reconnect.state());
    reconnect.handle_opened(now);
    assert_eq!(reconnect.state(), State::Probation);
}

#[test]
fn the_first_attempt_is_at_once_and_has_a_deadline() {
    let mut reconnect = machine(|_| {});
    assert_eq!((reconnect.state(), reconnect.poll_timeout()), (State::Idle, None));
    reconnect.handle_timeout(HALF, at(3));
    assert_eq!(reconnect.poll_attempt(), None);
    reconnect.start(at(5));
    let attempt = reconnect.poll_attempt().unwrap();
    assert_eq!((attempt.number, attempt.deadline, attempt.waited), (1, at(15), Duration::ZERO));
    assert_eq!(reconnect.poll_attempt(), None, "an attempt is given once");
    assert_eq!(reconnect.state(), State::Connecting(at(15)));
    assert_eq!(reconnect.handle_timeout(HALF, at(14)), None);
    let decision = reconnect.handle_timeout(HALF, at(15)).unwrap();
    assert_eq!(decision.to_string(), "retry in 2.5 s: no connection came about in time");
    let due = at(15) + Duration::from_millis(2500);
    assert_eq!((reconnect.state(), reconnect.poll_timeout()), (State::Waiting(due), Some(due)));
    assert_eq!(reconnect.handle_timeout(HALF, at(17)), None);
    assert_eq!(reconnect.poll_attempt(), None, "not before its time");
    assert_eq!(reconnect.handle_timeout(HALF, due), None);
    let attempt = reconnect.poll_attempt().unwrap();
    assert_eq!((attempt.number, attempt.waited), (2, Duration::from_millis(2500)));
}

#[test]
fn only_a_stable_connection_makes_the_backoff_begin_anew() {
    // How long the connection was open, and whether the next delay is a first one.
    for (open_for, first) in [(0, false), (9, false), (10, true), (3600, true)] {
        let mut reconnect = machine(|_| {});
        reconnect.start(at(0));
        retry(&mut reconnect, ConnectFailure::Refused, HALF, at(0));
        open(&mut reconnect, at(100));
        assert_eq!(reconnect.poll_timeout(), Some(at(110)));
        let report = ended_after(b"");
        let retry = retry(&mut reconnect, &*report, HALF, at(100 + open_for));
        assert_eq!(retry.pace == Pace::First, first, "open for {open_for} s: {retry:?}");
    }
}

#[test]
fn stability_takes_as_long_as_the_delay_before() {
    let mut reconnect = machine(|_| {});
    let overload = closed_with(1013);
    reconnect.start(at(0));
    let waited = retry(&mut reconnect, &*overload, u64::MAX, at(0));
    assert_eq!(waited.delay, secs(300));
    open(&mut reconnect, at(300));
    assert_eq!(reconnect.poll_timeout(), Some(at(600)));
    reconnect.handle_timeout(HALF, at(599));
    assert_eq!(reconnect.state(), State::Probation);
    reconnect.handle_timeout(HALF, at(600));
    assert_eq!((reconnect.state(), reconnect.poll_timeout()), (State::Stable, None));
    assert_eq!(retry(&mut reconnect, &*overload, 0, at(601)).delay, secs(60));
}

#[test]
fn where_the_application_has_to_agree_time_alone_is_not_enough() {
    // When it agrees, after the opening, and whether that is in time for an end after 60 s.
    for (healthy, stable) in [(None, false), (Some(1), true), (Some(30), true)] {
        let mut reconnect = machine(|config| config.require_healthy = true);
        reconnect.start(at(0));
        retry(&mut reconnect, ConnectFailure::Refused, HALF, at(0));
        open(&mut reconnect, at(100));
        assert_eq!(reconnect.poll_timeout(), None);
        if let Some(healthy) = healthy {
            reconnect.handle_timeout(HALF, at(100 + healthy));
            reconnect.mark_healthy(at(100 + healthy));
            let expected = if healthy < 10 { State::Probation } else { State::Stable };
            assert_eq!(reconnect.state(), expected);
        }
        let retry = retry(&mut reconnect, &*ended_after(b""), HALF, at(160));
        assert_eq!(retry.pace == Pace::First, stable, "healthy after {healthy:?} s: {retry:?}");
        // Agreement is for one connection.
        reconnect.mark_healthy(at(161));
        open(&mut reconnect, at(260));
        reconnect.handle_timeout(HALF, at(400));
        assert_eq!(reconnect.state(), State::Probation);
    }
}

#[test]
fn the_budget_is_ten_attempts_in_five_minutes_then_one_a_minute() {
    // Delays of 100 ms: the budget alone slows it down.
    let mut reconnect = machine(|config| config.first_delay = Duration::ZERO);
    reconnect.start(at(0));
    let mut begun = Vec::new();
    let mut now = at(0);
    while begun.len() < 18 {
        if reconnect.poll_attempt().is_some() {
            begun.push(now.since(at(0)).as_secs_f64());
            let retry = retry(&mut reconnect, ConnectFailure::Refused, 0, now);
            let limited = retry.to_string().ends_with("; 10 attempts in 300.0 s are the limit");
            assert_eq!(limited, retry.delay > secs(1), "{retry}");
        }
        now = reconnect.poll_timeout().unwrap();
        reconnect.handle_timeout(0, now);
    }
    let early = [0.0, 0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8];
    assert_eq!(begun[..10], early);
    // One a minute, until fewer than ten are less than five minutes old.
    let later = [60.8, 120.8, 180.8, 240.8, 300.3, 300.4, 300.5, 300.6];
    assert_eq!(begun[10..], later);
}

#[test]
fn it_can_be_started_again_within_the_budget() {
    let mut reconnect = machine(|config| config.budget_attempts = 2);
    reconnect.start(at(0));
    assert!(reconnect.poll_attempt().is_some());
    let decision = reconnect.handle_outcome(&*closed_with(1002), HALF, at(1));
    assert!(decision.is_stop());
    assert!(matches!(reconnect.state(), State::GaveUp(_)));
    assert_eq!(reconnect.poll_timeout(), None);
    // The application has mended the bug.
    reconnect.start(at(2));
    assert_eq!(reconnect.poll_attempt().unwrap().number, 2);
    retry(&mut reconnect, ConnectFailure::Refused, HALF, at(3));
    // The network may be back, but the budget is used up.
    reconnect.start(at(4));
    assert_eq!((reconnect.poll_attempt(), reconnect.state()), (None, State::Waiting(at(62))));
}

#[test]
fn a_wait_can_be_cut_short() {
    let mut reconnect = machine(|_| {});
    reconnect.start(at(0));
    let waiting = retry(&mut reconnect, &*closed_with(1013), HALF, at(1));
    assert_eq!(waiting.at, at(181));
    reconnect.start(at(10));
    assert_eq!(reconnect.state(), State::Connecting(at(20)));
    assert!(reconnect.poll_attempt().is_some());
}

#[test]
fn it_can_be_stopped_in_every_state() {
    type Prepare = fn(&mut Reconnect);
    let states: [(&str, Prepare); 5] = [
        ("idle", |_| {}),
        ("connecting", |reconnect| reconnect.start(at(0))),
        ("waiting", |reconnect| {
            reconnect.start(at(0));
            retry(reconnect, ConnectFailure::Refused, HALF, at(0));
        }),
        ("probation", |reconnect| open(reconnect, at(0))),
        ("stable", |reconnect| {
            open(reconnect, at(0));
            reconnect.handle_timeout(HALF, at(50));
            assert_eq!(reconnect.state(), State::Stable);
        }),
    ];
    for (name, prepare) in states {
        let mut reconnect = machine(|_| {});
        prepare(&mut reconnect);
        reconnect.stop();
        let State::GaveUp(reason) = reconnect.state() else { panic!("{name}") };
        assert_eq!(reason.kind, ReasonKind::Stopped, "{name}");
        assert_eq!((reconnect.poll_attempt(), reconnect.poll_timeout()), (None, None), "{name}");
        let decision = reconnect.handle_outcome(&*closed_with(1001), HALF, at(60));
        assert_eq!(decision, Decision::Stop(reason), "{name}");
        assert_eq!(decision.to_string(), "stop: the application stopped reconnecting");
        reconnect.stop();
        assert_eq!(reconnect.state(), State::GaveUp(reason), "{name}");
    }
}

#[test]
fn a_second_outcome_changes_nothing() {
    let mut reconnect = machine(|_| {});
    reconnect.start(at(0));
    let first = reconnect.handle_outcome(ConnectFailure::Refused, HALF, at(0));
    for _ in 0..5 {
        assert_eq!(reconnect.handle_outcome(&*closed_with(1002), 3, at(1)), first);
        reconnect.handle_opened(at(1));
    }
    assert_eq!(reconnect.state(), State::Waiting(Timestamp::from_nanos(2_500_000_000)));
}

#[test]
fn time_that_runs_backwards_counts_as_none() {
    let mut reconnect = machine(|_| {});
    reconnect.start(at(100));
    let retry = retry(&mut reconnect, ConnectFailure::Refused, HALF, at(1));
    assert_eq!(retry.at, at(100) + Duration::from_millis(2500));
    reconnect.handle_timeout(HALF, at(5));
    assert_eq!(reconnect.state(), State::Waiting(retry.at));
}

#[test]
fn it_gives_up_where_no_connection_was_stable_for_so_long() {
    let limit = secs(60);
    let machine = || {
        machine(|config| {
            config.give_up_after = Some(limit);
            (config.budget_attempts, config.connect_timeout) = (1000, secs(1));
        })
    };
    // From the start, and from the end of the last stable connection; an unstable one changes nothing.
    for (stable, flashes) in [(false, false), (false, true), (true, false), (true, true)] {
        let (mut reconnect, mut now) = (machine(), at(0));
        reconnect.start(now);
        assert!(reconnect.poll_attempt().is_some());
        if stable {
            reconnect.handle_opened(now);
            now = at(5_000);
        }
        let (began, mut attempts) = (now, 0);
        let reason = loop {
            match reconnect.handle_outcome(ConnectFailure::Refused, 1 << 63, now) {
                Decision::Stop(reason) => break reason,
                Decision::Retry(retry) => now = retry.at,
                other => panic!("{other:?}"),
            }
            assert!(now.since(began) <= limit);
            reconnect.handle_timeout(0, now);
            let attempt = reconnect.poll_attempt().unwrap();
            assert_eq!(attempt.reason.kind, ReasonKind::Failed(ConnectFailure::Refused));
            attempts += 1;
            if flashes {
                reconnect.handle_opened(now);
            }
        };
        assert!(attempts >= 3, "{attempts}");
        assert_eq!(reason.gave_up_after, Some(now.since(began)));
        assert!(
            reason.to_string().contains("the connection was refused; no connection was stable for")
        );
        assert_eq!(reconnect.state(), State::GaveUp(reason));
        // Started again, it has as long again.
        reconnect.start(now);
        reconnect.poll_attempt().unwrap();
        assert!(!reconnect.handle_outcome(ConnectFailure::Refused, 1 << 63, now).is_stop());
    }
}
