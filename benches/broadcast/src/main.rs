//! One message of 64 bytes to many receivers on loopback: how much of the server's CPU time it takes to
//! deliver it to one of them, and how long until all have it.
//!
//! `cargo run --release -- compare RECEIVERS ROUNDS PAIRS` runs each of the ways PAIRS times, in turns,
//! each time in a process of its own; `-- WAY RECEIVERS ROUNDS` runs one of them, `farewell`,
//! `tungstenite` or `axum`. The receivers are another process that counts bytes and no more. All servers
//! have one thread, a task for each connection that also reads, and their own way to broadcast: a
//! `Prepared` that is fed to every writing half; a channel for each connection whose messages are
//! forwarded to its sink; a channel that all connections listen to.

mod compare;
mod over_axum;
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

/// The first rounds find nothing warm.
const WARM_UP: usize = 3;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let (way, count, rounds) = match args[..] {
        ["receivers", address, control, count] => {
            return receivers::receive(address, control, count.parse()?).await;
        }
        ["compare", count, rounds, pairs] => {
            return compare::compare(count, rounds, pairs.parse()?);
        }
        [way, count, rounds] => (way, count.parse()?, rounds.parse()?),
        _ => return Err("compare RECEIVERS ROUNDS PAIRS | WAY RECEIVERS ROUNDS".into()),
    };
    match way {
        "farewell" => run(over_farewell::Room::default(), count, rounds).await,
        "tungstenite" => run(over_tungstenite::Room::default(), count, rounds).await,
        "axum" => run(over_axum::Room::default(), count, rounds).await,
        _ => Err("the ways are farewell, tungstenite and axum".into()),
    }
}

/// A way to serve and to broadcast.
pub(crate) trait Broadcast {
    /// Opens a connection, and serves it in a task of its own.
    async fn enter(&mut self, stream: TcpStream) -> Result<()>;
    /// Hands the message to everybody's task.
    fn tell_all(&mut self);
}

/// Prints the CPU time for each delivery, in nanoseconds, and the median of how long it took until all
/// had the message, in microseconds.
async fn run(mut room: impl Broadcast, count: usize, rounds: usize) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let control = TcpListener::bind("127.0.0.1:0").await?;
    let mut receivers = spawn(&listener, &control, count)?;
    let (mut told, _) = control.accept().await?;
    for _ in 0..count {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        room.enter(stream).await?;
    }
    let mut times = Vec::new();
    let mut cpu = Duration::ZERO;
    for round in 0..rounds + WARM_UP {
        let (began, used) = (Instant::now(), cpu_time()?);
        room.tell_all();
        told.read_u8().await?;
        if round >= WARM_UP {
            times.push(began.elapsed());
            cpu += cpu_time()? - used;
        }
    }
    receivers.kill()?;
    receivers.wait()?;
    times.sort();
    let each = cpu.as_nanos() / (rounds * count) as u128;
    println!("{each} {}", times[times.len() / 2].as_micros());
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
