//! Through proxies that are played here; real ones are in `tests/interop/proxies`.

use std::net::{SocketAddr, TcpListener};
use std::thread::{self, JoinHandle};

use farewell::dial::{DialFailure, Proxy, ProxyAnswer, ProxyFailure, SocksReply};
use farewell::handshake::ClientRequest;
use farewell::reconnect::{Decision, ReconnectConfig};
use farewell::{CloseCode, ConnectError, ConnectOptions, ReconnectEvent};

use super::super::support::{Adapter, Raw, anyone, echo, for_both_adapters, quiet};
use super::failure;

for_both_adapters! {
    an_http_proxy_leads_to_the_server,
    a_socks_proxy_leads_to_the_server,
    what_a_proxy_refuses_is_told,
    a_proxy_that_is_not_there_is_told_of_as_an_address,
    credentials_are_shown_nowhere,
}

type Play = fn(&mut Raw) -> bool;

/// A proxy that plays this, and then the server itself where it lets the connection through.
fn proxy<A: Adapter>(play: Play) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = thread::spawn(move || {
        let mut raw = Raw(listener.accept().unwrap().0);
        if play(&mut raw) {
            echo(A::accept(raw.0, &anyone(quiet())).unwrap());
        }
    });
    (address, thread)
}

fn through(url: &str) -> ConnectOptions {
    ConnectOptions::from(quiet()).proxy(Proxy::new(url).unwrap())
}

fn request() -> ClientRequest {
    ClientRequest::new("ws://server.example/chat").unwrap()
}

fn lets_basic_through(raw: &mut Raw) -> bool {
    let head = raw.head();
    assert!(head.starts_with("CONNECT server.example:80 HTTP/1.1\r\nHost: server.example:80\r\n"));
    if !head.contains("\r\nProxy-Authorization: Basic YWxpY2U6c2VzYW1l\r\n") {
        raw.write(b"HTTP/1.1 407 Who?\r\nContent-Length: 8\r\n\r\nsay who!");
        let _ = raw.rest();
        return false;
    }
    raw.write(b"HTTP/1.1 200 Go on\r\n\r\n");
    true
}

