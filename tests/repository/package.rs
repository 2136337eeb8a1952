//! What people read outside of the repository cites what they have: files of the package, or links.

use std::collections::BTreeSet;
use std::fs;

use crate::documents::{path, prose};
use crate::root;

/// Whether a file is in the package, as `include` of Cargo.toml has it.
fn is_packaged(path: &str) -> bool {
    let manifest = include_str!("../../Cargo.toml");
    let line = manifest.lines().find(|line| line.starts_with("include = ")).unwrap();
    let mut patterns = line.split('"').skip(1).step_by(2).map(|pattern| &pattern[1..]);
    patterns.any(|pattern| match pattern.split_once('*') {
        None => path == pattern,
        Some(("", end)) => path.ends_with(end) && !path.contains('/'),
        Some((start, _)) => path.starts_with(start.trim_end_matches('/')),
    })
}

/// Where the links of a document lead that are none of the web, nor to a heading or an item.
fn links(text: &str) -> BTreeSet<&str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    let targets = targets.map(|(target, _)| target);
    let elsewhere = |target: &&str| {
        target.contains(':') || target.starts_with('#') || target.starts_with("crate#")
    };
    targets.filter(|target| !elsewhere(target)).collect()
}

#[test]
fn what_the_readme_cites_is_in_the_package_or_linked() {
    let readme = include_str!("../../README.md");
    let links = links(readme);
    assert!(links.len() > 20, "{links:?}");
    for link in &links {
        assert!(root().join(link).exists(), "there is no {link}");
    }
    for (line, spans) in prose(readme) {
        for path in spans.into_iter().filter_map(path) {
            let there = root().join(path).exists();
            assert!(there, "README.md:{line}: there is no {path}");
            let cited = is_packaged(path) || links.contains(path);
            assert!(cited, "README.md:{line}: {path} is in no package, and no link");
        }
    }
}

/// One page is about evidence, which is in the repository, and says so.
#[test]
fn what_the_guide_cites_is_in_the_package() {
    for file in fs::read_dir(root().join("src/guide")).unwrap() {
        let file = file.unwrap().path();
        let text: &str = fs::read_to_string(&file).unwrap().leak();
        assert_eq!(links(text), BTreeSet::new(), "{}", file.display());
        let of_the_repository = text.contains("the test of the repository that shows it");
        for path in prose(text).flat_map(|(_, spans)| spans).filter_map(path) {
            let there = root().join(path).exists();
            assert!(there, "{}: there is no {path}", file.display());
            let cited = of_the_repository || is_packaged(path);
            assert!(cited, "{}: {path} is in no package", file.display());
        }
    }
}

#[test]
fn no_address_is_a_placeholder() {
    for line in include_str!("../../Cargo.toml").lines() {
        let address = ["repository", "homepage", "documentation"].iter();
        let named = address.filter(|name| line.starts_with(*name)).count() > 0;
        assert!(!named || !line.contains("example"), "{line}");
    }
}

#[test]
fn the_package_is_what_its_manifest_says() {
    for path in ["src/lib.rs", "examples/chat", "README.md", "CHANGELOG.md", "Cargo.toml"] {
        assert!(is_packaged(path), "{path}");
    }
    for path in ["tests/README.md", "doctor/README.md", "benches", "fuzz/README.md", ".ci/run"] {
        assert!(!is_packaged(path), "{path}");
    }
    assert_eq!(links("[a](b.md), [c](https://d/e), [f](#g), [h](crate::i)"), ["b.md"].into());
}
