//! Something on the path ends connections by the clock: for idleness, or at an age.

use farewell::{Role, TransportError};

use super::super::trace::{Op, Trace};
use super::super::world::{Simulation, Watch};
use super::{Play, Row};

pub(super) const SCENARIOS: &[Row] = &[
    ("idle-both", 40, idle_both),
    ("idle-ours", 16, idle_ours),
    ("idle-theirs", 12, idle_theirs),
    ("idle-slow-heartbeat", 10, idle_slow_heartbeat),
    ("idle-reset", 8, idle_reset),
    ("idle-round", 12, idle_round),
    ("idle-odd", 6, idle_odd),
    ("idle-whole", 32, idle_whole),
    ("idle-short-again", 8, idle_short_again),
    ("closed-at-an-age", 8, closed_at_an_age),
    ("closed-for-silence", 8, closed_for_silence),
    ("idle-odd-again", 12, idle_odd_again),
    ("lifetime-30", 14, lifetime_30),
    ("lifetime-30-quiet", 4, lifetime_30_quiet),
    ("lifetime-7200", 6, lifetime_7200),
    ("lifetime-again", 16, lifetime_again),
    ("gateway-1001", 6, gateway_1001),
    ("application-idle", 16, application_idle),
    ("application-idle-round", 6, application_idle_round),
    ("application-idle-ours", 6, application_idle_ours),
    ("application-says-idle", 8, application_says_idle),
];

/// Idle timeouts that proxies and servers come with.
const DEFAULTS: [f64; 11] =
    [55.0, 60.0, 60.0, 60.0, 60.0, 100.0, 120.0, 240.0, 300.0, 350.0, 600.0];

fn cut(mut play: Play, timeout: f64, watch: Watch, busy: f64, end: Op) -> Trace {
    // No pause in it may be longer than the timeout.
    let before = play.numbers.magnitude(0.5, timeout.min(400.0) * 0.8);
    let mut world = play.begin();
    world.chat(before, 2000.0);
    world.idle_out(timeout, watch, busy, move |world| {
        let size = world.numbers.magnitude(1.0, 500.0) as usize;
        match watch {
            Watch::Ours => world.hear(size),
            Watch::Theirs => world.say(size),
            Watch::Both => {}
        }
    });
    world.act(end);
    world.finish("proxy_idle_timeout", Some(timeout as u64))
}

fn idle_both(mut play: Play) -> Trace {
    let timeout = play.numbers.pick(&DEFAULTS);
    let end = play.numbers.pick(&[Op::Eof, Op::Eof, Op::Eof, Op::TlsTruncated]);
    cut(play, timeout, Watch::Both, 5.0, end)
}

/// The server wants to hear something, however much it says itself.
fn idle_ours(mut play: Play) -> Trace {
    let timeout = play.numbers.pick(&[60.0, 60.0, 120.0, 300.0]);
    cut(play, timeout, Watch::Ours, 15.0, Op::Eof)
}

/// The proxy waits for the upstream, however much we say.
fn idle_theirs(mut play: Play) -> Trace {
    let timeout = play.numbers.pick(&[60.0, 60.0, 120.0]);
    cut(play, timeout, Watch::Theirs, 15.0, Op::Eof)
}

fn idle_slow_heartbeat(mut play: Play) -> Trace {
    let (interval, timeout) = play.numbers.pick(&[(90.0, 60.0), (75.0, 60.0), (300.0, 240.0)]);
    cut(play.heartbeat(interval, 20.0), timeout, Watch::Both, 5.0, Op::Eof)
}

fn idle_reset(mut play: Play) -> Trace {
    let timeout = play.numbers.pick(&DEFAULTS);
    cut(play, timeout, Watch::Both, 5.0, Op::ReadFailed(TransportError::Reset))
}

/// Nobody's default, but what people set.
fn idle_round(mut play: Play) -> Trace {
    let timeout = play.numbers.pick(&[30.0, 90.0, 180.0, 900.0, 1800.0, 3600.0]);
    cut(play, timeout, Watch::Both, 5.0, Op::Eof)
}

fn idle_odd(mut play: Play) -> Trace {
    let timeout = play.numbers.pick(&[25.0, 45.0, 75.0, 200.0]);
    cut(play, timeout, Watch::Both, 5.0, Op::Eof)
}

