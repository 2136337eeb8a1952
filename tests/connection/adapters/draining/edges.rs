//! Drains at the wrong time, twice, or with sockets that are busy with something else.

use std::net::{Shutdown, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use farewell::handshake::Rejection;
use farewell::{AcceptError, Cause, CloseCode, Position};

use super::{Drains, LONG, count, joined};
use crate::adapters::files::open_files;
use crate::adapters::support::{
    Adapter, REQUEST, Raw, Tokio, anyone, bounded, for_both_adapters, listen, masked, millis,
    quiet, runtime, with_raw_client,
};

for_both_adapters!(
    who_has_ended_does_not_join,
    who_is_stuck_in_a_send_is_aborted,
    without_time_all_are_aborted,
    two_may_close_the_same_sockets,
    a_closing_handshake_under_way_is_waited_for,
    nothing_stays_of_who_did_not_get_in,
);

fn who_has_ended_does_not_join<D: Drains>() {
    let drain = D::Drain::default();
    let (mut socket, raw) = with_raw_client::<D>(quiet());
    drop(raw);
    socket.ended();
    socket.join(D::ticket(&drain));
    assert_eq!(D::sockets(&drain), 0);
    let drained = D::close_all(&drain, CloseCode::GOING_AWAY, LONG);
    socket.join(D::ticket(&drain));
    assert_eq!(count(&drained), [0; 6], "{drained}");
    assert_eq!(count(&D::close_all(&drain, CloseCode::GOING_AWAY, LONG)), [0; 6]);
}

/// Its peer reads nothing, so neither what is sent nor a Close ever leaves.
fn who_is_stuck_in_a_send_is_aborted<D: Drains>() {
    let drain = D::Drain::default();
    let (mut socket, _raw) = with_raw_client::<D>(quiet());
    socket.join(D::ticket(&drain));
    let (sends, is_sending) = mpsc::channel();
    let server = thread::spawn(move || {
        while socket.send(vec![0; 1 << 20]).is_ok() {
            let _ = sends.send(());
        }
        socket.ended()
    });
    is_sending.recv().unwrap();
    D::close_all(&drain, CloseCode::GOING_AWAY, millis(200));
    assert_eq!(server.join().unwrap().cause, Cause::Aborted);
    // On a slow machine it was left at first.
    let drained = D::close_all(&drain, CloseCode::GOING_AWAY, LONG);
    assert_eq!(count(&drained), [1, 0, 0, 1, 0, 0], "{drained}");
}

fn without_time_all_are_aborted<D: Drains>() {
    let drain = D::Drain::default();
    let servers = (0..2).map(|_| joined::<D>(&drain, quiet()));
    let (clients, servers): (Vec<D>, Vec<_>) = servers.unzip();
    D::close_all(&drain, CloseCode::GOING_AWAY, Duration::ZERO);
    for server in servers {
        assert_eq!(server.join().unwrap().cause, Cause::Aborted);
    }
    for mut client in clients {
        assert_eq!(client.ended().code, 1006, "nobody said anything");
    }
    let drained = D::close_all(&drain, CloseCode::GOING_AWAY, LONG);
    assert_eq!(count(&drained), [2, 0, 0, 2, 0, 0], "{drained}");
}

fn two_may_close_the_same_sockets<D: Drains>() {
    let drain = D::Drain::default();
    let (clients, servers): (Vec<D>, Vec<_>) = (0..4).map(|_| joined::<D>(&drain, quiet())).unzip();
    let clients: Vec<_> =
        clients.into_iter().map(|mut client| thread::spawn(move || client.ended())).collect();
    let closing = [CloseCode::GOING_AWAY, CloseCode::SERVICE_RESTART].map(|code| {
        let drain = drain.clone();
        thread::spawn(move || D::close_all(&drain, code, Duration::from_secs(2)))
    });
    for closed in closing {
        let drained = closed.join().unwrap();
        assert_eq!(count(&drained), [4, 4, 0, 0, 0, 0], "{drained}");
    }
    let codes: Vec<_> = clients.into_iter().map(|client| client.join().unwrap().code).collect();
    assert!(codes == [1001; 4] || codes == [1012; 4], "the first decides: {codes:?}");
    assert!(servers.into_iter().all(|server| server.join().unwrap().clean));
}

fn a_closing_handshake_under_way_is_waited_for<D: Drains>() {
    let drain = D::Drain::default();
    let (mut socket, mut raw) = with_raw_client::<D>(quiet());
    socket.join(D::ticket(&drain));
    let server = thread::spawn(move || socket.close(CloseCode::NORMAL));
    assert_eq!(raw.frame(), (0x88, vec![0x03, 0xe8]));
    let closing = drain.clone();
    let closed = thread::spawn(move || D::close_all(&closing, CloseCode::GOING_AWAY, LONG));
    while !D::is_draining(&drain) {
        thread::yield_now();
    }
    raw.write(&masked(0x88, &[0x03, 0xe8]));
    assert_eq!(raw.rest().unwrap(), b"", "no second Close");
    drop(raw);
    let (drained, report) = (closed.join().unwrap(), server.join().unwrap());
    assert_eq!(count(&drained), [1, 1, 0, 0, 0, 0], "{drained}");
    assert_eq!((report.clean, report.code), (true, 1000));
}

/// Whatever is wrong with them: typed, and neither a place in the drain nor a file is left of it.
fn nothing_stays_of_who_did_not_get_in<D: Drains>() {
    let drain = D::Drain::default();
    let (listener, request) = listen();
    let port = request.port();
    let upgrade = std::str::from_utf8(REQUEST).unwrap();
    let body = upgrade.replace("Host:", "Content-Length: 5\r\nHost:");
    let plain_body = "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let http2 = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let half = "GET / HTTP/1.1\r\nHost: a\r\n";
    for wire in [
        &body,
        plain_body,
        http2,
        half,
        "\x16\x03\x01\x02",
        "",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        let ticket = D::ticket(&drain);
        let mut raw = Raw(TcpStream::connect((request.host(), port)).unwrap());
        raw.write(wire.as_bytes());
        raw.0.shutdown(Shutdown::Write).unwrap();
        let result =
            D::accept_with(listener.accept().unwrap().0, quiet(), |_| Err(Rejection::new(403)?));
        let Err(error) = result else { panic!("{wire}") };
        assert_eq!(D::sockets(&drain), 1);
        drop(ticket);
        let cause = error.report().unwrap().cause;
        match error {
            AcceptError::Plain { status: 403, .. } => {
                assert!(wire.ends_with("a\r\n\r\n"), "{wire}")
            }
            AcceptError::Ended(_) => match cause {
                Cause::HandshakeInvalid(_) => {}
                Cause::Eof { at: Position::OpeningHandshake } => assert!(half.starts_with(wire)),
                other => panic!("{wire}: {other:?}"),
            },
            other => panic!("{wire}: {other}"),
        }
    }
    // A client that resets behind the 101: the socket says so, and leaves the drain by that.
    let ticket = D::ticket(&drain);
    let mut raw = Raw(TcpStream::connect((request.host(), port)).unwrap());
    raw.write(REQUEST);
    let accepted = thread::spawn(move || D::accept(listener.accept().unwrap().0, &anyone(quiet())));
    assert!(raw.head().starts_with("HTTP/1.1 101 "));
    let mut socket = accepted.join().unwrap().unwrap();
    socket.join(ticket);
    raw.reset();
    let cause = socket.ended().cause;
    assert!(matches!(cause, Cause::Transport { .. }), "{cause:?}");
    assert_eq!(D::sockets(&drain), 0);
    drop(socket);
    let drained = D::close_all(&drain, CloseCode::GOING_AWAY, LONG);
    assert_eq!(count(&drained), [0; 6], "{drained}");
    assert_eq!(open_files(port), 0);
}

/// It can be given up, and taken up again.
#[test]
fn a_drain_that_was_dropped_has_begun() {
    bounded(|| {
        let drain = farewell::aio::Drain::new();
        let (mut client, server) = joined::<Tokio>(&drain, quiet());
        runtime().block_on(async {
            // Polled once: orders are given, and nobody waits for what comes of them.
            let closing = drain.close_all(CloseCode::GOING_AWAY, Duration::MAX);
            let once = futures_util::future::poll_immediate(closing).await;
            assert!(once.is_none(), "{once:?}");
        });
        assert!(drain.is_draining());
        assert_eq!(client.ended().code, 1001);
        assert!(server.join().unwrap().clean);
        let drained = Tokio::close_all(&drain, CloseCode::SERVICE_RESTART, Duration::MAX);
        assert_eq!(count(&drained), [1, 1, 0, 0, 0, 0], "{drained}");
    });
}
