//! Nothing comes, nothing leaves, or nobody was there to see it.

use farewell::TransportError;

use super::super::trace::{Op, Trace};
use super::{Play, Row};

pub(super) const SCENARIOS: &[Row] = &[
    ("network-loss", 24, network_loss),
    ("peer-stalls", 14, peer_stalls),
    ("reader-stalls", 12, reader_stalls),
    ("peer-hangs-in-upload", 5, peer_hangs_in_upload),
    ("network-loss-in-upload", 5, network_loss_in_upload),
    ("close-unanswered", 10, close_unanswered),
    ("close-blocked", 6, close_blocked),
    ("laptop-sleeps", 20, laptop_sleeps),
    ("laptop-slept-long-ago", 8, laptop_slept_long_ago),
    ("process-hiccup", 5, process_hiccup),
    ("nap-past-the-peers-patience", 10, nap),
    ("own-idle-timeout", 6, own_idle_timeout),
    ("own-message-timeout", 6, own_message_timeout),
];

/// Cable pulled, or the peer asleep: from now on nothing comes.
fn network_loss(mut play: Play) -> Trace {
    let before = play.numbers.magnitude(1.0, 900.0);
    let mut world = play.heartbeat(20.0, 20.0).begin();
    world.chat(before, 2000.0);
    let quiet = world.numbers.between(0.0, 30.0);
    world.sleep(quiet);
    world.act(Op::NoPongs);
    if world.numbers.chance(0.4) {
        world.say(300);
    }
    world.finish("half_open", None)
}

/// Its event loop hangs, while another thread, or what was queued, still sends.
fn peer_stalls(mut play: Play) -> Trace {
    let before = play.numbers.magnitude(1.0, 300.0);
    let mut world = play.heartbeat(20.0, 20.0).begin();
    world.chat(before, 2000.0);
    world.act(Op::NoPongs);
    let end = world.age() + world.numbers.between(45.0, 120.0);
    while world.age() < end {
        let pause = world.numbers.between(3.0, 14.0);
        world.sleep(pause);
        world.hear(50);
    }
    world.finish("peer_stalled", None)
}

fn block(play: Play, upload: usize) -> super::super::world::Simulation {
    let mut world = play.heartbeat(20.0, 20.0).begin();
    world.chat(20.0, 2000.0);
    world.act(Op::Take(upload / 4));
    world.say(upload);
    world
}

/// The peer does not read; it still writes.
fn reader_stalls(mut play: Play) -> Trace {
    let upload = play.numbers.magnitude(10_000.0, 3_000_000.0) as usize;
    let mut world = block(play, upload);
    for _ in 0..20 {
        if world.has_ended() {
            break;
        }
        let pause = world.numbers.between(2.0, 8.0);
        world.sleep(pause);
        world.hear(40);
    }
    world.finish("outbound_blocked", None)
}

/// It neither reads nor writes.
fn peer_hangs_in_upload(mut play: Play) -> Trace {
    let upload = play.numbers.magnitude(10_000.0, 3_000_000.0) as usize;
    let mut world = block(play, upload);
    world.act(Op::NoPongs);
    world.finish("outbound_blocked", None)
}

/// The path is gone, and the buffers are full.
fn network_loss_in_upload(play: Play) -> Trace {
    let mut world = block(play, 2_000_000);
    world.act(Op::NoPongs);
    world.finish("half_open", None)
}

fn close_unanswered(mut play: Play) -> Trace {
    let before = play.numbers.magnitude(1.0, 300.0);
    let mut world = play.any_heartbeat().begin();
    world.chat(before, 2000.0);
    world.act(Op::NoPongs);
    world.act(Op::Close(1000));
    world.finish("close_unanswered", None)
}

fn close_blocked(mut play: Play) -> Trace {
    let upload = play.numbers.magnitude(10_000.0, 3_000_000.0) as usize;
    let mut world = block(play, upload);
    world.sleep(1.0);
    world.act(Op::Close(1000));
    world.finish("outbound_blocked", None)
}

