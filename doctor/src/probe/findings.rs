//! What connections that were held together say of a server's patience.

use std::time::Duration;

use farewell::diagnosis::Verdict;

use super::{Held, Life};
use crate::words::{self, count, span};

/// What the connections together say.
pub(crate) struct Findings {
    /// After how much silence the server hangs up.
    pub(crate) timeout: Option<Duration>,
    /// The longest silence before a Ping that kept a connection alive.
    pub(crate) keeps: Option<Duration>,
    pub(crate) says: Vec<String>,
}

/// What connections say that were held for so long.
pub(crate) fn conclude(held: &[Held], stay: Duration) -> Findings {
    let pinging: Vec<_> =
        held.iter().filter_map(|one| one.every.map(|every| (every, &one.life))).collect();
    let survivors = pinging.iter().filter(|(_, life)| matches!(life, Life::Survived { .. }));
    let keeps = survivors.clone().map(|(every, _)| *every).max();
    let all = survivors.count() == pinging.len();
    let mut findings = Findings { timeout: None, keeps, says: Vec::new() };
    let says = &mut findings.says;
    match held.iter().find(|one| one.every.is_none()).map(|one| &one.life) {
        None | Some(Life::Failed(..)) => {
            says.push("Without the connection that never pings, nothing can be said.".into());
        }
        Some(Life::Survived { heard }) => patient(says, *heard, all, stay),
        Some(Life::Silent) => {
            says.push(SILENT.into());
            says.extend(keeps.map(|every| {
                format!("One that pings after {} of silence was still there.", span(every))
            }));
        }
        Some(Life::Ended(lived, report)) => {
            findings.timeout = Some(*lived);
            says.push(format!(
                "The connection that never pings ended after {}: {}.",
                span(*lived),
                words::cause(report)
            ));
            let diagnosis = report.diagnosis();
            if let Verdict::ProxyIdleTimeout { .. } = diagnosis.verdict() {
                says.push(format!("That alone looks like this: {diagnosis}."));
            }
            match keeps {
                Some(keeps) => kept(says, &pinging, *lived, keeps, stay),
                None => without_survivors(says, &pinging, *lived),
            }
        }
    }
    findings
}

const SILENT: &str = "The connection that never pings was dropped without a word: something on the \
                      way forgets connections that are idle.";

/// The connection that never pings survived.
fn patient(says: &mut Vec<String>, heard: u64, all: bool, stay: Duration) {
    let stay = span(stay);
    says.push(format!(
        "No idle timeout below {stay}: the connection that never pings was still there."
    ));
    says.push("A longer one may be there all the same: a longer --for would find it.".into());
    if heard > 0 {
        let frames = count(heard, "frame");
        says.push(format!("But it was not silent: the server sent {frames} by itself."));
    }
    if !all {
        says.push("But some that ping were not: look at how they ended.".into());
    }
}

/// Some that ping survived.
fn kept(
    says: &mut Vec<String>,
    pinging: &[(Duration, &Life)],
    timeout: Duration,
    keeps: Duration,
    stay: Duration,
) {
    let ended = |life: &Life| !matches!(life, Life::Survived { .. } | Life::Failed(..));
    let fails = pinging.iter().filter(|(_, life)| ended(life)).map(|(every, _)| *every).min();
    let but = fails.map_or(String::new(), |fails| format!(", one after {} does not", span(fails)));
    says.push(format!("A Ping after {} of silence keeps a connection alive{but}.", span(keeps)));
    if fails.is_some_and(|fails| fails < keeps) {
        says.push(
            "Some that ping more often ended nevertheless: not for silence, look at how.".into(),
        );
    }
    if stay < timeout.mul_f64(1.5) {
        says.push("They were held for hardly longer than that: use a longer --for.".into());
    }
    says.push(format!(
        "Set the heartbeat to {} or less: then a Ping that is late or lost does no harm.",
        span(keeps.min(timeout / 2))
    ));
}

/// None did.
fn without_survivors(says: &mut Vec<String>, pinging: &[(Duration, &Life)], silent: Duration) {
    let tolerance = silent.mul_f64(0.1).max(Duration::from_millis(300));
    let alike = |life: &Life| match life {
        Life::Ended(lived, _) => lived.abs_diff(silent) <= tolerance,
        _ => false,
    };
    says.push(if pinging.iter().all(|(_, life)| alike(life)) {
        "Pings make no difference: the server, or a proxy, limits the life of a connection, or \
         waits for messages of the application. Connect anew in time, or send messages."
            .into()
    } else {
        "No connection survived, and not all ended at the same age: look at how they ended, and \
         at the server's log."
            .into()
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Status;
    use farewell::{Config, Connection, Event, ReadClosed, Role, Seed, Timestamp, TransportError};

    fn ended(seconds: u64) -> Life {
        let now = Timestamp::ZERO + Duration::from_secs(seconds);
        let seed = Seed::new([1; 32]);
        let mut client = Connection::new(Role::Client, Config::default(), seed, Timestamp::ZERO);
        client.handle_read_closed(ReadClosed::Failed(TransportError::Reset), now);
        match client.poll_event(&mut &mut [][..], now) {
            Some(Event::Ended(report)) => Life::Ended(Duration::from_secs(seconds), report),
            event => panic!("{event:?}"),
        }
    }

    fn failed() -> Life {
        Life::Failed("refused".into(), Status::NotReached)
    }

    type Case = (&'static str, Life, [Life; 3], Option<u64>, Option<u64>, &'static str);

    /// Pings after 10, 20 and 40 seconds of silence; held for 60.
    #[test]
    fn what_was_found_is_said() {
        use Life::Silent;
        let alive = || Life::Survived { heard: 0 };
        let cases: [Case; 9] = [
            (
                "it pings",
                Life::Survived { heard: 3 },
                [alive(), alive(), alive()],
                None,
                Some(40),
                "sent 3 frames",
            ),
            ("all live", alive(), [alive(), alive(), alive()], None, Some(40), "longer --for"),
            ("30 s", ended(30), [alive(), alive(), ended(30)], Some(30), Some(20), "15.0 s or"),
            ("a hole", ended(30), [ended(5), alive(), ended(30)], Some(30), Some(20), "not for"),
            ("50 s", ended(50), [alive(), alive(), alive()], Some(50), Some(40), "longer --for"),
            ("a lifetime", ended(30), [ended(30), ended(31), ended(29)], Some(30), None, "no diff"),
            ("a mess", ended(30), [ended(3), ended(31), ended(9)], Some(30), None, "the same age"),
            ("no word", Silent, [alive(), Silent, Silent], None, Some(10), "forgets"),
            ("nothing", failed(), [failed(), failed(), failed()], None, None, "nothing can be"),
        ];
        for (case, never, [ten, twenty, forty], timeout, keeps, says) in cases {
            let pinging = [(10, ten), (20, twenty), (40, forty)];
            let pinging = pinging
                .into_iter()
                .map(|(every, life)| Held { every: Some(Duration::from_secs(every)), life });
            let held: Vec<_> =
                [Held { every: None, life: never }].into_iter().chain(pinging).collect();
            let findings = conclude(&held, Duration::from_secs(60));
            assert_eq!(findings.timeout, timeout.map(Duration::from_secs), "{case}");
            assert_eq!(findings.keeps, keeps.map(Duration::from_secs), "{case}");
            let said = findings.says.join(" ");
            assert!(said.contains(says), "{case}: {said}");
        }
    }
}
