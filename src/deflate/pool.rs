//! Compressors and inflaters that no session uses right now.
//!
//! Invariant: no more than a fixed number of each, and each as good as new.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use std::sync::{Mutex, PoisonError};

use super::compressor::Compressor;
use super::inflater::Inflater;

/// A compressor is in use for the time of one call, so that there is seldom more than one for each
/// core.
const COMPRESSORS: usize = 16;

/// An inflater is in use until its message is complete.
const INFLATERS: usize = 64;

/// Shared by all sessions whose settings are clones of each other.
#[derive(Clone, Default)]
pub(super) struct Pool(Arc<Mutex<Spare>>);

#[derive(Default)]
#[expect(clippy::vec_box, reason = "sessions hold them boxed, and get them so")]
struct Spare {
    compressors: Vec<Box<Compressor>>,
    inflaters: Vec<Box<Inflater>>,
}

impl Pool {
    /// A compressor of this level and window.
    pub(super) fn compressor(&self, level: u8, bits: u8) -> Box<Compressor> {
        let found = self.with(|spare| {
            let at = spare.compressors.iter().position(|found| found.is(level, bits))?;
            Some(spare.compressors.swap_remove(at))
        });
        found.unwrap_or_else(|| Box::new(Compressor::new(level, bits)))
    }

    pub(super) fn recycle_compressor(&self, mut compressor: Box<Compressor>) {
        compressor.reset();
        self.with(|spare| {
            if spare.compressors.len() == COMPRESSORS {
                // The oldest goes: another window or level may be asked for now.
                spare.compressors.remove(0);
            }
            spare.compressors.push(compressor);
        });
    }

    pub(super) fn inflater(&self) -> Box<Inflater> {
        let found = self.with(|spare| spare.inflaters.pop());
        found.unwrap_or_else(|| Box::new(Inflater::new()))
    }

    pub(super) fn recycle_inflater(&self, mut inflater: Box<Inflater>) {
        inflater.reset();
        self.with(|spare| {
            if spare.inflaters.len() < INFLATERS {
                spare.inflaters.push(inflater);
            }
        });
    }

    fn with<R>(&self, work: impl FnOnce(&mut Spare) -> R) -> R {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}

/// Settings are equal whatever they have at hand.
impl PartialEq for Pool {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
