//! Executes a [`Dial`] over tokio's sockets.
//!
//! Invariant: everything under way is in here, so a dial that is dropped drops it all.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::future::poll_fn;
use core::net::SocketAddr;
use core::pin::Pin;
use core::task::{Context, Poll, Waker, ready};
use std::io::{self, ErrorKind};
use std::string::ToString;
use std::sync::Mutex;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep_until};

use super::clock::Clock;
use crate::adapter::{ConnectError, ConnectOptions, lock, lookup, scratch};
use crate::dial::{Dial, DialOptions, Dialled, Step, Wait};
use crate::handshake::ClientRequest;
use crate::report::ReadClosed;
use crate::time::Timestamp;

type Later<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;

/// Leads to a stream on which the opening handshake can begin.
pub(super) async fn dial(
    request: &ClientRequest,
    options: &ConnectOptions,
    way: &DialOptions,
    clock: Clock,
    began: Timestamp,
) -> Result<(TcpStream, Dialled), ConnectError> {
    let dial = Dial::since(began, request, way, &options.config, clock.now());
    let mut executor = Executor {
        dial,
        options,
        clock,
        lookup: None,
        attempts: Vec::new(),
        stream: None,
        timer: None,
    };
    poll_fn(|cx| executor.poll(cx)).await;
    let Executor { dial, stream, .. } = executor;
    let dialled = dial.into_result()?;
    let stream = stream.ok_or(ErrorKind::NotConnected).map_err(io::Error::from)?;
    stream.set_nodelay(true)?;
    Ok((stream, dialled))
}

/// A lookup under way, and who waits for it.
#[derive(Default)]
struct Lookup {
    result: Option<io::Result<Vec<SocketAddr>>>,
    waker: Option<Waker>,
}

fn poll_lookup(
    lookup: &Mutex<Lookup>,
    cx: &mut Context<'_>,
) -> Option<io::Result<Vec<SocketAddr>>> {
    let mut lookup = lock(lookup);
    lookup.waker = Some(cx.waker().clone());
    lookup.result.take()
}

struct Executor<'a> {
    dial: Dial,
    options: &'a ConnectOptions,
    clock: Clock,
    lookup: Option<Arc<Mutex<Lookup>>>,
    attempts: Vec<(usize, Later<TcpStream>)>,
    /// The stream that connected first.
    stream: Option<TcpStream>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Executor<'_> {
    /// Executes steps until it is over.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.dial.handle_ready();
        loop {
            match self.dial.next() {
                Step::Resolve { host, port } => self.look_up(host, port),
                Step::Connect { attempt, address } => {
                    self.attempts.push((attempt, Box::pin(TcpStream::connect(address))));
                }
                Step::Drop { attempt } => self.attempts.retain(|(other, _)| *other != attempt),
                Step::Write => self.write(cx),
                Step::Read => self.read(cx),
                Step::Wait(wait) => {
                    if !self.poll_under_way(cx) {
                        ready!(self.poll_wait(wait, cx));
                    }
                }
                Step::Connected { .. } | Step::Failed => return Poll::Ready(()),
            }
        }
    }

    fn look_up(&mut self, host: Box<str>, port: u16) {
        let lookup = Arc::new(Mutex::new(Lookup::default()));
        let told = lookup.clone();
        let begun = lookup::look_up(self.options, host, port, move |result| {
            let mut lookup = lock(&told);
            lookup.result = Some(result);
            let waker = lookup.waker.take();
            drop(lookup);
            waker.iter().for_each(Waker::wake_by_ref);
        });
        if let Err(error) = begun {
            lock(&lookup).result = Some(Err(error));
        }
        self.lookup = Some(lookup);
    }

    /// Asks the lookup and the attempts. Returns whether one of them is over.
    fn poll_under_way(&mut self, cx: &mut Context<'_>) -> bool {
        if let Some(result) = self.lookup.as_ref().and_then(|lookup| poll_lookup(lookup, cx)) {
            self.lookup = None;
            let now = self.clock.now();
            match result {
                Ok(addresses) => self.dial.handle_resolved(&addresses, now),
                Err(error) => self.dial.handle_unresolved(&error.to_string(), now),
            }
            return true;
        }
        let polled = self.attempts.iter_mut().enumerate().find_map(|(place, (_, attempt))| {
            match attempt.as_mut().poll(cx) {
                Poll::Ready(result) => Some((place, result)),
                Poll::Pending => None,
            }
        });
        let Some((place, result)) = polled else { return false };
        let (attempt, _) = self.attempts.swap_remove(place);
        let now = self.clock.now();
        match result {
            Ok(stream) => {
                self.dial.handle_connected(attempt, now);
                if self.dial.winner() == Some(attempt) {
                    self.stream = Some(stream);
                }
            }
            Err(error) => self.dial.handle_connect_failed(attempt, (&error).into(), now),
        }
        true
    }

    /// Ready once the time has come.
    fn poll_wait(&mut self, wait: Wait, cx: &mut Context<'_>) -> Poll<()> {
        let now = self.clock.now();
        if wait.is_over(now) {
            self.dial.handle_timeout(now);
            return Poll::Ready(());
        }
        let Some(instant) = self.clock.instant(wait.until) else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(instant)));
        if timer.deadline() != instant || timer.is_elapsed() {
            timer.as_mut().reset(instant);
        }
        timer.as_mut().poll(cx)
    }

    fn write(&mut self, cx: &mut Context<'_>) {
        let Some(stream) = &mut self.stream else { return };
        match Pin::new(stream).poll_write(cx, self.dial.output()) {
            Poll::Pending => self.dial.handle_write_blocked(),
            Poll::Ready(Ok(count)) => self.dial.handle_written(count, self.clock.now()),
            Poll::Ready(Err(_)) => self.dial.handle_write_failed(self.clock.now()),
        }
    }

    fn read(&mut self, cx: &mut Context<'_>) {
        let Self { dial, clock, stream: Some(stream), .. } = self else { return };
        scratch::with(|memory| {
            let mut buffer = ReadBuf::new(memory);
            match Pin::new(stream).poll_read(cx, &mut buffer) {
                Poll::Pending => dial.handle_read_blocked(),
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
                    dial.handle_read_closed(ReadClosed::Eof, clock.now());
                }
                Poll::Ready(Ok(())) => dial.handle_read(buffer.filled(), clock.now()),
                Poll::Ready(Err(error)) => dial.handle_read_closed((&error).into(), clock.now()),
            }
        });
    }
}
