//! Messages in chunks: the same bytes as in whole messages, however they are cut and compressed, and
//! with the same limits; and next to no memory, however long they are.

use allocation_counter::measure;
use bytes::{Buf, Bytes};
use farewell::handshake::Negotiated;
use farewell::{
    Cause, Config, Data, Message, MessageKind, Role, Seed, Session, SessionEvent, Timestamp,
    Violation,
};
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::ZERO;

fn session(role: Role, compressed: bool, change: impl FnOnce(&mut Config)) -> Session {
    let mut config = Config::default();
    config.heartbeat = None;
    #[cfg(feature = "deflate")]
    {
        config.compression = compressed.then(farewell::Compression::default);
    }
    change(&mut config);
    #[cfg(feature = "deflate")]
    let negotiated = if compressed {
        Negotiated::default().with_deflate(farewell::handshake::DeflateParams::default())
    } else {
        Negotiated::default()
    };
    #[cfg(not(feature = "deflate"))]
    let negotiated = Negotiated::default();
    let _ = compressed;
    Session::upgraded(role, negotiated, config, Seed::new([5; 32]), NOW)
}

fn take(from: &mut Session) -> Vec<u8> {
    let mut output = from.output();
    let bytes = output.copy_to_bytes(output.remaining()).to_vec();
    from.handle_flushed(bytes.len(), NOW);
    bytes
}

fn take_all(from: &mut Session) -> Vec<u8> {
    std::iter::repeat_with(|| take(from)).take_while(|wire| !wire.is_empty()).flatten().collect()
}

/// Puts chunks together; whole messages count as they are.
#[derive(Default)]
struct Joined {
    messages: Vec<(MessageKind, Vec<u8>)>,
    open: Option<(MessageKind, Vec<u8>)>,
    cause: Option<Cause>,
}

impl Joined {
    fn add(&mut self, event: SessionEvent<'_>) {
        match event {
            SessionEvent::Message(message) => {
                assert!(self.open.is_none());
                self.messages.push((message.kind(), message.as_bytes().to_vec()));
            }
            SessionEvent::Chunk(chunk) => {
                assert_eq!(chunk.is_first(), self.open.is_none());
                assert!(!chunk.payload().is_empty() || chunk.is_last());
                let (kind, bytes) = self.open.get_or_insert_with(|| (chunk.kind(), Vec::new()));
                assert_eq!(*kind, chunk.kind());
                bytes.extend_from_slice(chunk.payload());
                if chunk.is_last() {
                    self.messages.extend(self.open.take());
                }
            }
            SessionEvent::Ended(report) => self.cause = Some(report.cause),
            _ => {}
        }
    }
}

#[derive(Debug, Clone)]
enum Sent {
    Whole(Vec<u8>),
    Parts(Vec<Vec<u8>>),
    Ping,
}

