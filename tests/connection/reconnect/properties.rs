//! What holds whatever the machine is told, in whatever order, with whatever settings and times.

use std::time::Duration;

use farewell::Timestamp;
use farewell::reconnect::{
    Advice, Classifier, ConnectFailure, Decision, Outcome, Reconnect, ReconnectConfig, State,
};
use proptest::prelude::*;
use proptest::sample::select;

use super::support::{closed_with, ended_after};

#[derive(Debug, Clone)]
enum Step {
    /// Time goes on, or back.
    Time(i64),
    Start,
    Stop,
    Opened,
    Failed(ConnectFailure),
    Ended(usize),
    Timeout,
    AtTimeout,
    Healthy,
    Attempt,
}

fn steps() -> impl Strategy<Value = Vec<(Step, u64)>> {
    let failures = vec![ConnectFailure::Refused, ConnectFailure::TimedOut, ConnectFailure::Tls];
    let step = prop_oneof![
        2 => prop_oneof![-5_000..60_000_i64, any::<i64>()].prop_map(Step::Time),
        2 => Just(Step::Start),
        1 => Just(Step::Stop),
        3 => Just(Step::Opened),
        3 => select(failures).prop_map(Step::Failed),
        3 => (0..6_usize).prop_map(Step::Ended),
        1 => Just(Step::Timeout),
        6 => Just(Step::AtTimeout),
        1 => Just(Step::Healthy),
        2 => Just(Step::Attempt),
    ];
    let random = prop_oneof![Just(0), Just(u64::MAX), any::<u64>()];
    prop::collection::vec((step, random), 0..120)
}

fn span() -> impl Strategy<Value = Duration> {
    prop_oneof![
        4 => (0..100_000_u64).prop_map(Duration::from_millis),
        1 => Just(Duration::ZERO),
        1 => Just(Duration::MAX),
        1 => any::<u64>().prop_map(Duration::from_nanos),
    ]
}

fn configs() -> impl Strategy<Value = ReconnectConfig> {
    let spans = prop::array::uniform12(span());
    (spans, 0..5_u32, any::<bool>(), any::<bool>()).prop_map(|(spans, attempts, healthy, own)| {
        let mut config = ReconnectConfig::default();
        let [first, min, base, max, stable, window, connect, restart, late, overload, later, asked] =
            spans;
        (config.first_delay, config.min_delay, config.base_delay) = (first, min, base);
        (config.max_delay, config.stable_after, config.budget_window) = (max, stable, window);
        (config.connect_timeout, config.max_retry_after) = (connect, asked);
        (config.restart_delay, config.overload_delay) = (restart..=late, overload..=later);
        (config.budget_attempts, config.require_healthy) = (attempts, healthy);
        config.classify = own.then(|| {
            Classifier::new(|outcome| match outcome {
                Outcome::Ended(report) if report.code == 4001 => Some(Advice::RetryAfterRestart),
                _ => None,
            })
        });
        config
    })
}

/// The machine, and what is remembered of it to judge by.
struct Run {
    reconnect: Reconnect,
    now: Timestamp,
    latest: Timestamp,
    /// When the attempts began.
    begun: Vec<Timestamp>,
}

