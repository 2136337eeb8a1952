//! Torture: every read, write, flush and shutdown that a scenario makes fails in turn.
//!
//! Each scenario is run with its first call failing, then its second, and so on until it comes to
//! its end without the fault. Whatever failed, there is one report, and in time.

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use farewell::testkit::{At, Effect, Faults, FaultyStream};
use farewell::{Cause, Config, Role, Termination, TransportError};

use crate::blocking;
use crate::pool;
use crate::scenario::Time;
use crate::scenario::{Phase, ROLES, peer_config, peer_of};
use crate::session;

/// A kind of call that fails in some way, in a scenario.
#[derive(Debug, Clone, Copy)]
struct Series {
    us: Role,
    phase: Phase,
    effect: Effect,
    /// Counts the runs.
    runs: &'static AtomicUsize,
}

const EFFECTS: [Effect; 9] = [
    Effect::ReadFails(TransportError::Reset),
    Effect::ReadFails(TransportError::TimedOut),
    Effect::ReadFails(TransportError::TlsTruncated),
    Effect::Eof,
    Effect::Reset,
    Effect::WriteFails(TransportError::BrokenPipe),
    Effect::WriteFails(TransportError::Reset),
    Effect::FlushFails(TransportError::Other),
    Effect::ShutdownFails(TransportError::Other),
];

const SCENARIOS: [Phase; 3] = [Phase::Open, Phase::WeClose, Phase::PeerCloses];

impl Series {
    fn all(runs: &'static AtomicUsize) -> Vec<Self> {
        let mut all = Vec::new();
        for us in ROLES {
            for phase in SCENARIOS {
                all.extend(EFFECTS.map(|effect| Self { us, phase, effect, runs }));
            }
        }
        all
    }

    /// Everything in small pieces, and the `n`-th call fails.
    fn faults(self, n: u64) -> Faults {
        let Self { us, effect, .. } = self;
        let is_writers = matches!(
            effect,
            Effect::WriteFails(_) | Effect::FlushFails(_) | Effect::ShutdownFails(_)
        );
        let towards = if is_writers { peer_of(us) } else { us };
        Faults::none()
            .towards(us, At::Byte(0), Effect::Pieces(60))
            .towards(peer_of(us), At::Byte(0), Effect::Pieces(600))
            .towards(towards, At::Call(n), effect)
    }

    /// Runs it once for each call, until `run` says that the fault has not taken effect.
    fn torture(self, run: fn(Self, u64) -> (Termination, bool)) -> Result<(), String> {
        for n in 1..200 {
            let (report, hit) = pool::bounded(move || run(self, n))
                .map_err(|failure| format!("{self:?}, call {n}: {failure}"))?;
            self.runs.fetch_add(1, Ordering::Relaxed);
            check(&report, self.us);
            if !hit {
                let closed = report.cause == Cause::ClosingHandshake;
                return closed.then_some(()).ok_or(format!("{self:?}, without a fault: {report}"));
            }
        }
        Err(format!("{self:?} does not come to an end"))
    }
}

fn torture_all(transport: &str, runs: &'static AtomicUsize, run: fn(Series) -> Result<(), String>) {
    let failures = pool::run(&Series::all(runs), run);
    let runs = runs.load(Ordering::Relaxed);
    let line = format!("{transport}: {runs} runs of torture\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// What holds of every report.
fn check(report: &Termination, us: Role) {
    assert_eq!(report.role, us, "{report}");
    let code = report.peer_close.map_or(1006, |close| close.reported_code());
    assert_eq!(report.code, code, "{report}");
    assert_eq!(report.clean, report.cause == Cause::ClosingHandshake, "{report}");
    if report.clean {
        assert!(report.local_close.is_some_and(|close| close.flushed), "{report}");
    }
}

/// The default settings: the close timeout is 5 s and the linger timeout 2 s.
fn deadline(config: &Config) -> Duration {
    config.timeouts.close + config.timeouts.linger
}

/// Without faults, every scenario is over in this time.
const UNDISTURBED: Duration = Duration::from_secs(1);

#[test]
fn every_call_of_a_session_fails_in_turn() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    torture_all("session", &RUNS, |series| {
        series.torture(|series, n| {
            let network = session::network("").faults(series.faults(n));
            let network = match series.us {
                Role::Client => network.server_config(peer_config("", Time::Virtual)),
                Role::Server => network.client_config(peer_config("", Time::Virtual)),
            };
            let mut world = session::world(network, series.us, series.phase);
            let report = session::ending(&mut world, series.us);
            let most = UNDISTURBED + deadline(&Config::default());
            assert!(world.elapsed() <= most, "{:?}\n{}", world.elapsed(), world.trace());
            (report, world.hits() > 2)
        })
    });
}

/// Settings for real time: nothing fails on a slow machine, and nothing lasts.
fn brisk() -> Config {
    let mut config = Config::default();
    config.timeouts.handshake = Duration::from_secs(10);
    config.timeouts.close = Duration::from_secs(2);
    config.timeouts.linger = Duration::from_millis(100);
    config
}

#[test]
fn every_call_of_the_blocking_adapter_fails_in_turn() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    torture_all("blocking", &RUNS, |series| {
        series.torture(|series, n| {
            let Series { us, phase, .. } = series;
            let (ours, peers) = blocking::streams();
            let peer = thread::spawn(move || {
                if let Ok(socket) = blocking::open(peers, peer_of(us), peer_config("", Time::Real))
                {
                    blocking::peers_part(socket, phase);
                }
            });
            let stream = FaultyStream::new(ours, us, &series.faults(n));
            let hits = stream.hits();
            let report = match blocking::open(stream, us, brisk()) {
                Ok(socket) => blocking::our_part(socket, phase),
                Err(report) => report,
            };
            peer.join().unwrap();
            (*report, hits.count() > 2)
        })
    });
}

#[cfg(feature = "tokio")]
#[test]
fn every_call_of_the_tokio_adapter_fails_in_turn() {
    use crate::tokio as adapter;
    use farewell::testkit::AsyncFaultyStream;
    use tokio::time::Instant;

    static RUNS: AtomicUsize = AtomicUsize::new(0);
    torture_all("tokio", &RUNS, |series| {
        series.torture(|series, n| {
            adapter::block_on(Time::Virtual, async move {
                let Series { us, phase, .. } = series;
                let began = Instant::now();
                let (ours, peers) = tokio::io::duplex(64 * 1024);
                let config = peer_config("", Time::Virtual);
                let peer = tokio::spawn(adapter::peers_part(peers, us, phase, config));
                let stream = AsyncFaultyStream::new(ours, us, &series.faults(n));
                let hits = stream.hits();
                let report = match adapter::open(stream, us, Config::default()).await {
                    Ok(socket) => adapter::our_part(socket, phase).await,
                    Err(report) => report,
                };
                let most = UNDISTURBED + deadline(&Config::default());
                assert!(began.elapsed() <= most, "{:?}: {report}", began.elapsed());
                peer.await.unwrap();
                (*report, hits.count() > 2)
            })
        })
    });
}
