//! Endings that a misbehaving peer brings about, seen from the end that is this library.

use std::net::{SocketAddr, TcpStream};
use std::thread;

use farewell::handshake::Origins;
use farewell::{Acceptor, CloseCode, Config, Heartbeat, Termination};

use crate::raw::{
    BINARY, CLOSE, Raw, TEXT, TEXT_BEGINS, connect_narrow, from_client, from_server, listen,
};
use crate::stage::{
    Result, Seen, Socket, accept, connect, live, millis, quiet, request_to, until_end,
};

/// Our client against a rude server; the server's way of going on begins after the handshake.
fn client_against(
    config: Config,
    client: impl FnOnce(Socket) -> Box<Termination> + Send,
    server: impl FnOnce(Raw) -> Result<()>,
) -> Result<Vec<Seen>> {
    let (listener, address) = listen()?;
    let request = request_to(address)?;
    thread::scope(|scope| {
        let client = scope.spawn(move || {
            Ok(vec![live(connect(&request, config, None)?, |socket| Ok(client(socket)))?])
        });
        server(Raw::server(listener.accept()?.0)?)?;
        client.join().map_err(|_| "the client panicked")?
    })
}

/// Our server against a rude client.
fn server_against(
    config: Config,
    server: impl FnOnce(Socket) -> Box<Termination> + Send,
    dial: impl FnOnce(SocketAddr) -> std::io::Result<TcpStream>,
    client: impl FnOnce(Raw) -> Result<()>,
) -> Result<Vec<Seen>> {
    let (listener, address) = listen()?;
    let acceptor = Acceptor::new(Origins::Any).config(config);
    thread::scope(|scope| {
        let server = scope.spawn(move || {
            Ok(vec![live(accept(&listener, &acceptor, None)?, |socket| Ok(server(socket)))?])
        });
        client(Raw::client(dial(address)?)?)?;
        server.join().map_err(|_| "the server panicked")?
    })
}

fn wait(mut socket: Socket) -> Box<Termination> {
    until_end(&mut socket)
}

fn close(mut socket: Socket) -> Box<Termination> {
    socket.close(CloseCode::NORMAL)
}

/// Writes, then reads until our side is done.
fn says(bytes: Vec<u8>) -> impl FnOnce(Raw) -> Result<()> {
    move |mut raw| {
        raw.write(&bytes)?;
        Ok(raw.read_to_end()?)
    }
}

fn says_and_hangs_up(bytes: Vec<u8>) -> impl FnOnce(Raw) -> Result<()> {
    move |mut raw| {
        raw.write(&bytes)?;
        Ok(raw.hang_up()?)
    }
}

fn is_silent(raw: Raw) -> Result<()> {
    Ok(raw.read_to_end()?)
}

pub(crate) fn fin_without_close() -> Result<Vec<Seen>> {
    client_against(quiet(), wait, says_and_hangs_up(from_server(TEXT, b"hello")))
}

pub(crate) fn fin_inside_a_frame() -> Result<Vec<Seen>> {
    let mut frame = from_server(BINARY, &[7; 4096]);
    frame.truncate(frame.len() - 4096 + 812);
    client_against(quiet(), wait, says_and_hangs_up(frame))
}

pub(crate) fn fin_inside_a_message() -> Result<Vec<Seen>> {
    client_against(quiet(), wait, says_and_hangs_up(from_server(TEXT_BEGINS, b"half a mess")))
}

pub(crate) fn reset() -> Result<Vec<Seen>> {
    let server = |mut raw: Raw| {
        raw.write(&from_server(TEXT, b"hello"))?;
        Ok(raw.reset()?)
    };
    client_against(quiet(), wait, server)
}

pub(crate) fn silent_peer() -> Result<Vec<Seen>> {
    let mut config = quiet();
    let mut heartbeat = Heartbeat::default();
    (heartbeat.interval, heartbeat.timeout) = (millis(200), millis(300));
    config.heartbeat = Some(heartbeat);
    client_against(config, wait, is_silent)
}

pub(crate) fn unanswered_close() -> Result<Vec<Seen>> {
    let mut config = quiet();
    (config.timeouts.close, config.timeouts.linger) = (millis(300), millis(200));
    client_against(config, close, |mut raw| {
        raw.drop_frame()?;
        // Our client ends its stream, too, once it has given up: stay until then.
        Ok(raw.read_to_end()?)
    })
}

pub(crate) fn fin_instead_of_an_answer() -> Result<Vec<Seen>> {
    client_against(quiet(), close, |mut raw| {
        raw.drop_frame()?;
        Ok(raw.hang_up()?)
    })
}

pub(crate) fn never_hangs_up() -> Result<Vec<Seen>> {
    let mut config = quiet();
    config.timeouts.linger = millis(300);
    client_against(config, close, |mut raw| {
        raw.drop_frame()?;
        raw.write(&from_server(CLOSE, b"\x03\xe8"))?;
        Ok(raw.read_to_end()?)
    })
}

pub(crate) fn close_inside_a_message() -> Result<Vec<Seen>> {
    let mut bytes = from_client(TEXT_BEGINS, b"half a mess");
    bytes.extend(from_client(CLOSE, b"\x03\xe9"));
    server_against(quiet(), wait, TcpStream::connect, says(bytes))
}

pub(crate) fn unmasked_frame() -> Result<Vec<Seen>> {
    server_against(quiet(), wait, TcpStream::connect, says(from_server(TEXT, b"hello")))
}

pub(crate) fn compressed_unasked() -> Result<Vec<Seen>> {
    let deflated = from_server(TEXT | 0x40, &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
    client_against(quiet(), wait, says(deflated))
}

pub(crate) fn invalid_close_code() -> Result<Vec<Seen>> {
    client_against(quiet(), wait, says(from_server(CLOSE, b"\x03\xee")))
}

pub(crate) fn latin_1() -> Result<Vec<Seen>> {
    let text = from_client(TEXT, b"caf\xe9 au lait");
    server_against(quiet(), wait, TcpStream::connect, says(text))
}

pub(crate) fn frame_too_big() -> Result<Vec<Seen>> {
    let mut header = from_client(BINARY, &[]);
    // Five gigabytes, or so it says.
    header.splice(1..2, [0xff, 0, 0, 0, 1, 0x2a, 0x05, 0xf2, 0]);
    server_against(quiet(), wait, TcpStream::connect, says(header))
}

/// Sends until there is an end, to a peer that reads nothing.
fn flood(mut socket: Socket) -> Box<Termination> {
    let socket2 = socket2::SockRef::from(socket.get_ref().stream());
    let _ = socket2.set_send_buffer_size(16 * 1024);
    while socket.send(vec![7; 256 * 1024]).is_ok() {}
    until_end(&mut socket)
}

pub(crate) fn stalled_writer() -> Result<Vec<Seen>> {
    let mut config = quiet();
    config.timeouts.write_stall = Some(millis(400));
    let (over, is_over) = std::sync::mpsc::channel();
    let server = |socket| {
        let report = flood(socket);
        let _ = over.send(());
        report
    };
    server_against(config, server, connect_narrow, |raw| {
        // Never reads; leaves when our side is done.
        let _ = is_over.recv();
        drop(raw);
        Ok(())
    })
}

pub(crate) fn leaves_with_a_backlog() -> Result<Vec<Seen>> {
    server_against(quiet(), flood, connect_narrow, |raw| {
        // What it was sent lies unread when it leaves: that makes its FIN a reset.
        thread::sleep(millis(200));
        drop(raw);
        Ok(())
    })
}
