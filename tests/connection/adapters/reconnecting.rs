//! Sockets that connect again, through both adapters: a server that ends each connection in its own
//! way, and what the client tells of it.

use std::thread;

use farewell::reconnect::{ConnectFailure, Decision, Pace, ReasonKind, ReconnectConfig};
use farewell::{
    Cause, CloseCode, ConnectError, Disconnected, Initiator, Message, ReconnectEvent, SendError,
    Timestamp,
};

use crate::adapters::support::{Raw, accept_head, listen, millis, plain};
use support::{Client, Kind, Script, fast, request_to, script, settings, trace};

mod blocking_only;
mod marks;
mod outbox;
mod passing;
mod pieces;
mod support;
mod tokio_only;

/// Runs each of the scenarios for both adapters; a kind makes several types of socket.
macro_rules! for_both_kinds {
    ($($scenario:ident),+ $(,)?) => {
        mod blocking_adapter {
            $(
                #[test]
                fn $scenario() {
                    crate::adapters::support::bounded(super::$scenario::<crate::adapters::reconnecting::support::Blocking>);
                }
            )+
        }
        mod tokio_adapter {
            $(
                #[test]
                fn $scenario() {
                    crate::adapters::support::bounded(super::$scenario::<crate::adapters::reconnecting::support::Tokio>);
                }
            )+
        }
    };
}
pub(crate) use for_both_kinds;

for_both_kinds!(
    it_comes_back_after_every_kind_of_loss_and_stops_at_1000,
    what_the_hook_gives_is_sent_before_anything_else,
    messages_that_did_not_leave_come_back_and_none_is_sent_twice,
    a_protocol_error_is_final,
    a_refusal_is_final,
    a_retry_after_is_honoured,
    nobody_listening_is_tried_again_within_the_budget,
    a_server_that_does_not_answer_is_given_up_at_the_deadline,
    a_connector_of_ones_own_can_say_that_it_is_no_use,
    tls_needs_a_connector,
    without_a_connection_messages_are_given_back,
    closing_ends_it,
    it_can_be_stopped_while_it_waits,
    it_can_be_made_to_hurry_and_to_begin_again,
);

pub(crate) fn close(code: u16) -> Vec<u8> {
    plain(0x88, &code.to_be_bytes())
}

fn it_comes_back_after_every_kind_of_loss_and_stops_at_1000<K: Kind>() {
    let greeting = |text: &'static str| plain(0x81, text.as_bytes());
    let (request, server) = script(vec![
        Box::new(move |mut raw| raw.write(&greeting("drops"))),
        Box::new(move |mut raw| {
            raw.write(&greeting("resets"));
            // What the client has not read would be lost with a reset.
            assert_eq!(raw.frame(), (0x81, b"resets".to_vec()));
            raw.reset();
        }),
        Box::new(move |mut raw| raw.write(&[greeting("leaves"), close(1001)].concat())),
        Box::new(move |mut raw| raw.write(&[greeting("restarts"), close(1012)].concat())),
        Box::new(move |mut raw| raw.write(&[greeting("cuts"), vec![0x81, 9, b'x']].concat())),
        Box::new(move |mut raw| {
            raw.write(&[greeting("is done"), close(1000)].concat());
            let _ = raw.rest();
        }),
    ]);
    let mut client = K::tcp(request, settings(), fast(), &[]);
    let (mut seen, mut last) = (Vec::new(), Timestamp::ZERO);
    loop {
        let event = client.next();
        match &event {
            // The others do not read it, which would make a reset of the end of their streams.
            ReconnectEvent::Message(message) if message.as_text() == Some("resets") => {
                client.feed(message.clone()).unwrap();
            }
            // One clock for all connections.
            ReconnectEvent::Ended(Disconnected { report, .. }) => {
                let evidence = &report.evidence;
                assert!(last <= evidence.opened && evidence.opened <= evidence.ended, "{report}");
                last = evidence.ended;
            }
            _ => {}
        }
        let over = matches!(event, ReconnectEvent::GaveUp(_));
        seen.push(trace(&event));
        if over {
            break;
        }
    }
    let lost = "the peer's stream ended without a Close (1006)";
    let mut expected = Vec::new();
    for (index, (message, ending)) in [
        ("drops", format!("retry in 4 ms: {lost}")),
        ("resets", "retry in 4 ms: reading failed: connection reset (1006)".into()),
        ("leaves", "retry in 4 ms: the peer goes away (1001)".into()),
        ("restarts", "retry in 15 ms: the server restarts (1012)".into()),
        ("cuts", format!("retry in 4 ms: {lost}")),
        ("is done", "stop: the peer closed normally (1000)".into()),
    ]
    .into_iter()
    .enumerate()
    {
        expected.push(format!("attempt {}", index + 1));
        expected.push("opened".into());
        expected.push(format!("message {message:?}"));
        expected.push(format!("ended; {ending}"));
    }
    expected.push("gave up: the peer closed normally (1000)".into());
    assert_eq!(seen, expected);
    assert_eq!(trace(&client.next()), expected[expected.len() - 1], "asking on gives it again");
    server.join().unwrap();
}

