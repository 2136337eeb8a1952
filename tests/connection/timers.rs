//! Deadlines and the heartbeat, under a virtual clock.

mod contract;
mod timeouts;

use std::time::Duration;

use farewell::{
    Cause, Config, Connection, Heartbeat, Role, Seed, Timer, Timestamp, TransportError,
};

use crate::support::drive::{Drive, millis, quiet, secs};
use crate::support::oracle::Seen;
use crate::support::wire::{self, BINARY, PING, PONG, ROLES, TEXT, header, mask_of, plain};

fn beating(interval: Duration, timeout: Duration) -> Config {
    let mut heartbeat = Heartbeat::default();
    (heartbeat.interval, heartbeat.timeout) = (interval, timeout);
    let mut config = quiet();
    config.heartbeat = Some(heartbeat);
    config
}

/// A connection that pings after 9 to 11 seconds and waits 20 for an answer.
fn drives() -> impl Iterator<Item = Drive> {
    ROLES.into_iter().map(|role| Drive::new(role, beating(secs(10), secs(20))))
}

/// The payloads of the Pings that were written.
fn pings(drive: &Drive) -> Vec<Vec<u8>> {
    let frames = plain(&drive.output).into_iter();
    frames.filter(|(first, _)| *first == PING).map(|(_, payload)| payload).collect()
}

/// Waits for the next Ping to go out and gives its payload.
fn next_ping(drive: &mut Drive) -> Vec<u8> {
    let before = pings(drive).len();
    while pings(drive).len() == before {
        let (span, timer) = drive.next().expect("a deadline");
        assert_eq!(timer, Timer::Ping, "{}", drive.wires());
        drive.wait(span);
    }
    pings(drive).pop().expect("a Ping")
}

#[test]
fn section_6_rule_1_a_ping_goes_out_when_either_direction_is_quiet() {
    // What the peer sends every second, and what we do.
    for (receives, sends) in [(true, false), (false, true), (false, false)] {
        for mut drive in drives() {
            while pings(&drive).is_empty() {
                assert!(drive.now.since(Timestamp::ZERO) < secs(13), "{}", drive.wires());
                drive.wait(secs(1));
                if receives {
                    drive.peer_sends(&[(TEXT, b"tick")]);
                }
                if sends {
                    drive.send("tick");
                }
            }
        }
    }
    for mut drive in drives() {
        for _ in 0..40 {
            drive.wait(secs(1)).peer_sends(&[(TEXT, b"tick")]).send("tock");
        }
        assert!(pings(&drive).is_empty(), "both directions are busy: {}", drive.wires());
    }
}

#[test]
fn section_6_rule_2_the_pong_deadline_starts_when_the_ping_is_out() {
    for mut drive in drives() {
        drive.block().wait(secs(11));
        assert_eq!(pings(&drive).len(), 1);
        assert_eq!(drive.next().expect("a deadline").1, Timer::WriteStall, "queued is not sent");
        let bytes = drive.output.len();
        drive.flush_some(bytes - 1).wait(secs(9));
        assert_eq!(drive.next().expect("a deadline").1, Timer::WriteStall, "one byte is missing");
        drive.flush();
        assert_eq!(drive.next(), Some((secs(20), Timer::Pong)));
    }
}

#[test]
fn section_6_rule_2_any_byte_moves_the_pong_deadline_even_inside_a_frame() {
    for mut drive in drives() {
        next_ping(&mut drive);
        let upload = header(BINARY, mask_of(drive.peer()), 1 << 20);
        drive.receive(&upload);
        for _ in 0..10 {
            drive.sleep(secs(19));
            drive.receive(&[0; 10]).timeout();
            assert!(drive.report.is_none(), "{}", drive.wires());
        }
        // The path is kept open meanwhile, by further Pings, not more often than one a timeout.
        assert!((2..=11).contains(&pings(&drive).len()), "{}", drive.wires());
    }
}

#[test]
fn section_6_rule_2_silence_after_a_ping_ends_the_connection() {
    for mut drive in drives() {
        next_ping(&mut drive);
        assert_eq!(drive.next(), Some((secs(20), Timer::Pong)));
        drive.wait(secs(20) - Duration::from_nanos(1));
        assert!(drive.report.is_none());
        let report = drive.wait(Duration::from_nanos(1)).report();
        assert_eq!(report.cause, Cause::PongTimeout { waited: secs(20) });
        assert_eq!((report.clean, report.code), (false, 1006));
        assert_eq!(report.evidence.pings.outstanding, 1);
    }
}

