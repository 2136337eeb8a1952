//! What long messages and streams of bytes do where something else happens in between.

use std::io::ErrorKind;
use std::thread;

use allocation_counter::measure;
use farewell::{CloseCode, MessageKind};

use super::{Streams, joined, report_of};
use crate::adapters::pings::Pings;
use crate::adapters::support::{
    Blocking, Raw, for_both_adapters, masked, pair, quiet, with_raw_client,
};

for_both_adapters!(
    what_was_received_before_chunks_are_asked_for_comes_at_once,
    a_close_in_the_middle_of_a_message_takes_no_memory,
    a_writer_that_has_sent_nothing_has_begun_nothing,
    a_writer_that_is_left_takes_along_what_it_holds,
    a_shutdown_says_where_bytes_were_lost,
);

fn what_was_received_before_chunks_are_asked_for_comes_at_once<A: Streams + Pings>() {
    let (mut server, mut raw) = with_raw_client::<A>(quiet());
    let peer = thread::spawn(move || {
        let ping = raw.frame();
        raw.write(&[masked(0x02, b"begun"), masked(0x8a, &ping.1)].concat());
        // The end comes only once the beginning was handed out.
        assert_eq!(raw.frame(), (0x81, b"got it".to_vec()));
        raw.write(&masked(0x80, b"end"));
        raw
    });
    server.ping().unwrap();
    let begun = server.next_chunk().into_chunk().unwrap();
    assert_eq!((&begun.payload()[..], begun.is_first()), (&b"begun"[..], true));
    server.send("got it").unwrap();
    assert_eq!(joined(&mut server), (b"end".to_vec(), 1));
    drop(peer.join().unwrap());
}

fn a_close_in_the_middle_of_a_message_takes_no_memory<A: Streams>() {
    let mut config = quiet();
    config.limits.message = u64::MAX;
    let (mut server, mut raw) = with_raw_client::<A>(config);
    let peer = thread::spawn(move || {
        raw.write(&masked(0x02, b"begun"));
        let (close, body) = raw.frame();
        // What is left of it is passed over in any case. Another one would be put together.
        raw.write(&[masked(0x80, b"end"), masked(0x02, b"another")].concat());
        let part = masked(0x00, &[7; 100_000]);
        for _ in 0..60 {
            raw.write(&part);
        }
        raw.write(&[masked(0x80, b"end"), masked(close, &body)].concat());
        drop(raw.rest());
    });
    assert_eq!(&server.next_chunk().into_chunk().unwrap().payload()[..], b"begun");
    let info = measure(|| assert!(server.close(CloseCode::NORMAL).clean));
    assert!(info.bytes_max < 1_000_000, "{} bytes", info.bytes_max);
    peer.join().unwrap();
}

fn a_writer_that_has_sent_nothing_has_begun_nothing<A: Streams>() {
    let (mut client, server) = pair::<A, _>(quiet(), |mut server: A| server.message());
    client.leave_message(MessageKind::Binary, &[7; 30_000]).unwrap();
    client.send("another").unwrap();
    assert_eq!(server.join().unwrap().as_text(), Some("another"));
}

fn a_writer_that_is_left_takes_along_what_it_holds<A: Streams>() {
    let (mut client, server) = pair::<A, _>(quiet(), |mut server: A| server.message());
    // Of that, one fragment of 32 KiB is sent.
    client.leave_message(MessageKind::Binary, &[7; 40_000]).unwrap();
    client.write_message(MessageKind::Binary, &[b"end"]).unwrap();
    let message = server.join().unwrap();
    assert_eq!(message.as_bytes(), [&[7; 32 * 1024][..], b"end"].concat());
}

fn a_shutdown_says_where_bytes_were_lost<A: Streams>() {
    for lost in [true, false] {
        let (server, mut raw) = with_raw_client::<A>(quiet());
        let mut stream = server.into_bytes();
        stream.write_all(b"some").unwrap();
        let peer = thread::spawn(move || {
            if lost {
                return raw.reset();
            }
            assert_eq!(raw.frame(), (0x82, b"some".to_vec()));
            raw.write(&masked(0x88, &1000_u16.to_be_bytes()));
            drop(raw.rest());
        });
        assert_eq!(stream.read(&mut [0; 10]).is_err(), lost);
        for _ in 0..2 {
            let result = stream.shutdown();
            assert_eq!(result.is_err(), lost, "{result:?}");
            if let Err(error) = result {
                assert_eq!(error.kind(), ErrorKind::BrokenPipe, "{error}");
                assert!(!report_of(&error).expect("it says how").clean);
            }
        }
        peer.join().unwrap();
    }
}

/// A peer that speaks bytes is told of what came last.
#[test]
fn a_writer_sends_a_fragment_for_each_flush() {
    let (mut server, raw) = with_raw_client::<Blocking>(quiet());
    let reads = thread::spawn(move || {
        let mut raw: Raw = raw;
        (0..3).map(|_| raw.frame()).collect::<Vec<_>>()
    });
    server.write_message(MessageKind::Text, &["a€".as_bytes(), b"b"]).unwrap();
    let expected = [(0x01, "a€".into()), (0x00, b"b".to_vec()), (0x80, Vec::new())];
    assert_eq!(reads.join().unwrap(), expected);
}

#[cfg(feature = "deflate")]
mod compressed {
    use farewell::{Compression, Incoming, PingError};

    use super::*;

    for_both_adapters!(chunks_are_inflated_ahead_within_the_bound);

    fn chunks_are_inflated_ahead_within_the_bound<A: Streams + Pings>() {
        const LEN: usize = 20_000_000;
        let mut config = quiet();
        config.compression = Some(Compression::default());
        config.limits.pending_output = 100_000;
        let (mut client, server) = pair::<A, _>(config, |mut server: A| {
            let mut got = server.next_chunk().into_chunk().unwrap().payload().len();
            // What it waits for lies behind all of that, which was read by now for the most part.
            let info = measure(|| assert_eq!(server.ping(), Err(PingError::Unread)));
            got += joined(&mut server).0.len();
            (got, info.bytes_max, server.next())
        });
        client.send(vec![0; LEN]).unwrap();
        assert!(client.close(CloseCode::NORMAL).clean);
        let (got, bytes, end) = server.join().unwrap();
        assert!(matches!(end, Incoming::Ended(report) if report.clean));
        assert_eq!(got, LEN);
        assert!(bytes < 1_000_000, "{bytes} bytes");
    }
}
