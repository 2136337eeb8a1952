//! Every way for a connection to end, through both adapters.

use std::net::Shutdown;
use std::thread;
use std::time::Instant;

use farewell::{
    Cause, CloseCode, CloseFrame, Config, Direction, Incoming, Initiator, Message, Position,
    SendError, TransportError, Violation,
};

use crate::adapters::support::{
    Adapter, Raw, echo, for_both_adapters, masked, millis, pair, plain, quiet, with_raw_client,
    with_raw_server,
};

for_both_adapters!(
    the_client_closes,
    the_server_closes,
    messages_before_the_close_are_there_for_who_wants_them,
    the_report_is_given_again,
    an_end_of_stream_without_a_close,
    an_end_of_stream_inside_a_frame,
    a_reset,
    a_message_before_a_reset_of_our_write,
    a_silent_peer_misses_its_pong,
    a_peer_that_reads_nothing_stalls_the_writer,
    an_unanswered_close,
    an_abort,
    a_drop_without_a_close,
    a_close_is_not_lost_behind_unread_input,
    a_violation_is_told_to_a_peer_that_goes_on_sending,
    a_close_answers_a_close_while_output_is_pending,
    a_peer_that_half_closes_gets_every_answer,
    a_peer_that_half_closes_and_takes_nothing_is_given_up,
);

fn bye() -> CloseFrame {
    CloseFrame::new(CloseCode::new(4000).unwrap(), "bye").unwrap()
}

fn the_client_closes<A: Adapter>() {
    let (mut client, server) = pair(quiet(), echo::<A>);
    let report = client.close(bye());
    assert!(report.clean && report.initiator == Initiator::Local, "{report}");
    assert_eq!(report.peer_close, Some(bye()), "{report}");
    let report = server.join().unwrap();
    assert!(report.clean && report.initiator == Initiator::Peer, "{report}");
    assert_eq!((report.code, report.reason()), (4000, "bye"), "{report}");
}

fn the_server_closes<A: Adapter>() {
    let (client, server) = pair(quiet(), |mut socket: A| socket.close(bye()));
    let report = echo(client);
    assert!(report.clean && report.initiator == Initiator::Peer, "{report}");
    assert_eq!((report.code, report.reason()), (4000, "bye"), "{report}");
    let report = server.join().unwrap();
    assert!(report.clean && report.initiator == Initiator::Local, "{report}");
}

fn messages_before_the_close_are_there_for_who_wants_them<A: Adapter>() {
    let (mut socket, mut raw) = with_raw_client::<A>(quiet());
    socket.feed("last words").unwrap();
    socket.queue_close(bye()).unwrap();
    assert_eq!(socket.feed("too late"), Err(SendError::Closing));
    let peer = thread::spawn(move || {
        assert_eq!(raw.frame(), (0x81, b"last words".to_vec()));
        assert_eq!(raw.frame().0, 0x88);
        raw.write(&[masked(0x81, b"one"), masked(0x81, b"two"), masked(0x88, b"")].concat());
        assert_eq!(raw.rest().unwrap(), b"");
    });
    assert_eq!(socket.message(), Message::from("one"));
    assert_eq!(socket.message(), Message::from("two"));
    let report = socket.ended();
    assert!(report.clean && report.code == 1005, "{report}");
    peer.join().unwrap();
}

fn the_report_is_given_again<A: Adapter>() {
    let (mut socket, raw) = with_raw_client::<A>(quiet());
    drop(raw);
    let report = socket.ended();
    assert_eq!(socket.ended(), report);
    assert_eq!(socket.close(bye()), report);
    assert_eq!(socket.send("too late"), Err(SendError::Ended));
    assert_eq!(socket.flush(), Err(SendError::Ended));
    socket.abort();
    assert_eq!(socket.ended(), report);
}

fn an_end_of_stream_without_a_close<A: Adapter>() {
    let (mut socket, mut raw) = with_raw_client::<A>(quiet());
    raw.write(&masked(0x81, b"last"));
    raw.0.shutdown(Shutdown::Write).unwrap();
    assert_eq!(socket.message(), Message::from("last"));
    // The other direction is still open.
    socket.feed("are you there?").unwrap();
    let report = socket.ended();
    assert_eq!(report.cause, Cause::Eof { at: Position::FrameBoundary }, "{report}");
    assert!(!report.clean && report.code == 1006 && report.peer_close.is_none(), "{report}");
}

