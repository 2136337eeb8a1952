//! Records and what they carry: a limit of the keys, large messages, what came before a failure.

use std::thread;
use std::time::Duration;

use farewell::tls::TlsServer;
use farewell::{Cause, Config, Direction, SendError, TlsError, TransportError};
use rustls::crypto::{CipherSuiteCommon, CryptoProvider};
use rustls::version::{TLS12, TLS13};
use rustls::{SupportedCipherSuite, SupportedProtocolVersion, Tls12CipherSuite};

use crate::support::wire::{
    Client, Did, Server, both_of, frame, open, ring, server_for, server_of,
};
use crate::support::{Adapter, anyone, echo, for_both_adapters, listen, quiet, reach};

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// A text of more than one record that ends inside a character, with which the peer breaks a rule
/// in memory that was read into directly.
#[test]
fn our_close_for_a_broken_rule_leaves_at_once_wherever_it_was_broken() {
    let mut text = vec![b'a'; 40_000];
    text.push(0xc3);
    for version in VERSIONS {
        let (tls, server) = server_of(ring(), version);
        for step in [100, 16_000, usize::MAX] {
            let (mut client, mut server) = open(&tls, server.clone(), Config::default());
            let wire = server.write(&frame(0x81, &text));
            wire.chunks(step.min(wire.len())).for_each(|part| client.read(part));
            server.read(&client.written());
            assert_eq!(server.received.first(), Some(&0x88), "{step}");
        }
    }
}

/// Found by a review: the deadlines saw whole records, and a slow peer was given up although bytes
/// came and went all the time.
#[test]
fn a_record_that_takes_its_time_is_no_silence() {
    let second = Duration::from_secs(1);
    for version in VERSIONS {
        let (tls, server) = server_of(ring(), version);
        let mut config = Config::default();
        config.timeouts.idle = Some(20 * second);
        config.timeouts.write_stall = Some(20 * second);
        let (mut client, mut server) = open(&tls, server, config);
        let wire = server.write(&frame(0x82, &[7; 16_000]));
        for part in wire.chunks(100) {
            client.now = client.now + second;
            client.read(part);
        }
        assert_eq!(client.messages(), [[7; 16_000]], "{:?}", client.ended());
        client.driver.send(vec![7; 16_000], client.now).unwrap();
        while client.driver.session().pending_output() > 0 {
            client.room = 100;
            client.wake(client.now + second);
            assert!(client.ended().is_none(), "{:?}", client.ended());
            // Something comes, so that this is about what leaves.
            client.read(&server.write(&frame(0x8a, &[])));
        }
        // Silence still is one.
        let before = client.now;
        while client.ended().is_none() {
            assert!(client.now < before + 100 * second);
            client.room = 100;
            client.wake(client.now + second);
        }
    }
}

/// The ring provider with keys of TLS 1.2 that are used up after so many records.
fn short_lived(records: u64) -> CryptoProvider {
    let mut provider = ring();
    provider.cipher_suites = provider
        .cipher_suites
        .into_iter()
        .map(|suite| match suite {
            SupportedCipherSuite::Tls12(suite) => {
                let common = CipherSuiteCommon { confidentiality_limit: records, ..suite.common };
                let suite = Tls12CipherSuite { common, ..*suite };
                SupportedCipherSuite::Tls12(Box::leak(Box::new(suite)))
            }
            other => other,
        })
        .collect();
    provider
}

/// Found by a review: what the library did not encrypt counted as having left, and what came behind it
/// was asked to be written for ever.
#[test]
fn what_used_up_keys_do_not_encrypt_has_not_left_and_the_end_says_so() {
    // The first two are the last word of the handshake, and the request.
    const RECORDS: u64 = 6;
    for len in [1, 100] {
        let (tls, server) = both_of(short_lived(RECORDS), ring(), &TLS12);
        let (mut client, mut server) = open(&tls, server, Config::default());
        for _ in 0..10 {
            // In a record of its own, while there are any.
            let _ = client.driver.send(vec![7; len], client.now);
            client.wake(client.now);
            server.read(&client.written());
        }
        let sent = server.received.len() / (len + 6);
        assert_eq!(sent, usize::try_from(RECORDS).unwrap() - 2, "{len}");
        assert!(client.did.iter().all(|did| matches!(did, Did::Flush)), "{:?}", client.did);
        assert_eq!(client.driver.failed(), Some(SendError::WriteFailed));
        // The library has said so in TLS, and what the peer sends still comes.
        client.read(&server.write(&frame(0x82, b"goodbye")));
        assert_eq!(client.messages(), [b"goodbye"]);
        client.read(&[]);
        let report = client.ended().expect("it has ended");
        let kind = TransportError::Tls(TlsError::Local);
        assert_eq!(report.cause, Cause::Transport { direction: Direction::Write, kind });
        assert_eq!(report.evidence.pending_output, len as u64 + 6, "one was queued");
        assert!(report.tls.as_ref().is_some_and(|facts| facts.failure.is_some()));
    }
}

for_both_adapters!(what_used_up_keys_do_not_encrypt_fails);

/// It neither hangs nor spins, whole or split.
fn what_used_up_keys_do_not_encrypt_fails<A: Adapter>() {
    let ((listener, request), (tls, server)) = (listen(), both_of(short_lived(6), ring(), &TLS12));
    let (stream, acceptor) = (reach(&listener), anyone(quiet()));
    let server = TlsServer::from_rustls(server);
    let server = thread::spawn(move || {
        echo(A::accept(listener.accept().unwrap().0, &acceptor, &server).unwrap())
    });
    let mut client = A::handshake(stream, &request, quiet(), &tls).unwrap();
    let refused = (0..100).find_map(|_| client.send("hello").err());
    assert_eq!(refused, Some(SendError::WriteFailed));
    let report = loop {
        if let Err(report) = client.next().into_message() {
            break report;
        }
    };
    let kind = TransportError::Tls(TlsError::Local);
    assert_eq!(report.cause, Cause::Transport { direction: Direction::Write, kind });
    drop(server.join().unwrap());
}