impl Run {
    fn step(&mut self, step: &Step, random: u64) {
        let reports = ["", "1001", "1012", "1013", "4001", "1002"];
        let state = self.reconnect.state();
        match step {
            Step::Time(millis) => {
                let span = Duration::from_millis(millis.unsigned_abs());
                self.now = if *millis < 0 {
                    Timestamp::from_nanos(self.now.since(Timestamp::ZERO + span).as_nanos() as u64)
                } else {
                    self.now + span
                };
                return;
            }
            Step::Start => self.reconnect.start(self.now),
            Step::Stop => self.reconnect.stop(),
            Step::Opened => self.reconnect.handle_opened(self.now),
            Step::Failed(failure) => {
                let decision = self.reconnect.handle_outcome(*failure, random, self.now);
                self.check_decision(decision);
            }
            Step::Ended(index) => {
                let report = match reports[*index] {
                    "" => ended_after(b""),
                    code => closed_with(code.parse().unwrap()),
                };
                let decision = self.reconnect.handle_outcome(&*report, random, self.now);
                self.check_decision(decision);
            }
            Step::Timeout => drop(self.reconnect.handle_timeout(random, self.now)),
            Step::AtTimeout => {
                let Some(at) = self.reconnect.poll_timeout() else { return };
                self.now = at;
                self.reconnect.handle_timeout(random, at);
                assert_ne!(self.reconnect.state(), state, "nothing happened at the deadline");
            }
            Step::Healthy => self.reconnect.mark_healthy(self.now),
            Step::Attempt => drop(self.reconnect.poll_attempt()),
        }
        // The machine knows of no time but those that it was told.
        if !matches!(step, Step::Stop | Step::Attempt) {
            self.latest = self.latest.max(self.now);
        }
        let attempts = self.reconnect.attempts() as usize;
        if attempts > self.begun.len() {
            assert_eq!(attempts, self.begun.len() + 1, "one attempt at a time");
            if let (State::Waiting(at), false) = (state, matches!(step, Step::Start)) {
                assert!(at <= self.latest, "an attempt before its time");
            }
            self.begun.push(self.latest);
        }
    }

    fn check_decision(&self, decision: Decision) {
        assert!(!decision.to_string().is_empty());
        match (decision, self.reconnect.state()) {
            (Decision::Retry(retry), State::Waiting(at)) => assert_eq!(retry.at, at),
            (Decision::Stop(why), State::GaveUp(reason)) => assert_eq!(why, reason),
            (decision, state) => panic!("{decision} and {state:?}"),
        }
    }

    /// Any attempt over the budget is a cap behind the one before it.
    fn check_budget(&self) {
        let config = self.reconnect.config();
        let limit = config.budget_attempts.max(1) as usize;
        for (index, begun) in self.begun.iter().enumerate().skip(limit) {
            let free = self.begun[index - limit] + config.budget_window;
            let paced = self.begun[index - 1] + config.max_delay;
            assert!(*begun >= free.min(paced), "attempt {index} of {:?}", self.begun);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_calls_breaks_it(config in configs(), steps in steps()) {
        let (now, latest) = (Timestamp::ZERO, Timestamp::ZERO);
        let mut run = Run { reconnect: Reconnect::new(config), now, latest, begun: Vec::new() };
        for (step, random) in &steps {
            run.step(step, *random);
        }
        run.check_budget();
    }

    /// Being looked at more often, or later, changes nothing of what is decided.
    #[test]
    fn spurious_calls_change_nothing(config in configs(), steps in steps(), extra: u64) {
        let start = Timestamp::ZERO;
        let (mut plain, mut poked) = (Reconnect::new(config.clone()), Reconnect::new(config));
        let mut now = start;
        for (step, random) in &steps {
            for reconnect in [&mut plain, &mut poked] {
                match step {
                    Step::Start => reconnect.start(now),
                    Step::Opened => reconnect.handle_opened(now),
                    Step::Failed(failure) => drop(reconnect.handle_outcome(*failure, *random, now)),
                    Step::AtTimeout => {
                        now = now.max(reconnect.poll_timeout().unwrap_or(now));
                        reconnect.handle_timeout(*random, now);
                    }
                    _ => {}
                }
            }
            if poked.poll_timeout().is_none_or(|at| at > now) {
                poked.handle_timeout(extra, start);
                poked.handle_timeout(extra, now);
            }
            prop_assert_eq!(plain.state(), poked.state());
            prop_assert_eq!(plain.poll_timeout(), poked.poll_timeout());
        }
        prop_assert_eq!(plain.attempts(), poked.attempts());
    }
}