fn an_end_of_stream_inside_a_frame<A: Adapter>() {
    let (mut socket, mut raw) = with_raw_server::<A>(quiet());
    raw.write(&plain(0x82, &[7; 4096])[..816]);
    drop(raw);
    let report = socket.ended();
    let at = Position::InsidePayload { received: 812, expected: 4096 };
    assert_eq!(report.cause, Cause::Eof { at }, "{report}");
}

fn a_reset<A: Adapter>() {
    let (mut socket, raw) = with_raw_client::<A>(quiet());
    raw.reset();
    let report = socket.ended();
    let cause = Cause::Transport { direction: Direction::Read, kind: TransportError::Reset };
    assert_eq!(report.cause, cause, "{report}");
}

/// The peer has closed, with a Close in our receive buffer, when we write.
fn a_message_before_a_reset_of_our_write<A: Adapter>() {
    let (mut socket, mut raw) = with_raw_client::<A>(quiet());
    raw.write(&[masked(0x81, b"read me"), masked(0x88, &[0x03, 0xe9])].concat());
    drop(raw);
    // The first is answered with a reset, a later one fails.
    for _ in 0..20 {
        if socket.send("into the void").is_err() {
            break;
        }
        thread::sleep(millis(5));
    }
    match socket.next() {
        Incoming::Message(message) => {
            assert_eq!(message, Message::from("read me"));
            let report = socket.ended();
            assert!(report.code == 1001 || report.code == 1006, "{report}");
        }
        // The reset may have thrown away what was unread.
        Incoming::Ended(report) => assert_eq!(report.code, 1006, "{report}"),
    }
}

fn with_heartbeat(interval: u64, timeout: u64) -> Config {
    let mut config = Config::default();
    let heartbeat = config.heartbeat.as_mut().unwrap();
    (heartbeat.interval, heartbeat.timeout) = (millis(interval), millis(timeout));
    config
}

fn a_silent_peer_misses_its_pong<A: Adapter>() {
    let began = Instant::now();
    let (mut socket, raw) = with_raw_client::<A>(with_heartbeat(50, 100));
    let report = socket.ended();
    assert!(matches!(report.cause, Cause::PongTimeout { .. }), "{report}");
    assert!(began.elapsed() >= millis(145), "{:?}", began.elapsed());
    drop(raw);
}

fn a_peer_that_reads_nothing_stalls_the_writer<A: Adapter>() {
    let mut config = quiet();
    config.timeouts.write_stall = Some(millis(200));
    let (mut socket, raw) = with_raw_client::<A>(config);
    let began = Instant::now();
    let error = loop {
        if let Err(error) = socket.send(vec![7; 1 << 20]) {
            break error;
        }
        assert!(began.elapsed() < millis(30_000), "nothing stalls");
    };
    assert_eq!(error, SendError::Ended);
    let report = socket.ended();
    assert!(matches!(report.cause, Cause::WriteStalled { .. }), "{report}");
    assert!(report.dropped.messages > 0, "{report}");
    drop(raw);
}

fn an_unanswered_close<A: Adapter>() {
    let mut config = quiet();
    (config.timeouts.close, config.timeouts.linger) = (millis(100), millis(50));
    let (mut socket, raw) = with_raw_client::<A>(config);
    let began = Instant::now();
    let report = socket.close(bye());
    assert_eq!(report.cause, Cause::CloseTimeout, "{report}");
    assert!(report.local_close.unwrap().flushed, "{report}");
    assert!(began.elapsed() >= millis(100), "{:?}", began.elapsed());
    drop(raw);
}

fn an_abort<A: Adapter>() {
    let (mut socket, mut raw) = with_raw_client::<A>(quiet());
    socket.feed("never written").unwrap();
    socket.abort();
    let report = socket.ended();
    assert_eq!(report.cause, Cause::Aborted, "{report}");
    assert_eq!(report.dropped.messages, 1, "{report}");
    drop(socket);
    assert_eq!(raw.rest().unwrap(), b"");
}

fn a_drop_without_a_close<A: Adapter>() {
    let (client, server) = pair(quiet(), echo::<A>);
    drop(client);
    let report = server.join().unwrap();
    assert_eq!(report.cause, Cause::Eof { at: Position::FrameBoundary }, "{report}");
    assert!(!report.clean && report.peer_close.is_none(), "{report}");
}

