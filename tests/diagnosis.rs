//! The diagnosis against a corpus of traces whose true reason is known, and against evidence that
//! cannot be.

#![cfg(feature = "std")]

#[path = "diagnosis/replay.rs"]
mod replay;
#[path = "diagnosis/scenarios.rs"]
mod scenarios;
#[path = "diagnosis/scores.rs"]
mod scores;
#[path = "diagnosis/trace.rs"]
mod trace;
#[path = "diagnosis/world.rs"]
mod world;

use std::fs;
use std::path::PathBuf;

use farewell::diagnosis::Confidence;

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
    let mut traces: Vec<(String, Trace)> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let file = path.file_name().unwrap().to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).unwrap();
            let trace = Trace::parse(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
            (file, trace)
        })
        .collect();
    traces.sort_by(|(one, _), (other, _)| one.cmp(other));
    traces
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

fn outcomes() -> Vec<Outcome> {
    let outcome = |(file, trace): (String, Trace)| {
        let (report, diagnosis) =
            replay::diagnose(&trace).unwrap_or_else(|| panic!("{file} has no end:\n{trace}"));
        let finding = diagnosis.first();
        let outcome = Outcome {
            file,
            expected: trace.head.expect.clone(),
            verdict: finding.verdict(),
            confidence: finding.confidence(),
        };
        if !outcome.is_right() {
            println!(
                "{}: {} is told as\n  {report}\n  {diagnosis:#}",
                outcome.file, outcome.expected
            );
        }
        outcome
    };
    corpus().into_iter().map(outcome).collect()
}

#[test]
fn the_first_verdict_is_right() {
    let outcomes = outcomes();
    let table = scores::table(&outcomes);
    println!("{table}");
    assert!(outcomes.len() >= 400, "{} traces", outcomes.len());

    let certain = scores::of(&outcomes, Confidence::Certain);
    assert_eq!(certain.right, certain.all, "a verdict was certain and wrong");
    let likely = scores::of(&outcomes, Confidence::Likely);
    assert!(likely.percent() >= 95.0, "{likely:?}: {}", likely.percent());
}
