//! The bodies of the fuzz targets on a stable toolchain: over every committed input, and over
//! inputs made from those by a fixed sequence of changes.

#[expect(unreachable_pub, reason = "for the package of the fuzz targets these are public")]
mod bodies;

use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

#[test]
fn every_committed_input_holds() {
    for (target, body) in bodies::TARGETS {
        for (name, input) in corpus(target) {
            run(target, &name, *body, &input);
        }
        run(target, "nothing", *body, b"");
    }
}

#[test]
fn changed_inputs_hold() {
    for (target, body) in bodies::TARGETS {
        let inputs = corpus(target);
        let mut numbers = Numbers(target.len() as u64);
        for round in 0..400 {
            let (name, input) = &inputs[numbers.below(inputs.len())];
            let (_, other) = &inputs[numbers.below(inputs.len())];
            let input = if round % 8 == 0 { numbers.noise() } else { numbers.change(input, other) };
            run(target, &format!("a change of {name}, round {round}"), *body, &input);
        }
    }
}

#[test]
fn every_corpus_has_its_target() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let folders = fs::read_dir(root).unwrap();
    let mut folders: Vec<_> =
        folders.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let mut targets: Vec<_> = bodies::TARGETS.iter().map(|(name, _)| name.to_string()).collect();
    folders.sort();
    targets.sort();
    assert_eq!(folders, targets);
}

/// The committed inputs of a target, by name.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut inputs: Vec<_> = entries
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap())
        })
        .collect();
    assert!(!inputs.is_empty(), "{folder:?} is empty");
    inputs.sort();
    inputs
}

/// Runs a body and says which input it failed on.
fn run(target: &str, name: &str, body: fn(&[u8]), input: &[u8]) {
    let result = panic::catch_unwind(AssertUnwindSafe(|| body(input)));
    if let Err(cause) = result {
        eprintln!("{target} failed on {name}: {}", input.escape_ascii());
        panic::resume_unwind(cause);
    }
}

/// splitmix64: the same numbers everywhere.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// `input` with a few bytes set, taken out, put in, or replaced by a part of `other`.
    fn change(&mut self, input: &[u8], other: &[u8]) -> Vec<u8> {
        let mut changed = input.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(changed.len());
            match self.below(5) {
                0 if !changed.is_empty() => changed[at] = self.next() as u8,
                1 if !changed.is_empty() => changed[at] ^= 1 << self.below(8),
                2 if !changed.is_empty() => drop(changed.remove(at)),
                3 => changed.insert(at, self.next() as u8),
                _ => {
                    let from = self.below(other.len());
                    let len = self.below(other.len() - from);
                    changed.truncate(at);
                    changed.extend_from_slice(&other[from..from + len]);
                }
            }
        }
        changed
    }

    fn noise(&mut self) -> Vec<u8> {
        (0..self.below(200)).map(|_| self.next() as u8).collect()
    }
}
