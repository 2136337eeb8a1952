//! What can be set about reconnecting.

use alloc::boxed::Box;
use core::fmt;
use core::ops::RangeInclusive;
use core::time::Duration;

use super::outcome::{Advice, Outcome};
use crate::sync::Arc;

/// Settings of a [`Reconnect`](super::Reconnect).
///
/// Every duration can be anything: ranges that are the wrong way round count as their start, and
/// sums saturate.
///
/// ```
/// use core::time::Duration;
/// use farewell::reconnect::{Advice, Classifier, Outcome, ReconnectConfig};
///
/// let mut config = ReconnectConfig::default();
/// config.max_delay = Duration::from_secs(20);
/// config.require_healthy = true;
/// // 4001 means "your token has run out" in this application: a new one is fetched on the way.
/// config.classify = Some(Classifier::new(|outcome| match outcome {
///     Outcome::Ended(report) if report.code == 4001 => Some(Advice::Retry),
///     _ => None,
/// }));
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ReconnectConfig {
    /// The first delay after a connection that was stable is uniform between nothing and this (RFC
    /// 6455 section 7.2.3). Default: 5 s.
    pub first_delay: Duration,
    /// No later delay of the backoff is shorter. Default: 100 ms.
    pub min_delay: Duration,
    /// After `n` delays in a row, the next is uniform between [`min_delay`](Self::min_delay) and
    /// this times 2^n, or [`first_delay`](Self::first_delay) where that is longer, but at most
    /// [`max_delay`](Self::max_delay). Default: 1 s.
    pub base_delay: Duration,
    /// The cap of the backoff, and the pace once the budget is used up. Default: 60 s.
    pub max_delay: Duration,
    /// How long a connection has to be open before the backoff begins anew after it; at least as
    /// long as the delay before it was, whatever this says. Default: 10 s.
    pub stable_after: Duration,
    /// Whether a connection is stable only once the application has called
    /// [`mark_healthy`](super::Reconnect::mark_healthy), too: after it was authenticated, for
    /// example. Default: no.
    pub require_healthy: bool,
    /// Attempts in any [`budget_window`](Self::budget_window), beyond which there is one in every
    /// [`max_delay`](Self::max_delay). Zero counts as one. Default: 10.
    pub budget_attempts: u32,
    /// The time that the budget is for. Default: 5 min.
    pub budget_window: Duration,
    /// How long an attempt may take until the connection is open. Default: 10 s.
    pub connect_timeout: Duration,
    /// The delay after a Close with code 1012: the server restarts. Default: 5 s to 30 s.
    pub restart_delay: RangeInclusive<Duration>,
    /// The delay after a Close with code 1013: the server is overloaded. Default: 1 min to 5 min.
    pub overload_delay: RangeInclusive<Duration>,
    /// The delay after a status that a captive portal or a deployment may have answered: 200, 511,
    /// a redirection to another host, a 404 where a connection was open before. Default: 30 s to
    /// 2 min.
    pub later_delay: RangeInclusive<Duration>,
    /// Gives up where no connection has been stable for so long: the attempt that would begin later
    /// is not made. Counted from the start, or from the ending of the last stable connection.
    /// Default: never.
    pub give_up_after: Option<Duration>,
    /// Gives up after so many attempts in a row that have led to no stable connection. Counted from
    /// the start, or from the ending of the last stable connection; zero counts as one. Default:
    /// never.
    pub give_up_after_attempts: Option<u32>,
    /// The most that a server's Retry-After is honoured, or a proxy's. Default: 10 min.
    ///
    /// What it asks for is waited in full up to this, and then for up to
    /// [`first_delay`](Self::first_delay) more, so that those who were told the same do not come
    /// back together.
    pub max_retry_after: Duration,
    /// The application's own classification, asked before the table of the
    /// [module](crate::reconnect). Default: none.
    pub classify: Option<Classifier>,
}

impl Default for ReconnectConfig {
    fn default() -> Self {
        Self {
            first_delay: Duration::from_secs(5),
            min_delay: Duration::from_millis(100),
            base_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(60),
            stable_after: Duration::from_secs(10),
            require_healthy: false,
            budget_attempts: 10,
            budget_window: Duration::from_secs(300),
            connect_timeout: Duration::from_secs(10),
            restart_delay: Duration::from_secs(5)..=Duration::from_secs(30),
            overload_delay: Duration::from_secs(60)..=Duration::from_secs(300),
            later_delay: Duration::from_secs(30)..=Duration::from_secs(120),
            give_up_after: None,
            give_up_after_attempts: None,
            max_retry_after: Duration::from_secs(600),
            classify: None,
        }
    }
}

type Classify = dyn Fn(&Outcome<'_>) -> Option<Advice> + Send + Sync;

/// The application's own say in what an ending means; clones share it.
///
/// It is asked about every outcome but those that the application itself caused: its own close and
/// abort always stop. `None` leaves the decision to the table.
#[derive(Clone)]
pub struct Classifier(Arc<Classify>);

impl Classifier {
    /// Classifies by this function, which should return the same advice for the same outcome.
    #[must_use]
    pub fn new(classify: impl Fn(&Outcome<'_>) -> Option<Advice> + Send + Sync + 'static) -> Self {
        // Through a box, which each kind of `Arc` can be made of.
        let classify: Box<Classify> = Box::new(classify);
        Self(Arc::from(classify))
    }

    pub(super) fn classify(&self, outcome: &Outcome<'_>) -> Option<Advice> {
        (self.0)(outcome)
    }
}

impl fmt::Debug for Classifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Classifier").finish_non_exhaustive()
    }
}
