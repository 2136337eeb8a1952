//! The documents for contributors name files, folders, functions, types and commands, in code.
//! Whatever they name is there: a document does not outlive what it describes.
//!
//! What is checked, in each paragraph, row or list item, which is one line:
//!
//! - a path from the root of the repository: it exists;
//! - `function()` and `Type::function()`: the last Rust file named before it in the same line has
//!   that function, and of a type, in an `impl` block or a trait of that name;
//! - `Type`, `Type::Variant` and `Type::field`: some file in `src` has it;
//! - `cargo` with a test, an example, a bench, a package or an alias: there is one.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use crate::{root, sources};

const DOCUMENTS: [(&str, &str); 10] = [
    ("ARCHITECTURE.md", include_str!("../../ARCHITECTURE.md")),
    ("CONTRIBUTING.md", include_str!("../../CONTRIBUTING.md")),
    ("SECURITY.md", include_str!("../../SECURITY.md")),
    ("README.md", include_str!("../../README.md")),
    ("doctor/README.md", include_str!("../../doctor/README.md")),
    ("benches/README.md", include_str!("../../benches/README.md")),
    ("examples/README.md", include_str!("../../examples/README.md")),
    ("fuzz/README.md", include_str!("../../fuzz/README.md")),
    ("tests/README.md", include_str!("../../tests/README.md")),
    ("tests/interop/README.md", include_str!("../interop/README.md")),
];

/// Where names of functions and types are meant, and not words in code of other kinds.
const BY_NAME: [&str; 2] = ["ARCHITECTURE.md", "CONTRIBUTING.md"];

const FOLDERS: [&str; 8] =
    ["src", "tests", "benches", "examples", "doctor", "fuzz", ".ci", ".cargo"];

/// The commands of cargo itself that the documents use, and of its plug-ins.
const CARGO: [&str; 11] =
    ["add", "bench", "build", "check", "clippy", "doc", "fetch", "fmt", "fuzz", "run", "test"];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The code in a document's prose, line by line, fenced blocks left out.
pub(super) fn prose(text: &'static str) -> impl Iterator<Item = (usize, Vec<&'static str>)> {
    let mut fenced = false;
    let lines = text.lines().enumerate().filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    });
    lines.map(|(index, line)| (index + 1, line.split('`').skip(1).step_by(2).collect()))
}

