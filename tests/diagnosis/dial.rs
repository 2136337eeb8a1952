//! Why a dial came to nothing: each failure, its verdict, and what the report says of it in JSON.

use std::net::SocketAddr;
use std::time::Duration;

use farewell::diagnosis::{Confidence, Diagnosis};
use farewell::dial::{
    AttemptError, AttemptErrorKind, Dial, DialFailure, DialOptions, DialRecord, Proxy,
    ProxyFailure, ProxyKind, Step,
};
use farewell::handshake::ClientRequest;
use farewell::reconnect::ConnectFailure;
use farewell::{Config, ReadClosed, Timestamp, TransportError};

use super::tls::{ALL, verdict};
use AttemptErrorKind::{
    NoLocalAddress, NotPermitted, Other, Refused, Reset, TimedOut, Unreachable,
};

/// Where the table of these verdicts begins.
pub(crate) const HEADING: &str = "//! # Where no connection came about\n";

/// A dial whose addresses fail so, one after the other; nothing is one that does not answer.
fn dial(
    proxy: Option<&str>,
    lookup: Result<(), &str>,
    addresses: &[Option<AttemptErrorKind>],
    answer: Option<&[u8]>,
) -> DialRecord {
    let mut options = DialOptions::default();
    options.proxy = proxy.map(|proxy| Proxy::new(proxy).unwrap());
    let request = ClientRequest::new("ws://server.example/").unwrap();
    let now = Timestamp::ZERO;
    let mut dial = Dial::new(&request, &options, &Config::default(), now);
    let all: Vec<_> = (0..addresses.len())
        .map(|n| SocketAddr::from(([192, 0, 2 + (n / 256) as u8, n as u8], 80)))
        .collect();
    let mut sent = false;
    loop {
        match dial.next() {
            Step::Resolve { .. } => match lookup {
                Ok(()) => dial.handle_resolved(&all, now),
                Err("") => dial.handle_timeout(now + Duration::from_secs(10)),
                Err(words) => dial.handle_unresolved(words, now),
            },
            Step::Connect { attempt, .. } => match (addresses[attempt], answer) {
                (_, Some(_)) => dial.handle_connected(attempt, now),
                (Some(kind), None) => {
                    dial.handle_connect_failed(attempt, AttemptError::new(kind), now);
                }
                (None, None) => {}
            },
            Step::Drop { .. } => {}
            Step::Write => dial.handle_written(dial.output().len(), now),
            Step::Read if !sent => {
                sent = true;
                dial.handle_read(answer.unwrap_or_default(), now);
            }
            Step::Read => dial.handle_read_closed(ReadClosed::Eof, now),
            Step::Wait(wait) => dial.handle_timeout(wait.until),
            Step::Connected { .. } => panic!("it connected"),
            _ => return *dial.into_result().unwrap_err().record,
        }
    }
}

fn line(diagnosis: &Diagnosis) -> String {
    diagnosis.to_string()
}

const WHO: &[u8] = b"HTTP/1.1 407 Who?\r\nContent-Length: 0\r\n\r\n";