fn sent() -> impl Strategy<Value = Vec<Sent>> {
    // What compresses well, and what does not.
    let bytes = || {
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300),
            (any::<u8>(), 0..200_000_usize).prop_map(|(byte, len)| vec![byte; len]),
            (0..2_000_usize)
                .prop_map(|len| (0..len).flat_map(|i| i.to_string().into_bytes()).collect()),
        ]
    };
    let sent = prop_oneof![
        3 => bytes().prop_map(Sent::Whole),
        2 => prop::collection::vec(bytes(), 1..5).prop_map(Sent::Parts),
        1 => Just(Sent::Ping),
    ];
    prop::collection::vec(sent, 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_joined_is_what_was_sent(
        client: bool,
        compressed: bool,
        sent in sent(),
        cuts in prop::collection::vec(1..70_000_usize, 1..8),
        toggles in prop::collection::vec(any::<bool>(), 1..5),
    ) {
        let (ours, theirs) = if client { (Role::Client, Role::Server) } else { (Role::Server, Role::Client) };
        let mut from = session(theirs, compressed, |config| config.limits.pending_output = usize::MAX);
        let mut to = session(ours, compressed, |_| {});
        let mut expected = Vec::new();
        for sent in sent {
            match sent {
                Sent::Whole(bytes) => {
                    from.send(&bytes[..], NOW).unwrap();
                    expected.push((MessageKind::Binary, bytes));
                }
                Sent::Parts(parts) => {
                    for (index, part) in parts.iter().enumerate() {
                        from.send_fragment(&part[..], index + 1 == parts.len(), NOW).unwrap();
                    }
                    expected.push((MessageKind::Binary, parts.concat()));
                }
                Sent::Ping => from.ping(b"?", NOW).unwrap(),
            }
        }
        let (mut wire, mut joined) = (Bytes::new(), Joined::default());
        let (mut cuts, mut toggles) = (cuts.into_iter().cycle(), toggles.into_iter().cycle());
        loop {
            if wire.is_empty() {
                wire = take(&mut from).into();
                if wire.is_empty() {
                    break;
                }
            }
            let cut = cuts.next().unwrap().min(wire.len());
            let mut bytes = wire.split_to(cut).to_vec();
            let mut input = &mut bytes[..];
            loop {
                to.receive_in_chunks(toggles.next().unwrap());
                // Read into a message's own memory, where one is offered.
                let spare = to.spare_mut();
                if !spare.is_empty() && !input.is_empty() {
                    let len = spare.len().min(input.len());
                    spare[..len].copy_from_slice(&input[..len]);
                    input = &mut std::mem::take(&mut input)[len..];
                    to.handle_filled(len, NOW);
                }
                let Some(event) = to.poll_event(&mut input, NOW) else { break };
                joined.add(event);
            }
        }
        prop_assert!(joined.open.is_none() && joined.cause.is_none());
        prop_assert!(joined.messages == expected, "{} of {} messages", joined.messages.len(), expected.len());
    }
}

/// A fragment that something else than data follows in the same read: a Ping, a header that is cut, a Close,
/// a broken rule, and nothing.
#[test]
fn a_fragment_is_given_whatever_lies_behind_it() {
    for compressed in [false, cfg!(feature = "deflate")] {
        for behind in [&[0x89, 0][..], &[0x80], &[0x88, 2, 3, 0xe8], &[0xff, 0xff], &[]] {
            let mut to = session(Role::Client, compressed, |_| {});
            to.receive_in_chunks(true);
            let mut wire = [&[0x02, 3, 1, 2, 3, 0x00, 2, 4, 5][..], behind].concat();
            let (mut input, mut given) = (&mut wire[..], Vec::new());
            while let Some(event) = to.poll_event(&mut input, NOW) {
                if let SessionEvent::Chunk(chunk) = event {
                    given.extend_from_slice(chunk.payload());
                }
            }
            assert_eq!(given, [1, 2, 3, 4, 5], "{behind:x?}");
        }
    }
}

#[test]
fn a_text_is_checked_across_its_chunks() {
    for (bytes, good) in
        [(&b"\xe2\x82\xac!"[..], true), (b"\xe2\x82(", false), (b"\xe2\x82", false)]
    {
        for compressed in [false, cfg!(feature = "deflate")] {
            let mut to = session(Role::Client, compressed, |_| {});
            to.receive_in_chunks(true);
            let mut joined = Joined::default();
            // Of one fragment for each byte.
            for (index, byte) in bytes.iter().enumerate() {
                let first = if index == 0 { 1 } else { 0 };
                let fin = if index + 1 == bytes.len() { 0x80 } else { 0 };
                let mut frame = [first | fin, 1, *byte];
                let mut input = &mut frame[..];
                while let Some(event) = to.poll_event(&mut input, NOW) {
                    joined.add(event);
                }
            }
            to.abort(NOW);
            while let Some(event) = to.poll_event(&mut &mut [][..], NOW) {
                joined.add(event);
            }
            assert_eq!(joined.messages.len(), usize::from(good), "{bytes:?}");
            let invalid =
                matches!(joined.cause, Some(Cause::Violation { rule: Violation::InvalidUtf8, .. }));
            assert_eq!(invalid, !good, "{bytes:?}");
        }
    }
}

