//! What a dial says is to be done.

use alloc::boxed::Box;
use core::net::SocketAddr;

#[cfg(doc)]
use crate::dial::DialRecord;
use crate::time::Timestamp;

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// This name is to be looked up.
    Resolve {
        /// The name.
        host: Box<str>,
        /// The port of the addresses.
        port: u16,
    },
    /// A connection to this address is to be begun. Others may be under way.
    Connect {
        /// Its place in [`DialRecord::attempts`].
        attempt: usize,
        /// The address.
        address: SocketAddr,
    },
    /// This attempt is to be dropped, with its stream where it has one.
    Drop {
        /// Its place in [`DialRecord::attempts`].
        attempt: usize,
    },
    /// Some of the output is to be written to the stream that connected.
    Write,
    /// A read from the stream that connected is to be tried.
    Read,
    /// There is nothing to do before something has happened.
    Wait(Wait),
    /// The stream of this attempt leads to the server. It is said again and again.
    Connected {
        /// Its place in [`DialRecord::attempts`].
        attempt: usize,
    },
    /// There will be no connection. It is said again and again.
    Failed,
}

/// What to wait for: whatever comes first. A lookup and attempts that are under way are awaited, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wait {
    /// Something can be read from the stream that connected.
    pub read: bool,
    /// Something can be written to it.
    pub write: bool,
    /// This time has come.
    pub until: Timestamp,
}

impl Wait {
    /// Whether the time has come.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until <= now
    }
}
