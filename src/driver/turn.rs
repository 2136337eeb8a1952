//! What was tried in the present turn.

/// What one executor has tried since it last waited.
///
/// Where two threads share a driver, each has one of its own: what one of them leaves to the other
/// is not blocked for that one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Turn {
    /// Nothing was there to read.
    pub(crate) read_blocked: bool,
    /// A read was tried since the time was last told.
    pub(crate) read_tried: bool,
    /// The stream took nothing.
    pub(crate) write_blocked: bool,
}
