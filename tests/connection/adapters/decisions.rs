//! What an application decides about a request, through both adapters: in its own time, with errors of
//! its own, and about requests that ask for no WebSocket.

use std::io;
use std::net::TcpStream;
use std::sync::mpsc;
use std::thread;

use farewell::handshake::{
    Accept, HandshakeError, Origins, PlainResponse, Rejection, Request, ResponseError,
};
use farewell::{AcceptError, Acceptor, Cause, Config, Message, Position};

use crate::adapters::support::{
    Adapter, REQUEST, Raw, bounded, for_both_adapters, listen, millis, quiet, runtime,
};

for_both_adapters!(
    what_is_accepted_is_open,
    a_plain_request_is_answered,
    a_plain_request_that_nobody_answers_is_refused_as_ever,
    a_page_is_no_answer_to_a_request_for_a_websocket,
    an_error_is_told_to_the_log_and_not_to_the_client,
    a_late_decision_is_none,
    a_client_that_left_is_noticed,
);

type Decided = Result<Accept, Rejection>;

/// What accepting gives where the client sends this, and the response that it gets.
fn meet<A: Adapter>(
    bytes: &[u8],
    decide: impl FnOnce(&Request) -> Decided + Send + 'static,
) -> (Result<A, AcceptError>, String) {
    let (listener, request) = listen();
    let server =
        thread::spawn(move || A::accept_with(listener.accept().unwrap().0, quiet(), decide));
    let mut raw = Raw(TcpStream::connect((request.host(), request.port())).unwrap());
    raw.write(bytes);
    let response = match raw.head() {
        head if head.starts_with("HTTP/1.1 101 ") => head,
        head => head + &String::from_utf8(raw.rest().unwrap()).unwrap(),
    };
    drop(raw);
    (server.join().unwrap(), response)
}

fn open() -> Decided {
    Ok(Accept::new(Origins::Any))
}

fn what_is_accepted_is_open<A: Adapter>() {
    let (listener, request) = listen();
    let request = request.subprotocol("chat").unwrap();
    let server = thread::spawn(move || {
        let mut user = None;
        let mut socket = A::accept_with(listener.accept().unwrap().0, quiet(), |request| {
            assert!(!request.is_plain() && request.method() == "GET");
            user = request.header("X-User").map(String::from);
            Ok(Accept::new(Origins::SameHost).subprotocols(&["chat"])?)
        });
        let said = socket.as_mut().map(A::message).unwrap();
        (user, said)
    });
    let request = request.header("X-User", "me").unwrap();
    let mut socket = A::connect(&request, quiet()).unwrap();
    assert_eq!(socket.subprotocol(), Some("chat"));
    socket.send("hello").unwrap();
    assert_eq!(server.join().unwrap(), (Some("me".into()), Message::from("hello")));
}

const HEALTH: &[u8] = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn health(request: &Request) -> Decided {
    match request.is_plain() {
        true => {
            Err(PlainResponse::new(200)?.header("Content-Type", "text/plain")?.body("ok").into())
        }
        false => open(),
    }
}

fn a_plain_request_is_answered<A: Adapter>() {
    let (server, response) = meet::<A>(HEALTH, health);
    assert_eq!(
        response,
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/plain\r\n\
         Content-Length: 2\r\n\r\nok"
    );
    let Err(error) = server else { panic!("accepted") };
    assert_eq!(error.to_string(), "a plain request was answered with status 200");
    let AcceptError::Plain { status: 200, reason: None, report } = error else {
        panic!("{error:?}")
    };
    assert_eq!(report.cause, Cause::PlainRequest { status: 200 });
    // By an acceptor too, where that was asked for.
    for (asked, expected) in [(true, "HTTP/1.1 200 "), (false, "HTTP/1.1 426 ")] {
        let acceptor = Acceptor::from_fn(health).config(quiet());
        let acceptor = if asked { acceptor.plain_requests() } else { acceptor };
        let (listener, request) = listen();
        let server = thread::spawn(move || A::accept(listener.accept().unwrap().0, &acceptor));
        let mut raw = Raw(TcpStream::connect((request.host(), request.port())).unwrap());
        raw.write(HEALTH);
        assert!(raw.head().starts_with(expected));
        drop(raw);
        let plain = matches!(server.join().unwrap(), Err(AcceptError::Plain { .. }));
        assert_eq!(plain, asked);
    }
}

fn a_plain_request_that_nobody_answers_is_refused_as_ever<A: Adapter>() {
    let (server, response) = meet::<A>(HEALTH, |_| open());
    assert!(response.starts_with("HTTP/1.1 426 "), "{response}");
    let Err(AcceptError::Ended(report)) = server else { panic!("accepted") };
    let expected = Cause::HandshakeInvalid(HandshakeError::UpgradeNotRequested);
    assert_eq!(report.cause, expected, "{report}");
}

fn a_page_is_no_answer_to_a_request_for_a_websocket<A: Adapter>() {
    let (server, response) = meet::<A>(REQUEST, |_| Err(PlainResponse::new(200)?.into()));
    assert!(response.starts_with("HTTP/1.1 500 "), "{response}");
    assert!(matches!(server, Err(AcceptError::Response(ResponseError::Status))));
}

fn an_error_is_told_to_the_log_and_not_to_the_client<A: Adapter>() {
    let (server, response) = meet::<A>(REQUEST, |_| {
        Err(io::Error::other("the database of users is down"))?;
        open()
    });
    assert!(response.starts_with("HTTP/1.1 500 "), "{response}");
    assert!(!response.contains("database"), "{response}");
    let Err(error) = server else { panic!("accepted") };
    assert!(matches!(error, AcceptError::Rejected { status: 500, .. }), "{error:?}");
    assert_eq!(error.to_string(), "rejected with status 500: the database of users is down");
    let report = error.into_report().unwrap();
    assert_eq!(report.cause, Cause::HandshakeRejected { status: 500 });
}