fn lets_user_through(raw: &mut Raw) -> bool {
    let methods = raw.bytes(2)[1];
    if !raw.bytes(usize::from(methods)).contains(&2) {
        raw.write(b"\x05\xff");
        return false;
    }
    raw.write(b"\x05\x02");
    let user = raw.bytes(2)[1];
    let user = raw.bytes(usize::from(user));
    let password = raw.bytes(1)[0];
    if (user, raw.bytes(usize::from(password))) != (b"alice".to_vec(), b"sesame".to_vec()) {
        raw.write(b"\x01\x05");
        return false;
    }
    raw.write(b"\x01\x00");
    assert_eq!(raw.bytes(21), b"\x05\x01\x00\x03\x0eserver.example\x00\x50");
    raw.write(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x12\x34");
    true
}

fn an_http_proxy_leads_to_the_server<A: Adapter>() {
    let (address, thread) = proxy::<A>(lets_basic_through);
    let options = through(&format!("http://alice:sesame@{address}"));
    let mut socket = A::connect(&request(), options).unwrap();
    socket.send("through").unwrap();
    assert_eq!(socket.message().as_text(), Some("through"));
    let record = socket.dial().unwrap();
    let proxy = record.proxy.as_ref().unwrap();
    assert_eq!(proxy.answer, Some(ProxyAnswer::Http { status: 200 }));
    assert_eq!((record.address(), record.resolve), (Some(address), None));
    assert!(socket.close(CloseCode::NORMAL).clean);
    thread.join().unwrap();
}

fn a_socks_proxy_leads_to_the_server<A: Adapter>() {
    let (address, thread) = proxy::<A>(lets_user_through);
    let options = through(&format!("socks5://alice:sesame@{address}"));
    let mut socket = A::connect(&request(), options).unwrap();
    socket.send("through").unwrap();
    assert_eq!(socket.message().as_text(), Some("through"));
    let answer = socket.dial().unwrap().proxy.as_ref().unwrap().answer;
    assert_eq!(answer, Some(ProxyAnswer::Socks(SocksReply::Succeeded)));
    assert!(socket.close(CloseCode::NORMAL).clean);
    thread.join().unwrap();
}

fn what_a_proxy_refuses_is_told<A: Adapter>() {
    let refuses: Play = |raw| {
        raw.head();
        raw.write(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n");
        false
    };
    let cases: [(&str, &str, Play, ProxyFailure); 7] = [
        ("http", "alice:sesame@", refuses, ProxyFailure::Refused { status: 503 }),
        ("http", "", lets_basic_through, ProxyFailure::CredentialsNeeded),
        ("http", "alice:open@", lets_basic_through, ProxyFailure::CredentialsRefused),
        ("socks5", "", lets_user_through, ProxyFailure::CredentialsNeeded),
        ("socks5", "alice:open@", lets_user_through, ProxyFailure::CredentialsRefused),
        (
            "http",
            "",
            |raw| {
                raw.head();
                false
            },
            ProxyFailure::CutShort,
        ),
        (
            "socks5",
            "",
            |raw| {
                raw.bytes(3);
                raw.write(b"HTTP/1.1 400");
                false
            },
            ProxyFailure::NotSocks,
        ),
    ];
    for (scheme, credentials, play, expected) in cases {
        let (address, thread) = proxy::<A>(play);
        let options = through(&format!("{scheme}://{credentials}{address}"));
        let result = A::connect(&request(), options);
        assert_eq!(failure(result), DialFailure::Proxy(expected));
        thread.join().unwrap();
    }
}

fn a_proxy_that_is_not_there_is_told_of_as_an_address<A: Adapter>() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let result = A::connect(&request(), through(&format!("http://{address}")));
    assert_eq!(failure(result), DialFailure::Unconnected);
}

/// Everything that can be printed about a connection whose URL and proxy have credentials.
fn credentials_are_shown_nowhere<A: Adapter>() {
    let url = "ws://alice:sesame@server.example/chat";
    assert!(ClientRequest::new(url).is_err());
    let request = ClientRequest::with_credentials(url).unwrap();
    let plays: [Play; 3] = [
        |raw| {
            raw.head();
            raw.write(b"HTTP/1.1 200 Go on\r\n\r\n");
            true
        },
        |raw| {
            raw.head();
            raw.write(b"HTTP/1.1 407 Who?\r\nContent-Length: 0\r\n\r\n");
            false
        },
        |raw| {
            raw.head();
            raw.write(b"HTTP/1.1 200 Go on\r\n\r\n");
            let head = raw.head();
            assert!(head.contains("\r\nAuthorization: Basic YWxpY2U6c2VzYW1l\r\n"), "{head}");
            raw.write(b"HTTP/1.1 401 Who?\r\nContent-Length: 0\r\n\r\n");
            false
        },
    ];
    for play in plays {
        let (address, thread) = proxy::<A>(play);
        let options = through(&format!("http://alice:sesame@{address}"));
        let mut printed = vec![format!("{request:?} {options:?}")];
        match A::connect(&request, options) {
            Ok(mut socket) => {
                printed.push(format!("{:?}", socket.dial()));
                let report = socket.close(CloseCode::NORMAL);
                printed.push(format!("{report:?} {report} {:#}", report.diagnosis()));
            }
            Err(error) => {
                printed.push(format!("{error:?} {error} {:?}", error.dial()));
                if let ConnectError::Ended(report) = &error {
                    printed.push(format!("{report} {:#}", report.diagnosis()));
                }
            }
        }
        thread.join().unwrap();
        let printed = printed.join("\n");
        for secret in ["alice", "sesame", "YWxpY2U6c2VzYW1l"] {
            assert!(!printed.contains(secret), "{secret}: {printed}");
        }
    }
}

/// What a proxy says decides whether there is another attempt.
#[test]
fn reconnecting_stops_at_wrong_credentials_and_not_at_a_busy_proxy() {
    let needs: Play = |raw| {
        raw.head();
        raw.write(b"HTTP/1.1 407 Who?\r\nContent-Length: 0\r\n\r\n");
        false
    };
    let busy: Play = |raw| {
        raw.head();
        raw.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
        false
    };
    for (play, stops) in [(needs, true), (busy, false)] {
        let (address, thread) = proxy::<super::super::support::Blocking>(play);
        let options = through(&format!("http://{address}"));
        let client = farewell::blocking::Reconnecting::new(request(), options).unwrap();
        let mut client = client.policy(ReconnectConfig::default());
        assert!(matches!(client.next(), ReconnectEvent::Attempt(_)));
        let ReconnectEvent::Failed { error, decision } = client.next() else { panic!("it opened") };
        assert_eq!(decision.is_stop(), stops, "{error}; {decision}");
        assert!(matches!(decision, Decision::Stop(_)) == stops);
        thread.join().unwrap();
    }
}
