//! What the diagnosis says in words: it names all that looks the same, counts nothing twice, and
//! advises nothing that it does not know.

use farewell::diagnosis::{Confidence, Diagnosis, Fact, Verdict};
use farewell::{Config, Heartbeat, ReadClosed, Role, TransportError};

use crate::support::drive::{Drive, millis, quiet, secs};
use crate::support::wire::{PING, ROLES, TEXT};

fn beating(interval: u64, timeout: u64) -> Config {
    let mut config = quiet();
    let mut heartbeat = Heartbeat::default();
    (heartbeat.interval, heartbeat.timeout) = (secs(interval), secs(timeout));
    config.heartbeat = Some(heartbeat);
    config
}

/// The remedy for a verdict, in one line.
fn remedy(diagnosis: &Diagnosis, name: &str) -> String {
    let finding = diagnosis.iter().find(|finding| finding.verdict().name() == name);
    finding.unwrap_or_else(|| panic!("no {name}: {diagnosis:#}")).remedy().into_owned()
}

#[test]
fn a_process_that_slept_did_so_for_at_least_so_long() {
    for role in ROLES {
        let mut drive = Drive::new(role, beating(20, 20));
        let report = drive.sleep(secs(300)).eof().report();
        let text = format!("{:#}", report.diagnosis());
        assert!(text.contains("this process was suspended for at least 2"), "{text}");
        assert!(text.contains("a deadline was handled late, by at least 2"), "{text}");
    }
}

#[test]
fn a_nap_in_which_the_peer_pinged_in_vain_is_seen_without_any_deadline() {
    for role in ROLES {
        for (code, reason) in [(1011, "keepalive ping timeout"), (1000, "no pong")] {
            let mut drive = Drive::new(role, quiet());
            drive.wait(secs(3)).peer_sends(&[(TEXT, b"hi")]).sleep(secs(12));
            drive.peer_sends(&[(PING, b"?")]).peer_closes(code, reason).eof();
            let diagnosis = drive.report().diagnosis();
            assert_eq!(diagnosis.verdict(), Verdict::NoAnswerFromUs { code }, "{diagnosis:#}");
            assert_eq!(diagnosis.first().confidence(), Confidence::Certain);
            let text = format!("{diagnosis:#}");
            assert!(text.contains("this process was suspended (likely)"), "{text}");
            assert!(text.contains("until then nobody had called for 12.00 s"), "{text}");
            assert!(text.contains("its last ping was read 0 µs before"), "{text}");
            for ours in ["blocked", "nobody read", "upload", "path"] {
                assert!(remedy(&diagnosis, "no_answer_from_us").contains(ours), "{text}");
            }
            assert!(!text.contains("an error of its own"), "{text}");
        }
    }
}

#[test]
fn a_silence_has_one_figure_and_a_dead_network_is_not_alone() {
    for role in ROLES {
        let mut drive = Drive::new(role, beating(20, 20));
        drive.peer_sends(&[(TEXT, b"hi")]).run_out();
        let diagnosis = drive.report().diagnosis();
        let first = diagnosis.first();
        let Verdict::HalfOpen { silent } = first.verdict() else { panic!("{diagnosis:#}") };
        assert!(first.evidence().contains(&Fact::NothingReceived { span: silent }), "{first}");
        for looks_the_same in ["network is gone", "frozen", "event loop is blocked"] {
            assert!(first.remedy().contains(looks_the_same), "{first}: {}", first.remedy());
        }
        // No round trip was measured, so that nobody knows whether the heartbeat is short already.
        assert!(!first.remedy().contains("shorter"), "{}", first.remedy());
    }
}

#[test]
fn a_heartbeat_is_only_called_long_by_a_round_trip() {
    let mut drive = Drive::new(Role::Client, beating(20, 20));
    drive.wait(secs(22));
    let ping = crate::support::wire::plain(&drive.output).pop().expect("a Ping").1;
    drive.wait(millis(40)).peer_sends(&[(0x8a, &ping)]).run_out();
    let diagnosis = drive.report().diagnosis();
    assert!(remedy(&diagnosis, "half_open").contains("a shorter heartbeat"), "{diagnosis:#}");
    assert!(diagnosis.to_string().contains("round trip "), "{diagnosis:#}");
}

