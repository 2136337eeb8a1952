//! What stands beside the marks: neighbours that would overlap share one line of text.

use std::time::Duration;

use farewell::OpCode;

use crate::report::bytes;
use crate::tape::Frame;
use crate::words::{count, span};

/// How wide a character of a label is at most, on average.
pub(super) const CHARACTER: f64 = 6.0;

/// Between two labels.
const GAP: f64 = 10.0;

/// Data frames that are no further apart are one run, and share a label.
const RUN: f64 = 30.0;

/// What a mark stands for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// The first line of an HTTP head.
    Head(String),
    Message {
        count: u32,
        len: u64,
    },
    /// A frame of which not all came.
    Partial {
        len: u64,
    },
    Ping(u32),
    Pong(u32),
    Close(String),
    Broken,
    End(String),
    RoundTrip(Duration),
}

impl Kind {
    pub(super) fn of(frame: &Frame) -> Self {
        match frame.opcode {
            OpCode::Ping => Self::Ping(frame.count),
            OpCode::Pong => Self::Pong(frame.count),
            OpCode::Close => Self::Close(match frame.payload[..] {
                [high, low, ..] => u16::from_be_bytes([high, low]).to_string(),
                _ => "without a code".into(),
            }),
            _ if !frame.complete => Self::Partial { len: frame.len },
            _ => Self::Message { count: frame.count, len: frame.len },
        }
    }

    /// For who asks more closely.
    pub(super) fn in_full(&self, frame: &Frame) -> String {
        let what = Text(vec![self.clone()]).to_string();
        let at = span(frame.at);
        match (frame.opcode, frame.payload.get(2..)) {
            (OpCode::Close, Some(reason)) if !reason.is_empty() => {
                format!("{what} \"{}\" at {at}", String::from_utf8_lossy(reason))
            }
            _ => format!("{what} at {at}"),
        }
    }

    /// Takes another one in, where one word can stand for both.
    fn absorb(&mut self, other: &Self) -> bool {
        match (self, other) {
            (Self::Message { count, len }, Self::Message { count: more, len: longer }) => {
                *count += more;
                *len += longer;
            }
            (Self::Ping(count), Self::Ping(more)) | (Self::Pong(count), Self::Pong(more)) => {
                *count += more;
            }
            _ => return false,
        }
        true
    }

    fn text(&self) -> String {
        match self {
            Self::Head(line) => match line.split(' ').collect::<Vec<_>>()[..] {
                [http, status, ..] if http.starts_with("HTTP/") => format!("HTTP {status}"),
                [method, ..] if line.contains("HTTP/") => format!("HTTP {method}"),
                _ => "no HTTP".into(),
            },
            Self::Message { count: number, len } => {
                format!("{} ({})", count((*number).into(), "data frame"), bytes(*len))
            }
            Self::Partial { len } => format!("part of a frame of {}", bytes(*len)),
            Self::Ping(number) => times(*number, "Ping"),
            Self::Pong(number) => times(*number, "Pong"),
            Self::Close(code) => format!("Close {code}"),
            Self::Broken => "no valid frame".into(),
            Self::End(how) => how.clone(),
            Self::RoundTrip(trip) => span(*trip),
        }
    }
}

fn times(number: u32, name: &str) -> String {
    if number == 1 { name.into() } else { count(number.into(), name) }
}

/// Several things that share a line.
struct Text(Vec<Kind>);

impl Text {
    fn add(&mut self, kind: Kind) {
        if !self.0.iter_mut().any(|have| have.absorb(&kind)) {
            self.0.push(kind);
        }
    }
}

impl std::fmt::Display for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let trips = self.0.iter().filter_map(|kind| match kind {
            Kind::RoundTrip(trip) => Some(*trip),
            _ => None,
        });
        if let (Some(shortest), Some(longest)) = (trips.clone().min(), trips.clone().max()) {
            return match trips.count() {
                1 => write!(f, "{}", span(shortest)),
                number => write!(f, "{number} × {} to {}", span(shortest), span(longest)),
            };
        }
        let words: Vec<_> = self.0.iter().map(Kind::text).collect();
        f.write_str(&words.join(", "))
    }
}

/// A line of text and where it begins.
pub(super) struct Label {
    pub(super) x: f64,
    pub(super) text: String,
}

struct Group {
    mark: f64,
    /// The last of its marks.
    last: f64,
    kinds: Text,
}

impl Group {
    /// Where its text begins and ends: at its first mark, or further left where it would not fit.
    fn extent(&self, left: f64, right: f64) -> (f64, f64) {
        let width = CHARACTER * self.kinds.to_string().chars().count() as f64;
        let start = (self.mark - 4.0).min(right - width).max(left);
        (start, start + width)
    }

