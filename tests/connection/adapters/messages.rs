//! Messages through both adapters: of every size, in batches, in floods, in drops.

use std::io::Write;
use std::thread;
use std::time::Duration;

use farewell::{Cause, CloseCode, Config, Heartbeat, Incoming, Message, SendError};

use crate::adapters::support::{
    Adapter, echo, for_both_adapters, masked, millis, pair, plain, quiet, with_raw_client,
    with_raw_server,
};

for_both_adapters!(
    messages_of_every_size_come_back,
    deadlines_at_the_end_of_time_are_waited_for,
    large_messages_go_both_ways,
    a_batch_is_answered_in_order,
    one_byte_at_a_time_loses_nothing,
    what_comes_with_the_handshake_is_not_lost,
    much_that_comes_with_the_request_is_taken_once_it_is_accepted,
    a_pong_leaves_before_the_message_behind_its_ping_is_given,
    a_full_output_gives_the_message_back,
    two_floods_do_not_block_each_other,
    a_busy_application_still_gets_everything,
);

//= rfc6455#6.1
//= type=test
//# The frame(s) that have been formed MUST be transmitted over the
//# underlying network connection.
fn messages_of_every_size_come_back<A: Adapter>() {
    let (mut client, server) = pair(quiet(), echo::<A>);
    for len in [0, 1, 125, 126, 65_535, 65_536, 200_000] {
        let text = "é".repeat(len / 2);
        client.send(text.clone()).unwrap();
        assert_eq!(client.message(), Message::from(text));
        let bytes: Vec<u8> = (0..len).map(|at| at as u8).collect();
        client.send(bytes.clone()).unwrap();
        assert_eq!(client.message(), Message::from(bytes));
    }
    assert!(client.close(CloseCode::NORMAL).clean);
    assert!(server.join().unwrap().clean);
}

fn deadlines_at_the_end_of_time_are_waited_for<A: Adapter>() {
    let mut config = Config::default();
    let mut heartbeat = Heartbeat::default();
    (heartbeat.interval, heartbeat.timeout) = (Duration::MAX, Duration::MAX);
    config.heartbeat = Some(heartbeat);
    let timeouts = &mut config.timeouts;
    timeouts.handshake = Duration::MAX;
    timeouts.close = Duration::MAX;
    timeouts.linger = Duration::MAX;
    timeouts.idle = Some(Duration::MAX);
    timeouts.write_stall = Some(Duration::MAX);
    let (mut client, server) = pair(config, echo::<A>);
    client.send("hello").unwrap();
    assert_eq!(client.message(), Message::from("hello"));
    assert!(client.close(CloseCode::NORMAL).clean);
    assert!(server.join().unwrap().clean);
}

