//! The loop: waits for sockets and deadlines, and gives each connection its turn.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use farewell::Timestamp;
use farewell::driver::Wait;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};

use crate::client::{Client, Shared};
use crate::say;

/// What an event is about: these two, or a connection by its number.
const LISTENER: u64 = 0;
const INTERRUPT: u64 = 1;

/// How long nothing is accepted after a failure: too many open files, for example.
const PAUSE: Duration = Duration::from_millis(200);

struct Server {
    listener: TcpListener,
    epoll: OwnedFd,
    shared: Shared,
    /// With what each waits for, as epoll knows it.
    clients: HashMap<u64, (Client, Wait)>,
    last_number: u64,
    /// Until when nothing is accepted.
    paused: Option<Timestamp>,
    closing: bool,
}

/// Serves until Ctrl-C and the end of all connections.
pub(crate) fn run(listener: TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    say(format_args!("listening on {}", listener.local_addr()?));
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    let interrupt = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
    epoll::add(&epoll, &interrupt, EventData::new_u64(INTERRUPT), EventFlags::IN)?;
    let wake = interrupt.clone();
    let set = ctrlc::set_handler(move || {
        // It can only fail with the loop already woken.
        let _ = rustix::io::write(&wake, &1_u64.to_ne_bytes());
    });
    set.map_err(io::Error::other)?;
    let (shared, clients) = (Shared::new(), HashMap::new());
    let (last_number, paused, closing) = (INTERRUPT, None, false);
    let mut server = Server { listener, epoll, shared, clients, last_number, paused, closing };

    let mut events = Vec::with_capacity(256);
    while !(server.closing && server.clients.is_empty()) {
        let timeout = server.timeout();
        match epoll::wait(&server.epoll, spare_capacity(&mut events), timeout.as_ref()) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        for event in events.drain(..) {
            match event.data.u64() {
                LISTENER if server.closing => {}
                LISTENER => server.accept()?,
                INTERRUPT => {
                    let _ = rustix::io::read(&interrupt, &mut [0; 8]);
                    server.close()?;
                }
                number => server.turn(number)?,
            }
        }
        server.handle_timeouts()?;
    }
    Ok(())
}

impl Server {
    /// How long to wait at most. A look at every connection is good enough for some thousands; for
    /// more, keep the deadlines in a heap.
    fn timeout(&self) -> Option<Timespec> {
        let deadlines = self.clients.values().filter_map(|(_, wait)| wait.until);
        let next = deadlines.chain(self.paused).min()?;
        // Rounded up, so that the deadline has passed when the wait is over.
        let span = next.since(self.shared.clock.now()) + Duration::from_millis(1);
        Timespec::try_from(span).ok()
    }

    fn handle_timeouts(&mut self) -> io::Result<()> {
        let now = self.shared.clock.now();
        if self.paused.take_if(|until| *until <= now).is_some() {
            self.listen(true)?;
        }
        let due = self.clients.iter().filter(|(_, (_, wait))| wait.is_over(now));
        let due: Vec<u64> = due.map(|(number, _)| *number).collect();
        due.into_iter().try_for_each(|number| self.turn(number))
    }

    fn listen(&self, on: bool) -> io::Result<()> {
        let flags = if on { EventFlags::IN } else { EventFlags::empty() };
        Ok(epoll::modify(&self.epoll, &self.listener, EventData::new_u64(LISTENER), flags)?)
    }

    fn accept(&mut self) -> io::Result<()> {
        // Numbers are not used again: an event cannot reach somebody else's connection.
        self.last_number += 1;
        let data = EventData::new_u64(self.last_number);
        let accepted = self.listener.accept().and_then(|(stream, peer)| {
            let client = Client::new(stream, peer, &self.shared)?;
            epoll::add(&self.epoll, &client.stream, data, EventFlags::IN)?;
            Ok(client)
        });
        match accepted {
            Ok(client) => {
                let wait = Wait { read: true, write: false, until: None };
                self.clients.insert(self.last_number, (client, wait));
                self.turn(self.last_number)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) => {
                say(format_args!("accept: {error}"));
                self.paused = Some(self.shared.clock.now() + PAUSE);
                self.listen(false)
            }
        }
    }

    /// Gives a connection its turn; then asks for what it waits for, or lets go of it.
    fn turn(&mut self, number: u64) -> io::Result<()> {
        let Some((client, known)) = self.clients.get_mut(&number) else { return Ok(()) };
        let Some(wait) = client.turn(&mut self.shared) else {
            // Closing the socket takes it out of epoll.
            self.clients.remove(&number);
            return Ok(());
        };
        if (wait.read, wait.write) != (known.read, known.write) {
            // Errors and hang-ups are reported unasked; reading and writing tell what they are.
            let mut flags = EventFlags::empty();
            flags.set(EventFlags::IN, wait.read);
            flags.set(EventFlags::OUT, wait.write);
            epoll::modify(&self.epoll, &client.stream, EventData::new_u64(number), flags)?;
        }
        *known = wait;
        Ok(())
    }

    /// The first time says goodbye, the second one does not.
    fn close(&mut self) -> io::Result<()> {
        let again = std::mem::replace(&mut self.closing, true);
        self.paused = None;
        self.listen(false)?;
        let now = self.shared.clock.now();
        self.clients.values_mut().for_each(|(client, _)| client.leave(again, now));
        let numbers: Vec<u64> = self.clients.keys().copied().collect();
        numbers.into_iter().try_for_each(|number| self.turn(number))
    }
}
