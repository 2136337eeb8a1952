//! Every way for a connection over TLS to end once it was open.

use std::io::Read;
use std::thread;

use farewell::{
    Cause, CloseCode, Direction, Initiator, Position, StreamEnd, TlsAlert, TlsError, TransportError,
};

use crate::support::{
    Adapter, for_both_adapters, masked, plain, quiet, with_raw_client, with_raw_server,
};

for_both_adapters!(
    a_server_closes_in_tls_before_the_stream,
    a_client_answers_the_close_in_tls,
    both_closes_without_one_in_tls_are_clean,
    an_end_that_tls_did_not_announce,
    an_end_that_tls_announced_without_a_close,
    an_end_inside_a_record,
    an_abort_says_nothing,
    a_close_is_not_lost_behind_unread_input,
    a_record_that_was_changed_ends_it_with_an_alert,
    an_alert_of_the_peer_ends_it,
);

fn truncated() -> Cause {
    Cause::Transport { direction: Direction::Read, kind: TransportError::TlsTruncated }
}

fn a_server_closes_in_tls_before_the_stream<A: Adapter>() {
    let (mut socket, mut raw) = with_raw_client::<A>(quiet());
    let peer = thread::spawn(move || {
        assert_eq!(raw.frame(), (0x88, vec![3, 0xe8]));
        raw.write(&masked(0x88, &[3, 0xe8]));
        assert_eq!(raw.rest(), (0, true));
        // Behind what TLS says comes the end of the stream, and only then do we close.
        assert_eq!(raw.0.sock.read(&mut [0; 8]).unwrap(), 0);
        raw.close();
    });
    let report = socket.close(CloseCode::NORMAL);
    assert!(report.clean && report.initiator == Initiator::Local, "{report}");
    assert_eq!(report.stream_end, StreamEnd::Eof);
    peer.join().unwrap();
}

fn a_client_answers_the_close_in_tls<A: Adapter>() {
    let (mut socket, mut raw) = with_raw_server::<A>(quiet());
    let peer = thread::spawn(move || {
        raw.write(&plain(0x88, &[3, 0xe8]));
        assert_eq!(raw.frame(), (0x88, vec![3, 0xe8]));
        raw.0.conn.send_close_notify();
        raw.write(b"");
        assert_eq!(raw.rest(), (0, true));
    });
    let report = socket.ended();
    assert!(report.clean && report.stream_end == StreamEnd::Eof, "{report:?}");
    drop(socket);
    peer.join().unwrap();
}

fn both_closes_without_one_in_tls_are_clean<A: Adapter>() {
    let (mut socket, mut raw) = with_raw_server::<A>(quiet());
    let peer = thread::spawn(move || {
        assert_eq!(raw.frame().0, 0x88);
        raw.write(&plain(0x88, &[3, 0xe8]));
    });
    let report = socket.close(CloseCode::NORMAL);
    assert_eq!(report.cause, Cause::ClosingHandshake, "{report}");
    assert_eq!((report.clean, report.stream_end), (true, StreamEnd::TlsTruncated), "{report:?}");
    peer.join().unwrap();
}

fn an_end_that_tls_did_not_announce<A: Adapter>() {
    let (mut socket, mut raw) = with_raw_client::<A>(quiet());
    raw.write(&masked(0x81, b"last"));
    drop(raw);
    assert_eq!(socket.message().as_text(), Some("last"));
    let report = socket.ended();
    assert_eq!(
        (report.cause, report.stream_end),
        (truncated(), StreamEnd::TlsTruncated),
        "{report}"
    );
    assert!(!report.clean && report.tls.is_some());
}

fn an_end_that_tls_announced_without_a_close<A: Adapter>() {
    let (mut socket, mut raw) = with_raw_server::<A>(quiet());
    raw.write(&plain(0x81, b"last"));
    raw.close();
    assert_eq!(socket.message().as_text(), Some("last"));
    let report = socket.ended();
    assert_eq!(report.cause, Cause::Eof { at: Position::FrameBoundary }, "{report}");
    assert_eq!(report.stream_end, StreamEnd::Eof);
}

fn an_end_inside_a_record<A: Adapter>() {
    let (mut socket, mut raw) = with_raw_server::<A>(quiet());
    std::io::Write::write_all(&mut raw.0.sock, &[0x17, 3, 3, 1, 0, 7, 7]).unwrap();
    drop(raw);
    let report = socket.ended();
    assert_eq!(
        (report.cause, report.stream_end),
        (truncated(), StreamEnd::TlsTruncated),
        "{report}"
    );
}

fn an_abort_says_nothing<A: Adapter>() {
    let (mut socket, mut raw) = with_raw_client::<A>(quiet());
    socket.abort();
    assert_eq!(socket.ended().cause, Cause::Aborted);
    drop(socket);
    assert_eq!(raw.rest(), (0, false));
}

/// The peer goes on sending, and reads only later.
fn a_close_is_not_lost_behind_unread_input<A: Adapter>() {
    let (mut socket, mut raw) = with_raw_client::<A>(quiet());
    let flood = masked(0x82, &[7; 100]).repeat(20_000);
    let peer = thread::spawn(move || {
        raw.write(&flood);
        assert_eq!(raw.frame(), (0x88, vec![3, 0xe8]));
        raw.write(&masked(0x88, &[3, 0xe8]));
        raw.write(&flood);
        assert_eq!(raw.rest(), (0, true));
        raw.close();
    });
    let report = socket.close(CloseCode::NORMAL);
    assert!(report.clean && report.stream_end == StreamEnd::Eof, "{report:?}");
    peer.join().unwrap();
}

fn a_record_that_was_changed_ends_it_with_an_alert<A: Adapter>() {
    let (mut socket, mut raw) = with_raw_server::<A>(quiet());
    raw.write(&plain(0x81, b"last"));
    std::io::Write::write_all(&mut raw.0.sock, &[0x17, 3, 3, 0, 20].repeat(5)).unwrap();
    let peer = thread::spawn(move || {
        let error = raw.0.read(&mut [0; 8]).unwrap_err().into_inner().unwrap();
        let alert = rustls::Error::AlertReceived(rustls::AlertDescription::BadRecordMac);
        assert_eq!(error.downcast_ref(), Some(&alert));
    });
    assert_eq!(socket.message().as_text(), Some("last"));
    let report = socket.ended();
    let kind = TransportError::Tls(TlsError::Undecryptable);
    assert_eq!(report.cause, Cause::Transport { direction: Direction::Read, kind }, "{report}");
    assert!(report.tls.unwrap().failure.is_some());
    peer.join().unwrap();
}

fn an_alert_of_the_peer_ends_it<A: Adapter>() {
    let (mut socket, mut raw) = with_raw_client::<A>(quiet());
    // What we cannot decrypt makes its TLS send one.
    raw.0.conn.read_tls(&mut &[0x17, 3, 3, 0, 20].repeat(5)[..]).unwrap();
    raw.0.conn.process_new_packets().unwrap_err();
    raw.0.conn.write_tls(&mut raw.0.sock).unwrap();
    let report = socket.ended();
    let kind = TransportError::Tls(TlsError::Alert(TlsAlert(20)));
    assert_eq!(report.cause, Cause::Transport { direction: Direction::Read, kind }, "{report}");
}
