//! Streams made for one purpose: a call does not outlast its time, and a deadline waits for the read
//! that could prevent it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use farewell::blocking::{Socket, Transport, Untimed};
use farewell::{Heartbeat, Incoming, Phase, Role, SendError};

use super::open;
use crate::adapters::support::{bounded, masked, millis, quiet};
use crate::driver::script::frames;

/// A stream that always has another piece, and takes what is written.
struct Endless(&'static [u8]);

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        buffer[..self.0.len()].copy_from_slice(self.0);
        Ok(self.0.len())
    }
}

impl Write for Endless {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Endless {
    fn set_read_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }
    fn set_write_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }
    fn shutdown_write(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_peer_that_never_stops_pinging_does_not_keep_us_beyond_the_time_given() {
    bounded(|| {
        // A masked Ping with an empty payload.
        let mut socket = open(Endless(&[0x89, 0x80, 0, 0, 0, 0]), Role::Server, &quiet());
        assert_eq!(socket.try_next(), None);
        assert_eq!(socket.next_within(millis(5)), None);
        assert!(socket.stats().received.frames >= 2);
    });
}

/// A stream whose reads cannot be bounded, with one message ready from the beginning on.
struct Ready(Option<Vec<u8>>);

impl Read for Ready {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.0.take().expect("a read that would last for ever");
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

impl Write for Ready {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `try_next` reads nothing from such a stream, so it cannot say that nothing has come.
#[test]
fn a_deadline_does_not_take_effect_for_want_of_a_read_that_was_not_tried() {
    bounded(|| {
        let mut config = quiet();
        config.timeouts.idle = Some(millis(5));
        let stream = Untimed(Ready(Some(masked(0x81, b"long there"))));
        let mut socket = open(stream, Role::Server, &config);
        let began = Instant::now();
        while began.elapsed() < millis(10) {
            assert_eq!(socket.try_next(), None);
        }
        assert_eq!(socket.try_next(), None);
        assert_eq!(socket.session().phase(), Phase::Open, "closed without a look");
        assert_eq!(socket.next(), Incoming::Message("long there".into()));
    });
}

/// A socket whose first read is held until it is let go, and then finds nothing; the one behind it
/// finds the Pong.
struct Held {
    let_go: Mutex<mpsc::Receiver<()>>,
    ping: Mutex<Option<Vec<u8>>>,
    written: mpsc::Sender<()>,
    held: Mutex<bool>,
}

impl Socket for Held {
    fn read_shared(&self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ping.lock().unwrap().is_none() {
            thread::sleep(millis(1));
            return Err(ErrorKind::WouldBlock.into());
        }
        if !std::mem::replace(&mut *self.held.lock().unwrap(), true) {
            let _ = self.let_go.lock().unwrap().recv();
            return Err(ErrorKind::WouldBlock.into());
        }
        match self.ping.lock().unwrap().take() {
            Some(ping) => {
                let pong = masked(0x8a, &ping);
                buffer[..pong.len()].copy_from_slice(&pong);
                Ok(pong.len())
            }
            None => Err(ErrorKind::WouldBlock.into()),
        }
    }
    fn write_shared(&self, bytes: &[u8]) -> io::Result<usize> {
        let frames = frames(Role::Server, bytes);
        if let Some((_, ping)) = frames.into_iter().find(|(first, _)| *first == 0x89) {
            *self.ping.lock().unwrap() = Some(ping);
            let _ = self.written.send(());
        }
        Ok(bytes.len())
    }
    fn set_read_timeout_shared(&self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }
    fn shutdown_shared(&self, _: Shutdown) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Held {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_shared(buffer)
    }
}

impl Write for Held {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_shared(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Held {
    fn set_read_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }
    fn set_write_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }
    fn shutdown_write(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The writing half tells the time while the reading half reads. That read began before the
/// deadline, so that it finds nothing says nothing.
#[test]
fn a_deadline_that_the_writer_sees_pass_waits_for_another_read() {
    bounded(|| {
        let mut config = quiet();
        let mut heartbeat = Heartbeat::default();
        (heartbeat.interval, heartbeat.timeout) = (millis(5), millis(300));
        config.heartbeat = Some(heartbeat);
        let (go, let_go) = mpsc::channel();
        let (written, ping_left) = mpsc::channel();
        let held = Held {
            let_go: Mutex::new(let_go),
            ping: Mutex::default(),
            written,
            held: Mutex::default(),
        };
        let (mut receiver, mut sender) = open(held, Role::Server, &config).split();
        sender.send_fragment("begun", false).unwrap();
        let reader = thread::spawn(move || receiver.next_within(millis(900)));
        ping_left.recv().unwrap();
        // The deadline passes while the read is held.
        thread::sleep(millis(310));
        // Refused, so that nothing has to be written, which takes time.
        let refused = sender.try_feed("it is late").unwrap_err();
        assert_eq!(refused.reason, SendError::FragmentsPending);
        go.send(()).unwrap();
        assert_eq!(reader.join().unwrap(), None);
    });
}
