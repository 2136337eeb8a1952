//! Where nothing happened: spans in which no byte went either way.

use std::time::Duration;

use crate::tape::{Side, Tape};

/// The part of the drawing from which a silence is worth a mark.
const PART: f64 = 0.12;

/// What is shorter is no silence, however short the whole life was.
const SHORTEST: Duration = Duration::from_millis(50);

/// Silences of the open connection, each from when to when, of a life that lasted so long. Of what
/// happened while this process was away, nothing is known.
pub(super) fn silences(
    tape: &Tape,
    life: Duration,
    away: Option<(Duration, Duration)>,
) -> Vec<(Duration, Duration)> {
    let (Some((one, _)), Some((other, _))) = (&tape.received.head, &tape.sent.head) else {
        return Vec::new();
    };
    let opened = *one.max(other);
    let times = |side: &Side| {
        let end = side.end.as_ref().map(|(at, _)| *at);
        side.curve.iter().map(|(at, _)| *at).chain(end).collect::<Vec<_>>()
    };
    let mut times = [times(&tape.received), times(&tape.sent)].concat();
    times.extend(tape.frames.iter().map(|frame| frame.at));
    times.extend(tape.ended);
    times.retain(|at| *at > opened);
    times.push(opened);
    times.sort();
    let least = life.mul_f64(PART).max(SHORTEST);
    let pairs = times.windows(2).map(|pair| (pair[0], pair[1]));
    let known = pairs.flat_map(|span| without(span, away));
    known.filter(|(from, to)| to.saturating_sub(*from) >= least).collect()
}

/// What lies before a part of a span, and behind it.
fn without(
    (from, to): (Duration, Duration),
    away: Option<(Duration, Duration)>,
) -> [(Duration, Duration); 2] {
    let Some((left, back)) = away.filter(|(left, back)| *left < to && *back > from) else {
        return [(from, to), (to, to)];
    };
    [(from, left.max(from)), (back.min(to), to)]
}

#[cfg(test)]
mod tests {
    use farewell::Role;

    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn what_lies_between_bytes_either_way_is_silence() {
        let mut tape = Tape::new(Role::Client);
        tape.sent.head = Some((at(0), "GET".into()));
        tape.received.curve = vec![(at(1), 100), (at(11), 200)];
        tape.ended = Some(at(71));
        assert_eq!(silences(&tape, at(71), None), [], "nothing is open");
        tape.received.head = Some((at(1), "101".into()));
        tape.sent.curve = vec![(at(0), 100), (at(6), 200)];
        assert_eq!(silences(&tape, at(71), None), [(at(11), at(71))]);
        tape.received.end = Some((at(41), "FIN".into()));
        assert_eq!(silences(&tape, at(71), None), [(at(11), at(41)), (at(41), at(71))]);
        assert_eq!(silences(&tape, at(40), None)[..2], [(at(1), at(6)), (at(6), at(11))]);
    }

    #[test]
    fn what_happened_while_this_process_was_away_is_no_silence() {
        let mut tape = Tape::new(Role::Client);
        tape.sent.head = Some((at(0), "GET".into()));
        tape.received.head = Some((at(0), "101".into()));
        tape.received.curve = vec![(at(10), 100), (at(60), 200)];
        let silences = |away| silences(&tape, at(60), away);
        assert_eq!(silences(None), [(at(0), at(10)), (at(10), at(60))]);
        assert_eq!(silences(Some((at(10), at(60)))), [(at(0), at(10))]);
        assert_eq!(silences(Some((at(30), at(60)))), [(at(0), at(10)), (at(10), at(30))]);
        assert_eq!(
            silences(Some((at(20), at(40)))),
            [(at(0), at(10)), (at(10), at(20)), (at(40), at(60))]
        );
        assert_eq!(silences(Some((at(59), at(70)))), [(at(0), at(10)), (at(10), at(59))]);
    }
}