fn what_the_hook_gives_is_sent_before_anything_else<K: Kind>() {
    let serve: fn() -> Script = || {
        Box::new(|mut raw| {
            for expected in ["subscribe: a", "subscribe: b", "my own"] {
                assert_eq!(raw.frame(), (0x81, expected.into()));
            }
        })
    };
    let (request, server) = script(vec![serve(), serve(), serve()]);
    let mut client = K::tcp(request, settings(), fast(), &["subscribe: a", "subscribe: b"]);
    let mut endings = 0;
    while endings < 3 {
        match client.next() {
            ReconnectEvent::Opened => client.feed("my own".into()).unwrap(),
            ReconnectEvent::Ended(ending) => {
                assert_eq!(ending.unsent, [], "{ending}");
                endings += 1;
            }
            ReconnectEvent::Attempt(_) => {}
            other => panic!("{other}"),
        }
    }
    server.join().unwrap();
}

/// Wherever in the output the first connection's transport stops taking bytes, and fails.
fn messages_that_did_not_leave_come_back_and_none_is_sent_twice<K: Kind>() {
    // A client's frames have six bytes more than a short payload, and eight more than a longer one.
    let lens = [4, 5, 0, 6, 5_000];
    let sizes = lens.map(|len| if len < 126 { len + 6 } else { len + 8 });
    for allowance in [0, 1, 9, 10, 11, 20, 21, 22, 26, 27, 28, 38, 39, 40, 47, 4_000, 5_046] {
        let ends: Vec<usize> =
            sizes.iter().scan(0, |end, size| Some(core::mem::replace(end, *end + size))).collect();
        let whole = ends.iter().zip(sizes).filter(|(end, size)| *end + size <= allowance).count();
        // What the hook gives is made anew.
        let left: Vec<usize> = lens.iter().copied().skip(whole.max(1)).collect();
        let begun = whole > 0 && ends.get(whole).is_some_and(|end| *end < allowance);

        let (again, first_lens) = (left.clone(), lens);
        let (request, server) = script(vec![
            Box::new(move |mut raw| {
                let mut taken = 0;
                for (index, len) in first_lens.into_iter().enumerate().take(whole) {
                    assert_eq!(raw.frame().1, vec![b'0' + index as u8; len]);
                    taken += sizes[index];
                }
                raw.bytes(allowance - taken);
                raw.reset();
            }),
            Box::new(move |mut raw| {
                assert_eq!(raw.frame().1, b"0000");
                for len in again {
                    assert_eq!(raw.frame().1.len(), len);
                }
                raw.write(&close(1000));
                assert_eq!(raw.rest().unwrap().len(), 8, "nothing but the answer to the Close");
            }),
        ]);
        let mut client = K::throttled(request, settings(), fast(), &["0000"], allowance);
        let mut outbox: Vec<_> = (1..lens.len())
            .map(|index| Message::from(vec![b'0' + index as u8; lens[index]]))
            .collect();
        let mut endings = Vec::new();
        loop {
            match client.next() {
                ReconnectEvent::Opened => {
                    for message in outbox.drain(..) {
                        client.feed(message).unwrap();
                    }
                }
                ReconnectEvent::Ended(ending) => {
                    outbox = ending.unsent.iter().map(|unsent| unsent.message.clone()).collect();
                    endings.push(ending);
                }
                ReconnectEvent::GaveUp(reason) => {
                    break assert_eq!(reason.kind, ReasonKind::Code(1000));
                }
                ReconnectEvent::Attempt(_) => {}
                other => panic!("after {allowance} bytes: {other}"),
            }
        }
        server.join().unwrap();
        let unsent = &endings[0].unsent;
        let back: Vec<usize> = unsent.iter().map(|unsent| unsent.message.len()).collect();
        assert_eq!(back, left, "after {allowance} bytes: {}", endings[0]);
        for (index, unsent) in unsent.iter().enumerate() {
            assert_eq!(unsent.partly, index == 0 && begun, "after {allowance} bytes, {index}");
        }
        assert_eq!((endings.len(), &*endings[1].unsent), (2, &[][..]), "after {allowance} bytes");
    }
}

