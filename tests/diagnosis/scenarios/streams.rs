//! The WebSocket is a stream of an HTTP/2 or HTTP/3 connection.

use farewell::handshake::Carrier;
use farewell::{Role, TransportError};

use super::super::trace::{Op, Trace};
use super::super::world::{Simulation, Watch};
use super::{Play, Row};

pub(super) const SCENARIOS: &[Row] = &[
    ("stream-cancelled", 12, cancelled),
    ("stream-cancelled-for-silence", 8, cancelled_for_silence),
    ("stream-cancelled-opening", 4, cancelled_opening),
    ("stream-ends", 8, ends),
    ("stream-refused", 6, refused),
    ("stream-failed", 8, failed),
    ("stream-failed-opening", 4, failed_opening),
    ("go-away", 8, go_away),
    ("go-away-opening", 3, go_away_opening),
    ("not-offered", 6, not_offered),
];

/// The code in HTTP/2, or the one in HTTP/3 that says the same.
fn reset(carrier: Carrier, http2: u64, http3: u64) -> (Op, u64) {
    let code = if carrier == Carrier::Http3 { http3 } else { http2 };
    (Op::ReadFailed(TransportError::StreamReset { code }), code)
}

/// A client that waits for the response to its extended CONNECT.
fn opening(play: Play) -> (Simulation, Carrier) {
    let play = play.opening(Role::Client).stream();
    let carrier = play.setup.carrier;
    let mut world = play.begin();
    let wait = world.rtt + world.numbers.between(0.0, 0.3);
    world.sleep(wait);
    (world, carrier)
}

/// A handler of the server's panicked, or a proxy was restarted, while messages went.
fn cancelled(mut play: Play) -> Trace {
    let before = play.numbers.magnitude(1.0, 600.0);
    let play = play.any_heartbeat().stream();
    let carrier = play.setup.carrier;
    let mut world = play.begin();
    world.chat(before, 2000.0);
    let (size, quiet) = (world.numbers.below(300), world.numbers.between(0.01, 1.5));
    world.hear(size);
    world.sleep(quiet);
    let (end, code) = match world.numbers.chance(0.7) {
        true => reset(carrier, 0x8, 0x10c),
        false => reset(carrier, 0x0, 0x100),
    };
    world.act(end);
    world.finish("stream_cancelled", Some(code))
}

/// A proxy's idle timeout, which resets the stream alone.
fn cancelled_for_silence(mut play: Play) -> Trace {
    let timeout = play.numbers.pick(&[55.0, 60.0, 60.0, 60.0, 100.0, 300.0]);
    let before = play.numbers.magnitude(0.5, timeout * 0.8);
    let play = play.stream();
    let carrier = play.setup.carrier;
    let mut world = play.begin();
    world.chat(before, 2000.0);
    world.idle_out(timeout, Watch::Both, 5.0, |_| {});
    world.act(reset(carrier, 0x8, 0x10c).0);
    world.finish("proxy_idle_timeout", Some(timeout as u64))
}

fn cancelled_opening(play: Play) -> Trace {
    let (mut world, carrier) = opening(play);
    let (end, code) = reset(carrier, 0x8, 0x10c);
    world.act(end);
    world.finish("stream_cancelled", Some(code))
}

/// The server's process died, and who carries the stream does not say whether it was reset.
fn ends(mut play: Play) -> Trace {
    let before = play.numbers.magnitude(1.0, 600.0);
    let mut world = play.any_heartbeat().stream().begin();
    world.chat(before, 2000.0);
    let (size, quiet) = (world.numbers.below(300), world.numbers.between(0.01, 1.5));
    world.hear(size);
    world.sleep(quiet);
    world.act(Op::ReadFailed(TransportError::EndOrReset));
    world.finish("peer_vanished", None)
}

/// More streams than the server takes at a time.
fn refused(play: Play) -> Trace {
    let (mut world, carrier) = opening(play);
    world.act(reset(carrier, 0x7, 0x10b).0);
    world.finish("stream_refused", None)
}

/// The server's HTTP failed, or has had enough.
fn failed(mut play: Play) -> Trace {
    let before = play.numbers.magnitude(1.0, 600.0);
    let play = play.any_heartbeat().stream();
    let carrier = play.setup.carrier;
    let mut world = play.begin();
    world.chat(before, 2000.0);
    let (http2, http3) = world.numbers.pick(&[(0x2, 0x102), (0xb, 0x107), (0x3, 0x103)]);
    let (end, code) = reset(carrier, http2, http3);
    world.act(end);
    world.finish("stream_failed", Some(code))
}

fn failed_opening(play: Play) -> Trace {
    let (mut world, carrier) = opening(play);
    let (end, code) = reset(carrier, 0x2, 0x102);
    world.act(end);
    world.finish("stream_failed", Some(code))
}

/// A deployment, or a limit on requests or on the age of a connection.
fn go_away(mut play: Play) -> Trace {
    let before = play.numbers.magnitude(1.0, 600.0);
    let mut world = play.any_heartbeat().stream().begin();
    world.chat(before, 2000.0);
    let code = world.numbers.pick(&[0x0, 0x0, 0xb]);
    world.act(Op::ReadFailed(TransportError::GoAway { code }));
    world.finish("connection_going_away", Some(code))
}

fn go_away_opening(play: Play) -> Trace {
    let (mut world, _) = opening(play);
    world.act(Op::ReadFailed(TransportError::GoAway { code: 0 }));
    world.finish("connection_going_away", Some(0))
}

/// The server's settings say so, or its HTTP does not know what it was asked.
fn not_offered(play: Play) -> Trace {
    let (mut world, carrier) = opening(play);
    let malformed = reset(carrier, 0x1, 0x10e).0;
    let required = reset(carrier, 0xd, 0x110).0;
    let end = world.numbers.pick(&[Op::NotOffered, Op::NotOffered, malformed, required]);
    world.act(end);
    world.finish("extended_connect_not_offered", None)
}
