//! An `https://` proxy that speaks TLS without this crate, for one connection.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use rustls::{ServerConfig, ServerConnection};

/// What it does with a connection, once it was asked.
#[derive(Clone, Copy)]
pub(crate) enum Then {
    /// It answers this, and says nothing more, in TLS.
    Says(&'static [u8]),
    /// It leads to this server.
    Leads(SocketAddr),
    /// It leads to this server, and ends without a word in TLS once that has said so much.
    Drops(SocketAddr, usize),
    /// It leads to this server, and ends in order once that has said so much.
    Ends(SocketAddr, usize),
    /// It leads to this server, and once that has said so much, it says something that is no TLS.
    Garbles(SocketAddr, usize),
    /// It answers nothing before the other end has gone.
    Waits,
}

/// What it has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// What it was asked.
    pub(crate) head: String,
    /// The first bytes that went to the server.
    pub(crate) first: Vec<u8>,
    /// The client has said in TLS that nothing more comes.
    pub(crate) closed: bool,
    /// What TLS failed with.
    pub(crate) failure: Option<rustls::Error>,
    /// Whether the client has shown a certificate.
    pub(crate) certificate: bool,
}

/// The proxy, and what it has seen once it is over.
pub(crate) fn https_proxy(config: Arc<ServerConfig>, then: Then) -> (SocketAddr, JoinHandle<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = thread::spawn(move || {
        let stream = listener.accept().unwrap().0;
        let connection = ServerConnection::new(config).unwrap();
        let end = Arc::new(End { connection: Mutex::new(connection), stream });
        let mut seen = Seen::default();
        end.serve(then, &mut seen);
        let connection = end.connection.lock().unwrap();
        seen.certificate = connection.peer_certificates().is_some();
        seen
    });
    (address, thread)
}

struct End {
    connection: Mutex<ServerConnection>,
    stream: TcpStream,
}

impl End {
    fn serve(self: &Arc<Self>, then: Then, seen: &mut Seen) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let Some(bytes) = self.read(seen) else { return };
            head.extend(bytes);
        }
        seen.head = String::from_utf8(head).unwrap();
        let (server, limit) = match then {
            Then::Says(answer) => {
                self.write(answer);
                self.close();
                return while self.read(seen).is_some() {};
            }
            Then::Waits => return while self.read(seen).is_some() {},
            Then::Leads(server) => (server, usize::MAX),
            Then::Drops(server, limit) => (server, limit),
            Then::Ends(server, limit) | Then::Garbles(server, limit) => (server, limit),
        };
        // In pieces, as some do.
        for piece in [&b"HTTP/1.1 200 "[..], b"Go on\r\n", b"\r\n"] {
            self.write(piece);
        }
        let mut server = TcpStream::connect(server).unwrap();
        let (back, mut from) = (self.clone(), server.try_clone().unwrap());
        let back = thread::spawn(move || back.lead_back(&mut from, then, limit));
        while let Some(bytes) = self.read(seen) {
            if seen.first.len() < 16 {
                seen.first.extend(&bytes);
            }
            if server.write_all(&bytes).is_err() {
                break;
            }
        }
        let _ = server.shutdown(Shutdown::Write);
        back.join().unwrap();
    }

    /// Carries what the server says to the client, up to the limit.
    fn lead_back(&self, server: &mut TcpStream, then: Then, limit: usize) {
        let (mut left, mut memory) = (limit, vec![0; 20_000]);
        while left > 0 {
            let most = memory.len().min(left);
            match server.read(&mut memory[..most]) {
                Ok(0) | Err(_) => break,
                Ok(len) => {
                    self.write(&memory[..len]);
                    left -= len;
                }
            }
        }
        match then {
            Then::Drops(..) => {}
            Then::Garbles(..) => {
                let _ = (&self.stream).write_all(&[0x17, 3, 3, 0, 32, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
                let _ = (&self.stream).write_all(&[0; 23]);
                // The client's alert is still read.
                return;
            }
            Then::Says(_) | Then::Leads(_) | Then::Ends(..) | Then::Waits => self.close(),
        }
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    fn flush(&self, connection: &mut ServerConnection) {
        while connection.wants_write() && connection.write_tls(&mut &self.stream).is_ok() {}
    }

    fn write(&self, bytes: &[u8]) {
        let mut connection = self.connection.lock().unwrap();
        for piece in bytes.chunks(5_000) {
            connection.writer().write_all(piece).unwrap();
            self.flush(&mut connection);
        }
    }

    fn close(&self) {
        let mut connection = self.connection.lock().unwrap();
        connection.send_close_notify();
        self.flush(&mut connection);
    }

    /// The next plaintext, or nothing at the end.
    fn read(&self, seen: &mut Seen) -> Option<Vec<u8>> {
        let mut memory = vec![0; 20_000];
        loop {
            let mut connection = self.connection.lock().unwrap();
            self.flush(&mut connection);
            let plaintext = connection.reader().read(&mut memory);
            match plaintext {
                Ok(0) => {
                    seen.closed = true;
                    return None;
                }
                Ok(len) => {
                    memory.truncate(len);
                    return Some(memory);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return None,
            }
            drop(connection);
            let mut bytes = [0; 4096];
            let len = match (&self.stream).read(&mut bytes) {
                Ok(0) | Err(_) => return None,
                Ok(len) => len,
            };
            let (mut connection, mut bytes) = (self.connection.lock().unwrap(), &bytes[..len]);
            while !bytes.is_empty() {
                if matches!(connection.read_tls(&mut bytes), Ok(0) | Err(_)) {
                    break;
                }
                let processed = connection.process_new_packets();
                self.flush(&mut connection);
                if let Err(error) = processed {
                    seen.failure = Some(error);
                    let _: io::Result<()> = self.stream.shutdown(Shutdown::Write);
                    return None;
                }
            }
        }
    }
}
