//! Messages over TLS, and what is known of it.

use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use farewell::{Cause, CloseCode, Direction, Heartbeat, Message, StreamEnd, TlsVersion};

use rustls::version::{TLS12, TLS13};

use crate::support::{
    Adapter, anyone, both, echo, for_both_adapters, listen, masked, pair, plain, quiet,
    with_raw_client_of, with_raw_server, with_raw_server_of,
};

for_both_adapters!(
    messages_of_every_size_come_back,
    every_version_opens_without_waiting,
    both_ends_know_what_was_agreed_on,
    a_ping_is_answered_and_timed,
    what_was_dropped_is_what_the_socket_has_not_taken,
    what_passes_is_shown_to_an_inspector,
);

//= rfc6455#10.6
//= type=test
//# WebSocket implementations MUST support TLS and SHOULD employ it when
//# communicating with their peers.
//= rfc6455#4.1
//= type=test
//# Otherwise, all further communication on this channel MUST run through
//# the encrypted tunnel [RFC5246].
fn messages_of_every_size_come_back<A: Adapter>() {
    let (mut client, server) = pair(quiet(), echo::<A>);
    for len in [0, 1, 125, 126, 16_366, 16_384, 70_000, 3_000_000] {
        let message = Message::from(vec![7_u8; len]);
        client.send(message.clone()).unwrap();
        assert!(client.message() == message, "{len}");
    }
    for _ in 0..3 {
        for number in 0..1_000_u32 {
            client.feed(format!("number {number}")).unwrap();
        }
        for number in 0..1_000_u32 {
            assert_eq!(client.message(), Message::from(format!("number {number}")));
        }
    }
    let report = client.close(CloseCode::NORMAL);
    assert!(report.clean && report.stream_end == StreamEnd::Eof, "{report:?}");
    let report = server.join().unwrap();
    assert!(report.clean && report.stream_end == StreamEnd::Eof, "{report:?}");
}

/// In TLS 1.2 a client's handshake ends with what comes, and nothing of TLS's own is to be written
/// then: what waited for it leaves all the same, and not with the next deadline.
fn every_version_opens_without_waiting<A: Adapter>() {
    for version in [&TLS12, &TLS13] {
        let (mut socket, mut raw) = with_raw_server_of::<A>(version, quiet());
        raw.write(&plain(0x81, b"hello"));
        assert_eq!(socket.message(), Message::from("hello"));
        let (mut socket, mut raw) = with_raw_client_of::<A>(version, quiet());
        raw.write(&masked(0x81, b"hello"));
        assert_eq!(socket.message(), Message::from("hello"));
    }
}

//= rfc6455#4.1
//= type=test
//# Clients MUST use the Server Name Indication extension in the TLS
//# handshake [RFC6066].
fn both_ends_know_what_was_agreed_on<A: Adapter>() {
    let (client, server) = pair(quiet(), |mut socket: A| {
        let facts = socket.tls().expect("there is TLS").clone();
        (facts, socket.ended())
    });
    let facts = client.tls().expect("there is TLS").clone();
    assert_eq!((facts.version, facts.alpn.as_deref()), (Some(TlsVersion::V1_3), Some("http/1.1")));
    assert!(facts.cipher_suite.is_some() && !facts.unverified && !facts.resumed, "{facts:?}");
    let certificate = facts.certificate.expect("the server has one");
    assert_eq!(certificate.names, ["localhost".into(), "127.0.0.1".into()]);
    drop(client);
    let (facts, report) = server.join().unwrap();
    assert_eq!(
        (facts.server_name.as_deref(), facts.alpn.as_deref()),
        (Some("localhost"), Some("http/1.1"))
    );
    assert_eq!((facts.certificate.is_none(), report.tls.as_deref()), (true, Some(&facts)));
}

fn a_ping_is_answered_and_timed<A: Adapter>() {
    let mut config = quiet();
    let mut heartbeat = Heartbeat::default();
    heartbeat.interval = Duration::from_millis(20);
    config.heartbeat = Some(heartbeat);
    let (mut client, server) = pair(config, |mut socket: A| {
        while socket.evidence().pings.rtt.is_none() {
            socket.send("wait").unwrap();
            std::thread::yield_now();
            socket.message();
        }
        socket.close(CloseCode::NORMAL)
    });
    while let Ok(message) = client.next().into_message() {
        client.send(message).unwrap();
    }
    let report = server.join().unwrap();
    assert!(report.clean && report.evidence.pings.rtt.is_some(), "{report:#?}");
}

/// The peer reads nothing until we are gone, and then everything: what it can decrypt is what we say
/// has left.
fn what_was_dropped_is_what_the_socket_has_not_taken<A: Adapter>() {
    let mut config = quiet();
    config.timeouts.write_stall = Some(Duration::from_millis(200));
    let (mut socket, mut raw) = with_raw_server::<A>(config);
    let mut accepted = 0;
    while socket.feed(vec![7_u8; 1_000]).is_ok() {
        accepted += 1;
    }
    let report = socket.ended();
    assert!(matches!(report.cause, Cause::WriteStalled { .. }), "{report}");
    let sent = accepted * (8 + 1_000);
    assert_eq!(report.evidence.sent.bytes, sent);
    assert!(report.dropped.bytes > 0, "{report}");
    drop(socket);
    assert_eq!(raw.rest(), ((sent - report.dropped.bytes) as usize, false));
}

/// Both directions in the clear, whole and in order, on both ends.
fn what_passes_is_shown_to_an_inspector<A: Adapter>() {
    let seen = || Arc::new(Mutex::new([Vec::new(), Vec::new()]));
    let (on_client, on_server) = (seen(), seen());
    let into = |seen: &Arc<Mutex<[Vec<u8>; 2]>>| {
        let seen = seen.clone();
        move |direction: Direction, plaintext: &[u8]| {
            let way = usize::from(direction == Direction::Write);
            seen.lock().unwrap()[way].extend_from_slice(plaintext);
        }
    };
    let ((listener, request), (client, server)) = (listen(), both());
    let (client, server) = (client.inspect(into(&on_client)), server.inspect(into(&on_server)));
    let accepted = thread::spawn(move || {
        let stream = listener.accept().unwrap().0;
        echo(A::accept(stream, &anyone(quiet()), &server).unwrap())
    });
    let stream = TcpStream::connect((request.host(), request.port())).unwrap();
    let mut socket = A::handshake(stream, &request, quiet(), &client).unwrap();
    let long = "long ".repeat(10_000);
    socket.send(long.clone()).unwrap();
    assert_eq!(socket.message().as_text(), Some(&*long));
    assert!(socket.close(CloseCode::NORMAL).clean);
    accepted.join().unwrap();
    let ([read, written], [theirs, ours]) =
        (on_client.lock().unwrap().clone(), on_server.lock().unwrap().clone());
    assert!(written.starts_with(b"GET / HTTP/1.1\r\n") && written == theirs);
    assert!(read.starts_with(b"HTTP/1.1 101 ") && read == ours);
    // The Close comes behind the echo.
    assert!(read.ends_with(b"\x88\x02\x03\xe8") && read.len() > long.len());
}
