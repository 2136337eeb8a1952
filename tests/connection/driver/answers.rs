//! What was read is handed out past the answers to what came before it: the short way of `send`,
//! against commands to the session, behind which the driver looks at everything.

use std::time::Duration;

use bytes::Buf;
use farewell::driver::{Driver, Step, Want};
use farewell::handshake::Negotiated;
use farewell::{Config, Heartbeat, Role, Seed, Session, SessionEvent, Timestamp};

use super::rng::{Rng, rounds};
use crate::support::wire::{frame, mask_of};

fn driver(config: &Config, now: Timestamp) -> Driver {
    let seed = Seed::new([9; 32]);
    let session = Session::upgraded(Role::Server, Negotiated::default(), config.clone(), seed, now);
    Driver::new(session, now)
}

/// Several frames at once, as a peer pipelines them, behind what is left of the one before; and the
/// beginning of one more, of which the rest is returned as well.
fn pipelined(rng: &mut Rng, mut bytes: Vec<u8>) -> (Vec<u8>, Vec<u8>) {
    let mask = mask_of(Role::Client);
    for _ in 0..1 + rng.below(40) {
        let first = match () {
            () if rng.one_in(2_000) => rng.pick(&[0x88, 0x80]),
            () if rng.one_in(30) => rng.pick(&[0x89, 0x8a]),
            () => 0x82,
        };
        let len = if first == 0x88 { 0 } else { rng.pick(&[0, 5, 16, 125, 125]) };
        bytes.extend(frame(first, mask, &vec![7; len]));
    }
    let mut more = frame(0x82, mask, &[1; 50]);
    let begun = if rng.one_in(2) { 0 } else { rng.below(more.len()) };
    let rest = more.split_off(begun);
    bytes.extend(more);
    (bytes, rest)
}

/// A driver, and what it did so far.
struct Watched {
    driver: Driver,
    did: Vec<String>,
    /// It answers by commands to the session.
    by_command: bool,
    /// Whom it answers: one message in so many.
    answers: usize,
    taken: usize,
}

impl Watched {
    fn answer(&mut self, reply: &[u8], now: Timestamp) {
        self.taken += 1;
        if self.taken % self.answers > 0 {
            return;
        }
        // Both are told the time in the same way, so that the answer alone is another.
        self.driver.handle_timeout(now);
        let result = match self.by_command {
            true => self.driver.session_mut().send(reply, now),
            false => self.driver.send(reply, now),
        };
        self.did.push(format!("{result:?}"));
    }

    /// Executes a step of a turn; the stream takes as much as `takes`, and has `unread` to be read.
    /// Returns whether the turn is over.
    fn step(&mut self, takes: usize, unread: &mut Vec<u8>, reply: &[u8], now: Timestamp) -> bool {
        let step = self.driver.next(Want::Event);
        self.did.push(format!("{step:?}"));
        match step {
            Step::Event(SessionEvent::Message(_)) => self.answer(reply, now),
            Step::Event(SessionEvent::Ended(_)) | Step::Done => return true,
            Step::Event(_) | Step::ShutDown(_) => {}
            Step::Write if takes == 0 => self.driver.handle_write_blocked(),
            Step::Write => {
                let output = self.driver.output();
                let chunk = output.chunk();
                let bytes = chunk[..takes.min(chunk.len())].to_vec();
                self.driver.handle_written(bytes.len(), now);
                self.did.push(format!("{bytes:?}"));
            }
            Step::Flush => self.driver.handle_flushed(),
            Step::Read if unread.is_empty() => self.driver.handle_read_blocked(),
            Step::Read => self.driver.handle_read(&mut std::mem::take(unread), now),
            Step::Wait(wait) if wait.is_over(now) => self.driver.handle_timeout(now),
            Step::Wait(_) => return true,
        }
        false
    }
}

#[test]
fn what_is_behind_a_message_is_handed_out_past_its_answer_as_behind_a_command() {
    for seed in 0..rounds(60) {
        let mut rng = Rng::new(seed);
        let mut config = Config::default();
        config.limits.pending_output = rng.pick(&[100, 1 << 20]);
        if rng.one_in(2) {
            let mut heartbeat = Heartbeat::default();
            heartbeat.interval = Duration::from_secs(4);
            heartbeat.timeout = Duration::from_secs(2);
            config.heartbeat = Some(heartbeat);
        }
        let (mut now, mut rest) = (Timestamp::ZERO, Vec::new());
        let answers = rng.pick(&[1, 1, 2, 3]);
        let mut pair = [false, true].map(|by_command| Watched {
            driver: driver(&config, now),
            did: Vec::new(),
            by_command,
            answers,
            taken: 0,
        });
        for _ in 0..30 {
            let (unread, more) = pipelined(&mut rng, rest);
            rest = more;
            let reply = vec![3; rng.pick(&[0, 16, 16, 200, 5_000, 70_000])];
            let (takes, seed) = (rng.pick(&[0, 7, 50_000, usize::MAX]), rng.next());
            for watched in &mut pair {
                let (mut unread, mut rng, mut now) = (unread.clone(), Rng::new(seed), now);
                watched.driver.handle_ready();
                for _ in 0..400 {
                    now = now + Duration::from_millis(rng.pick(&[0, 0, 0, 1, 300]));
                    if watched.step(takes, &mut unread, &reply, now) {
                        break;
                    }
                }
            }
            let [short, long] = &mut pair;
            let other = short.did.iter().zip(&long.did).position(|(short, long)| short != long);
            let shown = |did: &[String]| {
                let last = &did[..did.len().min(other.unwrap_or_default() + 1)];
                let brief = last.iter().map(|step| step.chars().take(60).collect::<String>());
                brief.collect::<Vec<_>>()
            };
            let same = other.is_none() && short.did.len() == long.did.len();
            assert!(same, "seed {seed}: {:#?}, not {:#?}", shown(&short.did), shown(&long.did));
            let seen = |watched: &Watched| format!("{:?}", watched.driver.session().evidence());
            assert_eq!(seen(short), seen(long), "seed {seed}");
            (short.did, long.did) = (Vec::new(), Vec::new());
            now = now.max(short.driver.now()) + Duration::from_millis(rng.next() % 3_000);
        }
    }
}