fn large_messages_go_both_ways<A: Adapter>() {
    let (mut client, server) = pair(quiet(), echo::<A>);
    let bytes: Vec<u8> =
        (0..8 << 20).map(|at: u32| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for _ in 0..2 {
        client.send(bytes.clone()).unwrap();
        assert!(client.message().as_bytes() == bytes);
    }
    assert!(client.close(CloseCode::NORMAL).clean);
    assert!(server.join().unwrap().clean);
}

fn a_batch_is_answered_in_order<A: Adapter>() {
    let (mut client, server) = pair(quiet(), echo::<A>);
    for batch in 0..50 {
        for index in 0..16 {
            client.feed(format!("{batch}/{index}")).unwrap();
        }
        for index in 0..16 {
            assert_eq!(client.message().as_text(), Some(&*format!("{batch}/{index}")));
        }
    }
    assert!(client.close(CloseCode::NORMAL).clean);
    server.join().unwrap();
}

/// The heartbeat makes a deadline pass between the bytes.
fn one_byte_at_a_time_loses_nothing<A: Adapter>() {
    let mut config = quiet();
    config.heartbeat = Some(Default::default());
    config.heartbeat.as_mut().unwrap().interval = millis(5);
    let (mut socket, mut raw) = with_raw_client::<A>(config);
    let sender = thread::spawn(move || {
        raw.0.set_nodelay(true).unwrap();
        for index in 0..20 {
            let text = format!("message {index}");
            let (one, other) = text.split_at(4);
            let mut wire = masked(0x01, one.as_bytes());
            wire.extend(masked(0x89, b"ping"));
            wire.extend(masked(0x80, other.as_bytes()));
            for byte in wire {
                raw.write(&[byte]);
                thread::sleep(millis(3));
            }
        }
        raw
    });
    for index in 0..20 {
        assert_eq!(socket.message().as_text(), Some(&*format!("message {index}")));
    }
    let mut raw = sender.join().unwrap();
    socket.queue_close(CloseCode::NORMAL).unwrap();
    socket.flush().unwrap();
    let mut pongs = 0;
    loop {
        match raw.frame() {
            (0x8a, payload) => {
                assert_eq!(payload, b"ping");
                pongs += 1;
            }
            (0x89, _) => {}
            (first, _) => {
                assert_eq!(first, 0x88);
                break;
            }
        }
    }
    assert_eq!(pongs, 20);
}

fn what_comes_with_the_handshake_is_not_lost<A: Adapter>() {
    use crate::adapters::support::{REQUEST, Raw, accept_head, anyone, listen};
    let (listener, request) = listen();
    let server = thread::spawn(move || {
        let mut socket = A::accept(listener.accept().unwrap().0, &anyone(quiet())).unwrap();
        (socket.message(), socket.message())
    });
    let mut raw = Raw(std::net::TcpStream::connect((request.host(), request.port())).unwrap());
    raw.write(&[REQUEST, &masked(0x81, b"one"), &masked(0x81, b"two")].concat());
    assert_eq!(server.join().unwrap(), ("one".into(), "two".into()));

    let (listener, request) = listen();
    let client = thread::spawn(move || {
        let mut socket = A::connect(&request, quiet()).unwrap();
        (socket.message(), socket.message())
    });
    let mut raw = Raw(listener.accept().unwrap().0);
    let head = accept_head(&raw.head());
    raw.write(&[head.as_bytes(), &plain(0x81, b"one"), &plain(0x81, b"two")].concat());
    assert_eq!(client.join().unwrap(), ("one".into(), "two".into()));
}

/// More than is kept for a request that waits for its answer: this one does not wait.
fn much_that_comes_with_the_request_is_taken_once_it_is_accepted<A: Adapter>() {
    use crate::adapters::support::{REQUEST, Raw, anyone, listen};
    let (listener, request) = listen();
    let mut raw = Raw(std::net::TcpStream::connect((request.host(), request.port())).unwrap());
    let message = vec![7; 1000];
    raw.write(&[REQUEST, &masked(0x82, &message).repeat(40)].concat());
    let mut socket = A::accept(listener.accept().unwrap().0, &anyone(quiet())).unwrap();
    for _ in 0..40 {
        assert_eq!(socket.message(), Message::from(message.clone()));
    }
}

fn a_pong_leaves_before_the_message_behind_its_ping_is_given<A: Adapter>() {
    let (mut socket, mut raw) = with_raw_client::<A>(quiet());
    raw.write(&[masked(0x89, b"?"), masked(0x81, b"message")].concat());
    assert_eq!(socket.message().as_text(), Some("message"));
    assert_eq!(raw.frame(), (0x8a, b"?".to_vec()), "nobody waits in `next` now");
}

fn a_full_output_gives_the_message_back<A: Adapter>() {
    let mut config = quiet();
    config.limits.pending_output = 10_000;
    let (mut socket, mut raw) = with_raw_server::<A>(config);
    let message = Message::from(vec![7; 1000]);
    let mut queued = 0;
    let refused = loop {
        match socket.try_feed(message.clone()) {
            Ok(()) => queued += 1,
            Err(refused) => break refused,
        }
    };
    assert_eq!(refused, (SendError::Full, message.clone()));
    assert!((10..=11).contains(&queued), "{queued}");
    socket.ready();
    socket.try_feed(refused.1).unwrap();
    // `feed` makes room by itself.
    for _ in 0..100 {
        socket.feed(message.clone()).unwrap();
    }
    socket.flush().unwrap();
    for _ in 0..queued + 101 {
        assert_eq!(raw.frame(), (0x82, vec![7; 1000]));
    }
}

/// Each end sends more than the sockets hold before it reads anything.
fn two_floods_do_not_block_each_other<A: Adapter>() {
    const COUNT: usize = 400;
    let mut config = quiet();
    config.limits.pending_output = 64 << 20;
    let flood = |mut socket: A| {
        for index in 0..COUNT {
            socket.send(vec![index as u8; 64 * 1024]).unwrap();
        }
        for index in 0..COUNT {
            assert!(socket.message().as_bytes() == vec![index as u8; 64 * 1024]);
        }
        socket
    };
    let (client, server) = pair(config, flood);
    let mut client = flood(client);
    let server = thread::spawn(move || echo(server.join().unwrap()));
    assert!(client.close(CloseCode::NORMAL).clean);
    assert!(server.join().unwrap().clean);
}

/// An application that looks only now and then: no deadline may overtake what lies unread.
fn a_busy_application_still_gets_everything<A: Adapter>() {
    let mut config = quiet();
    config.heartbeat = Some(Default::default());
    let heartbeat = config.heartbeat.as_mut().unwrap();
    (heartbeat.interval, heartbeat.timeout) = (millis(40), millis(200));
    let (mut socket, raw) = with_raw_client::<A>(config);
    let mut writer = raw.0.try_clone().unwrap();
    let sender = thread::spawn(move || {
        for index in 0..30 {
            writer.write_all(&masked(0x82, &[index])).unwrap();
            thread::sleep(millis(10));
        }
    });
    for index in 0..30 {
        if index % 10 == 0 {
            thread::sleep(millis(400));
        }
        assert_eq!(socket.message().as_bytes(), [index]);
    }
    sender.join().unwrap();
    // Now it is silent.
    match socket.next() {
        Incoming::Ended(report) => {
            assert!(matches!(report.cause, Cause::PongTimeout { .. }), "{report}")
        }
        other => panic!("{other:?}"),
    }
    drop(raw);
}
