//! The server with a thread for each connection.

use std::error::Error;
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use farewell::blocking::{self, Drain, Ticket};
use farewell::{AcceptError, CloseCode, Config};

use crate::{END, PAUSE, decide, say};

pub(crate) fn serve(address: &str) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(address)?;
    say(format_args!("listening on {}", listener.local_addr()?));
    let drain = Drain::new();
    let (signal, is_signalled) = mpsc::channel();
    ctrlc::set_handler(move || _ = signal.send(()))?;
    let accepting = drain.clone();
    thread::spawn(move || {
        accept(&listener, &accepting);
        // Nobody else gets in.
        drop(listener);
    });
    is_signalled.recv()?;
    say(drain.close_all(CloseCode::SERVICE_RESTART, END));
    Ok(())
}

/// Until the drain begins.
fn accept(listener: &TcpListener, drain: &Drain) {
    for stream in drain.incoming(listener) {
        let ticket = drain.ticket();
        let spawned = stream
            .and_then(|stream| thread::Builder::new().spawn(move || converse(stream, ticket)));
        if let Err(error) = spawned {
            say(format_args!("accept: {error}"));
            thread::sleep(PAUSE);
        }
    }
}

fn converse(stream: TcpStream, ticket: Ticket) {
    let _ = stream.set_nodelay(true);
    let mut socket = match blocking::accept_with(stream, Config::default(), decide) {
        Ok(socket) => socket,
        Err(AcceptError::Plain { .. }) => return,
        Err(error) => return say(error),
    };
    socket.join(ticket);
    // What comes after our Close is read all the same, though not answered any more.
    let report = loop {
        match socket.next().into_message() {
            Ok(message) => {
                say(format_args!("received {}", message.as_text().unwrap_or_default()));
                let _ = socket.feed(message);
            }
            Err(report) => break report,
        }
    };
    say(report);
}