/// What one byte of a bomb makes is bounded as well.
#[test]
fn the_limit_of_a_message_holds_and_memory_does_not_grow_up_to_it() {
    for compressed in [false, cfg!(feature = "deflate")] {
        let mut from =
            session(Role::Server, compressed, |config| config.limits.pending_output = usize::MAX);
        let mut to = session(Role::Client, compressed, |config| config.limits.message = 32 << 20);
        to.receive_in_chunks(true);
        let part = vec![0; 1 << 20];
        let mut wires = Vec::new();
        for _ in 0..40 {
            from.send_fragment(Data::from(&part[..]), false, NOW).unwrap();
            loop {
                let wire = take(&mut from);
                if wire.is_empty() {
                    break;
                }
                wires.push(wire);
            }
        }
        let (mut got, mut cause) = (0, None);
        let info = measure(|| {
            for wire in &mut wires {
                for read in wire.chunks_mut(64 * 1024) {
                    let mut input = read;
                    while let Some(event) = to.poll_event(&mut input, NOW) {
                        if let SessionEvent::Chunk(chunk) = event {
                            got += chunk.payload().len();
                        }
                    }
                }
            }
            to.abort(NOW);
        });
        while let Some(event) = to.poll_event(&mut &mut [][..], NOW) {
            if let SessionEvent::Ended(report) = event {
                cause = Some(report.cause);
            }
        }
        let Some(Cause::TooBig { rule, .. }) = cause else { panic!("{cause:?}") };
        assert!(matches!(rule, Violation::MessageTooBig { limit, .. } if limit == 32 << 20));
        assert!(got <= 32 << 20 && got > 30 << 20, "{got}");
        println!("compressed {compressed}: {} bytes at most", info.bytes_max);
        assert!(info.bytes_max < 700_000, "{} bytes", info.bytes_max);
    }
}

#[test]
fn chunks_become_messages_again_behind_the_one_that_was_begun() {
    let mut to = session(Role::Client, false, |_| {});
    to.receive_in_chunks(true);
    let mut bytes = *b"\x01\x02he\x80\x03llo\x82\x01x";
    let mut input = &mut bytes[..];
    let Some(SessionEvent::Chunk(chunk)) = to.poll_event(&mut input, NOW) else { panic!() };
    assert_eq!(
        (&chunk.payload()[..], chunk.is_first(), chunk.is_last()),
        (&b"he"[..], true, false)
    );
    to.receive_in_chunks(false);
    let Some(SessionEvent::Chunk(chunk)) = to.poll_event(&mut input, NOW) else { panic!() };
    assert_eq!(
        (&chunk.payload()[..], chunk.is_first(), chunk.is_last()),
        (&b"llo"[..], false, true)
    );
    let Some(SessionEvent::Message(message)) = to.poll_event(&mut input, NOW) else { panic!() };
    assert_eq!(message, Message::from(&b"x"[..]));
}

