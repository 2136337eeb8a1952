//! What to try next, where a report alone leaves a question.

use std::time::Duration;

use farewell::diagnosis::{Confidence, Verdict};
use farewell::{Cause, Initiator, Phase, Termination, TlsError};

use crate::args::Options;
use crate::stage::{Ended, Said, Seen};
use crate::words::span;

/// A silence that may have been the reason.
const LONG: Duration = Duration::from_secs(2);

/// Sentences below the report.
pub(crate) fn hints(seen: &Seen, options: &Options) -> Vec<String> {
    let mut hints: Vec<_> = own_authority(seen).into_iter().collect();
    if let Said::Report(ended) = &seen.said {
        hints.extend([not_well(ended), silence(ended, &options.url)].into_iter().flatten());
    }
    hints
}

/// A clean end that is no good one.
pub(crate) fn not_well(ended: &Ended) -> Option<String> {
    let Verdict::PeerFailure { code } = ended.diagnosis.verdict() else { return None };
    ended.report.clean.then(|| {
        format!(
            "Clean says that both Closes have passed, and not that all is well: with {code}, the \
             peer says that something failed."
        )
    })
}

/// What finds out whether it was the silence.
fn silence(ended: &Ended, url: &str) -> Option<String> {
    let silent = unexplained_silence(ended)?;
    // The probe needs some time beyond a timeout to show what keeps a connection alive.
    let stay = silent.mul_f64(2.5).as_secs();
    let stay = if stay > 150 { format!("--for {stay} ") } else { String::new() };
    Some(format!(
        "Nothing had passed for {}. After what silence the server, or a proxy before it, hangs up, \
         this finds out: farewell-doctor --probe-idle {stay}{url}",
        span(silent)
    ))
}

/// How to trust an authority here.
fn own_authority(seen: &Seen) -> Option<String> {
    let error = TlsError::UnknownIssuer;
    let unknown = [Verdict::Tls { error }, Verdict::ProxyTls { error }];
    unknown
        .contains(&seen.diagnosis()?.verdict())
        .then(|| "An authority of your own is trusted with --ca FILE, which is PEM text.".into())
}

/// The silence before an end that the other side, or something on the way, began without saying
/// why.
fn unexplained_silence(ended: &Ended) -> Option<Duration> {
    let report = &ended.report;
    let told = ended.diagnosis.first().confidence() == Confidence::Certain;
    let theirs = matches!(report.initiator, Initiator::Peer | Initiator::Transport)
        || matches!(report.cause, Cause::PongTimeout { .. });
    let silent = silence_before_the_end(report);
    (report.evidence.phase != Phase::Opening && theirs && !told && silent >= LONG).then_some(silent)
}

/// For how long nothing had passed when the end began.
fn silence_before_the_end(report: &Termination) -> Duration {
    match report.evidence.close_received {
        Some(close) if report.initiator == Initiator::Peer => close.quiet,
        _ => match report.cause {
            // Our own Ping, to which nobody answered, broke no silence.
            Cause::PongTimeout { .. } => {
                let last = report.evidence.last_received.unwrap_or(report.evidence.opened);
                report.evidence.ended.since(last.max(report.evidence.opened))
            }
            _ => report.evidence.quiet(),
        },
    }
}

#[cfg(test)]
mod tests {
    use farewell::{CloseCode, CloseFrame, Connection, Timestamp};

    use super::*;
    use crate::raw::{CLOSE, from_server};
    use crate::stage::tests::ending;

    fn seen(seconds: f64, end: impl FnOnce(&mut Connection, Timestamp) -> Vec<u8>) -> Ended {
        match ending(seconds, end).said {
            Said::Report(ended) => *ended,
            Said::NotConnected(error) => panic!("{error}"),
        }
    }

    fn hangs_up(_: &mut Connection, _: Timestamp) -> Vec<u8> {
        Vec::new()
    }

    #[test]
    fn a_silence_before_the_end_is_pointed_out() {
        for (seconds, says) in [
            (1.0, None),
            (33.3, Some("--probe-idle ws://a/")),
            (60.02, Some("--probe-idle ws://a/")),
            (601.0, Some("--probe-idle --for 1502 ws://a/")),
        ] {
            let hint = silence(&seen(seconds, hangs_up), "ws://a/");
            assert_eq!(hint.is_some(), says.is_some(), "{seconds}: {hint:?}");
            if let (Some(hint), Some(says)) = (hint, says) {
                assert!(hint.ends_with(&format!("farewell-doctor {says}")), "{hint}");
            }
        }
    }

    #[test]
    fn a_silence_that_is_explained_is_not() {
        let we_leave = |client: &mut Connection, now| {
            client.abort(now);
            Vec::new()
        };
        assert_eq!(silence(&seen(60.0, we_leave), "ws://a/"), None);
        let fails = |_: &mut Connection, _| from_server(CLOSE, b"\x03\xf3");
        assert_eq!(silence(&seen(60.0, fails), "ws://a/"), None);
    }

    #[test]
    fn a_clean_end_that_tells_of_a_failure_is_marked() {
        let closes = |code: u16| {
            move |_: &mut Connection, _| {
                let frame = CloseFrame::from_code(CloseCode::new(code).unwrap());
                from_server(CLOSE, &frame.code().unwrap().get().to_be_bytes())
            }
        };
        for (code, marked) in [(1000, false), (1001, false), (1011, true), (1002, true)] {
            let hint = not_well(&seen(1.0, closes(code)));
            assert_eq!(hint.is_some(), marked, "{code}: {hint:?}");
        }
    }
}
