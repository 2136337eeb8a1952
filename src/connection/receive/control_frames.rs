//! Control frames: their payloads, which are kept until they are whole, and what each becomes.

use core::mem;

use super::{Fault, Received, Receiver, State, take};
use crate::connection::control::close_frame;
use crate::wire::frame::OpCode;
use crate::wire::mask;
use crate::wire::role::Role;

impl Receiver {
    /// Stores the payload of a control frame. Returns whether it is complete.
    pub(super) fn take_control(&mut self, input: &mut &mut [u8]) -> bool {
        let len = (self.remaining as usize).min(input.len());
        let piece = take(input, len);
        if self.sender == Role::Client {
            mask::apply(piece, self.key);
            self.key = self.key.rotated(len);
        }
        self.remaining -= len as u64;
        self.offset += len as u64;
        let ping = self.opcode == OpCode::Ping;
        match self.aside {
            true if ping && len as u64 == self.frame_len => self.ping.set(piece),
            true => {
                self.other.extend(piece);
                if ping && self.remaining == 0 {
                    self.ping.set(self.other.as_slice());
                }
            }
            false => self.ping.extend(piece),
        }
        self.remaining == 0
    }

    pub(super) fn finish_control<'b>(&mut self) -> Result<Received<'b>, Fault> {
        self.state = if self.message.is_some() { State::Between } else { State::Boundary };
        //= rfc6455#6.2
        //# the frame MUST be handled as defined by Section 5.5.
        match self.opcode {
            OpCode::Ping => {
                self.pong_due = true;
                Ok(Received::Ping)
            }
            OpCode::Close => {
                let start = self.offset - self.frame_len;
                let frame = close_frame(self.other.as_slice());
                frame.map(Received::Close).map_err(|rule| Fault { rule, offset: start })
            }
            _ => Ok(Received::Pong),
        }
    }

    /// The payload of the latest Ping, if its Pong is due.
    pub(in crate::connection) fn take_pong(&mut self) -> Option<&[u8]> {
        mem::take(&mut self.pong_due).then_some(self.ping.as_slice())
    }
}
