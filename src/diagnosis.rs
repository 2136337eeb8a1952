//! Why a connection ended, and what to do about it.
//!
//! A [`Termination`] says what happened; a [`Diagnosis`] says why it probably happened. It is a
//! pure function of the report, of the [`History`] of earlier connections to the same peer where
//! the caller keeps one, and of a table of [`KnownTimeout`]s. It gives ranked [`Finding`]s, each
//! with a [`Verdict`], a [`Confidence`], the [`Fact`]s it rests on, and a remedy.
//!
//! No evidence makes it panic, however impossible; evidence that contradicts itself lowers the
//! confidence. Timing alone never makes a verdict certain.
//!
//! ```
//! use farewell::diagnosis::{Confidence, Verdict};
//! use farewell::{CloseCode, Config, Connection, Event, ReadClosed, Role, Seed, Timestamp};
//!
//! let now = Timestamp::ZERO;
//! let mut config = Config::default();
//! config.heartbeat = None;
//! let mut client = Connection::new(Role::Client, config, Seed::new([1; 32]), now);
//! // Nothing is said, and after a minute the stream ends.
//! let now = Timestamp::from_nanos(60_020_000_000);
//! client.handle_read_closed(ReadClosed::Eof, now);
//! # client.abort(now);
//! let Some(Event::Ended(report)) = client.poll_event(&mut &mut [][..], now) else { panic!() };
//!
//! let diagnosis = report.diagnosis();
//! let finding = diagnosis.first();
//! assert!(matches!(finding.verdict(), Verdict::ProxyIdleTimeout { .. }));
//! assert_eq!(finding.confidence(), Confidence::Likely);
//! assert_eq!(
//!     diagnosis.to_string(),
//!     "likely: proxy idle timeout of 60 s (idle 60.02 s; no ping in that time; \
//!      nginx, AWS ALB and Phoenix default to 60 s)",
//! );
//! assert!(finding.remedy().starts_with("Ping every 30 s"));
//! ```

mod fact;
mod finding;
mod history;
mod known;
mod remedy;
mod rules;
mod verdict;

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::slice;

use crate::termination::Termination;

pub use fact::Fact;
pub use finding::{Confidence, Finding};
pub use history::{History, PastConnection};
pub use known::{KNOWN_TIMEOUTS, KnownTimeout, TimeoutKind};
pub use verdict::Verdict;

impl Termination {
    /// Why it probably happened, from this report alone.
    ///
    /// [`Diagnoser`](crate::diagnosis::Diagnoser) also takes earlier connections and timeouts of
    /// the caller's own into account.
    #[must_use]
    pub fn diagnosis(&self) -> Diagnosis {
        Diagnoser::new().diagnose(self)
    }
}

/// What a diagnosis is made with, besides the report.
///
/// ```
/// use core::time::Duration;
/// use farewell::diagnosis::{Diagnoser, History, KnownTimeout};
///
/// let own = [KnownTimeout::idle("our gateway", Duration::from_secs(45), "gateway.yaml")];
/// let history = History::new();
/// let diagnoser = Diagnoser::new().history(&history).known_timeouts(&own);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Diagnoser<'a> {
    history: Option<&'a History>,
    own: &'a [KnownTimeout],
}

impl<'a> Diagnoser<'a> {
    /// Without a history, and with [`KNOWN_TIMEOUTS`].
    #[must_use]
    pub const fn new() -> Self {
        Self { history: None, own: &[] }
    }

    /// Takes earlier connections to the same peer into account.
    #[must_use]
    pub const fn history(self, history: &'a History) -> Self {
        Self { history: Some(history), ..self }
    }

    /// Adds rows to the table of known timeouts.
    #[must_use]
    pub const fn known_timeouts(self, rows: &'a [KnownTimeout]) -> Self {
        Self { own: rows, ..self }
    }

    /// Why the connection of this report probably ended.
    ///
    /// The history is taken to hold the connections before this one.
    #[must_use]
    pub fn diagnose(&self, report: &Termination) -> Diagnosis {
        Diagnosis::ranked(rules::findings(self, report))
    }

    fn rows(&self) -> impl Iterator<Item = &KnownTimeout> {
        self.own.iter().chain(&KNOWN_TIMEOUTS)
    }
}

/// Ranked explanations of an ending, the best first; there is always one.
///
/// `Display` gives the first in one line, for a log. The alternate form (`{:#}`) is for a person:
/// every finding on lines of its own, with evidence and remedy.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Diagnosis {
    /// Never empty.
    findings: Vec<Finding>,
}

impl Diagnosis {
    fn ranked(mut findings: Vec<Finding>) -> Self {
        if findings.is_empty() {
            findings = vec![Finding::new(Verdict::Unexplained, Confidence::Possible, vec![])];
        }
        // Stable: what the rules put first stays first among equals.
        findings.sort_by_key(|finding| core::cmp::Reverse(finding.confidence()));
        Self { findings }
    }

    /// The best explanation.
    #[must_use]
    pub fn first(&self) -> &Finding {
        self.findings.first().expect("a diagnosis is only made by `ranked`, with a finding")
    }

    /// The verdict of the best explanation.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.first().verdict()
    }

    /// All explanations, the best first.
    pub fn iter(&self) -> slice::Iter<'_, Finding> {
        self.findings.iter()
    }

    /// All explanations, the best first.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }
}

impl<'a> IntoIterator for &'a Diagnosis {
    type Item = &'a Finding;
    type IntoIter = slice::Iter<'a, Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !f.alternate() {
            return self.first().fmt(f);
        }
        for (index, finding) in self.iter().enumerate() {
            let lead = if index > 0 { "\nOr: " } else { "Why: " };
            write!(f, "{lead}{} ({})", finding.verdict(), finding.confidence())?;
            if !finding.evidence().is_empty() {
                f.write_str("\n  Evidence: ")?;
                finding.fmt_evidence(f)?;
            }
            write!(f, "\n  Remedy: {}", finding.remedy())?;
        }
        Ok(())
    }
}

/// A report and its diagnosis, to be shown or serialised together.
///
/// With feature `serde` it serialises as `{"termination": .., "diagnosis": ..}`. Names are in snake
/// case and stable; points in time and spans are numbers of seconds.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Report<'a> {
    /// What happened.
    pub termination: &'a Termination,
    /// Why.
    pub diagnosis: Diagnosis,
}

impl<'a> Report<'a> {
    /// The report of a termination with its own diagnosis.
    #[must_use]
    pub fn new(termination: &'a Termination) -> Self {
        Self { termination, diagnosis: termination.diagnosis() }
    }
}

/// The termination on one line and the diagnosis on the next; in the alternate form (`{:#}`) the
/// diagnosis for a person.
impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.termination)?;
        self.diagnosis.fmt(f)
    }
}
