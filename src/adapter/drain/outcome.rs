//! What came of a drain, in numbers.

use alloc::collections::BTreeMap;
use core::fmt;
use core::time::Duration;

use crate::report::{Cause, Termination};
use crate::time::display::Span;

/// What came of closing all sockets of a drain.
///
/// Its `Display` is one line:
///
/// ```text
/// 41 of 42 sockets closed cleanly, 1 aborted; closing_handshake 41, aborted 1; in 10.0 s
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Drained {
    /// The sockets that were open when it began, and those that were opened later.
    pub sockets: u64,
    /// Those that have ended with both Close frames.
    pub clean: u64,
    /// Those that have ended in any other way but an abort.
    pub unclean: u64,
    /// Those that were aborted on this side: by the drain once time was up, or by the application.
    pub aborted: u64,
    /// Those that the application has dropped before their end.
    pub dropped: u64,
    /// Those that are still there, since nobody has asked them for a message or let them write.
    pub left: u64,
    /// How long it took.
    pub took: Duration,
    causes: BTreeMap<&'static str, u64>,
}

impl Drained {
    /// How many have ended by each cause, by its [name](Cause::name).
    pub fn by_cause(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.causes.iter().map(|(name, count)| (*name, *count))
    }

    /// Whether all have ended cleanly.
    #[must_use]
    pub fn all_clean(&self) -> bool {
        self.clean == self.sockets
    }

    pub(super) fn add(&mut self, report: &Termination) {
        match report.cause {
            _ if report.clean => self.clean += 1,
            Cause::Aborted => self.aborted += 1,
            _ => self.unclean += 1,
        }
        *self.causes.entry(report.cause.name()).or_default() += 1;
    }

    pub(super) fn with(self, left: u64, took: Duration) -> Self {
        Self { left, took, ..self }
    }
}

impl fmt::Display for Drained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} sockets closed cleanly", self.clean, self.sockets)?;
        let others = [
            (self.unclean, "ended otherwise"),
            (self.aborted, "aborted"),
            (self.dropped, "dropped"),
            (self.left, "left"),
        ];
        for (count, what) in others.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, ", {count} {what}")?;
        }
        for (index, (name, count)) in self.by_cause().enumerate() {
            write!(f, "{} {name} {count}", if index == 0 { ";" } else { "," })?;
        }
        write!(f, "; in {}", Span(self.took))
    }
}
