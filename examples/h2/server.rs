//! An echo server of WebSockets on streams of HTTP/2; asked to, it resets a stream or goes away.

use std::fmt::Display;

use bytes::Bytes;
use farewell::aio::{Incoming, WebSocket};
use farewell::handshake::{Accept, Carrier, Origins, Request};
use farewell::{Compression, Config, OpeningFailure, Role, Timestamp};
use futures_util::FutureExt;
use futures_util::future::ready;
use h2::RecvStream;
use h2::ext::Protocol;
use h2::server::SendResponse;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::stream::Http2Stream;

type Tell = fn(&dyn Display);

pub(crate) async fn serve(listener: TcpListener, offers: bool, tell: Tell) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(serve_connection(stream, offers, tell))),
            Err(error) => return tell(&error),
        }
    }
}

async fn serve_connection(stream: TcpStream, offers: bool, tell: Tell) {
    let mut builder = h2::server::Builder::new();
    if offers {
        // Without it, no client asks for a WebSocket.
        builder.enable_connect_protocol();
    }
    let mut connection = match builder.handshake::<_, Bytes>(stream).await {
        Ok(connection) => connection,
        Err(error) => return tell(&error),
    };
    let (go_away, mut asked) = unbounded_channel();
    loop {
        tokio::select! {
            request = connection.accept() => match request {
                Some(Ok((request, respond))) => {
                    tokio::spawn(answer(request, respond, go_away.clone(), tell));
                }
                Some(Err(error)) => return tell(&error),
                None => return,
            },
            Some(reason) = asked.recv() => connection.abrupt_shutdown(reason),
        }
    }
}

async fn answer(
    request: http::Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    go_away: UnboundedSender<h2::Reason>,
    tell: Tell,
) {
    let mut config = Config::default();
    config.compression = Some(Compression::default());
    let (parts, receive) = request.into_parts();
    let protocol = parts.extensions.get::<Protocol>().map(Protocol::as_str);
    let asked = match Request::from_http_with(&parts, protocol, &config.limits) {
        Ok(asked) => asked,
        Err(error) => {
            let failure = OpeningFailure::Invalid(error);
            let now = Timestamp::ZERO;
            tell(&failure.report(Role::Server, Carrier::Http2, now, now));
            let (head, body) = error.to_http(parts.version).into_parts();
            let head = http::Response::from_parts(head, ());
            if let Ok(mut send) = respond.send_response(head, false) {
                let _ = send.send_data(body, true);
            }
            return;
        }
    };
    if asked.path() == "/refused" {
        return respond.send_reset(h2::Reason::REFUSED_STREAM);
    }
    // An echo has no secrets: any web page may use it.
    let accepted = Accept::new(Origins::Any).to_http(&asked, &config);
    let (response, negotiated) = accepted.expect("it accepts anything");
    let Ok(send) = respond.send_response(response, false) else { return };
    let stream = Http2Stream::new(send, receive, ready(None).boxed().shared());
    match WebSocket::upgraded(stream, Role::Server, negotiated, config, b"") {
        Ok(socket) => echo(socket, &go_away, tell).await,
        Err(error) => tell(&error),
    }
}

async fn echo(
    mut socket: WebSocket<Http2Stream>,
    go_away: &UnboundedSender<h2::Reason>,
    tell: Tell,
) {
    loop {
        match socket.next().await {
            Incoming::Message(message) => {
                let text = message.as_text().unwrap_or_default();
                if let Some(code) = text.strip_prefix("reset ").and_then(|it| it.parse().ok()) {
                    let code: u32 = code;
                    return socket.get_ref().reset_when_dropped(code.into());
                }
                if text == "go away" {
                    let _ = go_away.send(h2::Reason::ENHANCE_YOUR_CALM);
                    continue;
                }
                // A failure is in the report, which `next` gives after it.
                let _ = socket.feed(message).await;
            }
            Incoming::Ended(report) => return tell(&report),
        }
    }
}
