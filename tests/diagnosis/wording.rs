//! What a diagnosis says of endings that no scenario of the corpus has: no more than was seen.

use std::time::Duration;

use farewell::diagnosis::{Diagnosis, Fact, Verdict};

use super::replay;
use super::trace::Trace;

/// The diagnosis of a client's open connection without a heartbeat, to which this happens.
fn diagnosis(events: &str) -> Diagnosis {
    diagnosis_after("", events)
}

/// The same after earlier connections, a line for each.
fn diagnosis_after(past: &str, events: &str) -> Diagnosis {
    let text = format!(
        "farewell-trace 1\nscenario wording\nseed 1\nrole client\nstart open\nheartbeat off\n\
         {past}expect unexplained\n\n{events}"
    );
    replay::diagnose(&Trace::parse(&text).unwrap()).unwrap().1
}

/// A Ping, and a Close with 1011 and the reason "ping timeout".
const PING: &str = "8900";
const CLOSE: &str = "880e03f370696e672074696d656f7574";

#[test]
fn where_no_byte_ever_came_no_last_one_is_spoken_of() {
    let silent = [
        ("1.000000 close 1000\n200.000000 wait", "close_unanswered"),
        ("1.000000 take 10\n1.000000 text 1000\n200.000000 wait", "outbound_blocked"),
    ];
    for (events, name) in silent {
        let found = diagnosis(events);
        assert_eq!(found.verdict().name(), name, "{found:#}");
        let facts: Vec<_> = found.iter().flat_map(|finding| finding.evidence()).collect();
        assert!(!facts.iter().any(|fact| matches!(fact, Fact::LastReceived { .. })), "{found:#}");
        assert!(facts.iter().any(|fact| matches!(fact, Fact::NothingReceived { .. })), "{found:#}");
        // What came is spoken of.
        let found = diagnosis(&format!("0.500000 recv {PING}\n{events}"));
        assert!(found.to_string().contains("last byte"), "{found}");
    }
}

#[test]
fn a_pong_that_was_late_is_told_by_its_time_once_it_has_left() {
    let late = format!(
        "1.000000 take 0\n1.000000 recv {PING}\n4.000000 unblock\n5.000000 recv {CLOSE}\n\
         5.100000 eof\n200.000000 wait"
    );
    let found = diagnosis(&late);
    assert_eq!(found.verdict().name(), "no_answer_from_us");
    let blocked = found.iter().find(|finding| finding.verdict().name() == "outbound_blocked");
    let blocked = blocked.unwrap_or_else(|| panic!("{found:#}"));
    assert!(matches!(blocked.verdict(), Verdict::OutboundBlocked { pending: 0 }));
    assert_eq!(
        blocked.to_string(),
        "possible: our output was slow to leave (its last ping was read 4.00 s before, our pong \
         left 3.00 s later)"
    );
    for text in [format!("{found:#}"), found.to_string()] {
        assert!(!text.contains("0 bytes"), "{text}");
    }
    // One that has not left is told by what is pending.
    let found = diagnosis(&late.replace("4.000000 unblock\n", ""));
    assert!(format!("{found:#}").contains("bytes pending"), "{found:#}");
}

#[test]
fn connections_that_ended_alike_are_not_said_to_be_in_a_row() {
    // Another one, of another age and idle time, was between them.
    let past = "past 137.000000 37.000000\npast 4.000000 1.500000\npast 137.000000 37.000000\n";
    let events = format!("100.000000 recv {PING}\n137.000000 eof\n200.000000 wait");
    let found = format!("{:#}", diagnosis_after(past, &events));
    assert!(found.contains("3 connections ended after 37 s idle"), "{found}");
    assert!(!found.contains("in a row"), "{found}");
    let fact = Fact::EqualLifetimes { count: 3, span: Duration::from_secs(137) };
    assert_eq!(fact.to_string(), "3 connections lived 137 s");
}
