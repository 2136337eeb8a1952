//! Handshakes that fail: what the end is called, and whether there is another attempt.

use std::sync::Arc;

use farewell::reconnect::{Decision, Reconnect, ReconnectConfig};
use farewell::{
    Cause, Config, Direction, Position, Termination, Timestamp, TlsAlert, TlsError, TransportError,
};
use rustls::ServerConfig;
use rustls::version::{TLS12, TLS13};

use crate::support::wire::{Client, Server, ring, server_of, with_client_certificates};

fn decide(report: &Termination) -> Decision {
    let mut reconnect = Reconnect::new(ReconnectConfig::default());
    reconnect.start(Timestamp::ZERO);
    assert!(reconnect.poll_attempt().is_some());
    reconnect.handle_outcome(report, 1 << 63, Timestamp::ZERO)
}

/// Found by a review: in TLS 1.3 the server looks at a client's certificate only once the client has
/// finished, and the mistake was then taken for a connection that was lost.
#[test]
fn a_client_without_the_certificate_that_is_asked_for_stops_in_either_version() {
    let versions = [(&TLS12, Position::TlsHandshake), (&TLS13, Position::OpeningHandshake)];
    for (version, position) in versions {
        let (tls, server) = with_client_certificates(version);
        let (mut client, mut server) = (Client::new(&tls, Config::default()), Server::new(server));
        while client.ended().is_none() {
            client.run();
            let there = client.written();
            client.read(&server.last_words(&there));
        }
        let report = client.ended().expect("it has ended");
        let kind = TransportError::Tls(TlsError::Alert(TlsAlert(116)));
        assert_eq!(report.cause, Cause::Transport { direction: Direction::Read, kind });
        assert_eq!(report.evidence.position, position);
        let decision = decide(report);
        assert!(decision.is_stop(), "{version:?}: {decision}");
        assert!(decision.to_string().starts_with("stop: TLS failed: "), "{decision}");
    }
}

fn flight(server: &Arc<ServerConfig>, client: &mut Client) -> Vec<u8> {
    let mut server = Server::new(server.clone());
    client.run();
    server.read(&client.written());
    server.write(&[])
}

/// A server that is shutting down, for example.
#[test]
fn a_close_notify_in_the_handshake_is_a_connection_cut_short() {
    let (tls, server) = server_of(ring(), &TLS13);
    for level in [1, 2] {
        let mut client = Client::new(&tls, Config::default());
        let flight = flight(&server, &mut client);
        let hello = 5 + usize::from(u16::from_be_bytes([flight[3], flight[4]]));
        client.read(&flight[..hello]);
        client.read(&[0x15, 3, 3, 0, 2, level, 0]);
        let report = client.ended().expect("it has ended");
        assert_eq!(report.cause, Cause::Eof { at: Position::TlsHandshake }, "{level}");
        assert_eq!(report.diagnosis().first().verdict().name(), "tls_cut_short");
        assert!(!decide(report).is_stop());
    }
}
