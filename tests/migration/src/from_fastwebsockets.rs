//! From fastwebsockets.

pub mod theirs {
    use crate::Failed;

    pub async fn connect(
        authority: &str,
    ) -> Result<fastwebsockets::WebSocket<hyper_util::rt::TokioIo<hyper::upgrade::Upgraded>>, Failed>
    {
        use bytes::Bytes;
        use fastwebsockets::handshake::{client, generate_key};
        use http_body_util::Empty;
        use hyper::Request;
        use hyper::header::{CONNECTION, HOST, UPGRADE};
        use hyper_util::rt::TokioExecutor;
        use tokio::net::TcpStream;

        let stream = TcpStream::connect(authority).await?;
        let request = Request::builder()
            .uri(format!("http://{authority}/"))
            .header(HOST, authority)
            .header(UPGRADE, "websocket")
            .header(CONNECTION, "upgrade")
            .header("Sec-WebSocket-Key", generate_key())
            .header("Sec-WebSocket-Version", "13")
            .body(Empty::<Bytes>::new())?;
        let (socket, _response) = client(&TokioExecutor::new(), request, stream).await?;
        Ok(socket)
    }

    pub async fn talk(
        socket: fastwebsockets::WebSocket<hyper_util::rt::TokioIo<hyper::upgrade::Upgraded>>,
    ) -> Result<(), Failed> {
        use fastwebsockets::{FragmentCollector, Frame, OpCode, Payload};

        let mut socket = FragmentCollector::new(socket);
        socket.write_frame(Frame::text(Payload::Borrowed(b"hello"))).await?;
        loop {
            let frame = socket.read_frame().await?;
            match frame.opcode {
                OpCode::Text | OpCode::Binary => println!("{} bytes", frame.payload.len()),
                OpCode::Close => break,
                _ => {}
            }
        }
        Ok(())
    }

    pub async fn serve(
        mut request: hyper::Request<hyper::body::Incoming>,
    ) -> Result<hyper::Response<http_body_util::Empty<bytes::Bytes>>, Failed> {
        use fastwebsockets::upgrade::upgrade;
        use fastwebsockets::{FragmentCollector, OpCode, WebSocketError};

        let (response, upgraded) = upgrade(&mut request)?;
        tokio::spawn(async move {
            let mut socket = FragmentCollector::new(upgraded.await?);
            loop {
                let frame = socket.read_frame().await?;
                match frame.opcode {
                    OpCode::Text | OpCode::Binary => socket.write_frame(frame).await?,
                    OpCode::Close => return Ok::<_, WebSocketError>(()),
                    _ => {}
                }
            }
        });
        Ok(response)
    }

    pub async fn elsewhere(stream: tokio::net::TcpStream) -> Result<(), Failed> {
        use fastwebsockets::{Role, WebSocket};

        let mut socket = WebSocket::after_handshake(stream, Role::Server);
        socket.set_auto_close(true);
        socket.set_auto_pong(true);
        socket.set_max_message_size(1 << 20);
        drop(socket);
        Ok(())
    }
}

pub mod ours {
    use crate::Failed;

    pub async fn connect(
        authority: &str,
    ) -> Result<farewell::aio::WebSocket<tokio::net::TcpStream>, Failed> {
        use farewell::aio;

        let socket = aio::connect(&format!("ws://{authority}/")).await?;
        Ok(socket)
    }

    pub async fn talk(
        mut socket: farewell::aio::WebSocket<tokio::net::TcpStream>,
    ) -> Result<(), Failed> {
        use farewell::Incoming;

        socket.send("hello").await?;
        let report = loop {
            match socket.next().await {
                Incoming::Message(message) => println!("{} bytes", message.len()),
                Incoming::Ended(report) => break report,
            }
        };
        println!("{report}");
        Ok(())
    }

    pub async fn serve(
        mut request: hyper::Request<hyper::body::Incoming>,
    ) -> Result<hyper::Response<http_body_util::Full<bytes::Bytes>>, Failed> {
        use farewell::aio::upgrade;
        use farewell::handshake::Origins;
        use farewell::{AcceptError, Acceptor};
        use http_body_util::Full;

        let acceptor = Acceptor::new(Origins::SameHost); // one for all; whose pages may connect
        let (response, upgraded) = upgrade(&mut request, &acceptor);
        tokio::spawn(async move {
            let mut socket = upgraded.await?;
            loop {
                match socket.next().await.into_message() {
                    Ok(message) => drop(socket.feed(message).await), // `next` tells why it failed
                    Err(report) => return Ok::<_, AcceptError>(report),
                }
            }
        });
        Ok(response.map(Full::new))
    }

    pub async fn elsewhere(stream: tokio::net::TcpStream) -> Result<(), Failed> {
        use farewell::aio::WebSocket;
        use farewell::handshake::Negotiated;
        use farewell::{Config, Limits, Role};

        let config = Config::default().limits(Limits::default().message(1 << 20));
        let socket = WebSocket::upgraded(stream, Role::Server, Negotiated::default(), config, &[])?;
        drop(socket);
        Ok(())
    }
}
