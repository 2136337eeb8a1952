//! Ctrl-C, SIGTERM and SIGHUP: they end a visit, and what was seen of it is reported.

use std::sync::mpsc::{self, Receiver, Sender};

use crate::stage::{Result, Seen, Socket};

/// What happens beside the connection.
pub(crate) enum News {
    Interrupted,
    /// Connecting has come to something.
    Connected(Box<Result<std::result::Result<Socket, Seen>>>),
}

/// The place where news comes in.
pub(crate) struct Desk {
    pub(crate) sender: Sender<News>,
    news: Receiver<News>,
}

impl Desk {
    /// From now on a signal is news, and nothing else.
    pub(crate) fn open() -> Self {
        let (sender, news) = mpsc::channel();
        let interrupted = sender.clone();
        let set = ctrlc::set_handler(move || {
            // Nobody hears it once the last visit is over.
            let _ = interrupted.send(News::Interrupted);
        });
        if let Err(error) = set {
            eprintln!("Ctrl-C will end this at once: {error}");
        }
        Self { sender, news }
    }

    /// Waits for news.
    pub(crate) fn next(&self) -> News {
        // The desk itself holds a sender, so that there can always be some.
        self.news.recv().unwrap_or(News::Interrupted)
    }

    /// Whether there was a signal since the last look, without waiting.
    pub(crate) fn interrupted(&self) -> bool {
        // Who connects for a visit that was given up has nothing to tell any more.
        self.news.try_iter().any(|news| matches!(news, News::Interrupted))
    }

    /// Waits for a signal, for at most so long. Returns whether there was one.
    pub(crate) fn interrupted_within(&self, span: std::time::Duration) -> bool {
        matches!(self.news.recv_timeout(span), Ok(News::Interrupted))
    }
}
