//! The life of a connection as a drawing: bytes, frames, round trips and the end, over time.
//!
//! Plain SVG whose colours come from the page, so that it reads in light and in dark. From the top:
//! what was received, the peer's frames, round trips, our frames, what was sent, the time.

mod bars;
mod label;
mod scale;
mod silence;

use std::fmt::Write as _;
use std::time::Duration;

use farewell::OpCode;

use crate::report::bytes;
use crate::tape::{Frame, Side, Tape, Way};
use crate::words::span;

use bars::bars;
use label::{CHARACTER, Kind, Label, labels};
use scale::Scale;
use silence::silences;

/// Each drawing is there in these widths, of which the page shows the one that it has room for.
const SIZES: [Size; 3] = [
    Size { name: "narrow", width: 460.0, left: 92.0 },
    Size { name: "middle", width: 680.0, left: 100.0 },
    Size { name: "wide", width: 960.0, left: 112.0 },
];

const HEIGHT: f64 = 300.0;

/// How wide a name of a tick may be.
const TICK: f64 = 52.0;

const TOP: f64 = 30.0;
const BOTTOM: f64 = 272.0;

/// How high a bar gets, and where each begins: upwards and downwards.
const BAR: f64 = 58.0;
const RECEIVED: f64 = 96.0;
const SENT: f64 = 206.0;

/// The lanes of the frames, and the lines of text beside them.
const IN: f64 = 126.0;
const OUT: f64 = 176.0;
const IN_TEXT: f64 = 113.0;
const OUT_TEXT: f64 = 196.0;
const BETWEEN: f64 = 155.0;

#[derive(Debug, Clone, Copy)]
struct Size {
    name: &'static str,
    width: f64,
    /// Where the plot begins.
    left: f64,
}

impl Size {
    /// Where it ends.
    fn right(self) -> f64 {
        self.width - 16.0
    }
}

/// Lines of SVG: writing into it cannot fail.
struct Svg {
    text: String,
    size: Size,
    scale: Scale,
    /// Where labels end: before the line at the end.
    margin: f64,
}

/// What a report says of a life, for its drawing.
pub(crate) struct Told {
    /// What stands at the end.
    pub(crate) end: String,
    /// The end is called clean, and is no good one.
    pub(crate) flawed: bool,
    /// This process slept or was busy.
    pub(crate) away: Option<Away>,
}

/// A time in which this process did not look at the connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Away {
    /// When it had last looked, and when it did again: of what happened between, nothing is known.
    pub(crate) last: Duration,
    pub(crate) back: Duration,
    /// From when on it was late: so long it was away at least.
    pub(crate) late: Duration,
}

/// The drawing of a tape, in every width.
pub(crate) fn svgs(tape: &Tape, told: &Told) -> String {
    SIZES.map(|size| svg(tape, told, size)).concat()
}

fn svg(tape: &Tape, told: &Told, size: Size) -> String {
    let last = tape.frames.iter().map(|frame| frame.at).max();
    let last = last.max(tape.received.last()).max(tape.sent.last()).max(tape.ended);
    let last = last.unwrap_or_default();
    let scale = Scale::new(last, size.left, size.right());
    let margin = tape.ended.map_or(size.right(), |end| scale.x(end) - 5.0).max(size.left);
    let mut svg = Svg { text: String::new(), size, scale, margin };
    let title = format!("{} received, {} sent", bytes(tape.received.bytes), bytes(tape.sent.bytes));
    svg.line(format_args!(
        "<svg class=\"{}\" viewBox=\"0 0 {} {HEIGHT}\" role=\"img\" aria-label=\"Timeline: {title}\">",
        size.name, size.width
    ));
    svg.axis();
    svg.opening(tape);
    if let Some(Away { last, back, late }) = told.away {
        svg.band("away", (late, back), (TOP, BOTTOM), BETWEEN, "");
        let text = format!("this process was away: at least {}", span(back.saturating_sub(late)));
        svg.band("away", (last, back), (TOP, BOTTOM), BETWEEN, &text);
    }
    let away = told.away.map(|away| (away.last, away.back));
    for (from, to) in silences(tape, last, away) {
        let text = format!("silence: {}", span(to.saturating_sub(from)));
        svg.band("silence", (from, to), (IN + 9.0, OUT - 9.0), BETWEEN, &text);
    }
    let end = tape.ended.map_or(size.right(), |end| svg.scale.x(end));
    svg.bytes(&tape.received, end, "received", RECEIVED, -BAR);
    svg.bytes(&tape.sent, end, "sent", SENT, BAR);
    svg.name(IN + 4.0, "peer's frames");
    svg.name(OUT + 4.0, "our frames");
    svg.round_trips(tape);
    for way in [Way::In, Way::Out] {
        svg.lane(tape, way);
    }
    if let Some(at) = tape.ended {
        svg.end(at, told);
    }
    svg.line(format_args!("</svg>"));
    svg.text
}

