//! One connection: its socket, its opening handshake, then its `Connection`.
//!
//! Invariant: every call ends with all events taken, and with all output written or kept in
//! `unsent`. Nothing here waits.

use std::io::{self, ErrorKind, Read, Write};
use std::mem;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use farewell::handshake::{
    Accept, HandshakeError, Origins, Request, ResponseError, ServerHandshake,
};
use farewell::{
    Chunk, Clock, CloseFrame, Config, Connection, Event, ReadClosed, Role, Seed, Timestamp,
};

/// Whoever leaves more than this unread is not read from until it has caught up, but for the rest of
/// a message: many clients read only once they have sent all of it.
const ENOUGH: usize = 256 * 1024;

/// What all connections of the thread share.
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    config: Arc<Config>,
    accept: Accept,
    input: Box<[u8]>,
    /// Lent to the connection whose turn it is, unless that has output of its own.
    output: BytesMut,
}

impl Shared {
    pub(crate) fn new() -> Self {
        Self {
            clock: Clock::new(),
            config: Arc::default(),
            // An echo has no secrets: any web page may use it.
            accept: Accept::new(Origins::Any),
            input: vec![0; 64 * 1024].into(),
            output: BytesMut::new(),
        }
    }
}

pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    peer: SocketAddr,
    stage: Stage,
    /// Output that the socket has not taken; without memory while there is none.
    unsent: BytesMut,
    /// How much of it is HTTP, of which the `Connection` knows nothing.
    unsent_http: usize,
    inside_message: bool,
    read_closed: bool,
    shut_down: bool,
}

enum Stage {
    /// The request is awaited.
    Opening {
        handshake: ServerHandshake,
        deadline: Timestamp,
    },
    /// The request was refused. As with a Close, the answer could be lost if the socket were closed
    /// at once: the client's end is awaited, for a time.
    Refused {
        why: HandshakeError,
        deadline: Timestamp,
    },
    Open(Box<Connection>),
    /// It is over, and this is to be said of it.
    Ended(String),
}

