//! All sockets of a server closed together, through both adapters: wherever their tasks and threads
//! wait, and whatever their peers do.

mod edges;

use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use farewell::{
    Cause, CloseCode, Config, Drained, Incoming, Initiator, Message, Termination, Ticket,
};

use crate::adapters::support::{
    Adapter, Blocking, Tokio, anyone, bounded, echo, for_both_adapters, listen, millis, pair,
    quiet, runtime, with_raw_client,
};

for_both_adapters!(
    everybody_is_closed_and_counted,
    what_was_queued_leaves_before_the_close,
    a_socket_that_is_busy_is_closed_too,
    who_does_not_answer_is_aborted,
    who_does_not_look_is_left,
    who_joins_later_is_closed_at_once,
    a_connection_that_is_not_open_yet_is_waited_for,
    who_left_before_does_not_count,
);

/// Long enough for who has no reason to be late, on a slow machine.
pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) trait Drains: Adapter {
    type Drain: Default + Clone + Send + Sync + 'static;

    fn ticket(drain: &Self::Drain) -> Ticket;
    fn sockets(drain: &Self::Drain) -> usize;
    fn is_draining(drain: &Self::Drain) -> bool;
    fn close_all(drain: &Self::Drain, code: CloseCode, within: Duration) -> Drained;
}

impl Drains for Blocking {
    type Drain = farewell::blocking::Drain;

    fn ticket(drain: &Self::Drain) -> Ticket {
        drain.ticket()
    }
    fn sockets(drain: &Self::Drain) -> usize {
        drain.sockets()
    }
    fn is_draining(drain: &Self::Drain) -> bool {
        drain.is_draining()
    }
    fn close_all(drain: &Self::Drain, code: CloseCode, within: Duration) -> Drained {
        drain.close_all(code, within)
    }
}

impl Drains for Tokio {
    type Drain = farewell::aio::Drain;

    fn ticket(drain: &Self::Drain) -> Ticket {
        drain.ticket()
    }
    fn sockets(drain: &Self::Drain) -> usize {
        drain.sockets()
    }
    fn is_draining(drain: &Self::Drain) -> bool {
        drain.is_draining()
    }
    fn close_all(drain: &Self::Drain, code: CloseCode, within: Duration) -> Drained {
        runtime().block_on(drain.close_all(code, within))
    }
}

/// A client, and a server that has joined the drain and echoes until the end.
pub(crate) fn joined<D: Drains>(
    drain: &D::Drain,
    config: Config,
) -> (D, JoinHandle<Box<Termination>>) {
    let ticket = D::ticket(drain);
    pair(config, |mut socket: D| {
        socket.join(ticket);
        echo(socket)
    })
}

pub(crate) fn count(drained: &Drained) -> [u64; 6] {
    let Drained { sockets, clean, unclean, aborted, dropped, left, .. } = *drained;
    [sockets, clean, unclean, aborted, dropped, left]
}

fn everybody_is_closed_and_counted<D: Drains>() {
    let drain = D::Drain::default();
    let (clients, servers): (Vec<D>, Vec<_>) = (0..3).map(|_| joined::<D>(&drain, quiet())).unzip();
    assert_eq!((D::sockets(&drain), D::is_draining(&drain)), (3, false));
    let clients: Vec<_> =
        clients.into_iter().map(|mut client| thread::spawn(move || client.ended())).collect();
    let drained = D::close_all(&drain, CloseCode::SERVICE_RESTART, Duration::from_secs(4));
    assert_eq!(count(&drained), [3, 3, 0, 0, 0, 0], "{drained}");
    assert!(drained.all_clean() && drained.by_cause().eq([("closing_handshake", 3)]));
    assert!(drained.to_string().starts_with("3 of 3 sockets closed cleanly; closing_handshake 3;"));
    assert_eq!((D::sockets(&drain), D::is_draining(&drain)), (0, true));
    for report in clients.into_iter().map(|client| client.join().unwrap()) {
        assert_eq!((report.code, report.clean, report.initiator), (1012, true, Initiator::Peer));
    }
    for report in servers.into_iter().map(|server| server.join().unwrap()) {
        assert_eq!((report.clean, report.initiator), (true, Initiator::Local), "{report}");
    }
}

