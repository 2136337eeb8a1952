//! A report with its diagnosis as JSON: names and units that log pipelines can rest on.

#![cfg(feature = "serde")]

use farewell::diagnosis::{History, KNOWN_TIMEOUTS, Report, Verdict};
use farewell::{
    CloseCode, Config, Connection, Event, ReadClosed, Role, Seed, Termination, Timestamp, Violation,
};
use serde_json::{Value, json};

fn connection() -> Connection {
    let mut config = Config::default();
    config.heartbeat = None;
    Connection::new(Role::Client, config, Seed::new([1; 32]), Timestamp::from_nanos(1_000_000_000))
}

fn report(mut connection: Connection, at: Timestamp) -> Termination {
    connection.abort(at);
    match connection.poll_event(&mut &mut [][..], at) {
        Some(Event::Ended(report)) => *report,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_whole_report_as_json() {
    let mut connection = connection();
    let mut hello = *b"\x81\x05hello";
    let mut input = &mut hello[..];
    while connection.poll_event(&mut input, Timestamp::from_nanos(1_500_000_000)).is_some() {}
    let end = Timestamp::from_nanos(61_520_000_000);
    connection.handle_read_closed(ReadClosed::Eof, end);
    let report = report(connection, end);

    let expected = json!({
        "termination": {
            "role": "client",
            "code": 1006,
            "clean": false,
            "initiator": "transport",
            "cause": { "eof": { "at": "frame_boundary" } },
            "local_close": null,
            "peer_close": null,
            "stream_end": "eof",
            "truncated_message": false,
            "dropped": { "bytes": 0, "messages": 0 },
            "refusal": null,
            "dial": null,
            "tls": null,
            "evidence": {
                "phase": "open",
                "position": "frame_boundary",
                "carrier": "http1",
                "opened": 1.0,
                "ended": 61.52,
                "last_received": 1.5,
                "last_flushed": null,
                "last_data": 1.5,
                "last_sent": null,
                "pings": {
                    "sent": 0,
                    "outstanding": 0,
                    "last_queued": null,
                    "last_flushed": null,
                    "rtt": null,
                    "interval": null,
                    "timeout": null,
                },
                "peer_pings": { "received": 0, "last": null, "answered": null },
                "close_received": null,
                "received": { "bytes": 7, "frames": 1, "messages": 1 },
                "sent": { "bytes": 0, "frames": 0, "messages": 0 },
                "discarded": 0,
                "pending_output": 0,
                "timer_lateness": 0.0,
                "suspended_at": null,
                "longest_gap": 60.02,
                "last_gap": { "ended": 61.52, "span": 60.02, "late": 0.0 },
                "http_status": null,
                "unexpected": null,
                "failure": null,
            },
        },
        "diagnosis": {
            "findings": [
                {
                    "verdict": { "name": "proxy_idle_timeout", "timeout": 60.0 },
                    "confidence": "likely",
                    "evidence": [
                        { "fact": "idle", "span": 60.02 },
                        { "fact": "no_ping" },
                        {
                            "fact": "known_timeout",
                            "span": 60.0,
                            "kind": "idle",
                            "names": ["nginx", "AWS ALB", "Phoenix"],
                            "sources": [
                                "proxy_read_timeout",
                                "idle_timeout.timeout_seconds",
                                "the transport's :timeout",
                            ],
                        },
                    ],
                    "text": "likely: proxy idle timeout of 60 s (idle 60.02 s; no ping in that \
                             time; nginx, AWS ALB and Phoenix default to 60 s)",
                    "remedy": "Ping every 30 s or more often, or raise the read or idle timeout of \
                               the proxy (nginx: proxy_read_timeout; AWS ALB: \
                               idle_timeout.timeout_seconds; Phoenix: the transport's :timeout).",
                },
                {
                    "verdict": { "name": "peer_vanished" },
                    "confidence": "possible",
                    "evidence": [
                        { "fact": "ended_at", "at": "frame_boundary" },
                        { "fact": "idle", "span": 60.02 },
                    ],
                    "text": "possible: the peer vanished (ended between two messages; idle 60.02 s)",
                    "remedy": "The peer crashed, was killed or skips its Close, or a proxy in front \
                               of it was restarted or reloaded: read their logs around this time.",
                },
            ],
        },
    });
    let json = serde_json::to_value(Report::new(&report)).unwrap();
    assert_eq!(json, expected, "{json:#}");
}

#[test]
fn close_frames_and_rules_as_json() {
    let mut connection = connection();
    let now = Timestamp::from_nanos(2_000_000_000);
    connection.close(CloseCode::new(4001).unwrap(), now).unwrap();
    let mut close = *b"\x88\x05\x03\xe8bye";
    let mut input = &mut close[..];
    while connection.poll_event(&mut input, now).is_some() {}
    let json = serde_json::to_value(report(connection, now)).unwrap();
    assert_eq!(json["peer_close"], json!({ "code": 1000, "reason": "bye" }), "{json:#}");
    let ours = json!({ "frame": { "code": 4001, "reason": "" }, "flushed": false, "echo": false });
    assert_eq!(json["local_close"], ours, "{json:#}");

    let rule = serde_json::to_value(Violation::FrameTooBig { len: 9, limit: 8 }).unwrap();
    assert_eq!(rule, json!({ "frame_too_big": { "len": 9, "limit": 8 } }));
}

#[test]
fn a_verdicts_name_is_its_name_in_json() {
    let verdicts = [
        Verdict::ClosedByUs { code: 1000 },
        Verdict::NotWebSocket,
        Verdict::PeerDiedMidMessage { received: 1, expected: None },
        Verdict::HandshakeRejected { status: 403 },
        Verdict::ProxyLifetime { lifetime: KNOWN_TIMEOUTS[0].span },
    ];
    for verdict in verdicts {
        let json = serde_json::to_value(verdict).unwrap();
        assert_eq!(json["name"], Value::from(verdict.name()), "{json}");
    }
    assert!(History::new().is_empty());
}
