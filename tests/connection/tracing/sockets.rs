//! Both adapters over real sockets.

use std::thread;

use farewell::handshake::Rejection;
use farewell::{AcceptError, Acceptor, CloseCode, ConnectError};

use crate::adapters::support::{Adapter, anyone, echo, for_both_adapters, listen, quiet};
use crate::support::collector::Collector;

for_both_adapters!(
    a_close_is_told_once_by_each_end,
    a_drop_says_that_it_was_one,
    a_refused_handshake_is_told_once_by_each_end,
    an_abort_is_told_once,
);

/// Runs both ends, each on a thread of its own; gives the causes that each end told, the client
/// first.
fn told<A: Adapter>(
    acceptor: Acceptor,
    client: impl FnOnce(Result<A, ConnectError>),
    server: impl FnOnce(Result<A, AcceptError>) + Send + 'static,
) -> [String; 2] {
    let collectors = [Collector::default(), Collector::default()];
    let (listener, request) = listen();
    let collector = collectors[1].clone();
    let server = thread::spawn(move || {
        collector.collect(|| server(A::accept(listener.accept().unwrap().0, &acceptor)));
    });
    collectors[0].collect(|| client(A::connect(&request, quiet())));
    server.join().unwrap();
    collectors.map(|collector| {
        let log = collector.log();
        let [seen] = &log.spans[..] else { panic!("{log:?}") };
        let [(_, event)] = &seen.events[..] else { panic!("{log:?}") };
        assert!(seen.is_closed() && log.strays.is_empty(), "{log:?}");
        assert_eq!(seen.fields["path"], "/");
        event["cause"].clone()
    })
}

fn a_close_is_told_once_by_each_end<A: Adapter>() {
    let client = |socket: Result<A, ConnectError>| {
        let mut socket = socket.unwrap();
        socket.send("hello").unwrap();
        socket.message();
        socket.close(CloseCode::NORMAL);
        socket.close(CloseCode::NORMAL);
    };
    let causes = told::<A>(anyone(quiet()), client, |socket| drop(echo(socket.unwrap())));
    assert_eq!(causes, ["closing_handshake"; 2]);
}

fn a_drop_says_that_it_was_one<A: Adapter>() {
    let causes = told::<A>(anyone(quiet()), drop, |socket| drop(echo(socket.unwrap())));
    assert_eq!(causes, ["aborted", "eof"]);
}

fn a_refused_handshake_is_told_once_by_each_end<A: Adapter>() {
    let acceptor = Acceptor::from_fn(|_| Err(Rejection::new(404).unwrap())).config(quiet());
    let causes = told::<A>(acceptor, drop, drop);
    assert_eq!(causes, ["handshake_rejected"; 2]);
}

fn an_abort_is_told_once<A: Adapter>() {
    let client = |socket: Result<A, ConnectError>| {
        let mut socket = socket.unwrap();
        socket.abort();
        socket.ended();
    };
    let causes = told::<A>(anyone(quiet()), client, |socket| drop(echo(socket.unwrap())));
    assert_eq!(causes, ["aborted", "eof"]);
}

#[test]
fn halves_that_are_dropped_say_it_once() {
    crate::adapters::support::bounded(|| {
        for order in [0, 1] {
            let collector = Collector::default();
            let (listener, request) = listen();
            let server = thread::spawn(move || {
                let stream = listener.accept().unwrap().0;
                let socket =
                    crate::adapters::support::Blocking::accept(stream, &anyone(quiet())).unwrap();
                echo(socket)
            });
            collector.collect(|| {
                let socket = farewell::blocking::connect_with(&request, quiet()).unwrap();
                let (receiver, sender) = socket.split();
                match order {
                    0 => drop((receiver, sender)),
                    _ => drop((sender, receiver)),
                }
            });
            server.join().unwrap();
            let log = collector.log();
            assert_eq!(log.spans.len(), 1);
            assert_eq!(log.spans[0].events.len(), 1, "{log:?}");
            assert_eq!(log.spans[0].events[0].1["cause"], "aborted");
        }
    });
}

#[test]
fn a_future_that_is_dropped_while_it_connects_says_so() {
    crate::adapters::support::bounded(|| {
        let (listener, request) = listen();
        let collector = Collector::default();
        collector.collect(|| {
            crate::adapters::support::runtime().block_on(async {
                let connecting = farewell::aio::connect_with(&request, quiet());
                let accepted = async {
                    listener.set_nonblocking(true).unwrap();
                    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                    let (mut stream, _) = listener.accept().await.unwrap();
                    // The request has come, so the client's session is there.
                    tokio::io::AsyncReadExt::read_u8(&mut stream).await.unwrap()
                };
                tokio::select! {
                    result = connecting => panic!("{result:?}"),
                    _ = accepted => {}
                }
            });
        });
        let log = collector.log();
        let [seen] = &log.spans[..] else { panic!("{log:?}") };
        assert_eq!(seen.events.len(), 1, "{log:?}");
        assert_eq!(seen.events[0].1["cause"], "aborted");
    });
}

#[test]
fn the_event_has_the_sentence_of_the_report() {
    crate::adapters::support::bounded(|| {
        let (listener, request) = listen();
        let server = thread::spawn(move || drop(listener.accept().unwrap()));
        let collector = Collector::default();
        let refused = collector.collect(|| farewell::blocking::connect_with(&request, quiet()));
        server.join().unwrap();
        let Err(ConnectError::Ended(report)) = refused else { panic!("{refused:?}") };
        let log = collector.log();
        assert_eq!(log.spans[0].events[0].1["message"], report.to_string());
    });
}