fn what_was_queued_leaves_before_the_close<D: Drains>() {
    let drain = D::Drain::default();
    let (fed, is_fed) = mpsc::channel();
    let ticket = D::ticket(&drain);
    let (mut client, server) = pair(quiet(), move |mut socket: D| {
        socket.join(ticket);
        for _ in 0..100 {
            socket.feed("a part of it").unwrap();
        }
        fed.send(()).unwrap();
        echo(socket)
    });
    let client = thread::spawn(move || {
        let mut messages = 0;
        loop {
            match client.next() {
                Incoming::Message(_) => messages += 1,
                Incoming::Ended(report) => return (messages, report.code),
            }
        }
    });
    is_fed.recv().unwrap();
    let drained = D::close_all(&drain, CloseCode::GOING_AWAY, LONG);
    assert_eq!(count(&drained), [1, 1, 0, 0, 0, 0], "{drained}");
    assert_eq!(client.join().unwrap(), (100, 1001));
    assert_eq!(server.join().unwrap().dropped.messages, 0);
}

fn a_socket_that_is_busy_is_closed_too<D: Drains>() {
    let drain = D::Drain::default();
    let ticket = D::ticket(&drain);
    let (seen, is_seen) = mpsc::channel();
    let (mut client, server) = pair(quiet(), move |mut socket: D| {
        socket.join(ticket);
        loop {
            match socket.next() {
                Incoming::Message(message) => {
                    // Refused once the Close is queued.
                    let _ = socket.feed(message);
                    let _ = seen.send(());
                }
                Incoming::Ended(report) => return report,
            }
        }
    });
    let client = thread::spawn(move || {
        for _ in 0..10 {
            client.send("one of ten on their way").unwrap();
        }
        loop {
            match client.next() {
                Incoming::Message(message) => drop(client.send(message)),
                Incoming::Ended(report) => return report,
            }
        }
    });
    is_seen.iter().take(100).for_each(drop);
    let drained = D::close_all(&drain, CloseCode::GOING_AWAY, LONG);
    assert_eq!(count(&drained), [1, 1, 0, 0, 0, 0], "{drained}");
    assert_eq!(client.join().unwrap().code, 1001);
    assert!(server.join().unwrap().clean);
}

fn who_does_not_answer_is_aborted<D: Drains>() {
    let drain = D::Drain::default();
    let (mut socket, mut raw) = with_raw_client::<D>(quiet());
    socket.join(D::ticket(&drain));
    let server = thread::spawn(move || socket.ended());
    let drained = D::close_all(&drain, CloseCode::GOING_AWAY, millis(1500));
    assert_eq!(count(&drained), [1, 0, 0, 1, 0, 0], "{drained}");
    let report = server.join().unwrap();
    assert_eq!(report.cause, Cause::Aborted, "{report}");
    assert_eq!(raw.frame(), (0x88, vec![0x03, 0xe9]), "it was asked first");
}

fn who_does_not_look_is_left<D: Drains>() {
    let drain = D::Drain::default();
    let (mut socket, _raw) = with_raw_client::<D>(quiet());
    let (mut other, _other) = with_raw_client::<D>(quiet());
    socket.join(D::ticket(&drain));
    other.join(D::ticket(&drain));
    let drained = D::close_all(&drain, CloseCode::GOING_AWAY, millis(10));
    assert_eq!(count(&drained), [2, 0, 0, 0, 0, 2], "{drained}");
    // What it was told waits for it.
    assert_eq!(socket.ended().cause, Cause::Aborted);
    drop(other);
    let drained = D::close_all(&drain, CloseCode::GOING_AWAY, LONG);
    assert_eq!(count(&drained), [2, 0, 0, 1, 1, 0], "{drained}");
}