fn a_protocol_error_is_final<K: Kind>() {
    // The peer says that we broke a rule; and the peer breaks one itself.
    for (wire, says) in [
        (close(1002), "stop: 1002 repeats until the bug is fixed (protocol error)"),
        (
            vec![0x83, 0],
            "stop: the peer would only do it again: a frame has the reserved opcode 0x3",
        ),
    ] {
        let (request, server) = script(vec![Box::new(move |mut raw| {
            raw.write(&wire);
            let _ = raw.rest();
        })]);
        let mut client = K::tcp(request, settings(), fast(), &[]);
        let ending = ended(&mut client);
        assert_eq!(ending.decision.to_string(), says);
        let ReconnectEvent::GaveUp(reason) = client.next() else { panic!("it goes on") };
        assert_eq!(Decision::Stop(reason), ending.decision);
        server.join().unwrap();
    }
}

/// Passes over what comes before the ending.
pub(crate) fn ended(client: &mut impl Client) -> Disconnected {
    loop {
        match client.next() {
            ReconnectEvent::Ended(ending) => return ending,
            ReconnectEvent::Attempt(_) | ReconnectEvent::Opened => {}
            other => panic!("{other}"),
        }
    }
}

/// A server that gives these answers to requests, one for each connection.
fn answers(
    answers: Vec<&'static str>,
) -> (farewell::handshake::ClientRequest, thread::JoinHandle<()>) {
    let (listener, request) = listen();
    let server = thread::spawn(move || {
        for answer in answers {
            let mut raw = Raw(listener.accept().unwrap().0);
            let head = raw.head();
            let answer = if answer.is_empty() { accept_head(&head) } else { answer.to_string() };
            raw.write(answer.as_bytes());
            let _ = raw.rest();
        }
    });
    (request, server)
}

fn a_refusal_is_final<K: Kind>() {
    let unauthorized = "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n";
    let (request, server) = answers(vec![unauthorized]);
    let mut client = K::tcp(request, settings(), fast(), &[]);
    assert_eq!(trace(&client.next()), "attempt 1");
    match client.next() {
        ReconnectEvent::Failed { error: ConnectError::Ended(report), decision } => {
            assert_eq!(report.cause, Cause::HandshakeRejected { status: 401 });
            let says = "stop: status 401 stays until the request or the server is changed";
            assert_eq!(decision.to_string(), says);
        }
        other => panic!("{other}"),
    }
    assert!(
        matches!(client.next(), ReconnectEvent::GaveUp(reason) if reason.kind == ReasonKind::Status(401))
    );
    server.join().unwrap();
}

fn a_retry_after_is_honoured<K: Kind>() {
    let busy = "HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";
    let (request, server) = answers(vec![busy, ""]);
    let mut client = K::tcp(request, settings(), fast(), &[]);
    assert_eq!(trace(&client.next()), "attempt 1");
    match client.next() {
        ReconnectEvent::Failed { decision: Decision::Retry(retry), .. } => {
            assert_eq!(retry.pace, Pace::RetryAfter { asked: millis(1000) });
            assert_eq!(retry.delay, millis(1004));
        }
        other => panic!("{other}"),
    }
    match client.next() {
        ReconnectEvent::Attempt(attempt) => assert_eq!(attempt.waited, millis(1004)),
        other => panic!("{other}"),
    }
    assert_eq!(trace(&client.next()), "opened");
    assert!(client.close(CloseCode::NORMAL).is_some());
    server.join().unwrap();
}

fn nobody_listening_is_tried_again_within_the_budget<K: Kind>() {
    let (listener, request) = listen();
    drop(listener);
    let mut policy = fast();
    (policy.budget_attempts, policy.max_delay) = (3, millis(60_000));
    let mut client = K::tcp(request, settings(), policy, &[]);
    for number in 1..=3 {
        assert_eq!(trace(&client.next()), format!("attempt {number}"));
        match client.next() {
            ReconnectEvent::Failed { error: ConnectError::Dial(_), decision } => {
                let Decision::Retry(retry) = decision else { panic!("{decision}") };
                assert_eq!(retry.reason.kind, ReasonKind::Failed(ConnectFailure::Refused));
                assert_eq!(matches!(retry.pace, Pace::Budget { .. }), number == 3, "{decision}");
            }
            other => panic!("{other}"),
        }
    }
    assert!(client.close(CloseCode::NORMAL).is_none(), "there was no connection");
}

fn a_server_that_does_not_answer_is_given_up_at_the_deadline<K: Kind>() {
    let (listener, request) = listen();
    let mut policy = fast();
    policy.connect_timeout = millis(50);
    let mut client = K::tcp(request, settings(), policy, &[]);
    assert_eq!(trace(&client.next()), "attempt 1");
    let ReconnectEvent::Failed { error, decision } = client.next() else { panic!("it opened") };
    let ours = matches!(&error, ConnectError::Dial(_) | ConnectError::Io(_));
    let sessions =
        matches!(&error, ConnectError::Ended(report) if report.cause == Cause::HandshakeTimeout);
    assert!(ours || sessions, "{error}");
    assert!(!decision.is_stop(), "{decision}");
    drop(listener);
}

