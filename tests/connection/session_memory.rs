//! What a session allocates: next to nothing while idle, nothing for each small message, and no
//! more than was received while a message comes in.

#![cfg(feature = "std")]

use allocation_counter::{AllocationInfo, measure};
use bytes::{Buf, Bytes};
use farewell::handshake::Negotiated;
use farewell::{Config, Message, Role, Seed, Session, SessionEvent};

use crate::support::pair::{Pair, START};

/// Bytes that what `make` returns keeps on the heap, and the size of the value itself.
fn held<T>(make: impl FnOnce() -> T) -> (u64, usize) {
    let mut kept = None;
    let info = measure(|| kept = Some(make()));
    let held = u64::try_from(info.bytes_current).unwrap();
    drop(kept);
    (held, size_of::<T>())
}

/// A pair that has opened, exchanged messages of all sizes, and has nothing more to do.
fn idle() -> Pair {
    let mut pair = Pair::new(Config::default(), Config::default());
    pair.server.behaviour.echo = true;
    pair.run();
    for size in [5, 200, 3000, 70_000, 500_000, 5] {
        pair.client.session.send("x".repeat(size), START).unwrap();
        pair.client.session.send(vec![0; size], START).unwrap();
        pair.client.session.ping(b"?", START).unwrap();
        pair.run();
    }
    pair
}

fn session(pair: Pair, role: Role) -> Session {
    match role {
        Role::Client => pair.client.session,
        Role::Server => pair.server.session,
    }
}

#[test]
fn an_idle_session_is_under_a_kibibyte() {
    let config = std::sync::Arc::new(Config::default());
    let shared = size_of_val(&*config) as u64 + 16;
    for role in [Role::Client, Role::Server] {
        let (heap, size) = held(|| session(idle(), role));
        // The settings are shared by all sessions, in practice.
        let total = heap - shared + size as u64;
        println!("{role:?}: {size} bytes of its own, {} on the heap", heap - shared);
        assert!(total < 1024, "{role:?}: {total}");
    }
}

/// Moves all output of one session into a buffer.
fn carry(from: &mut Session, buffer: &mut [u8]) -> usize {
    let mut output = from.output();
    let size = output.remaining();
    output.copy_to_slice(&mut buffer[..size]);
    from.handle_flushed(size, START);
    size
}

fn echo(client: &mut Session, server: &mut Session, message: &[u8], buffer: &mut [u8]) {
    client.send(message, START).unwrap();
    let size = carry(client, buffer);
    let mut input = &mut buffer[..size];
    while let Some(event) = server.poll_event(&mut input, START) {
        let SessionEvent::Message(message) = event else { panic!("{event:?}") };
        server.send(message, START).unwrap();
    }
    let size = carry(server, buffer);
    let mut input = &mut buffer[..size];
    while let Some(event) = client.poll_event(&mut input, START) {
        let SessionEvent::Message(received) = event else { panic!("{event:?}") };
        assert_eq!(received.as_bytes(), message);
    }
}

#[test]
fn an_echo_of_small_messages_allocates_nothing() {
    let Pair { client, server, .. } = idle();
    let (mut client, mut server) = (client.session, server.session);
    let mut buffer = vec![0; 65_536];
    for size in [0, 16, 125, 180] {
        let message = vec![b'x'; size];
        for _ in 0..2 {
            echo(&mut client, &mut server, &message, &mut buffer);
        }
        let info = measure(|| {
            for _ in 0..100 {
                echo(&mut client, &mut server, &message, &mut buffer);
            }
        });
        assert_eq!(info.count_total, 0, "{size}: {info:?}");
    }
    // Longer ones take and give back a buffer for each flush on each side.
    let message = vec![b'x'; 4000];
    let info = measure(|| {
        for _ in 0..100 {
            echo(&mut client, &mut server, &message, &mut buffer);
        }
    });
    assert!(info.count_total <= 200, "{info:?}");
}

#[test]
fn queueing_many_small_messages_allocates_a_few_times() {
    let mut pair = idle();
    let info = measure(|| {
        for _ in 0..1000 {
            pair.client.session.send("sixteen bytes ok", START).unwrap();
        }
    });
    assert!(info.count_total < 20, "{info:?}");
    assert!(info.bytes_max < 64 * 1024, "{info:?}");
}

