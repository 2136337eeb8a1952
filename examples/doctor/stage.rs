//! What every scenario of the self-test uses, and what it gives.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use farewell::handshake::ClientRequest;
use farewell::{Config, ConnectError, Incoming, Role, Termination, blocking};

use crate::words;

pub(crate) type Socket = blocking::WebSocket<TcpStream>;
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// What one end said of the ending.
pub(crate) struct Seen {
    pub(crate) side: Role,
    /// `None` where there was no connection of which to report.
    pub(crate) code: Option<u16>,
    pub(crate) clean: bool,
    pub(crate) cause: String,
    pub(crate) sentence: String,
    pub(crate) meaning: Option<&'static str>,
}

impl From<&Termination> for Seen {
    fn from(report: &Termination) -> Self {
        Self {
            side: report.role,
            code: Some(report.code),
            clean: report.clean,
            cause: words::cause(report),
            sentence: report.to_string(),
            meaning: words::meaning(report),
        }
    }
}

impl From<ConnectError> for Seen {
    fn from(error: ConnectError) -> Self {
        match &error {
            ConnectError::Ended(report) => Self::from(&**report),
            other => Self {
                side: Role::Client,
                code: None,
                clean: false,
                cause: "not connected".into(),
                sentence: other.to_string(),
                meaning: Some(
                    "Nothing listens at this address and port: the server is not running, or it \
                     runs elsewhere.",
                ),
            },
        }
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
