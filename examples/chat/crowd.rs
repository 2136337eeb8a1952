//! Many members from one program: one talks, and all have to hear everything, in order.

use std::sync::Arc;

use farewell::aio::{self, Incoming, WebSocket};
use farewell::handshake::ClientRequest;
use farewell::{CloseCode, Config, Termination};
use tokio::net::TcpStream;
use tokio::sync::{Barrier, Semaphore};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::{Failed, SECRET, SUBPROTOCOL, say};

/// So many open their connections at the same time.
const AT_ONCE: usize = 100;

/// What is said, and how much where somebody does not listen: more than the system keeps for them.
const WORDS: usize = 10;
const MUCH: usize = 6000;
const LONG: usize = 3000;

/// So many words for each are on their way at most.
const AHEAD: usize = 4;

/// What is special about a crowd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// They leave when they have heard everything.
    Leave,
    /// They stay until the server closes.
    Stay,
    /// One more comes, and reads nothing.
    OneIsSlow,
}

pub(crate) async fn visit(url: &str, count: usize, manner: Manner) -> Result<(), Failed> {
    let began = Instant::now();
    let mut deaf = None;
    if manner == Manner::OneIsSlow {
        deaf = Some(connect(url, "mallory").await?);
    }
    let (door, all_here) = (Arc::new(Semaphore::new(AT_ONCE)), Arc::new(Barrier::new(count + 1)));
    let heard = Arc::new(Semaphore::new(AHEAD * count));
    let mut members = JoinSet::new();
    for number in 0..count {
        let (url, door, all_here) = (url.to_owned(), door.clone(), all_here.clone());
        let heard = heard.clone();
        members.spawn(async move {
            let place = door.acquire().await?;
            let mut socket = connect(&url, &format!("member-{number}")).await?;
            // The room greets who has entered it, which is later than the opening handshake.
            socket.next().await.into_message().map_err(|report| report.to_string())?;
            drop(place);
            all_here.wait().await;
            let listeners = u32::try_from(count)?;
            let socket = hear(socket, (number == 0).then_some(listeners), &heard, manner).await?;
            all_here.wait().await;
            leave(socket, manner).await
        });
    }
    for done in [format!("{count} are there"), "all have heard it".into()] {
        tokio::select! {
            biased;
            _ = all_here.wait() => say(format_args!("{done} after {:.1?}", began.elapsed())),
            // Nobody ends before all are so far, unless something went wrong.
            Some(ended) = members.join_next() => return Err(ended?.err().unwrap_or("ended".into())),
        }
    }
    while let Some(ended) = members.join_next().await {
        ended??;
    }
    // Whoever read nothing hears why now, if the server could say so.
    if let Some(mut socket) = deaf {
        let report = until_ended(&mut socket).await;
        say(format_args!("who read nothing: {report}"));
    }
    Ok(())
}

async fn connect(url: &str, name: &str) -> Result<WebSocket<TcpStream>, Failed> {
    let request = ClientRequest::new(url)?
        .subprotocol(SUBPROTOCOL)?
        .header("Authorization", &format!("Bearer {name}.{SECRET}"))?;
    Ok(aio::connect_with(&request, Config::default()).await?)
}

/// One of them talks, to so many; all listen until they have heard all of it.
///
/// No more than a few words for each are on their way, so that nobody who reads is too slow, however
/// the machine shares its time out: each word takes one of `heard` for each who is to hear it, and
/// brings it back where it was.
async fn hear(
    mut socket: WebSocket<TcpStream>,
    talks_to: Option<u32>,
    heard: &Semaphore,
    manner: Manner,
) -> Result<WebSocket<TcpStream>, Failed> {
    let much = manner == Manner::OneIsSlow;
    let (words, tail) = if much { (MUCH, "x".repeat(LONG)) } else { (WORDS, String::new()) };
    let (mut said, mut word) = (0, 0);
    while word < words {
        let listeners = talks_to.filter(|_| said < words);
        tokio::select! {
            turn = heard.acquire_many(listeners.unwrap_or_default()), if listeners.is_some() => {
                turn?.forget();
                socket.send(format!("word {said} {tail}")).await?;
                said += 1;
            }
            incoming = socket.next() => {
                let message = incoming.into_message().map_err(|report| report.to_string())?;
                let text = message.as_text().unwrap_or_default();
                if text.starts_with("member-0: ") {
                    if !text.starts_with(&format!("member-0: word {word} ")) {
                        return Err(format!("{text:.40} and not word {word}").into());
                    }
                    word += 1;
                    heard.add_permits(1);
                }
            }
        }
    }
    Ok(socket)
}

async fn leave(mut socket: WebSocket<TcpStream>, manner: Manner) -> Result<(), Failed> {
    let (report, expected) = match manner {
        Manner::Stay => (until_ended(&mut socket).await, CloseCode::GOING_AWAY),
        Manner::Leave | Manner::OneIsSlow => {
            (socket.close(CloseCode::NORMAL).await, CloseCode::NORMAL)
        }
    };
    let as_expected = report.clean && report.code == expected.get();
    if as_expected { Ok(()) } else { Err(report.to_string().into()) }
}

async fn until_ended(socket: &mut WebSocket<TcpStream>) -> Box<Termination> {
    loop {
        if let Incoming::Ended(report) = socket.next().await {
            return report;
        }
    }
}