/// What of a message was put together before is given at once when it is asked for in chunks.
#[test]
fn what_has_come_is_given_as_soon_as_it_is_asked_for_in_chunks() {
    for compressed in [false, cfg!(feature = "deflate")] {
        for direct in [false, true] {
            let mut from = session(Role::Server, compressed, |_| {});
            let mut to = session(Role::Client, compressed, |_| {});
            let part: Vec<u8> = (0..60_000_u32).flat_map(u32::to_be_bytes).collect();
            from.send_fragment(&part[..], false, NOW).unwrap();
            let mut wire = take_all(&mut from);
            let mut input = &mut wire[..];
            while !input.is_empty() {
                let spare = if direct { to.spare_mut() } else { &mut [] };
                let len = spare.len().min(input.len()).min(50_000);
                spare[..len].copy_from_slice(&input[..len]);
                input = &mut input[len..];
                to.handle_filled(len, NOW);
                let len = input.len().min(20_000);
                let (mut now, rest) = input.split_at_mut(len);
                assert!(to.poll_event(&mut now, NOW).is_none());
                input = rest;
            }
            // Asked for and not taken, it is as if nobody had.
            to.receive_in_chunks(true);
            to.receive_in_chunks(false);
            assert!(to.poll_event(&mut &mut [][..], NOW).is_none());
            to.receive_in_chunks(true);
            let mut joined = Joined::default();
            while let Some(event) = to.poll_event(&mut &mut [][..], NOW) {
                joined.add(event);
            }
            let (kind, got) = joined.open.take().expect("it is given");
            assert!(kind == MessageKind::Binary && got == part, "{} bytes", got.len());
            joined.open = Some((kind, got));
            to.receive_in_chunks(false);
            from.send_fragment(&b"end"[..], true, NOW).unwrap();
            from.send("whole", NOW).unwrap();
            let mut wire = take(&mut from);
            let mut input = &mut wire[..];
            while let Some(event) = to.poll_event(&mut input, NOW) {
                joined.add(event);
            }
            let expected = [part, b"end".to_vec()].concat();
            assert!(joined.messages[0].1 == expected && joined.messages[1].1 == b"whole");
        }
    }
}

/// What was read into the memory of a message, and not looked at, is a part of what has come.
#[test]
fn what_was_read_directly_is_given_as_well() {
    let mut to = session(Role::Client, false, |_| {});
    let mut wire = [&[0x82, 127, 0, 0, 0, 0, 0, 1, 0x86, 0xa0][..], &[1; 40_000]].concat();
    assert!(to.poll_event(&mut &mut wire[..], NOW).is_none());
    let spare = to.spare_mut();
    let len = spare.len();
    spare.fill(2);
    to.handle_filled(len, NOW);
    to.receive_in_chunks(true);
    let mut joined = Joined::default();
    while let Some(event) = to.poll_event(&mut &mut [][..], NOW) {
        joined.add(event);
    }
    assert!(len > 0 && joined.open.unwrap().1 == [vec![1; 40_000], vec![2; len]].concat());
}

/// All that is given of messages up to the end, and how it ended, of input that is cut every `step` bytes.
fn given(wire: &[u8], step: usize, limit: u64) -> (Vec<u8>, Option<Cause>) {
    let deflate = cfg!(feature = "deflate");
    let mut to = session(Role::Client, deflate, |config| config.limits.message = limit);
    to.receive_in_chunks(true);
    let (mut given, mut cause, mut wire) = (Vec::new(), None, wire.to_vec());
    let mut note = |event| match event {
        SessionEvent::Chunk(chunk) => given.extend_from_slice(chunk.payload()),
        SessionEvent::Ended(report) => cause = Some(report.cause),
        _ => {}
    };
    for read in wire.chunks_mut(step) {
        let mut input = read;
        while let Some(event) = to.poll_event(&mut input, NOW) {
            note(event);
        }
    }
    to.abort(NOW);
    while let Some(event) = to.poll_event(&mut &mut [][..], NOW) {
        note(event);
    }
    (given, cause)
}

/// A frame of a server.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len()).unwrap().to_be_bytes();
    [&[first, 126, len[0], len[1]], payload].concat()
}

/// Deflate's block without compression.
#[cfg(feature = "deflate")]
fn stored(last: bool, bytes: &[u8]) -> Vec<u8> {
    let len = u16::try_from(bytes.len()).unwrap();
    [&[u8::from(last)][..], &len.to_le_bytes(), &(!len).to_le_bytes(), bytes].concat()
}

const STEPS: [usize; 6] = [1, 127, 128, 129, 1_000, usize::MAX];

