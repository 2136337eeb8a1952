//! A decision about a request that came over TLS, through both adapters.

use std::net::TcpStream;
use std::thread;

use farewell::handshake::{Accept, Origins, Rejection, Request};
use farewell::{AcceptError, Cause, ConnectError};

use crate::support::{both, bounded, for_tokio, listen, quiet};

fn decide(request: &Request) -> Result<Accept, Rejection> {
    match request.header("X-User") {
        Some(_) => Ok(Accept::new(Origins::SameHost)),
        None => Err(Rejection::new(401)?),
    }
}

#[test]
fn a_decision_is_the_same_over_tls() {
    bounded(|| {
        let (client, server) = both();
        for tokio in [false, true] {
            for user in [None, Some("me")] {
                let (listener, request) = listen();
                let request = match user {
                    Some(name) => request.header("X-User", name).unwrap(),
                    None => request,
                };
                let server = server.clone();
                let accepting = thread::spawn(move || {
                    let stream = listener.accept().unwrap().0;
                    if tokio {
                        let mut runtime = tokio::runtime::Builder::new_current_thread();
                        runtime.enable_all().build().unwrap().block_on(async {
                            let stream = for_tokio(stream);
                            let decide = async |request: &Request| decide(request);
                            let accepted =
                                farewell::aio::accept_tls_with(stream, quiet(), &server, decide);
                            accepted.await.map(drop)
                        })
                    } else {
                        farewell::blocking::accept_tls_with(stream, quiet(), &server, decide)
                            .map(drop)
                    }
                });
                let stream = TcpStream::connect(("127.0.0.1", request.port())).unwrap();
                let connected =
                    farewell::blocking::handshake_tls(stream, &request, quiet(), &client);
                assert_eq!(connected.is_ok(), user.is_some());
                if let Err(ConnectError::Ended(report)) = &connected {
                    assert_eq!(report.cause, Cause::HandshakeRejected { status: 401 });
                }
                match accepting.join().unwrap() {
                    Ok(()) => assert!(user.is_some()),
                    Err(AcceptError::Rejected { status: 401, .. }) => assert_eq!(user, None),
                    Err(error) => panic!("{error}"),
                }
            }
        }
    });
}
