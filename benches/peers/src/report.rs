//! What was measured in memory, as Markdown, as JSON, and as a chart.

use std::fmt::Write;

use crate::chart::{self, Line};
use crate::contender::{CONTENDERS, Hands, Kind};
use crate::measure::Figure;
use crate::page::Circumstances;
use crate::workloads::Workload;

/// A workload, and what everybody takes for it.
pub type Results = [(Workload, Vec<Figure>)];

pub fn preface(circumstances: &Circumstances) -> String {
    let Circumstances { date, processor, compiler } = circumstances;
    let mut out = format!("In memory, {date}, {processor}, {compiler}.\n\n");
    for contender in CONTENDERS {
        let version = match contender.kind {
            Kind::Peer => format!(" {}", contender.version()),
            Kind::Limit | Kind::Ours => String::new(),
        };
        let _ = writeln!(out, "- {}{version}: {}", contender.name, contender.notes);
    }
    out.push_str(
        "\nA ratio to the limit is to the one that hands out messages in the same way: the slices \
         for those marked *, which lend theirs, else the `Bytes`. A limit is compiled for any \
         processor of its kind; who looks for instructions of newer ones can be below it. Time is \
         the processor's of one thread, the median of rounds in turn, with the quartiles. All have \
         the system's allocator.\n",
    );
    out
}

/// The limit that a figure compares to: the one of its kind, where there are two.
fn limit_of(figure: &Figure, figures: &[Figure]) -> Option<f64> {
    let limits = || figures.iter().filter(|other| other.contender.kind == Kind::Limit);
    let same = limits().find(|limit| limit.contender.hands == figure.contender.hands);
    same.or_else(|| limits().next()).map(|limit| limit.ns)
}

fn best_peer(figures: &[Figure]) -> Option<&Figure> {
    let peers = figures.iter().filter(|figure| figure.contender.kind == Kind::Peer);
    peers.min_by(|one, other| one.ns.total_cmp(&other.ns))
}

pub fn table(workload: &Workload, figures: &[Figure]) -> String {
    let mut out = format!(
        "\n### {}\n\n| who | ns each | quartiles | to the limit | to the best peer | writes each |\n\
         |---|---:|---:|---:|---:|---:|\n",
        workload.name
    );
    let best = best_peer(figures);
    for figure in figures {
        let lends = if figure.contender.hands == Hands::Lent { " *" } else { "" };
        let name = match figure.contender.kind {
            Kind::Ours => format!("**{}**{lends}", figure.contender.name),
            Kind::Limit | Kind::Peer => format!("{}{lends}", figure.contender.name),
        };
        let (low, high) = figure.quartiles;
        let ratio = |to: Option<f64>| to.map_or("".into(), |to| format!("{:.2}", figure.ns / to));
        let _ = writeln!(
            out,
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
    out
}

/// With three digits that say something.
fn number(ns: f64) -> String {
    match ns {
        ..100.0 => format!("{ns:.1}"),
        ..10_000.0 => format!("{ns:.0}"),
        _ => format!("{:.1} µs", ns / 1000.0),
    }
}

/// Names are of letters, digits and punctuation that JSON takes as it is.
pub fn json(circumstances: &Circumstances, rounds: usize, results: &Results) -> String {
    let workload = |(workload, figures): &(Workload, Vec<Figure>)| {
        let figures: Vec<_> = figures.iter().map(figure_json).collect();
        let name = &workload.name;
        format!("    {{\"name\": \"{name}\", \"figures\": [\n{}\n    ]}}", figures.join(",\n"))
    };
    let workloads: Vec<_> = results.iter().map(workload).collect();
    format!(
        "{{\n{}  \"rounds\": {rounds},\n  \"workloads\": [\n{}\n  ]\n}}\n",
        circumstances.json(),
        workloads.join(",\n")
    )
}

fn figure_json(figure: &Figure) -> String {
    let contender = figure.contender;
    let (low, high) = figure.quartiles;
    format!(
        "      {{\"name\": \"{}\", \"version\": \"{}\", \"kind\": \"{}\", \"lends\": {}, \
         \"ns\": {:.2}, \"quartiles\": [{low:.2}, {high:.2}], \"writes\": {:.3}}}",
        contender.name,
        contender.version(),
        contender.kind.name(),
        contender.hands == Hands::Lent,
        figure.ns,
        figure.writes
    )
}

pub fn draw(results: &Results) -> String {
    let line = |(workload, figures): &(Workload, Vec<Figure>)| {
        let best = best_peer(figures)?.ns;
        let ns = number(best);
        let unit = if ns.ends_with('s') { "" } else { " ns" };
        let of = |figure: &Figure| (figure.contender.name, figure.contender.kind, figure.ns / best);
        let points = figures.iter().map(of).collect();
        Some(Line { name: workload.name.clone(), one: format!("{ns}{unit}"), points })
    };
    let lines: Vec<_> = results.iter().filter_map(line).collect();
    let title = "Processor time of a message or handshake, in times of the fastest other library";
    chart::draw(title, (0.125, 16.0), &lines)
}
