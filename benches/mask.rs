//! Masking in place, beside a copy of the same bytes.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use farewell::MaskingKey;

const KEY: MaskingKey = MaskingKey::new([0x37, 0xfa, 0x21, 0x3d]);

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

fn settings() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
}

criterion_group!(name = benches; config = settings(); targets = in_place, tiny);
criterion_main!(benches);
