//! The matrix over the tokio adapter: in-memory streams, under a clock that jumps.

use std::future::Future;

use farewell::aio::{self as farewell_tokio, WebSocket};
use farewell::handshake::{ClientRequest, Origins};
use farewell::testkit::AsyncFaultyStream;
use farewell::{AcceptError, Acceptor, Config, ConnectError, Incoming, Role, Termination};
use tokio::io::{AsyncRead, AsyncWrite, duplex};

use crate::scenario::{
    Phase, Time, answer, our_close, our_config, peer_config, peer_of, peers_close, put, question,
};
use crate::table::{Cell, run_all};

pub(crate) async fn open<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    role: Role,
    config: Config,
) -> Result<WebSocket<S>, Box<Termination>> {
    match role {
        Role::Client => {
            let request = ClientRequest::new("ws://localhost/").unwrap();
            let opened = farewell_tokio::handshake(stream, &request, config).await;
            opened.map_err(|error| match error {
                ConnectError::Ended(report) => report,
                other => panic!("{other}"),
            })
        }
        Role::Server => {
            let acceptor = Acceptor::new(Origins::Any).config(config);
            let opened = farewell_tokio::accept(stream, &acceptor).await;
            opened.map_err(|error| match error {
                AcceptError::Ended(report) => report,
                other => panic!("{other}"),
            })
        }
    }
}

pub(crate) async fn our_part<S: AsyncRead + AsyncWrite + Unpin>(
    mut socket: WebSocket<S>,
    phase: Phase,
) -> Box<Termination> {
    let _ = socket.feed(question()).await;
    if phase == Phase::WeClose {
        let _ = socket.queue_close(our_close());
    }
    loop {
        match socket.next().await {
            Incoming::Message(_) if matches!(phase, Phase::Opening | Phase::Open) => {
                return socket.close(our_close()).await;
            }
            Incoming::Message(_) => {}
            Incoming::Ended(report) => return report,
        }
    }
}

pub(crate) async fn peers_part<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    us: Role,
    phase: Phase,
    config: Config,
) {
    let Ok(mut socket) = open(stream, peer_of(us), config).await else { return };
    while let Incoming::Message(_) = socket.next().await {
        let _ = socket.feed(answer()).await;
        if phase == Phase::PeerCloses {
            let _ = socket.queue_close(peers_close());
        }
    }
}

/// Runs on a clock that jumps to the next deadline, or on the real one.
pub(crate) fn block_on<T>(time: Time, work: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().start_paused(time == Time::Virtual).build().unwrap().block_on(work)
}

#[test]
fn every_fault_in_every_phase() {
    run_all("tokio", |cell| {
        let Cell { fault, phase, us, outcome } = cell;
        // A process that sleeps does so in real time.
        let time = if fault.contains("sleep") { Time::Real } else { Time::Virtual };
        let report = block_on(time, async move {
            let (ours, peers) = duplex(64 * 1024);
            let peer = tokio::spawn(peers_part(peers, us, phase, peer_config(fault, time)));
            let stream = AsyncFaultyStream::new(ours, us, &put(fault, us, phase, time));
            let report = match open(stream, us, our_config(fault, phase, outcome, time)).await {
                Ok(socket) => our_part(socket, phase).await,
                Err(report) => report,
            };
            peer.await.unwrap();
            report
        });
        (*report, String::new())
    });
}
