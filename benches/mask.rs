//! Masking in place and while appending, beside copies of the same bytes; keys from the keystream.

extern crate alloc;

use std::hint::black_box;
use std::time::Duration;

use bytes::BytesMut;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use farewell::MaskingKey;

// The modules themselves: parts of them are private to the crate.
#[allow(dead_code, unused_imports, unreachable_pub)]
#[path = "../src/wire/keystream.rs"]
mod keystream;
#[allow(dead_code, unused_imports, unreachable_pub)]
#[path = "../src/wire/mask.rs"]
mod mask;

use keystream::{Keystream, Seed};

const KEY: MaskingKey = MaskingKey::new([0x37, 0xfa, 0x21, 0x3d]);

/// The same key for the private parts, whose types are not the crate's.
const INNER_KEY: mask::MaskingKey = mask::MaskingKey::new(KEY.bytes());

/// Starts at a header's length, as payloads do.
const START: usize = 14;

fn in_place(c: &mut Criterion) {
    let mut group = c.benchmark_group("mask");
    for len in [16, 125, 1024, 64 * 1024] {
        group.throughput(Throughput::Bytes(len as u64));
        let mut buffer = vec![b'x'; START + len];
        group.bench_function(format!("in place/{len}"), |b| {
            b.iter(|| farewell::apply_mask(black_box(&mut buffer[START..]), black_box(KEY)));
        });
        group.bench_function(format!("in place at an offset/{len}"), |b| {
            b.iter(|| {
                farewell::apply_mask_at(
                    black_box(&mut buffer[START..]),
                    black_box(KEY),
                    black_box(3),
                );
            });
        });
        group.bench_function(format!("in place, checking ASCII/{len}"), |b| {
            b.iter(|| {
                mask::apply_checking_ascii(black_box(&mut buffer[START..]), black_box(INNER_KEY))
            });
        });
        let mut target = vec![0; START + len];
        group.bench_function(format!("copy_from_slice/{len}"), |b| {
            b.iter(|| {
                black_box(&mut target[START..]).copy_from_slice(black_box(&buffer[START..]));
            });
        });
    }
    group.finish();
}

/// Many tiny payloads in a row, as in a read buffer: the same one over and over would measure how
/// long its last store takes to be read again. Times are for 64 payloads.
fn tiny(c: &mut Criterion) {
    let mut group = c.benchmark_group("tiny, 64 payloads");
    group.throughput(Throughput::Elements(64));
    for (name, lens) in [("5", 5..6), ("12", 12..13), ("16", 16..17), ("5 to 20", 5..21)] {
        let mut buffer = [b'x'; 64 * 32];
        let lens: [usize; 64] =
            core::array::from_fn(|i| lens.start + (i * 7919 + i * i * 31) % lens.len());
        group.bench_function(format!("in place/{name}"), |b| {
            b.iter(|| {
                for (frame, &len) in black_box(&mut buffer).chunks_exact_mut(32).zip(&lens) {
                    farewell::apply_mask(&mut frame[6..6 + len], black_box(KEY));
                }
            });
        });
    }
    group.finish();
}

fn append(c: &mut Criterion) {
    let mut group = c.benchmark_group("append");
    for len in [16, 1024, 64 * 1024] {
        group.throughput(Throughput::Bytes(len as u64));
        let payload = vec![b'x'; len];
        let mut out = BytesMut::with_capacity(2 * len);
        group.bench_function(format!("masked/{len}"), |b| {
            b.iter(|| {
                out.clear();
                mask::append_masked(black_box(&mut out), black_box(&payload), black_box(INNER_KEY));
            });
        });
        group.bench_function(format!("extend_from_slice/{len}"), |b| {
            b.iter(|| {
                out.clear();
                black_box(&mut out).extend_from_slice(black_box(&payload));
            });
        });
    }
    group.finish();
}

fn masking_key(c: &mut Criterion) {
    let mut group = c.benchmark_group("keystream");
    let mut keystream = Keystream::new(Seed::new([7; 32]));
    group.bench_function("masking key", |b| {
        b.iter(|| black_box(&mut keystream).masking_key());
    });
    group.finish();
}

fn settings() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
}

criterion_group!(name = benches; config = settings(); targets = in_place, tiny, append, masking_key);
criterion_main!(benches);
