//! Both heads of the opening handshake: however they are cut, the same result at the same byte; and
//! what one side writes, the other understands.

use bytes::BytesMut;
use farewell::Limits;
use farewell::handshake::{
    Accept, ClientHandshake, ClientRequest, HandshakeError, Headers, Origins, Outcome, Refusal,
    Rejection, Request, RequestError, ResponseError, ServerHandshake,
};

use super::script::{Chunks, Script, config};

const NONCE: [u8; 16] = *b"the sample nonce";

/// The result of reading a head: bytes taken before it was there, and what it was.
#[derive(Debug, PartialEq)]
struct Read<T> {
    /// Bytes taken; for an error, bytes given.
    taken: usize,
    result: Result<Option<T>, HandshakeError>,
}

/// Feeds `wire` in pieces until there is a result.
fn read<T>(
    wire: &[u8],
    mut chunks: Chunks,
    mut receive: impl FnMut(&[u8]) -> Result<(usize, Option<T>), HandshakeError>,
) -> Read<T> {
    let mut at = 0;
    while at < wire.len() {
        let len = chunks.next(at, wire.len() - at);
        let piece = &wire[at..at + len];
        match receive(piece) {
            Ok((taken, None)) => {
                assert_eq!(taken, len, "bytes were left although the head is not complete");
                at += len;
            }
            Ok((taken, result)) => {
                assert!(taken <= len);
                return Read { taken: at + taken, result: Ok(result) };
            }
            Err(error) => return Read { taken: at + len, result: Err(error) },
        }
    }
    Read { taken: at, result: Ok(None) }
}

/// Reads `wire` cut in every manner, with a fresh reader for each. Returns what all agree on.
fn read_all<T, R>(wire: &[u8], mut reader: impl FnMut() -> R) -> Read<T>
where
    T: core::fmt::Debug + PartialEq,
    R: FnMut(&[u8]) -> Result<(usize, Option<T>), HandshakeError>,
{
    let whole = read(wire, Chunks::Whole, reader());
    for chunks in [Chunks::Bytes, Chunks::Random(wire.len() as u32)] {
        let cut = read(wire, chunks, reader());
        assert_eq!(cut.result, whole.result, "cut as {chunks:?}");
        if whole.result.is_ok() {
            assert_eq!(cut.taken, whole.taken, "cut as {chunks:?}");
        }
    }
    if whole.result.is_ok() || wire.len() > 2048 {
        return whole;
    }
    let Read { taken, result } = read(wire, Chunks::Single, reader());
    assert_eq!(result, whole.result, "cut into single bytes");
    // Fed byte by byte, it failed at the last byte that was given, so it must not fail before.
    let before = read(&wire[..taken - 1], Chunks::Whole, reader());
    assert_eq!(before.result, Ok(None));
    Read { taken, ..whole }
}

/// All that can be seen of a request.
#[derive(Debug, PartialEq)]
pub(crate) struct Seen {
    target: String,
    path: String,
    query: Option<String>,
    host: String,
    origin: Option<String>,
    subprotocols: Vec<String>,
    extensions: Vec<String>,
    headers: Vec<(String, Vec<u8>)>,
}

pub(crate) fn see(request: &Request) -> Seen {
    let extensions = request.extensions().map(|offer| {
        let params: Vec<_> = offer.params().collect();
        assert!(!offer.name().is_empty());
        format!("{} {offer:?} {params:?}", offer.name())
    });
    assert!(request.path().starts_with('/'));
    Seen {
        target: request.target().into(),
        path: request.path().into(),
        query: request.query().map(Into::into),
        host: request.host().into(),
        origin: request.origin().map(Into::into),
        subprotocols: request.subprotocols().map(Into::into).collect(),
        extensions: extensions.collect(),
        headers: fields(request.headers()),
    }
}

fn fields(headers: &Headers) -> Vec<(String, Vec<u8>)> {
    let fields: Vec<(String, Vec<u8>)> =
        headers.iter().map(|(name, value)| (name.into(), value.into())).collect();
    assert_eq!((fields.len(), fields.is_empty()), (headers.len(), headers.is_empty()));
    for (name, _) in &fields {
        assert!(headers.get_all(name).count() > 0);
    }
    fields
}

