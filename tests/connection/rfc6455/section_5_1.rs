//! Section 5.1: who masks, and what becomes of those who do not.

use farewell::{Role, Violation};

use super::failing::fails;
use crate::support::drive::{Drive, quiet};
use crate::support::wire::{
    BINARY, BINARY_BEGINS, CLOSE, KEY, LAST, PING, PONG, TEXT, close_body, frame, frames,
};

/// Everything that an endpoint can write: data, fragments, its own Ping, a Pong, a Close.
fn everything_written(role: Role) -> Drive {
    let mut drive = Drive::new(role, quiet());
    let mut out = bytes::BytesMut::new();
    let now = drive.now;
    let connection = &mut drive.connection;
    connection.send("text", &mut out, now).unwrap();
    connection.send(b"binary", &mut out, now).unwrap();
    connection.send("", &mut out, now).unwrap();
    connection.send(&[9; 200][..], &mut out, now).unwrap();
    connection.send(&[9; 70_000][..], &mut out, now).unwrap();
    connection.send_fragment("begins", false, &mut out, now).unwrap();
    connection.ping(b"between", &mut out, now).unwrap();
    connection.send_fragment("ends", true, &mut out, now).unwrap();
    drive.output.extend_from_slice(&out);
    drive.peer_sends(&[(PING, b"answer me")]).close(1000, "bye");
    drive
}

#[test]
fn every_frame_of_a_client_is_masked_and_none_of_a_server() {
    //= rfc6455#5.1
    //= type=test
    //# a client MUST mask all frames that it
    //# sends to the server
    let frames_of = |role| frames(&everything_written(role).output);
    assert!(frames_of(Role::Client).iter().all(|frame| frame.mask.is_some()));
    //= rfc6455#5.1
    //= type=test
    //# A server MUST NOT mask any frames that it sends to
    //# the client.
    assert!(frames_of(Role::Server).iter().all(|frame| frame.mask.is_none()));
    let plain = |role| -> Vec<_> {
        frames_of(role).into_iter().map(|frame| (frame.first, frame.payload)).collect()
    };
    assert_eq!(plain(Role::Client), plain(Role::Server));
    assert_eq!(plain(Role::Client).len(), 10);
    let firsts: Vec<u8> = plain(Role::Server).iter().map(|(first, _)| *first).collect();
    let expected = [TEXT, BINARY, TEXT, BINARY, BINARY, 0x01, PING, LAST, PONG, CLOSE];
    assert_eq!(firsts, expected);
}

#[test]
fn a_server_fails_a_connection_whose_client_does_not_mask() {
    //= rfc6455#5.1
    //= type=test
    //# The server MUST close the connection upon receiving a
    //# frame that is not masked.  In this case, a server MAY send a Close
    //# frame with a status code of 1002 (protocol error) as defined in
    //# Section 7.4.1.
    let body = close_body(1000, "");
    for (first, payload) in
        [(TEXT, &b"x"[..]), (BINARY_BEGINS, b""), (PING, b""), (PONG, b"x"), (CLOSE, &body)]
    {
        let wire = frame(first, None, payload);
        fails(Role::Server, &wire, Violation::UnmaskedFrame, 1);
        let before = frame(TEXT, Some(KEY), b"fine");
        let offset = before.len() as u64 + 1;
        fails(Role::Server, &[before, wire].concat(), Violation::UnmaskedFrame, offset);
    }
}

#[test]
fn a_client_fails_a_connection_whose_server_masks() {
    //= rfc6455#5.1
    //= type=test
    //# A client MUST close a connection if it detects a masked
    //# frame.  In this case, it MAY use the status code 1002 (protocol
    //# error) as defined in Section 7.4.1.
    for key in [KEY, [0; 4]] {
        for first in [TEXT, BINARY_BEGINS, PING, PONG, CLOSE] {
            fails(Role::Client, &frame(first, Some(key), b""), Violation::MaskedFrame, 1);
        }
    }
}
