//! The server with a task for each connection.

use farewell::aio::{self, Drain, Ticket};
use farewell::handshake::Request;
use farewell::{AcceptError, CloseCode, Config};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use crate::{END, PAUSE, decide, say, signal};

#[tokio::main]
pub(crate) async fn serve(address: &str) -> std::io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    say(format_args!("listening on {}", listener.local_addr()?));
    let drain = Drain::new();
    tokio::select! {
        () = accept(&listener, &drain) => {}
        signalled = signal() => signalled?,
    }
    // Nobody else gets in.
    drop(listener);
    say(drain.close_all(CloseCode::SERVICE_RESTART, END).await);
    Ok(())
}

async fn accept(listener: &TcpListener, drain: &Drain) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(converse(stream, drain.ticket()))),
            Err(error) => {
                say(format_args!("accept: {error}"));
                sleep(PAUSE).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, ticket: Ticket) {
    let _ = stream.set_nodelay(true);
    let decided = async |request: &Request| decide(request);
    let mut socket = match aio::accept_with(stream, Config::default(), decided).await {
        Ok(socket) => socket,
        Err(AcceptError::Plain { .. }) => return,
        Err(error) => return say(error),
    };
    socket.join(ticket);
    // What comes after our Close is read all the same, though not answered any more.
    let report = loop {
        match socket.next().await.into_message() {
            Ok(message) => {
                say(format_args!("received {}", message.as_text().unwrap_or_default()));
                let _ = socket.feed(message).await;
            }
            Err(report) => break report,
        }
    };
    say(report);
}