#[test]
fn section_6_rule_3_blocked_output_is_its_own_deadline() {
    for role in ROLES {
        let mut drive = Drive::new(role, quiet());
        assert_eq!(drive.next(), None, "nothing is pending");
        drive.block().send("stuck");
        assert_eq!(drive.next(), Some((secs(30), Timer::WriteStall)));
        drive.wait(secs(29)).flush_some(1);
        assert_eq!(drive.next(), Some((secs(30), Timer::WriteStall)), "a byte is progress");
        drive.wait(secs(10)).send("more").peer_sends(&[(TEXT, b"input")]);
        assert_eq!(drive.next(), Some((secs(20), Timer::WriteStall)), "none of this is");
        drive.wait(secs(1)).unblock();
        assert_eq!(drive.next(), None);
        drive.block().wait(secs(100)).send("again");
        assert_eq!(drive.next(), Some((secs(30), Timer::WriteStall)), "counted from the send");
        let pending = (drive.output.len() - drive.accepted) as u64;
        let report = drive.wait(secs(30)).report();
        assert_eq!(report.cause, Cause::WriteStalled { pending });
        assert_eq!((report.dropped.bytes, report.dropped.messages), (pending, 1));
    }
}

#[test]
fn section_6_rule_5_pings_have_eight_bytes_that_differ_by_connection() {
    let mut first = Vec::new();
    for seed in [1, 2] {
        let now = Timestamp::ZERO;
        let config = beating(secs(10), secs(20));
        let mut drive = Drive::new(Role::Server, config.clone());
        drive.connection = Connection::new(Role::Server, config, Seed::new([seed; 32]), now);
        let one = next_ping(&mut drive);
        drive.peer_sends(&[(PONG, &one)]);
        let two = next_ping(&mut drive);
        assert_eq!((one.len(), two.len()), (8, 8));
        assert_ne!(one, two, "numbered");
        first.push(one);
    }
    assert_ne!(first[0], first[1]);
}

#[test]
fn section_6_rule_5_only_a_matching_pong_acknowledges() {
    for mut drive in drives() {
        let ping = next_ping(&mut drive);
        let mut other = ping.clone();
        other[7] ^= 1;
        let foreign = [&b""[..], &ping[..7], &other, b"unsolicited pong"];
        for (payload, left) in foreign.into_iter().zip([19, 18, 17, 16]) {
            drive.wait(secs(1)).peer_sends(&[(PONG, payload)]);
            assert_eq!(drive.round_trips, [], "{payload:?}");
            assert_eq!(drive.connection.evidence().pings.outstanding, 1);
            // It counts as received bytes all the same: the peer lives, and is asked again.
            assert_eq!(drive.next(), Some((secs(left), Timer::Ping)));
        }
        drive.wait(secs(1)).peer_sends(&[(PONG, &ping)]);
        assert_eq!(drive.round_trips, [secs(5)]);
        assert_eq!(drive.connection.evidence().pings.outstanding, 0);
        drive.peer_sends(&[(PONG, &ping)]);
        assert_eq!(drive.round_trips.len(), 1, "a Pong counts once");
    }
}

#[test]
fn section_6_rule_5_a_pong_acknowledges_all_earlier_pings() {
    for mut drive in drives() {
        let first = next_ping(&mut drive);
        // The peer talks and does not answer, until another Ping is due.
        while pings(&drive).len() < 3 {
            drive.wait(secs(5)).peer_sends(&[(TEXT, b"busy")]);
        }
        let outstanding = |drive: &Drive| drive.connection.evidence().pings.outstanding;
        assert_eq!(outstanding(&drive), 3);
        drive.peer_sends(&[(PONG, &first)]);
        assert_eq!((outstanding(&drive), drive.round_trips.len()), (2, 0), "not the latest");
        let latest = pings(&drive).pop().expect("a Ping");
        drive.peer_sends(&[(PONG, &latest)]);
        assert_eq!((outstanding(&drive), drive.round_trips.len()), (0, 1));
    }
}

#[test]
fn section_6_rule_5_one_ping_is_outstanding_at_a_time() {
    for mut drive in drives() {
        next_ping(&mut drive);
        // Output is busy, nothing is received: no second Ping before the first is given up.
        for _ in 0..19 {
            drive.wait(secs(1)).send("busy");
        }
        assert_eq!(pings(&drive).len(), 1);
        drive.wait(secs(1)).report();
    }
}

