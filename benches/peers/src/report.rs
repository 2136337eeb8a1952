//! Markdown tables, and the same as JSON.

use std::fmt::Write;

use crate::contender::{CONTENDERS, Hands, Kind};
use crate::measure::Figure;
use crate::workloads::Workload;

pub fn print_preface() {
    println!("Who is compared, and how:\n");
    for contender in CONTENDERS {
        let version = match contender.kind {
            Kind::Peer => format!(" {}", contender.version()),
            Kind::Limit | Kind::Ours => String::new(),
        };
        println!("- {}{version}: {}", contender.name, contender.notes);
    }
    println!(
        "\nA ratio to the limit is to the one that hands out messages in the same way: the slices \
         for those marked *, which lend theirs, else the `Bytes`. It is compiled for any processor of \
         its kind; who looks for instructions of newer ones can be below it. Time is the processor's of one \
         thread, the median of rounds in turn, with the quartiles."
    );
}

/// The limit that a figure compares to: the one of its kind, where there are two.
pub fn limit_of(figure: &Figure, figures: &[Figure]) -> Option<f64> {
    let limits = || figures.iter().filter(|other| other.contender.kind == Kind::Limit);
    let same = limits().find(|limit| limit.contender.hands == figure.contender.hands);
    same.or_else(|| limits().next()).map(|limit| limit.ns)
}

pub fn best_peer(figures: &[Figure]) -> Option<&Figure> {
    let peers = figures.iter().filter(|figure| figure.contender.kind == Kind::Peer);
    peers.min_by(|one, other| one.ns.total_cmp(&other.ns))
}

pub fn print_table(workload: &Workload, figures: &[Figure]) {
    println!("\n### {}\n", workload.name);
    println!("| who | ns each | quartiles | to the limit | to the best peer | writes each |");
    println!("|---|---:|---:|---:|---:|---:|");
    let best = best_peer(figures);
    for figure in figures {
        let lends = if figure.contender.hands == Hands::Lent { " *" } else { "" };
        let name = match figure.contender.kind {
            Kind::Ours => format!("**{}**{lends}", figure.contender.name),
            Kind::Limit | Kind::Peer => format!("{}{lends}", figure.contender.name),
        };
        let (low, high) = figure.quartiles;
        let ratio = |to: Option<f64>| to.map_or("".into(), |to| format!("{:.2}", figure.ns / to));
        println!(
            "| {name} | {} | {} - {} | {} | {} | {} |",
            number(figure.ns),
            number(low),
            number(high),
            ratio(limit_of(figure, figures)),
            ratio(best.map(|best| best.ns)),
            match figure.writes {
                0.0 => String::new(),
                writes => format!("{writes:.2}"),
            }
        );
    }
}

/// With three digits that say something.
pub fn number(ns: f64) -> String {
    match ns {
        ..100.0 => format!("{ns:.1}"),
        ..10_000.0 => format!("{ns:.0}"),
        _ => format!("{:.1} µs", ns / 1000.0),
    }
}

pub fn json(results: &[(Workload, Vec<Figure>)]) -> String {
    let mut out = String::from("{\n");
    for (number, (workload, figures)) in results.iter().enumerate() {
        // Names are of letters, digits and punctuation that JSON takes as it is.
        let _ = writeln!(out, "  \"{}\": {{", workload.name);
        for (number, figure) in figures.iter().enumerate() {
            let comma = if number + 1 < figures.len() { "," } else { "" };
            let (name, version) = (figure.contender.name, figure.contender.version());
            let (low, high) = figure.quartiles;
            let _ = writeln!(
                out,
                "    \"{name}\": {{\"version\": \"{version}\", \"ns\": {:.2}, \
                 \"quartiles\": [{low:.2}, {high:.2}], \"writes\": {:.3}}}{comma}",
                figure.ns, figure.writes
            );
        }
        let comma = if number + 1 < results.len() { "," } else { "" };
        let _ = writeln!(out, "  }}{comma}");
    }
    out.push_str("}\n");
    out
}
