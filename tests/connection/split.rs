//! However the stream is cut into reads, a connection says and does the same; and what it says is
//! what the naive oracle says.

use farewell::{Cause, Config, Limits, Role, Termination, Violation};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::support::drive::{Drive, quiet};
use crate::support::oracle::{self, End, Reading, Seen};
use crate::support::wire::{
    BINARY, BINARY_BEGINS, CLOSE, GOES_ON, KEY, LAST, PING, PONG, ROLES, TEXT, TEXT_BEGINS,
    close_body, frame, header, mask_of, peer_of, sent_by, show,
};

/// Limits that short wires can reach.
fn config() -> Config {
    let mut config = quiet();
    config.limits.frame = 700;
    config.limits.message = 1000;
    config.limits.fragments = 6;
    config.limits.empty_fragments = 2;
    config
}

/// Everything that can be told apart from outside.
#[derive(Debug, PartialEq)]
struct Outcome {
    log: Vec<Seen>,
    output: Vec<u8>,
    report: Termination,
}

/// Reads `wire` in pieces that end where `cuts` say, and then the end of the stream.
fn run(role: Role, wire: &[u8], cuts: impl IntoIterator<Item = usize>) -> Outcome {
    let mut drive = Drive::new(role, config());
    let mut start = 0;
    for cut in cuts.into_iter().chain([wire.len()]) {
        drive.receive(&wire[start..cut]);
        start = cut;
    }
    let report = drive.eof().run_out().report();
    Outcome { log: drive.log, output: drive.output, report }
}

/// Compares the whole wire in one read with what the oracle says of it.
fn check_with_oracle(role: Role, wire: &[u8]) -> Outcome {
    let whole = run(role, wire, []);
    let Reading { log, end } = oracle::read(peer_of(role), wire, &config().limits);
    assert_eq!(whole.log, log, "{role:?}: {}", show(wire));
    let cause = match end {
        End::At(at) => Cause::Eof { at },
        End::Closed { trailing } => {
            assert_eq!(whole.report.evidence.discarded, trailing, "{role:?}: {}", show(wire));
            Cause::ClosingHandshake
        }
        End::Broken { rule, offset } => match rule {
            Violation::FrameTooBig { .. } | Violation::MessageTooBig { .. } => {
                Cause::TooBig { rule, offset }
            }
            _ => Cause::Violation { rule, offset },
        },
    };
    assert_eq!(whole.report.cause, cause, "{role:?}: {}", show(wire));
    assert_eq!(whole.report.evidence.received.bytes, wire.len() as u64);
    whole
}

fn check_cuts(role: Role, wire: &[u8], whole: &Outcome, cuts: &[usize]) {
    let cut = run(role, wire, cuts.iter().copied());
    assert_eq!(&cut, whole, "{role:?}, cut at {cuts:?}: {}", show(wire));
}

/// Every cut in two, and one byte at a time.
fn check_cuts_in_two(role: Role, wire: &[u8]) {
    let whole = check_with_oracle(role, wire);
    for cut in 0..=wire.len() {
        check_cuts(role, wire, &whole, &[cut]);
    }
    let all: Vec<usize> = (1..wire.len()).collect();
    check_cuts(role, wire, &whole, &all);
}

