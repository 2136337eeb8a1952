//! The payloads of control frames, which may arrive in pieces, and the body of a Close.

use alloc::boxed::Box;

use crate::wire::close::{CloseCode, CloseFrame};
use crate::wire::frame::MAX_CONTROL;
use crate::wire::violation::Violation;

/// The Close frame with this body.
pub(super) fn close_frame(body: &[u8]) -> Result<CloseFrame, Violation> {
    //= rfc6455#5.5.1
    //# If there is a body, the first two bytes of
    //# the body MUST be a 2-byte unsigned integer (in network byte order)
    //# representing a status code with value /code/ defined in Section 7.4.
    let (code, reason) = match body {
        [] => return Ok(CloseFrame::EMPTY),
        [_] => return Err(Violation::CloseBodyTooShort),
        [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
    };
    let code = CloseCode::new(code).map_err(|error| Violation::InvalidCloseCode(error.0))?;
    let reason = core::str::from_utf8(reason).map_err(|_| Violation::InvalidCloseReason)?;
    Ok(CloseFrame::from_peer(code, reason))
}

/// The payload of a control frame.
#[derive(Debug)]
pub(super) struct ControlPayload {
    len: u8,
    bytes: [u8; MAX_CONTROL],
}

impl ControlPayload {
    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    pub(super) fn extend(&mut self, piece: &[u8]) {
        let start = usize::from(self.len);
        self.bytes[start..start + piece.len()].copy_from_slice(piece);
        self.len += piece.len() as u8;
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl Default for ControlPayload {
    fn default() -> Self {
        Self { len: 0, bytes: [0; MAX_CONTROL] }
    }
}

/// The payload of a control frame that is nearly always short: that of a Pong which answers the
/// heartbeat has eight bytes, a Close without a reason two, and a Ping seldom more than a timestamp.
/// The first one of more than `SHORT` bytes allocates a box, which stays until the connection is
/// dropped.
#[derive(Debug)]
pub(super) enum SmallPayload<const SHORT: usize> {
    Short { len: u8, bytes: [u8; SHORT] },
    Long(Box<ControlPayload>),
}

impl<const SHORT: usize> Default for SmallPayload<SHORT> {
    fn default() -> Self {
        Self::Short { len: 0, bytes: [0; SHORT] }
    }
}

impl<const SHORT: usize> SmallPayload<SHORT> {
    pub(super) fn clear(&mut self) {
        match self {
            Self::Short { len, .. } => *len = 0,
            Self::Long(long) => long.clear(),
        }
    }

    pub(super) fn set(&mut self, payload: &[u8]) {
        self.clear();
        self.extend(payload);
    }

    pub(super) fn extend(&mut self, piece: &[u8]) {
        match self {
            Self::Long(long) => long.extend(piece),
            Self::Short { len, bytes } => {
                let start = usize::from(*len);
                let end = start + piece.len();
                if let Some(room) = bytes.get_mut(start..end) {
                    room.copy_from_slice(piece);
                    *len = end as u8;
                    return;
                }
                let mut long = Box::new(ControlPayload::default());
                long.extend(&bytes[..start]);
                long.extend(piece);
                *self = Self::Long(long);
            }
        }
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Long(long) => long.as_slice(),
            Self::Short { len, bytes } => &bytes[..usize::from(*len)],
        }
    }
}
