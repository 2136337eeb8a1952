//! Section 5.7: the RFC's examples, read and, where nothing is random in them, written.

use bytes::BytesMut;
use farewell::{Connection, MessageKind, OpCode, Role, Seed, Timestamp};

use crate::support::drive::{Drive, quiet};
use crate::support::oracle::Seen;
use crate::support::wire::{frames, hex};

const TEXT_UNMASKED: &str = include_str!("../golden/rfc6455_5_7_text_unmasked.hex");
const TEXT_MASKED: &str = include_str!("../golden/rfc6455_5_7_text_masked.hex");
const TEXT_FRAGMENTED: &str = include_str!("../golden/rfc6455_5_7_text_fragmented.hex");
const PING: &str = include_str!("../golden/rfc6455_5_7_ping.hex");
const PONG_MASKED: &str = include_str!("../golden/rfc6455_5_7_pong_masked.hex");
const BINARY_256: &str = include_str!("../golden/rfc6455_5_7_binary_256.hex");
const BINARY_64K_HEADER: &str = include_str!("../golden/rfc6455_5_7_binary_64k_header.hex");

fn whole(kind: MessageKind, bytes: &[u8]) -> Seen {
    Seen::Data { kind, first: true, last: true, bytes: bytes.to_vec() }
}

fn reads(role: Role, wire: &[u8], expected: Seen) {
    let mut drive = Drive::new(role, quiet());
    drive.receive(wire);
    assert_eq!(drive.log, [expected], "{}", drive.wires());
}

/// What a server writes, in the bytes of an example.
fn writes(expected: &[u8], command: impl Fn(&mut Connection, &mut BytesMut, Timestamp)) {
    let now = Timestamp::ZERO;
    let mut server = Connection::new(Role::Server, quiet(), Seed::new([0; 32]), now);
    let mut out = BytesMut::new();
    command(&mut server, &mut out, now);
    assert_eq!(out[..], *expected);
}

fn binary_64k() -> (Vec<u8>, Vec<u8>) {
    let payload: Vec<u8> = (0..=u8::MAX).cycle().take(65_536).collect();
    ([hex(BINARY_64K_HEADER), payload.clone()].concat(), payload)
}

#[test]
fn every_example_is_read() {
    reads(Role::Client, &hex(TEXT_UNMASKED), whole(MessageKind::Text, b"Hello"));
    reads(Role::Server, &hex(TEXT_MASKED), whole(MessageKind::Text, b"Hello"));
    reads(Role::Client, &hex(TEXT_FRAGMENTED), whole(MessageKind::Text, b"Hello"));
    reads(Role::Client, &hex(PING), Seen::Ping(b"Hello".to_vec()));
    reads(Role::Server, &hex(PONG_MASKED), Seen::Pong(b"Hello".to_vec()));
    let every: Vec<u8> = (0..=255).collect();
    reads(Role::Client, &hex(BINARY_256), whole(MessageKind::Binary, &every));
    let (wire, payload) = binary_64k();
    reads(Role::Client, &wire, whole(MessageKind::Binary, &payload));
}

#[test]
fn every_unmasked_example_is_written() {
    writes(&hex(TEXT_UNMASKED), |server, out, now| server.send("Hello", out, now).unwrap());
    writes(&hex(TEXT_FRAGMENTED), |server, out, now| {
        server.send_fragment("Hel", false, out, now).unwrap();
        server.send_fragment("lo", true, out, now).unwrap();
    });
    writes(&hex(PING), |server, out, now| server.ping(b"Hello", out, now).unwrap());
    let every: Vec<u8> = (0..=255).collect();
    writes(&hex(BINARY_256), |server, out, now| server.send(&every[..], out, now).unwrap());
    let (wire, payload) = binary_64k();
    writes(&wire, |server, out, now| server.send(&payload[..], out, now).unwrap());
    writes(&hex(BINARY_64K_HEADER), |server, out, now| {
        let head = server.begin_frame(MessageKind::Binary, 65_536, true, now).unwrap();
        out.extend_from_slice(head.bytes());
    });
}

#[test]
fn a_ping_request_gets_the_masked_response() {
    let mut client = Drive::new(Role::Client, quiet());
    client.receive(&hex(PING));
    // Only the masking key is the client's own.
    let (written, example) = (frames(&client.output), frames(&hex(PONG_MASKED)));
    assert_eq!(written.len(), 1);
    assert_eq!((written[0].first, &written[0].payload), (example[0].first, &example[0].payload));
    assert!(written[0].mask.is_some());
}

#[test]
fn every_header_is_decoded_and_encoded() {
    let examples = [
        (TEXT_UNMASKED, Role::Server, OpCode::Text, 5),
        (TEXT_MASKED, Role::Client, OpCode::Text, 5),
        (PING, Role::Server, OpCode::Ping, 5),
        (PONG_MASKED, Role::Client, OpCode::Pong, 5),
        (BINARY_256, Role::Server, OpCode::Binary, 256),
        (BINARY_64K_HEADER, Role::Server, OpCode::Binary, 65_536),
    ];
    for (example, sender, opcode, len) in examples {
        let wire = hex(example);
        let decoded = farewell::FrameHeader::decode(&wire, sender);
        let (header, length) = decoded.expect("a valid header").expect("a whole header");
        assert_eq!((header.opcode, header.len, header.fin), (opcode, len, true));
        let mut bytes = [0; 14];
        assert_eq!(header.encode(&mut bytes), length);
        assert_eq!(bytes[..length], wire[..length]);
        for end in 0..length {
            assert_eq!(farewell::FrameHeader::decode(&wire[..end], sender), Ok(None));
        }
    }
}
