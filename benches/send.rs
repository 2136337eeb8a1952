//! Sending: a whole message through `Connection::send` into a reused buffer, masking key included.

use std::hint::black_box;
use std::time::Duration;

use bytes::BytesMut;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use farewell::{Config, Connection, Role, Seed, Timestamp};

fn send(c: &mut Criterion) {
    let mut group = c.benchmark_group("send");
    group.sample_size(30).measurement_time(Duration::from_secs(1));
    group.warm_up_time(Duration::from_millis(500));
    for (role, name) in [(Role::Client, "client"), (Role::Server, "server")] {
        for len in [16, 125, 1024, 64 * 1024] {
            let payload = vec![7; len];
            group.throughput(Throughput::Elements(1));
            group.bench_function(BenchmarkId::new(format!("send, {name}"), len), |b| {
                let now = Timestamp::ZERO;
                let mut connection =
                    Connection::new(role, Config::default(), Seed::new([1; 32]), now);
                let mut out = BytesMut::with_capacity(128 * 1024);
                b.iter(|| {
                    let sent = connection.send(black_box(&payload[..]), &mut out, now);
                    black_box(&sent);
                    let written = out.len();
                    connection.handle_flushed(written, now);
                    out.clear();
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, send);
criterion_main!(benches);
