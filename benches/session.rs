//! Whole messages through two sessions in memory: framed, carried over, and echoed back; and a look
//! at the statistics.

use std::hint::black_box;
use std::time::Duration;

use bytes::{Buf, Bytes};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use farewell::handshake::Negotiated;
use farewell::{Config, Message, Role, Seed, Session, SessionEvent, Timestamp};

const NOW: Timestamp = Timestamp::ZERO;

fn session(role: Role) -> Session {
    Session::upgraded(role, Negotiated::default(), Config::default(), Seed::new([1; 32]), NOW)
}

/// Takes all output of `from` into `wire`.
fn carry(from: &mut Session, wire: &mut Vec<u8>) {
    wire.clear();
    while from.has_output() {
        let output = from.output();
        let mut slices = [std::io::IoSlice::new(&[]); 16];
        let count = output.chunks_vectored(&mut slices);
        let len: usize = slices[..count].iter().map(|slice| slice.len()).sum();
        for slice in &slices[..count] {
            wire.extend_from_slice(slice);
        }
        from.handle_flushed(len, NOW);
    }
}

fn echo(c: &mut Criterion) {
    let mut group = c.benchmark_group("session");
    group.sample_size(30).measurement_time(Duration::from_secs(1));
    group.warm_up_time(Duration::from_millis(500));
    for (count, len) in [(1, 16), (64, 16), (64, 1024), (1, 64 * 1024), (1, 1024 * 1024)] {
        group.throughput(Throughput::Elements(count));
        let id = BenchmarkId::new(format!("echo, {count} in flight"), len);
        group.bench_function(id, |b| {
            let payload = Bytes::from(vec![7; len]);
            let (mut client, mut server) = (session(Role::Client), session(Role::Server));
            let mut wire = Vec::new();
            b.iter(|| {
                for _ in 0..count {
                    let sent = client.send(Message::from(payload.clone()), NOW);
                    assert!(sent.is_ok());
                }
                carry(&mut client, &mut wire);
                let mut input = &mut wire[..];
                while let Some(event) = server.poll_event(&mut input, NOW) {
                    if let SessionEvent::Message(message) = event {
                        assert!(server.send(message, NOW).is_ok());
                    }
                }
                carry(&mut server, &mut wire);
                let mut input = &mut wire[..];
                while let Some(event) = client.poll_event(&mut input, NOW) {
                    black_box(&event);
                }
            });
        });
    }
    group.finish();
}

/// What a monitor pays for each look at a connection.
fn stats(c: &mut Criterion) {
    let mut server = session(Role::Server);
    assert!(server.send("hello", NOW).is_ok());
    c.bench_function("session/stats", |b| b.iter(|| black_box(&server).stats()));
}

criterion_group!(benches, echo, stats);
criterion_main!(benches);
