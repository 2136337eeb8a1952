//! The outbox from outside, against a list of what has to be in it.

use farewell::reconnect::{Kept, Outbox, OutboxError, OutboxLimit};
use proptest::prelude::*;

/// A message with its number and its length.
type Numbered = (u32, usize);

#[derive(Debug, Clone)]
enum Step {
    Push(usize),
    Give,
    Refuse,
    /// So many of those that were given are confirmed.
    Confirm(usize),
    /// The connection ends; of what it still had, so many had left.
    End(usize),
    Take,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..12_usize).prop_map(Step::Push),
        5 => Just(Step::Give),
        1 => Just(Step::Refuse),
        3 => (0..3_usize).prop_map(Step::Confirm),
        2 => (0..5_usize).prop_map(Step::End),
        1 => Just(Step::Take),
    ];
    prop::collection::vec(step, 0..80)
}

fn kept_of(messages: &[(Numbered, bool)]) -> Kept {
    let mut kept = Kept::default();
    kept.messages = messages.len();
    kept.bytes = messages.iter().map(|((_, len), _)| len).sum();
    kept
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Nothing is lost, nothing is out of order, and the bound holds, whatever happens.
    #[test]
    fn it_holds_what_a_list_would(messages in 1..6_usize, bytes in 0..40_usize, steps in steps()) {
        let mut outbox = Outbox::new(OutboxLimit::new(messages, bytes));
        // Each with whether it has left before: what the connection has, and what waits.
        let (mut given, mut waiting) = (Vec::<(Numbered, bool)>::new(), Vec::<(Numbered, bool)>::new());
        let (mut number, mut resent) = (0, 0);
        for step in steps {
            match step {
                Step::Push(len) => {
                    number += 1;
                    let all = kept_of(&[&given[..], &waiting[..]].concat());
                    let expected = if len > bytes {
                        Err((OutboxError::TooLong { limit: bytes }, (number, len)))
                    } else if all.messages >= messages || all.bytes + len > bytes {
                        Err((OutboxError::Full, (number, len)))
                    } else {
                        waiting.push(((number, len), false));
                        Ok(())
                    };
                    prop_assert_eq!(outbox.push((number, len), len), expected);
                }
                Step::Give => {
                    let next = outbox.poll_message();
                    prop_assert_eq!(next, waiting.first().map(|(message, _)| *message));
                    if next.is_some() {
                        let first = waiting.remove(0);
                        resent += u64::from(first.1);
                        given.push(first);
                    }
                }
                Step::Refuse => {
                    if let Some(message) = outbox.poll_message() {
                        outbox.handle_refused(message, message.1);
                    }
                }
                Step::Confirm(count) => {
                    let gone = count.min(given.len());
                    given.drain(..gone);
                    prop_assert_eq!(outbox.handle_kept(kept_of(&given)), gone > 0);
                }
                Step::End(left) => {
                    for (index, (_, has_left)) in given.iter_mut().enumerate() {
                        *has_left |= index < left;
                    }
                    let back = given.iter().enumerate();
                    outbox.handle_ended(back.map(|(index, (message, _))| (*message, message.1, index < left)));
                    waiting.splice(..0, given.drain(..));
                }
                Step::Take => {
                    let taken = outbox.take();
                    prop_assert_eq!(&taken, &waiting);
                    waiting.clear();
                }
            }
            prop_assert_eq!(outbox.kept(), kept_of(&[&given[..], &waiting[..]].concat()));
            prop_assert_eq!((outbox.waiting(), outbox.resent()), (waiting.len(), resent));
        }
    }
}