/// Streams that a peer sends, right and wrong, of all kinds. `sender` masks or does not.
fn streams(sender: Role) -> Vec<Vec<u8>> {
    let of = |frames: &[(u8, &[u8])]| sent_by(sender, frames);
    let mask = mask_of(sender);
    let wrong_mask = if mask.is_none() { Some(KEY) } else { None };
    let masked = if mask.is_some() { 0x80 } else { 0 };
    let long = [b'x'; 125];
    // With a length of three bytes: plain, with characters of more bytes, wrong inside, cut short.
    let (longer, wide) = ([b'y'; 126], "grüße ".repeat(20));
    let wrong = [&[b'z'; 150][..], b"\xc3(", &[b'z'; 50]].concat();
    let short = [wide.as_bytes(), b"\xe2\x82"].concat();
    let raw = |bytes: &[u8]| bytes.to_vec();
    vec![
        raw(b""),
        of(&[(TEXT, b"Hello")]),
        of(&[(TEXT, b""), (BINARY, b"")]),
        of(&[(TEXT, "κόσμε €\u{10348}".as_bytes()), (BINARY, b"\xff\x00")]),
        of(&[(TEXT_BEGINS, b"Hel"), (PING, b"now"), (GOES_ON, b""), (LAST, b"lo"), (PONG, b"x")]),
        of(&[(TEXT_BEGINS, b""), (PING, b""), (GOES_ON, b"a"), (LAST, b"")]),
        of(&[(BINARY_BEGINS, b"1"), (PING, b"a"), (PING, b"b"), (LAST, b""), (CLOSE, b"")]),
        // A character cut between two frames.
        of(&[(TEXT_BEGINS, b"\xf0\x90"), (PING, b"p"), (GOES_ON, b"\x8d"), (LAST, b"\x88!")]),
        of(&[(CLOSE, &close_body(1000, "bye")), (TEXT, b"late"), (CLOSE, b"")]),
        of(&[(TEXT_BEGINS, b"cut"), (CLOSE, &close_body(4000, ""))]),
        of(&[(PING, &long), (PONG, &long)]),
        // The last data stays known after a message that gave none.
        of(&[(BINARY, &long), (TEXT, b"\xff")]),
        of(&[(CLOSE, &close_body(1001, &"r".repeat(100)))]),
        of(&[(TEXT, &longer), (BINARY, &longer), (TEXT, wide.as_bytes()), (PING, b"")]),
        of(&[(TEXT, &wrong), (TEXT, b"late")]),
        of(&[(TEXT, &longer), (TEXT, &short), (TEXT, b"late")]),
        of(&[(TEXT_BEGINS, &longer), (BINARY, &longer)]),
        of(&[(CLOSE, b""), (BINARY, &longer)]),
        // Text that is not: inside, across frames, at the end, in a Close.
        of(&[(TEXT, b"good \xffbad"), (TEXT, b"late")]),
        of(&[(TEXT, b"\xed\xa0\x80")]),
        of(&[(TEXT_BEGINS, b"a\xf4"), (LAST, b"\x90\x80\x80")]),
        of(&[(TEXT, b"ab\xe2\x82"), (TEXT, b"late")]),
        of(&[(TEXT_BEGINS, b"ab\xe2"), (LAST, b"")]),
        of(&[(TEXT_BEGINS, b"ab\xe2"), (PING, b""), (LAST, b"\x28")]),
        of(&[(CLOSE, b"\x03\xe8\xc3")]),
        of(&[(CLOSE, b"\x03")]),
        of(&[(CLOSE, &close_body(1005, ""))]),
        of(&[(CLOSE, &close_body(999, "r"))]),
        // Headers that cannot be.
        of(&[(0xc1, b"a")]),
        of(&[(TEXT, b"ok"), (0x83, b"a")]),
        of(&[(0x8b, b"")]),
        of(&[(0x09, b"")]),
        frame(TEXT, wrong_mask, b"Hello"),
        [of(&[(TEXT_BEGINS, b"a")]), frame(LAST, wrong_mask, b"b")].concat(),
        [&[PING, masked | 126, 0, 126][..], &[0; 20]].concat(),
        [&[BINARY, masked | 126, 0, 125][..], &[0; 20]].concat(),
        [&[BINARY, masked | 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff][..], &[0; 9]].concat(),
        [&[BINARY, masked | 127, 0x80][..], &[0; 11]].concat(),
        // Sequences that cannot be.
        of(&[(LAST, b"a"), (TEXT, b"b")]),
        of(&[(GOES_ON, b"a")]),
        of(&[(TEXT_BEGINS, b"a"), (BINARY, b"b"), (LAST, b"c")]),
        of(&[(TEXT_BEGINS, b"a"), (TEXT_BEGINS, b"b")]),
        // Over a limit.
        [header(BINARY, mask, 701), vec![1; 30]].concat(),
        [header(BINARY, mask, 1 << 40), vec![1; 30]].concat(),
        [of(&[(TEXT_BEGINS, b"x")]), of(&[(GOES_ON, b"")]), header(LAST, mask, 1 << 62)].concat(),
        of(&[(BINARY_BEGINS, b""), (GOES_ON, b""), (GOES_ON, b""), (LAST, b"")]),
        of(&[(BINARY_BEGINS, b"1"), (GOES_ON, b"2"), (GOES_ON, b"3"), (GOES_ON, b"4")]),
        of(&[
            (BINARY_BEGINS, b"1"),
            (GOES_ON, b"2"),
            (GOES_ON, b"3"),
            (GOES_ON, b"4"),
            (GOES_ON, b"5"),
            (GOES_ON, b"6"),
            (LAST, b"7"),
        ]),
        // Streams that stop in the middle.
        of(&[(BINARY, &[7; 300])])[..150].to_vec(),
        of(&[(TEXT, b"Hello")])[..1].to_vec(),
        of(&[(BINARY_BEGINS, b"abc"), (GOES_ON, b"de")]),
        of(&[(PING, b"12345")])[..4].to_vec(),
        header(BINARY, mask, 600),
        header(BINARY, mask, 600)[..3].to_vec(),
        of(&[(BINARY, &[7; 700]), (BINARY, &[7; 701])]),
    ]
}

