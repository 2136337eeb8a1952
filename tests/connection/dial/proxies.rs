//! The conversation with a proxy: what is written, byte by byte, and what each answer means.

use farewell::dial::{
    Dial, DialFailure, DialOptions, DialPhase, Proxy, ProxyAnswer, ProxyFailure, SocksReply, Step,
};
use farewell::{Config, Timestamp};

use super::world::{Fate, Script, Seen, World, address, request};

const OK: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

fn through(proxy: &str) -> DialOptions {
    let mut options = DialOptions::default();
    options.proxy = Some(Proxy::new(proxy).unwrap());
    options
}

fn world(script: Script) -> World {
    let mut world = World::new(&[("1", Fate::Connects(1))]);
    world.proxy = script;
    world
}

/// In one piece and byte by byte: it makes no difference.
fn dial(url: &str, proxy: &str, script: Script, hangs_up: bool) -> Seen {
    let mut all = [usize::MAX, 1].map(|piece| {
        let world = World { piece, hangs_up, ..world(script) };
        world.dial(url, &through(proxy), &Config::default())
    });
    let [whole, single] = &mut all;
    assert_eq!(
        whole.result.as_ref().map(|dialled| &dialled.record),
        single.result.as_ref().map(|dialled| &dialled.record)
    );
    // What follows the answer in the same read is kept; bytes that were not read are not.
    let [whole, _] = all;
    whole
}

fn failure(seen: Seen) -> ProxyFailure {
    match seen.result.unwrap_err().record.failure {
        Some(DialFailure::Proxy(failure)) => failure,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_http_proxy_is_asked_for_the_server_and_resolved_itself() {
    fn script(written: &[u8]) -> Option<&'static [u8]> {
        let expected = b"CONNECT example.com:80 HTTP/1.1\r\nHost: example.com:80\r\n\r\n";
        assert_eq!(written, expected, "{}", written.escape_ascii());
        Some(OK)
    }
    let seen = dial("ws://example.com/chat", "http://proxy.example:80", script, false);
    assert_eq!(seen.resolved, [("proxy.example".to_owned(), 80)]);
    let record = seen.result.unwrap().record;
    let proxy = record.proxy.as_ref().unwrap();
    assert_eq!(proxy.answer, Some(ProxyAnswer::Http { status: 200 }));
    assert!(record.to_string().ends_with("the HTTP proxy answered status 200 in 0 µs"), "{record}");
}

#[test]
fn an_ipv6_server_has_brackets_in_the_request() {
    fn script(written: &[u8]) -> Option<&'static [u8]> {
        let head = b"CONNECT [2001:db8::7]:443 HTTP/1.1\r\nHost: [2001:db8::7]:443\r\n";
        (written.starts_with(head) && written.ends_with(b"\r\n\r\n")).then_some(OK)
    }
    let seen = dial("wss://[2001:db8::7]/", "proxy.example:80", script, false);
    assert!(seen.result.is_ok(), "{seen:?}");
}

#[test]
fn credentials_are_basic() {
    fn script(written: &[u8]) -> Option<&'static [u8]> {
        let text = core::str::from_utf8(written).unwrap();
        let line = "\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n";
        text.ends_with(line).then_some(OK)
    }
    let proxy = "http://Aladdin:open%20sesame@proxy.example:80";
    let seen = dial("ws://example.com/", proxy, script, false);
    assert!(seen.result.unwrap().record.proxy.unwrap().credentials);
}

#[test]
fn informational_answers_are_passed_over_and_what_follows_is_the_servers() {
    fn script(written: &[u8]) -> Option<&'static [u8]> {
        written.ends_with(b"\r\n\r\n").then_some(
            b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        )
    }
    let seen = dial("ws://example.com/", "http://proxy.example:80", script, false);
    assert_eq!(seen.result.unwrap().read, b"hello");
}

