//! The opening handshake through both adapters, and every way for it to fail.

use std::net::TcpStream;
use std::thread;
use std::time::Instant;

use farewell::dial::{AttemptErrorKind, AttemptOutcome};
use farewell::handshake::{Accept, ClientRequest, HandshakeError, Origins, Rejection};
use farewell::{AcceptError, Acceptor, Cause, Config, ConnectError, Message};

use crate::adapters::support::{
    Adapter, Raw, anyone, for_both_adapters, listen, millis, quiet, with_raw_server,
};

for_both_adapters!(
    header_fields_and_subprotocols_are_there_on_both_sides,
    a_rejection_reaches_the_client,
    a_request_that_breaks_a_rule_is_answered,
    a_refused_origin_is_answered,
    an_answer_that_does_not_fit_is_the_servers_fault,
    a_silent_server_is_not_waited_for,
    a_silent_client_is_not_waited_for,
    a_refused_connection_says_so_of_its_address,
    tls_is_not_spoken_without_its_feature,
    every_address_of_a_name_is_tried,
);

//= rfc6455#4.1
//= type=test
//# it MUST open a connection, send an opening handshake, and read the
//# server's handshake in response.
fn header_fields_and_subprotocols_are_there_on_both_sides<A: Adapter>() {
    let (listener, request) = listen();
    let request = request.subprotocol("one").unwrap().subprotocol("two").unwrap();
    let request = request.header("X-Client", "c").unwrap();
    let accept = Accept::new(Origins::SameHost).subprotocols(&["three", "two"]).unwrap();
    let acceptor = Acceptor::with_accept(accept.header("X-Server", "s").unwrap());
    let server = thread::spawn(move || {
        let mut socket = A::accept(listener.accept().unwrap().0, &acceptor).unwrap();
        assert_eq!(socket.peer_header("x-client"), Some("c"));
        assert_eq!(socket.subprotocol(), Some("two"));
        socket.forget_handshake();
        assert_eq!(socket.peer_header("x-client"), None);
        assert_eq!(socket.subprotocol(), Some("two"), "what was agreed on stays");
    });
    let mut socket = A::connect(&request, Config::default()).unwrap();
    assert_eq!(socket.peer_header("x-server"), Some("s"));
    assert_eq!(socket.subprotocol(), Some("two"));
    socket.forget_handshake();
    assert_eq!(socket.peer_header("x-server"), None);
    server.join().unwrap();
}

/// What accepting and connecting give where the server uses this acceptor.
fn meet<A: Adapter>(
    acceptor: Acceptor,
    change: impl FnOnce(ClientRequest) -> ClientRequest,
) -> (Result<A, AcceptError>, Result<A, ConnectError>) {
    let (listener, request) = listen();
    let server = thread::spawn(move || A::accept(listener.accept().unwrap().0, &acceptor));
    let client = A::connect(&change(request), quiet());
    (server.join().unwrap(), client)
}

fn a_rejection_reaches_the_client<A: Adapter>() {
    let acceptor = Acceptor::from_fn(|request| {
        assert_eq!(request.path(), "/");
        let rejection = Rejection::new(401).unwrap().header("X-Why", "who?").unwrap();
        Err(rejection.body("go away"))
    });
    let (server, client) = meet::<A>(acceptor, |request| request);
    let Err(error) = server else { panic!("accepted") };
    assert_eq!(error.to_string(), "rejected with status 401");
    let AcceptError::Rejected { status: 401, reason: None, report } = error else {
        panic!("{error:?}")
    };
    assert_eq!(report.cause, Cause::HandshakeRejected { status: 401 }, "{report}");
    let Err(ConnectError::Ended(report)) = client else { panic!("connected") };
    assert_eq!(report.cause, Cause::HandshakeRejected { status: 401 }, "{report}");
    let refusal = report.refusal.unwrap();
    assert_eq!(refusal.headers().get("x-why"), Some("who?"));
    assert_eq!(&refusal.body()[..], b"go away");
}

fn a_request_that_breaks_a_rule_is_answered<A: Adapter>() {
    let (listener, request) = listen();
    let server = thread::spawn(move || A::accept(listener.accept().unwrap().0, &anyone(quiet())));
    let mut raw = Raw(TcpStream::connect((request.host(), request.port())).unwrap());
    raw.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(raw.head().starts_with("HTTP/1.1 426 "));
    raw.rest().unwrap();
    drop(raw);
    let Err(AcceptError::Ended(report)) = server.join().unwrap() else { panic!("accepted") };
    let expected = Cause::HandshakeInvalid(HandshakeError::UpgradeNotRequested);
    assert_eq!(report.cause, expected, "{report}");
}