#[test]
fn a_large_owned_message_costs_a_server_a_few_words() {
    let mut pair = idle();
    let message = Message::from(Bytes::from(vec![7; 1_000_000]));
    let info = measure(|| {
        pair.server.session.send(message.clone(), START).unwrap();
        pair.server.session.has_output();
    });
    assert!(info.bytes_max < 1024, "{info:?}");
}

/// Reads a message in pieces, directly if the session likes that; gives what was allocated.
fn receive(size: usize, piece: usize, direct: bool) -> AllocationInfo {
    let mut config = Config::default();
    config.fragment_size = None;
    let mut pair = Pair::open(config.clone(), config);
    pair.client.session.send(vec![1; size], START).unwrap();
    let mut output = pair.client.session.output();
    let mut wire = output.copy_to_bytes(output.remaining()).to_vec();
    let session = &mut pair.server.session;
    let mut message = None;
    let mut info = measure(|| {
        let mut rest = &mut wire[..];
        while !rest.is_empty() {
            let mut size = piece.min(rest.len());
            let spare = if direct { session.spare_mut() } else { &mut [] };
            if spare.is_empty() {
                let (head, tail) = rest.split_at_mut(size);
                rest = tail;
                let mut input = head;
                while let Some(event) = session.poll_event(&mut input, START) {
                    message = Some(event.into_owned());
                }
            } else {
                size = size.min(spare.len());
                let (head, tail) = rest.split_at_mut(size);
                rest = tail;
                spare[..size].copy_from_slice(head);
                session.handle_filled(size, START);
                while let Some(event) = session.poll_event(&mut &mut [][..], START) {
                    message = Some(event.into_owned());
                }
            }
        }
    });
    let Some(SessionEvent::Message(message)) = message else { panic!() };
    assert_eq!(message.len(), size);
    info.bytes_max -= size as u64;
    info
}

#[test]
fn an_assembled_message_takes_its_own_size() {
    for direct in [false, true] {
        let info = receive(4_000_000, 60_000, direct);
        // Growing holds the old memory beside the new, at the worst.
        assert!(info.bytes_max <= 4_000_000, "{direct}: {info:?}");
        assert!(info.count_total < 20, "{direct}: {info:?}");
    }
}

#[test]
fn a_declared_length_takes_no_memory() {
    // 16 MiB are declared, one byte comes.
    let wire = [&[0x82, 0xff][..], &(16_u64 << 20).to_be_bytes(), &[0, 0, 0, 0, 1]].concat();
    let mut pair = Pair::open(Config::default(), Config::default());
    pair.server.incoming = wire;
    let mut spare = 0;
    let info = measure(|| {
        pair.server.read(START);
        spare = pair.server.session.spare_mut().len();
    });
    assert_eq!(spare, 0);
    assert!(info.bytes_current < 64, "{info:?}");
}

/// What has come of a message is moved only when its memory doubles, however short its fragments.
#[test]
fn a_message_of_many_fragments_takes_a_few_allocations() {
    for size in [126, 300] {
        let (negotiated, seed) = (Negotiated::default(), Seed::new([1; 32]));
        let mut session =
            Session::upgraded(Role::Client, negotiated, Config::default(), seed, START);
        let mut feed = |first: u8| {
            let mut fragment = vec![first, 126];
            fragment.extend(u16::to_be_bytes(size));
            fragment.resize(4 + usize::from(size), b'x');
            let info = measure(|| {
                for half in fragment.chunks_mut(usize::from(size) / 2 + 3) {
                    assert!(session.poll_event(&mut &mut half[..], START).is_none());
                }
            });
            info.count_total
        };
        let allocations = feed(0x02) + (0..4000).map(|_| feed(0x00)).sum::<u64>();
        assert!(allocations < 30, "{size}: {allocations} allocations");
    }
}

#[cfg(feature = "deflate")]
mod compressed {
    use std::sync::Arc;

    use farewell::handshake::{DeflateParams, Negotiated};
    use farewell::{Compression, Seed};

    use super::*;

