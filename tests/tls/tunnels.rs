//! Two layers of TLS without a socket: that with a server inside that with a proxy. The pieces in which
//! ciphertext comes and leaves change nothing.

use std::mem;
use std::sync::Arc;

use farewell::dial::{Dial, DialFailure, DialOptions, Proxy, ProxyFailure, Step};
use farewell::handshake::ClientRequest;
use farewell::tls::TlsClient;
use farewell::{Cause, Config, StreamEnd, Timestamp, TransportError};
use rustls::ServerConfig;
use rustls::version::{TLS12, TLS13};

use crate::support::accept_head;
use crate::support::wire::{Client, Server, frame, ring, server_of};

/// A server behind a proxy: what one of them encrypts is plaintext to the other.
struct Behind {
    proxy: Server,
    server: Server,
}

impl Behind {
    fn read(&mut self, bytes: &[u8]) {
        self.proxy.read(bytes);
        self.server.read(&mem::take(&mut self.proxy.received));
    }

    fn write(&mut self, plaintext: &[u8]) -> Vec<u8> {
        let inside = self.server.write(plaintext);
        self.proxy.write(&inside)
    }
}

/// All three, after the opening handshake.
fn open(tls: &TlsClient, config: &Arc<ServerConfig>) -> (Client, Behind) {
    let mut client = Client::new(tls, Config::default()).behind_proxy(tls);
    let [proxy, server] = [config, config].map(|config| Server::new(config.clone()));
    let mut behind = Behind { proxy, server };
    while behind.server.received.is_empty() {
        client.run();
        behind.read(&client.written());
        let back = behind.write(&[]);
        if !back.is_empty() {
            client.read(&back);
        }
    }
    let request = String::from_utf8(mem::take(&mut behind.server.received)).unwrap();
    client.read(&behind.write(accept_head(&request).as_bytes()));
    client.did.clear();
    (client, behind)
}

/// Reads all of it, in such pieces, or as much as the client wants.
fn read(client: &mut Client, wire: &[u8], step: usize) {
    for part in wire.chunks(step.min(wire.len())) {
        if client.ended().is_none() {
            client.read(part);
        }
    }
}

const STEPS: [usize; 5] = [1, 100, 5_000, 20_000, usize::MAX];

#[test]
fn messages_are_the_same_in_any_pieces() {
    let messages: Vec<_> = [0, 1, 700, 20_000, 60_000].map(|len| vec![7; len]).into();
    let plaintext: Vec<u8> = messages.iter().flat_map(|message| frame(0x82, message)).collect();
    for version in [&TLS12, &TLS13] {
        let (tls, config) = server_of(ring(), version);
        for step in STEPS {
            let (mut client, mut behind) = open(&tls, &config);
            let wire = behind.write(&plaintext);
            read(&mut client, &wire, step);
            assert!(client.messages() == messages, "{step}: {:?}", client.ended());
        }
    }
}

#[test]
fn what_was_sent_counts_as_pending_until_the_last_byte_of_it_was_taken() {
    let (tls, config) = server_of(ring(), &TLS13);
    for step in [1, 99, 16_000] {
        let (mut client, mut behind) = open(&tls, &config);
        client.room = 0;
        client.driver.send(vec![7; 20_000], client.now).unwrap();
        let len = client.driver.session().pending_output();
        while client.driver.session().pending_output() > 0 {
            assert!(behind.server.received.len() < len, "all of it has come");
            client.room = step;
            client.wake(client.now);
            behind.read(&client.written());
        }
        assert_eq!(behind.server.received.len(), len, "{step}");
    }
}

