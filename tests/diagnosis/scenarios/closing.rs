//! Somebody says goodbye, or throws the other out.

use farewell::{Role, TransportError};

use super::super::trace::{Op, Trace};
use super::super::world::Simulation;
use super::{Play, Row};

pub(super) const SCENARIOS: &[Row] = &[
    ("closed-by-us", 12, closed_by_us),
    ("closed-by-peer", 14, closed_by_peer),
    ("closed-by-application", 12, closed_by_application),
    ("keepalive-timeout", 16, keepalive_timeout),
    ("closed-by-peer-cut", 6, closed_by_peer_cut),
    ("closed-by-both", 8, closed_by_both),
    ("page-left", 6, page_left),
    ("close-skipped", 14, close_skipped),
    ("restart", 16, restart),
    ("try-again-later", 6, try_again_later),
    ("peer-failure", 14, peer_failure),
    ("local-failure", 22, local_failure),
    ("local-abort", 8, local_abort),
];

fn talk(play: Play) -> Simulation {
    let mut world = play.any_heartbeat().begin();
    let before = world.numbers.magnitude(1.0, 600.0);
    world.chat(before, 2000.0);
    world
}

fn closed_by_us(play: Play) -> Trace {
    let mut world = talk(play);
    let code = world.numbers.pick(&[1000, 1001, 4000, 3001]);
    world.act(Op::Close(code));
    let trip = world.way() + world.way();
    world.sleep(trip);
    world.hear_close(code, "");
    world.sleep(0.01);
    world.act(Op::Eof);
    world.finish("closed_by_us", Some(code.into()))
}

fn closed_by_peer(play: Play) -> Trace {
    let mut world = talk(play);
    let code = 1000;
    let reason = world.numbers.pick(&["", "bye", "session over"]);
    world.hear_close(code, reason);
    let trip = world.way() + world.way();
    world.sleep(trip);
    world.act(Op::Eof);
    world.finish("closed_by_peer", Some(code.into()))
}

fn closed_by_application(play: Play) -> Trace {
    let mut world = talk(play);
    let code = world.numbers.pick(&[3000, 3003, 3008, 4001, 4401, 4429, 4999]);
    let reason = world.numbers.pick(&["", "bye", "session over"]);
    world.hear_close(code, reason);
    let trip = world.way() + world.way();
    world.sleep(trip);
    world.act(Op::Eof);
    world.finish("closed_by_application", Some(code.into()))
}

/// The peer asked after us, and we were asleep, had too much to send, or the path lost it.
fn keepalive_timeout(play: Play) -> Trace {
    let mut world = talk(play);
    let timeout = world.numbers.between(3.0, 20.0);
    let ping = world.frame(0x89, b"still there?");
    match world.numbers.below(3) {
        0 => {
            world.act(Op::Suspend);
            let asleep = timeout + world.numbers.between(0.5, 30.0);
            world.sleep(asleep);
            world.receive(&ping);
        }
        1 => {
            world.act(Op::Take(100));
            world.say(500_000);
            world.receive(&ping);
            world.sleep(timeout);
        }
        _ => {
            world.receive(&ping);
            world.sleep(timeout);
        }
    }
    let (code, reason) = world.numbers.pick(&[
        (1011, "keepalive ping timeout"),
        (1011, "keepalive ping timeout"),
        (1002, "pong timeout"),
        (1000, "heartbeat timeout"),
        (4000, "no pong received"),
        (1008, "missed heartbeats"),
    ]);
    world.hear_close(code, reason);
    world.act(Op::Eof);
    world.finish("no_answer_from_us", None)
}

/// The transport ends before our answer is out.
fn closed_by_peer_cut(play: Play) -> Trace {
    let mut world = talk(play);
    world.act(Op::Take(0));
    let empty = world.frame(0x88, &[]);
    world.receive(&empty);
    let end = world.numbers.pick(&[Op::Eof, Op::ReadFailed(TransportError::Reset)]);
    world.act(end);
    world.finish("closed_by_peer", Some(1005))
}

fn closed_by_both(play: Play) -> Trace {
    let mut world = talk(play);
    world.act(Op::Take(0));
    world.act(Op::Close(1000));
    world.hear_close(1000, "");
    world.act(Op::Unblock);
    let trip = world.rtt;
    world.sleep(trip);
    world.act(Op::Eof);
    world.finish("closed_by_both", Some(1000))
}

/// A browser leaves the page: no deployment.
fn page_left(play: Play) -> Trace {
    let mut world = talk(play.role(Role::Server));
    world.hear_close(1001, "");
    world.act(Op::Eof);
    world.finish("closed_by_peer", Some(1001))
}

fn close_skipped(play: Play) -> Trace {
    let mut world = talk(play);
    world.act(Op::Close(1000));
    let trip = world.way() + world.way();
    world.sleep(trip);
    let reset = Op::ReadFailed(TransportError::Reset);
    let end = world.numbers.pick(&[Op::Eof, Op::Eof, reset]);
    world.act(end);
    world.finish("close_skipped", None)
}

fn restart(play: Play) -> Trace {
    let mut world = talk(play.role(Role::Client));
    let code = world.numbers.pick(&[1001, 1001, 1012, 1014]);
    let reason = world.numbers.pick(&["", "server shutting down", "service restart"]);
    world.hear_close(code, reason);
    let wait = world.numbers.between(0.0, 1.0);
    world.sleep(wait);
    world.act(Op::Eof);
    world.finish("restart", Some(code.into()))
}

fn try_again_later(play: Play) -> Trace {
    let mut world = talk(play);
    world.hear_close(1013, "overloaded");
    world.act(Op::Eof);
    world.finish("try_again_later", None)
}

fn peer_failure(play: Play) -> Trace {
    let mut world = talk(play);
    let code = world.numbers.pick(&[1002, 1003, 1007, 1008, 1009, 1010, 1011]);
    let reason = world.numbers.pick(&["", "message too big", "stopping: out of memory"]);
    world.hear_close(code, reason);
    world.act(Op::Eof);
    world.finish("peer_failure", Some(code.into()))
}

fn local_failure(play: Play) -> Trace {
    let mut world = talk(play);
    let (wire, code) = match world.numbers.below(7) {
        0 => (world.frame(0xc1, b"reserved bit"), 1002),
        1 => (world.frame(0x83, b"reserved opcode"), 1002),
        2 => (world.frame(0x81, b"not utf-8: \xff"), 1007),
        3 => (world.frame(0x80, b"continues nothing"), 1002),
        4 => (world.frame(0x88, &999_u16.to_be_bytes()), 1002),
        5 => (world.frame(0x88, b"\x03"), 1002),
        _ => (world.frame(0x82, &vec![0; (1 << 20) + 1]), 1009),
    };
    world.receive(&wire);
    let trip = world.rtt;
    world.sleep(trip);
    world.act(Op::Eof);
    world.finish("local_failure", Some(code))
}

fn local_abort(play: Play) -> Trace {
    let mut world = talk(play);
    let quiet = world.numbers.between(0.0, 5.0);
    world.sleep(quiet);
    world.act(Op::Abort);
    world.finish("local_abort", None)
}
