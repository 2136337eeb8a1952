//! What the driver promises, one by one.

use std::time::Duration;

use bytes::Buf;
use farewell::driver::{Driver, Step, Want};
use farewell::handshake::{Accept, ClientRequest, Negotiated, Origins};
use farewell::{
    Cause, CloseCode, Config, Heartbeat, Message, ReadClosed, Role, Seed, Session, SessionEvent,
    Timestamp, TransportError,
};

use super::rng::{Rng, rounds};
use super::script::{Script, frames, numbered};
use crate::support::wire::{ROLES, frame, mask_of, peer_of};

const START: Timestamp = Timestamp::ZERO;
const WANTS: [Want; 5] =
    [Want::Event, Want::Flushed, Want::Room, Want::RoomForPart, Want::Answered];

fn session(role: Role, config: Config) -> Session {
    Session::upgraded(role, Negotiated::default(), config, Seed::new([3; 32]), START)
}

fn driver(role: Role, config: Config) -> Driver {
    Driver::new(session(role, config), START)
}

/// Takes all of the output, and says what it was.
fn write_all(driver: &mut Driver, now: Timestamp) -> Vec<u8> {
    let mut output = driver.output();
    let bytes = output.copy_to_bytes(output.remaining()).to_vec();
    driver.handle_written(bytes.len(), now);
    bytes
}

