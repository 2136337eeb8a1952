//! Unix sockets by their path.

use std::os::unix::net::UnixListener;
use std::thread;

use farewell::handshake::{ClientRequest, Origins};
use farewell::{Acceptor, CloseCode, ConnectError, Incoming, blocking};

use super::super::support::{bounded, quiet, runtime};

fn server(path: &std::path::Path) -> thread::JoinHandle<()> {
    let listener = UnixListener::bind(path).unwrap();
    thread::spawn(move || {
        for _ in 0..2 {
            let (stream, _) = listener.accept().unwrap();
            let acceptor = Acceptor::new(Origins::Any).config(quiet());
            let mut socket = blocking::accept(stream, &acceptor).unwrap();
            assert_eq!(socket.request().unwrap().path(), "/chat");
            assert!(matches!(socket.next(), Incoming::Ended(report) if report.clean));
        }
    })
}

#[test]
fn both_adapters_connect_to_a_unix_socket() {
    bounded(|| {
        let folder = std::env::temp_dir().join(format!("farewell-unix-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("socket");
        let server = server(&path);
        let request = ClientRequest::new("ws://localhost/chat").unwrap();
        let mut socket = blocking::connect_unix(&path, &request, quiet()).unwrap();
        assert!(socket.dial().unwrap().upgrade.is_some());
        assert!(socket.close(CloseCode::NORMAL).clean);
        runtime().block_on(async {
            let socket = farewell::aio::connect_unix(&path, &request, quiet()).await;
            assert!(socket.unwrap().close(CloseCode::NORMAL).await.clean);
        });
        server.join().unwrap();
        let missing = blocking::connect_unix(folder.join("none"), &request, quiet());
        assert!(matches!(missing, Err(ConnectError::Io(_))));
        #[cfg(not(feature = "rustls"))]
        tls_is_not_spoken_without_its_feature(&folder.join("none"));
        std::fs::remove_dir_all(&folder).unwrap();
    });
}

#[cfg(not(feature = "rustls"))]
fn tls_is_not_spoken_without_its_feature(path: &std::path::Path) {
    let secure = ClientRequest::new("wss://localhost/chat").unwrap();
    let in_the_open = blocking::connect_unix(path, &secure, quiet());
    assert!(matches!(in_the_open, Err(ConnectError::TlsNeeded)));
    runtime().block_on(async {
        let in_the_open = farewell::aio::connect_unix(path, &secure, quiet()).await;
        assert!(matches!(in_the_open, Err(ConnectError::TlsNeeded)));
    });
}
