//! Echo servers, one after the other, each as its library's examples have it.

use std::io::{self, BufRead, Read, Write};
use std::net::TcpListener as StdListener;
use std::thread;

use farewell::handshake::Origins;
use farewell::{Acceptor, blocking};
use rustix::time::{ClockId, clock_gettime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::batched::{Leave, echo};
use super::pin;
use crate::contender::Kind;
use crate::opening::accept_key;
use crate::over_hyper;

pub struct Server {
    pub name: &'static str,
    pub kind: Kind,
    /// It has a thread for each connection; else one, with tokio.
    pub threads: bool,
    /// It speaks WebSocket: a bare echo does not.
    pub handshake: bool,
    /// How its replies leave where many messages are in flight, and what else is to be known.
    pub notes: &'static str,
    start: Start,
}

/// Whether many messages are in flight on a connection.
#[derive(Clone, Copy)]
struct Many(bool);

impl Many {
    fn leave(self, together: Leave) -> Leave {
        if self.0 { together } else { Leave::AtOnce }
    }
}

enum Start {
    /// Serves one connection.
    Tokio(fn(TcpStream, Many)),
    Threads(fn(std::net::TcpStream)),
}

const fn on_tokio(
    name: &'static str,
    kind: Kind,
    spawn: fn(TcpStream, Many),
    notes: &'static str,
) -> Server {
    Server { name, kind, threads: false, handshake: true, notes, start: Start::Tokio(spawn) }
}

const fn on_threads(
    name: &'static str,
    kind: Kind,
    serve: fn(std::net::TcpStream),
    notes: &'static str,
) -> Server {
    Server { name, kind, threads: true, handshake: true, notes, start: Start::Threads(serve) }
}

const BARE: &str = "no WebSocket: gives back what it has read";
const FED: &str = "replies are fed to its sink until nothing more is there, then flushed";
const AT_ONCE: &str = "writes each frame at once";

pub static SERVERS: [Server; 13] = [
    Server { handshake: false, ..on_tokio("bare tokio echo", Kind::Limit, bare_tokio, BARE) },
    on_tokio(
        "farewell tokio",
        Kind::Ours,
        farewell_tokio,
        "`next`, then `feed`, which `next` flushes before it waits; its defaults, heartbeat, \
         deadlines and report included",
    ),
    on_tokio("tokio-tungstenite", Kind::Peer, tokio_tungstenite, FED),
    on_tokio(
        "fastwebsockets",
        Kind::Peer,
        fastwebsockets,
        "writes each frame at once; in a task without tokio's budget, as in its examples",
    ),
    on_tokio(
        "tokio-websockets",
        Kind::Peer,
        tokio_websockets,
        "what is there is taken first, since asking for a message flushes, then fed and flushed; \
         in a task without tokio's budget, as in its examples",
    ),
    on_tokio("web-socket", Kind::Peer, web_socket, AT_ONCE),
    on_tokio("sockudo-ws", Kind::Peer, sockudo_ws, FED),
    on_tokio(
        "soketto",
        Kind::Peer,
        soketto,
        "each is flushed, since nothing says whether another one is there",
    ),
    on_tokio("yawc", Kind::Peer, yawc, FED),
    on_tokio("wtx", Kind::Peer, wtx, AT_ONCE),
    Server {
        handshake: false,
        ..on_threads("bare blocking echo", Kind::Limit, bare_blocking, BARE)
    },
    on_threads(
        "farewell blocking",
        Kind::Ours,
        farewell_blocking,
        "as with tokio, with a thread for each connection",
    ),
    on_threads(
        "tungstenite",
        Kind::Peer,
        tungstenite,
        "each is flushed, since nothing says whether another one is there; a thread for each \
         connection",
    ),
];

/// Serves until it is killed: says its port, then its processor time whenever it gets a line.
pub fn serve(name: &str, depth: usize) -> io::Result<()> {
    let unknown = || io::Error::other("no such server");
    let server = SERVERS.iter().find(|server| server.name == name).ok_or_else(unknown)?;
    pin(1);
    let listener = StdListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?.port());
    thread::spawn(|| {
        for _ in io::stdin().lock().lines() {
            let time = clock_gettime(ClockId::ProcessCPUTime);
            println!("{}", time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64);
        }
        // Whoever asked has gone.
        std::process::exit(0);
    });
    match server.start {
        Start::Tokio(spawn) => {
            listener.set_nonblocking(true)?;
            crate::work::runtime().block_on(async {
                let listener = TcpListener::from_std(listener)?;
                loop {
                    let (stream, _) = listener.accept().await?;
                    stream.set_nodelay(true)?;
                    spawn(stream, Many(depth > 1));
                }
            })
        }
        Start::Threads(serve) => {
            for stream in listener.incoming() {
                let stream = stream?;
                stream.set_nodelay(true)?;
                thread::spawn(move || serve(stream));
            }
            Ok(())
        }
    }
}

