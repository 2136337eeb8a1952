//! ARCHITECTURE.md draws the floors of the source, and every arrow between them points down: a
//! module names only modules of lower floors.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::{root, sources};

const ARCHITECTURE: &str = include_str!("../../ARCHITECTURE.md");

/// The modules of the table of floors, each with its floor counted from the top.
fn floors() -> BTreeMap<&'static str, usize> {
    let table = ARCHITECTURE.lines().skip_while(|line| !line.starts_with("| Floor |")).skip(2);
    let mut floors = BTreeMap::new();
    for (floor, row) in table.take_while(|line| line.starts_with('|')).enumerate() {
        let cell = row.split('|').nth(1).expect("a row has cells");
        for module in cell.split('`').skip(1).step_by(2) {
            assert!(floors.insert(module, floor).is_none(), "{module} is on two floors");
        }
    }
    floors
}

/// The modules right below the crate's root, each with its files.
fn modules() -> BTreeMap<String, Vec<PathBuf>> {
    let (src, mut files) = (root().join("src"), Vec::new());
    sources(&src, &mut files);
    let mut modules: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for file in files {
        let inside = file.strip_prefix(&src).unwrap();
        let first = Path::new(inside.iter().next().unwrap()).file_stem().unwrap();
        if first != "lib" {
            modules.entry(first.to_str().unwrap().to_owned()).or_default().push(file);
        }
    }
    modules
}

/// The code of a file without comments and without its unit tests, which may look anywhere.
fn code(file: &Path) -> String {
    if file.ends_with("tests.rs") {
        return String::new();
    }
    let text = fs::read_to_string(file).unwrap();
    let lines = text.lines().take_while(|line| *line != "#[cfg(test)]");
    lines.filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// What follows `crate::`, wherever the code says so.
fn named(code: &str) -> impl Iterator<Item = &str> {
    code.split("crate::").skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        &rest[..end.unwrap_or(rest.len())]
    })
}

#[test]
fn every_module_has_its_floor() {
    let (floors, modules) = (floors(), modules());
    assert_eq!(floors.keys().collect::<Vec<_>>(), modules.keys().collect::<Vec<_>>());
}

#[test]
fn every_arrow_between_floors_points_down() {
    let (floors, modules) = (floors(), modules());
    let (mut arrows, mut astray) = (0, String::new());
    for (module, files) in &modules {
        for file in files {
            let place = file.strip_prefix(root()).unwrap().display();
            for name in named(&code(file)) {
                let Some(floor) = floors.get(name) else {
                    writeln!(astray, "{place}: crate::{name} is no module of a floor").unwrap();
                    continue;
                };
                arrows += usize::from(name != module);
                if name != module && *floor <= floors[module.as_str()] {
                    writeln!(astray, "{place}: {module} looks up at {name}").unwrap();
                }
            }
        }
    }
    assert!(astray.is_empty(), "\n{astray}");
    assert!(arrows > 300, "{arrows} arrows: not all were found");
}