impl Client {
    pub(crate) fn new(stream: TcpStream, peer: SocketAddr, shared: &Shared) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let handshake = ServerHandshake::new(&shared.config.limits);
        let deadline = shared.clock.now() + shared.config.timeouts.handshake;
        Ok(Self {
            stream,
            peer,
            stage: Stage::Opening { handshake, deadline },
            unsent: BytesMut::new(),
            unsent_http: 0,
            inside_message: false,
            read_closed: false,
            shut_down: false,
        })
    }

    /// What is to be said of it, once it is over.
    pub(crate) fn ended(&self) -> Option<String> {
        match &self.stage {
            Stage::Ended(report) => Some(format!("{}: {report}", self.peer)),
            _ => None,
        }
    }

    /// Whether it waits for input, and whether for room for its output.
    pub(crate) fn waits_for(&self) -> (bool, bool) {
        let read = !self.read_closed && (self.unsent.len() < ENOUGH || self.inside_message);
        (read, !self.unsent.is_empty())
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        match &self.stage {
            Stage::Opening { deadline, .. } | Stage::Refused { deadline, .. } => Some(*deadline),
            Stage::Open(connection) => connection.poll_timeout(),
            Stage::Ended(_) => None,
        }
    }

    /// The socket is ready for reading, or writing, or both.
    pub(crate) fn handle_ready(&mut self, readable: bool, shared: &mut Shared) {
        self.turn(shared, |client, shared| {
            if readable {
                client.read(shared);
            }
        });
    }

    /// The deadline has passed. Its peer may only be unread, so that is looked at first.
    pub(crate) fn handle_timeout(&mut self, shared: &mut Shared) {
        self.turn(shared, |client, shared| {
            client.read(shared);
            let now = shared.clock.now();
            match &mut client.stage {
                Stage::Opening { deadline, .. } if *deadline <= now => {
                    client.end("the opening handshake was not over in time");
                }
                Stage::Refused { why, deadline } if *deadline <= now => {
                    let why = *why;
                    client.end(refusal(why));
                }
                Stage::Open(connection) => connection.handle_timeout(now),
                _ => {}
            }
        });
    }

    /// The server is going away.
    pub(crate) fn close(&mut self, frame: CloseFrame, shared: &mut Shared) {
        self.turn(shared, |client, shared| match &mut client.stage {
            // Where it is refused, the end is already under way.
            Stage::Open(connection) => drop(connection.close(frame, shared.clock.now())),
            _ => client.end("dropped in the opening handshake"),
        });
    }

    pub(crate) fn abort(&mut self, shared: &mut Shared) {
        self.turn(shared, |client, shared| match &mut client.stage {
            Stage::Open(connection) => connection.abort(shared.clock.now()),
            _ => client.end("dropped in the opening handshake"),
        });
    }

    fn end(&mut self, report: impl Into<String>) {
        if !matches!(self.stage, Stage::Ended(_)) {
            self.stage = Stage::Ended(report.into());
        }
    }

    /// Does something, then all that follows from it: events, output, shutdown.
    fn turn(&mut self, shared: &mut Shared, act: impl FnOnce(&mut Self, &mut Shared)) {
        if self.unsent.is_empty() {
            mem::swap(&mut self.unsent, &mut shared.output);
        }
        act(self, shared);
        let now = shared.clock.now();
        self.take_events(&mut [], now);
        self.write(now);
        // That the last byte is out may have been all that was missing.
        self.take_events(&mut [], now);
        self.see_off(&shared.config, now);
        if self.unsent.is_empty() {
            mem::swap(&mut self.unsent, &mut shared.output);
        }
    }

    fn read(&mut self, shared: &mut Shared) {
        if self.read_closed {
            return;
        }
        let mut input = mem::take(&mut shared.input);
        let result = self.stream.read(&mut input);
        match result {
            Ok(0) => self.handle_read_closed(ReadClosed::Eof, shared),
            Ok(len) => self.receive(&mut input[..len], shared),
            Err(error) if is_wait(&error) => {}
            Err(error) => self.handle_read_closed((&error).into(), shared),
        }
        shared.input = input;
    }

    fn receive(&mut self, input: &mut [u8], shared: &mut Shared) {
        let now = shared.clock.now();
        let Stage::Opening { handshake, .. } = &mut self.stage else {
            return self.take_events(input, now);
        };
        match handshake.receive(input) {
            Ok((_, None)) => {}
            Ok((taken, Some(request))) => {
                self.answer(&request, shared);
                // What came behind the request is the connection's.
                self.take_events(&mut input[taken..], now);
            }
            Err(why) => self.refuse(why, shared),
        }
    }

    fn answer(&mut self, request: &Request, shared: &Shared) {
        match shared.accept.write_response(request, &mut self.unsent) {
            Ok(_) => {}
            Err(ResponseError::Refused(why)) => return self.refuse(why, shared),
            Err(error) => return self.end(error.to_string()),
        }
        self.unsent_http = self.unsent.len();
        let (config, now) = (shared.config.clone(), shared.clock.now());
        self.stage = match Seed::from_os() {
            Ok(seed) => Stage::Open(Box::new(Connection::new(Role::Server, config, seed, now))),
            Err(error) => Stage::Ended(error.to_string()),
        };
    }

    fn refuse(&mut self, why: HandshakeError, shared: &Shared) {
        why.write_response(&mut self.unsent);
        self.unsent_http = self.unsent.len();
        let deadline = shared.clock.now() + shared.config.timeouts.linger;
        self.stage = Stage::Refused { why, deadline };
    }

    fn handle_read_closed(&mut self, how: ReadClosed, shared: &Shared) {
        self.read_closed = true;
        match &mut self.stage {
            Stage::Open(connection) => connection.handle_read_closed(how, shared.clock.now()),
            Stage::Opening { .. } => self.end("the client left in the opening handshake"),
            // Until the answer is out, or cannot be any more.
            Stage::Refused { .. } | Stage::Ended(_) => {}
        }
    }

    fn take_events(&mut self, mut input: &mut [u8], now: Timestamp) {
        let Stage::Open(connection) = &mut self.stage else { return };
        while let Some(event) = connection.poll_event(&mut input, now) {
            match event {
                Event::Data(chunk) => {
                    self.inside_message = !chunk.is_last();
                    echo(connection, &chunk, &mut self.unsent, now);
                }
                Event::Ended(report) => return self.end(report.to_string()),
                // Pings and the Close are answered by `poll_transmit`.
                _ => {}
            }
        }
        connection.poll_transmit(&mut self.unsent);
    }

    fn write(&mut self, now: Timestamp) {
        while !self.unsent.is_empty() {
            let result = match self.stream.write(&self.unsent) {
                Ok(0) => Err(ErrorKind::WriteZero.into()),
                result => result,
            };
            match result {
                Ok(len) => {
                    self.unsent.advance(len);
                    let http = len.min(self.unsent_http);
                    self.unsent_http -= http;
                    if let Stage::Open(connection) = &mut self.stage {
                        connection.handle_flushed(len - http, now);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_wait(&error) => return,
                Err(error) => {
                    self.unsent.clear();
                    self.unsent_http = 0;
                    match &mut self.stage {
                        // Reading goes on: the peer's Close may be waiting there.
                        Stage::Open(connection) => {
                            connection.handle_write_failed((&error).into(), now);
                        }
                        _ => self.end(error.to_string()),
                    }
                }
            }
        }
    }

    /// With all output written: ends our side of the stream where it is time, and only once.
    fn see_off(&mut self, config: &Config, now: Timestamp) {
        if !self.unsent.is_empty() {
            return;
        }
        let shut_down = match &mut self.stage {
            Stage::Open(connection) => connection.wants_shutdown(),
            Stage::Refused { why, .. } if self.read_closed => {
                let why = *why;
                return self.end(refusal(why));
            }
            Stage::Refused { deadline, .. } => {
                if !self.shut_down {
                    *deadline = now + config.timeouts.linger;
                }
                true
            }
            Stage::Opening { .. } | Stage::Ended(_) => false,
        };
        if shut_down && !mem::replace(&mut self.shut_down, true) {
            // The peer's side decides, whatever comes of this.
            let _ = self.stream.shutdown(Shutdown::Write);
        }
    }
}

/// Sends a piece of a message back as a fragment: however long a message is, it is never gathered.
fn echo(connection: &mut Connection, chunk: &Chunk<'_>, out: &mut BytesMut, now: Timestamp) {
    let len = chunk.payload().len() as u64;
    // It is refused once the connection is closing, and then there is nobody to echo for.
    if let Ok(head) = connection.begin_frame(chunk.kind(), len, chunk.is_last(), now) {
        out.extend_from_slice(head.bytes());
        out.extend_from_slice(chunk.payload());
    }
}

fn refusal(why: HandshakeError) -> String {
    format!("refused with status {}: {why}", why.status())
}

/// Whether a call has only found that there is nothing to do.
fn is_wait(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