#[test]
fn section_6_rule_6_round_trips_are_smoothed_and_stretch_the_timeout() {
    for role in ROLES {
        let mut drive = Drive::new(role, beating(secs(10), secs(1)));
        for round_trip in [millis(800), millis(900), millis(700)] {
            let ping = next_ping(&mut drive);
            drive.wait(round_trip).peer_sends(&[(PONG, &ping)]);
        }
        assert_eq!(drive.round_trips, [millis(800), millis(900), millis(700)]);
        let rtt = drive.connection.evidence().pings.rtt.expect("measured");
        // RFC 6298: srtt 800; then 7/8 800 + 1/8 900 = 812.5; then 7/8 812.5 + 1/8 700 = 798.4.
        // rttvar 400; then 3/4 400 + 1/4 100 = 325; then 3/4 325 + 1/4 112.5 = 271.9.
        assert_eq!((rtt.last, rtt.min), (millis(700), millis(700)));
        assert_eq!(rtt.smoothed.as_micros() / 100, 7_984);
        assert_eq!(rtt.variance.as_micros() / 100, 2_718);
        next_ping(&mut drive);
        let (patience, timer) = drive.next().expect("a deadline");
        assert_eq!((patience, timer), (rtt.smoothed + 4 * rtt.variance, Timer::Pong));
        assert!(patience > secs(1));
    }
}

#[test]
fn a_peer_that_answers_late_on_purpose_gains_no_more_than_three_timeouts() {
    for role in ROLES {
        let mut drive = Drive::new(role, beating(secs(10), secs(20)));
        let mut longest = Duration::ZERO;
        for _ in 0..60 {
            let ping = next_ping(&mut drive);
            let (patience, timer) = drive.next().expect("a deadline");
            assert_eq!(timer, Timer::Pong);
            longest = longest.max(patience);
            drive.wait(patience - millis(1)).peer_sends(&[(PONG, &ping)]);
        }
        assert_eq!(longest, secs(60));
        assert_eq!(drive.connection.evidence().pings.timeout, Some(secs(60)));
        // No setting makes it overflow.
        Drive::new(role, beating(secs(10), Duration::MAX));
    }
}

#[test]
fn section_6_rule_6_the_interval_varies_by_a_tenth_either_way() {
    let mut spans = Vec::new();
    for mut drive in drives() {
        for _ in 0..100 {
            let quiet_since = drive.now;
            let ping = next_ping(&mut drive);
            spans.push(drive.now.since(quiet_since).as_millis());
            drive.peer_sends(&[(PONG, &ping)]);
        }
    }
    assert!(spans.iter().all(|span| (9_000..=11_000).contains(span)), "{spans:?}");
    assert!(spans.iter().any(|span| *span < 9_300) && spans.iter().any(|span| *span > 10_700));
}

#[test]
fn section_6_rule_8_the_defaults_are_twenty_seconds_each() {
    let heartbeat = Config::default().heartbeat.expect("on by default");
    assert_eq!((heartbeat.interval, heartbeat.timeout), (secs(20), secs(20)));
    for role in ROLES {
        let mut drive = Drive::new(role, quiet());
        drive.wait(secs(1_000_000));
        assert!(drive.report.is_none() && drive.output.is_empty(), "no heartbeat, no verdict");
    }
}

#[test]
fn section_6_rule_9_a_deadline_called_far_too_late_is_forgiven_once() {
    for mut drive in drives() {
        next_ping(&mut drive);
        drive.sleep(secs(20) + secs(20) + millis(1)).timeout();
        assert!(drive.report.is_none(), "the process slept, not the peer");
        assert_eq!(pings(&drive).len(), 2, "one Ping of grace");
        assert_eq!(drive.next(), Some((secs(20), Timer::Pong)));
        drive.sleep(secs(100)).timeout();
        let report = drive.report();
        assert_eq!(report.cause, Cause::PongTimeout { waited: secs(100) });
        assert_eq!(report.evidence.timer_lateness, secs(80), "for the verdict LocalSuspended");
    }
}

#[test]
fn section_6_rule_9_grace_is_renewed_by_an_answer() {
    for mut drive in drives() {
        for _ in 0..3 {
            next_ping(&mut drive);
            drive.sleep(secs(60)).timeout();
            assert!(drive.report.is_none());
            let ping = pings(&drive).pop().expect("a Ping");
            drive.peer_sends(&[(PONG, &ping)]);
        }
    }
}

