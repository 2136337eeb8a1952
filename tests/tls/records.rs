//! Records and what they carry: a limit of the keys, large messages, what came before a failure.

use std::thread;

use farewell::tls::TlsServer;
use farewell::{Cause, Config, Direction, SendError, TlsError, TransportError};
use rustls::crypto::{CipherSuiteCommon, CryptoProvider};
use rustls::version::{TLS12, TLS13};
use rustls::{SupportedCipherSuite, SupportedProtocolVersion, Tls12CipherSuite};

use crate::support::wire::{Did, both_of, frame, open, ring, server_of};
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
