//! The ends of the tunnel over threads: two for each connection.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use farewell::Acceptor;
use farewell::blocking::{self, ByteStream, WebSocket};
use farewell::handshake::Origins;

/// The far end: each WebSocket becomes a connection to the target.
pub(crate) fn serve(listener: &TcpListener, target: &str) -> io::Result<()> {
    let acceptor = Acceptor::new(Origins::SameHost);
    for stream in listener.incoming() {
        let stream = stream?;
        stream.set_nodelay(true)?;
        let (acceptor, target) = (acceptor.clone(), target.to_string());
        thread::spawn(move || {
            let Ok(socket) = blocking::accept(stream, &acceptor) else { return };
            match TcpStream::connect(target) {
                Ok(stream) => pass(socket, &stream),
                Err(error) => eprintln!("the target: {error}"),
            }
        });
    }
    Ok(())
}

/// The near end: each connection becomes a WebSocket.
pub(crate) fn connect(listener: &TcpListener, url: &str) -> io::Result<()> {
    for stream in listener.incoming() {
        let (stream, url) = (stream?, url.to_string());
        thread::spawn(move || match blocking::connect(&url) {
            Ok(socket) => pass(socket, &stream),
            Err(error) => eprintln!("{error}"),
        });
    }
    Ok(())
}

/// Copies in both directions until either ends.
fn pass(socket: WebSocket<TcpStream>, stream: &TcpStream) {
    let (mut reader, mut writer) = ByteStream::new(socket).split();
    thread::scope(|scope| {
        scope.spawn(|| {
            let out = io::copy(&mut { stream }, &mut writer).and_then(|_| writer.shutdown());
            if let Err(error) = out {
                eprintln!("out: {error}");
            }
        });
        if let Err(error) = io::copy(&mut reader, &mut { stream }) {
            eprintln!("in: {error}");
        }
        // The WebSocket is closed in both directions, and so is this.
        let _ = stream.shutdown(Shutdown::Both);
    });
}
