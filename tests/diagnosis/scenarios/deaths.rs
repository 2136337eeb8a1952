//! The peer, or the way to it, ends without a word and not by the clock.

use farewell::{Role, TransportError};

use super::super::trace::{Op, Trace};
use super::super::world::Simulation;
use super::{Play, Row};

pub(super) const SCENARIOS: &[Row] = &[
    ("crash-busy", 24, crash_busy),
    ("crash-idle", 12, crash_idle),
    ("application-closes-at-random", 40, closes_at_random),
    ("crash-after-message", 10, crash_after_message),
    ("crash-in-mixed-traffic", 16, crash_in_mixed_traffic),
    ("crash-loop", 8, crash_loop),
    ("crash-loop-even", 6, crash_loop_even),
    ("mid-message", 26, mid_message),
    ("reset-alone", 20, reset_alone),
    ("reset-at-random", 12, reset_at_random),
    ("reset-after-write", 18, reset_after_write),
    ("write-fails", 12, write_fails),
    ("nat-forgot", 10, nat_forgot),
    ("limit", 20, limit),
    ("limit-while-writing", 6, limit_while_writing),
    ("limit-narrow", 6, limit_narrow),
    ("kernel-timeout", 10, kernel_timeout),
    ("transport-other", 6, transport_other),
    ("system-aborts", 4, system_aborts),
    ("unreachable", 8, unreachable),
    ("request-timeout", 6, request_timeout),
];

fn any_end(world: &mut Simulation) -> Op {
    world.numbers.pick(&[Op::Eof, Op::Eof, Op::Eof, Op::TlsTruncated])
}

/// Killed while messages go both ways.
fn crash_busy(mut play: Play) -> Trace {
    let before = play.numbers.magnitude(1.0, 900.0);
    let mut world = play.any_heartbeat().begin();
    world.chat(before, 2000.0);
    let (size, quiet) = (world.numbers.below(300), world.numbers.between(0.01, 3.0));
    world.hear(size);
    world.sleep(quiet);
    let end = any_end(&mut world);
    world.act(end);
    world.finish("peer_vanished", None)
}

/// Killed while nothing but a heartbeat went.
fn crash_idle(mut play: Play) -> Trace {
    let quiet = play.numbers.magnitude(15.0, 600.0);
    let mut world = play.heartbeat(20.0, 20.0).begin();
    world.chat(10.0, 2000.0);
    world.sleep(quiet);
    world.act(Op::Eof);
    world.finish("peer_vanished", None)
}

/// A server that closes when its application feels like it, without a Close: some of these come
/// after exactly a minute, by coincidence.
fn closes_at_random(mut play: Play) -> Trace {
    let quiet = play.numbers.between(2.0, 400.0);
    let before = play.numbers.magnitude(1.0, 300.0);
    let mut world = play.begin();
    world.chat(before, 2000.0);
    world.sleep(quiet);
    world.act(Op::Eof);
    world.finish("peer_vanished", None)
}

/// An answer was being computed when the process died.
fn crash_after_message(mut play: Play) -> Trace {
    let before = play.numbers.magnitude(1.0, 300.0);
    let mut world = play.any_heartbeat().begin();
    world.chat(before, 4000.0);
    let size = world.numbers.magnitude(10.0, 2500.0) as usize;
    world.say(size);
    let wait = world.rtt + world.numbers.between(0.0, 0.3);
    world.sleep(wait);
    world.act(Op::Eof);
    world.finish("peer_vanished", None)
}

/// Messages of all sizes, and a crash that has nothing to do with them.
fn crash_in_mixed_traffic(play: Play) -> Trace {
    let mut world = play.any_heartbeat().begin();
    for _ in 0..3 {
        let span = world.numbers.between(1.0, 20.0);
        world.chat(span, 65_536.0);
    }
    let quiet = world.numbers.between(0.0, 4.0);
    world.sleep(quiet);
    world.act(Op::Eof);
    world.finish("peer_vanished", None)
}

/// It dies soon, and has done so before.
fn crash_loop(mut play: Play) -> Trace {
    let life = |play: &mut Play| play.numbers.magnitude(1.0, 300.0);
    let times = 2 + play.numbers.below(3);
    let past = (0..times).map(|_| {
        let age = life(&mut play);
        (age, play.numbers.between(0.0, age.min(5.0)))
    });
    let past = past.collect();
    let age = life(&mut play);
    let mut world = play.past(past).begin();
    world.chat(age, 1000.0);
    world.hear(10);
    let quiet = world.numbers.between(0.1, 3.0);
    world.sleep(quiet);
    world.act(Op::Eof);
    world.finish("peer_vanished", None)
}

