//! Compressing and inflating messages of JSON-like text on a session, beside flate2 alone on the
//! same bytes; in bytes of text.

use std::hint::black_box;

use bytes::Buf;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use farewell::handshake::{DeflateParams, Negotiated};
use farewell::{Compression, Config, Role, Seed, Session, SessionEvent, Timestamp};
use flate2::{Compress, Decompress, FlushCompress, FlushDecompress};

type Group<'a> = BenchmarkGroup<'a, criterion::measurement::WallTime>;

const NOW: Timestamp = Timestamp::ZERO;
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// Different texts of `size` bytes, of the kind that services exchange.
fn texts(size: usize) -> Vec<String> {
    let mut number = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |end: u64| {
        number ^= number << 13;
        number ^= number >> 7;
        number ^= number << 17;
        number % end
    };
    let text = |_| {
        let mut text = String::from("[");
        while text.len() < size {
            text.push_str(&format!(
                "{{\"id\":{},\"symbol\":\"{}{}\",\"price\":{}.{:02},\"volume\":{},\"side\":\"{}\",\
                 \"venue\":\"xetra\",\"timestamp\":\"2026-11-26T13:{:02}:{:02}.{:03}Z\"}},",
                next(10_000_000),
                ["ALV", "BAS", "BMW", "SAP", "SIE", "VOW"][next(6) as usize],
                next(90),
                next(900),
                next(100),
                next(100_000),
                ["buy", "sell"][next(2) as usize],
                next(60),
                next(60),
                next(1000),
            ));
        }
        text.truncate(size);
        text
    };
    (0..32).map(text).collect()
}

fn session(role: Role, takeover: bool) -> Session {
    let mut params = DeflateParams::default();
    params.server_no_context_takeover = !takeover;
    params.client_no_context_takeover = !takeover;
    let mut config = Config::default();
    config.heartbeat = None;
    config.fragment_size = None;
    config.compression = Some(Compression::default());
    let negotiated = Negotiated::default().with_deflate(params);
    Session::upgraded(role, negotiated, config, Seed::new([1; 32]), NOW)
}

fn flush(session: &mut Session) -> usize {
    let size = session.output().remaining();
    session.handle_flushed(size, NOW);
    size
}

fn compress_raw(compress: &mut Compress, text: &str, takeover: bool, out: &mut Vec<u8>) {
    if !takeover {
        compress.reset();
    }
    out.clear();
    compress.compress_vec(text.as_bytes(), out, FlushCompress::Sync).unwrap();
    assert!(out.ends_with(&TAIL) && out.len() < out.capacity());
    out.truncate(out.len() - TAIL.len());
}

fn compress(group: &mut Group<'_>, texts: &[String], takeover: bool) {
    let mut raw = Compress::new(flate2::Compression::new(6), false);
    let mut out = Vec::with_capacity(100_000);
    let mut turn = texts.iter().cycle();
    group.bench_function("compress/flate2", |b| {
        b.iter(|| {
            compress_raw(&mut raw, turn.next().unwrap(), takeover, &mut out);
            black_box(out.len())
        });
    });
    let mut server = session(Role::Server, takeover);
    let mut turn = texts.iter().cycle();
    group.bench_function("compress/session", |b| {
        b.iter(|| {
            server.send(turn.next().unwrap().as_str(), NOW).unwrap();
            flush(&mut server)
        });
    });
}

fn inflate(group: &mut Group<'_>, texts: &[String], takeover: bool) {
    let mut raw = Compress::new(flate2::Compression::new(6), false);
    // The first one refers to nothing before it, so that the messages can be gone round.
    let payloads: Vec<Vec<u8>> = texts
        .iter()
        .map(|text| {
            let mut out = Vec::with_capacity(100_000);
            compress_raw(&mut raw, text, takeover, &mut out);
            [&out[..], &TAIL].concat()
        })
        .collect();
    let mut raw = Decompress::new(false);
    let mut out = Vec::with_capacity(100_000);
    let mut turn = payloads.iter().cycle();
    group.bench_function("inflate/flate2", |b| {
        b.iter(|| {
            if !takeover {
                raw.reset(false);
            }
            out.clear();
            raw.decompress_vec(turn.next().unwrap(), &mut out, FlushDecompress::None).unwrap();
            assert_eq!(out.len(), texts[0].len());
            black_box(out.len())
        });
    });
    // What a session gives besides: memory of the message's own, and text known to be UTF-8. Here its
    // size is known beforehand.
    let mut raw = Decompress::new(false);
    let mut turn = payloads.iter().cycle();
    group.bench_function("inflate/flate2, into a new string", |b| {
        b.iter(|| {
            if !takeover {
                raw.reset(false);
            }
            let mut out = Vec::with_capacity(texts[0].len() + 512);
            raw.decompress_vec(turn.next().unwrap(), &mut out, FlushDecompress::None).unwrap();
            let text = String::from_utf8(out).unwrap();
            assert_eq!(text.len(), texts[0].len());
            text
        });
    });
    let mut server = session(Role::Server, takeover);
    let wires: Vec<Vec<u8>> = texts
        .iter()
        .map(|text| {
            server.send(text.as_str(), NOW).unwrap();
            let mut output = server.output();
            let wire = output.copy_to_bytes(output.remaining()).to_vec();
            flush(&mut server);
            wire
        })
        .collect();
    let mut client = session(Role::Client, takeover);
    let mut wires = wires.iter().cycle();
    let mut buffer = vec![0; 100_000];
    group.bench_function("inflate/session", |b| {
        b.iter(|| {
            let wire = wires.next().unwrap();
            let mut input = &mut buffer[..wire.len()];
            input.copy_from_slice(wire);
            let Some(SessionEvent::Message(message)) = client.poll_event(&mut input, NOW) else {
                panic!("no message")
            };
            assert_eq!(message.len(), texts[0].len());
            black_box(message.len())
        });
    });
}

fn deflate(c: &mut Criterion) {
    for size in [1024, 64 * 1024] {
        let texts = texts(size);
        for takeover in [true, false] {
            let context = if takeover { "takeover" } else { "no takeover" };
            let mut group = c.benchmark_group(format!("deflate/{size}/{context}"));
            group.throughput(Throughput::Bytes(size as u64));
            compress(&mut group, &texts, takeover);
            inflate(&mut group, &texts, takeover);
            group.finish();
        }
    }
}

criterion_group!(benches, deflate);
criterion_main!(benches);
