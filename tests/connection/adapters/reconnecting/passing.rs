//! What passes, and what the application knows about it: it comes back, and no sooner than it
//! should; it says why; its request is a new one; it gives up when it was told to.

use std::thread::{self, JoinHandle};

use farewell::diagnosis::{Diagnoser, History};
use farewell::handshake::ClientRequest;
use farewell::reconnect::{
    Advice, Classifier, ConnectFailure, Decision, Outcome, ReasonKind, Retry,
};
use farewell::{CloseCode, ConnectError, ReconnectEvent};

use super::support::{Client, Kind, fast, settings};
use super::{close, for_both_kinds};
use crate::adapters::support::{Raw, accept_head, listen, millis};

for_both_kinds!(
    it_comes_back_from_all_that_passes_and_no_sooner_than_it_should,
    it_says_a_diagnosis_with_its_history_for_each_ending,
    a_token_that_ran_out_is_not_sent_again,
    a_request_that_cannot_be_made_is_a_failed_attempt,
    it_gives_up_after_so_long_without_a_stable_connection,
);

/// What a server does with one connection: it refuses it with this status and these fields, or opens
/// it and sends this.
enum Act {
    Refuse(&'static str),
    Open(Vec<u8>),
}

fn serve(acts: Vec<Act>) -> (ClientRequest, JoinHandle<Vec<String>>) {
    let (listener, request) = listen();
    let server = thread::spawn(move || {
        let mut heads = Vec::new();
        for act in acts {
            let mut raw = Raw(listener.accept().unwrap().0);
            let head = raw.head();
            match act {
                Act::Refuse(status) => {
                    raw.write(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes());
                }
                Act::Open(then) => {
                    raw.write(accept_head(&head).as_bytes());
                    raw.write(&then);
                }
            }
            // The client answers and ends its side.
            let _ = raw.0.shutdown(std::net::Shutdown::Write);
            let _ = raw.rest();
            heads.push(head);
        }
        heads
    });
    (request, server)
}

fn it_comes_back_from_all_that_passes_and_no_sooner_than_it_should<K: Kind>() {
    let opens = || Act::Open(Vec::new());
    let closes = |code| Act::Open(close(code));
    let acts = vec![
        Act::Refuse("408 Request Timeout"),
        Act::Refuse("425 Too Early"),
        Act::Refuse("429 Too Many Requests\r\nRetry-After: 0"),
        Act::Refuse("500 Internal Server Error"),
        Act::Refuse("502 Bad Gateway"),
        Act::Refuse("503 Service Unavailable\r\nRetry-After: 1"),
        Act::Refuse("504 Gateway Timeout"),
        Act::Refuse("520 Unknown Error"),
        Act::Refuse("530 Origin Error"),
        Act::Refuse("599 Nobody Knows"),
        Act::Refuse("200 OK"),
        Act::Refuse("302 Found\r\nLocation: http://portal.example/"),
        Act::Refuse("511 Network Authentication Required"),
        opens(),
        Act::Refuse("404 Not Found"),
        closes(1001),
        Act::Open(vec![0x88, 0]),
        closes(1011),
        closes(1012),
        closes(1013),
        closes(1014),
        Act::Open(vec![0x81, 9, b'x']),
        closes(1000),
    ];
    let count = acts.len();
    let (request, server) = serve(acts);
    let mut client = K::tcp(request, settings(), fast(), &[]);
    let mut retries: Vec<Retry> = Vec::new();
    loop {
        let decision = match client.next() {
            ReconnectEvent::Attempt(attempt) => {
                if let Some(retry) = retries.last() {
                    assert!(client.now() >= retry.at, "{retry}");
                    assert_eq!((attempt.waited, attempt.reason), (retry.delay, retry.reason));
                }
                continue;
            }
            ReconnectEvent::Failed { decision, .. } => decision,
            ReconnectEvent::Ended(ending) => ending.decision,
            ReconnectEvent::GaveUp(reason) => {
                break assert_eq!(reason.kind, ReasonKind::Code(1000));
            }
            _ => continue,
        };
        if let Decision::Retry(retry) = decision {
            retries.push(retry);
        }
    }
    assert_eq!(server.join().unwrap().len(), count);
    assert_eq!(retries.len(), count - 1);
    let least = |index: usize| match index {
        5 => millis(1000),
        10..=12 | 14 => millis(30),
        18 => millis(10),
        19 => millis(20),
        _ => millis(0),
    };
    for (index, retry) in retries.iter().enumerate() {
        assert!(retry.delay >= least(index), "{index}: {retry}");
    }
}

fn it_says_a_diagnosis_with_its_history_for_each_ending<K: Kind>() {
    let opens = || Act::Open(Vec::new());
    let acts = vec![
        opens(),
        opens(),
        Act::Refuse("503 Busy"),
        opens(),
        opens(),
        opens(),
        Act::Open(close(1000)),
    ];
    let (request, server) = serve(acts);
    let mut client = K::tcp(request, settings(), fast(), &[]);
    let (mut history, mut said) = (History::new(), 0);
    assert!(client.diagnosis().is_none());
    loop {
        match client.next() {
            ReconnectEvent::Ended(ending) => {
                let expected = Diagnoser::new().history(&history).diagnose(&ending.report);
                assert_eq!(ending.diagnosis, expected);
                assert_eq!(client.diagnosis(), Some(expected));
                assert!(ending.to_string().contains(&ending.diagnosis.to_string()), "{ending}");
                history.record(&ending.report);
                assert_eq!(client.history(), history);
                said += 1;
            }
            ReconnectEvent::Failed { error: ConnectError::Ended(report), .. } => {
                let expected = Diagnoser::new().history(&history).diagnose(&report);
                assert_eq!(client.diagnosis(), Some(expected));
                said += 1;
            }
            ReconnectEvent::GaveUp(_) => break,
            _ => {}
        }
    }
    assert_eq!((said, history.len()), (7, 4));
    server.join().unwrap();
}

fn a_token_that_ran_out_is_not_sent_again<K: Kind>() {
    let (request, server) = serve(vec![
        Act::Refuse("401 Unauthorized"),
        Act::Open(close(4401)),
        Act::Refuse("401 Unauthorized"),
        Act::Open(close(1000)),
    ]);
    let mut policy = fast();
    policy.classify = Some(Classifier::new(|outcome| match outcome {
        Outcome::Ended(report) if report.code == 4401 => Some(Advice::Retry),
        Outcome::Ended(report) if report.evidence.http_status == Some(401) => Some(Advice::Retry),
        _ => None,
    }));
    let url = format!("ws://{}:{}/", request.host(), request.port());
    let mut reasons = Vec::new();
    let (sender, told) = std::sync::mpsc::channel();
    let mut client = K::renewing(request, settings(), policy, move |attempt, before| {
        assert_eq!(before.host(), "127.0.0.1");
        sender.send(attempt.reason.kind).unwrap();
        let token = format!("Bearer token-{}", attempt.number);
        Ok(ClientRequest::new(&url)?.header("Authorization", &token)?)
    });
    while !matches!(client.next(), ReconnectEvent::GaveUp(_)) {}
    reasons.extend(told.try_iter());
    let refused = ReasonKind::Status(401);
    assert_eq!(reasons, [ReasonKind::Started, refused, ReasonKind::Code(4401), refused]);
    for (index, head) in server.join().unwrap().iter().enumerate() {
        assert!(head.contains(&format!("Bearer token-{}\r\n", index + 1)), "{head}");
    }
}

fn a_request_that_cannot_be_made_is_a_failed_attempt<K: Kind>() {
    let (request, server) = serve(vec![Act::Open(close(1000))]);
    let again = request.clone();
    let mut client = K::renewing(request, settings(), fast(), move |attempt, _| {
        // The server of tokens is out of reach at first.
        match attempt.number {
            1 => Err(std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into()),
            _ => Ok(again.clone()),
        }
    });
    let failed = loop {
        if let ReconnectEvent::Failed { decision, .. } = client.next() {
            break decision;
        }
    };
    assert!(!failed.is_stop());
    assert_eq!(failed.reason().kind, ReasonKind::Failed(ConnectFailure::Refused));
    while !matches!(client.next(), ReconnectEvent::GaveUp(_)) {}
    server.join().unwrap();

    let (_listener, request) = listen();
    let mut client =
        K::renewing(request, settings(), fast(), |_, _| Ok(ClientRequest::new("http://no/")?));
    assert!(matches!(client.next(), ReconnectEvent::Attempt(_)));
    let ReconnectEvent::Failed { decision, .. } = client.next() else { panic!("it connects") };
    assert!(decision.is_stop(), "{decision}");
    client.close(CloseCode::NORMAL);
}

fn it_gives_up_after_so_long_without_a_stable_connection<K: Kind>() {
    let (listener, request) = listen();
    drop(listener);
    let mut policy = fast();
    policy.give_up_after = Some(millis(50));
    let mut client = K::tcp(request, settings(), policy, &[]);
    let (mut attempts, began) = (0, client.now());
    let reason = loop {
        match client.next() {
            ReconnectEvent::Attempt(_) => attempts += 1,
            ReconnectEvent::GaveUp(reason) => break reason,
            ReconnectEvent::Failed { .. } => {}
            other => panic!("{other}"),
        }
    };
    assert!(attempts >= 2, "{attempts}");
    let after = reason.gave_up_after.expect("it gave up for want of a connection");
    assert!(after <= client.now().since(began), "{reason}");
}
