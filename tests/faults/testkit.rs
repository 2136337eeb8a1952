//! The testkit itself: that the simulated network does what its faults and its links say, the same
//! for the same seed, and that nothing in it lasts for ever.
#![cfg(feature = "testkit")]

use std::time::Duration;

use farewell::testkit::{
    At, Cut, Effect, Faults, Link, Network, Proxy, Recorded, Simulation, StuckReason,
};
use farewell::{
    Cause, CloseCode, Config, Direction, OpCode, Phase, Position, Role, SessionEvent, StreamEnd,
    TransportError,
};

const ROLES: [Role; 2] = [Role::Client, Role::Server];

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn peer_of(role: Role) -> Role {
    match role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    }
}

/// Without a heartbeat: most tests are not about it.
fn quiet() -> Config {
    let mut config = Config::default();
    config.heartbeat = None;
    config
}

/// When one end received its messages.
fn arrivals(world: &Simulation, end: Role) -> Vec<Duration> {
    let is_message = |event: &&Recorded| matches!(event.event, SessionEvent::Message(_));
    let messages = world.events(end).iter().filter(is_message);
    messages.map(|event| event.at.since(farewell::Timestamp::ZERO)).collect()
}

/// One end sends, the other receives: when.
fn send(network: &Network, from: Role, sizes: &[usize]) -> Vec<Duration> {
    let mut world = network.upgraded();
    for size in sizes {
        world.act(from, |session, now| session.send(vec![7; *size], now)).unwrap();
    }
    let to = peer_of(from);
    world.run_until(|world| world.messages(to).count() == sizes.len()).unwrap();
    arrivals(&world, to)
}

#[test]
fn a_message_takes_the_latency_of_its_direction() {
    let link = |span| Link::new().latency(millis(span));
    let network = Network::new(1).config(quiet()).to_client(link(300)).to_server(link(20));
    assert_eq!(send(&network, Role::Client, &[5]), [millis(20)]);
    assert_eq!(send(&network, Role::Server, &[5]), [millis(300)]);
}

#[test]
fn bandwidth_spreads_a_message_over_time() {
    let link = Link::new().latency(Duration::ZERO).bandwidth(10_000);
    let network = Network::new(1).config(quiet()).link(link);
    for from in ROLES {
        let took = send(&network, from, &[50_000])[0];
        assert!((secs(5)..millis(5_050)).contains(&took), "{took:?}");
    }
}

#[test]
fn jitter_delays_and_never_reorders() {
    let link = Link::new().latency(millis(10)).jitter(millis(40)).bandwidth(1_000_000);
    let network = Network::new(3).config(quiet()).link(link);
    let took = send(&network, Role::Client, &[2000; 30]);
    assert!(took.is_sorted(), "{took:?}");
    assert!(took.iter().all(|took| (millis(10)..millis(150)).contains(took)), "{took:?}");
    assert!(took[0] != millis(12), "{took:?}");
}

/// A whole conversation on an uneven network, as text.
fn life(seed: u64) -> String {
    let link = Link::new().latency(millis(30)).jitter(millis(30)).chunks(1..=40);
    let mut world = Network::new(seed).link(link).connect();
    world.echo(Role::Server);
    world.run_until_open().unwrap();
    for size in [1, 100, 1000] {
        world.act(Role::Client, |session, now| session.send(vec![1; size], now)).unwrap();
        world.run_for(millis(100)).unwrap();
    }
    world.act(Role::Client, |session, now| session.close(CloseCode::NORMAL, now)).unwrap();
    let endings = world.run_to_the_end().unwrap();
    assert!(endings.client.clean && endings.of(Role::Server).clean, "{}", world.trace());
    format!("{}{:?}", world.trace(), endings.client.evidence)
}

#[test]
fn the_same_seed_gives_the_same_life() {
    assert_eq!(life(1), life(1));
    assert_ne!(life(1), life(2));
}

#[test]
fn chunks_down_to_one_byte_change_nothing() {
    for chunks in [1..=1, 2..=3, 1..=1000, usize::MAX..=usize::MAX] {
        let network = Network::new(1).link(Link::new().chunks(chunks));
        let mut world = network.connect();
        world.echo(Role::Server);
        world.on_event(Role::Client, |session, event, now| match event {
            SessionEvent::Open(_) => drop(session.send("x".repeat(500), now)),
            SessionEvent::Message(_) => drop(session.close(CloseCode::NORMAL, now)),
            _ => {}
        });
        let endings = world.run_to_the_end().unwrap();
        assert!(endings.client.clean && endings.server.clean, "{}", world.trace());
        assert_eq!(world.messages(Role::Client).count(), 1);
        assert_eq!(endings.client.evidence.received.bytes, 504 + 4);
    }
}

