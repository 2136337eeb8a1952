//! A chat for many: one room, a task for each member, every message framed once for all of them.
//!
//! `cargo run --release --features tokio --example chat -- [ADDRESS]`, by default 127.0.0.1:9001; open
//! it with a browser, or with `-- crowd ws://127.0.0.1:9001/chat COUNT [--slow | --stay]`, which is a
//! thousand members, say, of whom one talks and all have to hear it. With `--features axum`,
//! `-- --axum [ADDRESS]` is the same under axum.
//!
//! - Who may come in is decided before the connection is open: by a token in a header field, which a
//!   look-up that may take its time knows. The same port answers health checks, and has a page.
//! - Whoever reads too slowly is closed, and the report says that this was why. Nobody else waits.
//! - What a member can send and have sent to them is bounded, and so is the number of members. Where
//!   there are no files, it goes on when there are again.
//! - On Ctrl-C and SIGTERM everybody is closed, spread over some seconds.

mod crowd;
mod door;
#[cfg(feature = "axum")]
mod over_axum;
mod over_tokio;
mod room;

use std::error::Error;
use std::fmt::Display;
use std::io::Write;
use std::time::Duration;

use crowd::Manner;

/// What the clients of this server have to speak.
pub(crate) const SUBPROTOCOL: &str = "v1.chat.example";

/// Behind a member's name, in the token that lets them in.
pub(crate) const SECRET: &str = "sesame";

/// How long the members have to leave, after Ctrl-C or SIGTERM.
pub(crate) const END: Duration = Duration::from_secs(6);

pub(crate) type Failed = Box<dyn Error + Send + Sync>;

const ADDRESS: &str = "127.0.0.1:9001";

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["crowd", url, count] => crowd::visit(url, count.parse()?, Manner::Leave).await,
        ["crowd", url, count, "--stay"] => crowd::visit(url, count.parse()?, Manner::Stay).await,
        ["crowd", url, count, "--slow"] => {
            crowd::visit(url, count.parse()?, Manner::OneIsSlow).await
        }
        #[cfg(feature = "axum")]
        ["--axum"] => over_axum::serve(ADDRESS).await,
        #[cfg(feature = "axum")]
        ["--axum", address] => over_axum::serve(address).await,
        [] => over_tokio::serve(ADDRESS).await,
        [address] if !address.starts_with('-') => over_tokio::serve(address).await,
        _ => Err("chat [--axum] [ADDRESS] | chat crowd URL COUNT [--slow | --stay]".into()),
    }
}

/// A line that nobody can take is no reason to end, as `println` would.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Waits for Ctrl-C, or for SIGTERM where there is one.
pub(crate) async fn signal() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminated = signal(SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            _ = terminated.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
