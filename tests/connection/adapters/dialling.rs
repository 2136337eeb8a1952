//! The way to a connection over real sockets: names, addresses that do not answer, proxies,
//! redirections, Unix sockets, and credentials that are shown nowhere.

mod addresses;
mod over;
mod proxies;
mod redirects;
#[cfg(unix)]
mod unix;

use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use farewell::ConnectError;
use farewell::dial::{DialError, DialFailure};

use super::support::{Adapter, anyone, echo, quiet};

/// A server that echoes one connection, on a port of its own.
fn server<A: Adapter>() -> (std::net::SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        echo(A::accept(stream, &anyone(quiet())).unwrap());
    });
    (address, thread)
}

/// What a dial came to.
fn failed<A>(result: Result<A, ConnectError>) -> DialError {
    match result {
        Err(ConnectError::Dial(error)) => error,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it connected"),
    }
}

fn failure<A>(result: Result<A, ConnectError>) -> DialFailure {
    failed(result).record.failure.clone().unwrap()
}
