//! A stream of the caller's own over the one that was dialled.

use std::io;
use std::net::SocketAddr;

use farewell::handshake::ClientRequest;
use farewell::{ConnectError, Incoming, aio, blocking};

use super::super::support::{Blocking, bounded, quiet, runtime};
use super::server;

fn request(address: SocketAddr) -> ClientRequest {
    ClientRequest::new(&format!("ws://{address}/")).unwrap()
}

fn fails<S>(_: S) -> io::Result<S> {
    Err(io::Error::other("no recorder"))
}

fn is_told<S>(result: Result<S, ConnectError>) {
    match result {
        Err(ConnectError::Io(error)) => assert_eq!(error.to_string(), "no recorder"),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it connected"),
    }
}

#[test]
fn a_blocking_stream_of_ones_own_goes_over_what_was_dialled() {
    bounded(|| {
        let (address, thread) = server::<Blocking>();
        let mut dialled = Vec::new();
        let socket = blocking::connect_over(&request(address), quiet(), |stream| {
            dialled.push(stream.peer_addr()?);
            Ok(blocking::Untimed(stream))
        });
        let mut socket = socket.unwrap();
        assert_eq!(dialled, [address]);
        assert_eq!(socket.dial().unwrap().address(), Some(address));
        socket.send("over").unwrap();
        assert_eq!(socket.next(), Incoming::Message("over".into()));
        assert_eq!(socket.get_ref().0.peer_addr().unwrap(), address);
        drop(socket);
        thread.join().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let request = request(listener.local_addr().unwrap());
        is_told(blocking::connect_over(&request, quiet(), fails));
    });
}

#[test]
fn a_tokio_stream_of_ones_own_goes_over_what_was_dialled() {
    bounded(|| {
        let (address, thread) = server::<Blocking>();
        runtime().block_on(async {
            let (mut dialled, request_there) = (Vec::new(), request(address));
            let socket = aio::connect_over(&request_there, quiet(), |stream| {
                dialled.push(stream.peer_addr()?);
                Ok(tokio::io::BufStream::new(stream))
            });
            let mut socket = socket.await.unwrap();
            assert_eq!(dialled, [address]);
            assert_eq!(socket.dial().unwrap().address(), Some(address));
            socket.send("over").await.unwrap();
            assert_eq!(socket.next().await, Incoming::Message("over".into()));
            drop(socket);
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let request = request(listener.local_addr().unwrap());
            is_told(aio::connect_over(&request, quiet(), fails).await);
        });
        thread.join().unwrap();
    });
}