#[test]
fn what_an_http_proxy_refuses_is_kept_with_its_body() {
    const NEEDS: &[u8] = b"HTTP/1.1 407 Authenticate\r\nProxy-Authenticate: Basic realm=x\r\n\
                           Content-Length: 4\r\n\r\nwho?";
    const FORBIDS: &[u8] = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nnot there";
    const SAYS_401: &[u8] = b"HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno";
    let cases: [(&str, Script, ProxyFailure, &[u8]); 6] = [
        ("u:p@p.example", |_| Some(SAYS_401), ProxyFailure::CredentialsRefused, b"no"),
        ("p.example", |_| Some(NEEDS), ProxyFailure::CredentialsNeeded, b"who?"),
        ("u:p@p.example", |_| Some(NEEDS), ProxyFailure::CredentialsRefused, b"who?"),
        ("p.example", |_| Some(FORBIDS), ProxyFailure::Refused { status: 403 }, b"not there"),
        (
            "p.example",
            |_| Some(b"HTTP/1.1 502 Bad\r\n\r\nto the end"),
            ProxyFailure::Refused { status: 502 },
            b"to the end",
        ),
        (
            "p.example",
            |_| Some(b"HTTP/1.1 301 Moved\r\nContent-Length: 0\r\n\r\n"),
            ProxyFailure::Refused { status: 301 },
            b"",
        ),
    ];
    for (proxy, script, expected, body) in cases {
        let seen = dial("ws://example.com/", proxy, script, true);
        let record = &seen.result.as_ref().unwrap_err().record;
        let refusal = record.proxy.as_ref().and_then(|proxy| proxy.refusal.as_ref());
        assert_eq!(refusal.map(|refusal| &refusal.body()[..]), Some(body), "{expected}");
        assert_eq!(failure(seen), expected);
    }
}

#[test]
fn a_body_without_an_end_does_not_hide_the_status() {
    let script: Script = |_| Some(b"HTTP/1.1 403 Forbidden\r\n\r\nwithout an end");
    let seen = dial("ws://example.com/", "p.example", script, false);
    assert_eq!(seen.ended, 10_000);
    assert_eq!(failure(seen), ProxyFailure::Refused { status: 403 });
}

#[test]
fn a_proxy_that_speaks_something_else_is_found_out() {
    let cases: [(&str, Script, bool, &str); 6] = [
        (
            "http://p",
            |_| Some(b"\x05\xff"),
            false,
            "its answer is no HTTP: the peer does not speak HTTP",
        ),
        (
            "http://p",
            |_| Some(b"HTTP/1.1 abc\r\n\r\n"),
            false,
            "its answer is no HTTP: the first line of the head is malformed",
        ),
        (
            "http://p",
            |_| Some(b"HTTP/1.1 20"),
            true,
            "it ended the connection before it had answered what it was asked",
        ),
        ("socks5://p", |_| Some(b"HTTP/1.1 400 Bad\r\n\r\n"), false, "its answer is no SOCKS5"),
        ("socks5://p", |_| Some(b"\x05\x02"), false, "its answer is no SOCKS5"),
        (
            "socks5://p",
            |_| Some(b"\x05"),
            true,
            "it ended the connection before it had answered what it was asked",
        ),
    ];
    for (proxy, script, hangs_up, expected) in cases {
        assert_eq!(
            failure(dial("ws://example.com/", proxy, script, hangs_up)).to_string(),
            expected
        );
    }
}

#[test]
fn a_proxy_that_says_nothing_spends_the_deadline_in_its_phase() {
    let seen = dial("ws://example.com/", "http://p.example", |_| None, false);
    let timed_out = DialFailure::TimedOut { phase: DialPhase::Proxy };
    assert_eq!(seen.ended, 10_000);
    assert_eq!(seen.result.unwrap_err().record.failure, Some(timed_out));
}

#[test]
fn a_socks_proxy_gets_the_name_and_not_an_address() {
    fn script(written: &[u8]) -> Option<&'static [u8]> {
        match written {
            b"\x05\x01\x00" => Some(b"\x05\x00"),
            b"\x05\x01\x00\x03\x0bexample.com\x00\x50" => {
                Some(b"\x05\x00\x00\x03\x04name\x12\x34hello")
            }
            _ => None,
        }
    }
    let seen = dial("ws://example.com/", "socks5h://p.example:80", script, false);
    let dialled = seen.result.unwrap();
    assert_eq!(dialled.read, b"hello");
    let answer = dialled.record.proxy.unwrap().answer;
    assert_eq!(answer, Some(ProxyAnswer::Socks(SocksReply::Succeeded)));
}

