//! The diagnosis against a corpus of traces whose true reason is known, and against evidence that
//! cannot be.

#![cfg(feature = "std")]

mod damage;
mod dial;
mod impossible;
mod replay;
mod report_json;
mod scenarios;
mod scores;
mod trace;
mod wording;
mod world;

use std::fs;
use std::path::PathBuf;

use farewell::diagnosis::{Confidence, Fact};

use scores::Outcome;
use trace::Trace;

/// The number that the whole corpus comes from.
const SEED: u64 = 6455;

/// Set it to write the corpus and the table in the documentation anew.
const WRITE: &str = "FAREWELL_WRITE_CORPUS";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/diagnosis/corpus")
}

/// The table in the documentation of the module.
fn document() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/diagnosis/confusion.md")
}

/// The checked-in traces by the names of their files.
fn corpus() -> Vec<(String, Trace)> {
    if std::env::var_os(WRITE).is_some() {
        write_corpus();
    }
    let traces = fs::read_dir(folder())
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let file = path.file_name().unwrap().to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).unwrap();
            let trace = Trace::parse(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
            (file, trace)
        })
        .collect();
    sorted(traces)
}

fn write_corpus() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        for entry in fs::read_dir(folder()).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        for (file, trace) in scenarios::corpus(SEED) {
            fs::write(folder().join(file), trace.to_string()).unwrap();
        }
    });
}

fn outcomes_of(traces: Vec<(String, Trace)>) -> Vec<Outcome> {
    traces.into_iter().map(|(file, trace)| outcome(file, &trace)).collect()
}

fn outcome(file: String, trace: &Trace) -> Outcome {
    let (report, diagnosis) =
        replay::diagnose(trace).unwrap_or_else(|| panic!("{file} has no end:\n{trace}"));
    for finding in &diagnosis {
        assert!(!finding.evidence().contains(&Fact::Contradiction), "{file}: {diagnosis:#}");
    }
    let finding = diagnosis.first();
    let outcome = Outcome {
        file,
        expected: trace.head.expect.clone(),
        verdict: finding.verdict(),
        confidence: finding.confidence(),
    };
    if !outcome.is_right() {
        println!("{}: {} is told as\n  {report}\n  {diagnosis:#}", outcome.file, outcome.expected);
    }
    outcome
}

#[test]
fn the_first_verdict_is_right() {
    let outcomes = outcomes_of(corpus());
    let table = scores::table(&outcomes);
    println!("{table}");
    assert!(outcomes.len() >= 400, "{} traces", outcomes.len());

    let certain = scores::of(&outcomes, Confidence::Certain);
    assert_eq!(certain.right, certain.all, "a verdict was certain and wrong");
    let likely = scores::of(&outcomes, Confidence::Likely);
    assert!(likely.percent() >= 95.0, "{likely:?}: {}", likely.percent());
}

/// Rules that fit these traces alone would show here.
#[test]
fn other_seeds_score_as_well() {
    for seed in 1..=3 {
        let outcomes = outcomes_of(scenarios::corpus(seed));
        let certain = scores::of(&outcomes, Confidence::Certain);
        let likely = scores::of(&outcomes, Confidence::Likely);
        println!("seed {seed}: certain {certain}, likely {likely}");
        assert_eq!(certain.right, certain.all, "seed {seed}: a verdict was certain and wrong");
        assert!(likely.percent() >= 95.0, "seed {seed}: {likely:?}");
    }
}

#[test]
fn the_corpus_is_what_its_seed_gives() {
    let traces = corpus();
    let generated = scenarios::corpus(SEED);
    assert_eq!(traces.len(), generated.len(), "write the corpus anew with {WRITE}=1");
    for ((file, trace), (name, fresh)) in traces.iter().zip(sorted(generated)) {
        assert_eq!(*file, name);
        assert!(*trace == fresh, "{file} differs; write the corpus anew with {WRITE}=1\n{fresh}");
    }
}

fn sorted(mut traces: Vec<(String, Trace)>) -> Vec<(String, Trace)> {
    traces.sort_by(|(one, _), (other, _)| one.cmp(other));
    traces
}

#[test]
fn the_table_in_the_documentation_is_true() {
    let table = scores::table(&outcomes_of(corpus()));
    if std::env::var_os(WRITE).is_some() {
        fs::write(document(), &table).unwrap();
    }
    let written = fs::read_to_string(document()).unwrap();
    assert!(written == table, "write it anew with {WRITE}=1:\n{table}");
}

#[test]
fn every_verdict_of_the_documentation_happens() {
    let documentation = include_str!("../../src/diagnosis.rs");
    let traces = corpus();
    // The others are in `dial`.
    let (endings, _) = documentation.split_once(dial::HEADING).unwrap();
    let rows = endings.lines().filter(|line| line.starts_with("//! | `"));
    let cells = rows.filter_map(|line| line.strip_prefix("//! | `")?.split('|').next());
    let names: Vec<&str> =
        cells.flat_map(|cell| cell.split('`').step_by(2)).filter(|name| *name != ", ").collect();
    assert!(names.len() > 25, "{names:?}");
    for name in &names {
        let happens = traces.iter().any(|(_, trace)| trace.head.expect.name == *name);
        assert!(happens || *name == "unexplained", "{name}");
    }
    // And whatever happens, or is said of it, is documented.
    for outcome in outcomes_of(traces) {
        for name in [&*outcome.expected.name, outcome.verdict.name()] {
            assert!(names.contains(&name), "{name} is in no row");
        }
    }
}