impl Side {
    fn last(&self) -> Option<Duration> {
        let curve = self.curve.last().map(|(at, _)| *at);
        curve.max(self.end.as_ref().map(|(at, _)| *at))
    }
}

impl Svg {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.text, "{line}");
    }

    /// Text to the left of the plot.
    fn name(&mut self, y: f64, name: &str) {
        let x = self.size.left - 12.0;
        self.line(format_args!("<text class=\"name\" x=\"{x}\" y=\"{y}\">{name}</text>"));
    }

    fn axis(&mut self) {
        let (left, right) = (self.size.left, self.size.right());
        let ticks = self.scale.ticks();
        // Not each has a name where they stand close.
        let named = (ticks.len() as f64 * TICK / (right - left)).ceil().max(1.0) as usize;
        for (index, (at, name)) in ticks.into_iter().enumerate() {
            let x = self.scale.x(at);
            self.line(format_args!("<path class=\"grid\" d=\"M{x:.1} {TOP}V{BOTTOM}\"/>"));
            if index % named == 0 {
                let y = BOTTOM + 16.0;
                self.line(format_args!(
                    "<text class=\"tick\" x=\"{x:.1}\" y=\"{y}\">{name}</text>"
                ));
            }
        }
        self.line(format_args!("<path class=\"axis\" d=\"M{left} {BOTTOM}H{right}\"/>"));
        for y in [IN, OUT] {
            self.line(format_args!("<path class=\"rail\" d=\"M{left} {y}H{right}\"/>"));
        }
    }

    /// The opening handshake, until both heads have passed.
    fn opening(&mut self, tape: &Tape) {
        let heads = [&tape.received.head, &tape.sent.head];
        let over = match heads.map(|head| head.as_ref().map(|(at, _)| *at)) {
            [Some(one), Some(other)] => one.max(other),
            _ => tape.ended.unwrap_or_default(),
        };
        let mut opening = |class: &str, name: &str, from: Duration, to: Duration| {
            let text = format!("{name}: {}", span(to.saturating_sub(from)));
            self.band(class, (from, to), (TOP, BOTTOM), BETWEEN, &text);
        };
        match tape.secured {
            None => opening("opening", "opening handshake", Duration::ZERO, over),
            Some(None) => opening("opening tls", "TLS handshake", Duration::ZERO, over),
            Some(Some(secured)) => {
                opening("opening tls", "TLS handshake", Duration::ZERO, secured);
                opening("opening", "opening handshake", secured, over);
            }
        }
    }

    /// A span of time, with its name where there is room.
    fn band(
        &mut self,
        class: &str,
        (from, to): (Duration, Duration),
        (top, bottom): (f64, f64),
        y: f64,
        text: &str,
    ) {
        let (x, height) = (self.scale.x(from), bottom - top);
        let width = self.scale.x(to) - x;
        self.line(format_args!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{top}\" width=\"{width:.1}\" \
             height=\"{height}\"><title>{text}</title></rect>"
        ));
        if !text.is_empty() && width > 6.0 * text.len() as f64 {
            let x = x + width / 2.0;
            self.line(format_args!("<text class=\"tick\" x=\"{x:.1}\" y=\"{y}\">{text}</text>"));
        }
    }

    /// Bytes, moment by moment, from `base` towards `base + height`; a line where none go.
    fn bytes(&mut self, side: &Side, end: f64, name: &str, base: f64, height: f64) {
        let middle = base + height / 2.0;
        self.name(middle, name);
        self.name(middle + 14.0, &bytes(side.bytes));
        let left = self.size.left;
        self.line(format_args!("<path class=\"ground {name}\" d=\"M{left} {base}H{end:.1}\"/>"));
        let mut path = String::new();
        for bar in bars(&side.curve, &self.scale) {
            // Writing into a string cannot fail.
            let (y, right) = (base + height * bar.height, bar.x + bar.width);
            let _ = write!(path, "M{:.1} {base}V{y:.1}H{right:.1}V{base}Z", bar.x);
        }
        if !path.is_empty() {
            self.line(format_args!("<path class=\"bytes {name}\" d=\"{path}\"/>"));
        }
    }

    /// From each answered Ping to its Pong.
    fn round_trips(&mut self, tape: &Tape) {
        let mut trips = Vec::new();
        for ping in &tape.frames {
            let Some(pong) = ping.answered else { continue };
            let (from, to) = (self.scale.x(ping.at), self.scale.x(pong));
            let (start, end) = if ping.way == Way::Out { (OUT, IN) } else { (IN, OUT) };
            let trip = pong.saturating_sub(ping.at);
            self.line(format_args!(
                "<path class=\"trip\" d=\"M{from:.1} {start}L{to:.1} {end}\">\
                 <title>round trip: {}</title></path>",
                span(trip)
            ));
            if ping.way == Way::Out {
                // Beside the line, not over it.
                trips.push((to + 10.0, Kind::RoundTrip(trip)));
            }
        }
        self.texts(trips, BETWEEN);
    }

    /// The frames that went one way, with what the stream began and ended with.
    fn lane(&mut self, tape: &Tape, way: Way) {
        let (side, y, text) = match way {
            Way::In => (&tape.received, IN, IN_TEXT),
            Way::Out => (&tape.sent, OUT, OUT_TEXT),
        };
        let mut events = Vec::new();
        if let Some((at, line)) = &side.head {
            events.push((*at, Kind::Head(line.clone())));
            self.mark(*at, y, "head", line);
        }
        for frame in tape.frames.iter().filter(|frame| frame.way == way) {
            let kind = Kind::of(frame);
            self.mark(frame.at, y, class(frame), &kind.in_full(frame));
            events.push((frame.at, kind));
        }
        if let Some(at) = side.broken {
            self.mark(at, y, "broken", "no valid frame");
            events.push((at, Kind::Broken));
        }
        if let Some((at, how)) = &side.end {
            self.mark(*at, y, "eof", &format!("the stream ended: {how}"));
            events.push((*at, Kind::End(how.clone())));
        }
        events.sort_by_key(|(at, _)| *at);
        let events = events.into_iter().map(|(at, kind)| (self.scale.x(at), kind)).collect();
        self.texts(events, text);
    }

    fn mark(&mut self, at: Duration, y: f64, class: &str, title: &str) {
        let x = self.scale.x(at);
        let shape = match class {
            "ping" => format!("M{:.1} {}h10l-5 -9Z", x - 5.0, y + 4.0),
            "pong" => format!("M{:.1} {}h10l-5 9Z", x - 5.0, y - 4.0),
            "close" => format!("M{x:.1} {}l7 7l-7 7l-7 -7Z", y - 7.0),
            "eof" => format!("M{x:.1} {}v18", y - 9.0),
            "broken" => format!("M{:.1} {}l10 10m0 -10l-10 10", x - 5.0, y - 5.0),
            "head" => format!("M{:.1} {}h6v10h-6Z", x - 3.0, y - 5.0),
            _ => format!("M{:.1} {}h8v8h-8Z", x - 4.0, y - 4.0),
        };
        let title = escape(title);
        self.line(format_args!(
            "<path class=\"mark {class}\" d=\"{shape}\"><title>{title}</title></path>"
        ));
    }

    /// Writes what stands beside a lane, none over another.
    fn texts(&mut self, events: Vec<(f64, Kind)>, y: f64) {
        for Label { x, text } in labels(events, self.size.left, self.margin) {
            let text = escape(&text);
            self.line(format_args!("<text class=\"label\" x=\"{x:.1}\" y=\"{y}\">{text}</text>"));
        }
    }

    fn end(&mut self, at: Duration, told: &Told) {
        let x = self.scale.x(at);
        let width = self.size.width;
        let (anchor, text, room) = match x > width / 2.0 {
            true => ("end", x - 6.0, x - 6.0),
            false => ("start", x + 6.0, width - x - 6.0),
        };
        let end = escape(&shortened(&told.end, room));
        let flawed = if told.flawed { " flawed" } else { "" };
        self.line(format_args!(
            "<path class=\"end\" d=\"M{x:.1} {}V{BOTTOM}\"/>\
             <text class=\"flag{flawed}\" x=\"{text:.1}\" y=\"{}\" text-anchor=\"{anchor}\">{end}</text>",
            TOP - 16.0,
            TOP - 10.0
        ));
    }
}

