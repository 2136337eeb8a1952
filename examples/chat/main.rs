//! A chat for many: one room, a task for each member, every message framed once for all of them.
//!
//! `cargo run --release --features tokio --example chat -- [ADDRESS]`, by default 127.0.0.1:9001; open
//! it with a browser, or with `-- crowd URL COUNT [--slow]`, which is a thousand members, say, of whom
//! one talks and all have to hear it.
//!
//! - Who may come in is decided before the connection is open: by a token in a header field, which a
//!   look-up that may take its time knows. The same port answers health checks, and has a page.
//! - Whoever reads too slowly is closed, and the report says that this was why. Nobody else waits.
//! - What a member can send and have sent to them is bounded, and so is the number of members. Where
//!   there are no files, it goes on when there are again.
//! - On Ctrl-C and SIGTERM everybody is closed, spread over some seconds.

mod crowd;
mod room;

use std::error::Error;
use std::fmt::Display;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use farewell::aio::{self, Drain, Ticket};
use farewell::handshake::{Accept, Origins, PlainResponse, Rejection, Request, ResponseError};
use farewell::{AcceptError, CloseCode, Config};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use room::Room;

/// What the clients of this server have to speak.
pub(crate) const SUBPROTOCOL: &str = "v1.chat.example";

/// Behind a member's name, in the token that lets them in.
pub(crate) const SECRET: &str = "sesame";

/// So many connections are let in.
const MEMBERS: usize = 20_000;

/// How long nothing is accepted after a failure: without a free file, for example, the next attempt
/// would fail at once, too.
const PAUSE: Duration = Duration::from_millis(200);

/// How long the members have to leave, after Ctrl-C or SIGTERM.
const END: Duration = Duration::from_secs(6);

pub(crate) type Failed = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["crowd", url, count] => crowd::visit(url, count.parse()?, false).await,
        ["crowd", url, count, "--slow"] => crowd::visit(url, count.parse()?, true).await,
        [] => serve("127.0.0.1:9001").await,
        [address] => serve(address).await,
        _ => Err("chat [ADDRESS] | chat crowd URL COUNT [--slow]".into()),
    }
}

async fn serve(address: &str) -> Result<(), Failed> {
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
                let full = drain.sockets() >= MEMBERS;
                let visit = visit(stream, config.clone(), room.clone(), drain.ticket(), full);
                tokio::spawn(visit);
            }
            Err(error) => {
                say(format_args!("accept: {error}"));
                sleep(PAUSE).await;
            }
        }
    }
}

fn config() -> Config {
    let mut config = Config::default();
    // Nobody types more, and nobody is waited for with more than this.
    config.limits.message = 4096;
    config.limits.pending_output = 64 * 1024;
    config
}

async fn visit(
    stream: TcpStream,
    config: Arc<Config>,
    room: Arc<Room>,
    ticket: Ticket,
    full: bool,
) {
    // Else what is sent in two parts waits for an acknowledgement, up to 40 ms.
    let _ = stream.set_nodelay(true);
    let mut name = String::new();
    let decide = async |request: &Request| {
        name = welcome(request, &room, full).await?;
        Ok(Accept::new(Origins::SameHost).subprotocol(SUBPROTOCOL)?)
    };
    let mut socket = match aio::accept_with(stream, config, decide).await {
        Ok(socket) => socket,
        // A page or a health check.
        Err(AcceptError::Plain { .. }) => return,
        Err(error) => return say(error),
    };
    socket.join(ticket);
    let (mut receiver, sender) = socket.split();
    let number = room.enter(sender);
    let report = loop {
        match receiver.next().await.into_message() {
            Ok(message) => match message.as_text() {
                Some(text) => room.tell_all(&format!("{name}: {text}")),
                None => room.show_out(number, CloseCode::UNSUPPORTED_DATA, "text only"),
            },
            Err(report) => break report,
        }
    };
    room.leave(number);
    say(format_args!("{name} has left: {report}; {}", report.diagnosis()));
}

/// The name of who asks to come in.
async fn welcome(request: &Request, room: &Room, full: bool) -> Result<String, Rejection> {
    if request.is_plain() {
        return Err(page(request, room)?.into());
    }
    if request.path() != "/chat" {
        return Err(Rejection::new(404)?);
    }
    if full {
        let rejection = Rejection::new(503)?.header("Retry-After", "30")?;
        return Err(rejection.because("too many members"));
    }
    if !request.subprotocols().any(|name| name == SUBPROTOCOL) {
        return Err(Rejection::new(400)?.body("which chat do you speak?\n"));
    }
    match look_up(token(request)).await? {
        Some(name) => Ok(name),
        None => Err(Rejection::new(401)?.header("WWW-Authenticate", "Bearer")?),
    }
}

/// What people with a browser and load balancers get.
fn page(request: &Request, room: &Room) -> Result<PlainResponse, ResponseError> {
    Ok(match request.path() {
        "/" => PlainResponse::new(200)?
            .header("Content-Type", "text/html; charset=utf-8")?
            .body(include_str!("page.html")),
        "/health" => PlainResponse::new(200)?.body(format!("{} members\n", room.len())),
        _ => PlainResponse::new(404)?,
    })
}

/// A page can set no header field, and sends its token as a second subprotocol.
fn token(request: &Request) -> &str {
    let bearer = request.header("Authorization").and_then(|field| field.strip_prefix("Bearer "));
    bearer.or_else(|| request.subprotocols().find(|name| *name != SUBPROTOCOL)).unwrap_or_default()
}

/// Whose token it is. Where a database is asked in its place, what goes wrong there is status 500 for
/// the client, and the reason for the log.
async fn look_up(token: &str) -> std::io::Result<Option<String>> {
    let name = token.strip_suffix(SECRET).and_then(|rest| rest.strip_suffix('.'));
    Ok(name.filter(|name| !name.is_empty()).map(String::from))
}

/// A line that nobody can take is no reason to end, as `println` would.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Waits for Ctrl-C, or for SIGTERM where there is one.
async fn signal() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminated = signal(SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            _ = terminated.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
