//! A chart: each work on a line, everybody a point, on a logarithmic scale on which the fastest of
//! the other libraries is 1. It has a background of its own, so it can be read on any page.

use std::fmt::Write;

use crate::contender::Kind;

/// One work, and who took how much of what the best peer took.
pub struct Line {
    pub name: String,
    /// What 1 is.
    pub one: String,
    pub points: Vec<(&'static str, Kind, f64)>,
}

const WIDTH: f64 = 860.0;
const LEFT: f64 = 300.0;
const RIGHT: f64 = 780.0;
const TOP: f64 = 78.0;
const LINE: f64 = 20.0;

/// Those that can be told apart with every kind of sight.
const COLOURS: [(&str, &str); 4] = [
    ("farewell Connection", "#009e73"),
    ("farewell Session", "#56b4e9"),
    ("farewell tokio", "#d55e00"),
    ("farewell blocking", "#e69f00"),
];

/// What lies outside the range is drawn at its edge.
pub fn draw(title: &str, range: (f64, f64), lines: &[Line]) -> String {
    let bottom = TOP + LINE * lines.len() as f64;
    let height = bottom + 30.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" rx=\"6\" fill=\"#ffffff\"/>\n"
    );
    text(&mut out, 10.0, 20.0, "start", &format!("{title} (left is better)"));
    legend(&mut out, lines);
    let mut ratio = range.0;
    while ratio <= range.1 {
        let colour = if ratio == 1.0 { "#444444" } else { "#dddddd" };
        let _ = writeln!(
            out,
            "<line x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"{TOP}\" y2=\"{bottom}\" stroke=\"{colour}\"/>",
            x(ratio, range)
        );
        let edge = match ratio {
            _ if ratio == range.0 => "≤ ",
            _ if ratio == range.1 => "≥ ",
            _ => "",
        };
        text(&mut out, x(ratio, range), bottom + 16.0, "middle", &format!("{edge}{ratio}"));
        ratio *= 2.0;
    }
    text(&mut out, WIDTH - 10.0, TOP - 8.0, "end", "1 is");
    for (number, each) in lines.iter().enumerate() {
        line(&mut out, TOP + LINE * (number as f64 + 0.5), each, range);
    }
    out.push_str("</svg>\n");
    out
}

/// Where a ratio lies.
fn x(ratio: f64, (least, most): (f64, f64)) -> f64 {
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
        "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{:.1}\" stroke=\"#333333\" \
         stroke-width=\"2\"/>",
        y - 7.0,
        y + 7.0
    );
}

fn legend(out: &mut String, lines: &[Line]) {
    let mut at = 16.0;
    let mut entry = |name: &str, mark: &mut dyn FnMut(&mut String, f64)| {
        mark(out, at);
        text(out, at + 9.0, 48.0, "start", name);
        at += 24.0 + 6.7 * name.len() as f64;
    };
    let drawn = |name| lines.iter().flat_map(|line| &line.points).any(|(other, ..)| *other == name);
    for (name, colour) in COLOURS.into_iter().filter(|(name, _)| drawn(*name)) {
        entry(name, &mut |out, x| point(out, x, 44.0, 4.5, colour));
    }
    entry("other libraries", &mut |out, x| point(out, x, 44.0, 3.0, "#999999"));
    entry("written by hand", &mut |out, x| bar(out, x, 44.0));
}

fn line(out: &mut String, y: f64, line: &Line, range: (f64, f64)) {
    text(out, 10.0, y + 4.0, "start", &line.name);
    // Ours lie on top.
    for drawn in [Kind::Peer, Kind::Limit, Kind::Ours] {
        for (name, _, ratio) in line.points.iter().filter(|(_, kind, _)| *kind == drawn) {
            let at = x(*ratio, range);
            match drawn {
                Kind::Limit => bar(out, at, y),
                Kind::Peer => point(out, at, y, 3.0, "#999999"),
                Kind::Ours => {
                    let known = COLOURS.iter().find(|(other, _)| other == name);
                    point(out, at, y, 4.5, known.map_or("#000000", |(_, colour)| colour));
                }
            }
        }
    }
    text(out, WIDTH - 10.0, y + 4.0, "end", &line.one);
}
