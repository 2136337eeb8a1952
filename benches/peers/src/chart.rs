//! A chart of all workloads: each on a line, everybody a point, on a logarithmic scale on which the
//! fastest of the other libraries is 1.

use std::fmt::Write;

use crate::contender::Kind;
use crate::measure::Figure;
use crate::report::{best_peer, number};
use crate::workloads::Workload;

const WIDTH: f64 = 860.0;
const LEFT: f64 = 300.0;
const RIGHT: f64 = 780.0;
const TOP: f64 = 78.0;
const LINE: f64 = 20.0;
/// What is drawn, in times of the best peer. What is more lies at the edge.
const RANGE: (f64, f64) = (0.125, 16.0);

const COLOURS: [(&str, &str); 4] = [
    ("farewell Connection", "#1f6f5c"),
    ("farewell Session", "#2ca02c"),
    ("farewell tokio", "#d62728"),
    ("farewell blocking", "#ff7f0e"),
];

pub fn draw(results: &[(Workload, Vec<Figure>)]) -> String {
    let height = TOP + LINE * results.len() as f64 + 30.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    let title = "Processor time of a message or handshake, in times of the fastest other library";
    text(&mut out, 10.0, 20.0, "start", &format!("{title} (left is better)"));
    legend(&mut out);
    let bottom = TOP + LINE * results.len() as f64;
    for ratio in [0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0] {
        let colour = if ratio == 1.0 { "#444444" } else { "#dddddd" };
        let _ = writeln!(
            out,
            "<line x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"{TOP}\" y2=\"{bottom}\" stroke=\"{colour}\"/>",
            x(ratio)
        );
        text(&mut out, x(ratio), bottom + 16.0, "middle", &format!("{ratio}"));
    }
    text(&mut out, WIDTH - 10.0, TOP - 8.0, "end", "1 is");
    for (number, (workload, figures)) in results.iter().enumerate() {
        line(&mut out, TOP + LINE * (number as f64 + 0.5), workload, figures);
    }
    out.push_str("</svg>\n");
    out
}

/// Where a ratio lies.
fn x(ratio: f64) -> f64 {
    let (least, most) = RANGE;
    let share = (ratio.clamp(least, most) / least).log2() / (most / least).log2();
    LEFT + share * (RIGHT - LEFT)
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, words: &str) {
    let _ =
        writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>");
}

fn point(out: &mut String, x: f64, y: f64, radius: f64, colour: &str) {
    let _ = writeln!(out, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{colour}\"/>");
}

/// A bar for a loop written by hand.
fn bar(out: &mut String, x: f64, y: f64) {
    let _ = writeln!(
        out,
        "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{:.1}\" stroke=\"#1f77b4\" \
         stroke-width=\"2\"/>",
        y - 7.0,
        y + 7.0
    );
}

fn legend(out: &mut String) {
    let mut at = 16.0;
    let mut entry = |name: &str, mark: &mut dyn FnMut(&mut String, f64)| {
        mark(out, at);
        text(out, at + 9.0, 48.0, "start", name);
        at += 24.0 + 6.7 * name.len() as f64;
    };
    for (name, colour) in COLOURS {
        entry(name, &mut |out, x| point(out, x, 44.0, 4.5, colour));
    }
    entry("other libraries", &mut |out, x| point(out, x, 44.0, 3.0, "#999999"));
    entry("written by hand", &mut |out, x| bar(out, x, 44.0));
}

fn line(out: &mut String, y: f64, workload: &Workload, figures: &[Figure]) {
    text(out, 10.0, y + 4.0, "start", &workload.name);
    let Some(best) = best_peer(figures) else { return };
    // Ours lie on top.
    let order = [Kind::Peer, Kind::Limit, Kind::Ours];
    for figure in order.iter().flat_map(|kind| figures.iter().filter(|f| f.contender.kind == *kind))
    {
        let at = x(figure.ns / best.ns);
        match figure.contender.kind {
            Kind::Limit => bar(out, at, y),
            Kind::Peer => point(out, at, y, 3.0, "#999999"),
            Kind::Ours => {
                let known = COLOURS.iter().find(|(name, _)| *name == figure.contender.name);
                point(out, at, y, 4.5, known.map_or("#000000", |(_, colour)| colour));
            }
        }
    }
    let ns = number(best.ns);
    let unit = if ns.ends_with('s') { "" } else { " ns" };
    text(out, WIDTH - 10.0, y + 4.0, "end", &format!("{ns}{unit}"));
}