#[test]
fn a_socks_proxy_gets_addresses_as_they_are() {
    fn four(written: &[u8]) -> Option<&'static [u8]> {
        match written {
            b"\x05\x01\x00" => Some(b"\x05\x00"),
            b"\x05\x01\x00\x01\xc0\x00\x02\x07\x23\x29" => {
                Some(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
            }
            _ => None,
        }
    }
    fn six(written: &[u8]) -> Option<&'static [u8]> {
        match written {
            b"\x05\x01\x00" => Some(b"\x05\x00"),
            b"\x05\x01\x00\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\x00\x50" => {
                Some(b"\x05\x00\x00\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")
            }
            _ => None,
        }
    }
    for (url, script) in [("ws://192.0.2.7:9001/", four as Script), ("ws://[2001:db8::7]/", six)] {
        assert!(dial(url, "socks5://p.example:80", script, false).result.is_ok(), "{url}");
    }
}

#[test]
fn a_socks_proxy_is_told_user_and_password_where_it_asks() {
    fn asks(written: &[u8]) -> Option<&'static [u8]> {
        match written {
            b"\x05\x02\x00\x02" => Some(b"\x05\x02"),
            b"\x01\x05alice\x06sesame" => Some(b"\x01\x00"),
            b"\x05\x01\x00\x03\x01h\x00\x50" => Some(b"\x05\x00\x00\x01\0\0\0\0\0\0"),
            _ => None,
        }
    }
    fn refuses(written: &[u8]) -> Option<&'static [u8]> {
        match written {
            b"\x05\x02\x00\x02" => Some(b"\x05\x02"),
            [1, ..] if written.ends_with(b"sesame") => Some(b"\x01\x01"),
            _ => None,
        }
    }
    let proxy = "socks5://alice:sesame@p.example:80";
    assert!(dial("ws://h/", proxy, asks, false).result.is_ok());
    let refused = dial("ws://h/", proxy, refuses, false);
    assert_eq!(failure(refused), ProxyFailure::CredentialsRefused);
    let no_method: Script = |_| Some(b"\x05\xff");
    let needs = dial("ws://h/", "socks5://p.example:80", no_method, false);
    assert_eq!(failure(needs), ProxyFailure::CredentialsNeeded);
    assert_eq!(failure(dial("ws://h/", proxy, no_method, false)), ProxyFailure::NoMethod);
}

#[test]
fn every_reply_of_socks_has_its_name() {
    fn replies(written: &[u8], reply: &'static [u8]) -> Option<&'static [u8]> {
        match written.len() {
            3 => Some(b"\x05\x00"),
            10 => Some(reply),
            _ => None,
        }
    }
    let cases: [(Script, SocksReply); 4] = [
        (|written| replies(written, b"\x05\x02"), SocksReply::NotAllowed),
        (|written| replies(written, b"\x05\x04"), SocksReply::HostUnreachable),
        (|written| replies(written, b"\x05\x05"), SocksReply::Refused),
        (|written| replies(written, b"\x05\x63"), SocksReply::Unassigned(99)),
    ];
    for (script, reply) in cases {
        // Of a refusal, the number is enough: some proxies leave the rest out.
        let seen = dial("ws://192.0.2.1/", "socks5://p.example:80", script, false);
        assert_eq!(failure(seen), ProxyFailure::Socks(reply));
    }
}

#[test]
fn what_cannot_be_asked_for_is_not_begun() {
    let name = format!("ws://{}/", "n".repeat(256));
    let seen = dial(&name, "socks5://p.example:80", |_| None, false);
    assert_eq!((seen.ended, seen.begun.len()), (0, 0));
    assert_eq!(failure(seen), ProxyFailure::NameTooLong);
}

#[test]
fn a_proxy_is_used_where_it_is_meant_to_be_and_nowhere_else() {
    let mut options = DialOptions::default();
    let proxy = Proxy::new("http://proxy.example").unwrap();
    options.proxy = Some(proxy.bypass("example.com").unwrap());
    let seen = world(|_| None).dial("ws://www.example.com/", &options, &Config::default());
    assert_eq!(seen.resolved, [("www.example.com".to_owned(), 80)]);
    assert_eq!(seen.result.unwrap().record.proxy, None);
}

#[test]
fn a_head_that_is_cut_lets_nothing_through_and_hides_no_refusal() {
    fn endless(status: &str) -> Vec<u8> {
        let field = format!("X-Padding: {}\r\n", "x".repeat(1000));
        format!("HTTP/1.1 {status}\r\n{}\r\nrest", field.repeat(40)).into_bytes()
    }
    fn through_cut(_: &[u8]) -> Option<&'static [u8]> {
        Some(Box::leak(endless("200 Go on").into_boxed_slice()))
    }
    fn refused_cut(_: &[u8]) -> Option<&'static [u8]> {
        Some(Box::leak(endless("407 Who?").into_boxed_slice()))
    }
    let error = failure(dial("ws://h.example/", "p.example", through_cut, false));
    assert!(matches!(error, ProxyFailure::Malformed(_)), "{error:?}");
    let error = failure(dial("ws://h.example/", "p.example", refused_cut, false));
    assert_eq!(error, ProxyFailure::CredentialsNeeded);
    // The stream ends in the middle of the head of a refusal.
    let half: Script = |_| Some(b"HTTP/1.1 407 Who?\r\nProxy-Auth");
    assert_eq!(
        failure(dial("ws://h.example/", "p.example", half, true)),
        ProxyFailure::CredentialsNeeded
    );
    let half: Script = |_| Some(b"HTTP/1.1 200 Go on\r\nX-");
    assert_eq!(failure(dial("ws://h.example/", "p.example", half, true)), ProxyFailure::CutShort);
}