/// As much of a text as there is room for; the page has all of it above.
fn shortened(text: &str, room: f64) -> String {
    let most = (room / CHARACTER) as usize;
    if text.chars().count() <= most {
        return text.into();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

fn class(frame: &Frame) -> &'static str {
    match (frame.opcode, frame.way) {
        (OpCode::Ping, _) => "ping",
        (OpCode::Pong, _) => "pong",
        (OpCode::Close, _) => "close",
        (_, Way::In) if frame.complete => "data in",
        (_, Way::Out) if frame.complete => "data out",
        (_, Way::In) => "data in partial",
        (_, Way::Out) => "data out partial",
    }
}

/// Text for HTML, whoever wrote it.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            control if control.is_control() => safe.push(' '),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use farewell::Role;

    use super::*;

    const fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Messages in the first second, then nothing for ten, then another.
    fn idle() -> Tape {
        let mut tape = Tape::new(Role::Client);
        tape.sent.head = Some((at(0), "GET / HTTP/1.1".into()));
        tape.received.head = Some((at(1), "HTTP/1.1 101 Switching Protocols".into()));
        tape.sent.curve = vec![(at(0), 160)];
        tape.received.curve =
            vec![(at(1), 130), (at(500), 230), (at(1000), 330), (at(11_000), 430)];
        (tape.sent.bytes, tape.received.bytes) = (160, 430);
        tape.ended = Some(at(11_500));
        tape
    }

    fn told(away: Option<Away>) -> Told {
        Told { end: "clean (1000): closing handshake".into(), flawed: false, away }
    }

    /// The places of the bars of a direction.
    fn bars_of(svg: &str, name: &str) -> Vec<f64> {
        let (_, path) = svg.split_once(&format!("class=\"bytes {name}\" d=\"")).unwrap();
        let (path, _) = path.split_once('"').unwrap();
        let starts = path.split('M').skip(1);
        starts.map(|bar| bar.split(' ').next().unwrap().parse().unwrap()).collect()
    }

    #[test]
    fn ten_idle_seconds_are_drawn_as_none() {
        let wide = SIZES[2];
        let svg = svg(&idle(), &told(None), wide);
        let scale = Scale::new(at(11_500), wide.left, wide.right());
        let bars = bars_of(&svg, "received");
        assert_eq!(bars.len(), 4, "{bars:?}");
        let silent = scale.x(at(1_100))..scale.x(at(10_900));
        assert!(!bars.iter().any(|x| silent.contains(x)), "{bars:?}");
        assert!(svg.contains("<title>silence: 10.0 s</title>"), "{svg}");
        assert!(svg.contains(">silence: 10.0 s</text>"), "{svg}");
    }

    /// Names of ticks do not touch, and the end's words stay within the drawing.
    #[test]
    fn what_is_narrow_has_fewer_words() {
        let end =
            "unclean (1006): nothing came for 20 s after a Ping was sent, and then some".to_owned();
        for (size, whole) in SIZES.into_iter().zip([false, true, true]) {
            let svg = svg(&idle(), &Told { end: end.clone(), ..told(None) }, size);
            let places: Vec<f64> = svg
                .split("<text class=\"tick\" x=\"")
                .skip(1)
                .filter(|text| text.contains(&format!("y=\"{}\"", BOTTOM + 16.0)))
                .map(|text| text.split('"').next().unwrap().parse().unwrap())
                .collect();
            assert!(places.len() > 3, "{places:?}");
            assert!(places.windows(2).all(|pair| pair[1] - pair[0] > 35.0), "{places:?}");
            assert_eq!(svg.contains(&end), whole, "{}", size.name);
            assert!(svg.contains("unclean (1006): nothing came"), "{}", size.name);
        }
    }

    #[test]
    fn a_sleep_is_marked_and_no_silence() {
        let away = Away { last: at(1_200), late: at(7_000), back: at(11_000) };
        let svg = svg(&idle(), &told(Some(away)), SIZES[2]);
        assert_eq!(svg.matches("class=\"away\"").count(), 2, "{svg}");
        assert!(svg.contains(">this process was away: at least 4.0 s</text>"), "{svg}");
        assert!(!svg.contains("class=\"silence\""), "{svg}");
    }

    #[test]
    fn a_clean_end_that_is_no_good_one_is_marked() {
        let flawed = |flawed| svgs(&idle(), &Told { flawed, ..told(None) });
        assert!(flawed(true).contains("class=\"flag flawed\""));
        assert!(!flawed(false).contains("flawed"));
    }

    /// What has no rule is black, in the dark as well.
    #[test]
    fn everything_drawn_has_its_colours() {
        let style = include_str!("page.css");
        let mut tape = idle();
        tape.received.broken = Some(at(600));
        tape.received.end = Some((at(11_200), "FIN".into()));
        let away = Away { last: at(5_000), late: at(6_000), back: at(8_000) };
        let svg = svgs(&tape, &told(Some(away)));
        for classes in svg.split("class=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            let has_rule =
                |class| [' ', ','].iter().any(|end| style.contains(&format!(".{class}{end}")));
            let rule = classes.split(' ').any(has_rule);
            assert!(rule, "no colour for {classes}");
        }
    }
}
