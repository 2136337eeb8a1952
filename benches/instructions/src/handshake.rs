//! The opening handshake alone, below sessions.

use std::hint::black_box;

use bytes::BytesMut;
use farewell::Limits;
use farewell::handshake::{
    Accept, ClientHandshake, ClientRequest, Origins, Outcome, ServerHandshake,
};

use crate::{Work, http};

pub fn accept(count: usize) -> Work {
    let limits = Limits::default();
    let accept = Accept::new(Origins::SameHost);
    let mut out = BytesMut::with_capacity(4096);
    Box::new(move || {
        for _ in 0..count {
            out.clear();
            let mut handshake = ServerHandshake::new(&limits);
            let received = handshake.receive(black_box(http::REQUEST));
            let Ok((_, Some(request))) = received else { panic!("the request is sound") };
            assert!(accept.write_response(&request, &mut out).is_ok());
            black_box((&request, &out));
        }
    })
}

pub fn connect(count: usize) -> Work {
    let limits = Limits::default();
    let request = ClientRequest::new(http::URL).expect("the URL is sound");
    let mut out = BytesMut::with_capacity(4096);
    let mut response = Vec::new();
    Box::new(move || {
        for _ in 0..count {
            out.clear();
            let mut handshake = ClientHandshake::start(&request, [7; 16], &limits, &mut out);
            http::uncounted_response(&out, &mut response);
            let received = handshake.receive(black_box(&response));
            let Ok((_, Some(Outcome::Established(response)))) = received else {
                panic!("the response is sound")
            };
            black_box(&response);
        }
    })
}
