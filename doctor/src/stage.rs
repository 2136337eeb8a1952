//! What the scenarios of the self-test and a visit have in common: connections and what was seen.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::time::Duration;

use farewell::handshake::ClientRequest;
use farewell::{
    AcceptError, Acceptor, Clock, Config, ConnectError, Incoming, Role, Termination, Timestamp,
    blocking,
};

use crate::recorded::{Recorded, SharedTape};
use crate::words;

pub(crate) type Socket = blocking::WebSocket<Recorded>;
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// What one end said of the ending.
pub(crate) struct Seen {
    pub(crate) side: Role,
    pub(crate) said: Said,
}

/// A report with what went over the connection, or why there was no connection of which to report.
pub(crate) enum Said {
    Report(Box<Termination>, SharedTape),
    NotConnected(String),
}

impl Seen {
    pub(crate) fn new(report: Box<Termination>, tape: SharedTape) -> Self {
        tape.lock().end();
        Self { side: report.role, said: Said::Report(report, tape) }
    }

    /// The code and whether it was clean, where there was a connection.
    pub(crate) fn end(&self) -> Option<(u16, bool)> {
        match &self.said {
            Said::Report(report, _) => Some((report.code, report.clean)),
            Said::NotConnected(_) => None,
        }
    }

    pub(crate) fn cause(&self) -> String {
        match &self.said {
            Said::Report(report, _) => words::cause(report),
            Said::NotConnected(_) => "not connected".into(),
        }
    }

    /// The names of what the diagnosis takes for the reason.
    pub(crate) fn reason(&self) -> &'static str {
        match &self.said {
            Said::Report(report, _) => report.diagnosis().verdict().name(),
            Said::NotConnected(_) => "not_connected",
        }
    }
}

/// Connects a client; returns why it could not where that is worth a report.
pub(crate) fn connect(
    request: &ClientRequest,
    mut config: Config,
) -> Result<std::result::Result<Socket, Seen>> {
    let stream = match dial(request, &mut config.timeouts.handshake) {
        Ok(stream) => Recorded::new(stream, Role::Client)?,
        Err(error) => {
            let said = Said::NotConnected(ConnectError::Io(error).to_string());
            return Ok(Err(Seen { side: Role::Client, said }));
        }
    };
    let tape = stream.tape();
    match blocking::handshake(stream, request, config) {
        Ok(socket) => Ok(Ok(socket)),
        Err(ConnectError::Ended(report)) => Ok(Err(Seen::new(report, tape))),
        Err(error) => Err(error.into()),
    }
}

/// Tries every address of the host, each with its share of the time, and leaves the rest of it.
fn dial(request: &ClientRequest, time: &mut Duration) -> io::Result<TcpStream> {
    let (clock, deadline) = (Clock::new(), Timestamp::ZERO + *time);
    let addresses: Vec<_> = (request.host(), request.port()).to_socket_addrs()?.collect();
    let mut failure = io::ErrorKind::AddrNotAvailable.into();
    for (index, address) in addresses.iter().enumerate() {
        let left = deadline.since(clock.now());
        let share = left / u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
        match TcpStream::connect_timeout(address, share.max(millis(5))) {
            Ok(stream) => {
                *time = deadline.since(clock.now());
                return Ok(stream);
            }
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// Accepts a client; returns why not where it is refused.
pub(crate) fn accept(
    listener: &TcpListener,
    acceptor: &Acceptor,
) -> Result<std::result::Result<Socket, Seen>> {
    let stream = Recorded::new(listener.accept()?.0, Role::Server)?;
    let tape = stream.tape();
    match blocking::accept(stream, acceptor) {
        Ok(socket) => Ok(Ok(socket)),
        Err(AcceptError::Ended(report)) => Ok(Err(Seen::new(report, tape))),
        Err(error) => Err(error.into()),
    }
}

/// Lets a socket have its way until its end; one that did not open has none.
pub(crate) fn live(
    socket: std::result::Result<Socket, Seen>,
    life: impl FnOnce(Socket) -> Result<Box<Termination>>,
) -> Result<Seen> {
    match socket {
        Ok(socket) => {
            let tape = socket.get_ref().tape();
            Ok(Seen::new(life(socket)?, tape))
        }
        Err(seen) => Err(format!("it did not open: {}", seen.cause()).into()),
    }
}

/// Settings under which nothing happens by itself for as long as the self-test takes.
pub(crate) fn quiet() -> Config {
    let mut config = Config::default();
    config.heartbeat = None;
    config
}

pub(crate) fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

pub(crate) fn request_to(address: SocketAddr) -> Result<ClientRequest> {
    Ok(ClientRequest::new(&format!("ws://{address}/"))?)
}

/// Waits for the end, whatever comes before.
pub(crate) fn until_end(socket: &mut Socket) -> Box<Termination> {
    loop {
        if let Incoming::Ended(report) = socket.next() {
            return report;
        }
    }
}
