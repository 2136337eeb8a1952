//! The guide's pages: each is there for a task, linked from where tasks are listed, with programs that
//! are compiled; what stands in them for those who come from another crate is compiled on both sides.

use std::fs;

use crate::root;

/// The pages that the module `guide` has.
fn pages() -> Vec<String> {
    let code = fs::read_to_string(root().join("src/guide.rs")).unwrap();
    let (_, list) = code.rsplit_once("pages! {").unwrap();
    list.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && *line != "}")
        .map(Into::into)
        .collect()
}

fn text(page: &str) -> String {
    let path = format!("src/guide/{page}.md");
    fs::read_to_string(root().join(&path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The fenced blocks of a page: what kind each is of, and its lines.
fn blocks(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(kind) = line.strip_prefix("```") {
            blocks.push((kind, lines.by_ref().take_while(|line| *line != "```").collect()));
        }
    }
    blocks
}

#[test]
fn every_page_is_listed_where_tasks_are() {
    let readme = include_str!("../../README.md");
    let module = fs::read_to_string(root().join("src/guide.rs")).unwrap();
    let pages = pages();
    assert!(pages.len() >= 20, "{pages:?}");
    for page in &pages {
        assert!(readme.contains(&format!("(src/guide/{page}.md)")), "README.md: {page}");
        assert!(module.contains(&format!("| [`{page}`] |")), "src/guide.rs: {page}");
    }
    let files = fs::read_dir(root().join("src/guide")).unwrap().count();
    assert_eq!(files, pages.len(), "a file of src/guide is no page");
}

/// `text`, `toml` and `sh` are no programs; `no_run` is compiled.
#[test]
fn every_page_has_a_program_that_is_compiled() {
    for page in pages() {
        let text = text(&page);
        let blocks = blocks(&text);
        let compiled = blocks.iter().filter(|(kind, _)| matches!(*kind, "" | "no_run")).count();
        assert!(compiled > 0, "{page} has no program");
        for (kind, _) in &blocks {
            assert!(matches!(*kind, "" | "no_run" | "text" | "toml" | "sh"), "{page}: ```{kind}");
        }
    }
}

/// The lines without what makes them stand where they do; without those that the page hides.
fn essence<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let lines = lines.into_iter().filter(|line| *line != "#" && !line.starts_with("# "));
    lines.map(str::trim).filter(|line| !line.is_empty()).collect()
}

/// A block in code that is compiled elsewhere, of whose lines none is missing.
fn stands_in(block: &[&str], code: &[&str]) -> bool {
    code.windows(block.len()).any(|lines| lines == block)
}

#[test]
fn both_sides_of_every_move_are_compiled() {
    for (page, least) in [("from_tungstenite", 8), ("from_fastwebsockets", 4), ("from_axum", 4)] {
        let path = format!("tests/migration/src/{page}.rs");
        let code = fs::read_to_string(root().join(&path)).unwrap();
        let (theirs, ours) = code.split_once("pub mod ours {").unwrap();
        let text = text(page);
        let blocks = blocks(&text);
        let (mut pairs, mut waiting) = (0, false);
        for (kind, lines) in &blocks {
            let (side, side_name) = match *kind {
                "text" => (theirs, "theirs"),
                _ => (ours, "ours"),
            };
            assert_eq!(*kind == "text", !waiting, "{page}: theirs is first, then ours: {lines:?}");
            waiting = !waiting;
            pairs += usize::from(!waiting);
            let block = essence(lines.iter().copied());
            let code = essence(side.lines());
            assert!(
                stands_in(&block, &code),
                "{path} has not, in {side_name}:\n{}",
                lines.join("\n")
            );
        }
        assert!(pairs >= least && !waiting, "{page}: {pairs} pairs");
    }
}

#[test]
fn a_line_that_was_changed_on_one_side_is_seen() {
    let code = ["let a = 1;", "let b = 2;", "let c = 3;"];
    assert!(stands_in(&code[1..], &code));
    assert!(!stands_in(&["let a = 1;", "let c = 3;"], &code));
    assert!(!stands_in(&["let b = 3;"], &code));
    assert_eq!(essence(["# hidden", "#", "", "    shown"]), ["shown"]);
}
