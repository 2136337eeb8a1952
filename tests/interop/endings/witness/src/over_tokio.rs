//! Connections over tokio.

use std::time::{Duration, Instant};

use farewell::aio::{self, ConnectError, Incoming, WebSocket};
use farewell::handshake::{ClientRequest, Origins};
use farewell::{Acceptor, Termination};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::options::{Act, Options, Refused, Script};
use crate::told::Told;

pub(crate) async fn client(options: &Options) -> Result<(), Refused> {
    let request = request(options)?;
    let mut told = Told::new();
    for _ in 0..options.times {
        match aio::connect_with(&request, options.config.clone()).await {
            Ok(socket) => {
                told.opened();
                let report = live(socket, &options.script, &told).await;
                told.ended(&report);
            }
            Err(ConnectError::Ended(report)) => told.ended(&report),
            Err(error) => told.failed(&error),
        }
        sleep(options.pause).await;
    }
    Ok(())
}

pub(crate) async fn server(options: &Options) -> Result<(), Refused> {
    let listener = TcpListener::bind(&options.place).await?;
    let acceptor = Acceptor::new(Origins::Any).config(options.config.clone());
    let mut told = Told::new();
    told.say("listening", json!({ "address": listener.local_addr()?.to_string() }));
    for _ in 0..options.times {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        match aio::accept(stream, &acceptor).await {
            Ok(socket) => {
                told.opened();
                let report = live(socket, &options.script, &told).await;
                told.ended(&report);
            }
            Err(error) => match error.report() {
                Some(report) => told.ended(report),
                None => told.failed(&error),
            },
        }
    }
    Ok(())
}

pub(crate) fn request(options: &Options) -> Result<ClientRequest, Refused> {
    let mut request = ClientRequest::new(&options.place)?;
    for (name, value) in &options.fields {
        request = request.header(name, value)?;
    }
    Ok(request)
}

/// Follows the script until the end.
async fn live(mut socket: WebSocket<TcpStream>, script: &Script, told: &Told) -> Box<Termination> {
    let opened = Instant::now();
    let mut done = 0;
    loop {
        let next = script.act(done);
        let left = next.map(|(at, _)| at.saturating_sub(opened.elapsed()));
        let incoming = match left {
            Some(Duration::ZERO) => None,
            Some(left) => timeout(left, socket.next()).await.ok(),
            None => Some(socket.next().await),
        };
        match (incoming, next) {
            (Some(Incoming::Ended(report)), _) => return report,
            (Some(Incoming::Message(message)), _) if script.echo => {
                // `next` tells why it failed.
                drop(socket.feed(message).await);
            }
            (Some(Incoming::Message(_)), _) | (None, None) => {}
            (None, Some((_, act))) => {
                done += 1;
                told.alive(&socket.evidence());
                if let Some(report) = perform(&mut socket, act).await {
                    return report;
                }
            }
        }
    }
}

async fn perform(socket: &mut WebSocket<TcpStream>, act: Act) -> Option<Box<Termination>> {
    match act {
        Act::Send(size) => drop(socket.feed(vec![b'x'; size]).await),
        Act::Block(span) => std::thread::sleep(span),
        Act::Leave(span) => sleep(span).await,
        Act::Abort => socket.abort(),
        Act::Close(code) => return Some(socket.close(code).await),
    }
    None
}
