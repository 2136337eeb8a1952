//! Connects, says hello, and prints the way: every address, the proxy, each phase and its time.
//!
//! `cargo run --release --features tokio --example dial -- [OPTIONS] [URL]`, by default to
//! ws://127.0.0.1:9001/. Where there is no connection, it says why and what can be done.
//!
//! - `--blocking`: over threads, and not over tokio
//! - `--proxy URL`: through this proxy
//! - `--env-proxy`: through the proxy that the environment names
//! - `--redirects N`: follows so many redirections
//! - `--ca FILE`: trusts the authorities in this PEM file as well, with feature `wss`

use farewell::dial::{DialRecord, Proxy};
use farewell::handshake::ClientRequest;
use farewell::{CloseCode, ConnectError, ConnectOptions, Termination, aio, blocking};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The way, and how the connection ended.
type Visit = std::result::Result<(Option<DialRecord>, Box<Termination>), ConnectError>;

fn main() -> Result<()> {
    // With all features there are two providers of cryptography, of which a process chooses one.
    #[cfg(feature = "rustls-ring")]
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (mut blocking, mut options) = (false, ConnectOptions::new());
    let mut url = "ws://127.0.0.1:9001/".to_owned();
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--blocking" => blocking = true,
            "--proxy" => options = options.proxy(Proxy::new(&args.next().ok_or("which proxy?")?)?),
            "--env-proxy" => options = options.proxy(Proxy::from_env()?),
            "--redirects" => {
                options = options.redirects(args.next().ok_or("how many?")?.parse()?);
            }
            #[cfg(feature = "rustls")]
            "--ca" => {
                let authorities = std::fs::read(args.next().ok_or("which file?")?)?;
                let tls = farewell::tls::TlsClient::builder().ca_pem(authorities)?.build()?;
                options = options.tls(tls);
            }
            _ => url = arg,
        }
    }
    let request = ClientRequest::with_credentials(&url)?;
    let visit = if blocking { visit_blocking(&request, options) } else { visit(&request, options) };
    match visit {
        Ok((way, report)) => {
            println!("{}", way.map(|way| way.to_string()).unwrap_or_default());
            println!("{report}");
            Ok(())
        }
        Err(error) => {
            if let Some(diagnosis) = error.diagnosis() {
                println!("{diagnosis:#}");
            }
            Err(error.to_string().into())
        }
    }
}

fn visit_blocking(request: &ClientRequest, options: ConnectOptions) -> Visit {
    let mut socket = blocking::connect_with(request, options)?;
    let way = socket.dial().cloned();
    if socket.send("hello").is_ok() {
        println!("{:?}", socket.next());
    }
    Ok((way, socket.close(CloseCode::NORMAL)))
}

#[tokio::main(flavor = "current_thread")]
async fn visit(request: &ClientRequest, options: ConnectOptions) -> Visit {
    let mut socket = aio::connect_with(request, options).await?;
    let way = socket.dial().cloned();
    if socket.send("hello").await.is_ok() {
        println!("{:?}", socket.next().await);
    }
    Ok((way, socket.close(CloseCode::NORMAL).await))
}