/// What people set, on a path that is quick and by a timer that is prompt, as most are.
fn idle_whole(mut play: Play) -> Trace {
    let timeout = play.numbers.pick(&[3.0, 5.0, 6.0, 8.0, 10.0, 15.0, 35.0, 40.0, 75.0, 80.0]);
    let before = play.numbers.magnitude(0.5, 200.0);
    let mut world = play.begin();
    world.chat_within(before, timeout);
    prompt_end(&mut world, timeout);
    world.act(Op::Eof);
    world.finish("proxy_idle_timeout", Some(timeout as u64))
}

/// A last byte, and the end so long after that.
fn prompt_end(world: &mut Simulation, timeout: f64) {
    world.hear(20);
    let late = world.numbers.between(0.0, 0.06);
    world.sleep(timeout + late);
}

/// Short, and it has happened before.
fn idle_short_again(mut play: Play) -> Trace {
    let timeout = play.numbers.pick(&[4.0, 6.0, 7.0, 9.0]);
    let past = (0..3).map(|_| {
        let idle = timeout + play.numbers.between(0.0, 0.06);
        (idle + play.numbers.magnitude(1.0, 60.0), idle)
    });
    let past = past.collect();
    let mut world = play.past(past).begin();
    let before = world.numbers.magnitude(0.5, 60.0);
    world.chat_within(before, timeout);
    prompt_end(&mut world, timeout);
    world.act(Op::Eof);
    world.finish("proxy_idle_timeout", Some(timeout as u64))
}

/// A server that says goodbye to each connection at the same age.
fn closed_at_an_age(mut play: Play) -> Trace {
    let lifetime = play.numbers.magnitude(12.0, 900.0).round();
    let past = (0..3).map(|_| {
        let age = lifetime + play.numbers.between(0.0, 0.1);
        (age, play.numbers.between(0.0, age / 4.0))
    });
    let past = past.collect();
    let code = play.numbers.pick(&[1000, 1001]);
    let mut world = play.any_heartbeat().role(Role::Client).past(past).begin();
    while world.age() < lifetime * 0.9 {
        let pause = world.numbers.between(lifetime / 40.0, lifetime / 10.0);
        world.sleep(pause);
        world.hear(30);
    }
    world.until(lifetime + 0.02);
    world.hear_close(code, "");
    world.act(Op::Eof);
    world.finish("proxy_lifetime", Some(lifetime as u64))
}

/// A server that closes each connection after the same silence of its application.
fn closed_for_silence(mut play: Play) -> Trace {
    let timeout = play.numbers.pick(&[12.0, 25.0, 45.0, 90.0]);
    let past = (0..3).map(|_| {
        let idle = timeout + play.numbers.between(0.0, 0.1);
        (idle + play.numbers.magnitude(1.0, 60.0), idle)
    });
    let past = past.collect();
    let code = play.numbers.pick(&[1000, 1001]);
    let mut world = play.heartbeat(5.0, 20.0).role(Role::Client).past(past).begin();
    world.chat(10.0, 500.0);
    world.hear(20);
    world.sleep(timeout + 0.02);
    world.hear_close(code, "");
    world.act(Op::Eof);
    world.finish("peer_application_idle", Some(timeout as u64))
}

/// The same, and it has happened before.
fn idle_odd_again(mut play: Play) -> Trace {
    let timeout = play.numbers.pick(&[25.0, 45.0, 75.0, 200.0]);
    let times = 1 + play.numbers.below(4);
    let past = (0..times).map(|_| {
        let idle = timeout + play.numbers.between(0.0, 0.3);
        (idle + play.numbers.magnitude(1.0, 600.0), idle)
    });
    let past = past.collect();
    cut(play.past(past), timeout, Watch::Both, 5.0, Op::Eof)
}

/// Traffic until the proxy has had enough, in the middle of a message or not.
fn aged(mut play: Play, lifetime: f64, busy: f64) -> Trace {
    let late = play.numbers.between(0.0, 0.2);
    let end = play.numbers.pick(&[Op::Eof, Op::Eof, Op::TlsTruncated]);
    let mut world = play.begin();
    let cut = lifetime + late + world.rtt / 2.0;
    loop {
        let next = world.age() + world.numbers.between(busy / 4.0, busy);
        if next >= cut {
            break;
        }
        world.until(next);
        let size = world.numbers.magnitude(1.0, 800.0) as usize;
        if world.numbers.chance(0.5) { world.say(size) } else { world.hear(size) }
    }
    world.until(cut);
    if world.numbers.chance(0.2) {
        let wire = world.frame(0x82, &[b'y'; 400]);
        let part = 1 + world.numbers.below(398);
        world.act(Op::Receive(wire[..part].to_vec()));
    }
    world.act(end);
    world.finish("proxy_lifetime", Some(lifetime as u64))
}