fn who_joins_later_is_closed_at_once<D: Drains>() {
    let drain = D::Drain::default();
    let drained = D::close_all(&drain, CloseCode::SERVICE_RESTART, LONG);
    assert_eq!(count(&drained), [0; 6], "{drained}");
    let (mut client, server) = joined::<D>(&drain, quiet());
    assert_eq!(client.ended().code, 1012);
    assert!(server.join().unwrap().clean);
    let drained = D::close_all(&drain, CloseCode::GOING_AWAY, LONG);
    assert_eq!(count(&drained), [1, 1, 0, 0, 0, 0], "{drained}");
}

fn a_connection_that_is_not_open_yet_is_waited_for<D: Drains>() {
    let drain = D::Drain::default();
    let (opening, failing) = (D::ticket(&drain), D::ticket(&drain));
    let closing = drain.clone();
    let closed = thread::spawn(move || D::close_all(&closing, CloseCode::GOING_AWAY, LONG));
    while !D::is_draining(&drain) {
        thread::yield_now();
    }
    drop(failing);
    let (mut client, server) = pair(quiet(), |mut socket: D| {
        socket.join(opening);
        echo(socket)
    });
    assert_eq!(client.ended().code, 1001);
    assert!(server.join().unwrap().clean);
    let drained = closed.join().unwrap();
    assert_eq!(count(&drained), [1, 1, 0, 0, 0, 0], "{drained}");
}

fn who_left_before_does_not_count<D: Drains>() {
    let drain = D::Drain::default();
    let (mut client, server) = joined::<D>(&drain, quiet());
    client.close(CloseCode::NORMAL);
    server.join().unwrap();
    drop(joined::<D>(&drain, quiet()).0);
    while D::sockets(&drain) > 0 {
        thread::yield_now();
    }
    let drained = D::close_all(&drain, CloseCode::GOING_AWAY, LONG);
    assert_eq!(count(&drained), [0; 6], "{drained}");
}

#[test]
fn threads_with_halves_are_closed() {
    bounded(|| {
        let drain = farewell::blocking::Drain::new();
        let ticket = drain.ticket();
        let (client, server) = pair(quiet(), |mut socket: Blocking| {
            socket.0.join(ticket);
            let (mut receiver, sender) = socket.0.split();
            let report = receiver.next().into_message().unwrap_err();
            drop(sender);
            report
        });
        // A client of halves, one of which is gone: that one's thread waits, too.
        let (mut receiver, sender) = client.0.split();
        drop(sender);
        let client = thread::spawn(move || receiver.next().into_message().unwrap_err());
        let drained = drain.close_all(CloseCode::GOING_AWAY, LONG);
        assert_eq!(count(&drained), [1, 1, 0, 0, 0, 0], "{drained}");
        assert_eq!(client.join().unwrap().code, 1001);
        assert!(server.join().unwrap().clean);
    });
}

#[test]
fn tasks_with_halves_are_closed() {
    bounded(|| {
        runtime().block_on(async {
            let (listener, request) = listen();
            listener.set_nonblocking(true).unwrap();
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let drain = farewell::aio::Drain::new();
            let (client, socket) =
                tokio::join!(farewell::aio::connect_with(&request, quiet()), async {
                    let stream = listener.accept().await.unwrap().0;
                    farewell::aio::accept(stream, &anyone(quiet())).await
                });
            let (mut client, mut socket) = (client.unwrap(), socket.unwrap());
            socket.join(&drain);
            let (mut receiver, mut sender) = socket.split();
            let (ours, theirs, drained, refused) = tokio::join!(
                receiver.next(),
                async {
                    loop {
                        match client.next().await.into_message() {
                            Ok(message) => assert_eq!(message, Message::from("still here")),
                            Err(report) => break report,
                        }
                    }
                },
                drain.close_all(CloseCode::GOING_AWAY, LONG),
                async {
                    // Its half of the socket learns of it as of any Close of ours.
                    drain.begun().await;
                    while sender.send("still here").await.is_ok() {
                        tokio::task::yield_now().await;
                    }
                    sender.send("gone").await
                }
            );
            assert_eq!(count(&drained), [1, 1, 0, 0, 0, 0], "{drained}");
            assert!(refused.is_err());
            assert!(ours.into_message().unwrap_err().clean && theirs.clean);
        });
    });
}

