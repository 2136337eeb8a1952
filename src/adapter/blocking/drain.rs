//! Closing all sockets of a server, over blocking streams.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;

use crate::adapter::drain::{Next, Shared, Ticket};
use crate::adapter::{Drained, lock};
use crate::time::{Clock, Timestamp};
use crate::wire::close::CloseFrame;

/// A read does not wait longer than this where an order may come meanwhile.
pub(super) const LOOK: Duration = Duration::from_millis(500);

/// How long it may take to wake who waits for the next connection.
const KNOCK: Duration = Duration::from_secs(1);

/// The sockets of a server, to be closed together and not at once: for a restart, or an end.
///
/// A clone is the same drain. Each socket [joins](super::WebSocket::join) it;
/// [`close_all`](Self::close_all) then closes all of them, on their own threads. A thread that waits
/// for its peer looks for an order every half second, which is all that a socket of a drain costs.
///
/// ```no_run
/// use std::net::TcpListener;
/// use std::thread;
/// use std::time::Duration;
///
/// use farewell::blocking::{self, Drain};
/// use farewell::handshake::Origins;
/// use farewell::{Acceptor, CloseCode};
///
/// let (acceptor, drain) = (Acceptor::new(Origins::SameHost), Drain::new());
/// let listener = TcpListener::bind("127.0.0.1:9001")?;
/// let accepting = drain.clone();
/// thread::spawn(move || {
///     for stream in accepting.incoming(&listener) {
///         let Ok(stream) = stream else { break };
///         let (acceptor, ticket) = (acceptor.clone(), accepting.ticket());
///         thread::spawn(move || {
///             let Ok(mut socket) = blocking::accept(stream, &acceptor) else { return };
///             socket.join(ticket);
///             while let Ok(message) = socket.next().into_message() {
///                 let _ = socket.feed(message);
///             }
///         });
///     }
/// });
/// # fn wait_for_a_signal() {}
/// wait_for_a_signal();
/// println!("{}", drain.close_all(CloseCode::SERVICE_RESTART, Duration::from_secs(10)));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Drain {
    shared: Arc<Shared>,
    doors: Arc<Mutex<Doors>>,
}

/// Where connections are waited for.
#[derive(Debug, Default)]
struct Doors {
    addresses: BTreeMap<u64, SocketAddr>,
    next: u64,
}

impl Drain {
    /// A drain without sockets.
    #[must_use]
    pub fn new() -> Self {
        Self { shared: Shared::new(None), doors: Arc::default() }
    }

    /// A place for a connection that was accepted, which the drain then waits for: take it before the
    /// opening handshake, so that no connection is lost between the two.
    #[must_use]
    pub fn ticket(&self) -> Ticket {
        self.shared.ticket()
    }

    /// Whether it has begun: nobody else should be let in.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.shared.has_begun()
    }

    /// The connections that come in, as of [`TcpListener::incoming`], until the drain begins.
    ///
    /// A thread that waits for the next one is woken by a connection that [`close_all`](Self::close_all)
    /// makes to the listener's own address. Drop the listener afterwards, so that clients are refused
    /// and go elsewhere.
    pub fn incoming<'a>(
        &self,
        listener: &'a TcpListener,
    ) -> impl Iterator<Item = io::Result<TcpStream>> + use<'a> {
        let mut doors = lock(&self.doors);
        let door = doors.next;
        doors.next += 1;
        if let Ok(address) = listener.local_addr() {
            doors.addresses.insert(door, address);
        }
        drop(doors);
        Entrance { drain: self.clone(), door, listener }
    }

    /// How many sockets there are, with the connections that have a ticket and no socket yet.
    #[must_use]
    pub fn sockets(&self) -> usize {
        self.shared.len()
    }

    /// Closes all sockets with this Close, [`GOING_AWAY`](crate::CloseCode::GOING_AWAY) or
    /// [`SERVICE_RESTART`](crate::CloseCode::SERVICE_RESTART) for example, and waits for their ends.
    ///
    /// The Closes are spread evenly over the first half of the time, so that the clients do not all
    /// come back at once; the second half is for what still has to leave, and for the peers' Closes.
    /// Whoever has not ended after `within` is aborted, and waited for no longer than another second.
    /// A socket that joins later is closed at once. It is over as soon as nobody is left.
    ///
    /// A socket is closed on its own thread, as if that had called
    /// [`queue_close`](super::WebSocket::queue_close): what was queued before leaves first, messages
    /// that still come are handed out, and the report is the last thing that `next` returns. Where that
    /// thread does not wait for its socket, nothing happens before it does; nor while it waits for a
    /// stream whose waits cannot be bounded, see [`Untimed`](super::Untimed).
    pub fn close_all(&self, frame: impl Into<CloseFrame>, within: Duration) -> Drained {
        let clock = Clock::new();
        let mut draining = self.shared.begin(frame.into(), within);
        self.knock();
        loop {
            let elapsed = clock.now().since(Timestamp::ZERO);
            match draining.next(elapsed) {
                Next::Over(drained) => return drained,
                Next::Wait { until, seen } => draining.wait(seen, until.saturating_sub(elapsed)),
            }
        }
    }

    /// Wakes who waits for a connection.
    fn knock(&self) {
        let addresses: Box<[_]> = lock(&self.doors).addresses.values().copied().collect();
        for mut address in addresses {
            match address.ip() {
                IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
                IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
                _ => {}
            }
            // Where that fails, nobody else gets in either, or the next who comes wakes it.
            let _ = TcpStream::connect_timeout(&address, KNOCK);
        }
    }
}

impl Default for Drain {
    fn default() -> Self {
        Self::new()
    }
}

impl From<&Drain> for Ticket {
    fn from(drain: &Drain) -> Self {
        drain.ticket()
    }
}

/// The connections of a listener until the drain begins.
struct Entrance<'a> {
    drain: Drain,
    door: u64,
    listener: &'a TcpListener,
}

impl Iterator for Entrance<'_> {
    type Item = io::Result<TcpStream>;

    fn next(&mut self) -> Option<io::Result<TcpStream>> {
        if self.drain.is_draining() {
            return None;
        }
        let accepted = self.listener.accept();
        (!self.drain.is_draining()).then(|| accepted.map(|(stream, _)| stream))
    }
}

impl Drop for Entrance<'_> {
    fn drop(&mut self) {
        lock(&self.drain.doors).addresses.remove(&self.door);
    }
}
