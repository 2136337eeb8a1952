//! Every cause in every phase, for both roles, as a table in `tests/connection/golden/terminations.txt`.
//!
//! A row names a phase, what happens in it, and the report. After what happens nothing but
//! deadlines does, and the report has to come within the close and linger timeouts.

use std::fmt::Write;

use farewell::{Initiator, ReadClosed, StreamEnd, Termination, TransportError};

use crate::support::drive::{Drive, quiet, secs};
use crate::support::wire::{BINARY, BINARY_BEGINS, LAST, ROLES, header, mask_of};

const TABLE: &str = include_str!("../golden/terminations.txt");

const PHASES: [&str; 9] = [
    "open",
    "close unflushed",
    "close sent",
    "close received",
    "both unflushed",
    "peer closed",
    "we closed",
    "failed unflushed",
    "failed",
];

fn enter(drive: &mut Drive, phase: &str) {
    match phase {
        "open" => drive,
        "close unflushed" => drive.block().close(1000, ""),
        "close sent" => drive.close(1000, ""),
        "close received" => drive.block().peer_closes(1001, ""),
        "both unflushed" => drive.block().close(1000, "").peer_closes(1001, ""),
        "peer closed" => drive.peer_closes(1001, ""),
        "we closed" => drive.close(1000, "").peer_closes(1001, ""),
        "failed unflushed" => drive.block().peer_sends(&[(0x83, b"")]),
        "failed" => drive.peer_sends(&[(0x83, b"")]),
        other => panic!("no phase {other:?}"),
    };
}

fn happen(drive: &mut Drive, what: &str) {
    let unfinished = [header(BINARY, mask_of(drive.peer()), 9), b"abc".to_vec()].concat();
    let over = header(BINARY, mask_of(drive.peer()), 1 << 40);
    for what in what.split(", ") {
        match what {
            "silence" => &mut *drive,
            "flush" => drive.unblock(),
            "eof" => drive.eof(),
            "one byte" => drive.receive(&[BINARY]),
            "part of a payload" => drive.receive(&unfinished),
            "a fragment" => drive.peer_sends(&[(BINARY_BEGINS, b"abc")]),
            "tls cut" => drive.read_closed(ReadClosed::TlsTruncated),
            "read reset" => drive.read_closed(ReadClosed::Failed(TransportError::Reset)),
            "write pipe" => drive.write_failed(TransportError::BrokenPipe),
            "their close" => drive.peer_closes(4000, ""),
            "their empty close" => drive.peer_sends(&[(0x88, b"")]),
            "violation" => drive.peer_sends(&[(LAST, b"")]),
            "too big" => drive.receive(&over),
            "abort" => drive.abort(),
            other => panic!("{other:?} cannot happen"),
        };
    }
}

const HAPPENINGS: [&str; 17] = [
    "silence",
    "flush",
    "eof",
    "eof, flush",
    "one byte, eof",
    "part of a payload, eof",
    "a fragment, eof",
    "tls cut",
    "read reset",
    "write pipe",
    "write pipe, eof",
    "eof, write pipe",
    "their close, flush, eof",
    "their empty close, flush, eof",
    "violation, flush, eof",
    "too big, flush, eof",
    "abort",
];

/// The report in few words, the same for both roles.
fn summary(report: &Termination) -> String {
    let clean = if report.clean { "clean" } else { "unclean" };
    let initiator = match report.initiator {
        Initiator::Local => "us",
        Initiator::Peer => "them",
        Initiator::Both => "both",
        Initiator::Transport => "the transport",
        other => panic!("{other:?}"),
    };
    let mut text = format!("{} {clean} by {initiator}: {:?}", report.code, report.cause);
    if let Some(local) = report.local_close {
        let flushed = if local.flushed { "sent" } else { "unsent" };
        let echo = if local.echo { " echo" } else { "" };
        write!(text, "; our {}{echo} {flushed}", local.frame.reported_code()).unwrap();
    }
    if let Some(peer) = &report.peer_close {
        write!(text, "; their {}", peer.reported_code()).unwrap();
    }
    match report.stream_end {
        StreamEnd::NotSeen => {}
        end => write!(text, "; {end:?}").unwrap(),
    }
    text
}

/// The report of what happens in a phase, and what holds of every report.
fn run(mut drive: Drive, phase: &str, what: &str) -> String {
    let began = drive.now;
    enter(&mut drive, phase);
    drive.wait(secs(1));
    happen(&mut drive, what);
    if phase == "open" && matches!(what, "silence" | "flush") {
        assert_eq!(drive.next(), None);
        return "goes on".to_owned();
    }
    drive.run_out();
    let took = drive.now.since(began);
    let most = if phase == "open" { secs(8) } else { secs(7) };
    assert!(took <= most, "{phase}, {what}: the end took {took:?}");

    let report = drive.report();
    let unsent = (drive.output.len() - drive.accepted) as u64;
    assert_eq!(report.dropped.bytes, unsent, "{phase}, {what}");
    assert_eq!(report.evidence.pending_output, unsent, "{phase}, {what}");
    assert_eq!(report.role, drive.role);
    assert_eq!(report.evidence.ended, drive.now, "{phase}, {what}");
    assert_eq!(report.evidence.received.bytes, drive.input.len() as u64, "{phase}, {what}");
    assert_eq!(report.evidence.sent.bytes, drive.output.len() as u64, "{phase}, {what}");
    let code = report.peer_close.map_or(1006, |close| close.reported_code());
    assert_eq!(report.code, code, "{phase}, {what}");
    summary(&report)
}

#[test]
fn every_cause_in_every_phase() {
    let mut tables = ROLES.map(|role| {
        let mut table = String::new();
        for phase in PHASES {
            for what in HAPPENINGS {
                let outcome = run(Drive::new(role, quiet()), phase, what);
                writeln!(table, "{phase} | {what} | {outcome}").unwrap();
            }
        }
        table
    });
    let expected: Vec<&str> =
        TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    for (table, role) in tables.iter_mut().zip(ROLES) {
        let differing: Vec<(&str, Option<&&str>)> = table
            .lines()
            .enumerate()
            .map(|(index, line)| (line, expected.get(index)))
            .filter(|(line, expected)| Some(line) != *expected)
            .collect();
        assert!(differing.is_empty(), "{role:?}:\n{differing:#?}\n{table}");
    }
    assert_eq!(expected.len(), PHASES.len() * HAPPENINGS.len());
}

const KINDS: [TransportError; 8] = [
    TransportError::Reset,
    TransportError::Aborted,
    TransportError::BrokenPipe,
    TransportError::TimedOut,
    TransportError::TlsTruncated,
    TransportError::StreamReset { code: 8 },
    TransportError::GoAway { code: 0 },
    TransportError::Other,
];

#[test]
fn what_the_transport_says_is_reported_as_it_says_it() {
    use farewell::{Cause, Direction};
    for role in ROLES {
        for kind in KINDS {
            for (phase, writes_too) in [("open", false), ("close sent", false), ("open", true)] {
                let mut drive = Drive::new(role, quiet());
                enter(&mut drive, phase);
                if writes_too {
                    drive.write_failed(kind);
                }
                let read = if writes_too { TransportError::Reset } else { kind };
                let report = drive.read_closed(ReadClosed::Failed(read)).report();
                let direction = if writes_too { Direction::Write } else { Direction::Read };
                assert_eq!(report.cause, Cause::Transport { direction, kind }, "{phase}");
                assert_eq!(report.stream_end, StreamEnd::Failed(read));
            }
        }
    }
}