pub(crate) fn check_request(data: &[u8]) {
    let mut script = Script::new(data);
    let limits = config(script.number()).limits;
    let wire = script.take(usize::MAX);
    let read = read_all(wire, || {
        let mut handshake = ServerHandshake::new(&limits);
        move |piece: &[u8]| {
            let (taken, request) = handshake.receive(piece)?;
            if request.is_some() {
                assert!(matches!(handshake.receive(b"more"), Ok((0, None))));
            }
            Ok((taken, request.as_ref().map(see)))
        }
    });
    match read.result {
        Ok(None) => assert!(read.taken <= limits.head),
        Ok(Some(_)) => {
            assert!(read.taken <= limits.head);
            assert_eq!(Some(read.taken), end_of_head(wire));
            let (_, request) = ServerHandshake::new(&limits).receive(wire).expect("it was read");
            check_answers(&request.expect("it was complete"));
        }
        Err(error) => {
            let mut out = BytesMut::new();
            error.write_response(&mut out);
            assert_eq!(refused(&out).status(), error.status());
        }
    }
}

fn end_of_head(wire: &[u8]) -> Option<usize> {
    wire.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

/// Every answer to a request is one that a client understands.
fn check_answers(request: &Request) {
    for accept in [
        Accept::new(Origins::Any),
        Accept::new(Origins::Absent),
        Accept::new(Origins::SameHost).require_origin(),
        Accept::new(Origins::listed(["https://example.com", "null"]).expect("origins")),
        Accept::new(Origins::Any).subprotocol("chat").expect("a token"),
        Accept::new(Origins::Any).subprotocols(&["superchat", "chat"]).expect("tokens"),
    ] {
        let mut out = BytesMut::new();
        match accept.write_response(request, &mut out) {
            Ok(negotiated) => {
                let chosen = negotiated.subprotocol();
                assert!(
                    chosen.is_none_or(|name| request.subprotocols().any(|asked| asked == name))
                );
                assert_eq!(end_of_head(&out), Some(out.len()));
                check_accepted(request, &out);
            }
            Err(ResponseError::Refused(error)) => {
                assert!(out.is_empty());
                error.write_response(&mut out);
                assert_eq!(refused(&out).status(), 403);
            }
            Err(error) => {
                assert!(out.is_empty());
                assert_eq!(error, ResponseError::SubprotocolNotRequested);
            }
        }
    }
}

/// A client with another nonce stumbles over nothing but that.
fn check_accepted(request: &Request, response: &[u8]) {
    let (mut handshake, sent) = client(&limits());
    let result = handshake.receive(response).map(|(taken, outcome)| {
        assert_eq!(taken, response.len());
        assert!(matches!(outcome, Some(Outcome::Established(_))));
    });
    let key = request.header("Sec-WebSocket-Key").expect("a request has a key");
    if sent.contains(key) {
        let foreign = Err(HandshakeError::SubprotocolNotRequested);
        assert!(result == Ok(()) || result == foreign, "{result:?}");
    } else {
        assert_eq!(result, Err(HandshakeError::AcceptWrong));
    }
}

/// What a client makes of a refusal.
fn refused(response: &[u8]) -> Refusal {
    match client(&limits()).0.receive(response) {
        Ok((taken, Some(Outcome::Refused(refusal)))) => {
            assert_eq!(taken, response.len());
            refusal
        }
        other => panic!("{other:?} from {}", response.escape_ascii()),
    }
}

/// A client's handshake, and the request that it sent.
fn client(limits: &Limits) -> (ClientHandshake, String) {
    let request = ClientRequest::new("ws://server.example.com/chat")
        .and_then(|request| request.subprotocol("chat")?.subprotocol("superchat"))
        .expect("a valid request");
    let mut out = BytesMut::new();
    let handshake = ClientHandshake::start(&request, NONCE, limits, &mut out);
    (handshake, String::from_utf8_lossy(&out).into())
}

/// Limits that no sensible head reaches.
fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.head = 1 << 20;
    limits.header_line = 1 << 20;
    limits.headers = 1 << 10;
    limits
}

/// All that can be seen of how a client's handshake ended.
#[derive(Debug, PartialEq)]
enum Ended {
    Established {
        status: u16,
        reason: String,
        headers: Vec<(String, Vec<u8>)>,
        subprotocol: Option<String>,
    },
    Refused(Refusal),
}

fn see_outcome(outcome: Outcome) -> Ended {
    match outcome {
        Outcome::Established(response) => Ended::Established {
            status: response.status(),
            reason: response.reason().into(),
            headers: fields(response.headers()),
            subprotocol: response.negotiated().subprotocol().map(Into::into),
        },
        Outcome::Refused(refusal) => {
            assert!(refusal.body().len() <= 4096);
            assert!((200..1000).contains(&refusal.status()), "{refusal:?}");
            fields(refusal.headers());
            Ended::Refused(refusal)
        }
    }
}

