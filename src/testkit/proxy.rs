//! What a proxy between the two ends has seen, and when it loses patience.

use super::direction_faults::{DirectionFaults, End, Flow};
use super::fault::{Cut, Faults, Proxy};
use crate::report::TransportError;
use crate::time::Timestamp;
use crate::wire::role::Role;

/// A proxy at work.
#[derive(Debug)]
pub(super) struct Watch {
    proxy: Proxy,
    started: Timestamp,
    last: Timestamp,
    done: bool,
}

impl Watch {
    pub(super) fn all(faults: &Faults, now: Timestamp) -> alloc::vec::Vec<Self> {
        let watch =
            |proxy: &Proxy| Self { proxy: proxy.clone(), started: now, last: now, done: false };
        faults.proxies.iter().map(watch).collect()
    }

    /// Something passed on its way to this endpoint.
    pub(super) fn saw(&mut self, to: Role, now: Timestamp) {
        if self.proxy.watches.is_none_or(|watched| watched == to) {
            self.last = self.last.max(now);
        }
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let idle = self.proxy.idle.map(|span| self.last + span);
        let lifetime = self.proxy.lifetime.map(|span| self.started + span);
        [idle, lifetime].into_iter().flatten().min().filter(|_| !self.done)
    }

    /// How it ends the connection, if it does now; returned once.
    pub(super) fn advance(&mut self, now: Timestamp) -> Option<Cut> {
        self.deadline().filter(|at| *at <= now)?;
        self.done = true;
        Some(self.proxy.cut)
    }
}

impl Cut {
    /// Ends one of the directions.
    pub(super) fn sever(self, faults: &mut DirectionFaults) {
        match self {
            Self::Fin => faults.end(End::Closed),
            Self::Reset => faults.end(End::Failed(TransportError::Reset)),
            Self::Silence if matches!(faults.flow, Flow::Ended(_)) => {}
            Self::Silence => faults.flow = Flow::Vanishing,
        }
    }
}
