//! A server of hyper's for one connection, as the libraries on top of it show it.

use std::convert::Infallible;
use std::sync::Mutex;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

/// Serves one request, which `upgrade` answers, and returns what becomes of the connection.
pub async fn serve<S, F: Future>(
    stream: S,
    upgrade: impl Fn(&mut Request<Incoming>) -> (Response<Empty<Bytes>>, F),
) -> F::Output
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let upgraded = Mutex::new(None);
    let service = service_fn(|mut request| {
        let (response, future) = upgrade(&mut request);
        *upgraded.lock().expect("nobody panics with it") = Some(future);
        async { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    connection.with_upgrades().await.expect("the request is sound");
    let upgraded = upgraded.into_inner().expect("nobody panics with it");
    upgraded.expect("there was a request").await
}
