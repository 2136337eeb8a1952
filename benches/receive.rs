//! Receiving: frames through `Connection::poll_event`, beside a hand-written decode loop over the
//! same bytes that knows nothing but this one kind of frame.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use farewell::{Config, Connection, Event, FrameHeader, MaskingKey, OpCode, Role, Seed, Timestamp};

/// Frames that fill about a read buffer's worth of bytes.
fn wire(role: Role, opcode: OpCode, len: usize) -> (Vec<u8>, u64) {
    let frames = (64 * 1024 / (len + 6)).max(1);
    let mut wire = Vec::new();
    for number in 0..frames {
        let mut header = FrameHeader::new(opcode, len as u64);
        let key = MaskingKey::new((number as u32).wrapping_mul(0x9e37_79b9).to_be_bytes());
        header.mask = (role == Role::Server).then_some(key);
        let mut head = [0; 14];
        let head_len = header.encode(&mut head);
        wire.extend_from_slice(&head[..head_len]);
        let start = wire.len();
        wire.resize(start + len, b'a');
        if let Some(key) = header.mask {
            farewell::apply_mask(&mut wire[start..], key);
        }
    }
    (wire, frames as u64)
}

/// The least that decoding short masked binary frames takes.
fn by_hand(mut input: &mut [u8], mut each: impl FnMut(&[u8])) {
    while input.len() >= 6 {
        let len = usize::from(input[1] & 0x7f);
        if input[0] != 0x82 || input[1] & 0x80 == 0 || len > 125 || input.len() < 6 + len {
            return;
        }
        let (frame, rest) = input.split_at_mut(6 + len);
        let (head, payload) = frame.split_at_mut(6);
        let key = [head[2], head[3], head[4], head[5]];
        let (words, tail) = payload.split_at_mut(len & !7);
        let both = u64::from(u32::from_ne_bytes(key));
        let wide = both << 32 | both;
        for word in words.chunks_exact_mut(8) {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(word);
            word.copy_from_slice(&(u64::from_ne_bytes(bytes) ^ wide).to_ne_bytes());
        }
        for (byte, key) in tail.iter_mut().zip(key.iter().cycle()) {
            *byte ^= key;
        }
        each(payload);
        input = rest;
    }
}

/// The text stays text and the bytes stay bytes: a mask that was taken off is put on again by the
/// next pass, so text is copied anew for each one.
fn receive(c: &mut Criterion) {
    let mut group = c.benchmark_group("receive");
    group.sample_size(30).measurement_time(Duration::from_secs(1));
    group.warm_up_time(Duration::from_millis(500));
    let (mut bytes, frames) = wire(Role::Server, OpCode::Binary, 16);
    group.throughput(Throughput::Elements(frames));
    group.bench_function(BenchmarkId::new("by hand, masked binary", 16), |b| {
        b.iter(|| {
            by_hand(&mut bytes, |payload| {
                black_box(payload);
            })
        });
    });
    for (role, name) in [(Role::Server, "masked"), (Role::Client, "unmasked")] {
        for len in [16, 125, 1024, 16 * 1024, 64 * 1024] {
            let (mut bytes, frames) = wire(role, OpCode::Binary, len);
            group.throughput(Throughput::Elements(frames));
            group.bench_function(
                BenchmarkId::new(format!("poll_event, {name} binary"), len),
                |b| {
                    let now = Timestamp::ZERO;
                    let mut connection =
                        Connection::new(role, Config::default(), Seed::new([1; 32]), now);
                    b.iter(|| {
                        let mut input = &mut bytes[..];
                        while let Some(event) = connection.poll_event(&mut input, now) {
                            if let Event::Data(chunk) = event {
                                black_box(chunk.payload());
                            }
                        }
                    });
                },
            );
        }
    }
    for len in [16, 1024, 16 * 1024] {
        let (mut bytes, frames) = wire(Role::Client, OpCode::Text, len);
        group.throughput(Throughput::Elements(frames));
        group.bench_function(BenchmarkId::new("poll_event, unmasked text", len), |b| {
            let now = Timestamp::ZERO;
            let mut connection =
                Connection::new(Role::Client, Config::default(), Seed::new([1; 32]), now);
            b.iter(|| {
                let mut input = &mut bytes[..];
                while let Some(event) = connection.poll_event(&mut input, now) {
                    black_box(&event);
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, receive);
criterion_main!(benches);