/// The Ping leaves, time passes to its very deadline, and there the Pong lies ready: on one read it
/// is found, and nothing is said of a missing one. Without it, the deadline takes effect.
#[test]
fn a_pong_that_lies_ready_at_its_deadline_is_in_time() {
    for (role, there) in [(Role::Client, true), (Role::Server, true), (Role::Server, false)] {
        let mut driver = driver(role, Config::default());
        let (mut now, mut pong, mut reads) = (START, None, 0);
        let (mut pings, mut left) = (0, START);
        let report = loop {
            match driver.next(Want::Event) {
                Step::Write => {
                    let ping = frames(role, &write_all(&mut driver, now)).remove(0);
                    assert_eq!(ping.0, 0x89);
                    (pings, left) = (pings + 1, now);
                    if there {
                        pong = Some(frame(0x8a, mask_of(peer_of(role)), &ping.1));
                    }
                }
                Step::Flush => driver.handle_flushed(),
                Step::Read => {
                    reads += 1;
                    // It comes no earlier than the deadline does.
                    let deadline = driver.session().poll_timeout().unwrap();
                    match pong.take_if(|_| deadline <= now) {
                        Some(mut bytes) => driver.handle_read(&mut bytes, now),
                        None => driver.handle_read_blocked(),
                    }
                }
                Step::Wait(wait) if wait.is_over(now) => driver.handle_timeout(now),
                Step::Wait(wait) => {
                    now = wait.until.unwrap();
                    driver.handle_timeout(now);
                }
                Step::ShutDown(_) => {}
                Step::Event(SessionEvent::Ended(report)) => break Some(report),
                Step::Event(SessionEvent::Pong { rtt }) => {
                    // With such round trips, the heartbeat becomes more patient.
                    assert!(now.since(left) >= Heartbeat::default().timeout);
                    assert_eq!(rtt, Some(now.since(left)));
                    if pings == 3 {
                        break None;
                    }
                }
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(report.is_none(), there, "{report:?}");
        if let Some(report) = report {
            assert!(matches!(report.cause, Cause::PongTimeout { .. }), "{report}");
            assert!(reads >= 3, "{reads}");
        }
    }
}

/// Nothing moves and time stands still: what else than a wait could there be to do?
#[test]
fn a_transport_that_does_nothing_is_waited_for() {
    let request = ClientRequest::new("ws://localhost/").unwrap();
    for role in ROLES {
        for want in WANTS {
            for (pending, closes, hasty) in [
                (0, false, false),
                (1, false, true),
                (100_000, true, false),
                (3_000_000, false, true),
            ] {
                let mut config = Config::default();
                if hasty {
                    config.heartbeat.as_mut().unwrap().interval = Duration::ZERO;
                }
                let mut driver = driver(role, config);
                if pending > 0 {
                    driver.send(Message::from(vec![7; pending]), START).unwrap();
                }
                if closes {
                    driver.session_mut().close(CloseCode::NORMAL, START).unwrap();
                }
                comes_to_a_wait(&mut driver, want);
            }
        }
    }
    let seed = || Seed::new([5; 32]);
    let client = Session::client(&request, Config::default(), seed(), START);
    comes_to_a_wait(&mut Driver::new(client, START), Want::Event);
    let server = Session::server(Config::default(), seed(), START);
    comes_to_a_wait(&mut Driver::new(server, START), Want::Event);
}

fn comes_to_a_wait(driver: &mut Driver, want: Want) {
    for _ in 0..3 {
        let mut waits = 0;
        for _ in 0..12 {
            match driver.next(want) {
                Step::Write | Step::Flush => driver.handle_write_blocked(),
                Step::Read => driver.handle_read_blocked(),
                Step::Wait(wait) => {
                    assert!(!wait.is_over(START), "it would spin");
                    waits += 1;
                    // Nothing has changed: it says so again.
                    assert!(matches!(driver.next(want), Step::Wait(again) if again == wait));
                    break;
                }
                Step::Done => {
                    waits += 1;
                    break;
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(waits, 1, "{want:?}: {driver:?}");
        driver.handle_ready();
    }
}

/// What one run saw: events in words, the messages with their payloads, and all that was written.
type Seen = (Vec<String>, Vec<u8>);

/// Runs a script through a driver whose time stands still and whose writes all succeed.
fn run(role: Role, script: &Script, cuts: Option<Rng>, echoes: bool) -> Seen {
    let mut config = Config::default();
    config.heartbeat = None;
    // Where a Pong gets in between fragments depends on how much of them has left.
    config.fragment_size = None;
    let mut driver = driver(role, config);
    let (mut events, mut written, mut rest) = (Vec::new(), Vec::new(), &script.wire[..]);
    let mut cuts = cuts;
    if let Some(cuts) = &mut cuts {
        let (read, left) = rest.split_at(cuts.below(rest.len()) / cuts.pick(&[1, usize::MAX]));
        driver = driver.with_input(read);
        rest = left;
    }
    let mut closed = false;
    loop {
        let want = match &mut cuts {
            // Echoes are where the application wants to see what came.
            Some(cuts) if !echoes => {
                cuts.pick(&[Want::Event, Want::Flushed, Want::Room, Want::RoomForPart])
            }
            _ => Want::Event,
        };
        match driver.next(want) {
            Step::Event(SessionEvent::Message(message)) => {
                events.push(format!("{message:?}"));
                if echoes {
                    driver.send(message, START).unwrap();
                }
            }
            Step::Event(SessionEvent::Ended(report)) => {
                events.push(report.to_string());
                return (events, written);
            }
            Step::Event(event) => events.push(format!("{event:?}")),
            Step::Write => {
                let mut output = driver.output();
                let most = output.remaining();
                let count = cuts.as_mut().map_or(most, |cuts| 1 + cuts.below(most));
                written.extend_from_slice(&output.copy_to_bytes(count));
                driver.handle_written(count, START);
            }
            Step::Flush => driver.handle_flushed(),
            Step::Read if rest.is_empty() => {
                assert!(!closed);
                closed = true;
                driver.handle_read_closed(ReadClosed::Eof, START);
            }
            Step::Read => {
                let most = match &mut cuts {
                    Some(cuts) => {
                        let most = cuts.pick(&[1, 50, 5_000, 100_000]);
                        1 + cuts.below(most)
                    }
                    None => usize::MAX,
                };
                let spare = driver.spare_mut();
                let count = if spare.is_empty() {
                    let count = most.min(rest.len());
                    driver.handle_read(&mut rest[..count].to_vec(), START);
                    count
                } else {
                    let count = most.min(rest.len()).min(spare.len());
                    spare[..count].copy_from_slice(&rest[..count]);
                    driver.handle_filled(count, START);
                    count
                };
                rest = &rest[count..];
            }
            Step::ShutDown(_) | Step::Done => {}
            Step::Wait(_) => driver.handle_timeout(START),
        }
    }
}

#[test]
fn how_the_input_is_cut_and_what_is_wanted_changes_nothing() {
    for seed in 0..rounds(150) {
        let mut rng = Rng::new(seed);
        let role = rng.pick(&ROLES);
        let script = Script::random(role, &mut rng, 12);
        for echoes in [false, true] {
            let whole = run(role, &script, None, echoes);
            assert_eq!(
                whole
                    .0
                    .iter()
                    .filter(|event| event.contains("Text") || event.contains("Binary"))
                    .count(),
                script.messages.len(),
            );
            for _ in 0..4 {
                let cut = run(role, &script, Some(Rng::new(rng.next())), echoes);
                assert!(whole.0 == cut.0, "seed {seed}: {:#?}\n{:#?}", whole.0, cut.0);
                let frames = |seen: &Seen| frames(role, &seen.1);
                assert_eq!(frames(&whole), frames(&cut), "seed {seed}, {role:?}, {echoes}");
                assert!(whole.1 == cut.1, "seed {seed}: other bytes were written");
            }
        }
    }
}

/// Where the transport takes it, the Pong is out before the message behind its Ping is handed out.
#[test]
fn an_answer_leaves_before_what_lay_behind_its_cause() {
    for seed in 0..rounds(60) {
        let mut rng = Rng::new(seed);
        let role = rng.pick(&ROLES);
        let script = Script::random(role, &mut rng, 10);
        let mut driver = driver(role, Config::default()).without_control_events();
        let (mut written, mut rest, mut number) = (Vec::new(), &script.wire[..], 0);
        while number < script.messages.len() {
            match driver.next(Want::Event) {
                Step::Event(SessionEvent::Message(message)) => {
                    let sent = &script.messages[number];
                    assert!(message.as_bytes() == sent.payload);
                    let before = script.pings.iter().rfind(|(end, _)| *end < sent.end);
                    let pong =
                        frames(role, &written).into_iter().rfind(|(first, _)| *first == 0x8a);
                    assert_eq!(pong.map(|pong| pong.1), before.map(|ping| ping.1.clone()));
                    number += 1;
                    if rng.one_in(2) {
                        driver.send(Message::from(numbered(number, 3_000)), START).unwrap();
                    }
                }
                Step::Write => written.extend(write_all(&mut driver, START)),
                Step::Flush => driver.handle_flushed(),
                Step::Read => {
                    let count = (1 + rng.below(3_000)).min(rest.len());
                    assert!(count > 0);
                    driver.handle_read(&mut rest[..count].to_vec(), START);
                    rest = &rest[count..];
                }
                Step::Wait(_) => driver.handle_timeout(START),
                other => panic!("{other:?}"),
            }
        }
    }
}

/// Where the transport takes everything, nothing is left to write when a read or a wait is asked for:
/// not even the answer to what came in one read with a message, and was parsed when that was taken.
#[test]
fn nothing_waits_or_reads_while_an_answer_is_queued() {
    for role in ROLES {
        let masked = role == Role::Server;
        let frame = |first: u8, payload: &[u8]| {
            let mut frame = vec![first, payload.len() as u8];
            if masked {
                frame[1] |= 0x80;
                frame.extend([0; 4]);
            }
            frame.extend(payload);
            frame
        };
        let message = frame(0x81, b"hello");
        let replies = [frame(0x88, &[0x03, 0xe8]), frame(0x89, b"?"), frame(0x83, b"")];
        let answers = [0x88, 0x8a, 0x88];
        let cases = replies.iter().zip(answers).flat_map(|case| [(case, false), (case, true)]);
        for ((reply, answer), echo) in cases {
            let mut driver = driver(role, Config::default()).without_control_events();
            let (mut input, mut written) = (Some([&message[..], reply].concat()), Vec::new());
            for _ in 0..20 {
                match driver.next(Want::Event) {
                    Step::Event(SessionEvent::Message(_)) if echo => {
                        driver.send("echo", START).unwrap();
                        while !matches!(driver.next(Want::Flushed), Step::Done) {
                            write_all(&mut driver, START);
                            driver.handle_flushed();
                        }
                    }
                    Step::Event(_) => {}
                    Step::Write => written.extend(write_all(&mut driver, START)),
                    Step::Flush => driver.handle_flushed(),
                    step @ (Step::Read | Step::Wait(_)) => {
                        assert_eq!(driver.output().remaining(), 0, "{step:?} before {answer:#x}");
                        match input.take() {
                            Some(mut bytes) => driver.handle_read(&mut bytes, START),
                            None => driver.handle_read_blocked(),
                        }
                    }
                    Step::ShutDown(_) | Step::Done => {}
                }
            }
            assert_eq!(written.first(), Some(&answer), "{role:?}");
        }
    }
}

/// The time is told while a read is under way, by a command for example. What that read does not
/// find may have come since, so another one comes before the deadline takes effect.
#[test]
fn a_read_that_began_before_the_time_was_told_is_not_the_last_one() {
    let mut config = Config::default();
    config.timeouts.idle = Some(Duration::from_secs(9));
    let mut driver = driver(Role::Server, config);
    assert!(matches!(driver.next(Want::Event), Step::Read));
    let late = START + Duration::from_secs(10);
    driver.send("from another thread", late).unwrap();
    driver.handle_read_blocked();
    assert!(matches!(driver.next(Want::Event), Step::Write));
    let written = write_all(&mut driver, late);
    assert_eq!(frames(Role::Server, &written).len(), 1, "only the message: {written:x?}");
    loop {
        match driver.next(Want::Event) {
            Step::Flush => driver.handle_flushed(),
            Step::Wait(wait) => {
                assert!(wait.is_over(late));
                driver.handle_timeout(late);
            }
            Step::Read => break,
            other => panic!("{other:?}"),
        }
    }
    driver.handle_read(&mut frame(0x81, mask_of(Role::Client), b"in time"), late);
    assert!(matches!(driver.next(Want::Event), Step::Event(SessionEvent::Message(_))));
    assert_eq!(driver.session().local_close(), None);
}

/// Nobody has asked for a read while the request was still to be handed out.
#[test]
fn bytes_that_nobody_asked_for_stay_in_order() {
    let session = Session::server(Config::default(), Seed::new([5; 32]), START);
    let text = |text: &[u8]| frame(0x81, mask_of(Role::Client), text);
    let read = [super::model::REQUEST, &text(b"one")].concat();
    let mut driver = Driver::new(session, START).with_input(&read);
    driver.handle_read(&mut text(b"two"), START);
    driver.handle_read(&mut text(b"three"), START);
    let mut came = Vec::new();
    while came.len() < 3 {
        match driver.next(Want::Event) {
            Step::Event(SessionEvent::Request(_)) => {
                driver.session_mut().accept(Accept::new(Origins::Any), START).unwrap();
            }
            Step::Event(SessionEvent::Message(message)) => came.push(message),
            Step::Event(SessionEvent::Open(_)) => {}
            Step::Write => drop(write_all(&mut driver, START)),
            Step::Flush => driver.handle_flushed(),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(came, ["one", "two", "three"].map(Message::from));
}

/// Told in any order, whatever was asked for: it does not panic, and ends once.
#[test]
fn calls_that_nobody_asked_for_do_no_harm() {
    for seed in 0..rounds(400) {
        let mut rng = Rng::new(seed);
        let role = rng.pick(&ROLES);
        let script = Script::random(role, &mut rng, 6);
        let mut driver = driver(role, Config::default());
        let (mut now, mut rest, mut next, mut ends) = (START, &script.wire[..], 0, Vec::new());
        for _ in 0..300 {
            if rng.one_in(5) {
                now = Timestamp::from_nanos(rng.below(60_000_000_000) as u64);
            }
            match rng.below(17) {
                0..=5 => {
                    let want = rng.pick(&[Want::Event, Want::Event, Want::Flushed, Want::Room]);
                    match driver.next(want) {
                        Step::Event(SessionEvent::Message(message)) => {
                            assert!(message.as_bytes() == script.messages[next].payload);
                            next += 1;
                        }
                        Step::Event(SessionEvent::Ended(report)) => ends.push(report),
                        _ => {}
                    }
                }
                6..=8 => {
                    let count = rng.below(2_000).min(rest.len());
                    let spare = driver.spare_mut();
                    if spare.is_empty() {
                        driver.handle_read(&mut rest[..count].to_vec(), now);
                        rest = &rest[count..];
                    } else {
                        let count = count.min(spare.len());
                        spare[..count].copy_from_slice(&rest[..count]);
                        driver.handle_filled(count, now);
                        rest = &rest[count..];
                    }
                }
                9 => driver.handle_written(1 + rng.below(10_000), now),
                10 => driver.handle_write_blocked(),
                11 => driver.handle_flushed(),
                12 => driver.handle_read_blocked(),
                13 => driver.handle_ready(),
                14 => driver.handle_timeout(now),
                15 if rng.one_in(20) => driver.handle_read_closed(ReadClosed::Eof, now),
                15 if rng.one_in(20) => driver.handle_write_failed(TransportError::Other, now),
                15 if rng.one_in(20) => driver.abort(now),
                _ => drop(driver.send(vec![1; rng.below(5_000)], now)),
            }
        }
        assert!(ends.iter().all(|end| *end == ends[0]));
    }
}