#[test]
fn what_is_given_before_a_fault_does_not_depend_on_how_the_input_is_cut() {
    let text: Vec<u8> =
        (0..9_000).flat_map(|number: u32| number.to_string().into_bytes()).collect();
    let (good, cut) = (&text[..20_000], "ä€".as_bytes());
    let bad = |bytes: &[u8]| [good, bytes].concat();
    // What is sent, how much of a message there may be, and how much of it is given.
    #[cfg_attr(not(feature = "deflate"), expect(unused_mut, reason = "then these are all"))]
    let mut cases = vec![
        (frame(0x81, &bad(b"\xff and more")), u64::MAX, 20_000),
        (frame(0x81, &bad(b"\xe2\x82 and more")), u64::MAX, 20_002),
        (frame(0x81, &bad(&cut[..4])), u64::MAX, 20_004),
    ];
    #[cfg(feature = "deflate")]
    for last in [false, true] {
        // Of one block, and of two, of which the first may end its stream.
        let blocks = |more: &[u8]| [stored(last, good), more.to_vec()].concat();
        let stored = |bytes: &[u8]| stored(false, bytes);
        cases.extend([
            (frame(0xc1, &blocks(&stored(b"\xff and more"))), u64::MAX, 20_000),
            (frame(0xc1, &blocks(&stored(b"on\xe2\x82 and more"))), u64::MAX, 20_004),
            // A character that the message ends in.
            (frame(0xc1, &blocks(&stored(&cut[..4]))), u64::MAX, 20_004),
            // What is no block.
            (frame(0xc2, &blocks(&[7, 1, 2, 3])), u64::MAX, 20_000),
            (frame(0xc2, &blocks(&[stored(b"on"), vec![6]].concat())), u64::MAX, 20_002),
            // A block that is cut short.
            (frame(0xc2, &blocks(&stored(&[7; 900])[..700])), u64::MAX, 20_695),
            // Beyond a limit.
            (frame(0xc2, &blocks(&stored(&[7; 900]))), 20_300, 20_300),
            (frame(0xc2, &blocks(&stored(&[7; 900]))), 15_000, 15_000),
        ]);
    }
    for (index, (wire, limit, len)) in cases.into_iter().enumerate() {
        let whole = given(&wire, usize::MAX, limit);
        assert!(!matches!(whole.1, Some(Cause::Aborted) | None), "{index}: {:?}", whole.1);
        for step in STEPS {
            let now = given(&wire, step, limit);
            assert_eq!(now.1, whole.1, "{index}, in {step}");
            assert_eq!(now.0.len(), len, "{index}, in {step}");
        }
    }
}

/// Behind a final block, whether what comes is settled is not known for a while.
#[cfg(feature = "deflate")]
#[test]
fn what_lies_behind_a_final_block_is_given_at_once_and_takes_no_memory() {
    let mut from = session(Role::Server, true, |config| config.limits.pending_output = usize::MAX);
    from.send(vec![0; 900_000], NOW).unwrap();
    let zeros = take(&mut from);
    // A frame with a length of two bytes, then nothing before what it has in it.
    assert_eq!(zeros[1], 126);
    let zeros = &zeros[4..];
    assert!(zeros.len() < 1_024, "{} bytes are all recorded", zeros.len());
    // The rest of the empty block that ends what was compressed.
    let more = [vec![0, 0, 0xff, 0xff], stored(false, &[1; 500])].concat();
    let mut wire = frame(0x42, &[&stored(true, b"x"), zeros].concat());
    wire.extend(frame(0x80, &more));
    let expected = 1 + 900_000 + 500;
    for step in STEPS {
        let mut to = session(Role::Client, true, |_| {});
        to.receive_in_chunks(true);
        let mut wire = wire.clone();
        let (begun, rest) = wire.split_at_mut(zeros.len() + 10);
        let mut got = 0;
        let mut read = |bytes: &mut [u8], got: &mut usize| {
            for read in bytes.chunks_mut(step) {
                let mut input = read;
                while let Some(event) = to.poll_event(&mut input, NOW) {
                    let SessionEvent::Chunk(chunk) = event else { panic!("{event:?}") };
                    *got += chunk.payload().len();
                }
            }
        };
        let info = measure(|| read(begun, &mut got));
        assert_eq!(got, 900_001, "in {step}");
        assert!(info.bytes_max < 700_000, "in {step}: {} bytes", info.bytes_max);
        read(rest, &mut got);
        assert_eq!(got, expected);
    }
}