/// Both layers say that it is over, the inner one first, and are told so.
#[test]
fn the_end_is_said_in_both_layers_in_any_pieces() {
    for version in [&TLS12, &TLS13] {
        let (tls, config) = server_of(ring(), version);
        for step in STEPS {
            let (mut client, mut behind) = open(&tls, &config);
            let mut wire = behind.write(&frame(0x88, &1000_u16.to_be_bytes()));
            behind.server.connection.send_close_notify();
            wire.extend(behind.write(&[]));
            behind.proxy.connection.send_close_notify();
            wire.extend(behind.write(&[]));
            read(&mut client, &wire, step);
            let report = client.ended().unwrap();
            let end = (report.clean, report.stream_end);
            assert_eq!(end, (true, StreamEnd::Eof), "{step}: {report:?}");
            behind.read(&client.written());
            for one in [&mut behind.server, &mut behind.proxy] {
                let state = one.connection.process_new_packets().unwrap();
                assert!(state.peer_has_closed(), "{step}: {:?}", client.did);
            }
        }
    }
}

/// Where a part of a record has left and the rest was dropped, what follows would be taken for the rest.
#[test]
fn nothing_follows_a_record_that_was_torn() {
    for version in [&TLS12, &TLS13] {
        let (tls, config) = server_of(ring(), version);
        for (room, torn) in [(1, true), (100, true), (usize::MAX, false)] {
            let (mut client, mut behind) = open(&tls, &config);
            client.room = room;
            client.driver.send(vec![7; 5_000], client.now).unwrap();
            client.wake(client.now);
            assert_eq!(client.written().len() == room, torn);
            // TLS with the server fails, and that with the proxy does not.
            let mut broken = behind.server.write(b"broken");
            *broken.last_mut().unwrap() ^= 1;
            let wire = behind.proxy.write(&broken);
            client.read(&wire);
            let linger = client.driver.session().config().timeouts.linger;
            // The stream takes more only once what waited for it was given up.
            let late = client.now + linger;
            client.room = usize::MAX;
            client.wake(late);
            client.wake(late);
            let report = client.ended().expect("it is over");
            assert!(
                matches!(report.cause, Cause::Transport { kind: TransportError::Tls(_), .. }),
                "{report:?}"
            );
            let after = client.written();
            assert_eq!(after.is_empty(), torn, "{} bytes behind {room}", after.len());
        }
    }
}

/// What TLS with a proxy has come to when it fails does not depend on how that was cut: it was not asked.
#[test]
fn a_proxy_that_was_not_asked_is_told_by_its_tls_alone() {
    let (tls, config) = server_of(ring(), &TLS13);
    let now = Timestamp::ZERO;
    for cut in [false, true] {
        let mut options = DialOptions::default();
        options.proxy = Some(Proxy::new("https://localhost:3128").unwrap().tls(tls.clone()));
        let request = ClientRequest::new("ws://server.example/").unwrap();
        let mut dial = Dial::new(&request, &options, &Config::default(), now);
        assert!(matches!(dial.next(), Step::Resolve { .. }));
        dial.handle_resolved(&[([127, 0, 0, 1], 3128).into()], now);
        let Step::Connect { attempt, .. } = dial.next() else { panic!("it does not connect") };
        dial.handle_connected(attempt, now);
        let mut proxy = Server::new(config.clone());
        let hello = dial.output().to_vec();
        dial.handle_written(hello.len(), now);
        proxy.read(&hello);
        let flight = proxy.write(&[]);
        let broken = [0x17, 3, 3, 0, 5, 1, 2, 3, 4, 5];
        if cut {
            dial.handle_read(&flight, now);
            assert!(dial.record().proxy.is_some(), "it is about to be asked");
            dial.handle_read(&broken, now);
        } else {
            dial.handle_read(&[&flight[..], &broken].concat(), now);
        }
        loop {
            match dial.next() {
                Step::Write => {
                    let len = dial.output().len();
                    dial.handle_written(len, now);
                }
                Step::Read => dial.handle_read_blocked(),
                Step::Failed => break,
                other => panic!("{other:?}"),
            }
        }
        let record = dial.into_result().unwrap_err().record;
        let failure = DialFailure::Proxy(ProxyFailure::Tls(farewell::TlsError::Undecryptable));
        assert_eq!(record.failure, Some(failure), "{record}");
        assert!(record.proxy_tls.is_some() && record.proxy.is_none(), "{cut}: {record:?}");
    }
}
