//! The table of expectations, and the cells that it makes.
//!
//! Invariant: every fault has a line in every phase, be it one that says why the two do not go
//! together. Cells of which no line speaks, and lines of which no cell speaks, fail the test.

use std::fmt::Write as _;
use std::io::Write as _;

use farewell::{Cause, Direction, Position, Role, Termination};

use crate::pool;
use crate::scenario::{FAULTS, PHASES, Phase, ROLES};

const TABLE: &str = include_str!("table.txt");

/// One line: a fault, a phase and perhaps a role or a transport, and what comes of it.
struct Line {
    fault: &'static str,
    /// The phase, and what narrows it down.
    place: Vec<&'static str>,
    outcome: &'static str,
}

fn lines() -> Vec<Line> {
    let lines = TABLE.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    let parse = |line: &'static str| {
        let mut parts = line.splitn(3, '|').map(str::trim);
        let (Some(fault), Some(place), Some(outcome)) = (parts.next(), parts.next(), parts.next())
        else {
            panic!("not a line: {line:?}")
        };
        Line { fault, place: place.split(", ").collect(), outcome }
    };
    lines.map(parse).collect()
}

/// A cell of the matrix.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell {
    pub(crate) fault: &'static str,
    pub(crate) phase: Phase,
    pub(crate) us: Role,
    pub(crate) outcome: &'static str,
}

/// What the table says of a cell: the line that narrows it down the most.
fn look_up<'l>(
    lines: &'l [Line],
    fault: &str,
    phase: Phase,
    us: Role,
    transport: &str,
) -> Option<&'l Line> {
    let role = if us == Role::Client { "client" } else { "server" };
    let here = [phase.name(), role, transport];
    let fits = lines.iter().filter(|line| {
        line.fault == fault
            && line.place[0] == phase.name()
            && line.place.iter().all(|word| here.contains(word))
    });
    fits.max_by_key(|line| line.place.len())
}

/// Runs a cell: gives our report, and a trace where there is one.
pub(crate) type Run = fn(Cell) -> (Termination, String);

/// Runs every cell of one transport, and prints how many there were.
pub(crate) fn run_all(transport: &str, run: Run) {
    let lines = lines();
    let (mut cells, mut never) = (Vec::new(), 0);
    for fault in FAULTS {
        for phase in PHASES {
            for us in ROLES {
                let Some(line) = look_up(&lines, fault, phase, us, transport) else {
                    panic!("the table says nothing of {fault:?}, {}, {us:?}", phase.name())
                };
                if line.outcome.starts_with("never: ") {
                    never += 1;
                } else {
                    cells.push((Cell { fault, phase, us, outcome: line.outcome }, run));
                }
            }
        }
    }
    let failures = pool::run(&cells, run_cell);
    // Not by `println!`, which a test that succeeds keeps to itself.
    let count = cells.len();
    let line = format!("{transport}: {count} cells ran, {never} cannot be\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    assert_eq!(count + never, FAULTS.len() * PHASES.len() * ROLES.len());
    assert!(failures.is_empty(), "{} of {count} cells:\n{}", failures.len(), failures.join("\n"));
}

/// Runs a cell, and compares.
fn run_cell((cell, run): (Cell, Run)) -> Result<(), String> {
    let Cell { fault, phase, us, outcome } = cell;
    let failed = |why| Err(format!("{fault} | {}, {us:?} | {why}", phase.name()));
    let (report, trace) = match pool::bounded(move || run(cell)) {
        Ok(result) => result,
        Err(failure) => return failed(failure),
    };
    check(&report, us);
    let seen = summary(&report);
    if is_one_of(&seen, outcome) {
        return Ok(());
    }
    failed(format!("{seen}\n    not {outcome}\n    {report}\n{trace}"))
}

/// Whether the report is the one of the table, which may leave a choice of verdicts.
fn is_one_of(seen: &str, outcome: &str) -> bool {
    let mut verdicts = outcome.split(" or ");
    let first = verdicts.next().unwrap_or_default();
    let fact = first.rsplit_once("; ").map_or("", |(fact, _)| fact);
    seen == first || verdicts.any(|verdict| seen == format!("{fact}; {verdict}"))
}

/// What holds of every report.
fn check(report: &Termination, us: Role) {
    assert_eq!(report.role, us);
    let code = report.peer_close.map_or(1006, |close| close.reported_code());
    assert_eq!(report.code, code, "{report}");
    assert_eq!(report.clean, report.cause == Cause::ClosingHandshake, "{report}");
}

/// The report in the table's words.
pub(crate) fn summary(report: &Termination) -> String {
    let mut text = match report.cause {
        Cause::ClosingHandshake => "closing handshake".to_owned(),
        Cause::Eof { at: Position::OpeningHandshake } => "eof in the opening handshake".to_owned(),
        Cause::Eof { at: Position::FrameBoundary } => "eof at a boundary".to_owned(),
        Cause::Eof { at: Position::InsideHeader { .. } } => "eof inside a header".to_owned(),
        Cause::Eof { at: Position::InsidePayload { .. } } => "eof inside a payload".to_owned(),
        Cause::Eof { at: Position::InsideControlFrame { .. } } => {
            "eof inside a control frame".to_owned()
        }
        Cause::Eof { at: Position::BetweenFragments { .. } } => "eof between fragments".to_owned(),
        Cause::Transport { direction: Direction::Read, kind } => format!("reading failed, {kind}"),
        Cause::Transport { direction: Direction::Write, kind } => format!("writing failed, {kind}"),
        Cause::PongTimeout { .. } => "pong timeout".to_owned(),
        Cause::WriteStalled { .. } => "write stalled".to_owned(),
        Cause::CloseTimeout => "close timeout".to_owned(),
        Cause::HandshakeTimeout => "handshake timeout".to_owned(),
        Cause::HandshakeInvalid(_) => "handshake invalid".to_owned(),
        Cause::Violation { .. } => "violation".to_owned(),
        Cause::Aborted => "aborted".to_owned(),
        other => format!("{other:?}"),
    };
    let clean = if report.clean { "clean" } else { "unclean" };
    let verdict = report.diagnosis().verdict().name();
    write!(text, "; {} {clean}; {verdict}", report.code).unwrap();
    text
}
