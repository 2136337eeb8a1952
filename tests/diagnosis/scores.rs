//! How often the first verdict was right: by verdict, by confidence, and what it was taken for.

use std::collections::BTreeMap;
use std::fmt::Write;

use farewell::diagnosis::{Confidence, Verdict};

use super::trace::Expected;

/// The first verdict of a trace against what really happened.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) file: String,
    pub(crate) expected: Expected,
    pub(crate) verdict: Verdict,
    pub(crate) confidence: Confidence,
}

impl Outcome {
    pub(crate) fn is_right(&self) -> bool {
        self.expected.name == self.verdict.name()
            && self.expected.number.is_none_or(|expected| {
                // A timeout is seen a round trip longer than it is.
                number_of(self.verdict).is_some_and(|number| number.abs_diff(expected) <= 2)
            })
    }

    /// What the trace was taken for, where that was wrong.
    fn taken_for(&self) -> String {
        match (self.expected.name == self.verdict.name(), number_of(self.verdict)) {
            (true, Some(number)) => format!("{} {number}", self.verdict.name()),
            _ => self.verdict.name().to_string(),
        }
    }
}

/// The number of a verdict: seconds, a code, a status or bytes.
fn number_of(verdict: Verdict) -> Option<u64> {
    match verdict {
        Verdict::ProxyIdleTimeout { timeout } | Verdict::PeerApplicationIdle { timeout } => {
            Some(timeout.as_secs())
        }
        Verdict::ProxyLifetime { lifetime } => Some(lifetime.as_secs()),
        Verdict::PeerSuspectedLimit { len } => Some(len),
        Verdict::ClosedByUs { code }
        | Verdict::ClosedByPeer { code }
        | Verdict::ClosedByBoth { code }
        | Verdict::Restart { code }
        | Verdict::PeerFailure { code }
        | Verdict::ClosedByApplication { code }
        | Verdict::NoAnswerFromUs { code }
        | Verdict::LocalFailure { code } => Some(code.into()),
        Verdict::HandshakeRejected { status } => Some(status.into()),
        Verdict::StreamCancelled { code } => code,
        Verdict::StreamFailed { code } | Verdict::ConnectionGoingAway { code } => Some(code),
        Verdict::HttpInStream { status } => status.map(u64::from),
        _ => None,
    }
}

/// Right and all, in a share of a hundred.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Score {
    pub(crate) right: u32,
    pub(crate) all: u32,
}

impl Score {
    fn add(&mut self, right: bool) {
        self.right += u32::from(right);
        self.all += 1;
    }

    pub(crate) fn percent(self) -> f64 {
        if self.all == 0 { 100.0 } else { f64::from(self.right) * 100.0 / f64::from(self.all) }
    }
}

impl std::fmt::Display for Score {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.all {
            0 => f.write_str("-"),
            all => write!(f, "{} of {all}", self.right),
        }
    }
}

pub(crate) fn of(outcomes: &[Outcome], confidence: Confidence) -> Score {
    let mut score = Score::default();
    for outcome in outcomes.iter().filter(|outcome| outcome.confidence == confidence) {
        score.add(outcome.is_right());
    }
    score
}

#[derive(Default)]
struct Line {
    recall: Score,
    /// Of the traces that got this verdict.
    precision: Score,
    /// The same by confidence, the surest first.
    by_confidence: [Score; 3],
    taken_for: BTreeMap<String, u32>,
}

/// The confusion matrix as a table, a row for each verdict; what is right is on the diagonal and
/// not written out.
pub(crate) fn table(outcomes: &[Outcome]) -> String {
    let mut lines: BTreeMap<String, Line> = BTreeMap::new();
    for outcome in outcomes {
        let right = outcome.is_right();
        let line = lines.entry(outcome.expected.name.clone()).or_default();
        line.recall.add(right);
        if !right {
            *line.taken_for.entry(outcome.taken_for()).or_default() += 1;
        }
        let line = lines.entry(outcome.verdict.name().to_string()).or_default();
        line.precision.add(right);
        let column = match outcome.confidence {
            Confidence::Certain => 0,
            Confidence::Likely => 1,
            Confidence::Possible => 2,
            other => panic!("{other:?} has no column"),
        };
        line.by_confidence[column].add(right);
    }
    let mut text = String::from(
        "| What happened | Told (recall) | Right when told (precision) | certain | likely | possible | Taken for |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for (name, line) in &lines {
        let [certain, likely, possible] = line.by_confidence;
        let taken: Vec<String> =
            line.taken_for.iter().map(|(other, count)| format!("{other} ({count})")).collect();
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {certain} | {likely} | {possible} | {} |",
            line.recall,
            line.precision,
            taken.join(", "),
        );
    }
    let all = |confidence| of(outcomes, confidence);
    let (certain, likely, possible) =
        (all(Confidence::Certain), all(Confidence::Likely), all(Confidence::Possible));
    let right = outcomes.iter().filter(|outcome| outcome.is_right()).count();
    let _ = writeln!(
        text,
        "| all | {right} of {} | | {certain} | {likely} | {possible} | |",
        outcomes.len()
    );
    text
}
