//! The matrix over two sessions in a simulated network.

use farewell::testkit::{Link, Network, Recorded, Simulation};
use farewell::{Role, Session, SessionEvent, Termination, Timestamp};
use std::time::Duration;

use crate::scenario::{
    Phase, Time, answer, buffer, our_close, our_config, peer_config, peer_of, peers_close, put,
    question,
};
use crate::table::{Cell, run_all};

/// A world in which the two ends do what the scenario says.
pub(crate) fn world(network: Network, us: Role, phase: Phase) -> Simulation {
    let mut world = network.connect();
    world.on_event(us, move |session, event, now| match event {
        SessionEvent::Open(_) => {
            let _ = session.send(question(), now);
            if phase == Phase::WeClose {
                let _ = session.close(our_close(), now);
            }
        }
        SessionEvent::Message(_) if matches!(phase, Phase::Opening | Phase::Open) => {
            let _ = session.close(our_close(), now);
        }
        _ => {}
    });
    world.on_event(peer_of(us), move |session: &mut Session, event, now: Timestamp| {
        if let SessionEvent::Message(_) = event {
            let _ = session.send(answer(), now);
            if phase == Phase::PeerCloses {
                let _ = session.close(peers_close(), now);
            }
        }
    });
    world
}

pub(crate) fn network(fault: &str) -> Network {
    let link = Link::new().latency(Duration::from_millis(10)).buffer(buffer(fault));
    Network::new(1).link(link)
}

/// Runs until we have ended; the report has to be the last event and the only one of its kind.
pub(crate) fn ending(world: &mut Simulation, us: Role) -> Termination {
    if let Err(stuck) = world.run_until(|world| world.report(us).is_some()) {
        panic!("{stuck}");
    }
    let is_end = |event: &Recorded| matches!(event.event, SessionEvent::Ended(_));
    let ends = world.events(us).iter().filter(|event| is_end(event));
    assert_eq!(ends.count(), 1, "{}", world.trace());
    world.report(us).expect("it has ended").clone()
}

#[test]
fn every_fault_in_every_phase() {
    run_all("session", |cell| {
        let Cell { fault, phase, us, outcome } = cell;
        let network = network(fault).faults(put(fault, us, phase, Time::Virtual));
        let ours = our_config(fault, phase, outcome, Time::Virtual);
        let network = match us {
            Role::Client => {
                network.client_config(ours).server_config(peer_config(fault, Time::Virtual))
            }
            Role::Server => {
                network.server_config(ours).client_config(peer_config(fault, Time::Virtual))
            }
        };
        let mut world = world(network, us, phase);
        let report = ending(&mut world, us);
        (report, world.trace().to_string())
    });
}

/// Found by the matrix: it was taken for a peer that skips its Close.
#[test]
fn a_failure_on_this_machine_after_our_close_is_not_laid_at_the_peers_door() {
    use farewell::TransportError::{Aborted, Other, Reset, TimedOut};
    use farewell::testkit::{At, Effect, Faults};
    for us in crate::scenario::ROLES {
        let verdicts = [TimedOut, Aborted, Other, Reset].map(|kind| {
            let at = At::Frame { index: 0, byte: 1 };
            let faults = Faults::none().towards(us, at, Effect::ReadFails(kind));
            let mut world = world(network("").faults(faults), us, Phase::WeClose);
            ending(&mut world, us).diagnosis().verdict().name()
        });
        let expected = ["kernel_timeout", "system_aborted", "transport_failure", "close_skipped"];
        assert_eq!(verdicts, expected, "{us:?}");
    }
}
