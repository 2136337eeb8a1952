//! The race of the addresses: who is tried when, who wins, and what the record says of it.

use std::net::SocketAddr;
use std::time::Duration;

use farewell::dial::{AttemptOutcome, DialFailure, DialOptions, DialPhase};
use farewell::{Config, Timestamp};

use super::world::{Fate, Seen, World, address};
use Fate::{Connects, Refuses, Silent, Unreachable};

fn dial(world: &World) -> Seen {
    world.dial("ws://example.com/", &DialOptions::default(), &Config::default())
}

fn begun(seen: &Seen) -> String {
    let text = |(address, at): &(SocketAddr, u64)| {
        let ip = address.ip().to_string();
        format!("{}@{at}", ip.replace("2001:db8::", "v").replace("192.0.2.", ""))
    };
    seen.begun.iter().map(text).collect::<Vec<_>>().join(" ")
}

/// What each address does; who is tried when; when it is over, and with whom.
type Case = (&'static [(&'static str, Fate)], &'static str, u64, Option<&'static str>);

#[test]
fn families_alternate_and_join_after_a_quarter_of_a_second() {
    let cases: [Case; 9] = [
        (&[("v1", Connects(20)), ("1", Connects(20))], "v1@0", 20, Some("v1")),
        (&[("v1", Silent), ("1", Connects(30))], "v1@0 1@250", 280, Some("1")),
        (&[("v1", Connects(300)), ("1", Connects(100))], "v1@0 1@250", 300, Some("v1")),
        (&[("v1", Refuses(5)), ("1", Connects(30))], "v1@0 1@5", 35, Some("1")),
        (
            &[("v1", Silent), ("v2", Silent), ("1", Silent), ("2", Connects(1))],
            "v1@0 1@250 v2@500 2@750",
            751,
            Some("2"),
        ),
        (
            &[("v1", Silent), ("1", Refuses(10)), ("2", Connects(1))],
            "v1@0 1@250 2@260",
            261,
            Some("2"),
        ),
        (&[("1", Refuses(1)), ("2", Unreachable(1))], "1@0 2@1", 2, None),
        (&[("v1", Silent)], "v1@0", 10_000, None),
        (&[("v1", Silent), ("1", Refuses(7))], "v1@0 1@250", 10_000, None),
    ];
    for (fates, expected, ended, winner) in cases {
        let seen = dial(&World::new(fates));
        assert_eq!((begun(&seen).as_str(), seen.ended), (expected, ended), "{fates:?}");
        let address = seen.result.as_ref().ok().and_then(|dialled| dialled.record.address());
        assert_eq!(address, winner.map(self::address), "{fates:?}");
    }
}

#[test]
fn one_silent_address_of_two_costs_a_quarter_of_a_second() {
    let seen = dial(&World::new(&[("v1", Silent), ("1", Connects(0))]));
    assert_eq!(seen.ended, 250);
    assert_eq!(seen.dropped, [0]);
    let record = seen.result.unwrap().record;
    assert_eq!(record.attempts[0].outcome, AttemptOutcome::Lost);
    let says = "resolved in 0 µs; [2001:db8::1]:80 lost the race after 250 ms, \
                192.0.2.1:80 connected in 0 µs";
    assert_eq!(record.to_string(), says);
}

#[test]
fn every_address_has_its_own_error() {
    let seen = dial(&World::new(&[("v1", Unreachable(0)), ("1", Refuses(2)), ("v2", Silent)]));
    let error = seen.result.unwrap_err();
    let timed_out = DialFailure::TimedOut { phase: DialPhase::Connect };
    assert_eq!(error.record.failure, Some(timed_out));
    let says = "the time had passed in connecting to the addresses: \
                [2001:db8::1]:80 unreachable (os error 111) after 0 µs, \
                192.0.2.1:80 refused (os error 111) after 2 ms, \
                [2001:db8::2]:80 did not answer after 10.0 s";
    assert_eq!(error.to_string(), says);
    let seen = dial(&World::new(&[("1", Refuses(1))]));
    let error = seen.result.unwrap_err();
    assert_eq!(error.record.failure, Some(DialFailure::Unconnected));
    assert!(
        error.to_string().starts_with("no address could be connected to: 192.0.2.1:80 refused")
    );
}