/// Everything stops for a while; then the peer has long given up, or nobody knows us any more.
fn laptop_sleeps(mut play: Play) -> Trace {
    let asleep = play.numbers.magnitude(90.0, 10_000.0);
    let before = play.numbers.magnitude(1.0, 300.0);
    let mut world = play.heartbeat(20.0, 20.0).begin();
    world.chat(before, 2000.0);
    let quiet = world.numbers.between(0.0, 5.0);
    world.sleep(quiet);
    world.act(Op::NoPongs);
    world.act(Op::Suspend);
    world.sleep(asleep);
    match world.numbers.below(4) {
        0 => world.act(Op::Eof),
        1 => world.act(Op::ReadFailed(TransportError::Reset)),
        2 => {
            world.act(Op::Resume);
            let trip = world.rtt;
            world.sleep(trip);
            world.act(Op::ReadFailed(TransportError::Reset));
        }
        _ => world.act(Op::Resume),
    }
    world.finish("local_suspended", None)
}

/// The connection survived the sleep, and ended of something else.
fn laptop_slept_long_ago(mut play: Play) -> Trace {
    let asleep = play.numbers.between(25.0, 300.0);
    let mut world = play.heartbeat(20.0, 20.0).begin();
    world.chat(20.0, 2000.0);
    world.act(Op::Suspend);
    world.sleep(asleep);
    world.act(Op::Resume);
    let after = world.numbers.magnitude(20.0, 600.0);
    world.sleep(after);
    world.hear(30);
    world.sleep(1.0);
    world.act(Op::Eof);
    world.finish("peer_vanished", None)
}

/// Shorter than any timeout of ours, and longer than the peer's: it had pinged and hung up.
fn nap(mut play: Play) -> Trace {
    let asleep = play.numbers.between(8.0, 15.0);
    let mut world = play.any_heartbeat().begin();
    world.chat(20.0, 2000.0);
    world.act(Op::NoPongs);
    world.act(Op::Suspend);
    world.sleep(asleep);
    let ping = world.frame(0x89, b"");
    world.receive(&ping);
    let reset = Op::ReadFailed(TransportError::Reset);
    let end = world.numbers.pick(&[Op::Eof, reset]);
    world.act(end);
    world.finish("local_suspended", None)
}

/// A pause that no timeout notices, and a crash of the peer.
fn process_hiccup(mut play: Play) -> Trace {
    let pause = play.numbers.between(1.0, 12.0);
    let mut world = play.heartbeat(20.0, 20.0).begin();
    world.chat(20.0, 2000.0);
    world.sleep(15.0);
    world.act(Op::Suspend);
    world.sleep(pause);
    world.act(Op::Resume);
    world.hear(30);
    world.sleep(0.2);
    world.act(Op::Eof);
    world.finish("peer_vanished", None)
}

fn own_idle_timeout(mut play: Play) -> Trace {
    let idle = play.numbers.pick(&[30.0, 60.0, 120.0]);
    let before = play.numbers.magnitude(1.0, 100.0);
    play.setup.idle = Some(idle);
    let mut world = play.begin();
    world.chat(before, 2000.0);
    world.finish("local_idle_timeout", None)
}

/// The peer begins a message and drips it, for longer than we are patient.
fn own_message_timeout(mut play: Play) -> Trace {
    let limit = play.numbers.pick(&[10.0, 30.0, 60.0]);
    let before = play.numbers.magnitude(1.0, 100.0);
    play.setup.message = Some(limit);
    let mut world = play.any_heartbeat().begin();
    world.chat(before, 2000.0);
    let message = world.frame(0x82, &[b'y'; 20_000]);
    let mut rest = &message[..];
    // Pongs would get into the frame.
    world.act(Op::NoPongs);
    while !world.has_ended() && rest.len() > 100 {
        let (piece, more) = rest.split_at(100);
        world.act(Op::Receive(piece.to_vec()));
        let pause = world.numbers.between(0.5, 2.0);
        world.sleep(pause);
        rest = more;
    }
    world.act(Op::Wait);
    world.finish("local_message_timeout", None)
}
