//! How spans of time and points in time look in serialised form: as seconds with a fraction.

#![allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]

use core::time::Duration;

use serde::{Serialize, Serializer};

use crate::time::Timestamp;

/// What can be told in seconds.
pub(crate) trait Seconds {
    fn seconds(&self) -> Option<f64>;
}

impl Seconds for Duration {
    fn seconds(&self) -> Option<f64> {
        Some(self.as_secs_f64())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(&self.since(Self::ZERO), serializer)
    }
}

impl<T: Seconds> Seconds for Option<T> {
    fn seconds(&self) -> Option<f64> {
        self.as_ref().and_then(Seconds::seconds)
    }
}

pub(crate) fn serialize<S: Serializer>(
    value: &impl Seconds,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value.seconds() {
        Some(seconds) => serializer.serialize_f64(seconds),
        None => None::<f64>.serialize(serializer),
    }
}