fn a_refused_origin_is_answered<A: Adapter>() {
    let (server, client) = meet::<A>(Acceptor::new(Origins::SameHost), |request| {
        request.origin("https://evil.example").unwrap()
    });
    let Err(AcceptError::Rejected { status: 403, reason: Some(reason), report }) = server else {
        panic!("accepted")
    };
    assert_eq!(reason.to_string(), HandshakeError::OriginRefused.to_string());
    let expected = Cause::HandshakeInvalid(HandshakeError::OriginRefused);
    assert_eq!(report.cause, expected, "{report}");
    let Err(ConnectError::Ended(report)) = client else { panic!("connected") };
    assert_eq!(report.cause, Cause::HandshakeRejected { status: 403 }, "{report}");
}

fn an_answer_that_does_not_fit_is_the_servers_fault<A: Adapter>() {
    let accept = Accept::new(Origins::Any).subprotocol("unheard-of").unwrap();
    let (server, client) = meet::<A>(Acceptor::with_accept(accept), |request| request);
    assert!(matches!(server, Err(AcceptError::Response(_))));
    let Err(ConnectError::Ended(report)) = client else { panic!("connected") };
    assert_eq!(report.cause, Cause::HandshakeRejected { status: 500 }, "{report}");
}

fn a_silent_server_is_not_waited_for<A: Adapter>() {
    let (listener, request) = listen();
    let mut config = quiet();
    config.timeouts.handshake = millis(100);
    let began = Instant::now();
    let Err(ConnectError::Ended(report)) = A::connect(&request, config) else {
        panic!("connected")
    };
    assert_eq!(report.cause, Cause::HandshakeTimeout, "{report}");
    assert!(began.elapsed() >= millis(100), "{:?}", began.elapsed());
    drop(listener);
}

fn a_silent_client_is_not_waited_for<A: Adapter>() {
    let (listener, request) = listen();
    let mut config = quiet();
    config.timeouts.handshake = millis(100);
    let mut raw = Raw(TcpStream::connect((request.host(), request.port())).unwrap());
    raw.write(b"GET / HTTP/1.1\r\nHost: local");
    let Err(AcceptError::Ended(report)) = A::accept(listener.accept().unwrap().0, &anyone(config))
    else {
        panic!("accepted")
    };
    assert_eq!(report.cause, Cause::HandshakeTimeout, "{report}");
}

//= rfc6455#4.1
//= type=test
//# If the connection could not be opened, either because a direct
//# connection failed or because any proxy used returned an error, then the
//# client MUST _Fail the WebSocket Connection_ and abort the connection
//# attempt.
fn a_refused_connection_says_so_of_its_address<A: Adapter>() {
    let (listener, request) = listen();
    drop(listener);
    match A::connect(&request, quiet()) {
        Err(ConnectError::Dial(error)) => {
            let attempt = error.record.attempts[0];
            let AttemptOutcome::Failed(error) = attempt.outcome else { panic!("{attempt}") };
            assert_eq!(error.kind, AttemptErrorKind::Refused);
            assert!(error.os_error.is_some());
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("connected"),
    }
}

fn tls_is_not_spoken_without_its_feature<A: Adapter>() {
    if cfg!(feature = "rustls") {
        // It is: see `tests/tls`.
        return;
    }
    let request = ClientRequest::new("wss://localhost/").unwrap();
    assert!(matches!(A::connect(&request, quiet()), Err(ConnectError::TlsNeeded)));
}

/// `localhost` may be an IPv6 address first, where nobody listens.
fn every_address_of_a_name_is_tried<A: Adapter>() {
    let (listener, request) = listen();
    let request = ClientRequest::new(&format!("ws://localhost:{}/", request.port())).unwrap();
    let server = thread::spawn(move || {
        let mut socket = A::accept(listener.accept().unwrap().0, &anyone(quiet())).unwrap();
        socket.message()
    });
    A::connect(&request, quiet()).unwrap().send("here").unwrap();
    assert_eq!(server.join().unwrap(), Message::from("here"));
    drop(with_raw_server::<A>(quiet()));
}
