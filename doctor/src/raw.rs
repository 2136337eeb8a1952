//! Peers that speak just enough: a proper opening handshake, then any bytes whatever.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use bytes::BytesMut;
use farewell::Limits;
use farewell::handshake::{
    Accept, ClientHandshake, ClientRequest, Origins, Outcome, ServerHandshake,
};
use socket2::{Domain, Socket, Type};

use crate::stage::Failure;

/// The first byte of a frame: what it is, and that it is all of its message.
pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
/// Text that goes on in another frame.
pub(crate) const TEXT_BEGINS: u8 = 0x01;

/// So that a mistake in a scenario ends it, instead of waiting for ever.
const PATIENCE: Duration = Duration::from_secs(10);

/// A TCP connection on which anything can be written.
pub(crate) struct Raw(TcpStream);

impl Raw {
    pub(crate) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }

    /// A client that has completed the opening handshake.
    pub(crate) fn client(stream: TcpStream) -> Result<Self, Failure> {
        let mut raw = Self::new(stream)?;
        let request = ClientRequest::new("ws://localhost/")?;
        let mut out = BytesMut::new();
        let nonce = farewell::Seed::from_os()?.nonce();
        let mut handshake = ClientHandshake::start(&request, nonce, &Limits::default(), &mut out);
        raw.write(&out)?;
        loop {
            match handshake.receive(&raw.bytes::<1>()?)?.1 {
                Some(Outcome::Established(_)) => return Ok(raw),
                Some(_) => return Err("the handshake was refused".into()),
                None => {}
            }
        }
    }

    /// A server that has completed the opening handshake.
    pub(crate) fn server(stream: TcpStream) -> Result<Self, Failure> {
        let mut raw = Self::new(stream)?;
        let response = raw.response()?;
        raw.write(&response)?;
        Ok(raw)
    }

    /// Reads a request. Returns the response that accepts it.
    pub(crate) fn response(&mut self) -> Result<BytesMut, Failure> {
        let mut handshake = ServerHandshake::new(&Limits::default());
        loop {
            if let (_, Some(request)) = handshake.receive(&self.bytes::<1>()?)? {
                let mut out = BytesMut::new();
                Accept::new(Origins::Any).write_response(&request, &mut out)?;
                return Ok(out);
            }
        }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn bytes<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Waits until a whole frame with a short payload has come, and drops it.
    pub(crate) fn drop_frame(&mut self) -> io::Result<()> {
        let [_, second] = self.bytes()?;
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        let mut rest = vec![0; usize::from(second & 0x7f) + mask];
        self.0.read_exact(&mut rest)
    }

    /// Reads until the other end has nothing more to say, then closes.
    pub(crate) fn read_to_end(mut self) -> io::Result<()> {
        io::copy(&mut self.0, &mut io::sink()).map(drop)
    }

    /// Ends the stream as the death of a process does while nothing is unread: with TCP's FIN.
    pub(crate) fn hang_up(self) -> io::Result<()> {
        self.0.shutdown(std::net::Shutdown::Write)?;
        self.read_to_end()
    }

    /// Throws the connection away: TCP's RST.
    pub(crate) fn reset(self) -> io::Result<()> {
        Socket::from(self.0).set_linger(Some(Duration::ZERO))
    }
}

/// A frame as a server sends it.
pub(crate) fn from_server(first: u8, payload: &[u8]) -> Vec<u8> {
    frame(first, 0, payload)
}

/// A frame as a client sends it, with a masking key of zeros, which changes nothing.
pub(crate) fn from_client(first: u8, payload: &[u8]) -> Vec<u8> {
    frame(first, 0x80, payload)
}

fn frame(first: u8, mask_bit: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match u16::try_from(payload.len()) {
        Ok(len @ 0..=125) => frame.push(mask_bit | len as u8),
        Ok(len) => {
            frame.push(mask_bit | 126);
            frame.extend_from_slice(&len.to_be_bytes());
        }
        Err(_) => {
            frame.push(mask_bit | 127);
            frame.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(if mask_bit == 0 { &[] } else { &[0; 4] });
    frame.extend_from_slice(payload);
    frame
}

/// A listener on a free port, and its address.
pub(crate) fn listen() -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// A port at which nobody listens as long as the socket lives.
pub(crate) fn take_port() -> io::Result<(Socket, SocketAddr)> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    let address = socket.local_addr()?.as_socket();
    Ok((socket, address.ok_or(io::ErrorKind::AddrNotAvailable)?))
}

/// A connection to a listener whose end takes only little before it is read.
pub(crate) fn connect_narrow(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_recv_buffer_size(4096)?;
    socket.connect(&address.into())?;
    Ok(socket.into())
}
