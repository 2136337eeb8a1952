//! WebSockets on streams of HTTP/2 (RFC 8441), client and server, with nothing but the h2 crate.
//!
//! - `cargo run --release --all-features --example h2`: both ends in this process, and the endings
//!   that only a stream can have.
//! - `... --example h2 -- serve [ADDRESS]`: an echo server without TLS, by default 127.0.0.1:9001.
//! - `... --example h2 -- connect [URL]`: a client for one; it exits with 0 after a clean end.
//! - `... --example h2 -- watch URL`: a client that waits for the end, without a heartbeat, and says
//!   why it came.

mod client;
mod server;
mod stream;

use std::error::Error;

use farewell::handshake::ClientRequest;
use farewell::{CloseCode, Incoming, Termination};
use h2::Reason;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use client::Http2;

type Failure = Box<dyn Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => rehearse().await,
        ["serve"] => serve("127.0.0.1:9001").await,
        ["serve", address] => serve(address).await,
        ["connect"] => connect("ws://127.0.0.1:9001/echo").await,
        ["connect", url] => connect(url).await,
        ["watch", url] => watch(url).await,
        _ => Err("usage: h2 [serve [ADDRESS] | connect [URL] | watch URL]".into()),
    }
}

async fn serve(address: &str) -> Result<(), Failure> {
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    server::serve(listener, true, |told| println!("{told}")).await;
    Ok(())
}

async fn connect(url: &str) -> Result<(), Failure> {
    let request = ClientRequest::new(url)?;
    let mut http2 = Http2::connect(&request).await?;
    let report = talk(&mut http2, &request).await?;
    println!("{report}");
    if report.clean { Ok(()) } else { Err(format!("{:#}", report.diagnosis()).into()) }
}

async fn watch(url: &str) -> Result<(), Failure> {
    let request = ClientRequest::new(url)?;
    let mut http2 = Http2::connect(&request).await?.without_heartbeat();
    let mut socket = http2.open(&request).await?;
    println!("open");
    loop {
        if let Incoming::Ended(report) = socket.next().await {
            println!("{report}\n{:#}", report.diagnosis());
            return Ok(());
        }
    }
}

/// Messages there and back, and a clean end.
async fn talk(http2: &mut Http2, request: &ClientRequest) -> Result<Box<Termination>, Failure> {
    let mut socket = http2.open(request).await?;
    for size in [1, 1_000, 100_000] {
        let message = "x".repeat(size);
        socket.send(message.as_str()).await?;
        match socket.next().await {
            Incoming::Message(echo) if echo.as_text() == Some(&message) => {}
            Incoming::Message(_) => return Err("something else came back".into()),
            Incoming::Ended(report) => return Ok(report),
        }
    }
    let agreed = socket.session().negotiated().clone();
    let compressed = agreed.extensions().deflate().is_some();
    println!("{} messages over {}, compressed: {compressed}", 3, agreed.carrier());
    Ok(socket.close(CloseCode::NORMAL).await)
}

/// Both ends in one process: several sockets on one connection, then what can go wrong.
async fn rehearse() -> Result<(), Failure> {
    let (request, server) = started(true).await?;
    let mut http2 = Http2::connect(&request).await?;
    for _ in 0..2 {
        let report = talk(&mut http2, &request).await?;
        println!("{report}");
        assert!(report.clean, "{report}");
    }
    for (reason, verdict) in [
        (Reason::CANCEL, "stream_cancelled"),
        (Reason::INTERNAL_ERROR, "stream_failed"),
        // Too late for that: the stream was in use.
        (Reason::REFUSED_STREAM, "stream_failed"),
    ] {
        let mut socket = http2.open(&request).await?;
        socket.send(format!("reset {}", u32::from(reason))).await?;
        let Incoming::Ended(report) = socket.next().await else {
            return Err("the stream was not reset".into());
        };
        explain(&report, verdict);
    }
    let refused = ClientRequest::new(&format!("ws://{}/refused", request.authority()))?;
    let report = unopened(&mut http2, &refused).await?;
    explain(&report, "stream_refused");
    // The server goes, and the connection with it.
    let mut socket = http2.open(&request).await?;
    socket.send("go away").await?;
    let Incoming::Ended(report) = socket.next().await else {
        return Err("the connection was not shut down".into());
    };
    explain(&report, "connection_going_away");
    server.abort();

    // One that has never heard of RFC 8441.
    let (request, server) = started(false).await?;
    let mut http2 = Http2::connect(&request).await?;
    let report = unopened(&mut http2, &request).await?;
    explain(&report, "extended_connect_not_offered");
    server.abort();
    Ok(())
}

async fn unopened(http2: &mut Http2, request: &ClientRequest) -> Result<Box<Termination>, Failure> {
    match http2.open(request).await {
        Ok(_) => Err("it opened".into()),
        Err(client::Unopened(report)) => Ok(report),
    }
}

fn explain(report: &Termination, verdict: &str) {
    let diagnosis = report.diagnosis();
    println!("{report}\n{diagnosis:#}");
    assert_eq!(diagnosis.verdict().name(), verdict);
}

/// A server in this process, and a request for it.
async fn started(offers: bool) -> Result<(ClientRequest, JoinHandle<()>), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let request = ClientRequest::new(&format!("ws://{}/echo", listener.local_addr()?))?;
    Ok((request, tokio::spawn(server::serve(listener, offers, |_| {}))))
}
