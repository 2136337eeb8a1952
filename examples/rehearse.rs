//! Rehearses, in milliseconds, what an application does about every ending of its connection.
//!
//! The application under test is [`after`]: what to do once a connection has ended. Each rehearsal
//! puts it behind a network on which something goes wrong, and prints what it made of that.

use std::time::Duration;

use farewell::testkit::{At, Cut, Effect, Faults, Network, Proxy, Simulation, Stuck};
use farewell::{Cause, Clock, CloseCode, OpCode, Role, SessionEvent, Termination, Timestamp};

/// What the application does next.
#[derive(Debug, PartialEq)]
enum Next {
    Stop,
    Reconnect { after: Duration },
}

/// What the application does about an ending: the function to be tested.
fn after(ending: &Termination) -> Next {
    match (ending.code, ending.cause) {
        (1000, _) | (_, Cause::Violation { .. } | Cause::HandshakeRejected { .. }) => Next::Stop,
        (1013, _) => Next::Reconnect { after: Duration::from_secs(60) },
        _ => Next::Reconnect { after: Duration::from_secs(1) },
    }
}

/// The client asks, the server answers and closes with `code` after ten messages.
fn conversation(network: &Network, code: CloseCode) -> Simulation {
    let mut simulation = network.connect();
    simulation.on_event(Role::Client, |session, event, now| match event {
        SessionEvent::Open(_) | SessionEvent::Message(_) => drop(session.send("more", now)),
        _ => {}
    });
    let mut answered = 0;
    simulation.on_event(Role::Server, move |session, event, now| {
        if let SessionEvent::Message(_) = event {
            let _ = session.send("news", now);
            answered += 1;
            if answered == 10 {
                let _ = session.close(code, now);
            }
        }
    });
    simulation
}

fn main() -> Result<(), Stuck> {
    let secs = Duration::from_secs;
    let retry = |seconds| Next::Reconnect { after: secs(seconds) };
    let busy = CloseCode::TRY_AGAIN_LATER;
    let (fine, normal) = (Faults::none(), CloseCode::NORMAL);
    // The fifth answer is the last that arrives.
    let fifth = At::Frame { index: 5, byte: 0 };
    let quiet = || Faults::none().to_client(fifth, Effect::Lose(OpCode::Text));
    let rehearsals = [
        ("all is well", fine.clone(), normal, Next::Stop),
        ("the server is busy", fine, busy, retry(60)),
        ("the server crashes", Faults::none().to_client(fifth, Effect::Eof), normal, retry(1)),
        ("the cable is pulled", Faults::none().both(fifth, Effect::Vanish), normal, retry(1)),
        ("a proxy's lifetime", quiet().proxy(Proxy::max_lifetime(secs(7200))), normal, retry(1)),
        (
            "a proxy forgets us",
            quiet().proxy(Proxy::max_lifetime(secs(350)).cut(Cut::Silence)),
            normal,
            retry(1),
        ),
        (
            "a bug in the server",
            Faults::none().to_client(fifth, Effect::Flip(0x40)),
            normal,
            Next::Stop,
        ),
    ];

    let clock = Clock::new();
    let mut simulated = Duration::ZERO;
    for (name, faults, code, expected) in rehearsals {
        let mut simulation = conversation(&Network::new(1).faults(faults), code);
        let endings = simulation.run_to_the_end()?;
        let next = after(&endings.client);
        println!("{name}: {next:?}\n    {}", endings.client);
        assert_eq!(next, expected, "{name}\n{}", simulation.trace());
        simulated += simulation.elapsed();
    }
    let took = clock.now().since(Timestamp::ZERO);
    println!("{} minutes, rehearsed in {took:?}", simulated.as_secs() / 60);
    Ok(())
}
