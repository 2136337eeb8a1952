//! What the scenarios of the self-test and a visit have in common: connections and what was seen.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use farewell::diagnosis::{Diagnoser, Diagnosis, History};
use farewell::handshake::ClientRequest;
use farewell::tls::{TlsClient, TlsServer};
use farewell::{
    Acceptor, Config, ConnectError, ConnectOptions, Incoming, Role, Termination, blocking,
};

use crate::recorded::{Recorded, SharedTape};
use crate::status::Status;
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
    Report(Box<Ended>),
    NotConnected(ConnectError),
}

/// An ending.
pub(crate) struct Ended {
    pub(crate) report: Box<Termination>,
    pub(crate) diagnosis: Diagnosis,
    pub(crate) tape: SharedTape,
}

impl Seen {
    pub(crate) fn new(report: Box<Termination>, tape: SharedTape) -> Self {
        Self::after(&History::new(), report, tape)
    }

    /// An ending in view of earlier ones.
    fn after(history: &History, report: Box<Termination>, tape: SharedTape) -> Self {
        tape.lock().end();
        let diagnosis = Diagnoser::new().history(history).diagnose(&report);
        Self { side: report.role, said: Said::Report(Box::new(Ended { report, diagnosis, tape })) }
    }

    /// The same in view of earlier connections to the same server, which then include it.
    pub(crate) fn recorded_in(self, history: &mut History) -> Self {
        let Said::Report(ended) = self.said else { return self };
        let seen = Self::after(history, ended.report, ended.tape);
        if let Said::Report(ended) = &seen.said {
            history.record(&ended.report);
        }
        seen
    }

    /// The code and whether it was clean, where there was a connection.
    pub(crate) fn end(&self) -> Option<(u16, bool)> {
        match &self.said {
            Said::Report(ended) => Some((ended.report.code, ended.report.clean)),
            Said::NotConnected(_) => None,
        }
    }

    /// What happened, in one sentence.
    pub(crate) fn sentence(&self) -> String {
        match &self.said {
            Said::Report(ended) => ended.report.to_string(),
            Said::NotConnected(error) => error.to_string(),
        }
    }

    pub(crate) fn cause(&self) -> String {
        match &self.said {
            Said::Report(ended) => words::cause(&ended.report),
            Said::NotConnected(_) => "not connected".into(),
        }
    }

    /// Why it probably happened.
    pub(crate) fn diagnosis(&self) -> Option<Diagnosis> {
        match &self.said {
            Said::Report(ended) => Some(ended.diagnosis.clone()),
            Said::NotConnected(error) => error.diagnosis(),
        }
    }

    /// The name of what the diagnosis takes for the reason.
    pub(crate) fn reason(&self) -> &'static str {
        self.diagnosis().map_or("none", |diagnosis| diagnosis.verdict().name())
    }

    pub(crate) fn status(&self) -> Status {
        match &self.said {
            Said::Report(ended) => Status::of(&ended.report),
            Said::NotConnected(error) => Status::of_error(error),
        }
    }
}

/// Connects a client; returns why it could not where that is worth a report.
pub(crate) fn connect(
    request: &ClientRequest,
    way: impl Into<ConnectOptions>,
    tls: Option<&TlsClient>,
) -> Result<std::result::Result<Socket, Seen>> {
    let (tape, mut way) = (SharedTape::new(Role::Client), way.into());
    if let Some(tls) = tls {
        way = way.tls(tls.clone().inspect(tape.inspect()));
    }
    let record = |stream| Recorded::new(stream, tape.clone(), request.secure());
    match blocking::connect_over(request, way, record) {
        Ok(socket) => Ok(Ok(socket)),
        Err(ConnectError::Ended(report)) => Ok(Err(Seen::new(report, tape))),
        Err(ConnectError::Entropy(error)) => Err(error.into()),
        Err(error) => Ok(Err(Seen { side: Role::Client, said: Said::NotConnected(error) })),
    }
}

/// Accepts a client; returns why not where it is refused.
pub(crate) fn accept(
    listener: &TcpListener,
    acceptor: &Acceptor,
    tls: Option<&TlsServer>,
) -> Result<std::result::Result<Socket, Seen>> {
    let tape = SharedTape::new(Role::Server);
    let stream = Recorded::new(listener.accept()?.0, tape.clone(), tls.is_some())?;
    let accepted = match tls {
        None => blocking::accept(stream, acceptor),
        Some(tls) => blocking::accept_tls(stream, acceptor, &tls.clone().inspect(tape.inspect())),
    };
    match accepted {
        Ok(socket) => Ok(Ok(socket)),
        Err(error) => Ok(Err(Seen::new(error.into_report()?, tape))),
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

#[cfg(test)]
pub(crate) mod tests {
    use farewell::{Connection, Event, ReadClosed, Seed, Timestamp};

    use super::*;

    /// What a client sees that hears nothing for so long, and then this.
    pub(crate) fn ending(
        seconds: f64,
        end: impl FnOnce(&mut Connection, Timestamp) -> Vec<u8>,
    ) -> Seen {
        let began = Timestamp::ZERO;
        let mut client = Connection::new(Role::Client, quiet(), Seed::new([1; 32]), began);
        let now = began + Duration::from_secs_f64(seconds);
        let mut bytes = end(&mut client, now);
        let mut input = &mut bytes[..];
        let mut out = bytes::BytesMut::new();
        loop {
            match client.poll_event(&mut input, now) {
                Some(Event::Ended(report)) => {
                    return Seen::new(report, SharedTape::new(Role::Client));
                }
                Some(_) => {}
                None => {
                    client.poll_transmit(&mut out);
                    client.handle_flushed(out.len(), now);
                    out.clear();
                    client.handle_read_closed(ReadClosed::Eof, now);
                }
            }
        }
    }

    #[test]
    fn an_ending_is_judged_in_view_of_those_before_it() {
        let mut history = History::new();
        for (number, noticed) in [false, true, true].into_iter().enumerate() {
            let seen = ending(22.4, |_, _| Vec::new()).recorded_in(&mut history);
            let says = seen.diagnosis().unwrap().to_string();
            let count = format!("{} connections", number + 1);
            assert_eq!(says.contains(&count), noticed, "{says}");
            assert_eq!(history.len(), number + 1);
        }
    }
}
