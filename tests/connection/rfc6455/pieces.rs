//! The same bytes in different pieces.

use std::fmt::Debug;

/// Runs `subject` on `wire` whole, byte by byte and split in two at every place, and gives the
/// result, which has to be the same each time.
pub(crate) fn in_every_split<T: Debug + PartialEq>(
    wire: &[u8],
    mut subject: impl FnMut(&[&[u8]]) -> T,
) -> T {
    let whole = subject(&[wire]);
    let bytes: Vec<&[u8]> = wire.chunks(1).collect();
    assert_eq!(subject(&bytes), whole, "byte by byte: {}", wire.escape_ascii());
    for at in 0..=wire.len() {
        let (left, right) = wire.split_at(at);
        assert_eq!(subject(&[left, right]), whole, "split at {at}: {}", wire.escape_ascii());
    }
    whole
}

/// Feeds pieces to a handshake until it ends: how it ended, and how many bytes it took.
///
/// Before its end it has to take every byte, after its end none.
pub(crate) fn drive<T, E>(
    pieces: &[&[u8]],
    mut receive: impl FnMut(&[u8]) -> Result<(usize, Option<T>), E>,
) -> Result<(Option<T>, usize), E> {
    let mut total = 0;
    for piece in pieces {
        let (taken, end) = receive(piece)?;
        total += taken;
        if end.is_some() {
            assert!(matches!(receive(b"more"), Ok((0, None))), "took bytes after its end");
            return Ok((end, total));
        }
        assert_eq!(taken, piece.len(), "left bytes without having ended");
    }
    Ok((None, total))
}
