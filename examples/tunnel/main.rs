//! TCP through a WebSocket: what comes to a local port goes through `ws://` to a port elsewhere, and
//! back, as where nothing but HTTP gets out.
//!
//! ```text
//! cargo run --release --features tokio --example tunnel -- serve 127.0.0.1:9001 127.0.0.1:22
//! cargo run --release --features tokio --example tunnel -- connect 127.0.0.1:2222 ws://127.0.0.1:9001/
//! ssh -p 2222 127.0.0.1
//! ```
//!
//! Each with `--threads` runs over threads, and else over tokio. Without arguments, both ends are run
//! in one process, once with either adapter at either end, and 200 MB go through and are counted.

mod over_threads;
mod over_tokio;

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use farewell::{Clock, Timestamp};

/// What is sent through in the demonstration.
const LEN: u64 = 200_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let threads = args.iter().any(|arg| arg == "--threads");
    args.retain(|arg| arg != "--threads");
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => demonstrate(),
        ["serve", address, target] => {
            let listener = TcpListener::bind(address)?;
            match threads {
                true => over_threads::serve(&listener, target)?,
                false => runtime()?.block_on(over_tokio::serve(listener, target))?,
            }
            Ok(())
        }
        ["connect", address, url] => {
            let listener = TcpListener::bind(address)?;
            match threads {
                true => over_threads::connect(&listener, url)?,
                false => runtime()?.block_on(over_tokio::connect(listener, url))?,
            }
            Ok(())
        }
        _ => Err("tunnel [--threads] [serve ADDRESS TARGET | connect ADDRESS URL]".into()),
    }
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

fn demonstrate() -> Result<(), Box<dyn Error>> {
    let target = TcpListener::bind("127.0.0.1:0")?;
    let address = target.local_addr()?.to_string();
    thread::spawn(move || count(&target));
    for (near_threads, far_threads) in [(false, false), (false, true), (true, false), (true, true)]
    {
        let (near, far) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
        let (door, url) = (near.local_addr()?, format!("ws://{}/", far.local_addr()?));
        let target = address.clone();
        if far_threads {
            thread::spawn(move || over_threads::serve(&far, &target));
        } else {
            thread::spawn(move || runtime()?.block_on(over_tokio::serve(far, &target)));
        }
        if near_threads {
            thread::spawn(move || over_threads::connect(&near, &url));
        } else {
            thread::spawn(move || runtime()?.block_on(over_tokio::connect(near, &url)));
        }

        let clock = Clock::new();
        let mut stream = TcpStream::connect(door)?;
        let piece = vec![1; 100_000];
        for _ in 0..LEN / piece.len() as u64 {
            stream.write_all(&piece)?;
        }
        let mut counted = [0; 8];
        stream.read_exact(&mut counted)?;
        let name = |threads| if threads { "threads" } else { "tokio" };
        let (near, far) = (name(near_threads), name(far_threads));
        let counted = u64::from_be_bytes(counted);
        let took = clock.now().since(Timestamp::ZERO);
        println!("{near} to {far}: {counted} bytes in {took:.1?}");
        if counted != LEN {
            return Err("not all of it arrived".into());
        }
    }
    if let Some(peak) = peak_memory() {
        println!("memory of all ends and this program, at most: {peak}");
    }
    Ok(())
}

/// What Linux says of this process.
fn peak_memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().to_string())
}

/// Counts what comes, and says how much it was once that is as much as is to be sent.
fn count(listener: &TcpListener) -> io::Result<()> {
    for stream in listener.incoming() {
        let mut stream = stream?;
        let counted = io::copy(&mut Read::by_ref(&mut stream).take(LEN), &mut io::sink())?;
        stream.write_all(&counted.to_be_bytes())?;
        // The other end closes.
        let _ = io::copy(&mut stream, &mut io::sink());
    }
    Ok(())
}