#[test]
fn a_thousand_addresses_are_tried_and_one_more_is_refused() {
    let many = |count: u32| {
        let address = |index: u32| SocketAddr::from((index.to_be_bytes(), 80));
        (0..count).map(address).collect::<Vec<_>>()
    };
    let mut world = World::new(&[]);
    world.fates = many(1000).into_iter().map(|address| (address, Refuses(1))).collect();
    let mut options = DialOptions::default();
    options.addresses = Some(many(1000));
    let seen = world.dial("ws://example.com/", &options, &Config::default());
    assert_eq!((seen.begun.len(), seen.ended, seen.most), (1000, 1000, 1));
    let error = seen.result.unwrap_err();
    assert!(error.to_string().ends_with(", and 992 more"), "{error}");
    assert!(seen.resolved.is_empty());

    options.addresses = Some(many(1001));
    let seen = world.dial("ws://example.com/", &options, &Config::default());
    let error = seen.result.unwrap_err();
    assert_eq!(error.to_string(), "1001 addresses are more than the 1000 that are tried");
    options.addresses = Some(Vec::new());
    let seen = world.dial("ws://example.com/", &options, &Config::default());
    assert_eq!(seen.result.unwrap_err().record.failure, Some(DialFailure::NoAddress));
}

#[test]
fn silent_addresses_are_raced_no_more_than_thirty_two_at_once() {
    let mut world = World::new(&[]);
    let addresses: Vec<_> = (0..200u32).map(|n| SocketAddr::from((n.to_be_bytes(), 80))).collect();
    world.fates = addresses.iter().map(|address| (*address, Silent)).collect();
    let mut options = DialOptions::default();
    options.addresses = Some(addresses);
    options.race_delay = Duration::ZERO;
    let seen = world.dial("ws://example.com/", &options, &Config::default());
    assert_eq!((seen.most, seen.begun.len(), seen.dropped.len()), (32, 32, 32));
    assert_eq!(seen.result.unwrap_err().record.untried, 168);
}

#[test]
fn an_address_in_the_url_is_not_looked_up() {
    for (url, address) in
        [("ws://192.0.2.7:9001/", "192.0.2.7:9001"), ("ws://[::1]:9001/", "[::1]:9001")]
    {
        let mut world = World::new(&[]);
        world.fates = vec![(address.parse().unwrap(), Connects(1))];
        let seen = world.dial(url, &DialOptions::default(), &Config::default());
        assert!(seen.resolved.is_empty());
        assert_eq!(seen.result.unwrap().record.address(), address.parse().ok());
    }
    // Addresses that are given come before the one in the URL.
    let world = World::new(&[("1", Connects(1))]);
    let mut options = DialOptions::default();
    options.addresses = Some(vec![address("1")]);
    let seen = world.dial("ws://192.0.2.7/", &options, &Config::default());
    assert_eq!(seen.result.unwrap().record.address(), Some(address("1")));
}

#[test]
fn every_phase_has_the_deadline_of_all_and_its_own_where_asked() {
    let mut config = Config::default();
    config.timeouts.handshake = Duration::from_secs(4);
    let lookup = |millis: Option<u64>| {
        let mut world = World::new(&[("1", Silent)]);
        world.lookup = millis.map(|millis| (millis, Ok(vec![address("1")])));
        world
    };
    // How long the lookup takes; the phases' own deadlines; when it is over, and in which phase.
    let cases = [
        (None, None, None, 4000, DialPhase::Resolve),
        (None, Some(1500), None, 1500, DialPhase::Resolve),
        (None, Some(9000), None, 4000, DialPhase::Resolve),
        (Some(1000), None, None, 4000, DialPhase::Connect),
        (Some(1000), Some(1500), None, 4000, DialPhase::Connect),
        (Some(1000), None, Some(500), 1500, DialPhase::Connect),
    ];
    for (millis, resolve, connect, ended, phase) in cases {
        let mut options = DialOptions::default();
        options.timeouts.resolve = resolve.map(Duration::from_millis);
        options.timeouts.connect = connect.map(Duration::from_millis);
        let seen = lookup(millis).dial("ws://example.com/", &options, &config);
        let record = seen.result.unwrap_err().record;
        assert_eq!((seen.ended, &record.failure), (ended, &Some(DialFailure::TimedOut { phase })));
        assert_eq!(record.ended, Timestamp::ZERO + Duration::from_millis(ended));
        assert!(record.phase(phase).is_some_and(|span| span.took().is_some()));
    }
}

#[test]
fn a_name_that_does_not_resolve_says_whose_it_is_and_what_was_said() {
    let mut world = World::new(&[]);
    world.lookup = Some((12, Err("Name or service\r\nnot known")));
    let seen = dial(&world);
    let error = seen.result.unwrap_err();
    let says = "the host's name did not resolve: Name or service  not known";
    assert_eq!(error.to_string(), says);
    assert_eq!(seen.resolved, [("example.com".to_owned(), 80)]);
    assert!(error.record.to_string().starts_with("not resolved after 12 ms; "), "{error:?}");
}
