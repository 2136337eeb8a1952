//! Both sides of the guide's pages for those who come from another crate: what stands there stands here,
//! as `tests/repository/migration.rs` checks. Each side is also run against the other.

pub mod from_axum;
pub mod from_fastwebsockets;
pub mod from_tungstenite;

pub type Failed = Box<dyn std::error::Error + Send + Sync>;

#[cfg(test)]
mod tests {
    use std::future::Future;

    use farewell::handshake::Origins;
    use farewell::{Acceptor, CloseCode, aio, blocking};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// Where one connection is served so.
    async fn served<F: Future + Send>(
        serve: impl FnOnce(TcpStream) -> F + Send + 'static,
    ) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let _ = serve(stream).await;
        });
        authority
    }

    /// Where one connection gets an echo and a Close.
    async fn closing() -> String {
        served(async |stream| {
            let mut socket = aio::accept(stream, &Acceptor::new(Origins::Any)).await.unwrap();
            if let Ok(message) = socket.next().await.into_message() {
                socket.send(message).await.unwrap();
            }
            socket.close(CloseCode::NORMAL).await;
        })
        .await
    }

    /// Sends something, has it back, and closes.
    async fn visit(authority: &str) {
        let mut socket = aio::connect(&format!("ws://{authority}/chat")).await.unwrap();
        socket.send("hello").await.unwrap();
        assert_eq!(socket.next().await.into_message().unwrap().as_text(), Some("hello"));
        socket.close(CloseCode::NORMAL).await;
    }

    #[tokio::test]
    async fn clients_that_tungstenite_and_we_make_talk_alike() {
        use from_tungstenite::{ours, theirs};
        let url = format!("ws://{}/", closing().await);
        theirs::client(&url).await.unwrap();
        let url = format!("ws://{}/", closing().await);
        ours::client(&url).await.unwrap();
        let url = format!("ws://{}/", closing().await);
        tokio::task::spawn_blocking(move || theirs::blocking_client(&url)).await.unwrap().unwrap();
        let url = format!("ws://{}/", closing().await);
        tokio::task::spawn_blocking(move || ours::blocking_client(&url)).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn servers_that_tungstenite_and_we_make_serve_alike() {
        use from_tungstenite::{ours, theirs};
        visit(&served(theirs::server).await).await;
        visit(&served(ours::server).await).await;
        for serve in [theirs::blocking_server, ours::blocking_server] {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let authority = listener.local_addr().unwrap().to_string();
            std::thread::spawn(move || serve(listener.accept().unwrap().0));
            visit(&authority).await;
        }
    }

    #[tokio::test]
    async fn what_else_tungstenite_and_we_do_is_done() {
        use from_tungstenite::{ours, theirs};
        let chat = || {
            served(async |stream| {
                let acceptor = Acceptor::from_fn(|request| {
                    assert_eq!(request.header("Authorization"), Some("Bearer abc"));
                    Ok(farewell::handshake::Accept::new(Origins::Any).subprotocols(&["chat"])?)
                });
                aio::accept(stream, &acceptor).await.unwrap().next().await
            })
        };
        theirs::header_fields(&format!("ws://{}/", chat().await)).await.unwrap();
        ours::header_fields(&format!("ws://{}/", chat().await)).await.unwrap();
        theirs::settings(&format!("ws://{}/", closing().await)).await.unwrap();
        ours::settings(&format!("ws://{}/", closing().await)).await.unwrap();
        for authority in [served(theirs::request).await, served(ours::request).await] {
            let refused = aio::connect(&format!("ws://{authority}/elsewhere")).await.unwrap_err();
            assert_eq!(refused.report().unwrap().evidence.http_status, Some(404));
        }
        let authority = closing().await;
        let done = tokio::task::spawn_blocking(move || {
            let stream = std::net::TcpStream::connect(&authority).unwrap();
            theirs::closing(tungstenite::client(format!("ws://{authority}/"), stream).unwrap().0)
        });
        done.await.unwrap().unwrap();
        let authority = closing().await;
        let done = tokio::task::spawn_blocking(move || {
            ours::closing(blocking::connect(&format!("ws://{authority}/")).unwrap())
        });
        done.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn clients_that_fastwebsockets_and_we_make_talk_alike() {
        use from_fastwebsockets::{ours, theirs};
        theirs::talk(theirs::connect(&closing().await).await.unwrap()).await.unwrap();
        ours::talk(ours::connect(&closing().await).await.unwrap()).await.unwrap();
    }

    #[tokio::test]
    async fn servers_that_fastwebsockets_and_we_make_serve_alike() {
        use from_fastwebsockets::{ours, theirs};
        use hyper::server::conn::http1;
        use hyper::service::service_fn;
        use hyper_util::rt::TokioIo;
        let hyper = served(async |stream| {
            let connection = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service_fn(theirs::serve));
            connection.with_upgrades().await
        });
        visit(&hyper.await).await;
        let hyper = served(async |stream| {
            let connection = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service_fn(ours::serve));
            connection.with_upgrades().await
        });
        visit(&hyper.await).await;
    }

    #[tokio::test]
    async fn routes_that_axum_and_we_make_serve_alike() {
        for router in [from_axum::theirs::routes(), from_axum::ours::routes()] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let authority = listener.local_addr().unwrap().to_string();
            tokio::spawn(async move { axum::serve(listener, router).await });
            visit(&authority).await;
        }
    }
}
