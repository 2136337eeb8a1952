//! Each feature brings its few crates and nothing else: what is compiled for it, by the lock file.

use std::collections::BTreeSet;
use std::process::Command;

use crate::root;

/// A feature, the ones that it stands on, and the crates that it adds to theirs, on Linux.
const ADDED: [(&str, &[&str], &str); 14] = [
    ("http", &["std"], "http itoa"),
    ("tokio", &["std"], "futures-core futures-sink mio pin-project-lite socket2 tokio"),
    (
        "hyper",
        &["http", "tokio"],
        "atomic-waker equivalent fnv futures-channel h2 hashbrown http-body httpdate hyper indexmap \
         once_cell slab smallvec tokio-util tracing tracing-core",
    ),
    ("axum", &["hyper"], "axum-core http-body-util mime sync_wrapper tower-layer tower-service"),
    ("deflate", &["std"], "zlib-rs"),
    ("testkit", &["std"], ""),
    (
        "rustls",
        &["std"],
        "once_cell rustls rustls-pki-types rustls-webpki subtle untrusted zeroize",
    ),
    ("rustls-ring", &["rustls"], "ring"),
    ("rustls-aws-lc-rs", &["rustls"], "aws-lc-rs aws-lc-sys"),
    (
        "rustls-platform-verifier",
        &["rustls"],
        "log openssl-probe rustls-native-certs rustls-platform-verifier",
    ),
    ("rustls-webpki-roots", &["rustls"], "webpki-roots"),
    ("wss", &["rustls-ring", "rustls-platform-verifier"], ""),
    ("tracing", &[], "pin-project-lite tracing tracing-core"),
    ("serde", &[], "serde serde_core serde_derive"),
];

/// The names of the crates that are compiled with these features.
fn crates(features: &[&str]) -> BTreeSet<String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root()).args(["tree", "--locked", "--offline", "--edges", "normal"]);
    cargo.args(["--target", "x86_64-unknown-linux-gnu", "--prefix", "none", "--format", "{p}"]);
    cargo.args(["--no-default-features", "--features", &features.join(",")]);
    let output = cargo.output().expect("cargo runs this test, so it is there");
    let tree = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    tree.lines().filter_map(|line| line.split(' ').next()).map(String::from).collect()
}

#[test]
fn each_feature_adds_its_few_crates() {
    for (feature, below, added) in ADDED {
        let (all, before) = (crates(&[feature]), crates(below));
        let found: BTreeSet<&str> = all.difference(&before).map(String::as_str).collect();
        let expected: BTreeSet<&str> = added.split_whitespace().collect();
        assert_eq!(found, expected, "{feature}");
    }
}

#[test]
fn every_feature_is_in_the_table() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (_, features) = manifest.split_once("[features]\n").unwrap();
    let (features, _) = features.split_once("\n[").unwrap();
    let names = features.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name);
    for name in
        names.filter(|name| !name.starts_with(['#', ' ']) && !["default", "std"].contains(name))
    {
        assert!(ADDED.iter().any(|(feature, ..)| *feature == name), "{name}");
    }
}
