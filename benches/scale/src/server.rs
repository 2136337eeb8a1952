//! The server of many connections, in a process of its own, on one thread with tokio.

use std::io::{self, BufRead};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use farewell::handshake::Origins;
use farewell::{Acceptor, Config};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;

use crate::system::{allow_files, process_time, resident};

static OPEN: AtomicUsize = AtomicUsize::new(0);
/// From now on, ends are no news: all is over, or one was told of.
static OVER: AtomicBool = AtomicBool::new(false);

/// Serves until it is killed: says its port, then answers the words on stdin: `open`, `memory`,
/// `time`, `over`.
pub fn run(kind: &str) -> io::Result<()> {
    allow_files(0)?;
    let mut config = Config::default();
    if kind == "pinging" {
        config.heartbeat.as_mut().expect("there is one by default").interval = PINGING;
    }
    let acceptor = Acceptor::new(Origins::SameHost).config(config);
    let bare = kind == "bare";
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?.port());
        thread::spawn(answer);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            if bare {
                tokio::spawn(echo_bytes(stream));
            } else {
                tokio::spawn(echo(stream, acceptor.clone()));
            }
        }
    })
}

/// The interval of the heartbeats that are counted.
pub const PINGING: Duration = Duration::from_secs(1);

fn answer() {
    for line in io::stdin().lock().lines() {
        match line.as_deref() {
            Ok("open") => println!("{}", OPEN.load(Relaxed)),
            Ok("memory") => println!("{}", resident()),
            Ok("over") => println!("{}", OVER.swap(true, Relaxed)),
            Ok("time") => println!("{}", process_time()),
            _ => break,
        }
    }
    // Whoever asked has gone.
    std::process::exit(0);
}

async fn echo_bytes(stream: TcpStream) {
    OPEN.fetch_add(1, Relaxed);
    while stream.readable().await.is_ok() && echo_once(&stream) {}
}

/// Echoes what is there, with a buffer that is nowhere while it waits. Returns whether it goes on.
fn echo_once(stream: &TcpStream) -> bool {
    let mut buffer = [0; 4096];
    match stream.try_read(&mut buffer) {
        Ok(0) => false,
        // So little always fits.
        Ok(count) => stream.try_write(&buffer[..count]).is_ok_and(|written| written == count),
        Err(error) => error.kind() == io::ErrorKind::WouldBlock,
    }
}

async fn echo(stream: TcpStream, acceptor: Acceptor) {
    let Ok(mut socket) = farewell::aio::accept(stream, &acceptor).await else { return };
    drop(acceptor);
    OPEN.fetch_add(1, Relaxed);
    loop {
        match socket.next().await.into_message() {
            // A failure is in the report, which `next` gives after it.
            Ok(message) => drop(socket.feed(message).await),
            Err(_) if OVER.swap(true, Relaxed) => return,
            Err(report) => return eprintln!("{report}"),
        }
    }
}
