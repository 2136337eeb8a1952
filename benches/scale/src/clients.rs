//! The clients of many connections, in a process of their own: one thread, epoll. They answer Pings,
//! and send messages round robin when they are told to.

use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::os::fd::OwnedFd;

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};

use crate::system::allow_files;

/// A request as a browser sends it.
pub const REQUEST: &[u8] = b"GET /chat?room=1 HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Connection: Upgrade\r\n\
    Pragma: no-cache\r\n\
    Cache-Control: no-cache\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)\r\n\
    Upgrade: websocket\r\n\
    Origin: http://server.example.com\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Accept-Encoding: gzip, deflate, br\r\n\
    Accept-Language: en-US,en;q=0.9\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";

/// How many connections come from one address: a port leads to one connection at a time.
const PER_ADDRESS: usize = 5000;
/// How many messages are under way.
const IN_FLIGHT: usize = 64;
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const STDIN: u64 = u64::MAX;

struct Clients {
    streams: Vec<TcpStream>,
    epoll: OwnedFd,
    /// They speak WebSocket; else whatever is sent comes back.
    handshake: bool,
    /// Which connection sends next.
    next: usize,
    echoes: usize,
    pongs: usize,
}

/// Opens the connections, says so, then does what the lines of stdin say until they end: `send N`
/// has N messages echoed, `pongs` prints how many Pings were answered.
pub fn run(port: u16, count: usize, handshake: bool) -> io::Result<()> {
    allow_files(count + 64)?;
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let streams = Vec::with_capacity(count);
    let mut clients = Clients { streams, epoll, handshake, next: 0, echoes: 0, pongs: 0 };
    for number in 0..count {
        let mut stream = open(port, number / PER_ADDRESS)?;
        if handshake {
            shake_hands(&mut stream)?;
        }
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let data = EventData::new_u64(number as u64);
        epoll::add(&clients.epoll, &stream, data, EventFlags::IN)?;
        clients.streams.push(stream);
        // The first ones are asked whether they are there before the last ones are open.
        if number % 16 == 0 {
            clients.receive_all(Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
        }
    }
    epoll::add(&clients.epoll, io::stdin(), EventData::new_u64(STDIN), EventFlags::IN)?;
    println!("open");
    loop {
        clients.turn()?;
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line)?;
        match line.trim().split_once(' ') {
            Some(("send", count)) => {
                clients.send(count.parse().map_err(|_| io::Error::other("no such count"))?)?;
                println!("sent");
            }
            _ if line.trim() == "pongs" => println!("{}", clients.pongs),
            // Whoever asked has gone.
            _ => return Ok(()),
        }
    }
}

/// A connection from one of several addresses, 127.0.0.2 and on.
fn open(port: u16, address: usize) -> io::Result<TcpStream> {
    let source = Ipv4Addr::new(127, 0, 0, 2 + address as u8);
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    bind(&socket, &SocketAddrV4::new(source, 0))?;
    connect(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))?;
    Ok(socket.into())
}

fn shake_hands(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(REQUEST)?;
    let mut response = Vec::new();
    while !response.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        response.extend(byte);
    }
    Ok(())
}

/// A masked frame.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first, 0x80 | payload.len() as u8];
    frame.extend(KEY);
    frame.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

impl Clients {
    /// Has messages echoed, each on the next connection, some at once.
    fn send(&mut self, count: usize) -> io::Result<()> {
        let message = frame(0x82, b"sixteen bytes...");
        self.echoes = 0;
        let mut sent = 0;
        while self.echoes < count {
            while sent < count && sent - self.echoes < IN_FLIGHT {
                self.streams[self.next].write_all(&message)?;
                self.next = (self.next + 1) % self.streams.len();
                sent += 1;
            }
            self.turn()?;
        }
        Ok(())
    }

    /// Waits for something to happen and sees to it, until there is a line to be read or there were
    /// echoes.
    fn turn(&mut self) -> io::Result<()> {
        let before = self.echoes;
        loop {
            let asked = self.receive_all(None)?;
            if asked || self.echoes > before {
                return Ok(());
            }
        }
    }

    /// Sees to what there is, and waits for it unless there is a timeout. Returns whether there is a
    /// line to be read.
    fn receive_all(&mut self, timeout: Option<&Timespec>) -> io::Result<bool> {
        let mut events: Vec<Event> = Vec::with_capacity(256);
        match epoll::wait(&self.epoll, spare_capacity(&mut events), timeout) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut asked = false;
        for event in events {
            match event.data.u64() {
                STDIN => asked = true,
                number => self.receive(number as usize)?,
            }
        }
        Ok(asked)
    }

    fn receive(&mut self, number: usize) -> io::Result<()> {
        let mut buffer = [0; 4096];
        let stream = &mut self.streams[number];
        let count = match stream.read(&mut buffer) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        if !self.handshake {
            self.echoes += 1;
            return Ok(());
        }
        let mut rest = &buffer[..count];
        while let [first, len, ..] = *rest {
            let Some((frame_bytes, more)) = rest.split_at_checked(2 + usize::from(len)) else {
                return Err(io::Error::other("a small frame came in parts"));
            };
            match first {
                0x82 => self.echoes += 1,
                0x89 => {
                    stream.write_all(&frame(0x8a, &frame_bytes[2..]))?;
                    self.pongs += 1;
                }
                _ => return Err(io::Error::other("neither an echo nor a Ping")),
            }
            rest = more;
        }
        Ok(())
    }
}
