//! One message of 64 bytes to many receivers on loopback: how long until all have it, and how much of
//! the server's CPU time that takes.
//!
//! `cargo run --release -- WAY RECEIVERS ROUNDS`, where WAY is `farewell` or `tungstenite`. The
//! receivers are a process of their own that counts bytes and no more. Both servers have one thread, a
//! task for each connection, and their own way to broadcast: a `Prepared` that is fed to every writing
//! half, and a channel for each connection whose messages are forwarded to its sink.

mod over_farewell;
mod over_tungstenite;
mod receivers;

use std::error::Error;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

pub(crate) const PAYLOAD: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A frame of a server: two bytes, and the payload.
pub(crate) const FRAME: usize = 2 + PAYLOAD.len();

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["receivers", address, control, count] => {
            receivers::receive(address, control, count.parse()?).await
        }
        ["farewell", count, rounds] => {
            run("farewell", &over_farewell::Room::default(), count.parse()?, rounds.parse()?).await
        }
        ["tungstenite", count, rounds] => {
            run("tungstenite", &over_tungstenite::Room::default(), count.parse()?, rounds.parse()?)
                .await
        }
        _ => Err("farewell | tungstenite RECEIVERS ROUNDS".into()),
    }
}

/// A way to serve and to broadcast.
pub(crate) trait Broadcast {
    /// Opens a connection, and serves it in a task of its own.
    async fn enter(&self, stream: TcpStream) -> Result<()>;
    /// Hands the message to everybody's task.
    fn tell_all(&self);
}

async fn run(name: &str, room: &impl Broadcast, count: usize, rounds: usize) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let control = TcpListener::bind("127.0.0.1:0").await?;
    let mut receivers = spawn(&listener, &control, count)?;
    let (mut told, _) = control.accept().await?;
    for _ in 0..count {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        room.enter(stream).await?;
    }
    // The first rounds find nothing warm.
    let mut times = Vec::new();
    let mut cpu = Duration::ZERO;
    for round in 0..rounds + 3 {
        let (began, used) = (Instant::now(), cpu_time()?);
        room.tell_all();
        told.read_u8().await?;
        if round >= 3 {
            times.push(began.elapsed());
            cpu += cpu_time()? - used;
        }
    }
    receivers.kill()?;
    receivers.wait()?;
    times.sort();
    let each = cpu / u32::try_from(rounds * count)?;
    println!(
        "{name}: {count} receivers, {rounds} rounds: all have it after {:.1?} (median), {:.1?} (worst); \
         {each:.2?} of CPU time for each receiver",
        times[times.len() / 2],
        times[times.len() - 1],
    );
    Ok(())
}

fn spawn(listener: &TcpListener, control: &TcpListener, count: usize) -> Result<Child> {
    let program = std::env::current_exe()?;
    let [address, control] = [listener, control].map(|it| it.local_addr());
    let (address, control) = (address?.to_string(), control?.to_string());
    let count = count.to_string();
    Ok(Command::new(program).args(["receivers", &address, &control, &count]).spawn()?)
}

/// What this process has used, of the user's and of the system's time.
fn cpu_time() -> Result<Duration> {
    let stat = std::fs::read_to_string("/proc/self/schedstat")?;
    let nanos = stat.split(' ').next().ok_or("no time")?.parse()?;
    Ok(Duration::from_nanos(nanos))
}
