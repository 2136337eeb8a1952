//! The loop: waits for sockets and deadlines, and gives each connection its turn.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use farewell::{CloseCode, CloseFrame, Timestamp};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};

use crate::client::{Client, Shared};

/// What an event is about: these two, or a connection by its number.
const LISTENER: u64 = 0;
const INTERRUPT: u64 = 1;

/// How long nothing is accepted after a failure: too many open files, for example.
const PAUSE: Duration = Duration::from_millis(200);

struct Server<'l> {
    listener: &'l TcpListener,
    epoll: OwnedFd,
    /// Ctrl-C counts it up.
    interrupt: Arc<OwnedFd>,
    shared: Shared,
    clients: HashMap<u64, (Client, EventFlags)>,
    last_number: u64,
    /// Until when nothing is accepted.
    paused: Option<Timestamp>,
    closing: bool,
}

/// Serves until Ctrl-C and the end of all connections.
pub(crate) fn run(listener: &TcpListener) -> io::Result<()> {
    let mut server = Server::new(listener)?;
    let mut events = Vec::with_capacity(256);
    while !(server.closing && server.clients.is_empty()) {
        let timeout = server.timeout();
        match epoll::wait(&server.epoll, spare_capacity(&mut events), timeout.as_ref()) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        for event in events.drain(..) {
            let flags = event.flags;
            match event.data.u64() {
                LISTENER => server.accept()?,
                INTERRUPT => server.close()?,
                number => server.ready(number, flags)?,
            }
        }
        server.handle_timeouts()?;
    }
    Ok(())
}

impl<'l> Server<'l> {
    fn new(listener: &'l TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let interrupt = Arc::new(eventfd(0, flags)?);
        epoll::add(&epoll, &interrupt, EventData::new_u64(INTERRUPT), EventFlags::IN)?;
        let wake = interrupt.clone();
        let set = ctrlc::set_handler(move || {
            // It can only fail with the loop already woken.
            let _ = rustix::io::write(&wake, &1_u64.to_ne_bytes());
        });
        set.map_err(io::Error::other)?;
        Ok(Self {
            listener,
            epoll,
            interrupt,
            shared: Shared::new(),
            clients: HashMap::new(),
            last_number: INTERRUPT,
            paused: None,
            closing: false,
        })
    }

    /// How long to wait at most. A look at every connection is good enough for some thousands; for
    /// more, keep the deadlines in a heap.
    fn timeout(&self) -> Option<Timespec> {
        let deadlines = self.clients.values().filter_map(|(client, _)| client.deadline());
        let next = deadlines.chain(self.paused).min()?;
        // Rounded up, so that the deadline has passed when the wait is over.
        let span = next.since(self.shared.clock.now()) + Duration::from_millis(1);
        Timespec::try_from(span).ok()
    }

    fn handle_timeouts(&mut self) -> io::Result<()> {
        let now = self.shared.clock.now();
        if self.paused.is_some_and(|until| until <= now) {
            self.paused = None;
            self.accept()?;
        }
        let due = |client: &Client| client.deadline().is_some_and(|at| at <= now);
        let due = self.clients.iter().filter(|(_, (client, _))| due(client));
        let due: Vec<u64> = due.map(|(number, _)| *number).collect();
        for number in due {
            self.turn(number, Client::handle_timeout)?;
        }
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        while !self.closing && self.paused.is_none() {
            match self.listener.accept() {
                Ok((stream, peer)) => match Client::new(stream, peer, &self.shared) {
                    Ok(client) => self.add(client)?,
                    Err(error) => eprintln!("{peer}: {error}"),
                },
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => {
                    eprintln!("accept: {error}");
                    self.paused = Some(self.shared.clock.now() + PAUSE);
                }
            }
        }
        let flags = if self.paused.is_some() { EventFlags::empty() } else { EventFlags::IN };
        if !self.closing {
            epoll::modify(&self.epoll, self.listener, EventData::new_u64(LISTENER), flags)?;
        }
        Ok(())
    }

    fn add(&mut self, client: Client) -> io::Result<()> {
        // Numbers are not used again: an event cannot reach somebody else's connection.
        self.last_number += 1;
        let data = EventData::new_u64(self.last_number);
        epoll::add(&self.epoll, &client.stream, data, EventFlags::IN)?;
        self.clients.insert(self.last_number, (client, EventFlags::IN));
        Ok(())
    }

    fn ready(&mut self, number: u64, flags: EventFlags) -> io::Result<()> {
        // Errors and hang-ups are reported unasked; reading tells what they are.
        let readable = flags.intersects(EventFlags::IN | EventFlags::ERR | EventFlags::HUP);
        self.turn(number, |client, shared| client.handle_ready(readable, shared))
    }

    /// The first time says goodbye, the second one does not.
    fn close(&mut self) -> io::Result<()> {
        let _ = rustix::io::read(&self.interrupt, &mut [0; 8]);
        let again = self.closing;
        if !again {
            self.closing = true;
            epoll::delete(&self.epoll, self.listener)?;
        }
        let away = CloseFrame::from_code(CloseCode::GOING_AWAY);
        let numbers: Vec<u64> = self.clients.keys().copied().collect();
        for number in numbers {
            self.turn(number, |client, shared| {
                if again { client.abort(shared) } else { client.close(away, shared) }
            })?;
        }
        Ok(())
    }

    /// Gives a connection its turn; then asks for what it waits for, or lets go of it.
    fn turn(&mut self, number: u64, act: impl FnOnce(&mut Client, &mut Shared)) -> io::Result<()> {
        let Some((client, flags)) = self.clients.get_mut(&number) else { return Ok(()) };
        act(client, &mut self.shared);
        if let Some(report) = client.ended() {
            println!("{report}");
            // Closing the socket takes it out of epoll.
            self.clients.remove(&number);
            return Ok(());
        }
        let (read, write) = client.waits_for();
        let mut wanted = EventFlags::empty();
        wanted.set(EventFlags::IN, read);
        wanted.set(EventFlags::OUT, write);
        if wanted != *flags {
            *flags = wanted;
            epoll::modify(&self.epoll, &client.stream, EventData::new_u64(number), wanted)?;
        }
        Ok(())
    }
}