#[test]
fn an_end_of_stream_comes_behind_the_byte_that_it_is_put_behind() {
    for end in ROLES {
        let mask = if end == Role::Server { 4 } else { 0 };
        for byte in [0, 1, 2 + mask, 3 + mask, 7 + mask] {
            let faults = Faults::none().towards(end, At::Byte(byte), Effect::Eof);
            let mut world = Network::new(1).config(quiet()).faults(faults).upgraded();
            world.act(peer_of(end), |session, now| session.send("hello", now)).unwrap();
            world.run_until(|world| world.report(end).is_some()).unwrap();
            let report = world.report(end).unwrap();
            assert_eq!(report.evidence.received.bytes, byte, "{}", world.trace());
            assert_eq!(report.stream_end, StreamEnd::Eof);
            assert_eq!(world.messages(end).count() as u64, byte / (7 + mask));
            assert_eq!(world.hits(), 1);
        }
    }
}

#[test]
fn a_close_can_be_cut_at_every_byte() {
    for end in ROLES {
        let len = if end == Role::Server { 8 } else { 4 };
        for byte in 0..len {
            let faults = Faults::none().towards(end, At::Close { byte }, Effect::Eof);
            let mut world = Network::new(1).config(quiet()).faults(faults).upgraded();
            world.act(peer_of(end), |session, now| {
                session.send("first", now).unwrap();
                session.close(CloseCode::NORMAL, now).unwrap();
            });
            let endings = world.run_to_the_end().unwrap();
            assert_eq!(world.messages(end).count(), 1);
            let report = endings.of(end);
            assert_eq!((report.code, report.clean), (1006, false), "{byte}: {report}");
            assert_eq!(byte == 0, report.cause == Cause::Eof { at: Position::FrameBoundary });
        }
    }
}

#[test]
fn a_lost_frame_leaves_those_around_it() {
    let faults = Faults::none().to_server(At::Byte(0), Effect::Lose(OpCode::Text));
    let mut world = Network::new(1).config(quiet()).faults(faults).upgraded();
    world.act(Role::Client, |session, now| {
        for index in 0..3_u8 {
            session.send("lost", now).unwrap();
            session.send([index].as_slice(), now).unwrap();
        }
    });
    world.run_for(secs(1)).unwrap();
    let messages: Vec<_> = world.messages(Role::Server).map(|message| message.as_bytes()).collect();
    assert_eq!(messages, [[0], [1], [2]]);
}

#[test]
fn an_outage_that_passes_delays_and_loses_nothing() {
    let faults = Faults::none().both(At::Time(secs(1)), Effect::Hold(secs(10)));
    let mut world = Network::new(1).config(quiet()).faults(faults).upgraded();
    world.run_for(secs(2)).unwrap();
    world.act(Role::Client, |session, now| session.send("late", now)).unwrap();
    world.run_until(|world| world.messages(Role::Server).count() == 1).unwrap();
    assert_eq!(arrivals(&world, Role::Server), [secs(11) + millis(1)]);
}

#[test]
fn what_vanishes_is_never_acknowledged() {
    let mut config = quiet();
    config.timeouts.write_stall = Some(secs(30));
    let faults = Faults::none().both(At::Byte(0), Effect::Vanish);
    for end in ROLES {
        let mut world = Network::new(1).config(config.clone()).faults(faults.clone()).upgraded();
        world.act(end, |session, now| session.send(vec![0; 900_000], now)).unwrap();
        world.run_until(|world| world.report(end).is_some()).unwrap();
        assert!(matches!(world.report(end).unwrap().cause, Cause::WriteStalled { .. }));
        assert_eq!(world.elapsed(), secs(30));
    }
}

#[test]
fn a_process_that_sleeps_wakes_with_a_clock_that_has_jumped() {
    for end in ROLES {
        let faults = Faults::none().suspend(end, secs(15), secs(1000));
        let mut world = Network::new(1).faults(faults).upgraded();
        world.run_for(secs(1014)).unwrap();
        assert!(world.report(end).is_none(), "it sleeps");
        let peer = world.report(peer_of(end)).expect("nobody answered its Ping");
        assert!(matches!(peer.cause, Cause::PongTimeout { .. }), "{peer}");
        let endings = world.run_to_the_end().unwrap();
        assert!(endings.of(end).evidence.timer_lateness < secs(1000), "it reads first");
        assert_eq!(endings.of(end).evidence.ended.since(farewell::Timestamp::ZERO), secs(1015));
    }
}