fn a_connector_of_ones_own_can_say_that_it_is_no_use<K: Kind>() {
    let (_listener, request) = listen();
    let fail = || std::io::Error::other(ConnectFailure::Tls);
    let mut client = K::failing(request, settings(), fast(), fail);
    assert_eq!(trace(&client.next()), "attempt 1");
    let ReconnectEvent::Failed { decision, .. } = client.next() else { panic!("it opened") };
    assert_eq!(decision.reason().kind, ReasonKind::Failed(ConnectFailure::Tls));
    assert!(decision.is_stop(), "{decision}");
}

fn tls_needs_a_connector<K: Kind>() {
    if cfg!(feature = "rustls") {
        // It is spoken: see `tests/tls`.
        return;
    }
    let mut client = K::tcp(request_to("wss://127.0.0.1:1/"), settings(), fast(), &[]);
    assert_eq!(trace(&client.next()), "attempt 1");
    let ReconnectEvent::Failed { decision, .. } = client.next() else { panic!("it opened") };
    assert_eq!(decision.to_string(), "stop: a wss:// URL needs a connector that speaks TLS");
}

fn without_a_connection_messages_are_given_back<K: Kind>() {
    let (request, server) = script(vec![Box::new(|mut raw| raw.write(&close(1002)))]);
    let mut client = K::tcp(request, settings(), fast(), &[]);
    let message = || Message::from("mine");
    assert_eq!(client.feed(message()), Err((SendError::NotConnected, message())));
    assert_eq!(client.flush(), Err(SendError::NotConnected));
    assert_eq!(trace(&client.next()), "attempt 1");
    assert_eq!(client.feed(message()), Err((SendError::NotConnected, message())));
    assert_eq!(trace(&client.next()), "opened");
    ended(&mut client);
    assert_eq!(client.feed(message()), Err((SendError::Ended, message())));
    assert_eq!(client.send(message()), Err(SendError::Ended));
    assert_eq!(client.flush(), Err(SendError::Ended));
    server.join().unwrap();
}

fn closing_ends_it<K: Kind>() {
    let (request, server) = script(vec![Box::new(|mut raw| {
        assert_eq!(raw.frame(), (0x81, b"last words".to_vec()));
        let (first, body) = raw.frame();
        raw.write(&plain(first, &body));
    })]);
    let mut client = K::tcp(request, settings(), fast(), &[]);
    assert_eq!(trace(&client.next()), "attempt 1");
    assert_eq!(trace(&client.next()), "opened");
    client.feed("last words".into()).unwrap();
    assert_eq!(client.flush(), Ok(()));
    let ending = client.close(CloseCode::GOING_AWAY).unwrap();
    assert!(ending.report.clean && ending.report.initiator == Initiator::Local, "{ending}");
    assert_eq!(ending.decision.to_string(), "stop: the application stopped reconnecting");
    assert_eq!(ending.unsent, []);
    assert!(matches!(client.next(), ReconnectEvent::GaveUp(_)));
    server.join().unwrap();
}

/// A policy under which a wait does not end by itself.
pub(crate) fn slow() -> ReconnectConfig {
    let mut policy = fast();
    (policy.first_delay, policy.stable_after) = (millis(100_000_000), millis(0));
    policy
}

fn it_can_be_stopped_while_it_waits<K: Kind>() {
    let (request, server) = script(vec![Box::new(drop)]);
    let mut client = K::tcp(request, settings(), slow(), &[]);
    assert!(!ended(&mut client).decision.is_stop());
    let reason = client.stopped_while_waiting();
    assert_eq!(reason.kind, ReasonKind::Stopped);
    server.join().unwrap();
}

fn it_can_be_made_to_hurry_and_to_begin_again<K: Kind>() {
    let (request, server) =
        script(vec![Box::new(drop), Box::new(|mut raw| raw.write(&close(1002))), Box::new(drop)]);
    let mut client = K::tcp(request, settings(), slow(), &[]);
    assert!(!ended(&mut client).decision.is_stop());
    client.retry_now();
    assert_eq!(trace(&client.next()), "attempt 2");
    assert!(ended(&mut client).decision.is_stop());
    assert!(matches!(client.next(), ReconnectEvent::GaveUp(_)));
    client.retry_now();
    assert_eq!(trace(&client.next()), "attempt 3");
    assert_eq!(trace(&client.next()), "opened");
    server.join().unwrap();
}
