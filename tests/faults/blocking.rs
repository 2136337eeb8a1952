//! The matrix over the blocking adapter: real sockets on loopback, real time.

use std::net::{TcpListener, TcpStream};
use std::thread;

use farewell::blocking::{self, Transport, WebSocket};
use farewell::handshake::{ClientRequest, Origins};
use farewell::testkit::FaultyStream;
use farewell::{AcceptError, Acceptor, Config, ConnectError, Incoming, Role, Termination};

use crate::scenario::{
    Phase, Time, answer, our_close, our_config, peer_config, peers_close, put, question,
};
use crate::table::{Cell, run_all};

/// Speaks the opening handshake.
pub(crate) fn open<S: Transport>(
    stream: S,
    role: Role,
    config: Config,
) -> Result<WebSocket<S>, Box<Termination>> {
    match role {
        Role::Client => {
            let request = ClientRequest::new("ws://localhost/").unwrap();
            blocking::handshake(stream, &request, config).map_err(|error| match error {
                ConnectError::Ended(report) => report,
                other => panic!("{other}"),
            })
        }
        Role::Server => {
            let acceptor = Acceptor::new(Origins::Any).config(config);
            blocking::accept(stream, &acceptor).map_err(|error| match error {
                AcceptError::Ended(report) => report,
                other => panic!("{other}"),
            })
        }
    }
}

/// What we do, to the end.
pub(crate) fn our_part<S: Transport>(mut socket: WebSocket<S>, phase: Phase) -> Box<Termination> {
    let _ = socket.feed(question());
    if phase == Phase::WeClose {
        let _ = socket.queue_close(our_close());
    }
    loop {
        match socket.next() {
            Incoming::Message(_) if matches!(phase, Phase::Opening | Phase::Open) => {
                return socket.close(our_close());
            }
            Incoming::Message(_) => {}
            Incoming::Ended(report) => return report,
        }
    }
}

/// What the peer does, to the end.
pub(crate) fn peers_part<S: Transport>(mut socket: WebSocket<S>, phase: Phase) {
    while let Incoming::Message(_) = socket.next() {
        let _ = socket.feed(answer());
        if phase == Phase::PeerCloses {
            let _ = socket.queue_close(peers_close());
        }
    }
}

/// Two ends of a connection on loopback: ours, and the peer's.
pub(crate) fn streams() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (peers, _) = listener.accept().unwrap();
    ours.set_nodelay(true).unwrap();
    peers.set_nodelay(true).unwrap();
    (ours, peers)
}

#[test]
fn every_fault_in_every_phase() {
    run_all("blocking", |cell| {
        let Cell { fault, phase, us, outcome } = cell;
        let (ours, peers) = streams();
        let peer = thread::spawn(move || {
            if let Ok(socket) =
                open(peers, crate::scenario::peer_of(us), peer_config(fault, Time::Real))
            {
                peers_part(socket, phase);
            }
        });
        let stream = FaultyStream::new(ours, us, &put(fault, us, phase, Time::Real));
        let config = our_config(fault, phase, outcome, Time::Real);
        let report = open(stream, us, config).map_or_else(|report| report, |s| our_part(s, phase));
        peer.join().unwrap();
        (*report, String::new())
    });
}