/// Many of them, in one runtime whose clock stands still: nothing but the plan takes time.
#[test]
fn closes_are_spread_over_the_first_half() {
    const MANY: u32 = 40;
    bounded(|| {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().unwrap().block_on(async {
            let drain = farewell::aio::Drain::new();
            let started = tokio::time::Instant::now();
            let mut tasks = Vec::new();
            for _ in 0..MANY {
                let (one, other) = tokio::io::duplex(1024);
                let ticket = drain.ticket();
                let mut server = upgraded(one, farewell::Role::Server);
                server.join(ticket);
                tokio::spawn(async move { server.next().await });
                let mut client = upgraded(other, farewell::Role::Client);
                tasks.push(tokio::spawn(async move {
                    let incoming = client.next().await;
                    (started.elapsed(), incoming)
                }));
            }
            let within = Duration::from_secs(20);
            let drained = drain.close_all(CloseCode::GOING_AWAY, within).await;
            assert_eq!(drained.clean, u64::from(MANY), "{drained}");
            let mut times = Vec::new();
            for task in tasks {
                let (at, incoming) = task.await.unwrap();
                assert!(matches!(incoming, Incoming::Ended(report) if report.code == 1001));
                times.push(at);
            }
            times.sort();
            let gap = within / 2 / MANY;
            for (index, at) in times.iter().enumerate() {
                let even = gap * index as u32;
                assert!((even..=even + millis(20)).contains(at), "{index}: {at:?}");
            }
        });
    });
}

fn upgraded(
    stream: tokio::io::DuplexStream,
    role: farewell::Role,
) -> farewell::aio::WebSocket<tokio::io::DuplexStream> {
    let negotiated = farewell::handshake::Negotiated::default();
    farewell::aio::WebSocket::upgraded(stream, role, negotiated, quiet(), b"").unwrap()
}

#[test]
fn who_waits_for_a_connection_is_woken() {
    bounded(|| {
        for address in ["127.0.0.1:0", "0.0.0.0:0"] {
            let drain = farewell::blocking::Drain::new();
            let listener = TcpListener::bind(address).unwrap();
            let port = listener.local_addr().unwrap().port();
            let (accepting, (accepted, is_accepted)) = (drain.clone(), mpsc::channel());
            let door = thread::spawn(move || {
                accepting.incoming(&listener).for_each(|stream| accepted.send(stream).unwrap());
            });
            let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
            is_accepted.recv().unwrap().unwrap();
            drain.close_all(CloseCode::GOING_AWAY, LONG);
            door.join().unwrap();
            assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "nobody listens any more");
            drop(client);
            let listener = TcpListener::bind(address).unwrap();
            assert!(drain.incoming(&listener).next().is_none());
        }
    });
}

#[test]
fn who_waits_for_the_beginning_is_woken() {
    bounded(|| {
        runtime().block_on(async {
            let drain = farewell::aio::Drain::new();
            let waiting = (0..3).map(|_| {
                let drain = drain.clone();
                tokio::spawn(async move { drain.begun().await })
            });
            let waiting: Vec<_> = waiting.collect();
            tokio::task::yield_now().await;
            drain.close_all(CloseCode::GOING_AWAY, Duration::ZERO).await;
            for task in waiting {
                task.await.unwrap();
            }
            drain.begun().await;
        });
    });
}