#[test]
fn a_proxy_counts_what_passes_in_the_direction_that_it_watches() {
    let end_of = |proxy: Proxy, talker: Role| {
        let faults = Faults::none().proxy(proxy);
        let mut world = Network::new(1).config(quiet()).faults(faults).upgraded();
        for _ in 0..10 {
            if world.act(talker, |session, now| session.send("traffic", now)).is_err() {
                break;
            }
            world.run_for(secs(50)).unwrap();
        }
        world.run_to_the_end().unwrap();
        world.report(Role::Client).unwrap().evidence.ended.since(farewell::Timestamp::ZERO)
    };
    let soon = |at: Duration, span| (span..span + millis(10)).contains(&at);
    let idle = || Proxy::idle(secs(60));
    assert!(soon(end_of(idle(), Role::Client), secs(510)));
    assert!(soon(end_of(idle().watching(Role::Server), Role::Client), secs(510)));
    assert!(soon(end_of(idle().watching(Role::Client), Role::Client), secs(60)));
    assert!(soon(end_of(idle().lifetime(secs(200)), Role::Server), secs(200)));
    assert!(soon(end_of(Proxy::max_lifetime(secs(70)), Role::Server), secs(70)));
}

#[test]
fn a_proxy_cuts_as_it_is_told() {
    let run = |cut| {
        let faults = Faults::none().proxy(Proxy::max_lifetime(secs(5)).cut(cut));
        let mut world = Network::new(1).faults(faults).upgraded();
        world.run_to_the_end().unwrap()
    };
    let reset = Cause::Transport { direction: Direction::Read, kind: TransportError::Reset };
    for end in ROLES {
        assert_eq!(run(Cut::Fin).of(end).cause, Cause::Eof { at: Position::FrameBoundary });
        assert_eq!(run(Cut::Reset).of(end).cause, reset);
        assert!(matches!(run(Cut::Silence).of(end).cause, Cause::PongTimeout { .. }));
    }
}

#[test]
fn closing_a_transport_with_unread_bytes_resets_it() {
    for end in ROLES {
        let mut world = Network::new(1).config(quiet()).upgraded();
        world.act(end, |session, now| session.abort(now));
        world.act(peer_of(end), |session, now| session.send("nobody reads this", now)).unwrap();
        let endings = world.run_to_the_end().unwrap();
        assert_eq!(endings.of(end).cause, Cause::Aborted);
        assert_eq!(endings.of(peer_of(end)).cause, Cause::Eof { at: Position::FrameBoundary });
    }
}

#[test]
fn nothing_lasts_for_ever() {
    // Nobody wants anything.
    let stuck = Network::new(1).config(quiet()).upgraded().run_to_the_end().unwrap_err();
    assert_eq!(stuck.reason, StuckReason::Rest);
    // The heartbeats beat on.
    let network = Network::new(1).time_limit(secs(3600));
    let stuck = network.upgraded().run_to_the_end().unwrap_err();
    assert_eq!(stuck.reason, StuckReason::Time);
    assert!(stuck.to_string().contains("Ping timer"), "{stuck}");
    // Two echoes that never tire, on a path that takes no time.
    let instant = Network::new(1).link(Link::new().latency(Duration::ZERO)).step_limit(10_000);
    let mut world = instant.upgraded();
    ROLES.into_iter().for_each(|end| world.echo(end));
    world.act(Role::Client, |session, now| session.send("ball", now)).unwrap();
    let stuck = world.run_to_the_end().unwrap_err();
    assert_eq!(stuck.reason, StuckReason::Steps);
    assert!(stuck.to_string().contains("message of 4 bytes"), "{stuck}");
}

#[test]
fn a_request_can_be_left_unanswered_and_answered_by_the_application() {
    let mut world = Network::new(1).connect();
    world.leave_requests();
    let endings = world.run_to_the_end().unwrap();
    assert_eq!(endings.client.cause, Cause::HandshakeTimeout);

    let mut world = Network::new(1).connect();
    world.on_event(Role::Server, |session, event, now| {
        if let SessionEvent::Request(_) = event {
            let rejection =
                farewell::handshake::Rejection::new(503).expect("a status that refuses");
            session.reject(rejection, now).expect("the request waits");
        }
    });
    let endings = world.run_to_the_end().unwrap();
    assert_eq!(endings.client.cause, Cause::HandshakeRejected { status: 503 });
    assert_eq!(world.session(Role::Client).phase(), Phase::Ended);
}
