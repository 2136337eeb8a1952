//! Exports the statistics of connections in the Prometheus text format, with no dependency for it.
//!
//! A server on loopback keeps its connections in a registry and shows them at `/metrics`. A few
//! clients come, talk and end in different ways; then the page is fetched and printed:
//! `cargo run --example metrics`.

mod page;
mod registry;

use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use farewell::handshake::{ClientRequest, Origins};
use farewell::{
    Acceptor, CloseCode, CloseFrame, Config, ConnectError, Heartbeat, Incoming, Termination,
    blocking,
};

use registry::Registry;

/// How often a connection's round trip is looked at: more often than the heartbeat pings.
const LOOK: Duration = Duration::from_millis(10);

/// Between two messages of a client: longer than the silence after which the server pings.
const PAUSE: Duration = Duration::from_millis(60);

/// How long nothing is accepted after a failure: without a free file, for example, the next attempt
/// would fail at once, too.
const REST: Duration = Duration::from_millis(200);

type Socket = blocking::WebSocket<TcpStream>;

fn main() -> Result<(), Box<dyn Error>> {
    let registry = Arc::new(Registry::default());
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let server = listener.local_addr()?;
    let pages = TcpListener::bind("127.0.0.1:0")?;
    let address = pages.local_addr()?;
    let (serving, watched, shown) = (registry.clone(), registry.clone(), registry.clone());
    thread::spawn(move || serve(&listener, &serving));
    thread::spawn(move || {
        loop {
            watched.look();
            thread::sleep(LOOK);
        }
    });
    thread::spawn(move || show(&pages, &shown));

    // Two stay, so that the page has something open to show; the rest end.
    let staying = [Client::connect(server)?, Client::connect(server)?];
    end_in_every_way(server)?;
    registry.wait_for(staying.len(), ENDINGS);
    print!("{}", fetch(address, "/metrics")?);
    staying.into_iter().try_for_each(|client| client.close(CloseCode::NORMAL))
}

/// Accepts and echoes, each connection on a thread of its own.
fn serve(listener: &TcpListener, registry: &Arc<Registry>) {
    let mut config = Config::default();
    let mut heartbeat = Heartbeat::default();
    heartbeat.interval = Duration::from_millis(30);
    config.heartbeat = Some(heartbeat);
    config.limits.message = 10_000;
    let acceptor = Acceptor::new(Origins::SameHost).config(config);
    for stream in listener.incoming() {
        let (acceptor, registry) = (acceptor.clone(), registry.clone());
        let serve = |stream: TcpStream| {
            let _ = stream.set_nodelay(true);
            thread::Builder::new().spawn(move || match blocking::accept(stream, &acceptor) {
                Ok(socket) => echo(socket, &registry),
                Err(error) => match error.report() {
                    Some(report) => registry.failed(report),
                    None => eprintln!("{error}"),
                },
            })
        };
        if stream.and_then(serve).is_err() {
            thread::sleep(REST);
        }
    }
}

/// The writing half is what the registry looks through: it lives as long as the connection does.
fn echo(socket: Socket, registry: &Registry) {
    let (mut receiver, sender) = socket.split();
    let connection = registry.opened(sender);
    loop {
        match receiver.next() {
            Incoming::Message(message) => connection.send(message),
            Incoming::Ended(report) => {
                registry.ended(&connection, &receiver.stats(), &report);
                return;
            }
        }
    }
}

fn request(server: SocketAddr) -> Result<ClientRequest, Box<dyn Error>> {
    Ok(ClientRequest::new(&format!("ws://{server}/chat"))?)
}

/// A client whose reading half waits all the time, so that Pings are answered at once.
struct Client {
    sender: blocking::Sender<TcpStream>,
    reader: JoinHandle<Box<Termination>>,
}

impl Client {
    fn connect(server: SocketAddr) -> Result<Self, Box<dyn Error>> {
        let (mut receiver, sender) =
            blocking::connect_with(&request(server)?, Config::default())?.split();
        let reader = thread::spawn(move || {
            loop {
                if let Incoming::Ended(report) = receiver.next() {
                    return report;
                }
            }
        });
        Ok(Self { sender, reader })
    }

    /// Talks with pauses that are long enough for Pings.
    fn talk(mut self) -> Result<Self, Box<dyn Error>> {
        for round in 1..6 {
            self.sender.send("How do you do? ".repeat(10 * round))?;
            thread::sleep(PAUSE);
        }
        Ok(self)
    }

    fn close(mut self, frame: impl Into<CloseFrame>) -> Result<(), Box<dyn Error>> {
        self.sender.close(frame)?;
        self.reader.join().map_err(|_| "the reader panicked")?;
        Ok(())
    }
}

/// How many connections [`end_in_every_way`] makes.
const ENDINGS: u64 = 6;

fn end_in_every_way(server: SocketAddr) -> Result<(), Box<dyn Error>> {
    // Three say goodbye, one of them with a code of its own.
    Client::connect(server)?.talk()?.close(CloseCode::NORMAL)?;
    Client::connect(server)?.close(CloseCode::GOING_AWAY)?;
    Client::connect(server)?.close(CloseFrame::new(CloseCode::new(4001)?, "token expired")?)?;
    // One does not.
    drop(blocking::connect_with(&request(server)?, Config::default())?);
    // One sends more than the server takes.
    let mut client = Client::connect(server)?;
    // The server may be done with it before all of it has left.
    let _ = client.sender.send(vec![7; 20_000]);
    client.reader.join().map_err(|_| "the reader panicked")?;
    // And one comes from a page that the server does not know.
    let elsewhere = request(server)?.origin("https://elsewhere.example")?;
    match blocking::connect_with(&elsewhere, Config::default()) {
        Err(ConnectError::Ended(_)) => Ok(()),
        Err(error) => Err(error.into()),
        Ok(_) => Err("a foreign page was let in".into()),
    }
}

/// Answers every GET with the page: as much of HTTP as that takes.
fn show(listener: &TcpListener, registry: &Registry) {
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else {
            thread::sleep(REST);
            continue;
        };
        let (mut head, mut piece) = (Vec::new(), [0; 1024]);
        while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < 16 * 1024 {
            match stream.read(&mut piece) {
                Ok(len) if len > 0 => head.extend_from_slice(&piece[..len]),
                _ => break,
            }
        }
        let page = page::page(&registry.figures());
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{page}",
            page.len()
        );
        // Whoever asked may have left.
        let _ = stream.write_all(answer.as_bytes());
    }
}

fn fetch(address: SocketAddr, path: &str) -> Result<String, Box<dyn Error>> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, page) = answer.split_once("\r\n\r\n").ok_or("the answer has no head")?;
    println!("GET http://{address}{path}\n{head}\n");
    Ok(page.to_owned())
}
