//! Runs the cases of an Autobahn test suite's server, and has it write its report.
//!
//! `cargo run --release --features tokio,deflate --example autobahn_client -- ADAPTER URL`, where ADAPTER is
//! `tokio` or `blocking` and URL the server's, as `ws://127.0.0.1:9001`.

use std::sync::Arc;

use farewell::handshake::ClientRequest;
use farewell::{Config, Termination, blocking};

type Failure = Box<dyn std::error::Error>;
type Run = Box<dyn Fn(&str, bool) -> Result<Outcome, Failure>>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let (Some(adapter), Some(url)) = (arguments.next(), arguments.next()) else {
        return Err("usage: autobahn_client tokio|blocking ws://HOST:PORT".into());
    };
    let agent = format!("farewell-{adapter}");
    let config = Arc::new(config());
    let run: Run = match adapter.as_str() {
        "blocking" => Box::new(move |url, echo| run_blocking(url, echo, &config)),
        "tokio" => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            Box::new(move |url, echo| runtime.block_on(run_tokio(url, echo, &config)))
        }
        _ => return Err("the adapter is tokio or blocking".into()),
    };
    let count: u32 = run(&format!("{url}/getCaseCount"), false)?.text.trim().parse()?;
    for case in 1..=count {
        match run(&format!("{url}/runCase?case={case}&agent={agent}"), true) {
            Ok(outcome) => println!("{case}/{count}: {}", outcome.report),
            Err(error) => println!("{case}/{count}: {error}"),
        }
    }
    run(&format!("{url}/updateReports?agent={agent}"), false)?;
    Ok(())
}

/// Compression is offered, with feature `deflate`.
fn config() -> Config {
    #[cfg_attr(not(feature = "deflate"), expect(unused_mut, reason = "nothing to be switched on"))]
    let mut config = Config::default();
    #[cfg(feature = "deflate")]
    {
        config.compression = Some(farewell::Compression::default());
    }
    config
}

/// What a connection brought: its last text, and its end.
struct Outcome {
    text: String,
    report: Box<Termination>,
}

fn run_blocking(url: &str, echo: bool, config: &Arc<Config>) -> Result<Outcome, Failure> {
    let mut socket = blocking::connect_with(&ClientRequest::new(url)?, config.clone())?;
    let mut text = String::new();
    loop {
        match socket.next().into_message() {
            Ok(message) if echo => drop(socket.feed(message)),
            Ok(message) => text = message.as_text().unwrap_or_default().to_string(),
            Err(report) => return Ok(Outcome { text, report }),
        }
    }
}

async fn run_tokio(url: &str, echo: bool, config: &Arc<Config>) -> Result<Outcome, Failure> {
    let request = ClientRequest::new(url)?;
    let mut socket = farewell::aio::connect_with(&request, config.clone()).await?;
    let mut text = String::new();
    loop {
        match socket.next().await.into_message() {
            Ok(message) if echo => drop(socket.feed(message).await),
            Ok(message) => text = message.as_text().unwrap_or_default().to_string(),
            Err(report) => return Ok(Outcome { text, report }),
        }
    }
}
