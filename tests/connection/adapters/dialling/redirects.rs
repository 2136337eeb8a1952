//! Redirections: followed where that is asked for, and no further.

use std::net::{SocketAddr, TcpListener};
use std::thread::{self, JoinHandle};

use farewell::handshake::{ClientRequest, RedirectError};
use farewell::reconnect::Outcome;
use farewell::{Cause, CloseCode, ConnectError, ConnectOptions};

use super::super::support::{Adapter, Raw, for_both_adapters, quiet};
use super::server;

for_both_adapters! {
    a_redirection_is_followed_only_where_that_is_asked_for,
    redirections_are_bounded,
    what_is_no_websocket_url_is_not_followed,
    what_needs_tls_is_not_followed_and_leaves_the_report,
    a_dial_that_fails_behind_redirections_says_how_many_there_were,
    given_addresses_are_those_of_the_first_place_alone,
}

/// A server that redirects so many connections.
fn redirects(status: u16, location: String, count: usize) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = thread::spawn(move || {
        for _ in 0..count {
            let mut raw = Raw(listener.accept().unwrap().0);
            raw.head();
            let location = location.replace("SELF", &address.to_string());
            let head = format!(
                "HTTP/1.1 {status} Go\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
            );
            raw.write(head.as_bytes());
        }
    });
    (address, thread)
}

fn request(address: SocketAddr) -> ClientRequest {
    ClientRequest::new(&format!("ws://{address}/old")).unwrap()
}

fn options(redirects: u8) -> ConnectOptions {
    ConnectOptions::from(quiet()).redirects(redirects)
}

fn a_redirection_is_followed_only_where_that_is_asked_for<A: Adapter>() {
    for status in [301, 302, 307, 308] {
        let (address, server) = server::<A>();
        let (first, thread) = redirects(status, format!("http://{address}/new"), 2);
        match A::connect(&request(first), options(0)) {
            Err(ConnectError::Ended(report)) => {
                assert_eq!(report.cause, Cause::HandshakeRejected { status });
            }
            _ => panic!("it was followed"),
        }
        let mut socket = A::connect(&request(first), options(1)).unwrap();
        let record = socket.dial().unwrap();
        assert_eq!((record.address(), record.redirects), (Some(address), 1));
        assert!(socket.close(CloseCode::NORMAL).clean);
        thread.join().unwrap();
        server.join().unwrap();
    }
}

fn redirections_are_bounded<A: Adapter>() {
    let (address, thread) = redirects(302, "ws://SELF/again".into(), 4);
    let error = A::connect(&request(address), options(3)).err().unwrap();
    assert!(matches!(error, ConnectError::Ended(_)), "{error}");
    assert_eq!(error.dial().unwrap().redirects, 3);
    thread.join().unwrap();
    // 303 asks for another kind of request, and 304 for none.
    let (address, thread) = redirects(303, "ws://SELF/again".into(), 1);
    assert!(A::connect(&request(address), options(3)).is_err());
    thread.join().unwrap();
}

fn what_is_no_websocket_url_is_not_followed<A: Adapter>() {
    let (address, thread) = redirects(302, "ftp://SELF/".into(), 1);
    let error = A::connect(&request(address), options(3)).err().unwrap();
    let ConnectError::Redirect { error, report } = error else { panic!("{error}") };
    assert!(matches!(error, RedirectError::Location(_)), "{error}");
    assert_eq!(report.cause, Cause::HandshakeRejected { status: 302 });
    thread.join().unwrap();
}

fn what_needs_tls_is_not_followed_and_leaves_the_report<A: Adapter>() {
    if cfg!(feature = "rustls") {
        // It is followed: see `tests/tls`.
        return;
    }
    let (address, thread) = redirects(302, "https://SELF/".into(), 1);
    let error = A::connect(&request(address), options(3)).err().unwrap();
    let ConnectError::Redirect { error: RedirectError::TlsNeeded, report } = &error else {
        panic!("{error}")
    };
    assert_eq!(report.cause, Cause::HandshakeRejected { status: 302 });
    // Another place may be a captive portal's, for a while: not for reconnecting to stop at.
    assert!(matches!(error.outcome(), Outcome::Ended(_)), "{error}");
    thread.join().unwrap();
}

fn a_dial_that_fails_behind_redirections_says_how_many_there_were<A: Adapter>() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (address, thread) = redirects(307, format!("ws://{nobody}/"), 1);
    let error = A::connect(&request(address), options(3)).err().unwrap();
    let ConnectError::Dial(error) = error else { panic!("{error}") };
    assert_eq!(error.record.redirects, 1, "{error}");
    thread.join().unwrap();
}

fn given_addresses_are_those_of_the_first_place_alone<A: Adapter>() {
    let (address, server) = server::<A>();
    let (first, thread) = redirects(307, format!("ws://{address}/"), 1);
    let request = ClientRequest::new("ws://nobody.invalid/").unwrap();
    let mut socket = A::connect(&request, options(1).addresses([first])).unwrap();
    assert_eq!(socket.dial().unwrap().address(), Some(address));
    assert!(socket.close(CloseCode::NORMAL).clean);
    thread.join().unwrap();
    server.join().unwrap();
}