/// The same message kills it every time, a few seconds after its start.
fn crash_loop_even(mut play: Play) -> Trace {
    let life = play.numbers.between(1.0, 8.0);
    let past = (0..3).map(|_| (life + play.numbers.between(0.0, 0.3), 0.2)).collect();
    let mut world = play.past(past).begin();
    world.chat(life - 0.5, 1000.0);
    world.hear(10);
    world.until(life);
    world.act(Op::Eof);
    world.finish("peer_vanished", None)
}

fn mid_message(mut play: Play) -> Trace {
    let before = play.numbers.magnitude(1.0, 900.0);
    let mut world = play.any_heartbeat().begin();
    world.chat(before, 2000.0);
    let size = world.numbers.magnitude(10.0, 100_000.0) as usize;
    let wire = match world.numbers.below(3) {
        // The first fragment of a message that never gets its second.
        0 => world.frame(0x02, &vec![b'y'; size]),
        _ => {
            let wire = world.frame(0x82, &vec![b'y'; size]);
            let part =
                if world.numbers.chance(0.2) { 1 } else { 1 + world.numbers.below(wire.len() - 1) };
            wire[..part].to_vec()
        }
    };
    world.act(Op::NoPongs);
    world.receive(&wire);
    let quiet = world.numbers.between(0.0, 4.0);
    world.sleep(quiet);
    let end = any_end(&mut world);
    world.act(end);
    world.finish("peer_died_mid_message", None)
}

/// The peer crashed with unread data, or a firewall lost its patience; nothing of ours was on its
/// way.
fn reset_alone(mut play: Play) -> Trace {
    let before = play.numbers.magnitude(1.0, 300.0);
    let mut world = play.any_heartbeat().begin();
    world.chat(before, 2000.0);
    let trip = world.rtt + world.way();
    let quiet = trip + world.numbers.between(2.0, 9.0);
    world.sleep(quiet);
    world.act(Op::ReadFailed(TransportError::Reset));
    world.finish("peer_aborted", None)
}

/// At any time, whatever we did just before.
fn reset_at_random(mut play: Play) -> Trace {
    let before = play.numbers.magnitude(5.0, 300.0);
    let mut world = play.begin();
    world.chat(before, 2000.0);
    let quiet = world.numbers.between(0.0, 30.0);
    world.sleep(quiet);
    world.act(Op::ReadFailed(TransportError::Reset));
    world.finish("peer_aborted", None)
}

/// The peer has closed; our next message gets a reset for an answer.
fn reset_after_write(mut play: Play) -> Trace {
    let before = play.numbers.magnitude(1.0, 300.0);
    let mut world = play.any_heartbeat().begin();
    world.chat(before, 2000.0);
    let quiet = world.numbers.between(0.5, 15.0);
    world.sleep(quiet);
    let size = world.numbers.magnitude(1.0, 2000.0) as usize;
    world.say(size);
    let trip = world.way() + world.way();
    world.sleep(trip);
    world.act(Op::ReadFailed(TransportError::Reset));
    world.finish("peer_closed_under_us", None)
}

fn write_fails(mut play: Play) -> Trace {
    let before = play.numbers.magnitude(1.0, 300.0);
    let mut world = play.any_heartbeat().begin();
    world.chat(before, 2000.0);
    let kind = world.numbers.pick(&[TransportError::BrokenPipe, TransportError::Reset]);
    world.act(Op::Take(0));
    world.say(200);
    world.act(Op::WriteFailed(kind));
    let end = world.numbers.pick(&[Op::Eof, Op::ReadFailed(TransportError::Reset)]);
    let wait = world.numbers.between(0.0, 0.5);
    world.sleep(wait);
    world.act(end);
    world.finish("peer_closed_under_us", None)
}