fn send_much(raw: &Raw, frame: Vec<u8>) -> thread::JoinHandle<()> {
    let mut writer = Raw(raw.0.try_clone().unwrap());
    thread::spawn(move || {
        for _ in 0..64 {
            writer.write(&frame);
        }
    })
}

fn a_close_is_not_lost_behind_unread_input<A: Adapter>() {
    let (mut socket, mut raw) = with_raw_client::<A>(quiet());
    let frame = masked(0x82, &[7; 64 * 1024]);
    let writer = send_much(&raw, frame);
    let server = thread::spawn(move || socket.close(bye()));
    assert_eq!(raw.frame(), (0x88, b"\x0f\xa0bye".to_vec()));
    writer.join().unwrap();
    raw.write(&masked(0x88, &[]));
    assert_eq!(raw.rest().unwrap(), b"");
    drop(raw);
    let report = server.join().unwrap();
    assert!(report.clean, "{report}");
}

fn a_violation_is_told_to_a_peer_that_goes_on_sending<A: Adapter>() {
    let (mut socket, mut raw) = with_raw_client::<A>(quiet());
    raw.write(&masked(0x83, b"an unknown opcode"));
    let writer = send_much(&raw, masked(0x82, &[7; 64 * 1024]));
    let server = thread::spawn(move || socket.ended());
    let (first, payload) = raw.frame();
    assert_eq!((first, &payload[..2]), (0x88, &[0x03, 0xea][..]));
    writer.join().unwrap();
    assert_eq!(raw.rest().unwrap(), b"");
    drop(raw);
    let report = server.join().unwrap();
    let Cause::Violation { rule, offset } = report.cause else { panic!("{report}") };
    assert!(matches!(rule, Violation::ReservedOpcode(_)), "{report}");
    assert_eq!((offset, report.code), (0, 1006), "{report}");
}

/// The peer closes while much of what we sent is still on the way.
fn a_close_answers_a_close_while_output_is_pending<A: Adapter>() {
    let (mut socket, mut raw) = with_raw_client::<A>(quiet());
    socket.feed(vec![7; 4 << 20]).unwrap();
    raw.write(&masked(0x88, &[0x03, 0xe8]));
    let server = thread::spawn(move || socket.ended());
    let mut received = 0;
    loop {
        let (first, payload) = raw.frame();
        if first == 0x88 {
            assert_eq!(payload, [0x03, 0xe8]);
            break;
        }
        received += payload.len();
    }
    assert_eq!(received, 4 << 20);
    assert_eq!(raw.rest().unwrap(), b"");
    drop(raw);
    let report = server.join().unwrap();
    assert!(report.clean && report.dropped.messages == 0, "{report}");
}

/// It got 19 to 47 of 4,000 answers less.
fn a_peer_that_half_closes_gets_every_answer<A: Adapter>() {
    const COUNT: usize = 4000;
    for limit in [1 << 20, 64 << 20] {
        let mut config = quiet();
        config.limits.pending_output = limit;
        let (mut socket, mut raw) = with_raw_client::<A>(config);
        // More than the system's buffers hold, and nobody takes any before all was asked for.
        let server = thread::spawn(move || {
            loop {
                match socket.next().into_message() {
                    Ok(message) => {
                        assert_eq!(message.as_bytes(), b"?");
                        socket.feed(vec![7; 4000]).unwrap();
                    }
                    Err(report) => return report,
                }
            }
        });
        raw.write(&masked(0x82, b"?").repeat(COUNT));
        raw.0.shutdown(Shutdown::Write).unwrap();
        let answers = raw.rest().unwrap();
        assert_eq!(answers.len(), COUNT * 4004);
        let report = server.join().unwrap();
        assert_eq!(report.cause, Cause::Eof { at: Position::FrameBoundary }, "{report}");
        assert_eq!(report.dropped.messages, 0, "{report}");
    }
}

fn a_peer_that_half_closes_and_takes_nothing_is_given_up<A: Adapter>() {
    let mut config = quiet();
    config.timeouts.close = millis(200);
    config.limits.pending_output = 64 << 20;
    let (mut socket, raw) = with_raw_client::<A>(config);
    raw.0.shutdown(Shutdown::Write).unwrap();
    socket.feed(vec![7; 32 << 20]).unwrap();
    let report = socket.ended();
    assert_eq!(report.cause, Cause::Eof { at: Position::FrameBoundary }, "{report}");
    assert_eq!(report.dropped.messages, 1, "{report}");
    drop(raw);
}