#[test]
fn every_cut_in_two_gives_the_same() {
    for role in ROLES {
        for wire in streams(peer_of(role)) {
            check_cuts_in_two(role, &wire);
        }
    }
}

#[test]
fn every_prefix_of_a_stream_is_a_stream() {
    for role in ROLES {
        for wire in streams(peer_of(role)).iter().filter(|wire| wire.len() < 60) {
            for end in 0..wire.len() {
                check_with_oracle(role, &wire[..end]);
            }
        }
    }
}

#[test]
fn every_way_to_split_a_short_stream_gives_the_same() {
    for role in ROLES {
        for wire in streams(peer_of(role)).iter().filter(|wire| (2..=13).contains(&wire.len())) {
            let whole = check_with_oracle(role, wire);
            for set in 0..1_u32 << (wire.len() - 1) {
                let cuts: Vec<usize> =
                    (1..wire.len()).filter(|cut| set >> (cut - 1) & 1 == 1).collect();
                check_cuts(role, wire, &whole, &cuts);
            }
        }
    }
}

#[test]
fn an_ordinary_client_and_an_ordinary_server_agree_with_the_oracle_at_default_limits() {
    for role in ROLES {
        let sender = peer_of(role);
        let text = "grüße ".repeat(20_000);
        let wire = sent_by(sender, &[(TEXT, text.as_bytes()), (BINARY, &[0x55; 70_000])]);
        let Reading { log, end } = oracle::read(sender, &wire, &Limits::default());
        for size in [1_000, 4_096, 65_536, wire.len()] {
            let mut drive = Drive::new(role, quiet());
            for piece in wire.chunks(size) {
                drive.receive(piece);
            }
            assert_eq!(drive.log, log, "{role:?}, {size} bytes a read");
            let End::At(at) = end else { panic!("{end:?}") };
            assert_eq!(drive.eof().report().cause, Cause::Eof { at });
        }
    }
}

/// A frame, mostly a right one: its first byte, its payload, whether its mask is right.
fn any_frame() -> impl Strategy<Value = (u8, Vec<u8>, bool)> {
    let first = prop_oneof![
        8 => prop::sample::select(vec![TEXT, BINARY, TEXT_BEGINS, BINARY_BEGINS, GOES_ON, LAST]),
        4 => prop::sample::select(vec![GOES_ON, LAST, PING, PONG]),
        1 => prop::sample::select(vec![CLOSE, 0x09, 0xc1, 0x8f]),
    ];
    let payload = prop_oneof![
        4 => "[a-zà-ÿ€\u{10348}]{0,40}".prop_map(String::into_bytes),
        2 => prop::collection::vec(any::<u8>(), 0..8),
        1 => prop::collection::vec(any::<u8>(), 110..140),
        1 => prop::collection::vec(b'a'..=b'z', 300..720),
        1 => (0_u16..5000).prop_map(|code| code.to_be_bytes().to_vec()),
    ];
    (first, payload, prop::bool::weighted(0.98))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_streams_split_at_random_give_the_same(
        frames in prop::collection::vec(any_frame(), 0..8),
        flip in prop::option::weighted(0.2, (any::<Index>(), any::<u8>())),
        stop in prop::option::weighted(0.2, any::<Index>()),
        cuts in prop::collection::vec(any::<Index>(), 0..12),
    ) {
        for role in ROLES {
            let sender = peer_of(role);
            let mut wire = Vec::new();
            for (first, payload, right) in &frames {
                let mask = mask_of(if *right { sender } else { role });
                wire.extend(frame(*first, mask, payload));
            }
            if let (Some((at, byte)), false) = (flip, wire.is_empty()) {
                let at = at.index(wire.len());
                wire[at] ^= byte;
            }
            if let Some(stop) = stop {
                wire.truncate(stop.index(wire.len() + 1));
            }
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(wire.len() + 1)).collect();
            cuts.sort_unstable();
            let whole = check_with_oracle(role, &wire);
            check_cuts(role, &wire, &whole, &cuts);
        }
    }
}
