//! The short way of a message that is only framed and copied, against the way of all others: the same
//! calls on two sessions, one of which may not take it, since it keeps what it has accepted.

use std::time::Duration;

use bytes::{Buf, Bytes};
use farewell::handshake::Negotiated;
use farewell::{
    CloseCode, Config, Outgoing, Prepared, ReadClosed, Role, Seed, Session, Timestamp,
    TransportError,
};

use crate::driver::rng::{Rng, rounds};
use crate::support::wire::{ROLES, frame, mask_of, peer_of};

const LENGTHS: [usize; 14] = [0, 1, 2, 16, 16, 16, 124, 125, 126, 192, 300, 4095, 4096, 9_000];

fn config(rng: &mut Rng) -> Config {
    let mut config = Config::default();
    config.fragment_size = rng.pick(&[None, Some(0), Some(16), Some(200), Some(65_536)]);
    config.limits.pending_output = rng.pick(&[0, 500, 10_000, 1 << 20]);
    config.timeouts.write_stall = rng.pick(&[None, Some(Duration::from_secs(3))]);
    config.timeouts.write_drain = rng.pick(&[None, Some(Duration::from_secs(5))]);
    config
}

/// One call on either session, with what it says and all that can be seen of the session then.
fn after(session: &mut Session, call: impl FnOnce(&mut Session) -> String) -> (Bytes, String) {
    let said = call(session);
    let mut output = session.output();
    let output = output.copy_to_bytes(output.remaining());
    let seen = format!(
        "{said}\n{}\n{:?}\n{:?}\n{:?}\n{:?}",
        session.pending_output(),
        session.stats(),
        session.evidence(),
        session.next_timer(),
        session.wants_shutdown(),
    );
    (output, seen)
}

fn message<'a>(kind: usize, bytes: &'a Bytes, prepared: &'a Prepared) -> Outgoing<'a> {
    let text = || std::str::from_utf8(bytes).expect("it is ASCII");
    match kind {
        0 => bytes[..].into(),
        1 => text().into(),
        2 => bytes.to_vec().into(),
        3 => text().to_string().into(),
        4 => bytes.clone().into(),
        5 => Outgoing::from(&bytes[..]).uncompressed(),
        _ => prepared.into(),
    }
}

/// Bytes of the peer's: messages, Pings, now and then the beginning of a Close.
fn input(rng: &mut Rng, role: Role) -> Vec<u8> {
    let first = rng.pick(&[0x82, 0x82, 0x81, 0x89, 0x8a, 0x88]);
    let len = if first == 0x88 { 0 } else { rng.below(20) };
    let frame = frame(first, mask_of(peer_of(role)), &vec![b'x'; len]);
    let whole = first != 0x88 || rng.one_in(8);
    frame[..if whole { frame.len() } else { 1 }].to_vec()
}

fn call(rng: &mut Rng, role: Role, now: Timestamp) -> Box<dyn Fn(&mut Session) -> String> {
    match rng.below(24) {
        0..=9 => {
            let (len, kind) = (rng.pick(&LENGTHS), rng.below(7));
            Box::new(move |session| {
                let bytes = Bytes::from(vec![b'a' + (len % 26) as u8; len]);
                let prepared = Prepared::new(&bytes[..]);
                format!("{:?}", session.send(message(kind, &bytes, &prepared), now))
            })
        }
        10..=15 => {
            let count = rng.pick(&[1, 2, 17, 18, 19, 100, 5_000, usize::MAX, usize::MAX]);
            Box::new(move |session| {
                session.handle_flushed(count, now);
                String::new()
            })
        }
        16..=19 => {
            let bytes = input(rng, role);
            Box::new(move |session| {
                let (mut bytes, mut said) = (bytes.clone(), String::new());
                let mut input = &mut bytes[..];
                while let Some(event) = session.poll_event(&mut input, now) {
                    said += &format!("{event:?};");
                }
                said
            })
        }
        20 => {
            let (len, fin) = (rng.below(300), rng.one_in(2));
            Box::new(move |session| {
                format!("{:?}", session.send_fragment(&vec![7; len][..], fin, now))
            })
        }
        21 => Box::new(move |session| format!("{:?}", session.ping(b"are you there?", now))),
        22 => Box::new(move |session| {
            session.handle_timeout(now);
            format!("{:?}", session.poll_event(&mut &mut [][..], now))
        }),
        _ => last(rng, now),
    }
}

/// What begins an end, if seldom.
fn last(rng: &mut Rng, now: Timestamp) -> Box<dyn Fn(&mut Session) -> String> {
    match rng.below(20) {
        0 => Box::new(move |session| format!("{:?}", session.close(CloseCode::NORMAL, now))),
        1 => Box::new(move |session| {
            session.handle_read_closed(ReadClosed::Eof, now);
            String::new()
        }),
        2 => Box::new(move |session| {
            session.handle_write_failed(TransportError::BrokenPipe, now);
            String::new()
        }),
        3 => Box::new(move |session| {
            session.abort(now);
            String::new()
        }),
        _ => Box::new(|_| String::new()),
    }
}

#[test]
fn a_message_that_goes_the_short_way_leaves_and_counts_as_any_other() {
    for seed in 0..rounds(40) {
        for role in ROLES {
            let mut rng = Rng::new(seed);
            let config = config(&mut rng);
            let mut now = Timestamp::from_nanos(rng.next() >> 20);
            let session = || {
                let seed = Seed::new([seed as u8; 32]);
                Session::upgraded(role, Negotiated::default(), config.clone(), seed, now)
            };
            let (mut short, mut long) = (session(), session());
            long.keep_unsent();
            for step in 0..100 {
                let leap = rng.pick(&[0, 0, 0, 1, 1_000_000, 999_999_999, 1_000_000_000]);
                let leap = if rng.one_in(60) { 20_000_000_000 } else { leap };
                now = now + Duration::from_nanos(leap);
                // Now and then somebody tells an earlier time.
                let told = if rng.one_in(10) { Timestamp::ZERO } else { now };
                let call = call(&mut rng, role, told);
                let (short, long) = (after(&mut short, &call), after(&mut long, &call));
                assert_eq!(short.1, long.1, "{role:?}, seed {seed}, step {step}");
                assert!(short.0 == long.0, "{role:?}, seed {seed}, step {step}: other bytes");
            }
        }
    }
}