fn bare_tokio(mut stream: TcpStream, _: Many) {
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            if stream.write_all(&buffer[..count]).await.is_err() {
                return;
            }
        }
    });
}

fn bare_blocking(mut stream: std::net::TcpStream) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        if stream.write_all(&buffer[..count]).is_err() {
            return;
        }
    }
}

fn farewell_tokio(stream: TcpStream, _: Many) {
    tokio::spawn(async move {
        let acceptor = Acceptor::new(Origins::SameHost);
        let Ok(mut socket) = farewell::aio::accept(stream, &acceptor).await else { return };
        while let Ok(message) = socket.next().await.into_message() {
            let _ = socket.feed(message).await;
        }
    });
}

fn farewell_blocking(stream: std::net::TcpStream) {
    let acceptor = Acceptor::new(Origins::SameHost);
    let Ok(mut socket) = blocking::accept(stream, &acceptor) else { return };
    while let Ok(message) = socket.next().into_message() {
        let _ = socket.feed(message);
    }
}

fn tungstenite(stream: std::net::TcpStream) {
    let Ok(mut socket) = tungstenite::accept(stream) else { return };
    while let Ok(message) = socket.read() {
        if message.is_binary() && socket.send(message).is_err() {
            return;
        }
    }
}

fn tokio_tungstenite(stream: TcpStream, many: Many) {
    tokio::spawn(async move {
        let Ok(socket) = tokio_tungstenite::accept_async(stream).await else { return };
        echo(socket, many.leave(Leave::Together), |message| {
            Some(message).filter(|it| it.is_binary())
        })
        .await;
    });
}

fn fastwebsockets(stream: TcpStream, _: Many) {
    use fastwebsockets::{FragmentCollector, OpCode, upgrade};
    tokio::spawn(tokio::task::unconstrained(async move {
        let upgrade = |request: &mut _| upgrade::upgrade(request).expect("the request is sound");
        let Ok(socket) = over_hyper::serve(stream, upgrade).await else { return };
        let mut socket = FragmentCollector::new(socket);
        while let Ok(frame) = socket.read_frame().await {
            if matches!(frame.opcode, OpCode::Binary | OpCode::Text)
                && socket.write_frame(frame).await.is_err()
            {
                return;
            }
        }
    }));
}

fn tokio_websockets(stream: TcpStream, many: Many) {
    use tokio_websockets::{Config, Limits, ServerBuilder};
    tokio::spawn(tokio::task::unconstrained(async move {
        let config = Config::default().frame_size(usize::MAX);
        let builder = ServerBuilder::new().config(config).limits(Limits::unlimited());
        let Ok((_, socket)) = builder.accept(stream).await else { return };
        echo(socket, many.leave(Leave::TakenFirst), |message| {
            Some(message).filter(|it| it.is_binary())
        })
        .await;
    }));
}

