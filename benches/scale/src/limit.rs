//! The limit for a message that goes to another connection each time: a cache line of state for each
//! connection, and a loop written by hand that reads a frame and writes its echo.

/// What a connection needs at least: whether a message is under way, counts, the time of the last
/// sign of life.
#[derive(Clone, Default)]
#[repr(align(64))]
pub struct State {
    messages: u64,
    bytes: u64,
    last: u64,
}

impl State {
    /// Unmasks a small data frame in place and appends its echo.
    #[inline]
    pub fn echo(&mut self, frame: &mut [u8], out: &mut Vec<u8>, now: u64) {
        let (header, payload) = frame.split_at_mut(6);
        assert!(header[0] == 0x82 && usize::from(header[1] & 0x7f) == payload.len());
        let key = [header[2], header[3], header[4], header[5]];
        payload.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
        out.extend_from_slice(&[0x82, payload.len() as u8]);
        out.extend_from_slice(payload);
        self.messages += 1;
        self.bytes += payload.len() as u64;
        self.last = now;
    }
}
