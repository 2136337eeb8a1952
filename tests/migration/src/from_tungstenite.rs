//! From tungstenite and tokio-tungstenite.

pub mod theirs {
    use tokio::net::TcpStream;

    use crate::Failed;

    pub fn blocking_client(url: &str) -> Result<(), Failed> {
        use tungstenite::{Error, Message, connect};

        let (mut socket, _response) = connect(url)?;
        socket.send(Message::text("hello"))?;
        loop {
            match socket.read() {
                Ok(Message::Text(text)) => println!("{text}"),
                Ok(Message::Binary(bytes)) => println!("{} bytes", bytes.len()),
                Ok(_) => {} // Ping, Pong, Close
                Err(Error::ConnectionClosed) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    pub fn blocking_server(stream: std::net::TcpStream) -> Result<(), Failed> {
        let mut socket = tungstenite::accept(stream)?;
        loop {
            let message = socket.read()?;
            if message.is_text() || message.is_binary() {
                socket.send(message)?;
            }
        }
    }

    pub async fn client(url: &str) -> Result<(), Failed> {
        use futures_util::{SinkExt, StreamExt};
        use tokio_tungstenite::connect_async;
        use tokio_tungstenite::tungstenite::Message;

        let (socket, _response) = connect_async(url).await?;
        let (mut write, mut read) = socket.split();
        write.send(Message::text("hello")).await?;
        while let Some(message) = read.next().await {
            println!("{:?}", message?);
        }
        Ok(())
    }

    pub async fn server(stream: TcpStream) -> Result<(), Failed> {
        use futures_util::{SinkExt, StreamExt};
        use tokio_tungstenite::accept_async;

        let mut socket = accept_async(stream).await?;
        while let Some(message) = socket.next().await {
            let message = message?;
            if message.is_text() || message.is_binary() {
                socket.send(message).await?;
            }
        }
        Ok(())
    }

    pub async fn header_fields(url: &str) -> Result<(), Failed> {
        use tungstenite::client::IntoClientRequest;

        let mut request = url.into_client_request()?;
        request.headers_mut().insert("Authorization", "Bearer abc".parse()?);
        request.headers_mut().insert("Sec-WebSocket-Protocol", "chat".parse()?);
        let (socket, _response) = tokio_tungstenite::connect_async(request).await?;
        drop(socket);
        Ok(())
    }

    pub async fn request(stream: TcpStream) -> Result<(), Failed> {
        use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
        use tokio_tungstenite::tungstenite::http::StatusCode;

        let decide = |request: &Request, response: Response| {
            if request.uri().path() == "/chat" {
                return Ok(response);
            }
            let mut refusal = ErrorResponse::new(None);
            *refusal.status_mut() = StatusCode::NOT_FOUND;
            Err(refusal)
        };
        let socket = tokio_tungstenite::accept_hdr_async(stream, decide).await?;
        drop(socket);
        Ok(())
    }

    pub async fn settings(url: &str) -> Result<(), Failed> {
        use tungstenite::protocol::WebSocketConfig;

        let config = WebSocketConfig::default()
            .max_message_size(Some(1 << 20))
            .max_frame_size(Some(1 << 20))
            .max_write_buffer_size(1 << 20);
        let (socket, _response) =
            tokio_tungstenite::connect_async_with_config(url, Some(config), true).await?;
        drop(socket);
        Ok(())
    }

    pub fn closing(mut socket: tungstenite::WebSocket<std::net::TcpStream>) -> Result<(), Failed> {
        use tungstenite::protocol::CloseFrame;
        use tungstenite::protocol::frame::coding::CloseCode;

        socket.close(Some(CloseFrame { code: CloseCode::Away, reason: "bye".into() }))?;
        while socket.read().is_ok() {}
        Ok(())
    }
}

pub mod ours {
    use tokio::net::TcpStream;

    use crate::Failed;

    pub fn blocking_client(url: &str) -> Result<(), Failed> {
        use farewell::{Message, blocking};

        let mut socket = blocking::connect(url)?;
        socket.send("hello")?;
        for message in socket.messages() {
            // An unclean end is the error: its report.
            match message? {
                Message::Text(text) => println!("{text}"),
                Message::Binary(bytes) => println!("{} bytes", bytes.len()),
            }
        }
        Ok(())
    }

    pub fn blocking_server(stream: std::net::TcpStream) -> Result<(), Failed> {
        use farewell::handshake::Origins;
        use farewell::{Acceptor, blocking};

        let acceptor = Acceptor::new(Origins::SameHost); // one for all; whose pages may connect
        let mut socket = blocking::accept(stream, &acceptor)?;
        loop {
            let message = socket.next().into_message()?;
            socket.send(message)?;
        }
    }

    pub async fn client(url: &str) -> Result<(), Failed> {
        use farewell::{Incoming, aio};

        let (mut receiver, mut sender) = aio::connect(url).await?.split();
        sender.send("hello").await?;
        let report = loop {
            match receiver.next().await {
                Incoming::Message(message) => println!("{message:?}"),
                Incoming::Ended(report) => break report,
            }
        };
        println!("{report}");
        Ok(())
    }

    pub async fn server(stream: TcpStream) -> Result<(), Failed> {
        use farewell::handshake::Origins;
        use farewell::{Acceptor, aio};

        let acceptor = Acceptor::new(Origins::SameHost);
        let mut socket = aio::accept(stream, &acceptor).await?;
        while let Ok(message) = socket.next().await.into_message() {
            socket.feed(message).await?; // `send` would flush each
        }
        Ok(())
    }

    pub async fn header_fields(url: &str) -> Result<(), Failed> {
        use farewell::handshake::ClientRequest;
        use farewell::{Config, aio};

        let request = ClientRequest::new(url)?.header("Authorization", "Bearer abc")?;
        let request = request.subprotocol("chat")?;
        let socket = aio::connect_with(&request, Config::default()).await?;
        drop(socket);
        Ok(())
    }

    pub async fn request(stream: TcpStream) -> Result<(), Failed> {
        use farewell::handshake::{Accept, Origins, Rejection};
        use farewell::{Acceptor, aio};

        let acceptor = Acceptor::from_fn(|request| match request.path() {
            "/chat" => Ok(Accept::new(Origins::SameHost)),
            _ => Err(Rejection::new(404)?),
        });
        let socket = aio::accept(stream, &acceptor).await?;
        drop(socket);
        Ok(())
    }

    pub async fn settings(url: &str) -> Result<(), Failed> {
        use farewell::handshake::ClientRequest;
        use farewell::{Config, Limits, aio};

        let limits = Limits::default().message(1 << 20).frame(1 << 20).pending_output(1 << 20);
        let config = Config::default().limits(limits);
        let socket = aio::connect_with(&ClientRequest::new(url)?, config).await?;
        drop(socket);
        Ok(())
    }

    pub fn closing(
        mut socket: farewell::blocking::WebSocket<std::net::TcpStream>,
    ) -> Result<(), Failed> {
        use farewell::{CloseCode, CloseFrame};

        let report = socket.close(CloseFrame::new(CloseCode::GOING_AWAY, "bye")?);
        println!("{report}");
        Ok(())
    }
}