fn web_socket(stream: TcpStream, _: Many) {
    use web_socket::{Event, WebSocket};
    tokio::spawn(async move {
        let mut stream = tokio::io::BufReader::new(stream);
        // It leaves the handshake to its user.
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let Ok(byte) = stream.read_u8().await else { return };
            request.push(byte);
        }
        let text = String::from_utf8_lossy(&request);
        let key = text.split("Sec-WebSocket-Key: ").nth(1).and_then(|rest| rest.lines().next());
        let Some(key) = key else { return };
        let response = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n\r\n",
            accept_key(key.as_bytes())
        );
        if stream.write_all(response.as_bytes()).await.is_err() {
            return;
        }
        let mut socket = WebSocket::server(stream);
        while let Ok(event) = socket.recv().await {
            if let Event::Data { data, .. } = event
                && socket.send(&data[..]).await.is_err()
            {
                return;
            }
        }
    });
}

fn sockudo_ws(stream: TcpStream, many: Many) {
    use sockudo_ws::server::WebSocketServer;
    use sockudo_ws::{Config, Http1};
    tokio::spawn(async move {
        let server = WebSocketServer::<Http1>::new(Config::default());
        let Ok((socket, _)) = server.accept_raw(stream).await else { return };
        echo(socket, many.leave(Leave::Together), |message| {
            Some(message).filter(|it| it.is_binary())
        })
        .await;
    });
}

fn soketto(stream: TcpStream, _: Many) {
    use futures_util::io::{BufReader, BufWriter};
    use soketto::handshake::{Server, server::Response};
    use tokio_util::compat::TokioAsyncReadCompatExt;
    tokio::spawn(async move {
        let mut server = Server::new(BufReader::new(BufWriter::new(stream.compat())));
        let Ok(request) = server.receive_request().await else { return };
        let response = Response::Accept { key: request.key(), protocol: None };
        if server.send_response(&response).await.is_err() {
            return;
        }
        let (mut sender, mut receiver) = server.into_builder().finish();
        let mut message = Vec::new();
        while receiver.receive_data(&mut message).await.is_ok() {
            let sent = sender.send_binary_mut(&mut message).await;
            if sent.is_err() || sender.flush().await.is_err() {
                return;
            }
            message.clear();
        }
    });
}

fn yawc(stream: TcpStream, many: Many) {
    use futures_util::StreamExt;
    use yawc::{Options, WebSocket, WebSocketError, frame::OpCode};
    tokio::spawn(async move {
        let options = || Options::default().with_utf8().with_limits(16 << 20, 16 << 20);
        let upgrade = |request: &mut _| {
            WebSocket::upgrade_with_options(request, options()).expect("the request is sound")
        };
        let Ok(socket) = over_hyper::serve(stream, upgrade).await else { return };
        let socket = socket.map(Ok::<_, WebSocketError>);
        echo(socket, many.leave(Leave::Together), |frame| {
            Some(frame).filter(|it| it.opcode() == OpCode::Binary)
        })
        .await;
    });
}

fn wtx(stream: TcpStream, _: Many) {
    use wtx::collection::Vector;
    use wtx::web_socket::{Frame, OpCode, WebSocketAcceptor, WebSocketPayloadOrigin};
    tokio::spawn(async move {
        let acceptor = WebSocketAcceptor::default().no_masking(false);
        let accepted: wtx::Result<_> = acceptor.accept(stream).await;
        let Ok(mut socket) = accepted else { return };
        let (mut common, mut reader, mut writer) = socket.split_mut();
        let mut buffer = Vector::new();
        loop {
            buffer.clear();
            let origin = WebSocketPayloadOrigin::Adaptive;
            let read = reader.read_frame(&mut buffer, &mut common, origin).await;
            let Ok(mut frame) = read else { return };
            if matches!(frame.op_code(), OpCode::Binary | OpCode::Text) {
                let mut echo = Frame::new_fin(frame.op_code(), frame.payload_mut());
                if writer.write_frame(&mut common, &mut echo).await.is_err() {
                    return;
                }
            }
        }
    });
}
