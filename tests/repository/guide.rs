//! The guide in the crate's documentation keeps its promise: every test that it names is there,
//! and its table of timeouts is the one that the diagnosis uses.

use std::collections::BTreeMap;

use farewell::diagnosis::{KNOWN_TIMEOUTS, TimeoutKind};

const GUIDE: &str = include_str!("../../src/guide/unclean.md");

/// What stands in backticks, with the number of its line.
fn code_spans() -> impl Iterator<Item = (usize, &'static str)> {
    let mut fenced = false;
    let prose = GUIDE.lines().enumerate().filter(move |(_, line)| {
        fenced ^= line.starts_with("```");
        !fenced && !line.starts_with("```")
    });
    prose.flat_map(|(number, line)| {
        line.split('`').skip(1).step_by(2).map(move |span| (number + 1, span))
    })
}

#[test]
fn every_test_that_the_guide_names_is_there() {
    let root = crate::root();
    let mut source: Option<(&str, String)> = None;
    let mut named = BTreeMap::new();
    let mut missing = Vec::new();
    for (line, span) in code_spans() {
        if span.starts_with("tests/") || span.starts_with("src/") {
            let text = std::fs::read_to_string(root.join(span)).unwrap_or_else(|error| {
                panic!("line {line}: {span}: {error}");
            });
            source = Some((span, text));
        } else if let Some((file, text)) = &source {
            let is_name = span.len() > 20
                && span.bytes().all(|b| b"_0123456789".contains(&b) || b.is_ascii_lowercase());
            // A scenario is written once for both adapters.
            let there = ["()", "<"].iter().any(|end| text.contains(&format!("fn {span}{end}")));
            if is_name && !there {
                missing.push(format!("line {line}: {file} has no test {span}"));
            } else if is_name {
                *named.entry(*file).or_insert(0) += 1;
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    println!("{named:?}");
    assert!(named.values().sum::<u32>() >= 25, "the guide names its tests: {named:?}");
}

/// The anchor that a heading gets in the documentation.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn every_heading_that_the_guide_links_to_is_there() {
    let headings = |text: &'static str, mark: &'static str| -> Vec<_> {
        let lines = text.lines().filter_map(move |line| line.strip_prefix(mark));
        lines.map(|line| anchor(line.trim_start_matches('#'))).collect()
    };
    let here = headings(GUIDE, "#");
    let diagnosis = headings(include_str!("../../src/diagnosis.rs"), "//! #");
    let linked = |prefix: &'static str| {
        GUIDE.split(prefix).skip(1).filter_map(|rest| rest.split_once(')')).map(|(id, _)| id)
    };
    let (mut links, mut missing) = (0, Vec::new());
    for (prefix, known) in [("](#", &here), ("](crate::diagnosis#", &diagnosis)] {
        for id in linked(prefix) {
            links += 1;
            if !known.iter().any(|heading| heading == id) {
                missing.push(format!("{prefix}{id})"));
            }
        }
    }
    assert!(missing.is_empty() && links >= 8, "{links} links, missing: {missing:?}");
}

#[test]
fn the_table_of_timeouts_is_the_one_in_the_code() {
    let table = GUIDE.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let (name, kind, seconds) = (cells.next()?, cells.next()?, cells.next()?);
        matches!(kind, "idle" | "lifetime").then(|| format!("{name}, {kind}, {seconds}"))
    });
    let code = KNOWN_TIMEOUTS.iter().map(|row| {
        let kind = match row.kind {
            TimeoutKind::Idle => "idle",
            TimeoutKind::Lifetime => "lifetime",
            other => panic!("{other:?} is new to the guide"),
        };
        format!("{}, {kind}, {}", row.name, row.span.as_secs())
    });
    assert_eq!(table.collect::<Vec<_>>(), code.collect::<Vec<_>>());
}
