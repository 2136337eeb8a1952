//! Certificates, one face for both adapters, peers that speak TLS, and a bound on every test.

mod adapter;
mod authority;
mod proxy;
mod raw;
pub(crate) mod wire;

use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use farewell::handshake::{ClientRequest, Origins};
use farewell::{Acceptor, Config, Termination};

pub(crate) use adapter::{Adapter, Blocking, Tokio, for_tokio};
pub(crate) use authority::{Authority, VALID, Years, authority_pem, both, raw_server_config};
pub(crate) use proxy::{Seen, Then, https_proxy};
pub(crate) use raw::{
    Raw, accept_head, with_raw_client, with_raw_client_of, with_raw_server, with_raw_server_of,
};

/// Longer than anything here takes, on a slow machine.
const LIMIT: Duration = Duration::from_secs(30);

/// Runs a test on a thread of its own, and fails it where it does not end.
pub(crate) fn bounded(test: impl FnOnce() + Send + 'static) {
    let (sender, receiver) = mpsc::channel();
    let thread = thread::spawn(move || {
        test();
        let _ = sender.send(());
    });
    match receiver.recv_timeout(LIMIT) {
        Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("the test hangs"),
    }
}

/// Runs each of the scenarios for both adapters.
macro_rules! for_both_adapters {
    ($($scenario:ident),+ $(,)?) => {
        mod blocking_adapter {
            $(#[test] fn $scenario() {
                crate::support::bounded(super::$scenario::<crate::support::Blocking>);
            })+
        }
        mod tokio_adapter {
            $(#[test] fn $scenario() {
                crate::support::bounded(super::$scenario::<crate::support::Tokio>);
            })+
        }
    };
}
pub(crate) use for_both_adapters;

pub(crate) fn listen() -> (TcpListener, ClientRequest) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("wss://localhost:{}/", listener.local_addr().unwrap().port());
    (listener, ClientRequest::new(&url).unwrap())
}

pub(crate) fn reach(listener: &TcpListener) -> TcpStream {
    TcpStream::connect(listener.local_addr().unwrap()).unwrap()
}

pub(crate) fn anyone(config: Config) -> Acceptor {
    Acceptor::new(Origins::Any).config(config)
}

/// A client and a server of this adapter; the server runs `serve`.
pub(crate) fn pair<A: Adapter, R: Send + 'static>(
    config: Config,
    serve: impl FnOnce(A) -> R + Send + 'static,
) -> (A, JoinHandle<R>) {
    let ((listener, request), (client, server)) = (listen(), both());
    let stream = reach(&listener);
    let acceptor = anyone(config.clone());
    let server = thread::spawn(move || {
        serve(A::accept(listener.accept().unwrap().0, &acceptor, &server).unwrap())
    });
    (A::handshake(stream, &request, config, &client).unwrap(), server)
}

/// A frame as a client sends it, with a masking key of zeros.
pub(crate) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    [&[first, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload].concat()
}

/// A frame as a server sends it.
pub(crate) fn plain(first: u8, payload: &[u8]) -> Vec<u8> {
    [&[first, payload.len() as u8], payload].concat()
}

/// Settings under which nothing happens by itself, and what waits for a deadline hangs.
pub(crate) fn quiet() -> Config {
    let mut config = Config::default();
    config.heartbeat = None;
    config.timeouts.handshake = 2 * LIMIT;
    config.timeouts.close = 2 * LIMIT;
    config.timeouts.linger = 2 * LIMIT;
    config.timeouts.write_stall = Some(2 * LIMIT);
    config
}

/// Echoes until the end.
pub(crate) fn echo<A: Adapter>(mut socket: A) -> Box<Termination> {
    loop {
        match socket.next().into_message() {
            Ok(message) => socket.feed(message).unwrap(),
            Err(report) => return report,
        }
    }
}
