//! The same WebSocket over TLS twice: with the TLS that is spoken inside the driver, and over a
//! stream of tokio-rustls. What is measured from outside is in `run`.
//!
//! `farewell-tls-bench idle` prints the bytes that an idle server's and an idle client's end hold;
//! `farewell-tls-bench inside|wrapped memory|tcp SIZE IN_FLIGHT MESSAGES` echoes so many messages,
//! through memory or over loopback. Both ends are the same, on one thread.

use std::hint::black_box;
use std::sync::Arc;

use farewell::aio::{self, WebSocket};
use farewell::handshake::{ClientRequest, Origins};
use farewell::tls::{TlsClient, TlsServer};
use farewell::{Acceptor, CloseCode, Config};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let ends = Ends::new()?;
    match args[..] {
        ["idle"] => runtime.block_on(idle(&ends)),
        [how, over, size, in_flight, messages] => {
            let work = Work {
                size: size.parse()?,
                in_flight: in_flight.parse()?,
                messages: messages.parse()?,
            };
            runtime.block_on(run(&ends, how, over, work))
        }
        _ => Err("idle, or inside|wrapped memory|tcp SIZE IN_FLIGHT MESSAGES".into()),
    }
}

/// The two configs of rustls, the same for both ways.
struct Ends {
    client: Arc<rustls::ClientConfig>,
    server: Arc<rustls::ServerConfig>,
    request: ClientRequest,
}

impl Ends {
    fn new() -> Result<Self> {
        let made = rcgen::generate_simple_self_signed(["localhost".into()])?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let chain = vec![CertificateDer::from_pem_slice(made.cert.pem().as_bytes())?];
        let key = PrivateKeyDer::from_pem_slice(made.signing_key.serialize_pem().as_bytes())?;
        let mut roots = rustls::RootCertStore::empty();
        roots.add(chain[0].clone())?;
        let client = rustls::ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let server = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        let request = ClientRequest::new("wss://localhost/")?;
        Ok(Self { client: Arc::new(client), server: Arc::new(server), request })
    }

    async fn inside<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        (near, far): (S, S),
    ) -> Result<(WebSocket<S>, WebSocket<S>)> {
        let client = TlsClient::from_rustls(self.client.clone());
        let server = TlsServer::from_rustls(self.server.clone());
        let acceptor = acceptor();
        let (client, server) = tokio::join!(
            aio::handshake_tls(near, &self.request, config(), &client),
            aio::accept_tls(far, &acceptor, &server),
        );
        Ok((client?, server?))
    }

    #[expect(clippy::type_complexity, reason = "two ends, each in its wrapper")]
    async fn wrapped<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        (near, far): (S, S),
    ) -> Result<(
        WebSocket<tokio_rustls::client::TlsStream<S>>,
        WebSocket<tokio_rustls::server::TlsStream<S>>,
    )> {
        let connector = TlsConnector::from(self.client.clone());
        let (near, far) = tokio::join!(
            connector.connect(ServerName::try_from("localhost")?, near),
            TlsAcceptor::from(self.server.clone()).accept(far),
        );
        let acceptor = acceptor();
        let (client, server) = tokio::join!(
            aio::handshake(near?, &self.request, config()),
            aio::accept(far?, &acceptor),
        );
        Ok((client?, server?))
    }
}

fn config() -> Config {
    let mut config = Config::default();
    config.heartbeat = None;
    config
}

fn acceptor() -> Acceptor {
    Acceptor::new(Origins::Any).config(config())
}

async fn tcp() -> Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (near, far) = tokio::join!(TcpStream::connect(listener.local_addr()?), listener.accept(),);
    let (near, far) = (near?, far?.0);
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    Ok((near, far))
}

#[derive(Clone, Copy)]
struct Work {
    size: usize,
    in_flight: usize,
    messages: usize,
}

async fn run(ends: &Ends, how: &str, over: &str, work: Work) -> Result<()> {
    match (how, over) {
        ("inside", "memory") => echo(ends.inside(duplex(1 << 20)).await?, work).await,
        ("inside", "tcp") => echo(ends.inside(tcp().await?).await?, work).await,
        ("wrapped", "memory") => echo(ends.wrapped(duplex(1 << 20)).await?, work).await,
        ("wrapped", "tcp") => echo(ends.wrapped(tcp().await?).await?, work).await,
        _ => Err("inside or wrapped, memory or tcp".into()),
    }
}

async fn echo<C, S>(pair: (WebSocket<C>, WebSocket<S>), work: Work) -> Result<()>
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut client, mut server) = pair;
    let payload = vec![7_u8; work.size];
    let asks = async {
        for _ in 0..work.messages / work.in_flight {
            for _ in 0..work.in_flight {
                client.feed(&payload[..]).await.map_err(|error| error.to_string())?;
            }
            for _ in 0..work.in_flight {
                let message = client.next().await.into_message().map_err(|end| end.to_string())?;
                black_box(message);
            }
        }
        let report = client.close(CloseCode::NORMAL).await;
        if report.clean { Ok(()) } else { Err(report.to_string()) }
    };
    let answers = async {
        while let Ok(message) = server.next().await.into_message() {
            server.feed(message).await.map_err(|error| error.to_string())?;
        }
        Ok::<(), String>(())
    };
    let (asked, answered) = tokio::join!(asks, answers);
    asked?;
    Ok(answered?)
}

/// What is freed with an end is what it held.
async fn idle(ends: &Ends) -> Result<()> {
    let [mut inside, mut wrapped] = [[0; 2]; 2];
    // The first has what is made once.
    for _ in 0..2 {
        inside = held(ends.inside(tcp().await?).await?).await?;
        wrapped = held(ends.wrapped(tcp().await?).await?).await?;
    }
    for (end, one, other) in [("server", inside[0], wrapped[0]), ("client", inside[1], wrapped[1])]
    {
        println!("{end} {one} {other}");
    }
    Ok(())
}

async fn held<C, S>((mut client, mut server): (WebSocket<C>, WebSocket<S>)) -> Result<[i64; 2]>
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    for _ in 0..2 {
        let (sent, came) = tokio::join!(client.send(vec![7; 1000]), server.next());
        sent.map_err(|error| error.to_string())?;
        server.feed(came.into_message().map_err(|end| end.to_string())?).await.ok();
        let (flushed, came) = tokio::join!(server.flush(), client.next());
        flushed.map_err(|error| error.to_string())?;
        black_box(came);
    }
    let (server, client) = (Box::new(server), Box::new(client));
    let freed = |drop: &mut dyn FnMut()| -allocation_counter::measure(drop).bytes_current;
    let mut server = Some(server);
    let mut client = Some(client);
    Ok([freed(&mut || drop(server.take())), freed(&mut || drop(client.take()))])
}
