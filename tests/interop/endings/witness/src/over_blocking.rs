//! Connections with a thread of their own.

use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Instant;

use farewell::blocking::{self, ConnectError, Incoming, WebSocket};
use farewell::handshake::Origins;
use farewell::{Acceptor, Termination};
use serde_json::json;

use crate::options::{Act, Options, Refused, Script};
use crate::over_tokio::request;
use crate::told::Told;

pub(crate) fn client(options: &Options) -> Result<(), Refused> {
    let request = request(options)?;
    let mut told = Told::new();
    for _ in 0..options.times {
        match blocking::connect_with(&request, options.config.clone()) {
            Ok(socket) => {
                told.opened();
                let report = live(socket, &options.script, &told);
                told.ended(&report);
            }
            Err(ConnectError::Ended(report)) => told.ended(&report),
            Err(error) => told.failed(&error),
        }
        thread::sleep(options.pause);
    }
    Ok(())
}

pub(crate) fn server(options: &Options) -> Result<(), Refused> {
    let listener = TcpListener::bind(&options.place)?;
    let acceptor = Acceptor::new(Origins::Any).config(options.config.clone());
    let mut told = Told::new();
    told.say("listening", json!({ "address": listener.local_addr()?.to_string() }));
    for _ in 0..options.times {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        match blocking::accept(stream, &acceptor) {
            Ok(socket) => {
                told.opened();
                let report = live(socket, &options.script, &told);
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

/// Follows the script until the end.
fn live(mut socket: WebSocket<TcpStream>, script: &Script, told: &Told) -> Box<Termination> {
    let opened = Instant::now();
    let mut done = 0;
    loop {
        let next = script.act(done);
        let incoming = match next {
            Some((at, _)) => match at.saturating_sub(opened.elapsed()) {
                left if left.is_zero() => None,
                left => socket.next_within(left),
            },
            None => Some(socket.next()),
        };
        match (incoming, next) {
            (Some(Incoming::Ended(report)), _) => return report,
            (Some(Incoming::Message(message)), _) if script.echo => {
                // `next` tells why it failed.
                drop(socket.feed(message));
            }
            (Some(Incoming::Message(_)), _) | (None, None) => {}
            (None, Some((_, act))) => {
                done += 1;
                told.alive(&socket.evidence());
                if let Some(report) = perform(&mut socket, act) {
                    return report;
                }
            }
        }
    }
}

fn perform(socket: &mut WebSocket<TcpStream>, act: Act) -> Option<Box<Termination>> {
    match act {
        Act::Send(size) => drop(socket.feed(vec![b'x'; size])),
        // Without a runtime there is no difference.
        Act::Block(span) | Act::Leave(span) => thread::sleep(span),
        Act::Abort => socket.abort(),
        Act::Close(code) => return Some(socket.close(code)),
    }
    None
}