/// Found by a review: what one read decrypts before it fails can be more than the largest record.
#[test]
fn all_that_came_before_a_failure_is_handed_out() {
    for version in VERSIONS {
        let (tls, server) = server_of(ring(), version);
        for step in [1_000, 9_000, 18_000, usize::MAX] {
            let (mut client, mut server) = open(&tls, server.clone(), Config::default());
            let mut wire = server.write(&frame(0x82, &[7; 16_380]));
            for _ in 0..10 {
                wire.extend(server.write(&frame(0x82, &[8; 100])));
            }
            let mut bad = server.write(&frame(0x82, b"bad"));
            *bad.last_mut().unwrap() ^= 1;
            wire.extend(bad);
            wire.chunks(step.min(wire.len())).for_each(|part| client.read(part));
            assert_eq!(client.messages().len(), 11, "{version:?}, {step} at a time");
        }
    }
}

/// Found by a review: a Ping that is due ended it early, so that the alert did not leave.
#[test]
fn a_heartbeat_cuts_neither_the_alert_nor_the_drain_short() {
    let (tls, server) = server_of(ring(), &TLS13);
    let (mut client, mut server) = open(&tls, server, Config::default());
    let mut bad = server.write(&frame(0x82, b"bad"));
    *bad.last_mut().unwrap() ^= 1;
    client.run();
    let ping = client.driver.session().next_timer().expect("there is a heartbeat").0;
    client.now = ping + Duration::from_millis(1);
    client.read(&bad);
    assert!(client.ended().is_none());
    let alert = client.written();
    assert!(!alert.is_empty());
    assert!(client.did.iter().any(|did| matches!(did, Did::ShutDown)), "{:?}", client.did);
    client.wake(client.now + Duration::from_millis(1));
    assert!(client.ended().is_none());
    let _ = server.last_words(&alert);
    client.read(&[]);
    let kind = TransportError::Tls(TlsError::Undecryptable);
    let report = client.ended().expect("it has ended");
    assert_eq!(report.cause, Cause::Transport { direction: Direction::Read, kind });
}

/// Found by a review: where the stream takes nothing, what comes is still read, so that two ends that
/// both wait to write do not wait for ever.
#[test]
fn what_comes_behind_a_failure_is_read_where_the_alert_cannot_leave_yet() {
    let (tls, server) = server_of(ring(), &TLS13);
    let (mut client, mut server) = open(&tls, server, Config::default());
    let mut bad = server.write(&frame(0x82, b"bad"));
    *bad.last_mut().unwrap() ^= 1;
    client.room = 0;
    client.read(&bad);
    client.read(&[0; 100]);
    assert!(client.ended().is_none() && client.written().is_empty());
    client.room = usize::MAX;
    client.wake(client.now);
    assert!(!client.written().is_empty());
    client.read(&[]);
    assert!(client.ended().is_some());
}

/// Found by a review: a bad record behind our end made TLS say something on a closed stream.
#[test]
fn nothing_is_written_behind_our_end() {
    for version in VERSIONS {
        let (tls, server) = server_of(ring(), version);
        let (mut client, mut server) = open(&tls, server, Config::default());
        client.read(&server.write(&frame(0x81, &[0xff])));
        let goodbye = client.written();
        assert!(!goodbye.is_empty());
        assert!(matches!(client.did.last(), Some(Did::ShutDown)), "{:?}", client.did);
        let mut bad = server.write(&frame(0x82, b"bad"));
        *bad.last_mut().unwrap() ^= 1;
        client.read(&bad);
        client.read(&[]);
        assert_eq!(client.written(), [0_u8; 0]);
        let report = client.ended().expect("it has ended");
        assert_eq!(report.cause.name(), "violation");
        assert_eq!(report.evidence.failure, None, "{report}");
    }
}

/// Found by a review: a stream with a buffer kept the close_notify behind an end.
#[test]
fn the_goodbye_behind_an_end_is_flushed_before_the_stream_is_shut_down() {
    let (tls, server) = server_of(ring(), &TLS13);
    let (mut client, mut server) = open(&tls, server, Config::default());
    server.connection.send_close_notify();
    let wire = server.write(&[]);
    client.did.clear();
    client.read(&wire);
    assert!(client.ended().is_some());
    let last = client.did.iter().rev().map(|did| match did {
        Did::Event(_) => "event",
        Did::Write(_) => "write",
        Did::Flush => "flush",
        Did::ShutDown => "shut down",
    });
    assert_eq!(last.take(4).collect::<Vec<_>>(), ["event", "shut down", "flush", "write"]);
}

/// Found by a review: of a wrong name, the library says all that a certificate is for.
#[test]
fn what_is_kept_of_the_peers_words_is_short() {
    let names: Vec<String> = (0..200).map(|n| format!("name-number-{n}.example")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (tls, server) = server_for(&names);
    let (mut client, mut server) = (Client::new(&tls, Config::default()), Server::new(server));
    client.run();
    let there = client.written();
    client.read(&server.last_words(&there));
    client.wake(client.now + Duration::from_secs(60));
    let facts = client.driver.tls().expect("there is TLS");
    let words = facts.failure.as_deref().expect("it has failed");
    assert!((20..=256).contains(&words.chars().count()), "{words}");
    let certificate = facts.certificate.as_deref().expect("it was shown");
    assert_eq!(certificate.names.len(), 32);
}
