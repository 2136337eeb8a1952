//! Messages in chunks and whole, as they are asked for, whenever that changes; and what it takes.

use allocation_counter::measure;
use farewell::driver::{Driver, Step, Want};
use farewell::handshake::Negotiated;
use farewell::{Config, MessageChunk, Role, Seed, Session, SessionEvent, Timestamp};

use crate::support::wire::frame;

const START: Timestamp = Timestamp::ZERO;

/// A client.
fn driver(config: Config, negotiated: Negotiated) -> Driver {
    let seed = Seed::new([3; 32]);
    Driver::new(Session::upgraded(Role::Client, negotiated, config, seed, START), START)
}

/// Executes steps until there is an event, or nothing is there to be read; nothing can be written.
fn event(driver: &mut Driver) -> Option<SessionEvent<'static>> {
    driver.handle_ready();
    loop {
        match driver.next(Want::Event) {
            Step::Event(event) => return Some(event),
            Step::Write => driver.handle_write_blocked(),
            Step::Read => driver.handle_read_blocked(),
            Step::Wait(wait) if wait.is_over(START) => driver.handle_timeout(START),
            Step::Wait(_) | Step::Done => return None,
            Step::Flush | Step::ShutDown(_) => {}
        }
    }
}

fn chunk(driver: &mut Driver) -> Option<MessageChunk> {
    match event(driver)? {
        SessionEvent::Chunk(chunk) => Some(*chunk),
        other => panic!("{other:?}"),
    }
}

/// A read that brings this.
fn read(driver: &mut Driver, mut bytes: Vec<u8>) {
    driver.handle_ready();
    assert!(matches!(driver.next(Want::Event), Step::Read));
    driver.handle_read(&mut bytes, START);
}

/// What has come of a message is handed out when chunks are asked for, whether it was read as a part of a
/// whole or in chunks that were then asked for as a whole.
#[test]
fn what_has_come_is_handed_out_when_chunks_are_asked_for() {
    for read_in_chunks in [false, true] {
        let mut driver = driver(Config::default(), Negotiated::default());
        driver.receive_in_chunks(read_in_chunks);
        read(&mut driver, frame(0x02, None, b"begun"));
        driver.receive_in_chunks(false);
        assert!(event(&mut driver).is_none());
        driver.receive_in_chunks(true);
        let begun = chunk(&mut driver).expect("nothing more has to come");
        assert_eq!(&begun.payload()[..], b"begun");
        assert!(begun.is_first() && !begun.is_last());
        read(&mut driver, frame(0x80, None, b"end"));
        let end = chunk(&mut driver).unwrap();
        assert_eq!(&end.payload()[..], b"end");
        assert!(!end.is_first() && end.is_last());
        assert!(event(&mut driver).is_none());
    }
}

/// A message that is asked for as a whole takes no more than it needs, though it was read in chunks, and
/// nothing once it is clear that it will never be whole.
#[test]
fn what_was_read_in_chunks_and_is_asked_for_as_a_whole_is_held_as_tightly() {
    let part = vec![7; 50_000];
    let count = 33;
    for aborts in [false, true] {
        let mut driver = driver(Config::default(), Negotiated::default());
        driver.receive_in_chunks(true);
        read(&mut driver, frame(0x02, None, &part));
        driver.receive_in_chunks(false);
        assert!(event(&mut driver).is_none());
        for _ in 1..count {
            read(&mut driver, frame(0x00, None, &part));
            assert!(event(&mut driver).is_none());
        }
        let mut message = None;
        let info = measure(|| {
            if aborts {
                driver.abort(START);
            } else {
                read(&mut driver, frame(0x80, None, &part));
            }
            message = event(&mut driver);
        });
        let whole = (count + 1) * part.len() as i64;
        match message {
            Some(SessionEvent::Message(message)) => {
                assert_eq!(message.len() as i64, whole);
                drop(driver);
                let held = measure(|| drop(message)).bytes_current;
                assert!(-held < whole + whole / 8, "{held} for {whole}");
            }
            Some(SessionEvent::Ended(_)) => {
                assert!(aborts && info.bytes_current < -whole / 2, "{info:?}");
            }
            other => panic!("{other:?}"),
        }
    }
}

/// While something else is waited for, no more is inflated than may wait.
#[cfg(feature = "deflate")]
#[test]
fn chunks_are_inflated_ahead_within_the_bound() {
    use bytes::Buf;
    use farewell::Compression;
    use farewell::handshake::DeflateParams;

    let mut config = Config::default();
    config.compression = Some(Compression::default());
    config.limits.pending_output = 100_000;
    let agreed = || Negotiated::default().with_deflate(DeflateParams::default());
    let mut peers = config.clone();
    peers.limits.pending_output = usize::MAX;
    let seed = Seed::new([4; 32]);
    let mut peer = Session::upgraded(Role::Server, agreed(), peers, seed, START);
    peer.send(vec![0; 30_000_000], START).unwrap();
    let len = peer.pending_output();
    let wire = peer.output().copy_to_bytes(len).to_vec();

    for want in [Want::Flushed, Want::Room, Want::Answered] {
        let mut driver = driver(config.clone(), agreed());
        driver.receive_in_chunks(true);
        driver.ping(START).unwrap();
        driver.session_mut().send_fragment(&[1; 200_000][..], false, START).unwrap();
        read_while_blocked(&mut driver, wire.clone());
        let info = measure(|| {
            driver.handle_ready();
            loop {
                match driver.next(want) {
                    Step::Write => driver.handle_write_blocked(),
                    Step::Read => driver.handle_read_blocked(),
                    Step::Wait(_) | Step::Done => break,
                    other => panic!("{other:?}"),
                }
            }
        });
        assert!(info.bytes_max < 1_000_000, "{want:?}: {} bytes", info.bytes_max);
        let mut got = 0;
        while let Some(event) = event(&mut driver) {
            if let SessionEvent::Chunk(chunk) = event {
                got += chunk.payload().len();
            }
        }
        assert_eq!(got, 30_000_000);
    }
}

#[cfg(feature = "deflate")]
fn read_while_blocked(driver: &mut Driver, mut bytes: Vec<u8>) {
    assert!(event(driver).is_none());
    driver.handle_ready();
    while let Step::Write = driver.next(Want::Event) {
        driver.handle_write_blocked();
    }
    driver.handle_read(&mut bytes, START);
}
