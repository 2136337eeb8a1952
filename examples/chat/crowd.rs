//! Many members from one program: one talks, and all have to hear everything, in order.

use std::sync::Arc;
use std::time::Instant;

use farewell::aio::{self, Incoming, WebSocket};
use farewell::handshake::ClientRequest;
use farewell::{CloseCode, Config};
use tokio::net::TcpStream;
use tokio::sync::{Barrier, Semaphore};
use tokio::task::JoinSet;

use crate::{Failed, SECRET, SUBPROTOCOL, say};

/// So many open their connections at the same time.
const AT_ONCE: usize = 100;

/// What is said, and how much where somebody does not listen: more than the system keeps for them.
const WORDS: usize = 10;
const MUCH: usize = 6000;
const LONG: usize = 3000;

/// With `slow`, one more comes, and reads nothing.
pub(crate) async fn visit(url: &str, count: usize, slow: bool) -> Result<(), Failed> {
    let began = Instant::now();
    let mut deaf = None;
    if slow {
        deaf = Some(connect(url, "mallory").await?);
    }
    let (door, all_here) = (Arc::new(Semaphore::new(AT_ONCE)), Arc::new(Barrier::new(count + 1)));
    let mut members = JoinSet::new();
    for number in 0..count {
        let (url, door, all_here) = (url.to_owned(), door.clone(), all_here.clone());
        members.spawn(async move {
            let place = door.acquire().await?;
            let socket = connect(&url, &format!("member-{number}")).await?;
            drop(place);
            all_here.wait().await;
            hear(socket, number == 0, slow).await
        });
    }
    tokio::select! {
        biased;
        _ = all_here.wait() => say(format_args!("{count} are there after {:.1?}", began.elapsed())),
        // Nobody ends before all are there, unless something went wrong.
        Some(ended) = members.join_next() => return Err(ended?.err().unwrap_or("ended".into())),
    }
    let began = Instant::now();
    while let Some(ended) = members.join_next().await {
        ended??;
    }
    say(format_args!("all have heard it after {:.1?}", began.elapsed()));
    // Whoever read nothing hears why now, if the server could say so.
    if let Some(mut socket) = deaf {
        let report = loop {
            if let Incoming::Ended(report) = socket.next().await {
                break report;
            }
        };
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

/// One of them talks; all listen until they have heard all of it.
async fn hear(mut socket: WebSocket<TcpStream>, talks: bool, much: bool) -> Result<(), Failed> {
    let (words, tail) = if much { (MUCH, "x".repeat(LONG)) } else { (WORDS, String::new()) };
    let (mut said, mut heard) = (0, 0);
    while heard < words {
        // No more than a few are on their way, so that who reads is fast enough.
        if talks && said < words && said - heard < 4 {
            socket.send(format!("word {said} {tail}")).await?;
            said += 1;
            continue;
        }
        match socket.next().await.into_message() {
            Ok(message) => {
                let text = message.as_text().unwrap_or_default();
                if text.starts_with("member-0: ") {
                    if !text.starts_with(&format!("member-0: word {heard} ")) {
                        return Err(format!("{text:.40} and not word {heard}").into());
                    }
                    heard += 1;
                }
            }
            Err(report) => return Err(report.to_string().into()),
        }
    }
    let report = socket.close(CloseCode::NORMAL).await;
    if report.clean { Ok(()) } else { Err(report.to_string().into()) }
}