#[test]
fn section_6_rule_9_a_deadline_called_a_little_late_is_not_forgiven() {
    for mut drive in drives() {
        next_ping(&mut drive);
        let report = drive.sleep(secs(40)).timeout().report();
        assert_eq!(report.cause, Cause::PongTimeout { waited: secs(40) });
        assert_eq!(report.evidence.timer_lateness, secs(20));
    }
}

#[test]
fn a_write_that_fails_after_a_sleep_shows_that_nobody_handled_the_deadline() {
    for mut drive in drives() {
        // The Ping was due after 11 seconds at the latest.
        drive.sleep(secs(300)).write_failed(TransportError::BrokenPipe);
        let evidence = drive.connection.evidence();
        assert!(evidence.timer_lateness >= secs(289), "{evidence:?}");
        assert!(evidence.suspended_at.is_some(), "{evidence:?}");
    }
    // Nor where somebody called all the time, and never for the deadline.
    for mut drive in drives() {
        for _ in 0..600 {
            drive.sleep(millis(500)).flush_some(0);
        }
        drive.write_failed(TransportError::BrokenPipe);
        let evidence = drive.connection.evidence();
        assert!(evidence.timer_lateness >= secs(289), "{evidence:?}");
    }
}

#[test]
fn a_pong_that_is_read_before_the_flush_is_reported_leaves_no_wrong_times() {
    for mut drive in drives() {
        drive.block();
        let ping = next_ping(&mut drive);
        let at = drive.now;
        drive.peer_sends(&[(PONG, &ping)]);
        assert_eq!(drive.round_trips, [], "nothing to measure from");
        let pings = drive.connection.evidence().pings;
        assert_eq!((pings.outstanding, pings.last_queued), (0, Some(at)));
        assert_ne!(pings.last_flushed, Some(Timestamp::ZERO), "before the connection was opened");
    }
}

#[test]
fn spurious_calls_do_nothing() {
    for mut drive in drives() {
        for _ in 0..3 {
            let seen = |drive: &Drive| {
                let mut evidence = drive.connection.evidence();
                evidence.ended = drive.now;
                // When somebody called is known by these calls, too.
                (evidence.longest_gap, evidence.last_gap) = (secs(0), None);
                (evidence, drive.next(), drive.connection.phase(), drive.output.len())
            };
            let before = seen(&drive);
            drive.timeout().receive(b"");
            drive.connection.handle_flushed(0, drive.now);
            assert_eq!(seen(&drive), before);
            drive.wait(secs(8));
        }
        // More than is pending counts as all of it; with nothing pending, as nothing.
        let due = drive.connection.next_timer();
        drive.sleep(millis(10));
        drive.connection.handle_flushed(1_000, drive.now);
        assert_eq!(drive.connection.next_timer(), due);
        assert_eq!(drive.connection.pending_output(), 0);
    }
}

#[test]
fn time_that_runs_backwards_is_time_that_stands_still() {
    for mut drive in drives() {
        let ping = next_ping(&mut drive);
        let due = drive.connection.next_timer();
        let later = drive.now;
        drive.now = Timestamp::ZERO;
        drive.timeout().receive(b"").send("early").peer_sends(&[(TEXT, b"early")]);
        assert_eq!(drive.connection.next_timer(), due);
        drive.peer_sends(&[(PONG, &ping)]);
        assert_eq!(drive.round_trips, [Duration::ZERO]);
        let evidence = drive.connection.evidence();
        assert_eq!((evidence.ended, evidence.last_received), (later, Some(later)));
        assert_eq!(drive.log.last(), Some(&Seen::Pong(ping)));
    }
}

#[test]
fn evidence_is_never_older_than_the_last_message() {
    for mut drive in drives() {
        let mut bytes = wire::sent_by(drive.peer(), &[(TEXT, b"x")]);
        let later = drive.now + secs(3);
        assert!(drive.connection.poll_event(&mut &mut bytes[..], later).is_some());
        let evidence = drive.connection.evidence();
        assert_eq!((evidence.last_received, evidence.ended), (Some(later), later));
    }
}

#[test]
fn extreme_settings_and_times_do_no_harm() {
    for span in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
        let mut config = beating(span, span);
        config.timeouts.idle = Some(span);
        config.timeouts.write_stall = Some(span);
        (config.timeouts.close, config.timeouts.linger) = (span, span);
        for role in ROLES {
            for ends in [false, true] {
                let mut drive = Drive::new(role, config.clone());
                if ends {
                    drive.close(1000, "").peer_sends(&[(0x83, b"")]);
                }
                drive.timeout().wait(secs(1));
                drive.now = Timestamp::MAX;
                drive.timeout().timeout().run_out();
            }
        }
    }
}
