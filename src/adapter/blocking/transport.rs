//! What the blocking adapter needs of a stream beside reading and writing.

use core::time::Duration;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};

/// A blocking stream whose waits can be bounded.
///
/// It is implemented for [`TcpStream`] and, on Unix, for `UnixStream`. Any other stream works
/// through [`Untimed`], without deadlines while it waits. A stream over a socket, a TLS stream for
/// example, gets its deadlines by implementing this trait for a type of your own:
///
/// ```
/// use std::io::{self, Read, Write};
/// use std::net::{Shutdown, TcpStream};
/// use std::time::Duration;
/// use farewell::TransportError;
/// use farewell::blocking::Transport;
///
/// struct Tls<S> { stream: S, socket: TcpStream } // `socket` from `try_clone`
/// impl<S: Read> Read for Tls<S> {
///     fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
///         self.stream.read(buffer).map_err(|error| match error.kind() {
///             // Here it is known what that means: a close_notify is missing.
///             kind @ io::ErrorKind::UnexpectedEof => {
///                 io::Error::new(kind, TransportError::TlsTruncated)
///             }
///             _ => error,
///         })
///     }
/// }
/// # impl<S: Write> Write for Tls<S> {
/// #     fn write(&mut self, bytes: &[u8]) -> io::Result<usize> { self.stream.write(bytes) }
/// #     fn flush(&mut self) -> io::Result<()> { self.stream.flush() }
/// # }
/// impl<S: Read + Write> Transport for Tls<S> {
///     fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
///         self.socket.set_read_timeout(timeout)
///     }
///     fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
///         self.socket.set_write_timeout(timeout)
///     }
///     fn shutdown_write(&mut self) -> io::Result<()> {
///         // Send the library's close_notify here first.
///         self.socket.shutdown(Shutdown::Write)
///     }
/// }
/// ```
pub trait Transport: Read + Write {
    /// Bounds every later read; `None` lets it wait for ever. Never called with zero.
    ///
    /// A read that waited for that long has to fail with [`io::ErrorKind::WouldBlock`], or as
    /// [`waits_time_out`](Self::waits_time_out) says, and must not lose data. One that fails so
    /// again and again without having waited is in non-blocking mode, which ends the connection
    /// with [`NonBlocking`](crate::TransportError::NonBlocking).
    ///
    /// # Errors
    ///
    /// Those of the socket. They count as a failed read.
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()>;

    /// Bounds every later write, in the same way.
    ///
    /// # Errors
    ///
    /// Those of the socket.
    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()>;

    /// Ends this side's stream: TCP's FIN, after TLS's `close_notify`. Reading goes on.
    ///
    /// # Errors
    ///
    /// Those of the socket. They change nothing: the peer's side decides.
    fn shutdown_write(&mut self) -> io::Result<()>;

    /// Whether the waits are bounded as asked for.
    ///
    /// Where they are not, a read might last for ever. So nothing is read while output is left to
    /// write, nor while a message waits to be given out, nor once the end has begun: see
    /// [`Untimed`].
    fn is_timed(&self) -> bool {
        true
    }

    /// Whether a wait that is over fails with [`io::ErrorKind::TimedOut`], as it does on Windows.
    ///
    /// A connection that the system has given up on fails with it, too. The two are then told apart
    /// by the clock: an error that came at once was no wait.
    fn waits_time_out(&self) -> bool {
        cfg!(windows)
    }
}

/// A socket that can be split into a reader and a writer for two threads: its methods take a shared
/// reference, and one thread may be in a read while another is in a write.
///
/// It is implemented for [`TcpStream`] and, on Unix, for `UnixStream`. Implement it for a type of
/// your own whose halves can be used at once. It must hold nothing back that it has taken.
pub trait Socket: Transport + Send + Sync {
    /// Reads as [`Read::read`] does, bounded by
    /// [`set_read_timeout_shared`](Self::set_read_timeout_shared).
    ///
    /// # Errors
    ///
    /// As of [`Transport::set_read_timeout`], where the time has passed; else the socket's.
    fn read_shared(&self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes as [`Write::write`] does, bounded by the last [`Transport::set_write_timeout`] or
    /// [`set_write_timeout_shared`](Self::set_write_timeout_shared).
    ///
    /// # Errors
    ///
    /// As of [`Transport::set_write_timeout`], where the time has passed; else the socket's.
    fn write_shared(&self, bytes: &[u8]) -> io::Result<usize>;

    /// Bounds every later read, as [`Transport::set_read_timeout`] does.
    ///
    /// # Errors
    ///
    /// Those of the socket. They count as a failed read.
    fn set_read_timeout_shared(&self, timeout: Option<Duration>) -> io::Result<()>;

    /// Bounds every later write, as [`Transport::set_write_timeout`] does, so that a writer whose
    /// peer takes nothing can wait for long. Without it, one looks around every 10 ms.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::Unsupported`] where there is no such thing, as by default: then the bound
    /// stays as it is. Those of the socket, which count as a failed write.
    fn set_write_timeout_shared(&self, timeout: Option<Duration>) -> io::Result<()> {
        let _ = timeout;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Shuts down our side, or both; then a read that waits has to return.
    ///
    /// # Errors
    ///
    /// Those of the socket. They change nothing.
    fn shutdown_shared(&self, how: Shutdown) -> io::Result<()>;
}

macro_rules! socket {
    ($socket:ty) => {
        impl Transport for $socket {
            fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
                <$socket>::set_read_timeout(self, timeout)
            }

            fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
                <$socket>::set_write_timeout(self, timeout)
            }

            fn shutdown_write(&mut self) -> io::Result<()> {
                self.shutdown(Shutdown::Write)
            }
        }

        impl Socket for $socket {
            fn read_shared(&self, buffer: &mut [u8]) -> io::Result<usize> {
                (&mut &*self).read(buffer)
            }

            fn write_shared(&self, bytes: &[u8]) -> io::Result<usize> {
                (&mut &*self).write(bytes)
            }

            fn set_read_timeout_shared(&self, timeout: Option<Duration>) -> io::Result<()> {
                self.set_read_timeout(timeout)
            }

            fn set_write_timeout_shared(&self, timeout: Option<Duration>) -> io::Result<()> {
                self.set_write_timeout(timeout)
            }

            fn shutdown_shared(&self, how: Shutdown) -> io::Result<()> {
                self.shutdown(how)
            }
        }
    };
}

socket!(TcpStream);
#[cfg(unix)]
socket!(std::os::unix::net::UnixStream);

/// A stream of any kind, whose waits cannot be bounded.
///
/// Deadlines then take effect only when a read or a write returns: a peer that stays silent is
/// waited for, and a peer that reads nothing blocks the writer. Nothing is read while output is
/// left to write, so two ends that send much at the same time may wait for each other.
///
/// Once the end has begun, with a Close in either direction, a broken rule or a refusal, nobody is
/// waited for: what there is to say of it is written, and the report follows. The echo of a Close
/// of our own would have to be awaited with such a read, so it is not: the report shows it as
/// unanswered, not clean, with code 1006 and the cause
/// [`Aborted`](crate::Cause::Aborted), and messages that are still on their way are lost. Where that
/// matters, let the peer close first, or implement [`Transport`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Untimed<S>(
    /// The stream.
    pub S,
);

impl<S: Read> Read for Untimed<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<S: Write> Write for Untimed<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn write_vectored(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        self.0.write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<S: Read + Write> Transport for Untimed<S> {
    fn set_read_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn set_write_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.0.flush()
    }

    fn is_timed(&self) -> bool {
        false
    }
}
