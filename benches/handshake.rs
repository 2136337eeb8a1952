//! The opening handshake: a request as a browser sends it, read and answered.

use std::hint::black_box;
use std::time::Duration;

use bytes::BytesMut;
use criterion::{Criterion, criterion_group, criterion_main};
use farewell::Limits;
use farewell::handshake::{Accept, ClientHandshake, ClientRequest, Origins, ServerHandshake};

const REQUEST: &[u8] = b"GET /chat?room=1 HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Connection: Upgrade\r\n\
    Pragma: no-cache\r\n\
    Cache-Control: no-cache\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)\r\n\
    Upgrade: websocket\r\n\
    Origin: http://server.example.com\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Accept-Encoding: gzip, deflate, br\r\n\
    Accept-Language: en-US,en;q=0.9\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";

fn handshake(c: &mut Criterion) {
    let mut group = c.benchmark_group("handshake");
    group.sample_size(30).measurement_time(Duration::from_secs(1));
    group.warm_up_time(Duration::from_millis(500));
    let limits = Limits::default();
    let accept = Accept::new(Origins::SameHost);
    let mut out = BytesMut::with_capacity(1024);
    for (name, step) in [("server, request whole", REQUEST.len()), ("server, byte by byte", 1)] {
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut server = ServerHandshake::new(&limits);
                for piece in REQUEST.chunks(step) {
                    if let Ok((_, Some(request))) = server.receive(black_box(piece)) {
                        out.clear();
                        black_box(accept.write_response(&request, &mut out).is_ok());
                    }
                }
            });
        });
    }
    let Ok(request) = ClientRequest::new("ws://server.example.com/chat") else { return };
    group.bench_function("client, request", |b| {
        b.iter(|| {
            out.clear();
            black_box(ClientHandshake::start(&request, [7; 16], &limits, &mut out))
        });
    });
    group.finish();
}

criterion_group!(benches, handshake);
criterion_main!(benches);
