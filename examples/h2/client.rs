//! A connection of HTTP/2, and WebSockets on its streams.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use farewell::aio::WebSocket;
use farewell::handshake::{Carrier, ClientRequest, HandshakeError, HttpHandshake, Outcome};
use farewell::{
    Clock, Compression, Config, OpeningFailure, Role, Termination, Timestamp, TransportFailure,
};
use h2::client::SendRequest;
use h2::ext::Protocol;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::Failure;
use crate::stream::{Ending, Http2Stream, drive, told};

/// How long the server's settings may take.
const SETTINGS: Duration = Duration::from_secs(10);

pub(crate) struct Http2 {
    client: SendRequest<Bytes>,
    connection: Ending,
    config: Config,
    clock: Clock,
}

/// No WebSocket came of it; the report says why.
pub(crate) struct Unopened(pub(crate) Box<Termination>);

impl Http2 {
    pub(crate) async fn connect(request: &ClientRequest) -> Result<Self, Failure> {
        let stream = TcpStream::connect((request.host(), request.port())).await?;
        stream.set_nodelay(true)?;
        let (client, mut connection) = h2::client::handshake(stream).await?;
        // The server's first frame is its settings; an answer to a Ping comes behind it.
        let mut pings = connection.ping_pong().expect("it is asked for once");
        let connection = drive(connection);
        timeout(SETTINGS, pings.ping(h2::Ping::opaque())).await??;
        let mut config = Config::default();
        config.compression = Some(Compression::default());
        Ok(Self { client, connection, config, clock: Clock::new() })
    }

    pub(crate) fn without_heartbeat(mut self) -> Self {
        self.config.heartbeat = None;
        self
    }

    /// Opens a stream and, on it, a WebSocket.
    pub(crate) async fn open(
        &mut self,
        request: &ClientRequest,
    ) -> Result<WebSocket<Http2Stream>, Unopened> {
        let began = self.clock.now();
        let opening = timeout(self.config.timeouts.handshake, self.ask(request));
        let failure = match opening.await {
            Ok(Ok(socket)) => return Ok(socket),
            Ok(Err(failure)) => failure,
            Err(_) => OpeningFailure::TimedOut,
        };
        Err(self.unopened(failure, began))
    }

    async fn ask(
        &mut self,
        request: &ClientRequest,
    ) -> Result<WebSocket<Http2Stream>, OpeningFailure> {
        if !self.client.is_extended_connect_protocol_enabled() {
            return Err(OpeningFailure::Invalid(HandshakeError::ExtendedConnectNotOffered));
        }
        let (mut message, handshake) =
            HttpHandshake::extended_connect(request, http::Version::HTTP_2, &self.config)
                .expect("the request of this example fits");
        message.extensions_mut().insert(Protocol::from_static(HttpHandshake::PROTOCOL));
        let mut client = self.client.clone().ready().await.map_err(failed)?;
        let (response, send) = client.send_request(message, false).map_err(failed)?;
        let (parts, receive) = response.await.map_err(failed)?.into_parts();
        let response = match handshake.judge(&parts).map_err(OpeningFailure::Invalid)? {
            Outcome::Established(response) => response,
            Outcome::Refused(refusal) => return Err(OpeningFailure::Refused(Box::new(refusal))),
        };
        let stream = Http2Stream::new(send, receive, self.connection.clone());
        let negotiated = response.negotiated().clone();
        WebSocket::upgraded(stream, Role::Client, negotiated, self.config.clone(), b"")
            .map_err(|error| TransportFailure::from(&error).into())
    }

    fn unopened(&self, failure: OpeningFailure, began: Timestamp) -> Unopened {
        Unopened(failure.report(Role::Client, Carrier::Http2, began, self.clock.now()))
    }
}

fn failed(error: h2::Error) -> OpeningFailure {
    TransportFailure::from(&told(error)).into()
}

impl fmt::Display for Unopened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{:#}", self.0, self.0.diagnosis())
    }
}

/// As it is displayed: what `main` returns is shown so.
impl fmt::Debug for Unopened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Unopened {}