/// A proxy, what it answers, and the verdict on that.
const PROXIES: [(&str, &[u8], &str); 9] = [
    ("http://p", WHO, "proxy_needs_credentials"),
    ("http://u:p@p", WHO, "proxy_refused_credentials"),
    ("http://p", b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", "proxy_refused"),
    ("http://p", b"HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n", "proxy_refused"),
    ("http://p", b"SSH-2.0", "not_a_proxy"),
    ("http://p", b"", "proxy_cut_short"),
    ("socks5://p", b"\x05\xff", "proxy_needs_credentials"),
    ("socks5://p", b"HTTP/1.1 400", "not_a_proxy"),
    ("https://p", b"", "proxy_unfit"),
];

#[test]
fn every_verdict_of_the_table_happens_and_no_other() {
    let mut happens: Vec<_> = PROXIES.iter().map(|(.., name)| (*name).to_owned()).collect();
    for kind in [Some(Refused), Some(Unreachable), Some(NotPermitted), Some(Other), None] {
        happens.push(dial(None, Ok(()), &[kind], None).diagnosis().verdict().name().to_owned());
    }
    for words in ["no", ""] {
        let verdict = dial(None, Err(words), &[], None).diagnosis().verdict();
        happens.push(verdict.name().to_owned());
    }
    happens.extend(ALL.into_iter().map(|error| verdict_on_proxy(ProxyFailure::Tls(error))));
    let many = dial(None, Ok(()), &[None; 1001], None).diagnosis();
    assert_eq!(line(&many), "certain: 1001 addresses, of which 1000 are tried");
    happens.push(many.verdict().name().to_owned());

    let (_, table) = include_str!("../../src/diagnosis.rs").split_once(HEADING).unwrap();
    let rows = table.lines().take_while(|line| !line.starts_with("//! # "));
    let cells = rows.filter_map(|line| line.strip_prefix("//! | `")?.split('|').next());
    let mut named: Vec<String> =
        cells.flat_map(|cell| cell.split('`').step_by(2).map(str::to_owned)).collect();
    // Of an ending, this one is in the other table.
    named.retain(|name| !name.trim().is_empty());
    named.push("transport_failure".into());
    for list in [&mut happens, &mut named] {
        list.sort_unstable();
        list.dedup();
    }
    assert_eq!(happens, named);
}

/// The verdict on what a proxy failed with that real ones are needed for: see `tests/tls`.
fn verdict_on_proxy(failure: ProxyFailure) -> String {
    let mut record = dial(Some("https://p"), Ok(()), &[], None);
    record.failure = Some(DialFailure::Proxy(failure));
    record.diagnosis().verdict().name().to_owned()
}

#[test]
fn tls_with_a_proxy_has_the_same_verdict_before_and_behind_the_dial() {
    for error in ALL {
        let (before, behind) = (ProxyFailure::Tls(error), TransportError::ProxyTls(error));
        assert_eq!(verdict_on_proxy(before), verdict(behind));
        assert!(behind.to_string().starts_with("TLS with the proxy: "), "{behind}");
    }
    assert_eq!(verdict_on_proxy(ProxyFailure::NoTlsName), "proxy_unfit");
}

#[test]
fn every_failure_of_the_addresses_has_its_verdict() {
    let cases: [(&[Option<AttemptErrorKind>], &str); 8] = [
        (
            &[Some(Refused)],
            "certain: nobody listens at the address (192.0.2.0:80 refused after 0 µs)",
        ),
        (
            &[Some(Unreachable)],
            "certain: there is no route to the address (192.0.2.0:80 unreachable after 0 µs)",
        ),
        (
            &[Some(TimedOut)],
            "certain: the address does not answer (192.0.2.0:80 no answer after 0 µs)",
        ),
        (
            &[None],
            "certain: the address does not answer (192.0.2.0:80 did not answer after 10.0 s)",
        ),
        (
            &[Some(NotPermitted)],
            "certain: this machine does not let the connection out \
             (192.0.2.0:80 not permitted on this machine after 0 µs)",
        ),
        (
            &[Some(Unreachable), Some(Refused)],
            "likely: nobody listens at the address (192.0.2.1:80 refused after 0 µs)",
        ),
        (
            &[Some(Unreachable), None],
            "likely: the address does not answer (192.0.2.1:80 did not answer after 10.0 s)",
        ),
        (&[Some(Other)], "certain: the transport failed (192.0.2.0:80 failed after 0 µs)"),
    ];
    for (addresses, expected) in cases {
        let record = dial(None, Ok(()), addresses, None);
        assert_eq!(line(&record.diagnosis()), expected, "{record}");
    }
    let both = dial(None, Ok(()), &[Some(Unreachable), Some(Refused)], None).diagnosis();
    let names: Vec<_> = both.iter().map(|finding| finding.verdict().name()).collect();
    assert_eq!(names, ["addresses_refused", "addresses_unreachable"]);
}

#[test]
fn a_record_says_no_more_of_its_addresses_than_is_so() {
    let many = dial(None, Ok(()), &[None; 1001], None);
    let expected = "resolved in 0 µs; 1001 addresses are more than the 1000 that are tried";
    assert_eq!(many.to_string(), expected);
    // Those that did not answer have not failed.
    let silent = dial(None, Ok(()), &[None; 20], None).to_string();
    let end = ", 192.0.2.7:80 did not answer after 8.2 s, and 12 more; \
               the time had passed in connecting to the addresses";
    assert!(silent.ends_with(end), "{silent}");
}

/// Whatever two addresses failed with, both speak of the same one first.
#[test]
fn the_reason_to_try_again_is_that_of_the_first_verdict() {
    use ConnectFailure as Failure;
    let kinds = [Refused, TimedOut, NotPermitted, NoLocalAddress, Reset, Other, Unreachable];
    let first = |kinds: &[AttemptErrorKind]| {
        let kinds: Vec<_> = kinds.iter().copied().map(Some).collect();
        let record = dial(None, Ok(()), &kinds, None);
        (ConnectFailure::from(&record), record.diagnosis().verdict().name())
    };
    let alone = kinds.map(|kind| first(&[kind]));
    let expected = [
        (Failure::Refused, "addresses_refused"),
        (Failure::TimedOut, "addresses_silent"),
        (Failure::Other, "local_network"),
        (Failure::Unreachable, "local_network"),
        (Failure::Other, "transport_failure"),
        (Failure::Other, "transport_failure"),
        (Failure::Unreachable, "addresses_unreachable"),
    ];
    assert_eq!(alone, expected);
    for (at, says_more) in kinds.iter().enumerate() {
        for says_less in &kinds[at..] {
            assert_eq!(first(&[*says_less, *says_more]), expected[at], "{says_less}, {says_more}");
        }
    }
}

/// A dial of ten seconds whose name resolves to this many addresses after so long, all silent.
fn silent_after(resolved: Duration, count: usize) -> DialRecord {
    let request = ClientRequest::new("ws://server.example/").unwrap();
    let (mut now, options) = (Timestamp::ZERO, DialOptions::default());
    let mut dial = Dial::new(&request, &options, &Config::default(), now);
    let all: Vec<_> = (0..count).map(|n| SocketAddr::from(([192, 0, 2, n as u8], 80))).collect();
    loop {
        match dial.next() {
            Step::Resolve { .. } => {
                now = now + resolved;
                dial.handle_resolved(&all, now);
            }
            Step::Wait(wait) => {
                now = wait.until;
                dial.handle_timeout(now);
            }
            Step::Failed => return *dial.into_result().unwrap_err().record,
            _ => {}
        }
    }
}

#[test]
fn an_address_that_had_no_time_to_answer_is_not_said_to_be_silent() {
    let cases: [(u64, usize, &[&str]); 4] = [
        // The lookup took nearly all of it.
        (
            9_400,
            2,
            &[
                "certain: the time had passed in connecting to the addresses (dialling for 10.00 s; \
               192.0.2.0:80 did not answer after 600 ms; 192.0.2.1:80 did not answer after 350 ms)",
            ],
        ),
        (
            9_000,
            1,
            &["certain: the address does not answer (192.0.2.0:80 did not answer after 1.0 s)"],
        ),
        // One had time and the other had not.
        (
            8_900,
            2,
            &[
                "likely: the address does not answer (192.0.2.0:80 did not answer after 1.1 s)",
                "possible: the time had passed in connecting to the addresses \
                 (dialling for 10.00 s; 192.0.2.1:80 did not answer after 850 ms)",
            ],
        ),
        // And a few were never tried.
        (0, 34, &["likely: the address does not answer"]),
    ];
    for (resolved, count, expected) in cases {
        let record = silent_after(Duration::from_millis(resolved), count);
        let findings: Vec<_> = record.diagnosis().iter().map(ToString::to_string).collect();
        assert_eq!(findings.len(), expected.len(), "{findings:?}");
        for (finding, expected) in findings.iter().zip(expected) {
            assert!(finding.starts_with(expected), "{finding}");
        }
        assert_eq!(record.untried > 0, count > 32);
    }
}

/// Whoever does not reach a proxy learns nothing of the server, and is told to look at the proxy.
#[test]
fn a_proxy_that_is_not_reached_is_blamed_and_not_the_server() {
    let failed: [(&[Option<AttemptErrorKind>], &str); 5] = [
        (&[], "certain: the proxy's name was not found"),
        (
            &[Some(Refused)],
            "certain: nobody listens at the proxy's address (192.0.2.0:80 refused after 0 µs)",
        ),
        (
            &[None],
            "certain: the proxy's address does not answer \
             (192.0.2.0:80 did not answer after 10.0 s)",
        ),
        (
            &[Some(Unreachable)],
            "certain: there is no route to the proxy's address \
             (192.0.2.0:80 unreachable after 0 µs)",
        ),
        (
            &[Some(NotPermitted)],
            "certain: this machine does not let the connection to the proxy out \
             (192.0.2.0:80 not permitted on this machine after 0 µs)",
        ),
    ];
    for (addresses, expected) in failed {
        for (proxy, kind) in [("http://p", ProxyKind::Http), ("socks5://p", ProxyKind::Socks5)] {
            let record = dial(Some(proxy), Ok(()), addresses, None);
            assert_eq!(record.through, Some(kind));
            assert_eq!(record.proxy, None, "{record}");
            let diagnosis = record.diagnosis();
            assert_eq!(line(&diagnosis), expected, "{record}");
            let remedy = diagnosis.first().remedy();
            assert!(!remedy.contains("server") && !remedy.contains("a proxy"), "{remedy}");
            let names_it = remedy.contains("the proxy's host and port") || addresses.is_empty();
            assert!(names_it, "{remedy}");
        }
        assert_eq!(dial(None, Ok(()), addresses, None).through, None);
    }
}

#[test]
fn every_failure_of_a_lookup_and_of_a_proxy_has_its_verdict() {
    let lookup = |words| dial(None, Err(words), &[], None).diagnosis();
    assert_eq!(
        line(&lookup("no such host")),
        "certain: the name was not found (the resolver said: no such host)"
    );
    assert_eq!(
        line(&lookup("")),
        "certain: the time had passed in looking the name up (dialling for 10.00 s)"
    );
    for (proxy, answer, expected) in PROXIES {
        let diagnosis = dial(Some(proxy), Ok(()), &[None], Some(answer)).diagnosis();
        let finding = diagnosis.first();
        assert_eq!(finding.verdict().name(), expected, "{proxy}: {diagnosis:#}");
        assert_eq!(finding.confidence(), Confidence::Certain);
        assert!(finding.remedy().ends_with('.'), "{diagnosis:#}");
    }
}

#[cfg(feature = "serde")]
#[test]
fn a_record_in_json_has_the_failure_and_no_credentials() {
    const WHO: &[u8] =
        b"HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic\r\nContent-Length: 3\r\n\r\nwho";
    let record = dial(Some("http://alice:sesame@p"), Ok(()), &[None], Some(WHO));
    let json = serde_json::to_value(&record).unwrap();
    assert_eq!(json["failure"]["proxy"], "credentials_refused");
    assert_eq!(json["proxy"]["kind"], "http");
    assert_eq!(json["proxy"]["answer"]["http"]["status"], 407);
    assert_eq!(json["proxy"]["credentials"], true);
    assert_eq!(json["attempts"][0]["address"], "192.0.2.0:80");
    assert_eq!(json["attempts"][0]["outcome"], "connected");
    assert_eq!(json["connect"]["ended"], 0.0);
    let diagnosis = serde_json::to_string(&record.diagnosis()).unwrap();
    let printed = format!("{json} {diagnosis} {record:?} {record}");
    for secret in ["alice", "sesame", "YWxpY2U6c2VzYW1l"] {
        assert!(!printed.contains(secret), "{secret}: {printed}");
    }
}
