//! What connections that were held together say of a server's patience.

use std::time::Duration;

use super::{Held, Life};
use crate::words::{self, span};

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
    let survivors = pinging.iter().filter(|(_, life)| matches!(life, Life::Survived));
    let keeps = survivors.clone().map(|(every, _)| *every).max();
    let all = survivors.count() == pinging.len();
    let mut findings = Findings { timeout: None, keeps, says: Vec::new() };
    let says = &mut findings.says;
    match held.iter().find(|one| one.every.is_none()).map(|one| &one.life) {
        None | Some(Life::Failed(_)) => {
            says.push("Without the connection that never pings, nothing can be said.".into());
        }
        Some(Life::Survived) => {
            let stay = span(stay);
            says.push(format!(
                "No idle timeout below {stay}: the connection that never pings was still there."
            ));
            if !all {
                says.push("But some that ping were not: look at how they ended.".into());
            }
        }
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

/// Some that ping survived.
fn kept(
    says: &mut Vec<String>,
    pinging: &[(Duration, &Life)],
    timeout: Duration,
    keeps: Duration,
    stay: Duration,
) {
    let ended = |life: &Life| !matches!(life, Life::Survived | Life::Failed(_));
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