    /// Where there is room for its text beside those, in their order: at its first mark, or further
    /// right as far as it has marks.
    fn beside(&self, taken: &[(f64, f64)], left: f64, right: f64) -> Option<(f64, f64)> {
        let (first, end) = self.extent(left, right);
        let (mut start, width) = (first, end - first);
        for (from, to) in taken {
            if start < to + GAP && *from < start + width + GAP {
                start = to + GAP;
            }
        }
        let fits = start == first || (start <= self.last && start + width <= right);
        fits.then_some((start, start + width))
    }
}

/// Labels for marks that are in order, none over another.
///
/// What is rare is always labelled. Data frames are where there is room; for Pings and Pongs their
/// shape is enough.
pub(super) fn labels(events: Vec<(f64, Kind)>, left: f64, right: f64) -> Vec<Label> {
    let events =
        events.into_iter().filter(|(_, kind)| !matches!(kind, Kind::Ping(_) | Kind::Pong(_)));
    let (frequent, rare): (Vec<_>, Vec<_>) =
        events.partition(|(_, kind)| matches!(kind, Kind::Message { .. }));
    let rare = merged(rare, 0.0, left, right);
    let mut labels: Vec<_> = rare
        .iter()
        .map(|group| Label { x: group.extent(left, right).0, text: group.kinds.to_string() })
        .collect();
    let mut taken: Vec<_> = rare.iter().map(|group| group.extent(left, right)).collect();
    for group in merged(frequent, RUN, left, right) {
        if let Some((x, end)) = group.beside(&taken, left, right) {
            taken.push((x, end));
            taken.sort_by(|one, other| one.0.total_cmp(&other.0));
            labels.push(Label { x, text: group.kinds.to_string() });
        }
    }
    labels
}

/// Groups of neighbours whose texts do not overlap, and which are further apart than that.
fn merged(events: Vec<(f64, Kind)>, apart: f64, left: f64, right: f64) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (mark, kind) in events {
        groups.push(Group { mark, last: mark, kinds: Text(vec![kind]) });
        while let [.., before, last] = &groups[..] {
            let overlap = before.extent(left, right).1 + GAP > last.extent(left, right).0;
            if !overlap && last.mark - before.last > apart {
                break;
            }
            let Some(last) = groups.pop() else { break };
            if let Some(group) = groups.last_mut() {
                group.last = last.last;
                last.kinds.0.into_iter().for_each(|kind| group.kinds.add(kind));
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: u32) -> Kind {
        match kind % 6 {
            0 => Kind::Head("HTTP/1.1 101 Switching Protocols".into()),
            1 => Kind::Close("1000".into()),
            2 => Kind::End("FIN".into()),
            3 => Kind::Ping(1),
            _ => Kind::Message { count: 1, len: 1234 },
        }
    }

    #[test]
    fn no_label_is_over_another_or_outside() {
        let mut state = 7_u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 8
        };
        for _ in 0..2000 {
            let mut events: Vec<_> = (0..random() % 20)
                .map(|_| (100.0 + f64::from(random() % 800), event(random())))
                .collect();
            events.sort_by(|one, other| one.0.total_cmp(&other.0));
            let mut labels = labels(events.clone(), 100.0, 900.0);
            labels.sort_by(|one, other| one.x.total_cmp(&other.x));
            let mut end = 100.0;
            for label in &labels {
                assert!(label.x >= end, "{:?} begins before {end}: {events:?}", label.text);
                end = label.x + CHARACTER * label.text.chars().count() as f64;
            }
            assert!(end <= 900.1, "{events:?}");
            let closes = events.iter().any(|(_, kind)| matches!(kind, Kind::Close(_)));
            let told = labels.iter().any(|label| label.text.contains("Close 1000"));
            assert_eq!(closes, told, "{events:?}");
        }
    }

    #[test]
    fn a_run_of_frames_has_one_label_for_all_of_them() {
        let frame = || Kind::Message { count: 1, len: 100 };
        let mut events = vec![(100.0, event(0))];
        events.extend((0..60).map(|index| (102.0 + 3.0 * f64::from(index), frame())));
        events.push((600.0, frame()));
        let labels = labels(events, 100.0, 900.0);
        let texts: Vec<_> = labels.iter().map(|label| &label.text[..]).collect();
        assert_eq!(texts, ["HTTP 101", "60 data frames (6.0 kB)", "1 data frame (100 B)"]);
        assert!(labels[1].x > labels[0].x + CHARACTER * 8.0 && labels[1].x < 282.0);
    }
}
