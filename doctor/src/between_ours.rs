//! Endings between a client and a server that both are this library, seen from both.

use std::sync::Barrier;
use std::thread;

use farewell::handshake::Origins;
use farewell::{Acceptor, CloseCode, CloseFrame, Config, Incoming, Termination};

use crate::raw::listen;
use crate::stage::{
    Result, Seen, Socket, accept, connect, live, millis, quiet, request_to, until_end,
};

/// Connects a client to a server and lets each have its way until its end.
fn meet(
    config: Config,
    client: impl FnOnce(Socket) -> Result<Box<Termination>>,
    server: impl FnOnce(Socket) -> Result<Box<Termination>> + Send,
) -> Result<Vec<Seen>> {
    let (listener, address) = listen()?;
    let acceptor = Acceptor::new(Origins::Any).config(config);
    thread::scope(|scope| {
        let server = scope.spawn(move || live(accept(&listener, &acceptor, None)?, server));
        let client = live(connect(&request_to(address)?, quiet(), None)?, client);
        let server = server.join().map_err(|_| "the server panicked")?;
        Ok(vec![client?, server?])
    })
}

fn echo(mut socket: Socket) -> Result<Box<Termination>> {
    loop {
        match socket.next().into_message() {
            Ok(message) => drop(socket.feed(message)),
            Err(report) => return Ok(report),
        }
    }
}

fn listen_only(mut socket: Socket) -> Result<Box<Termination>> {
    Ok(until_end(&mut socket))
}

/// Says something, waits for the echo, and closes.
fn talk_and_close(mut socket: Socket, close: CloseFrame) -> Result<Box<Termination>> {
    socket.send("hello")?;
    match socket.next() {
        Incoming::Message(_) => Ok(socket.close(close)),
        Incoming::Ended(report) => Ok(report),
    }
}

pub(crate) fn client_closes() -> Result<Vec<Seen>> {
    let bye = CloseFrame::new(CloseCode::NORMAL, "done")?;
    meet(quiet(), |socket| talk_and_close(socket, bye), echo)
}

pub(crate) fn server_closes() -> Result<Vec<Seen>> {
    let bye = CloseFrame::new(CloseCode::GOING_AWAY, "restarting")?;
    meet(quiet(), echo, |socket| talk_and_close(socket, bye))
}

/// Each has sent its Close before either reads.
pub(crate) fn both_close() -> Result<Vec<Seen>> {
    // A Close that comes right behind the handshake is read along with it.
    let (both_open, both_sent) = (Barrier::new(2), Barrier::new(2));
    let close = |mut socket: Socket, code| {
        both_open.wait();
        let queued = socket.queue_close(CloseFrame::from_code(code)).and_then(|()| socket.flush());
        both_sent.wait();
        queued?;
        Ok(until_end(&mut socket))
    };
    meet(
        quiet(),
        |socket| close(socket, CloseCode::NORMAL),
        |socket| close(socket, CloseCode::GOING_AWAY),
    )
}

pub(crate) fn empty_close() -> Result<Vec<Seen>> {
    meet(quiet(), |socket| talk_and_close(socket, CloseFrame::EMPTY), echo)
}

pub(crate) fn application_code() -> Result<Vec<Seen>> {
    let expired = CloseFrame::new(CloseCode::new(4001)?, "token expired")?;
    meet(quiet(), echo, |socket| talk_and_close(socket, expired))
}

pub(crate) fn message_too_big() -> Result<Vec<Seen>> {
    let mut config = quiet();
    config.limits.message = 1000;
    let client = |mut socket: Socket| {
        socket.send("more than the server wants. ".repeat(40))?;
        Ok(until_end(&mut socket))
    };
    meet(config, client, listen_only)
}

pub(crate) fn idle_timeout() -> Result<Vec<Seen>> {
    let mut config = quiet();
    config.timeouts.idle = Some(millis(300));
    meet(config, listen_only, listen_only)
}

pub(crate) fn client_drops() -> Result<Vec<Seen>> {
    let client = |mut socket: Socket| {
        socket.abort();
        Ok(until_end(&mut socket))
    };
    meet(quiet(), client, listen_only)
}
