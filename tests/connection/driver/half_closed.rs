//! A peer that has closed its side alone still gets what was accepted for it.

use std::time::Duration;

use bytes::Buf;
use farewell::driver::{Driver, Step, Want};
use farewell::handshake::{Accept, Negotiated, Origins};
use farewell::{
    Cause, Config, Connection, Event, Message, ReadClosed, Role, Seed, SendError, Session,
    SessionEvent, Termination, Timestamp, TransportError,
};

use super::script::{frames, messages};
use crate::support::wire::{ROLES, frame, mask_of, peer_of};

const START: Timestamp = Timestamp::ZERO;

fn driver(role: Role, config: Config) -> Driver {
    let seed = Seed::new([3; 32]);
    Driver::new(Session::upgraded(role, Negotiated::default(), config, seed, START), START)
}

/// Executes steps until the end, with writes of at most so many bytes. Returns what was written.
fn drain(driver: &mut Driver, most: usize) -> (Vec<u8>, Box<Termination>) {
    let mut written = Vec::new();
    loop {
        match driver.next(Want::Event) {
            Step::Event(SessionEvent::Ended(report)) => return (written, report),
            Step::Write => {
                let mut output = driver.output();
                let bytes = output.copy_to_bytes(output.remaining().min(most));
                written.extend_from_slice(&bytes);
                driver.handle_written(bytes.len(), START);
            }
            Step::Flush => driver.handle_flushed(),
            Step::ShutDown(_) | Step::Event(_) => {}
            Step::Wait(_) => driver.handle_timeout(START),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_was_accepted_before_leaves() {
    // Framed at once, cut into frames as the output drains, and empty ones behind it.
    let sizes = [10, 300_000, 0, 70_000, 0];
    for role in ROLES {
        for most in [1_000, 100_000, usize::MAX] {
            for how in [ReadClosed::Eof, ReadClosed::TlsTruncated, ReadClosed::EndOrReset] {
                let mut driver = driver(role, Config::default());
                let sent = sizes.map(|size| vec![size as u8; size]);
                for message in &sent {
                    driver.send(Message::from(message.clone()), START).unwrap();
                }
                driver.handle_read_closed(how, START);
                let late = driver.send("late", START).map_err(|refused| refused.reason);
                assert_eq!(late, Err(SendError::Closing));
                let (written, report) = drain(&mut driver, most);
                assert!(messages(&frames(role, &written)) == sent, "{report}");
                assert_eq!(report.dropped.messages, 0, "{report}");
                let at_end = matches!(report.cause, Cause::Eof { .. });
                assert_eq!(at_end, how == ReadClosed::Eof, "{report}");
            }
        }
    }
}

/// It is not told before what came before it is handed out, even where it was read ahead.
#[test]
fn what_is_answered_after_the_end_was_read_ahead_leaves() {
    for role in ROLES {
        let mut driver = driver(role, Config::default());
        let text = |text: &[u8]| frame(0x81, mask_of(peer_of(role)), text);
        assert!(matches!(driver.next(Want::Event), Step::Read));
        driver.handle_read(&mut [text(b"one"), text(b"two"), text(b"three")].concat(), START);
        // As a flush does that is blocked.
        assert!(matches!(driver.next(Want::Event), Step::Event(SessionEvent::Message(_))));
        driver.send("first", START).unwrap();
        assert!(matches!(driver.next(Want::Flushed), Step::Write));
        driver.handle_write_blocked();
        assert!(matches!(driver.next(Want::Flushed), Step::Read));
        driver.handle_read_closed(ReadClosed::Eof, START);
        for answer in ["second", "third"] {
            assert!(matches!(driver.next(Want::Event), Step::Event(SessionEvent::Message(_))));
            driver.send(answer, START).unwrap();
        }
        driver.handle_ready();
        let (written, report) = drain(&mut driver, usize::MAX);
        let answers = ["first", "second", "third"].map(|text| text.as_bytes().to_vec());
        assert!(messages(&frames(role, &written)) == answers, "{report}");
    }
}

#[test]
fn a_response_that_has_not_left_does() {
    let session = Session::server(Config::default(), Seed::new([5; 32]), START);
    let mut driver = Driver::new(session, START).with_input(super::model::REQUEST);
    assert!(matches!(driver.next(Want::Event), Step::Event(SessionEvent::Request(_))));
    driver.session_mut().accept(Accept::new(Origins::Any), START).unwrap();
    driver.handle_read_closed(ReadClosed::Eof, START);
    let (written, report) = drain(&mut driver, 10);
    assert!(written.starts_with(b"HTTP/1.1 101 ") && written.ends_with(b"\r\n\r\n"), "{report}");
}

#[test]
fn a_peer_that_takes_nothing_is_given_up_at_the_close_deadline() {
    for role in ROLES {
        let mut driver = driver(role, Config::default());
        driver.send("nobody takes it", START).unwrap();
        driver.handle_read_closed(ReadClosed::Eof, START);
        let close = Config::default().timeouts.close;
        let mut now = START;
        let report = loop {
            match driver.next(Want::Event) {
                Step::Event(SessionEvent::Ended(report)) => break report,
                Step::Write => driver.handle_write_blocked(),
                Step::Wait(wait) => {
                    assert_eq!((wait.read, wait.until.is_some()), (false, true));
                    now = wait.until.unwrap();
                    driver.handle_timeout(now);
                }
                Step::ShutDown(_) => {}
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(now.since(START), close);
        assert!(matches!(report.cause, Cause::Eof { .. }), "{report}");
        assert_eq!(report.dropped.messages, 1, "{report}");
    }
}

#[test]
fn a_stream_that_fails_takes_nothing_more() {
    for role in ROLES {
        let mut driver = driver(role, Config::default());
        driver.send("nobody takes it", START).unwrap();
        driver.handle_read_closed(ReadClosed::Failed(TransportError::Reset), START);
        let (written, report) = drain(&mut driver, usize::MAX);
        assert_eq!((written.len(), report.dropped.messages), (0, 1), "{report}");

        let mut driver = self::driver(role, Config::default());
        driver.send("nobody takes it", START).unwrap();
        driver.handle_read_closed(ReadClosed::Eof, START);
        driver.handle_write_failed(TransportError::BrokenPipe, START);
        let (written, report) = drain(&mut driver, usize::MAX);
        assert_eq!((written.len(), report.dropped.messages), (0, 1), "{report}");
        assert!(matches!(report.cause, Cause::Eof { .. }), "{report}");
    }
}

/// The same at the door for those who own their buffers.
#[test]
fn a_connection_ends_once_its_output_has_left() {
    for role in ROLES {
        let mut connection = Connection::new(role, Config::default(), Seed::new([3; 32]), START);
        let mut out = bytes::BytesMut::new();
        connection.send("hello", &mut out, START).unwrap();
        connection.handle_read_closed(ReadClosed::Eof, START);
        assert!(connection.poll_event(&mut &mut [][..], START).is_none());
        assert_eq!(connection.send("late", &mut out, START), Err(SendError::Closing));
        let later = START + Duration::from_millis(1);
        connection.handle_flushed(out.len() - 1, later);
        assert!(connection.poll_event(&mut &mut [][..], later).is_none());
        connection.handle_flushed(1, later);
        let Some(Event::Ended(report)) = connection.poll_event(&mut &mut [][..], later) else {
            panic!("no end");
        };
        assert!(matches!(report.cause, Cause::Eof { .. }), "{report}");
        assert_eq!(report.dropped.bytes, 0, "{report}");
    }
}
