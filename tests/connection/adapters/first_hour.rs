//! What users of other crates try first, and expect to work.

use std::borrow::Cow;
use std::error::Error;
use std::thread;

use bytes::Bytes;
use farewell::aio::{self, WebSocket};
use farewell::handshake::{ClientRequest, Origins};
use farewell::{
    Acceptor, CloseCode, Config, Heartbeat, Incoming, Message, Payload, Prepared, SendError,
    Termination, blocking,
};
use futures_util::{FutureExt, StreamExt, TryStreamExt};
use tokio::io::{DuplexStream, duplex};

use crate::adapters::support::{anyone, bounded, quiet, runtime, with_raw_server};

type Failure = Box<dyn Error + Send + Sync>;

async fn pair() -> (WebSocket<DuplexStream>, WebSocket<DuplexStream>) {
    let (one, other) = duplex(64 * 1024);
    let request = ClientRequest::new("ws://localhost/").unwrap();
    let acceptor = anyone(quiet());
    let (client, server) =
        tokio::join!(aio::handshake(one, &request, quiet()), aio::accept(other, &acceptor));
    (client.unwrap(), server.unwrap())
}

fn run(test: impl AsyncFnOnce() + Send + 'static) {
    bounded(move || runtime().block_on(test()));
}

#[test]
fn whatever_an_application_has_can_be_sent() {
    run(async || {
        let (mut client, mut server) = pair().await;
        let (text, bytes) = (String::from("text"), vec![1, 2]);
        client.feed("text").await.unwrap();
        client.feed(&text).await.unwrap();
        client.feed(text.clone()).await.unwrap();
        client.feed(Cow::Borrowed("text")).await.unwrap();
        client.feed(text.clone().into_boxed_str()).await.unwrap();
        client.feed(Message::text(&text)).await.unwrap();
        client.feed(&Prepared::new("text")).await.unwrap();
        client.send_fragment(&text, true).await.unwrap();
        client.feed(&bytes).await.unwrap();
        client.feed(&bytes[..]).await.unwrap();
        client.feed(bytes.clone()).await.unwrap();
        client.feed(&[1, 2]).await.unwrap();
        client.feed(Bytes::from(bytes.clone())).await.unwrap();
        client.feed(Cow::<[u8]>::Borrowed(&bytes)).await.unwrap();
        client.feed(bytes.clone().into_boxed_slice()).await.unwrap();
        client.feed(Payload::from(&bytes)).await.unwrap();
        client.send_fragment(&bytes, true).await.unwrap();
        for index in 0..17 {
            let message = server.next().await.into_message().unwrap();
            match message {
                Message::Text(text) => assert!(index < 8 && text == "text", "{index}"),
                Message::Binary(payload) => assert!(index >= 8 && payload == [1, 2], "{index}"),
            }
        }
    });
}

#[test]
fn the_question_mark_takes_a_report() {
    async fn first(socket: &mut WebSocket<DuplexStream>) -> Result<String, Failure> {
        Ok(socket.next().await.into_message()?.into_text()?.into())
    }

    run(async || {
        let (mut client, mut server) = pair().await;
        server.send("hello").await.unwrap();
        server.send(vec![0xff]).await.unwrap();
        assert_eq!(first(&mut client).await.unwrap(), "hello");
        let error = first(&mut client).await.unwrap_err();
        assert_eq!(error.to_string(), "the bytes are not valid UTF-8");
        drop(server);
        let error = first(&mut client).await.unwrap_err();
        let report = error.downcast_ref::<Box<Termination>>().expect("it is the report itself");
        assert_eq!(report.code, 1006);
    });
}

#[test]
fn messages_come_as_results_until_a_clean_end() {
    run(async || {
        let (mut client, mut server) = pair().await;
        server.feed("one").await.unwrap();
        server.feed("two").await.unwrap();
        server.queue_close(CloseCode::GOING_AWAY).unwrap();
        server.flush().await.unwrap();
        let end = tokio::spawn(async move { server.next().await });
        let mut messages = client.messages();
        let mut texts = Vec::new();
        while let Some(Ok(message)) = messages.next().await {
            texts.push(message.into_text().unwrap());
        }
        assert_eq!(texts, ["one", "two"]);
        assert_eq!(messages.report().expect("it was clean").code, 1001);
        assert!(messages.next().await.is_none());
        assert!(matches!(client.next().await, Incoming::Ended(report) if report.clean));
        assert!(client.messages().try_next().await.unwrap().is_none());
        assert!(matches!(end.await.unwrap(), Incoming::Ended(report) if report.clean));
    });
}

