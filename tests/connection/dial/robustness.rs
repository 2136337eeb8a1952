//! Any calls in any order, with any bytes and times: no panic, one result, and bounds that hold.

use std::net::SocketAddr;
use std::time::Duration;

use farewell::dial::{AttemptError, AttemptErrorKind, Dial, DialOptions, Proxy, Step};
use farewell::handshake::ClientRequest;
use farewell::{Config, ReadClosed, Timestamp};

use crate::driver::rng::{Rng, rounds};

#[test]
fn any_calls_in_any_order_do_no_harm() {
    for seed in 0..rounds(300) {
        let mut rng = Rng::new(seed);
        let mut options = DialOptions::default();
        let proxies = ["http://p.example", "http://u:p@192.0.2.9", "socks5://u:p@p.example"];
        if rng.one_in(2) {
            options.proxy = Some(Proxy::new(rng.pick(&proxies)).unwrap());
        }
        if rng.one_in(3) {
            options.addresses = Some(addresses(&mut rng));
        }
        let request = ClientRequest::new(rng.pick(&["ws://h.example/", "wss://[::1]/"])).unwrap();
        let mut dial = Dial::new(&request, &options, &Config::default(), time(&mut rng));
        let mut over = None;
        for _ in 0..200 {
            let step = call(&mut dial, &mut rng);
            match (&over, &step) {
                (None, Some(Step::Connected { .. } | Step::Failed)) => over = step,
                (Some(was), Some(is)) if !matches!(is, Step::Drop { .. }) => assert_eq!(was, is),
                _ => {}
            }
            assert!(dial.record().attempts.len() <= 1000);
        }
        let connected = matches!(over, Some(Step::Connected { .. }));
        assert_eq!(dial.into_result().is_ok(), connected, "seed {seed}");
    }
}

fn time(rng: &mut Rng) -> Timestamp {
    Timestamp::ZERO + Duration::from_millis(rng.below(12_000) as u64)
}

fn addresses(rng: &mut Rng) -> Vec<SocketAddr> {
    let address = |n: usize| match n % 2 {
        0 => SocketAddr::from(([192, 0, 2, (n % 200) as u8], 80)),
        _ => SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, n as u16], 80)),
    };
    (0..rng.below(6)).map(|_| address(rng.below(100))).collect()
}

fn call(dial: &mut Dial, rng: &mut Rng) -> Option<Step> {
    let now = time(rng);
    match rng.below(14) {
        0..=4 => return Some(dial.next()),
        5 => dial.handle_resolved(&addresses(rng), now),
        6 if rng.one_in(4) => dial.handle_unresolved("no", now),
        7 => dial.handle_connected(rng.below(4), now),
        8 => {
            let error = AttemptError::new(AttemptErrorKind::Refused);
            dial.handle_connect_failed(rng.below(4), error, now);
        }
        9 => {
            let len = rng.below(dial.output().len() + 3);
            dial.handle_written(len, now);
        }
        10 => {
            let pieces: [&[u8]; 7] = [
                b"HTTP/1.1 ",
                b"200 OK\r\n\r\n",
                b"407 No\r\n\r\n",
                b"\x05",
                b"\x00",
                b"\x02",
                b"\x05\x00\x00\x01\0\0\0\0\0\0",
            ];
            dial.handle_read(rng.pick(&pieces), now);
        }
        11 => dial.handle_timeout(now),
        12 => match rng.below(4) {
            0 => dial.handle_write_blocked(),
            1 => dial.handle_read_blocked(),
            2 => dial.handle_ready(),
            _ if rng.one_in(4) => dial.handle_write_failed(now),
            _ => {}
        },
        13 if rng.one_in(6) => dial.handle_read_closed(ReadClosed::Eof, now),
        _ => {}
    }
    None
}

/// A dial through this proxy, which has connected and waits for an answer.
fn asking(proxy: &str, shown: &mut Vec<String>) -> Dial {
    let mut options = DialOptions::default();
    options.proxy = Some(Proxy::new(proxy).unwrap());
    let request = ClientRequest::new("ws://h.example/").unwrap();
    let mut dial = Dial::new(&request, &options, &Config::default(), Timestamp::ZERO);
    for _ in 0..20 {
        shown.push(format!("{dial:?}"));
        match dial.next() {
            Step::Resolve { .. } => {
                dial.handle_resolved(&["192.0.2.9:1080".parse().unwrap()], Timestamp::ZERO);
            }
            Step::Connect { attempt, .. } => dial.handle_connected(attempt, Timestamp::ZERO),
            Step::Write => {
                let written = dial.output().len();
                dial.handle_written(written, Timestamp::ZERO);
            }
            Step::Read => return dial,
            step => panic!("{step:?}"),
        }
    }
    panic!("nothing is read: {dial:?}");
}

#[test]
fn a_dial_under_way_shows_no_credentials() {
    for (proxy, answers) in [
        ("http://alice:sesame@p.example", &[][..]),
        ("socks5://alice:sesame@p.example", &[&[5, 2][..]][..]),
    ] {
        let mut shown = Vec::new();
        let mut dial = asking(proxy, &mut shown);
        for answer in answers {
            dial.handle_read(answer, Timestamp::ZERO);
            shown.push(format!("{dial:?}"));
        }
        let shown = shown.join("\n");
        let bytes = format!("{:?}", b"alice").replace(['[', ']'], "");
        for secret in ["alice", "sesame", "YWxpY2U6c2VzYW1l", &bytes] {
            assert!(!shown.contains(secret), "{secret}: {shown}");
        }
    }
}

#[test]
fn a_proxy_that_always_has_more_to_say_does_not_put_the_deadline_off() {
    let handshake = Config::default().timeouts.handshake;
    let refusal = b"HTTP/1.1 407 Who?\r\nTransfer-Encoding: chunked\r\n\r\n0;";
    for (begins, more) in [(&refusal[..], b"x"), (b"HTTP/1.1 100 Wait\r\n\r\n", b"H")] {
        let mut dial = asking("p.example", &mut Vec::new());
        let mut now = Timestamp::ZERO;
        dial.handle_read(begins, now);
        let mut reads = 0;
        while matches!(dial.next(), Step::Read) {
            reads += 1;
            now = now + Duration::from_secs(1);
            dial.handle_read(if reads % 2 == 0 { more } else { b"" }, now);
            assert!(reads < 100, "it never ends");
        }
        assert!(dial.into_result().is_err());
        assert!(now <= Timestamp::ZERO + handshake + Duration::from_secs(1));
    }
}
