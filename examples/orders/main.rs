//! Twenty orders, and a shop that is killed twice while it works on them.
//!
//! Every order arrives, in order, some perhaps twice: `outbox` keeps what cannot leave, and
//! `keep_unconfirmed` what has left and may not have arrived. Both adapters do it, one after the
//! other; the shop is a process of its own, so that killing it loses what a real one would.
//!
//! ```text
//! cargo run --release --features tokio --example orders
//! ```

mod shop;

use std::error::Error;
use std::thread;
use std::time::Duration;

use farewell::reconnect::{OutboxLimit, ReconnectConfig};
use farewell::{ReconnectEvent, SendError, aio, blocking};
use tokio::sync::oneshot;

use shop::Shop;

const ORDERS: u32 = 20;

/// Small, so that whoever orders has to wait now and then.
const OUTBOX: OutboxLimit = OutboxLimit::new(8, 1024);

fn main() -> Result<(), Box<dyn Error>> {
    if let Some(address) = std::env::args().nth(1) {
        return Ok(shop::serve(&address)?);
    }
    over_threads()?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(over_tokio())
}

fn over_threads() -> Result<(), Box<dyn Error>> {
    let (url, shop) = Shop::open(ORDERS)?;
    let socket = blocking::Reconnecting::to(&url)?.policy(quick());
    let mut socket = socket.outbox(OUTBOX).keep_unconfirmed();

    let (orders, stopper) = (socket.sender(), socket.stopper());
    let customer = thread::spawn(move || {
        (1..=ORDERS).try_for_each(|number| Ok::<_, SendError>(orders.send(number.to_string())?))
    });
    let seen = thread::spawn(move || {
        let seen = shop.killed_twice();
        stopper.stop();
        seen
    });
    loop {
        match socket.next() {
            ReconnectEvent::GaveUp(_) => break,
            event => println!("  {event}"),
        }
    }
    customer.join().map_err(|_| "the customer panicked")??;
    let seen = seen.join().map_err(|_| "the shop panicked")??;
    judge("threads", &seen, socket.resent())
}

async fn over_tokio() -> Result<(), Box<dyn Error>> {
    let (url, shop) = Shop::open(ORDERS)?;
    let socket = aio::Reconnecting::to(&url)?.policy(quick());
    let mut socket = socket.outbox(OUTBOX).keep_unconfirmed();

    let orders = socket.sender();
    let customer = tokio::spawn(async move {
        for number in 1..=ORDERS {
            orders.send(number.to_string()).await?;
        }
        Ok::<_, SendError>(())
    });
    let (done, mut all_seen) = oneshot::channel();
    thread::spawn(move || done.send(shop.killed_twice()));
    let seen = loop {
        tokio::select! {
            event = socket.next() => println!("  {event}"),
            seen = &mut all_seen => break seen??,
        }
    };
    customer.await??;
    socket.close(farewell::CloseCode::NORMAL).await;
    judge("tokio", &seen, socket.resent())
}

/// The shop comes back at once, so this client does as well.
fn quick() -> ReconnectConfig {
    let mut policy = ReconnectConfig::default();
    policy.first_delay = Duration::from_millis(50);
    (policy.min_delay, policy.base_delay) = (Duration::from_millis(10), Duration::from_millis(50));
    policy.budget_attempts = 1000;
    policy
}

/// What the shop has got, against what was ordered.
fn judge(name: &str, seen: &[u32], resent: u64) -> Result<(), Box<dyn Error>> {
    let mut next = 1;
    for number in seen {
        if *number > next {
            return Err(format!("{name}: order {number} came before order {next}: {seen:?}").into());
        }
        next = next.max(number + 1);
    }
    let twice = seen.len() - (next - 1) as usize;
    let arrived = next - 1;
    println!(
        "{name}: {arrived} of {ORDERS} orders arrived, in order; {resent} were sent again, {twice} came twice"
    );
    if arrived == ORDERS { Ok(()) } else { Err("orders were lost".into()) }
}