#[test]
fn an_unclean_end_is_the_one_error_of_messages() {
    run(async || {
        let (mut client, mut server) = pair().await;
        server.send("one").await.unwrap();
        drop(server);
        let texts: Result<Vec<_>, _> = client.messages().try_collect().await;
        assert_eq!(texts.unwrap_err().code, 1006);
        let mut messages = client.into_messages();
        assert!(messages.next().await.unwrap().is_err(), "a new one tells it again, once");
        assert!(messages.next().await.is_none() && messages.report().is_none());
    });
}

#[test]
fn messages_are_forwarded_into_another_socket() {
    run(async || {
        let (mut client, server) = pair().await;
        let (mut receiver, mut sender) = server.split();
        let echo = tokio::spawn(async move {
            receiver.messages().err_into::<SendError>().forward(&mut sender).await
        });
        client.send("hello").await.unwrap();
        let message = client.next().await.into_message().unwrap();
        assert_eq!(message, Message::from("hello"));
        assert!(client.close(CloseCode::NORMAL).await.clean);
        assert_eq!(echo.await.unwrap(), Ok(()));
    });
}

#[test]
fn a_stream_comes_out_of_its_socket_again() {
    run(async || {
        let (mut client, server) = pair().await;
        let _: &mut DuplexStream = client.get_mut();
        assert!(client.next().now_or_never().is_none());
        let stream: DuplexStream = client.into_inner();
        drop(stream);
        let mut server = server;
        assert_eq!(server.next().await.into_message().unwrap_err().code, 1006);
    });
}

#[test]
fn blocking_messages_are_an_iterator() {
    bounded(|| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut socket = blocking::accept(stream, &Acceptor::new(Origins::Any)).unwrap();
            socket.get_mut().set_nodelay(true).unwrap();
            let (mut receiver, mut sender) = socket.split();
            for message in receiver.messages() {
                sender.send(message.unwrap()).unwrap();
            }
        });
        let mut client = blocking::connect(&url).unwrap();
        client.send("hello").unwrap();
        let mut messages = client.messages();
        assert_eq!(messages.next().unwrap().unwrap(), Message::from("hello"));
        client.queue_close(CloseCode::NORMAL).unwrap();
        let mut messages = client.messages();
        assert!(messages.next().is_none() && messages.next().is_none());
        assert_eq!(messages.report().unwrap().code, 1000);
        server.join().unwrap();
        let _: std::net::TcpStream = client.into_inner();
    });
}

#[test]
fn blocking_messages_end_with_an_error_where_there_was_no_close() {
    bounded(|| {
        let (mut client, mut raw) = with_raw_server::<super::support::Blocking>(quiet());
        raw.write(b"\x81\x01x");
        drop(raw);
        let mut messages = client.0.messages();
        assert_eq!(messages.next().unwrap().unwrap(), Message::from("x"));
        assert_eq!(messages.next().unwrap().unwrap_err().code, 1006);
        assert!(messages.next().is_none());
    });
}

#[test]
fn what_is_printed_while_looking_for_a_fault_stays_short() {
    run(async || {
        let (client, server) = pair().await;
        let mut config = Config::default().heartbeat(Heartbeat::default());
        config.limits.message = 1 << 40;
        let long = "x".repeat(1_000_000);
        let report = Box::new(client.into_messages());
        for shown in [
            format!("{report:?}"),
            format!("{:?}", server.split()),
            format!("{:?}", Message::from(&long)),
            format!("{:?}", Incoming::Message(long.clone().into())),
            format!("{:?}", Prepared::new(long.clone())),
            format!("{:?}", farewell::Outgoing::from(&long)),
            format!("{:?}", anyone(config)),
        ] {
            assert!(shown.len() < 2_000, "{} bytes: {}...", shown.len(), &shown[..200]);
        }
    });
}
