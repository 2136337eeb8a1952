//! The RFC's sentences stand above the code that obeys them and above the tests that prove it, in
//! the form that the README names. Here: that the form is kept, and that neither side stands alone.

#![cfg(feature = "std")]

use std::fmt::Write as _;
use std::fs;

use crate::{root, sources};

/// A sentence of an RFC, where somebody wrote it down.
#[derive(Debug)]
struct Citation {
    place: String,
    /// The RFC and its section, `rfc6455#5.5.1`.
    section: String,
    /// With single blanks.
    quote: String,
    /// Whether it stands above a test.
    test: bool,
}

impl Citation {
    /// Whether the two have at least a clause in common: one of them may quote less.
    fn shares(&self, other: &Self) -> bool {
        self.section == other.section
            && (self.quote.contains(&other.quote) || other.quote.contains(&self.quote))
    }
}

fn folded(text: &str) -> String {
    // A word that was hyphenated at the end of a line and one that was not are the same.
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace("- ", "-")
}

/// Every citation, and every line that looks like a part of one and is none.
fn citations() -> (Vec<Citation>, String) {
    let (root, mut files) = (root(), Vec::new());
    sources(&root.join("src"), &mut files);
    sources(&root.join("tests"), &mut files);
    let (mut citations, mut astray) = (Vec::new(), String::new());
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let mut lines = text.lines().map(str::trim_start).enumerate().peekable();
        while let Some((index, line)) = lines.next() {
            let place = format!("{}:{}", file.strip_prefix(root).unwrap().display(), index + 1);
            let Some(section) = line.strip_prefix("//= ").filter(|rest| rest.starts_with("rfc"))
            else {
                if line.starts_with("//=") || line.starts_with("//#") {
                    writeln!(astray, "{place}: {line}").unwrap();
                }
                continue;
            };
            let test = lines.next_if(|(_, line)| *line == "//= type=test").is_some();
            let mut quote = String::new();
            while let Some((_, line)) = lines.next_if(|(_, line)| line.starts_with("//# ")) {
                quote.push_str(&line[3..]);
            }
            let citation = Citation { place, section: section.into(), quote: folded(&quote), test };
            if citation.quote.is_empty() {
                writeln!(astray, "{}: nothing is quoted", citation.place).unwrap();
            }
            citations.push(citation);
        }
    }
    (citations, astray)
}

/// The quotes of `rfc_exceptions.toml`, as citations of nobody.
fn exceptions() -> Vec<Citation> {
    let text = include_str!("../rfc_exceptions.toml");
    let value = |line: &str, key: &str| {
        let value = line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"')?;
        Some(value.replace("\\\"", "\""))
    };
    let mut exceptions: Vec<Citation> = Vec::new();
    for line in text.lines() {
        if let Some(section) = value(line, "section") {
            let (place, section) = ("rfc_exceptions.toml".into(), format!("rfc6455#{section}"));
            exceptions.push(Citation { place, section, quote: String::new(), test: true });
        } else if let Some(quote) = value(line, "quote") {
            exceptions.last_mut().expect("the section comes first").quote = folded(&quote);
        }
    }
    assert_eq!(exceptions.len(), text.matches("[[exception]]").count());
    assert!(exceptions.iter().all(|exception| !exception.quote.is_empty()));
    exceptions
}

#[test]
fn every_citation_has_the_form_that_can_be_searched_for() {
    let (citations, astray) = citations();
    assert!(astray.is_empty(), "\n{astray}");
    assert!(citations.len() > 200, "{} citations: not all were found", citations.len());
}

/// What the code says it obeys, a test proves, unless it is an exception; and no test proves what
/// the code does not say.
#[test]
fn no_citation_of_a_must_stands_alone() {
    let (citations, _) = citations();
    let exceptions = exceptions();
    let mut alone = String::new();
    for citation in citations.iter().filter(|citation| citation.quote.contains("MUST")) {
        let mut others = citations.iter().filter(|other| other.test != citation.test);
        if !others.any(|other| citation.shares(other))
            && !exceptions.iter().any(|exception| citation.shares(exception))
        {
            let Citation { place, section, quote, test } = citation;
            let missing = if *test { "src" } else { "tests" };
            writeln!(alone, "{place}: {section} is not cited in {missing}: {quote}").unwrap();
        }
    }
    assert!(alone.is_empty(), "\n{alone}");
}
