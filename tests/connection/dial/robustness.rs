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