#[test]
fn remedies_name_what_looks_the_same() {
    for role in ROLES {
        let diagnosis = Drive::new(role, quiet()).wait(millis(300)).eof().report().diagnosis();
        let text = remedy(&diagnosis, "peer_vanished");
        assert!(text.contains("a proxy in front of it was restarted or reloaded"), "{text}");

        let reset = ReadClosed::Failed(TransportError::Reset);
        let mut drive = Drive::new(role, quiet());
        let report = drive.send("hello").wait(millis(10)).read_closed(reset).report();
        let text = remedy(&report.diagnosis(), "peer_closed_under_us");
        // It is the application that reads this, and the library has read on already.
        assert!(!text.contains("read before"), "{text}");
        for part in ["send that again", "restarted", "NAT", "Pings more often"] {
            assert!(text.contains(part), "{text}");
        }
        let report = Drive::new(role, quiet()).wait(secs(31)).read_closed(reset).report();
        let text = remedy(&report.diagnosis(), "peer_aborted");
        assert!(text.contains("restarted") && text.contains("Pings more often"), "{text}");
        assert!(text.contains("NAT"), "{text}");
    }
}

#[test]
fn who_speaks_tls_died_itself_where_it_did_not_say_goodbye() {
    let mut drive = Drive::new(Role::Client, quiet());
    let report = drive.wait(millis(300)).read_closed(ReadClosed::TlsTruncated).report();
    let text = format!("{:#}", report.diagnosis());
    assert!(text.contains("what speaks TLS there died itself"), "{text}");
}

#[test]
fn a_pong_that_nobody_waits_for_is_not_lost() {
    for role in ROLES {
        let mut drive = Drive::new(role, quiet());
        drive.close(1000, "").block().peer_sends(&[(PING, b"late")]).peer_closes(1000, "").eof();
        let report = drive.report();
        assert!(report.clean && report.evidence.pending_output > 0, "{report}");
        assert_eq!(report.dropped, farewell::Undelivered::default());
        assert!(!report.to_string().contains("never written"), "{report}");
    }
}

#[test]
fn a_limit_of_ours_is_no_rule_that_the_peer_broke() {
    use farewell::reconnect::{Decision, Reconnect, ReconnectConfig};
    let mut config = quiet();
    config.limits.fragments = 1;
    let mut drive = Drive::new(Role::Client, config);
    drive.peer_sends(&[(0x01, b"a"), (0x00, b"b")]).eof();
    let report = drive.report();
    let text = format!("{report} {:#}", report.diagnosis());
    assert!(!text.contains("broke a rule"), "{text}");
    let mut reconnect = Reconnect::new(ReconnectConfig::default());
    reconnect.start(drive.now);
    let decision = reconnect.handle_outcome(&report, 0, drive.now);
    assert!(matches!(decision, Decision::Stop(_)), "{decision}");
    assert!(!decision.to_string().contains("broke a rule"), "{decision}");
}

#[test]
fn codes_of_applications_are_named_and_not_agreed() {
    let cases = [
        (3000, "unauthorized", "credentials"),
        (3003, "forbidden", "allow"),
        (3008, "timeout", "waited too long"),
        (4401, "4401", "may follow HTTP, where 401 stands for missing or expired credentials"),
        (4429, "4429", "may follow HTTP, where 429 stands for too many requests"),
        (4001, "4001", "own list"),
    ];
    for (code, said, advice) in cases {
        let report = Drive::new(Role::Client, quiet()).peer_closes(code, "").eof().report();
        let diagnosis = report.diagnosis();
        assert_eq!(diagnosis.verdict(), Verdict::ClosedByApplication { code });
        let text = format!("{diagnosis:#}");
        assert!(text.contains(said) && text.contains(advice), "{text}");
        assert!(!text.contains("Nothing is to be done"), "{text}");
    }
}

#[test]
fn pings_are_not_said_to_be_in_vain_where_nothing_flowed() {
    let report = Drive::new(Role::Client, quiet()).wait(secs(30)).eof().report();
    let diagnosis = report.diagnosis();
    assert!(matches!(diagnosis.verdict(), Verdict::ProxyIdleTimeout { .. }), "{diagnosis:#}");
    let text = remedy(&diagnosis, "proxy_lifetime");
    assert!(!text.contains("Pings will not help"), "{text}");
    assert!(text.contains("whether it is the age or the silence"), "{text}");
}