/// The path has forgotten an idle connection; the reset comes when we write again.
fn nat_forgot(mut play: Play) -> Trace {
    let quiet = play.numbers.between(240.0, 2000.0);
    let mut world = play.begin();
    world.chat(20.0, 2000.0);
    world.sleep(quiet);
    world.say(100);
    let trip = world.way() * world.numbers.between(0.2, 2.0);
    world.sleep(trip);
    world.act(Op::ReadFailed(TransportError::Reset));
    world.finish("peer_closed_under_us", None)
}

fn too_large(play: Play, size: f64, usual: f64) -> Trace {
    let mut world = play.any_heartbeat().begin();
    let before = world.numbers.magnitude(1.0, 300.0);
    world.chat(before, usual);
    let size = size as usize;
    world.say(size);
    let trip = world.way() + world.way() + size as f64 / 50e6;
    world.sleep(trip);
    let reset = Op::ReadFailed(TransportError::Reset);
    let end = world.numbers.pick(&[Op::Eof, Op::Eof, reset]);
    world.act(end);
    world.finish("peer_suspected_limit", Some(size as u64))
}

fn limit(mut play: Play) -> Trace {
    let size = play.numbers.magnitude(32_769.0, 900_000.0);
    too_large(play, size, 8000.0)
}

/// A message over the limit, but not by much over what went before.
fn limit_narrow(mut play: Play) -> Trace {
    let size = play.numbers.between(132_000.0, 160_000.0);
    let mut world = play.any_heartbeat().begin();
    world.say(120_000);
    world.sleep(20.0);
    world.say(size as usize);
    let trip = world.way() + world.way();
    world.sleep(trip);
    world.act(Op::Eof);
    world.finish("peer_suspected_limit", Some(size as u64))
}

/// The limit is seen from the header, while the message still goes out.
fn limit_while_writing(mut play: Play) -> Trace {
    let size = play.numbers.magnitude(200_000.0, 900_000.0) as usize;
    let mut world = play.any_heartbeat().begin();
    world.chat(10.0, 4000.0);
    world.act(Op::Take(size / 3));
    world.say(size);
    let trip = world.way() + world.way();
    world.sleep(trip);
    world.act(Op::ReadFailed(TransportError::Reset));
    world.finish("peer_suspected_limit", Some(size as u64))
}

/// No heartbeat, no answer, and TCP gives up.
fn kernel_timeout(mut play: Play) -> Trace {
    let gave_up = play.numbers.between(120.0, 930.0);
    let mut world = play.begin();
    world.chat(60.0, 2000.0);
    world.say(100);
    world.sleep(gave_up);
    let timed_out = TransportError::TimedOut;
    world.act(Op::ReadFailed(timed_out));
    world.finish("kernel_timeout", None)
}

/// The network is down, says this machine.
fn transport_other(mut play: Play) -> Trace {
    let before = play.numbers.magnitude(1.0, 300.0);
    let mut world = play.any_heartbeat().begin();
    world.chat(before, 2000.0);
    world.act(Op::ReadFailed(TransportError::Other));
    world.finish("transport_failure", None)
}

/// Somebody ends the socket, or takes its address away.
fn system_aborts(mut play: Play) -> Trace {
    let before = play.numbers.magnitude(1.0, 300.0);
    let mut world = play.any_heartbeat().begin();
    world.chat(before, 2000.0);
    world.act(Op::ReadFailed(TransportError::Aborted));
    world.finish("system_aborted", None)
}

/// Routers and hosts say themselves that there is no way, or that nobody listens.
fn unreachable(mut play: Play) -> Trace {
    let before = play.numbers.magnitude(1.0, 300.0);
    let mut world = play.any_heartbeat().begin();
    world.chat(before, 2000.0);
    let kind = world.numbers.pick(&[TransportError::Unreachable, TransportError::Refused]);
    let writes = world.numbers.chance(0.3);
    if writes {
        world.act(Op::Take(0));
        world.say(200);
        world.act(Op::WriteFailed(kind));
    }
    world.act(Op::ReadFailed(kind));
    let name = if kind == TransportError::Refused { "refused" } else { "unreachable" };
    world.finish(name, None)
}

/// A proxy takes the connection for a request that never ended, and says so in HTTP.
fn request_timeout(mut play: Play) -> Trace {
    let before = play.numbers.magnitude(1.0, 300.0);
    let mut world = play.any_heartbeat().role(Role::Client).begin();
    world.chat(before, 2000.0);
    world.receive(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
    world.act(Op::Eof);
    world.finish("http_in_stream", Some(408))
}