/// A proxy that has two bytes of the request, and no more for now.
fn asked_in_part(proxy: &str) -> Dial {
    let now = Timestamp::ZERO;
    let mut dial = Dial::new(&request("ws://h.example/"), &through(proxy), &Config::default(), now);
    assert!(matches!(dial.next(), Step::Resolve { .. }));
    dial.handle_resolved(&[address("1")], now);
    let Step::Connect { attempt, .. } = dial.next() else { panic!("there is an address") };
    dial.handle_connected(attempt, now);
    assert!(matches!(dial.next(), Step::Write));
    dial.handle_written(2, now);
    dial.handle_write_blocked();
    dial
}

/// The same, that has answered.
fn early(proxy: &str, answer: &[u8]) -> Dial {
    let (mut dial, now) = (asked_in_part(proxy), Timestamp::ZERO);
    let (first, last) = answer.split_at(2);
    for piece in [first, last] {
        assert!(matches!(dial.next(), Step::Read));
        dial.handle_read(piece, now);
    }
    // What follows is the server's, which is not asked yet.
    let Step::Wait(wait) = dial.next() else { panic!("the request has to leave") };
    assert_eq!((wait.read, wait.write), (false, true));
    dial.handle_ready();
    assert!(matches!(dial.next(), Step::Write));
    dial
}

/// Found by a review: it was said to have hung up.
#[test]
fn an_answer_that_comes_early_waits_for_the_request() {
    let now = Timestamp::ZERO;
    let socks: &[u8] = b"\x05\x00\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00rest";
    let http = [OK, b"rest"].concat();
    for (proxy, answer) in [("http://p.example", &http[..]), ("socks5://p.example", socks)] {
        let mut dial = early(proxy, answer);
        while let Step::Write = dial.next() {
            assert!(!dial.output().is_empty());
            dial.handle_written(1, now);
        }
        assert!(matches!(dial.next(), Step::Connected { .. }), "{proxy}");
        assert_eq!(dial.into_result().unwrap().read, b"rest", "{proxy}");

        let mut dial = early(proxy, answer);
        dial.handle_write_failed(now);
        assert!(matches!(dial.next(), Step::Failed));
        let record = dial.into_result().unwrap_err().record;
        assert_eq!(record.failure, Some(ProxyFailure::CutShort.into()), "{proxy}");
        assert!(record.proxy.is_some_and(|proxy| proxy.answer.is_some()), "{proxy}");

        let mut dial = early(proxy, answer);
        dial.handle_timeout(Timestamp::MAX);
        let record = dial.into_result().unwrap_err().record;
        assert_eq!(record.failure, Some(DialFailure::TimedOut { phase: DialPhase::Proxy }));
        assert!(record.proxy.is_some_and(|proxy| proxy.answer.is_some()), "{proxy}");
    }
}

/// Whoever was not asked to the end lets nobody through, in whichever order that is known.
#[test]
fn an_answer_to_what_was_lost_lets_nothing_through() {
    let now = Timestamp::ZERO;
    let mut dial = asked_in_part("http://p.example");
    dial.handle_write_failed(now);
    assert!(matches!(dial.next(), Step::Read));
    dial.handle_read(OK, now);
    assert!(matches!(dial.next(), Step::Failed));
    let failure = dial.into_result().unwrap_err().record.failure;
    assert_eq!(failure, Some(ProxyFailure::CutShort.into()));
}
