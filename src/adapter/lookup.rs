//! Lookups of names, each on a thread of its own, which is let go where nobody waits any more.
//!
//! Invariant: of these threads there are no more than [`MAX_LOOKUPS`] in the process, those that
//! were let go included. No runtime has to wait for one of them when it ends.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::net::ToSocketAddrs;
use std::{io, thread};

use super::ConnectOptions;

const MAX_LOOKUPS: usize = 64;

static LOOKUPS: AtomicUsize = AtomicUsize::new(0);

/// Looks a name up as the options say, and tells what came of it on another thread.
///
/// # Errors
///
/// No thread could be had for it.
pub(super) fn look_up(
    options: &ConnectOptions,
    host: Box<str>,
    port: u16,
    tell: impl FnOnce(io::Result<Vec<SocketAddr>>) + Send + 'static,
) -> io::Result<()> {
    let place = Place::take(&LOOKUPS, MAX_LOOKUPS)
        .ok_or_else(|| io::Error::other("too many lookups of this process are under way"))?;
    let resolver = options.resolver.clone();
    let work = move || {
        let _place = place;
        tell(match resolver {
            Some(resolve) => resolve(&host, port),
            None => (&*host, port).to_socket_addrs().map(Iterator::collect),
        });
    };
    thread::Builder::new().spawn(work).map(drop)
}

/// One of a bounded number of places, for as long as it is there.
pub(super) struct Place(&'static AtomicUsize);

impl Place {
    pub(super) fn take(taken: &'static AtomicUsize, most: usize) -> Option<Self> {
        let more = |count: usize| (count < most).then_some(count + 1);
        let result = taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
        result.ok().map(|_| Self(taken))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_given_back() {
        static TAKEN: AtomicUsize = AtomicUsize::new(0);
        let both = [Place::take(&TAKEN, 2), Place::take(&TAKEN, 2)];
        assert!(both.iter().all(Option::is_some) && Place::take(&TAKEN, 2).is_none());
        drop(both);
        assert!(Place::take(&TAKEN, 2).is_some());
    }
}
