//! The load generator: one thread, epoll, and messages that were made before.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, Event, EventData, EventFlags};

use crate::opening::REQUEST;

const PAYLOAD: [u8; 16] = *b"sixteen bytes...";
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Connections to one server.
pub struct Load {
    epoll: OwnedFd,
    connections: Vec<Connection>,
    /// All that is sent on a connection at once, and all that comes back.
    request: Vec<u8>,
    response: Vec<u8>,
    depth: u64,
    events: Vec<Event>,
    buffer: Vec<u8>,
}

struct Connection {
    stream: TcpStream,
    /// How much of the response is here.
    received: usize,
}

impl Load {
    /// Opens connections, with a handshake unless the server has none.
    pub fn connect(port: u16, count: usize, depth: usize, handshake: bool) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut connections = Vec::new();
        for number in 0..count {
            let mut stream = TcpStream::connect(("127.0.0.1", port))?;
            stream.set_nodelay(true)?;
            if handshake {
                shake_hands(&mut stream)?;
            }
            stream.set_nonblocking(true)?;
            epoll::add(&epoll, &stream, EventData::new_u64(number as u64), EventFlags::IN)?;
            connections.push(Connection { stream, received: 0 });
        }
        let masked = PAYLOAD.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key);
        let mut frame = vec![0x82, 0x80 | PAYLOAD.len() as u8];
        frame.extend(KEY);
        frame.extend(masked);
        let request = frame.repeat(depth);
        let echo = [&[0x82, PAYLOAD.len() as u8], &PAYLOAD[..]].concat().repeat(depth);
        let response = if handshake { echo } else { request.clone() };
        let depth = depth as u64;
        let (events, buffer) = (Vec::with_capacity(1024), vec![0; 64 * 1024]);
        Ok(Self { epoll, connections, request, response, depth, events, buffer })
    }

    /// Answers what came while nothing was asked for: a server that heard nothing for long asks
    /// whether anybody is there.
    pub fn tend(&mut self) -> io::Result<()> {
        self.wait(Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
        while !self.events.is_empty() {
            for event in self.events.drain(..) {
                let connection = &mut self.connections[event.data.u64() as usize];
                if connection.receive(&self.response, &mut self.buffer)? {
                    return Err(io::Error::other("an echo that nobody asked for"));
                }
            }
            self.wait(Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
        }
        Ok(())
    }

    /// Waits for something to read.
    fn wait(&mut self, timeout: Option<&Timespec>) -> io::Result<()> {
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), timeout) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Has messages echoed, so many at least, and returns how many there were.
    pub fn run(&mut self, messages: u64) -> io::Result<u64> {
        let batches = messages.div_ceil(self.depth).max(self.connections.len() as u64);
        let (mut sent, mut done) = (0, 0);
        for connection in &mut self.connections {
            connection.stream.write_all(&self.request)?;
            sent += 1;
        }
        while done < batches {
            self.wait(None)?;
            for event in self.events.drain(..) {
                let connection = &mut self.connections[event.data.u64() as usize];
                if !connection.receive(&self.response, &mut self.buffer)? {
                    continue;
                }
                done += 1;
                if sent < batches {
                    connection.stream.write_all(&self.request)?;
                    sent += 1;
                }
            }
        }
        Ok(batches * self.depth)
    }
}

impl Connection {
    /// Reads what there is, and returns whether all that was asked for is here.
    fn receive(&mut self, expected: &[u8], buffer: &mut [u8]) -> io::Result<bool> {
        let count = match self.stream.read(buffer) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        };
        let mut data = &buffer[..count];
        let mut all = false;
        while !data.is_empty() {
            let rest = &expected[self.received..];
            let same = data.iter().zip(rest).take_while(|(one, other)| one == other).count();
            data = &data[same..];
            self.received = (self.received + same) % expected.len();
            all |= same == rest.len();
            // A server whose turn was long ago may ask whether anybody is there.
            if let [0x89, len, ping @ ..] = data {
                let Some((payload, rest)) = ping.split_at_checked(usize::from(*len)) else {
                    return Err(io::Error::other("a Ping came in parts"));
                };
                let pong: Vec<u8> =
                    payload.iter().zip(KEY.iter().cycle()).map(|(b, k)| b ^ k).collect();
                self.stream.write_all(&[&[0x8a, 0x80 | len], &KEY[..], &pong].concat())?;
                data = rest;
            } else if same == 0 {
                return Err(io::Error::other(format!("{data:02x?} came back")));
            }
        }
        Ok(all)
    }
}

fn shake_hands(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(REQUEST)?;
    let mut response = Vec::new();
    while !response.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        response.extend(byte);
    }
    if !response.starts_with(b"HTTP/1.1 101") {
        return Err(io::Error::other(String::from_utf8_lossy(&response).into_owned()));
    }
    Ok(())
}
