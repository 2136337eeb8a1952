//! The chat on a listener of its own.

use std::sync::Arc;
use std::time::Duration;

use farewell::aio::{self, Drain, Ticket};
use farewell::handshake::{Accept, Origins, PlainResponse, Rejection, Request, ResponseError};
use farewell::{AcceptError, CloseCode, Config};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use crate::door::{admit, config};
use crate::{END, Failed, SUBPROTOCOL, say, signal};

type Room = crate::room::Room<TcpStream>;

/// How long nothing is accepted after a failure: without a free file, for example, the next attempt
/// would fail at once, too.
const PAUSE: Duration = Duration::from_millis(200);

pub(crate) async fn serve(address: &str) -> Result<(), Failed> {
    let listener = TcpListener::bind(address).await?;
    say(format_args!("listening on {}", listener.local_addr()?));
    let (room, drain) = (Arc::new(Room::default()), Drain::new());
    tokio::select! {
        () = accept(&listener, &room, &drain) => {}
        signalled = signal() => signalled?,
    }
    // Nobody else gets in.
    drop(listener);
    say(drain.close_all(CloseCode::GOING_AWAY, END).await);
    Ok(())
}

async fn accept(listener: &TcpListener, room: &Arc<Room>, drain: &Drain) {
    let config = Arc::new(config());
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let (others, ticket) = (drain.sockets(), drain.ticket());
                tokio::spawn(visit(stream, config.clone(), room.clone(), ticket, others));
            }
            Err(error) => {
                say(format_args!("accept: {error}"));
                sleep(PAUSE).await;
            }
        }
    }
}

async fn visit(
    stream: TcpStream,
    config: Arc<Config>,
    room: Arc<Room>,
    ticket: Ticket,
    others: usize,
) {
    // Else what is sent in two parts waits for an acknowledgement, up to 40 ms.
    let _ = stream.set_nodelay(true);
    let mut name = String::new();
    let decide = async |request: &Request| {
        if request.is_plain() {
            return Err(page(request, &room)?.into());
        }
        if request.path() != "/chat" {
            return Err(Rejection::new(404)?);
        }
        name = admit(request, others).await?;
        Ok(Accept::new(Origins::SameHost).subprotocol(SUBPROTOCOL)?)
    };
    let mut socket = match aio::accept_with(stream, config, decide).await {
        Ok(socket) => socket,
        // A page or a health check.
        Err(AcceptError::Plain { .. }) => return,
        Err(error) => return say(error),
    };
    socket.join(ticket);
    room.have(socket, &name).await;
}

/// What people with a browser and load balancers get.
fn page(request: &Request, room: &Room) -> Result<PlainResponse, ResponseError> {
    Ok(match request.path() {
        "/" => PlainResponse::new(200)?
            .header("Content-Type", "text/html; charset=utf-8")?
            .body(include_str!("page.html")),
        "/health" => PlainResponse::new(200)?.body(room.census()),
        _ => PlainResponse::new(404)?,
    })
}
