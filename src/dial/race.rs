//! The race of the addresses (RFC 8305, "Happy Eyeballs"): which is tried next, and when.
//!
//! Invariants: families alternate, beginning with that of the first address, each in the order
//! given; no more attempts are under way than [`MAX_UNDER_WAY`]; an attempt is one of
//! [`DialRecord::attempts`], by its index there.

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use crate::report::{AddressAttempt, AttemptOutcome, DialRecord, PhaseSpan};
use crate::time::Timestamp;

/// Attempts under way at once, at most: what 8 s of silent addresses make at the usual pace.
pub(super) const MAX_UNDER_WAY: usize = 32;

/// Addresses of one race, at most.
pub(super) const MAX_ADDRESSES: usize = 1000;

#[derive(Debug, Default)]
pub(super) struct Race {
    waiting: VecDeque<SocketAddr>,
    under_way: Vec<usize>,
    /// When the next attempt begins, while another is under way.
    next_at: Timestamp,
}

impl Race {
    pub(super) fn new(addresses: &[SocketAddr]) -> Self {
        Self { waiting: alternate(addresses), ..Self::default() }
    }

    /// The attempt that begins now, if one does.
    pub(super) fn begin(
        &mut self,
        delay: Duration,
        record: &mut DialRecord,
        now: Timestamp,
    ) -> Option<(usize, SocketAddr)> {
        if !self.has_room() || (now < self.next_at && !self.under_way.is_empty()) {
            return None;
        }
        let address = self.waiting.pop_front()?;
        let attempt = record.attempts.len();
        let (span, outcome) = (PhaseSpan::begun(now), AttemptOutcome::Pending);
        record.attempts.push(AddressAttempt { address, span, outcome });
        self.under_way.push(attempt);
        self.next_at = now + delay;
        Some((attempt, address))
    }

    /// When the next attempt begins, if nothing happens before.
    pub(super) fn next_at(&self) -> Option<Timestamp> {
        (self.has_room() && !self.waiting.is_empty()).then_some(self.next_at)
    }

    fn has_room(&self) -> bool {
        self.under_way.len() < MAX_UNDER_WAY
    }

    /// Takes an attempt out. Returns whether it was under way.
    pub(super) fn end(&mut self, attempt: usize) -> bool {
        let place = self.under_way.iter().position(|under_way| *under_way == attempt);
        place.map(|place| self.under_way.remove(place)).is_some()
    }

    /// An attempt has failed: the next need not wait.
    pub(super) fn hurry(&mut self, now: Timestamp) {
        self.next_at = self.next_at.min(now);
    }

    /// Whether no address is left that could still connect.
    pub(super) fn is_lost(&self) -> bool {
        self.waiting.is_empty() && self.under_way.is_empty()
    }

    /// The race is over: what is still under way, and how many addresses were not tried.
    pub(super) fn finish(self) -> (Vec<usize>, usize) {
        (self.under_way, self.waiting.len())
    }
}

/// Each address once, the families in turn.
fn alternate(addresses: &[SocketAddr]) -> VecDeque<SocketAddr> {
    let mut seen = BTreeSet::new();
    let once = addresses.iter().copied().filter(|address| seen.insert(*address));
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        once.partition(|address| address.is_ipv6() == first_is_v6);
    let mut order = VecDeque::with_capacity(first.len() + second.len());
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    loop {
        match (first.next(), second.next()) {
            (None, None) => return order,
            (one, other) => order.extend(one.into_iter().chain(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    fn addresses(list: &str) -> Vec<SocketAddr> {
        let address = |name: &str| match name.strip_prefix('v') {
            Some(last) => format!("[2001:db8::{last}]:80").parse().unwrap(),
            None => format!("192.0.2.{name}:80").parse().unwrap(),
        };
        list.split_whitespace().map(address).collect()
    }

    #[test]
    fn families_alternate_and_each_address_comes_once() {
        let cases = [
            ("", ""),
            ("1", "1"),
            ("v1 v2 1 2", "v1 1 v2 2"),
            ("1 2 3 v1", "1 v1 2 3"),
            ("v1 1 v1 1 v2", "v1 1 v2"),
            ("1 v1 v2 v3", "1 v1 v2 v3"),
        ];
        for (given, expected) in cases {
            assert_eq!(alternate(&addresses(given)), addresses(expected), "{given}");
        }
    }
}
