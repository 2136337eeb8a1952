//! Incremental validation of text, beside `core::str::from_utf8` on the same bytes.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use farewell::Utf8Validator;

fn validate(c: &mut Criterion) {
    let mut group = c.benchmark_group("utf8");
    let texts = [
        ("ASCII", "The quick brown fox jumps over the lazy dog. "),
        ("mixed", "Grüße, κόσμε! Съешь же ещё этих 日本語 😀, to you. "),
    ];
    for (name, text) in texts {
        for len in [16, 125, 4 * 1024, 64 * 1024] {
            group.throughput(Throughput::Bytes(len as u64));
            let text = ending_between_characters(text, len);
            group.bench_function(format!("{name}/{len}"), |b| {
                let mut validator = Utf8Validator::default();
                b.iter(|| black_box(&mut validator).validate(black_box(&text)));
            });
            group.bench_function(format!("{name} by core/{len}"), |b| {
                b.iter(|| core::str::from_utf8(black_box(&text)).is_ok());
            });
        }
    }
    group.finish();
}

/// The text over and over, cut before `len` and filled up to it.
fn ending_between_characters(text: &str, len: usize) -> Vec<u8> {
    let mut long = text.repeat(len / text.len() + 1);
    while long.len() > len {
        long.pop();
    }
    let mut bytes = long.into_bytes();
    bytes.resize(len, b'.');
    bytes
}

fn settings() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
}

criterion_group!(name = benches; config = settings(); targets = validate);
criterion_main!(benches);
