//! Waits that are bounded, and a stop from another thread while a connection is open.

use std::thread;

use farewell::blocking::Reconnecting;
use farewell::reconnect::ReasonKind;
use farewell::{Message, ReconnectEvent};

use super::support::{fast, script, settings, trace};
use crate::adapters::support::{Adapter, Blocking, bounded, millis, plain, quiet, with_raw_server};

/// A server that answers a Close, and otherwise says nothing but what it is told to say.
fn silent(say: std::sync::mpsc::Receiver<&'static str>) -> super::support::Script {
    Box::new(move |mut raw| {
        for text in say {
            raw.write(&plain(0x81, text.as_bytes()));
        }
        let (first, body) = raw.frame();
        raw.write(&plain(first, &body));
    })
}

#[test]
fn a_bounded_wait_gives_nothing_and_loses_nothing() {
    bounded(|| {
        let (say, told) = std::sync::mpsc::channel();
        let (request, server) = script(vec![silent(told)]);
        let mut client = Reconnecting::new(request, settings()).unwrap().policy(fast());
        assert_eq!(trace(&client.next()), "attempt 1");
        assert_eq!(trace(&client.next()), "opened");
        for _ in 0..3 {
            assert!(client.next_within(millis(5)).is_none());
        }
        say.send("here").unwrap();
        drop(say);
        let event = loop {
            if let Some(event) = client.next_within(millis(5)) {
                break event;
            }
        };
        assert_eq!(trace(&event), "message \"here\"");
        let ending = client.close(farewell::CloseCode::NORMAL).unwrap();
        assert!(ending.report.clean, "{ending}");
        server.join().unwrap();
    });
}

#[test]
fn another_thread_can_stop_it_while_a_connection_is_open() {
    bounded(|| {
        let silence = || silent(std::sync::mpsc::channel().1);
        let (request, server) = script(vec![silence(), silence()]);
        let mut client = Reconnecting::new(request, settings()).unwrap().policy(fast());
        assert_eq!(trace(&client.next()), "attempt 1");
        let stopper = client.stopper();
        assert_eq!(trace(&client.next()), "opened");
        let thread = thread::spawn(move || stopper.stop());
        let ReconnectEvent::Ended(ending) = client.next() else { panic!("it goes on") };
        assert!(ending.report.clean, "{ending}");
        assert_eq!(ending.decision.reason().kind, ReasonKind::Stopped);
        assert!(matches!(client.next(), ReconnectEvent::GaveUp(_)));
        thread.join().unwrap();
        // It can be started again, and stays so.
        client.retry_now();
        assert_eq!(trace(&client.next()), "attempt 2");
        assert_eq!(trace(&client.next()), "opened");
        assert!(client.next_within(millis(120)).is_none(), "it is not stopped");
        assert!(client.close(farewell::CloseCode::NORMAL).unwrap().report.clean);
        server.join().unwrap();
    });
}

/// Without reconnecting, it has to be asked for.
#[test]
fn a_plain_socket_hands_back_what_it_was_asked_to_keep() {
    bounded(|| {
        for keep in [false, true] {
            let (Blocking(mut socket), raw) = with_raw_server::<Blocking>(quiet());
            if keep {
                socket.keep_unsent();
            }
            let messages = [Message::from("one"), Message::from(vec![2; 100_000])];
            for message in messages.clone() {
                socket.try_feed(message).unwrap();
            }
            socket.abort();
            let mut socket = Blocking(socket);
            socket.ended();
            let unsent = socket.0.take_unsent();
            let back: Vec<_> = unsent.into_iter().map(|unsent| unsent.message).collect();
            assert_eq!(back, if keep { messages.to_vec() } else { Vec::new() });
            drop(raw);
        }
    });
}