    /// Pairs that have exchanged messages and have nothing more to do, all with the same settings.
    fn idle(count: usize, takeover: bool, config: &Arc<Config>) -> Vec<[Session; 2]> {
        let mut params = DeflateParams::default();
        params.server_no_context_takeover = !takeover;
        params.client_no_context_takeover = !takeover;
        let open = |role| {
            let negotiated = Negotiated::default().with_deflate(params);
            Session::upgraded(role, negotiated, config.clone(), Seed::new([1; 32]), START)
        };
        let mut buffer = vec![0; 200_000];
        let mut pairs = Vec::with_capacity(count);
        for _ in 0..count {
            let (mut client, mut server) = (open(Role::Client), open(Role::Server));
            for size in [5, 1000, 100_000, 200] {
                echo(&mut client, &mut server, &vec![b'x'; size], &mut buffer);
            }
            pairs.push([client, server]);
        }
        pairs
    }

    fn config() -> Arc<Config> {
        let mut config = Config::default();
        config.compression = Some(Compression::default());
        Arc::new(config)
    }

    /// Bytes that a session keeps on the heap, without what is in the pool and shared.
    fn each(takeover: bool) -> u64 {
        let hold = |pairs| {
            let config = config();
            // The vector of pairs itself holds the sessions.
            held(|| idle(pairs, takeover, &config)).0 - (pairs * size_of::<[Session; 2]>()) as u64
        };
        (hold(11) - hold(1)) / 20
    }

    #[test]
    fn an_idle_session_without_takeover_is_under_a_kibibyte_too() {
        let size = size_of::<Session>() as u64;
        let (without, with) = (each(false), each(true));
        println!(
            "{size} bytes of its own, and on the heap {without} without context takeover, {with} \
             with it"
        );
        assert!(size + without < 1024, "{without}");
        assert!((300_000..450_000).contains(&with), "{with}");
    }

    #[test]
    fn what_the_pool_keeps_is_bounded_and_used_again() {
        let config = config();
        let first = held(|| idle(1, false, &config));
        let info = measure(|| {
            // As many as a busy server has: none of them takes another compressor.
            drop(idle(50, false, &config));
        });
        assert!(info.bytes_current < 10_000, "{first:?} {info:?}");
        let messages = measure(|| drop(idle(50, false, &config)));
        assert!(messages.bytes_max < 2_000_000, "{messages:?}");
    }

    #[test]
    fn a_close_in_the_middle_of_a_message_gives_its_memory_back() {
        for takeover in [true, false] {
            let config = config();
            let [_, mut server] = idle(1, takeover, &config).remove(0);
            let text = "text of which there is much, ".repeat(10_000);
            server.send_fragment(text.as_str(), false, START).unwrap();
            let mut buffer = vec![0; 200_000];
            let size = carry(&mut server, &mut buffer);
            let [mut client, _] = idle(1, takeover, &config).remove(0);
            let mut begun = AllocationInfo::default();
            let all = measure(|| {
                begun = measure(|| {
                    // It refers to nothing that this client did not get from its own server.
                    let event = client.poll_event(&mut &mut buffer[..size], START);
                    assert!(event.is_none(), "{event:?}");
                });
                let mut close = [0x88, 0x02, 0x03, 0xe8];
                let event = client.poll_event(&mut &mut close[..], START);
                assert!(matches!(event, Some(SessionEvent::CloseReceived)), "{event:?}");
            });
            assert!(begun.bytes_current >= text.len() as i64, "{takeover}: {begun:?}");
            assert!(all.bytes_current < 1024, "{takeover}: {all:?}");
        }
    }

    #[test]
    fn the_end_gives_everything_back() {
        for takeover in [true, false] {
            let config = config();
            // What the pool keeps stays.
            drop(idle(2, takeover, &config));
            drop(idle(2, takeover, &config));
            let (left, _) = held(|| {
                for mut session in idle(2, takeover, &config).into_iter().flatten() {
                    session.abort(START);
                    let event = session.poll_event(&mut &mut [][..], START);
                    assert!(matches!(event, Some(SessionEvent::Ended(_))));
                }
            });
            assert!(left < 1024, "{takeover}: {left}");
        }
    }
}
