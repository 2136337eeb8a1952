//! Room: for a message, of which so much may be unconfirmed, and for what nobody keeps.

use bytes::Buf;
use farewell::driver::{Driver, Step, Want};
use farewell::handshake::Negotiated;
use farewell::reconnect::OutboxLimit;
use farewell::{Config, ReadClosed, Role, Seed, SendError, Session, SessionEvent, Timestamp};

use crate::support::wire::{frame, mask_of};

const START: Timestamp = Timestamp::ZERO;
const ROOM: usize = 10_000;

/// A server that keeps one message until it is confirmed, which it has sent. Returns its Pong.
fn unconfirmed() -> (Driver, Vec<u8>) {
    let mut config = Config::default();
    config.limits.pending_output = ROOM;
    let (seed, negotiated) = (Seed::new([3; 32]), Negotiated::default());
    let session = Session::upgraded(Role::Server, negotiated, config, seed, START);
    let mut driver = Driver::new(session, START);
    driver.session_mut().keep_unconfirmed(OutboxLimit::new(1, 100));
    driver.send("one", START).unwrap();
    let mut written = Vec::new();
    loop {
        match driver.next(Want::Flushed) {
            Step::Write => {
                let mut output = driver.output();
                let bytes = output.copy_to_bytes(output.remaining());
                written.extend_from_slice(&bytes);
                driver.handle_written(bytes.len(), START);
            }
            Step::Flush => driver.handle_flushed(),
            Step::Done => break,
            other => panic!("{other:?}"),
        }
    }
    // The message, then its Ping.
    assert_eq!((written.len(), written[5]), (5 + 10, 0x89));
    assert_eq!(driver.send("two", START).unwrap_err().reason, SendError::Full);
    let pong = frame(0x8a, mask_of(Role::Client), &written[7..]);
    (driver, pong)
}

#[test]
fn room_for_a_message_is_there_once_its_confirmation_is() {
    let (mut driver, mut pong) = unconfirmed();
    assert!(matches!(driver.next(Want::Room), Step::Read));
    driver.handle_read_blocked();
    assert!(matches!(driver.next(Want::Room), Step::Wait(wait) if wait.read && !wait.write));
    driver.handle_ready();
    assert!(matches!(driver.next(Want::Room), Step::Read));
    driver.handle_read(&mut pong, START);
    assert!(matches!(driver.next(Want::Room), Step::Done));
    driver.send("two", START).unwrap();
}

/// Who waits for ever waits for nothing.
#[test]
fn a_confirmation_that_cannot_be_read_is_not_waited_for() {
    for ends in [false, true] {
        let (mut driver, _) = unconfirmed();
        let message = frame(0x82, mask_of(Role::Client), &[7; ROOM]);
        for _ in 0..2 {
            let Step::Read = driver.next(Want::Room) else { break };
            driver.handle_read(&mut message.clone(), START);
            if ends {
                driver.handle_read_closed(ReadClosed::Eof, START);
            }
        }
        assert!(matches!(driver.next(Want::Room), Step::Done));
        assert!(driver.send("two", START).is_err());
        // What waits is taken, and it goes on.
        let event = driver.next(Want::Event);
        assert!(matches!(event, Step::Event(SessionEvent::Message(_))), "{event:?}");
        while !ends && matches!(driver.next(Want::Event), Step::Event(_)) {}
        assert!(matches!(driver.next(Want::Room), Step::Read) != ends);
    }
}

/// A part of a message and a Ping are kept by nobody, and wait for room in the output alone.
#[test]
fn a_part_of_a_message_waits_for_no_confirmation() {
    let (mut driver, _) = unconfirmed();
    assert!(matches!(driver.next(Want::RoomForPart), Step::Done));
    driver.session_mut().send_fragment(&[7; 2 * ROOM][..], false, START).unwrap();
    let refused = driver.session_mut().send_fragment(&b"more"[..], true, START);
    assert_eq!(refused, Err(SendError::Full));
    let Step::Write = driver.next(Want::RoomForPart) else { panic!("it is full") };
    let len = driver.output().remaining();
    driver.handle_written(len, START);
    assert!(matches!(driver.next(Want::RoomForPart), Step::Done));
    driver.session_mut().send_fragment(&b"more"[..], true, START).unwrap();
}
