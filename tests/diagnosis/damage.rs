//! Damaged traces: each gives an error that names the line, and none a panic.

use super::corpus;
use super::replay;
use super::trace::{Damage, Trace, TraceError};

const GOOD: &str = "farewell-trace 1
scenario by-hand
seed 1
role client
start open
heartbeat off
expect peer_vanished

0.500000 recv 8101 78   # a message
1.000000 eof
";

#[test]
fn damage_is_told_with_its_line() {
    assert!(Trace::parse(GOOD).is_ok());
    let cases = [
        ("farewell-trace 1", "farewell-trace 2", 1, Damage::Format),
        ("seed 1", "seed one", 3, Damage::Setting),
        ("seed 1", "seed 1\nseed 2", 4, Damage::Setting),
        ("role client", "role proxy", 4, Damage::Setting),
        ("role client", "", 10, Damage::Setting),
        ("heartbeat off", "heartbeat 20", 6, Damage::Setting),
        ("heartbeat off", "heartbeat 20.000000 1e3", 6, Damage::Setting),
        ("expect peer_vanished", "expect peer_vanished x", 7, Damage::Setting),
        ("expect peer_vanished", "expect a 1 2", 7, Damage::Setting),
        ("1.000000 eof", "idle 3.000000", 10, Damage::LateSetting),
        ("1.000000 eof", "1 eof", 10, Damage::Time),
        ("1.000000 eof", "1.5 eof", 10, Damage::Time),
        ("1.000000 eof", "99999999999999999999.000000 eof", 10, Damage::Time),
        ("1.000000 eof", "0.400000 eof", 10, Damage::Order),
        ("1.000000 eof", "1.000000", 10, Damage::Event),
        ("1.000000 eof", "1.000000 explode", 10, Damage::Event),
        ("1.000000 eof", "1.000000 eof now", 10, Damage::Event),
        ("1.000000 eof", "1.000000 read-failed badly", 10, Damage::Event),
        ("1.000000 eof", "1.000000 close 70000", 10, Damage::Event),
        ("1.000000 eof", "1.000000 text 99999999999", 10, Damage::Event),
        ("1.000000 eof", "1.000000 pongs 0.100000", 10, Damage::Event),
        ("recv 8101 78", "recv", 9, Damage::Bytes),
        ("recv 8101 78", "recv 810", 9, Damage::Bytes),
        ("recv 8101 78", "recv 81zz", 9, Damage::Bytes),
        ("recv 8101 78", "recv 81\u{e9}1", 9, Damage::Bytes),
        ("recv 8101 78", "recv 99999999999x00", 9, Damage::Bytes),
        ("recv 8101 78", "recv 3x", 9, Damage::Bytes),
    ];
    for (good, bad, line, kind) in cases {
        let text = GOOD.replacen(good, bad, 1);
        assert_eq!(Trace::parse(&text), Err(TraceError { line, kind }), "{bad:?}");
    }
    let nothing = GOOD.split("0.5").next().unwrap_or_default();
    assert_eq!(Trace::parse(nothing), Err(TraceError { line: 7, kind: Damage::Empty }));
    assert_eq!(Trace::parse(""), Err(TraceError { line: 1, kind: Damage::Format }));
    let error = TraceError { line: 9, kind: Damage::Bytes };
    assert_eq!(error.to_string(), "line 9: bytes are neither hexadecimal nor a repetition");
}

#[test]
fn traces_read_as_they_were_written() {
    for (file, trace) in corpus() {
        assert_eq!(Trace::parse(&trace.to_string()).as_ref(), Ok(&trace), "{file}");
    }
}

/// Lines lost, doubled or exchanged: an error, or a trace that plays to some end or none.
#[test]
fn a_mangled_trace_never_panics() {
    for (index, (_, trace)) in corpus().into_iter().enumerate().step_by(7) {
        let text = trace.to_string();
        let mut lines: Vec<&str> = text.lines().collect();
        let at = index % lines.len();
        match index % 3 {
            0 => drop(lines.remove(at)),
            1 => lines.insert(at, lines[at]),
            _ => lines.swap(at, index / 3 % text.lines().count()),
        }
        if let Ok(trace) = Trace::parse(&lines.join("\n")) {
            let _ = replay::diagnose(&trace);
        }
    }
}