/// Each line of code that is a command: in fenced blocks and in prose.
fn commands(text: &'static str) -> impl Iterator<Item = &'static str> {
    let fenced = text.lines().map(str::trim);
    let spans = prose(text).flat_map(|(_, spans)| spans);
    fenced.chain(spans).filter(|line| line.starts_with("cargo "))
}

fn is_ident(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn is_type(text: &str) -> bool {
    is_ident(text)
        && text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.contains(|c: char| c.is_ascii_lowercase())
}

/// The path that a piece of code begins with, if it is one from the root and has no placeholders.
pub(super) fn path(code: &str) -> Option<&str> {
    let word = code.split(' ').next()?.trim_end_matches('/');
    let first = word.split('/').next()?;
    let file = ["md", "toml"].iter().any(|end| word.ends_with(&format!(".{end}")));
    let rooted = FOLDERS.contains(&first) || (file && !word.contains('/'));
    let placeholder = |part: &str| !part.contains(|c: char| c.is_ascii_lowercase());
    (rooted && !word.contains('*') && !word.split('/').any(placeholder)).then_some(word)
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

fn code_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim_start().starts_with("//"))
}

fn defines(line: &str, function: &str) -> bool {
    let mut words = words(line).skip_while(|word| *word != "fn");
    words.next().is_some() && words.next() == Some(function)
}

/// Whether a file has a function, in what belongs to `owner` if there is one.
fn has_function(text: &str, owner: Option<&str>, function: &str) -> bool {
    let Some(owner) = owner else {
        return code_lines(text).any(|line| defines(line, function));
    };
    let (mut header, mut inside) = (false, false);
    for line in code_lines(text) {
        if !line.is_empty() && !line.starts_with([' ', '}']) {
            header = words(line).any(|word| word == "impl" || word == "trait");
            inside = false;
        }
        inside |= header && words(line).any(|word| word == owner);
        header &= !line.ends_with('{');
        if inside && line.starts_with("    ") && defines(line, function) {
            return true;
        }
    }
    false
}

/// Whether a file defines a type, and in it what is asked for.
fn has_type(text: &str, name: &str, member: Option<&str>) -> bool {
    let mut lines = code_lines(text).skip_while(|line| {
        let mut words = words(line)
            .skip_while(|word| !["struct", "enum", "trait", "type", "mod"].contains(word));
        words.next().is_none() || words.next() != Some(name)
    });
    let Some(_) = lines.next() else { return false };
    let Some(member) = member else { return true };
    lines.take_while(|line| *line != "}").any(|line| {
        words(line).find(|word| !["pub", "crate", "super"].contains(word)) == Some(member)
    })
}

/// What is wrong with a piece of code, if anything is.
fn fault(code: &str, file: Option<&str>, everything: &[String]) -> Option<String> {
    let mut parts = code.split("::");
    if let Some(function) = code.strip_suffix("()") {
        let (owner, function) = match function.rsplit_once("::") {
            Some((owner, function)) => (Some(owner), function),
            None => (None, function),
        };
        if !is_ident(function) || owner.is_some_and(|owner| !is_ident(owner)) {
            return None;
        }
        return match file {
            None => Some("no Rust file is named before it".into()),
            Some(text) if has_function(text, owner, function) => None,
            Some(_) => Some("the file named before it has no such function".into()),
        };
    }
    let name = parts.next().filter(|name| is_type(name))?;
    let member = parts.next();
    if parts.next().is_some() || member.is_some_and(|member| !is_ident(member)) {
        return None;
    }
    let known = everything.iter().any(|text| text.contains(name) && has_type(text, name, member));
    (!known).then(|| "nothing in src has that name".into())
}

fn texts_of_src() -> Vec<String> {
    let mut files: Vec<PathBuf> = Vec::new();
    sources(&root().join("src"), &mut files);
    files.iter().map(|file| fs::read_to_string(file).unwrap()).collect()
}

#[test]
fn everything_that_the_documents_name_is_there() {
    let everything = texts_of_src();
    let (mut checked, mut faults) = (0, String::new());
    for (document, text) in DOCUMENTS {
        for (line, spans) in prose(text) {
            let mut file = None;
            for code in spans {
                let mut say = |what: &str| {
                    writeln!(faults, "{document}:{line}: {code}: {what}").unwrap();
                };
                if let Some(path) = path(code) {
                    checked += 1;
                    let beside = root().join(document).with_file_name(path);
                    if !root().join(path).exists() && !beside.exists() {
                        say("there is no such file");
                    } else if path.ends_with(".rs") {
                        file = fs::read_to_string(root().join(path)).ok();
                    }
                } else if BY_NAME.contains(&document) {
                    checked += 1;
                    if let Some(what) = fault(code, file.as_deref(), &everything) {
                        say(&what);
                    }
                }
            }
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
    assert!(checked > 300, "{checked} names: not all were found");
}

#[test]
fn the_check_sees_what_is_gone() {
    let everything = texts_of_src();
    let session = fs::read_to_string(root().join("src/session.rs")).unwrap();
    let is_wrong = |code| fault(code, Some(&session), &everything).is_some();
    for code in ["Session::poll_event()", "poll_event()", "Session", "Timer::Ping", "Limits::head"]
    {
        assert!(!is_wrong(code), "{code}");
    }
    for code in ["Session::poll_events()", "Connection::poll_event()", "poll_even()", "Sessions"] {
        assert!(is_wrong(code), "{code}");
    }
    for code in ["Timer::Pings", "Limits::heads"] {
        assert!(is_wrong(code), "{code}");
    }
    assert!(fault("poll_event()", None, &everything).is_some());
}

/// The names of the aliases in `.cargo/config.toml`.
fn aliases() -> Vec<&'static str> {
    let config = include_str!("../../.cargo/config.toml");
    let lines = config.lines().skip_while(|line| *line != "[alias]").skip(1);
    lines.filter_map(|line| line.split_once(" = ").map(|(name, _)| name)).collect()
}

/// Whether a package of the workspace has this name.
fn is_package(name: &str) -> bool {
    let manifests = ["Cargo.toml", "doctor/Cargo.toml"].map(|path| root().join(path));
    let line = format!("name = \"{name}\"");
    manifests
        .iter()
        .any(|path| fs::read_to_string(path).unwrap().lines().any(|other| other == line))
}

#[test]
fn every_command_of_the_documents_can_be_run() {
    let aliases = aliases();
    let has = |folder: &str, name: &str| {
        let at = root().join(folder);
        at.join(format!("{name}.rs")).exists() || at.join(name).join("main.rs").exists()
    };
    let mut faults = String::new();
    for (document, text) in DOCUMENTS {
        for command in commands(text) {
            let mut words = command.split(' ').skip(1).skip_while(|word| word.starts_with('+'));
            let verb = words.next().unwrap_or_default();
            let mut good = CARGO.contains(&verb) || verb == "install" || aliases.contains(&verb);
            while let Some(word) = words.next() {
                let name = words.clone().next().unwrap_or_default();
                let folder = match word {
                    "--test" => "tests",
                    "--example" => "examples",
                    "--bench" => "benches",
                    "-p" => {
                        good &= is_package(name);
                        continue;
                    }
                    _ => continue,
                };
                // The only target that lies elsewhere, and a placeholder.
                good &= has(folder, name) || name == "fuzz_corpus" || name == "NAME";
            }
            if !good {
                writeln!(faults, "{document}: {command}").unwrap();
            }
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}

#[test]
fn every_alias_is_explained() {
    let contributing = include_str!("../../CONTRIBUTING.md");
    for alias in aliases() {
        assert!(contributing.contains(&format!("`cargo {alias}")), "cargo {alias}");
    }
}

/// The figures of the last whole run stand in one table, which the run writes, and are told of in
/// prose elsewhere.
#[test]
fn the_figures_of_the_real_endings_are_those_of_their_table() {
    let table = include_str!("../../src/diagnosis/real_endings.md");
    let row = table.lines().find_map(|line| line.strip_prefix("| all | ")).unwrap();
    let cells: Vec<_> = row.split(" | ").collect();
    let [causes, endings, certain, likely, ..] = cells[..] else { panic!("{row}") };
    let (right, all) = certain.split_once(" of ").unwrap();
    let certain = if right == all { format!("all of {all}") } else { certain.to_owned() };
    let date = table.strip_prefix("On ").and_then(|text| text.split(',').next()).unwrap();
    let parts: Vec<_> = date.split('-').map(|part| part.parse::<usize>().unwrap()).collect();
    let [year, month, day] = parts[..] else { panic!("{date}") };
    let date = format!("On {day} {} {year}, of {endings} endings", MONTHS[month - 1]);
    let told = [
        ("README.md", date),
        ("README.md", format!("{certain} certain verdicts were right")),
        ("README.md", format!("{likely} likely ones")),
        ("tests/interop/README.md", format!("Makes {endings} endings of {causes} causes")),
    ];
    for (document, figures) in told {
        let (_, text) = DOCUMENTS.into_iter().find(|(name, _)| *name == document).unwrap();
        assert!(text.contains(&figures), "{document} has other figures than \"{figures}\"");
    }
}
