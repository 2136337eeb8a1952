//! Servers of hyper's that echo, and clients over HTTP/2 for them.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use farewell::aio::{Upgraded, WebSocket, upgrade};
use farewell::handshake::{ClientRequest, HttpHandshake, Outcome};
use farewell::{AcceptError, Acceptor, Config, Incoming, Role, Termination};
use http_body_util::{Empty, Full};
use hyper::body::{Bytes, Incoming as Body};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use crate::adapters::support::{bounded, runtime};

/// What came of a request.
pub(crate) type Told = Result<Box<Termination>, AcceptError>;

/// Runs a test in a runtime, within a bound.
pub(crate) fn run(test: impl AsyncFnOnce() + Send + 'static) {
    bounded(|| runtime().block_on(test()));
}

/// Something that is on its way.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), future).await.expect("it comes soon")
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    told: UnboundedReceiver<Told>,
}

impl Server {
    pub(crate) fn new(address: SocketAddr, told: UnboundedReceiver<Told>) -> Self {
        Self { address, told }
    }

    /// The end of a connection, or of the attempt at one.
    pub(crate) async fn told(&mut self) -> Told {
        soon(self.told.recv()).await.expect("the server lives")
    }

    /// One that was told before, if there is any.
    pub(crate) fn told_already(&mut self) -> Option<Told> {
        self.told.try_recv().ok()
    }

    pub(crate) async fn report(&mut self) -> Box<Termination> {
        match self.told().await {
            Ok(report) => report,
            Err(error) => error.into_report().unwrap_or_else(|error| panic!("{error}")),
        }
    }

    /// A request to this server.
    pub(crate) fn request(&self, target: &str) -> ClientRequest {
        ClientRequest::new(&format!("ws://{}{target}", self.address)).unwrap()
    }
}

/// Says what it hears until the end, and tells of that.
pub(crate) async fn echo(mut socket: WebSocket<Upgraded>) -> Box<Termination> {
    loop {
        match socket.next().await {
            // A failure shows in the report.
            Incoming::Message(message) => drop(socket.send(message).await),
            Incoming::Ended(report) => return report,
        }
    }
}

/// An echo server over HTTP/1.1 and HTTP/2.
pub(crate) async fn serve(acceptor: Acceptor) -> Server {
    let (address, told) = serve_with(acceptor, |server| {
        server.http2().enable_connect_protocol();
    })
    .await;
    Server::new(address, told)
}

pub(crate) async fn serve_with(
    acceptor: Acceptor,
    set: impl Fn(&mut auto::Builder<TokioExecutor>) + Send + 'static,
) -> (SocketAddr, UnboundedReceiver<Told>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, tell) = (acceptor.clone(), tell.clone());
            let mut server = auto::Builder::new(TokioExecutor::new());
            set(&mut server);
            tokio::spawn(async move {
                let service =
                    service_fn(move |request| answer(request, acceptor.clone(), tell.clone()));
                // What ends the connection below is told by the sockets on it.
                let _ = server.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
            });
        }
    });
    (address, told)
}

async fn answer(
    mut request: http::Request<Body>,
    acceptor: Acceptor,
    tell: UnboundedSender<Told>,
) -> Result<http::Response<Full<Bytes>>, Infallible> {
    let (response, upgrade) = upgrade(&mut request, &acceptor);
    tokio::spawn(async move {
        let told = match upgrade.await {
            Ok(socket) => Ok(echo(socket).await),
            Err(error) => Err(error),
        };
        let _ = tell.send(told);
    });
    Ok(response.map(Full::new))
}

/// A client on a stream of an HTTP/2 connection of its own, spoken by hyper.
pub(crate) async fn connect_http2(
    address: SocketAddr,
    request: &ClientRequest,
    config: Config,
) -> Result<WebSocket<TokioIo<hyper::upgrade::Upgraded>>, Outcome> {
    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    let (mut message, handshake) =
        HttpHandshake::extended_connect(request, http::Version::HTTP_2, &config).unwrap();
    let protocol = hyper::ext::Protocol::from_static(HttpHandshake::PROTOCOL);
    message.extensions_mut().insert(protocol);
    soon(sender.ready()).await.unwrap();
    let response = soon(sender.send_request(message.map(|()| Empty::<Bytes>::new()))).await;
    let (parts, body) = response.unwrap().into_parts();
    match handshake.judge(&parts).unwrap() {
        Outcome::Established(response) => {
            let stream = soon(hyper::upgrade::on(http::Response::from_parts(parts, body))).await;
            let (stream, negotiated) = (stream.unwrap(), response.negotiated().clone());
            let stream = TokioIo::new(stream);
            Ok(WebSocket::upgraded(stream, Role::Client, negotiated, config, b"").unwrap())
        }
        refused => Err(refused),
    }
}