pub(crate) fn check_response(data: &[u8]) {
    let mut script = Script::new(data);
    let bits = script.number();
    if bits >> 15 != 0 {
        return check_conversation(&mut script);
    }
    let limits = config(bits).limits;
    let wire = script.take(usize::MAX);
    let read = read_all(wire, || {
        let (mut handshake, _) = client(&limits);
        move |piece: &[u8]| {
            let (taken, outcome) = handshake.receive(piece)?;
            if outcome.is_some() {
                assert!(matches!(handshake.receive(b"more"), Ok((0, None))));
                assert!(handshake.finish().is_none());
            }
            Ok((taken, outcome.map(see_outcome)))
        }
    });
    match &read.result {
        Ok(None) => check_unfinished(wire, &limits),
        Ok(Some(Ended::Established { status, .. })) => {
            assert_eq!(*status, 101);
            assert!(wire[..read.taken].ends_with(b"\r\n\r\n"));
        }
        Ok(Some(Ended::Refused(refusal))) => assert!((200..1000).contains(&refusal.status())),
        Err(error) => assert!(!error.to_string().is_empty() && error.status() >= 400),
    }
}

/// What is there of a refusal does not depend on how it was cut either.
fn check_unfinished(wire: &[u8], limits: &Limits) {
    let finish = |mut chunks: Chunks| {
        let (mut handshake, _) = client(limits);
        let mut at = 0;
        while at < wire.len() {
            let len = chunks.next(at, wire.len() - at);
            let _ = handshake.receive(&wire[at..at + len]);
            at += len;
        }
        let refusal = handshake.finish();
        assert!(matches!(handshake.receive(b"more"), Ok((0, None))));
        refusal
    };
    let whole = finish(Chunks::Whole);
    assert_eq!(finish(Chunks::Bytes), whole);
    assert!(whole.is_none_or(|refusal| refusal.body().len() <= 4096));
}

/// Whatever the caller puts into a request or an answer, the builders refuse it or the other side
/// understands it.
fn check_conversation(script: &mut Script<'_>) {
    let uri = String::from_utf8_lossy(script.string());
    let Ok(request) = ClientRequest::new(&uri).and_then(|request| build(request, script)) else {
        return;
    };
    let mut sent = BytesMut::new();
    let mut handshake = ClientHandshake::start(&request, NONCE, &limits(), &mut sent);
    let (taken, received) = match ServerHandshake::new(&limits()).receive(&sent) {
        Ok((taken, Some(received))) => (taken, received),
        other => panic!("{other:?} from {}", sent.escape_ascii()),
    };
    assert_eq!(taken, sent.len());
    assert_eq!((received.target(), received.host()), (request.target(), request.authority()));

    let (name, value) = (script.string(), script.string());
    let (name, value) = (String::from_utf8_lossy(name), String::from_utf8_lossy(value));
    let mut out = BytesMut::new();
    if script.flag() {
        let rejection = Rejection::new(script.number()).and_then(|it| it.header(&name, &value));
        let Ok(rejection) = rejection else { return };
        let body = script.string();
        let rejection = rejection.body(body.to_vec());
        rejection.write_response(&mut out);
        let refusal = refused(&out);
        assert_eq!((refusal.status(), &refusal.body()[..]), (rejection.status(), body));
        assert_eq!(refusal.headers().get(&name), Some(value.trim_matches([' ', '\t'])));
        return;
    }
    let accept = Accept::new(Origins::Any).header(&name, &value);
    let Ok(accept) = accept.and_then(|accept| accept.subprotocols(&["chat", "a"])) else { return };
    let negotiated = accept.write_response(&received, &mut out).expect("an answer to any origin");
    match handshake.receive(&out) {
        Ok((taken, Some(Outcome::Established(response)))) => {
            assert_eq!((taken, response.negotiated()), (out.len(), &negotiated));
            assert_eq!(response.headers().get(&name), Some(value.trim_matches([' ', '\t'])));
        }
        other => panic!("{other:?} from {}", out.escape_ascii()),
    }
}

fn build(
    mut request: ClientRequest,
    script: &mut Script<'_>,
) -> Result<ClientRequest, RequestError> {
    for _ in 0..script.byte() % 8 {
        let kind = script.byte() % 4;
        let value = String::from_utf8_lossy(script.string());
        request = match kind {
            0 => request.subprotocol(&value)?,
            1 => request.origin(&value)?,
            2 => request.header("Host", &value)?,
            _ => request.header(&String::from_utf8_lossy(script.string()), &value)?,
        };
    }
    Ok(request)
}
