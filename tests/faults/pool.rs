//! Runs many things at once, most of which wait, and none for ever.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// Nothing takes this long, however slow the machine is.
const LIMIT: Duration = Duration::from_secs(30);

/// Runs each of `items`, and gives what went wrong.
pub(crate) fn run<T: Copy + Send + Sync + 'static>(
    items: &[T],
    run: fn(T) -> Result<(), String>,
) -> Vec<String> {
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..24 {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let item = *item;
                    if let Err(failure) = bounded(move || run(item)).and_then(|result| result) {
                        failures.lock().unwrap().push(failure);
                    }
                }
            });
        }
    });
    failures.into_inner().unwrap()
}

/// In a thread of its own, which is left behind if it hangs.
pub(crate) fn bounded<R: Send + 'static>(
    run: impl FnOnce() -> R + Send + 'static,
) -> Result<R, String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let _ = sender.send(run());
    });
    receiver.recv_timeout(LIMIT).map_err(|error| match error {
        RecvTimeoutError::Timeout => "a hang".to_owned(),
        RecvTimeoutError::Disconnected => "a panic".to_owned(),
    })
}
