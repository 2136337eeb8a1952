//! A thundering herd, simulated: 10,000 clients whose server restarts. Prints how hard each way to
//! reconnect hits it, and how long it takes until all are back.
//!
//! Nothing is measured here but simulated time, so the table is the same on every machine.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use farewell::handshake::Negotiated;
use farewell::reconnect::{ConnectFailure, Decision, Reconnect, ReconnectConfig};
use farewell::{Config, ReadClosed, Role, Seed, Session, SessionEvent, Termination, Timestamp};

const CLIENTS: usize = 10_000;

/// The server is down for so long.
const DOWN: Duration = Duration::from_secs(10);

/// Then it accepts so many connections a second, and lets so many wait; others are refused.
const ACCEPTS: u64 = 1_000;
const BACKLOG: u64 = 500;

/// The clients notice the end within this time, and every attempt takes so long to arrive.
const NOTICE: u64 = 50_000_000;

/// When the server goes down: the clients have been connected for an hour.
const RESTART: Timestamp = Timestamp::from_nanos(3_600_000_000_000);

fn main() {
    println!(
        "{CLIENTS} clients; their server is down for {} s, then accepts {ACCEPTS}",
        DOWN.as_secs()
    );
    println!("connections a second and lets {BACKLOG} wait. Simulated.");
    println!();
    println!(
        "{:<32} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "", "attempts", "peak in", "peak in", "half", "all"
    );
    println!("{:<32} {:>9} {:>9} {:>9} {:>9} {:>9}", "", "in all", "1 s", "0.1 s", "back", "back");
    let second = Duration::from_secs(1);
    let lost = ended(b"");
    let restarts = ended(&[0x88, 2, 0x03, 0xf4]);
    report("fixed delay of 1 s", &mut |_| Box::new(Fixed(second)));
    report("fixed delay of 5 s", &mut |_| Box::new(Fixed(5 * second)));
    report("farewell, connections lost", &mut |random| Box::new(Jittered::new(&lost, random)));
    report("farewell, closed with 1012", &mut |random| Box::new(Jittered::new(&restarts, random)));
}

/// How a client's connection ends whose server sends these bytes and is gone.
fn ended(wire: &[u8]) -> Box<Termination> {
    let now = Timestamp::ZERO;
    let (negotiated, config) = (Negotiated::default(), Config::default());
    let mut session = Session::upgraded(Role::Client, negotiated, config, Seed::new([1; 32]), now);
    let mut wire = wire.to_vec();
    let mut input = &mut wire[..];
    while session.poll_event(&mut input, now).is_some() {}
    session.handle_read_closed(ReadClosed::Eof, now);
    loop {
        match session.poll_event(&mut &mut [][..], now) {
            Some(SessionEvent::Ended(report)) => return report,
            Some(_) => {}
            None => session.handle_timeout(session.poll_timeout().expect("it has an end")),
        }
    }
}

/// A way to reconnect.
trait Strategy {
    /// The connection has ended, or an attempt was refused. Gives the time of the next attempt.
    fn again(&mut self, random: u64, now: Timestamp) -> Timestamp;
}

struct Fixed(Duration);

impl Strategy for Fixed {
    fn again(&mut self, _: u64, now: Timestamp) -> Timestamp {
        now + self.0
    }
}

struct Jittered<'a> {
    reconnect: Reconnect,
    /// How the connection ended, until that was told.
    ended: Option<&'a Termination>,
}

impl<'a> Jittered<'a> {
    fn new(ended: &'a Termination, random: u64) -> Self {
        let mut reconnect = Reconnect::new(ReconnectConfig::default());
        reconnect.start(Timestamp::ZERO);
        reconnect.handle_opened(Timestamp::ZERO);
        reconnect.handle_timeout(random, RESTART);
        Self { reconnect, ended: Some(ended) }
    }
}

impl Strategy for Jittered<'_> {
    fn again(&mut self, random: u64, now: Timestamp) -> Timestamp {
        self.reconnect.handle_timeout(random, now);
        let decision = match self.ended.take() {
            Some(report) => self.reconnect.handle_outcome(report, random, now),
            None => {
                self.reconnect.poll_attempt().expect("it is time");
                self.reconnect.handle_outcome(ConnectFailure::Refused, random, now)
            }
        };
        match decision {
            Decision::Retry(retry) => retry.at,
            other => panic!("a client gives up: {other}"),
        }
    }
}

fn report<'a>(name: &str, make: &mut dyn FnMut(u64) -> Box<dyn Strategy + 'a>) {
    let run = simulate(make);
    let seconds = |at: Timestamp| format!("{:.1} s", at.since(RESTART).as_secs_f64());
    println!(
        "{name:<32} {:>9} {:>9} {:>9} {:>9} {:>9}",
        run.attempts.len(),
        peak(&run.attempts, Duration::from_secs(1)),
        peak(&run.attempts, Duration::from_millis(100)),
        seconds(run.back[CLIENTS / 2 - 1]),
        seconds(run.back[CLIENTS - 1]),
    );
}

struct Run {
    /// When the attempts arrived, in order.
    attempts: Vec<Timestamp>,
    /// When the clients were back, in order.
    back: Vec<Timestamp>,
}

fn simulate<'a>(make: &mut dyn FnMut(u64) -> Box<dyn Strategy + 'a>) -> Run {
    let mut random = Random(1);
    let mut clients = BTreeMap::new();
    let mut queue = BinaryHeap::new();
    for client in 0..CLIENTS {
        let mut strategy = make(random.next());
        let noticed = RESTART + Duration::from_nanos(random.next() % NOTICE);
        queue.push(Reverse((strategy.again(random.next(), noticed), client)));
        clients.insert(client, strategy);
    }
    let mut run = Run { attempts: Vec::new(), back: Vec::new() };
    let up = RESTART + DOWN;
    let service = Duration::from_nanos(1_000_000_000 / ACCEPTS);
    // When the server will have accepted everybody who waits.
    let mut free = up;
    while let Some(Reverse((now, client))) = queue.pop() {
        run.attempts.push(now);
        free = free.max(now);
        if now >= up && free.since(now) < service * BACKLOG as u32 {
            free = free + service;
            run.back.push(free);
        } else {
            let strategy = clients.get_mut(&client).expect("every client has one");
            queue.push(Reverse((strategy.again(random.next(), now), client)));
        }
    }
    run
}

/// The most attempts in any span of this length.
fn peak(attempts: &[Timestamp], span: Duration) -> usize {
    let mut first = 0;
    let mut most = 0;
    for (last, at) in attempts.iter().enumerate() {
        while at.since(attempts[first]) >= span {
            first += 1;
        }
        most = most.max(last + 1 - first);
    }
    most
}

/// The generator SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}
