//! What was measured over sockets, as Markdown, as JSON, and as a chart.

use std::fmt::Write;

use super::servers::SERVERS;
use super::{Figure, Scenario};
use crate::chart::{self, Line};
use crate::contender::Kind;
use crate::page::Circumstances;

pub fn preface(circumstances: &Circumstances) -> String {
    let Circumstances { date, processor, compiler } = circumstances;
    let mut out = format!("Over loopback, {date}, {processor}, {compiler}.\n\n");
    for server in &SERVERS {
        let _ = writeln!(out, "- {}: {}", server.name, server.notes);
    }
    out.push_str(
        "\nEach server is a process on one core; the load generator is on another one. What counts \
         is the processor's time of the server for each message of 16 bytes, kernel included: the \
         median of rounds in turn, with the quartiles. Ratios are medians of the ratios of each \
         round.\n",
    );
    out
}

/// The value below which this share of them lies.
fn at(times: &[f64], share: f64) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}

/// The median of what a figure is in times of another one, round by round.
fn ratio(figure: &Figure, to: &Figure) -> f64 {
    let pairs = figure.times.iter().zip(&to.times);
    at(&pairs.map(|(one, other)| one / other).collect::<Vec<_>>(), 0.5)
}

/// Those with the same kind of tasks: a server with threads compares to others with threads.
fn alike<'a>(figure: &Figure, figures: &'a [Figure]) -> impl Iterator<Item = &'a Figure> {
    let threads = figure.server.threads;
    figures.iter().filter(move |other| other.server.threads == threads)
}

fn bare<'a>(figure: &Figure, figures: &'a [Figure]) -> Option<&'a Figure> {
    alike(figure, figures).find(|other| other.server.kind == Kind::Limit)
}

fn best_peer<'a>(figure: &Figure, figures: &'a [Figure]) -> Option<&'a Figure> {
    let peers = alike(figure, figures).filter(|other| other.server.kind == Kind::Peer);
    peers.min_by(|one, other| at(&one.times, 0.5).total_cmp(&at(&other.times, 0.5)))
}

pub fn table(scenario: &Scenario) -> String {
    let Scenario { connections, depth, figures } = scenario;
    let mut out = format!(
        "\n### {connections} connections, {depth} in flight on each\n\n\
         | server | µs of its processor | quartiles | to the bare echo | to the best peer |\n\
         |---|---:|---:|---:|---:|\n"
    );
    for figure in figures {
        let name = match figure.server.kind {
            Kind::Ours => format!("**{}**", figure.server.name),
            Kind::Limit | Kind::Peer => figure.server.name.to_owned(),
        };
        let told =
            |to: Option<&Figure>| to.map_or("".into(), |to| format!("{:.2}", ratio(figure, to)));
        let us = |share| at(&figure.times, share) / 1000.0;
        let _ = writeln!(
            out,
            "| {name} | {:.2} | {:.2} - {:.2} | {} | {} |",
            us(0.5),
            us(0.25),
            us(0.75),
            told(bare(figure, figures)),
            told(best_peer(figure, figures))
        );
    }
    out
}

pub fn json(circumstances: &Circumstances, results: &[Scenario]) -> String {
    let scenario = |scenario: &Scenario| {
        let of = |figure| figure_json(figure, &scenario.figures);
        let servers: Vec<_> = scenario.figures.iter().map(of).collect();
        format!(
            "    {{\"connections\": {}, \"depth\": {}, \"rounds\": {}, \"servers\": [\n{}\n    ]}}",
            scenario.connections,
            scenario.depth,
            scenario.figures.first().map_or(0, |figure| figure.times.len()),
            servers.join(",\n")
        )
    };
    let scenarios: Vec<_> = results.iter().map(scenario).collect();
    format!("{{\n{}  \"scenarios\": [\n{}\n  ]\n}}\n", circumstances.json(), scenarios.join(",\n"))
}

fn figure_json(figure: &Figure, figures: &[Figure]) -> String {
    let share = |share| at(&figure.times, share);
    let to = |other: Option<&Figure>| {
        other.map_or("null".into(), |other| format!("{:.3}", ratio(figure, other)))
    };
    format!(
        "      {{\"name\": \"{}\", \"kind\": \"{}\", \"threads\": {}, \"ns\": {:.1}, \
         \"quartiles\": [{:.1}, {:.1}], \"to_bare\": {}, \"to_best\": {}}}",
        figure.server.name,
        figure.server.kind.name(),
        figure.server.threads,
        share(0.5),
        share(0.25),
        share(0.75),
        to(bare(figure, figures)),
        to(best_peer(figure, figures))
    )
}

pub fn draw(results: &[Scenario]) -> String {
    let mut lines = Vec::new();
    for (threads, word) in [(false, "tokio"), (true, "threads")] {
        for Scenario { connections, depth, figures } in results {
            let Some(first) = figures.iter().find(|figure| figure.server.threads == threads) else {
                continue;
            };
            let Some(best) = best_peer(first, figures) else { continue };
            let of =
                |figure: &Figure| (figure.server.name, figure.server.kind, ratio(figure, best));
            lines.push(Line {
                name: format!("{word}: {connections} connections, {depth} in flight"),
                one: format!("{:.2} µs", at(&best.times, 0.5) / 1000.0),
                points: alike(first, figures).map(of).collect(),
            });
        }
    }
    let title = "Processor time of a server for an echo, in times of the fastest other library";
    chart::draw(title, (0.125, 16.0), &lines)
}
