//! What every runtime needs of a type before it can hold one: that it may go to another thread, and
//! that a panic elsewhere does not spoil it.

use std::panic::UnwindSafe;

use farewell::handshake::{
    Accept, ClientHandshake, ClientRequest, HandshakeError, Headers, Negotiated, Origins, Outcome,
    Refusal, Rejection, Request, RequestError, Response, ResponseError, ServerHandshake,
};
use farewell::{
    Cause, Chunk, CloseFrame, Config, Connection, Event, Evidence, FrameHead, FrameHeader, Message,
    Opened, Outgoing, Output, Payload, Prepared, RespondError, Seed, SendError, SendRefused,
    Session, SessionEvent, Termination, Text, Timestamp, Utf8Validator, Violation,
};

fn is_plain<T: Send + Sync + Unpin + UnwindSafe>() {}
fn is_error<T: core::error::Error + Send + Sync + 'static>() {}

#[test]
fn everything_goes_to_another_thread() {
    is_plain::<(Connection, Session, Config, Seed, Timestamp, Utf8Validator)>();
    is_plain::<(Event<'_>, Chunk<'_>, SessionEvent<'_>, Opened, Output<'_>, Prepared)>();
    is_plain::<(Message<'_>, Text<'_>, Payload<'_>, SendRefused<'_>, Outgoing<'_>)>();
    is_plain::<(Termination, Evidence, Cause, CloseFrame, FrameHead, FrameHeader)>();
    is_plain::<(ClientHandshake, ClientRequest, Outcome, Refusal, Response, Negotiated, Headers)>();
    is_plain::<(ServerHandshake, Request, Accept, Rejection, Origins)>();
}

#[cfg(feature = "http")]
#[test]
fn so_does_a_handshake_in_the_types_of_http() {
    is_plain::<farewell::handshake::HttpHandshake>();
}

#[test]
fn so_does_a_dial() {
    use farewell::dial::{Dial, DialError, DialOptions, DialRecord, Dialled, Proxy, Step};
    is_plain::<(Dial, DialOptions, DialRecord, Dialled, Proxy, Step)>();
    is_error::<DialError>();
    is_error::<farewell::dial::ProxyError>();
    is_error::<farewell::handshake::RedirectError>();
}

#[test]
fn every_error_fits_into_a_box() {
    is_error::<SendError>();
    is_error::<RespondError>();
    is_error::<SendRefused<'static>>();
    is_error::<HandshakeError>();
    is_error::<RequestError>();
    is_error::<ResponseError>();
    is_error::<Violation>();
    is_error::<farewell::CloseFrameError>();
    is_error::<farewell::InvalidCloseCode>();
    is_error::<farewell::FrameHeaderError>();
    is_error::<farewell::NotUtf8>();
    is_error::<farewell::InvalidUtf8>();
    is_error::<farewell::TransportError>();
    is_error::<farewell::reconnect::ConnectFailure>();
}

#[test]
fn what_decides_about_reconnecting_can_be_shared() {
    use farewell::reconnect::{Attempt, Decision, Outcome, Reconnect, ReconnectConfig, State};
    fn is_held<T: Clone + Send + Sync + Unpin>() {}
    is_held::<(Reconnect, ReconnectConfig, farewell::reconnect::Outbox<u8>)>();
    is_plain::<(State, Decision, Attempt, Outcome<'_>, farewell::Unsent)>();
}

#[test]
#[cfg(feature = "std")]
fn so_do_the_sockets_and_their_halves() {
    use farewell::{AcceptError, Acceptor, ConnectError, Incoming, blocking};
    use std::net::TcpStream;

    fn is_shared<T: Clone + Send + Sync + 'static>() {}
    is_shared::<Acceptor>();
    is_shared::<farewell::ConnectOptions>();
    is_shared::<blocking::Drain>();
    is_plain::<(blocking::Drain, farewell::Ticket, farewell::Drained)>();
    is_plain::<(Incoming, blocking::WebSocket<TcpStream>)>();
    is_plain::<(blocking::Receiver<TcpStream>, blocking::Sender<TcpStream>)>();
    is_error::<ConnectError>();
    is_error::<AcceptError>();
    // They hold the application's closures, which are one thread's at a time.
    fn is_moved<T: Send + Unpin>() {}
    is_moved::<blocking::Reconnecting>();
    is_shared::<blocking::Stopper>();
    is_shared::<blocking::OutboxSender>();
    fn is_told<T: Send + Sync + Unpin + 'static>() {}
    is_told::<farewell::ReconnectEvent>();
    #[cfg(feature = "tokio")]
    {
        fn is_held<T: Send + Sync + Unpin>() {}
        use tokio::net::TcpStream;
        is_moved::<farewell::aio::Reconnecting>();
        is_shared::<farewell::aio::Drain>();
        is_shared::<farewell::aio::OutboxSender>();
        is_held::<farewell::aio::WebSocket<TcpStream>>();
        is_held::<(farewell::aio::Receiver<TcpStream>, farewell::aio::Sender<TcpStream>)>();
    }
}

#[test]
#[cfg(feature = "tokio")]
fn every_future_can_be_spawned() {
    use farewell::aio::{Receiver, Reconnecting, Sender, WebSocket};
    use farewell::{Acceptor, CloseCode};
    use tokio::net::TcpStream;

    fn is_spawned(future: impl Future + Send) {
        drop(future);
    }
    // Named and never run: whether it compiles is the question.
    fn all(
        (socket, receiver, sender): (
            &mut WebSocket<TcpStream>,
            &mut Receiver<TcpStream>,
            &mut Sender<TcpStream>,
        ),
        reconnecting: &mut Reconnecting,
        [stream, other]: [TcpStream; 2],
        orders: &farewell::aio::OutboxSender,
        drain: &farewell::aio::Drain,
        acceptor: &Acceptor,
        request: &ClientRequest,
    ) {
        is_spawned(farewell::aio::connect("ws://localhost/"));
        is_spawned(farewell::aio::connect_over(request, Config::default(), Ok::<TcpStream, _>));
        is_spawned(farewell::aio::accept(stream, acceptor));
        is_spawned(farewell::aio::accept_with(other, Config::default(), async |request| {
            // The request is borrowed while the decision waits.
            let path = request.path();
            tokio::task::yield_now().await;
            assert_ne!(path, "");
            Ok(Accept::new(Origins::Any))
        }));
        is_spawned(drain.begun());
        is_spawned(drain.close_all(CloseCode::GOING_AWAY, core::time::Duration::ZERO));
        is_spawned(socket.next());
        is_spawned(socket.send("x"));
        is_spawned(socket.close(CloseCode::NORMAL));
        is_spawned(reconnecting.next());
        is_spawned(reconnecting.send("x"));
        is_spawned(reconnecting.ready());
        is_spawned(orders.send("x"));
        is_spawned(reconnecting.close(CloseCode::NORMAL));
        is_spawned(receiver.next());
        is_spawned(sender.send("x"));
        is_spawned(sender.close(CloseCode::NORMAL));
    }
    let _ = all;
}
