//! The ends of the tunnel over tokio: a task for each connection.

use std::io;

use farewell::aio::{self, ByteStream};
use farewell::handshake::Origins;
use farewell::{Acceptor, ConnectError};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// The far end: each WebSocket becomes a connection to the target.
pub(crate) async fn serve(listener: std::net::TcpListener, target: &str) -> io::Result<()> {
    let (listener, acceptor) = (listen(listener)?, Acceptor::new(Origins::SameHost));
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (acceptor, target) = (acceptor.clone(), target.to_string());
        tokio::spawn(async move {
            let Ok(socket) = aio::accept(stream, &acceptor).await else { return };
            match TcpStream::connect(target).await {
                Ok(mut stream) => {
                    let mut tunnel = ByteStream::new(socket);
                    if let Err(error) = copy_bidirectional(&mut tunnel, &mut stream).await {
                        eprintln!("{error}");
                    }
                }
                Err(error) => eprintln!("the target: {error}"),
            }
        });
    }
}

/// The near end: each connection becomes a WebSocket.
pub(crate) async fn connect(listener: std::net::TcpListener, url: &str) -> io::Result<()> {
    let listener = listen(listener)?;
    loop {
        let (mut stream, _) = listener.accept().await?;
        let url = url.to_string();
        tokio::spawn(async move {
            let passed = async {
                let mut tunnel = ByteStream::new(aio::connect(&url).await?);
                copy_bidirectional(&mut stream, &mut tunnel).await?;
                Ok::<_, ConnectError>(())
            };
            if let Err(error) = passed.await {
                eprintln!("{error}");
            }
        });
    }
}

fn listen(listener: std::net::TcpListener) -> io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}
