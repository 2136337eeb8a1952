//! Clients that talk all the time and come back after every ending.

use std::collections::VecDeque;
use std::error::Error;
use std::time::Duration;

use farewell::aio::{ReconnectEvent, Reconnecting};
use farewell::reconnect::ReconnectConfig;
use farewell::{CloseCode, Message};
use tokio::sync::watch;
use tokio::time::{Instant, interval};

use crate::{say, signal};

/// Each client has something to say so often.
const PACE: Duration = Duration::from_millis(50);

#[tokio::main]
pub(crate) async fn load(url: &str, clients: usize) -> Result<(), Box<dyn Error>> {
    let began = Instant::now();
    let (stop, stopped) = watch::channel(());
    let clients: Vec<_> = (0..clients)
        .map(|number| {
            let mut policy = ReconnectConfig::default();
            // By default it is 5 to 30 s, which is long to watch.
            policy.restart_delay = Duration::from_millis(100)..=Duration::from_secs(4);
            let socket = Reconnecting::to(url)?.policy(policy);
            let client = Client { number, socket, began, outbox: VecDeque::new(), made: 0 };
            Ok(tokio::spawn(client.live(stopped.clone())))
        })
        .collect::<Result<_, farewell::ConnectError>>()?;
    signal().await?;
    stop.send(())?;
    for client in clients {
        client.await?;
    }
    Ok(())
}

struct Client {
    number: usize,
    socket: Reconnecting,
    began: Instant,
    /// What is still to be sent, or to be sent again.
    outbox: VecDeque<Message<'static>>,
    made: u64,
}

impl Client {
    async fn live(mut self, mut stopped: watch::Receiver<()>) {
        let mut pace = interval(PACE);
        let mut is_stopped = false;
        loop {
            tokio::select! {
                event = self.socket.next() => if self.is_over(event) { return },
                _ = pace.tick(), if !is_stopped => self.talk(),
                _ = stopped.changed(), if !is_stopped => {
                    is_stopped = true;
                    self.socket.stop(CloseCode::NORMAL);
                }
            }
        }
    }

    /// Has something new to say, and says what it can.
    fn talk(&mut self) {
        let message = format!("{}-{}", self.number, self.made);
        self.made += 1;
        self.outbox.push_back(message.into());
        while let Some(message) = self.outbox.pop_front() {
            let name = name(&message);
            if let Err(refused) = self.socket.try_feed(message) {
                self.outbox.push_front(refused.message.into_message());
                return;
            }
            say(format_args!("accepted {name}"));
        }
    }

    fn is_over(&mut self, event: ReconnectEvent) -> bool {
        let at = self.began.elapsed().as_secs_f64();
        match event {
            ReconnectEvent::Opened => say(format_args!("opened {at:.3} {}", self.number)),
            ReconnectEvent::Failed { error, .. } => say(format_args!("failed {at:.3} {error}")),
            ReconnectEvent::Ended(ending) => {
                say(format_args!("ended {at:.3} {} {}", ending.report.code, ending.report));
                // What did not leave is sent on the next connection, in its turn.
                for unsent in ending.unsent.into_iter().rev() {
                    say(format_args!("returned {}", name(&unsent.message)));
                    self.outbox.push_front(unsent.message);
                }
            }
            ReconnectEvent::GaveUp(_) => return true,
            _ => {}
        }
        false
    }
}

fn name(message: &Message<'_>) -> String {
    message.as_text().unwrap_or_default().to_owned()
}
