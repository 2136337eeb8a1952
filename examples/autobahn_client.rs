//! Runs the cases of an Autobahn test suite's server, and has it write its report.
//!
//! `cargo run --release --features tokio --example autobahn_client -- ADAPTER URL`, where ADAPTER is
//! `tokio` or `blocking` and URL the server's, as `ws://127.0.0.1:9001`.

use farewell::{Termination, blocking};

type Failure = Box<dyn std::error::Error>;
type Run = Box<dyn Fn(&str, bool) -> Result<Outcome, Failure>>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let (Some(adapter), Some(url)) = (arguments.next(), arguments.next()) else {
        return Err("usage: autobahn_client tokio|blocking ws://HOST:PORT".into());
    };
    let agent = format!("farewell-{adapter}");
    let run: Run = match adapter.as_str() {
        "blocking" => Box::new(run_blocking),
        "tokio" => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            Box::new(move |url, echo| runtime.block_on(run_tokio(url, echo)))
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

/// What a connection brought: its last text, and its end.
struct Outcome {
    text: String,
    report: Box<Termination>,
}

fn run_blocking(url: &str, echo: bool) -> Result<Outcome, Failure> {
    let mut socket = blocking::connect(url)?;
    let mut text = String::new();
    loop {
        match socket.next().into_message() {
            Ok(message) if echo => drop(socket.feed(message)),
            Ok(message) => text = message.as_text().unwrap_or_default().to_string(),
            Err(report) => return Ok(Outcome { text, report }),
        }
    }
}

async fn run_tokio(url: &str, echo: bool) -> Result<Outcome, Failure> {
    let mut socket = farewell::tokio::connect(url).await?;
    let mut text = String::new();
    loop {
        match socket.next().await.into_message() {
            Ok(message) if echo => drop(socket.feed(message).await),
            Ok(message) => text = message.as_text().unwrap_or_default().to_string(),
            Err(report) => return Ok(Outcome { text, report }),
        }
    }
}
