//! The life of a connection as a drawing: bytes, frames, round trips and the end, over time.
//!
//! Plain SVG whose colours come from the page, so that it reads in light and in dark. From the top:
//! what was received, the peer's frames, round trips, our frames, what was sent, the time.

mod label;
mod scale;
mod silence;

use std::fmt::Write as _;
use std::time::Duration;

use farewell::OpCode;

use crate::report::bytes;
use crate::tape::{Frame, Side, Tape, Way};
use crate::words::span;

use label::{Kind, Label, labels};
use scale::Scale;
use silence::{pauses, silences};

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 300.0;

/// Where the plot begins and ends.
const LEFT: f64 = 112.0;
const RIGHT: f64 = WIDTH - 16.0;

const TOP: f64 = 30.0;
const BOTTOM: f64 = 272.0;

/// How high a curve gets, and where each begins: upwards and downwards.
const CURVE: f64 = 58.0;
const RECEIVED: f64 = 96.0;
const SENT: f64 = 206.0;

/// The lanes of the frames, and the lines of text beside them.
const IN: f64 = 126.0;
const OUT: f64 = 176.0;
const IN_TEXT: f64 = 113.0;
const OUT_TEXT: f64 = 196.0;
const BETWEEN: f64 = 155.0;

/// Lines of SVG: writing into it cannot fail.
struct Svg {
    text: String,
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
    /// This process slept or was busy, from when to when at least.
    pub(crate) away: Option<(Duration, Duration)>,
}

/// The drawing of a tape.
pub(crate) fn svg(tape: &Tape, told: &Told) -> String {
    let last = tape.frames.iter().map(|frame| frame.at).max();
    let last = last.max(tape.received.last()).max(tape.sent.last()).max(tape.ended);
    let last = last.unwrap_or_default();
    let scale = Scale::new(last, LEFT, RIGHT);
    let margin = tape.ended.map_or(RIGHT, |end| scale.x(end) - 5.0).max(LEFT);
    let mut svg = Svg { text: String::new(), scale, margin };
    let title = format!("{} received, {} sent", bytes(tape.received.bytes), bytes(tape.sent.bytes));
    svg.line(format_args!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"Timeline: {title}\">"
    ));
    svg.axis();
    svg.opening(tape);
    if let Some((from, to)) = told.away {
        let text = format!("this process was away: {}", span(to.saturating_sub(from)));
        svg.band("away", (from, to), (TOP, BOTTOM), TOP + 12.0, &text);
    }
    for (from, to) in silences(tape, last) {
        let text = format!("silence: {}", span(to.saturating_sub(from)));
        svg.band("silence", (from, to), (IN + 9.0, OUT - 9.0), BETWEEN, &text);
    }
    svg.curve(&tape.received, (tape.ended, last), "received", RECEIVED, -CURVE);
    svg.curve(&tape.sent, (tape.ended, last), "sent", SENT, CURVE);
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
        let x = LEFT - 12.0;
        self.line(format_args!("<text class=\"name\" x=\"{x}\" y=\"{y}\">{name}</text>"));
    }

    fn axis(&mut self) {
        for (at, label) in self.scale.ticks() {
            let x = self.scale.x(at);
            self.line(format_args!(
                "<path class=\"grid\" d=\"M{x:.1} {TOP}V{BOTTOM}\"/>\
                 <text class=\"tick\" x=\"{x:.1}\" y=\"{}\">{label}</text>",
                BOTTOM + 16.0
            ));
        }
        self.line(format_args!("<path class=\"axis\" d=\"M{LEFT} {BOTTOM}H{RIGHT}\"/>"));
        for y in [IN, OUT] {
            self.line(format_args!("<path class=\"rail\" d=\"M{LEFT} {y}H{RIGHT}\"/>"));
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

    /// Bytes so far, in steps, from `base` towards `base + height`.
    fn curve(
        &mut self,
        side: &Side,
        (end, life): (Option<Duration>, Duration),
        name: &str,
        base: f64,
        height: f64,
    ) {
        let ended = end.unwrap_or(life);
        let middle = base + height / 2.0;
        self.name(middle, name);
        self.name(middle + 14.0, &bytes(side.bytes));
        let Some((first, _)) = side.curve.first() else { return };
        let mut path = format!("M{:.1} {base}", self.scale.x(*first));
        let mut column = f64::MIN;
        let last = side.curve.len() - 1;
        for (index, (at, total)) in side.curve.iter().enumerate() {
            let x = self.scale.x(*at);
            let y = base + height * (*total as f64 / side.bytes.max(1) as f64);
            if x - column > 0.5 || index == last {
                let _ = write!(path, "H{x:.1}V{y:.1}");
                column = x;
            }
        }
        let end = end.map_or(RIGHT, |end| self.scale.x(end)).max(column);
        let _ = write!(path, "H{end:.1}V{base}Z");
        self.line(format_args!("<path class=\"area {name}\" d=\"{path}\"/>"));
        // The line stays, what is below it fades where it stands still.
        let (top, bottom) = (base.min(base + height), base.max(base + height));
        for pause in pauses(side, ended, life) {
            self.band("pause", pause, (top + 1.0, bottom - 1.0), middle, "");
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
        for Label { x, text } in labels(events, LEFT, self.margin) {
            let text = escape(&text);
            self.line(format_args!("<text class=\"label\" x=\"{x:.1}\" y=\"{y}\">{text}</text>"));
        }
    }

    fn end(&mut self, at: Duration, told: &Told) {
        let x = self.scale.x(at);
        let (anchor, text) = if x > WIDTH / 2.0 { ("end", x - 6.0) } else { ("start", x + 6.0) };
        let end = escape(&told.end);
        let flawed = if told.flawed { " flawed" } else { "" };
        self.line(format_args!(
            "<path class=\"end\" d=\"M{x:.1} {}V{BOTTOM}\"/>\
             <text class=\"flag{flawed}\" x=\"{text:.1}\" y=\"{}\" text-anchor=\"{anchor}\">{end}</text>",
            TOP - 16.0,
            TOP - 10.0
        ));
    }
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