fn a_late_decision_is_none<A: Adapter>() {
    let (listener, request) = listen();
    let mut config = quiet();
    config.timeouts.handshake = millis(100);
    let server = thread::spawn(move || {
        A::accept_with(listener.accept().unwrap().0, config, |_| {
            // Longer than the deadline, whatever the machine does.
            thread::sleep(millis(150));
            open()
        })
    });
    let mut raw = Raw(TcpStream::connect((request.host(), request.port())).unwrap());
    raw.write(REQUEST);
    assert!(raw.head().starts_with("HTTP/1.1 503 "));
    drop(raw);
    let Err(AcceptError::Ended(report)) = server.join().unwrap() else { panic!("accepted") };
    assert_eq!(report.cause, Cause::HandshakeTimeout, "{report}");
    assert_eq!(report.evidence.http_status, Some(503));
}

fn a_client_that_left_is_noticed<A: Adapter>() {
    let (listener, request) = listen();
    let (asked, is_asked) = mpsc::channel();
    let (left, has_left) = mpsc::channel::<()>();
    let server = thread::spawn(move || {
        A::accept_with(listener.accept().unwrap().0, quiet(), |_| {
            asked.send(()).unwrap();
            has_left.recv().unwrap();
            // Longer than a look at the stream takes, so that one is worth it.
            thread::sleep(millis(5));
            open()
        })
    });
    let mut raw = Raw(TcpStream::connect((request.host(), request.port())).unwrap());
    raw.write(REQUEST);
    is_asked.recv().unwrap();
    drop(raw);
    left.send(()).unwrap();
    match server.join().unwrap() {
        Err(AcceptError::Ended(report)) => {
            assert_eq!(report.cause, Cause::Eof { at: Position::OpeningHandshake }, "{report}");
        }
        Err(error) => panic!("{error}"),
        // A task that cannot be interrupted hears of it next.
        Ok(mut socket) => drop(socket.ended()),
    }
}

/// A stream on which a request has come, and the client that sent it.
async fn asked() -> (tokio::net::TcpStream, Raw) {
    let (listener, request) = listen();
    let mut raw = Raw(TcpStream::connect((request.host(), request.port())).unwrap());
    raw.write(REQUEST);
    let stream = listener.accept().unwrap().0;
    stream.set_nonblocking(true).unwrap();
    (tokio::net::TcpStream::from_std(stream).unwrap(), raw)
}

#[test]
fn a_task_that_waits_for_its_decision_sees_the_client_leave() {
    bounded(|| {
        runtime().block_on(async {
            for early in [&b""[..], b"\x81\x80\0\0\0\0"] {
                let (stream, raw) = asked().await;
                let mut raw = Some(raw);
                let decide = async |_: &Request| {
                    let mut raw = raw.take().unwrap();
                    raw.write(early);
                    drop(raw);
                    std::future::pending::<Decided>().await
                };
                let result = farewell::aio::accept_with(stream, quiet(), decide).await;
                let Err(AcceptError::Ended(report)) = result else { panic!("accepted") };
                let expected = Cause::Eof { at: Position::OpeningHandshake };
                assert_eq!(report.cause, expected, "{report}");
            }
        });
    });
}

#[test]
fn a_task_is_not_waited_for_beyond_the_deadline() {
    bounded(|| {
        runtime().block_on(async {
            let (stream, mut raw) = asked().await;
            let mut config = Config::default();
            config.timeouts.handshake = millis(50);
            let client = thread::spawn(move || {
                let head = raw.head();
                raw.rest().unwrap();
                head
            });
            let decide = async |_: &Request| std::future::pending::<Decided>().await;
            let result = farewell::aio::accept_with(stream, config, decide).await;
            let Err(AcceptError::Ended(report)) = result else { panic!("accepted") };
            assert_eq!(report.cause, Cause::HandshakeTimeout, "{report}");
            assert!(client.join().unwrap().starts_with("HTTP/1.1 503 "));
        });
    });
}

/// What a client sends before it is accepted is there afterwards.
#[test]
fn a_decision_that_waits_loses_nothing_that_comes_meanwhile() {
    bounded(|| {
        runtime().block_on(async {
            let (stream, mut raw) = asked().await;
            let decide = async |_: &Request| {
                raw.write(b"\x81\x82\0\0\0\0hi");
                // Until it was read, or could have been.
                tokio::time::sleep(millis(20)).await;
                open()
            };
            let socket = farewell::aio::accept_with(stream, quiet(), decide).await;
            let message = socket.unwrap().next().await.into_message();
            assert_eq!(message, Ok(Message::from("hi")));
        });
    });
}

#[cfg(feature = "deflate")]
#[test]
fn compression_is_agreed_on_as_ever() {
    bounded(|| {
        let (listener, request) = listen();
        let mut config = quiet();
        config.compression = Some(farewell::Compression::default());
        let accepted = config.clone();
        let server = thread::spawn(move || {
            farewell::blocking::accept_with(listener.accept().unwrap().0, accepted, |_| open())
        });
        let client = farewell::blocking::connect_with(&request, config).unwrap();
        let server = server.join().unwrap().unwrap();
        let (client, server) = (client.session().negotiated(), server.session().negotiated());
        assert!(client.extensions().deflate().is_some());
        assert_eq!(client, server);
    });
}