fn lifetime_30(play: Play) -> Trace {
    aged(play.any_heartbeat(), 30.0, 6.0)
}

fn lifetime_30_quiet(mut play: Play) -> Trace {
    let late = play.numbers.between(0.0, 0.2);
    let mut world = play.begin();
    let cut = 30.0 + late + world.rtt / 2.0;
    world.until(cut);
    world.act(Op::Eof);
    world.finish("proxy_lifetime", Some(30))
}

fn lifetime_7200(play: Play) -> Trace {
    aged(play.heartbeat(120.0, 30.0), 7200.0, 900.0)
}

/// A limit that nobody knows, and that has struck before.
fn lifetime_again(mut play: Play) -> Trace {
    let lifetime = play.numbers.magnitude(15.0, 1800.0).round();
    let times = 1 + play.numbers.below(4);
    let past = (0..times).map(|_| {
        let age = lifetime + play.numbers.between(0.0, 0.3);
        (age, play.numbers.between(0.0, age / 3.0))
    });
    let past = past.collect();
    aged(play.any_heartbeat().past(past), lifetime, lifetime / 8.0)
}

/// A gateway says that it goes away when its time is over.
fn gateway_1001(mut play: Play) -> Trace {
    let quiet = play.numbers.chance(0.5);
    let play = play.role(Role::Client);
    if quiet {
        let mut world = play.begin();
        world.chat(20.0, 2000.0);
        world.idle_out(600.0, Watch::Both, 5.0, |_| {});
        world.hear_close(1001, "Going away");
        world.act(Op::Eof);
        return world.finish("proxy_idle_timeout", Some(600));
    }
    let mut world = play.heartbeat(300.0, 30.0).begin();
    world.until(7000.0);
    let rest = world.numbers.between(0.05, 0.2);
    world.chat(195.0, 500.0);
    world.until(7200.0 + rest);
    world.hear_close(1001, "Going away");
    world.act(Op::Eof);
    world.finish("proxy_lifetime", Some(7200))
}

/// The peer says something every few seconds.
fn push_until(world: &mut Simulation, end: f64) {
    loop {
        let next = world.age() + world.numbers.between(3.0, 15.0);
        if next >= end {
            return;
        }
        world.until(next);
        world.hear(100);
    }
}

/// The peer's application counts messages alone: ours and its own.
fn silent_application(mut play: Play, timeout: f64, pushes: bool, end: Option<u16>) -> Trace {
    let before = play.numbers.magnitude(0.5, 200.0);
    let interval = play.numbers.pick(&[10.0, 15.0, 20.0, 25.0]);
    let mut world = play.heartbeat(interval, 20.0).begin();
    world.chat(before, 2000.0);
    let way = world.way();
    world.sleep(way + 0.05);
    world.say(20);
    // It gets the message half a round trip later, and its end takes as long.
    let late = world.numbers.between(0.0, 0.2);
    let cut = world.age() + timeout + 2.0 * way + late;
    if pushes {
        push_until(&mut world, cut);
    }
    world.until(cut);
    if let Some(code) = end {
        let reason = world.numbers.pick(&["idle timeout", "Idle", "closed for inactivity"]);
        world.hear_close(code, reason);
    }
    world.act(Op::Eof);
    world.finish("peer_application_idle", Some(timeout as u64))
}

fn application_idle(mut play: Play) -> Trace {
    let timeout = play.numbers.pick(&[60.0, 60.0, 120.0, 300.0, 600.0]);
    silent_application(play, timeout, false, None)
}

fn application_idle_round(mut play: Play) -> Trace {
    let timeout = play.numbers.pick(&[90.0, 150.0, 180.0]);
    silent_application(play, timeout, false, None)
}

fn application_idle_ours(mut play: Play) -> Trace {
    let timeout = play.numbers.pick(&[60.0, 120.0, 300.0]);
    silent_application(play, timeout, true, None)
}

fn application_says_idle(mut play: Play) -> Trace {
    let timeout = play.numbers.pick(&[60.0, 120.0, 300.0, 240.0]);
    let code = play.numbers.pick(&[1000, 1001, 1008, 4000]);
    silent_application(play, timeout, false, Some(code))
}
