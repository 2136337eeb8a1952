//! A stream of bytes over binary messages, for other protocols on top.

use core::fmt;
use std::io::{self, Read, Write};

use bytes::Bytes;

use super::WebSocket;
use super::access::Access;
use super::split::{Receiver, Sender};
use super::transport::{Socket, Transport};
use super::turn::Turn;
use crate::adapter::IncomingChunk;
use crate::adapter::pieces::{PART, binary, end, flushed, give};
use crate::connection::SendError;
use crate::report::{Evidence, Stats};
use crate::wire::close::CloseCode;

/// A stream of bytes over the binary messages of a WebSocket: a [`Read`] and [`Write`], for tunnels and
/// other protocols on top.
///
/// Where messages begin and end has no meaning, in either direction, and how long they are none: what
/// comes is read as it comes, and takes no memory. For two threads, [`split`](Self::split) it.
///
/// - **Writing** sends a message of at most 32 KiB, and waits until it is with the transport.
/// - **[`shutdown`](Self::shutdown)** sends a Close with 1000. A WebSocket cannot be closed in one
///   direction alone: the peer answers with its own Close, and until then its bytes can be read.
/// - **Reading** ends, with no bytes, behind a Close with 1000, or without a code, that follows a whole
///   message, be it the peer's or the answer to ours. Any other end is an error: the
///   [`Termination`](crate::Termination) is in the [`io::Error`], whose kind says what it was.
///   [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) is an end without a Close, or a Close with another
///   code, so that what was cut off never looks complete. A text message is
///   [`InvalidData`](io::ErrorKind::InvalidData), and closes the connection with 1003.
///
/// Pings are answered and deadlines kept while one of the calls waits, so that one should: read, if
/// nothing else. An application that does not read holds the peer up.
///
/// ```
/// use std::io::{Read, Write};
/// # use std::{net::TcpListener, thread};
/// use farewell::blocking::{self, ByteStream};
/// # use farewell::{Acceptor, handshake::Origins};
///
/// # let listener = TcpListener::bind("127.0.0.1:0")?;
/// # let url = format!("ws://{}/", listener.local_addr()?);
/// # let server = thread::spawn(move || {
/// #     let (stream, _) = listener.accept()?;
/// #     let socket = blocking::accept(stream, &Acceptor::new(Origins::Any)).expect("it opens");
/// #     let (mut reader, mut writer) = ByteStream::new(socket).split();
/// #     std::io::copy(&mut reader, &mut writer)
/// # });
/// // A server that returns what it gets.
/// let mut stream = ByteStream::new(blocking::connect(&url)?);
/// stream.write_all(b"there and back")?;
/// let mut back = [0; 14];
/// stream.read_exact(&mut back)?;
/// assert_eq!(&back, b"there and back");
/// stream.shutdown()?;
/// assert_eq!(stream.read(&mut back)?, 0);
/// # assert_eq!(server.join().expect("it is content")?, 14);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ByteStream<S> {
    socket: WebSocket<S>,
    /// What was received and not read.
    rest: Bytes,
}

/// The reading half of a [`ByteStream`], for one thread.
///
/// It answers Pings and keeps deadlines while it waits.
pub struct ByteReader<S> {
    half: Receiver<S>,
    /// What was received and not read.
    rest: Bytes,
}

/// The writing half of a [`ByteStream`], for another thread. Dropping it does not close the stream;
/// [`shutdown`](Self::shutdown) does.
pub struct ByteWriter<S> {
    half: Sender<S>,
}

impl<S: Transport> ByteStream<S> {
    /// Over an open connection. What it has received and not handed out is read first.
    #[must_use]
    pub fn new(socket: WebSocket<S>) -> Self {
        Self { socket, rest: Bytes::new() }
    }

    /// Sends a Close with 1000 behind what was written. Read on until the end.
    ///
    /// # Errors
    ///
    /// The Close cannot leave any more.
    pub fn shutdown(&mut self) -> io::Result<()> {
        self.socket.turn.shut_bytes()
    }
}

impl<S: Socket> ByteStream<S> {
    /// Splits it for two threads.
    #[must_use]
    pub fn split(self) -> (ByteReader<S>, ByteWriter<S>) {
        let (reader, writer) = self.socket.split();
        (ByteReader { half: reader, rest: self.rest }, ByteWriter { half: writer })
    }
}

impl<S: Socket> ByteWriter<S> {
    /// Sends a Close with 1000 behind what was written. The other half reads on until the end.
    ///
    /// # Errors
    ///
    /// The Close cannot leave any more.
    pub fn shutdown(&mut self) -> io::Result<()> {
        self.half.turn.shut_bytes()
    }
}

impl<A: Access> Turn<A> {
    fn read_bytes(&mut self, rest: &mut Bytes, buffer: &mut [u8]) -> io::Result<usize> {
        while rest.is_empty() && !buffer.is_empty() {
            match self.next_chunk() {
                IncomingChunk::Chunk(chunk) => match binary(chunk) {
                    Ok(bytes) => *rest = bytes,
                    Err(error) => {
                        // A refusal says that the end is already under way.
                        let _ = self.queue_close(CloseCode::UNSUPPORTED_DATA.into());
                        let _ = self.flush();
                        return Err(error);
                    }
                },
                IncomingChunk::Ended(report) => return end(&report).map(|()| 0),
            }
        }
        Ok(give(rest, buffer))
    }

    fn write_bytes(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = bytes.get(..PART).unwrap_or(bytes);
        if !bytes.is_empty() {
            let fed = self.feed(bytes.into()).map_err(|refused| refused.reason);
            let sent = fed.and_then(|()| self.flush());
            self.or_report(sent)?;
        }
        Ok(bytes.len())
    }

    fn shut_bytes(&mut self) -> io::Result<()> {
        let result = match self.queue_close(CloseCode::NORMAL.into()) {
            Ok(()) | Err(SendError::Closing) => self.flush_close(),
            Err(error) => Err(error),
        };
        self.access.with(|driver| flushed(result, driver.ended()))
    }
}

macro_rules! bytes_of {
    ($($type:ident: |$stream:ident| $socket:expr;)*) => {$(
        impl<S> $type<S> {
            /// What was seen so far of the connection below.
            pub fn evidence(&self) -> Evidence {
                let $stream = self;
                $socket.evidence()
            }

            /// What the connection below has done so far, in numbers.
            pub fn stats(&self) -> Stats {
                let $stream = self;
                $socket.stats()
            }
        }

        impl<S> fmt::Debug for $type<S> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($type)).finish_non_exhaustive()
            }
        }
    )*};
}

bytes_of! {
    ByteStream: |stream| stream.socket;
    ByteReader: |stream| stream.half;
    ByteWriter: |stream| stream.half;
}

impl<S: Transport> Read for ByteStream<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.turn.read_bytes(&mut self.rest, buffer)
    }
}

impl<S: Socket> Read for ByteReader<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.half.turn.read_bytes(&mut self.rest, buffer)
    }
}

impl<S: Transport> Write for ByteStream<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.turn.write_bytes(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.turn.flush_or_report()
    }
}

impl<S: Socket> Write for ByteWriter<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.half.turn.write_bytes(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.half.turn.flush_or_report()
    }
}
