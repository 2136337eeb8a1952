//! Compression on a session: put in force as agreed, undone for what comes in.
//!
//! What goes out is compressed in [`commands`](super::commands), where it is accepted.

use alloc::boxed::Box;

use super::{Session, Stage};
use crate::config::Config;
use crate::connection::Connection;
use crate::deflate::Deflate;
use crate::handshake::Negotiated;
use crate::time::Timestamp;
use crate::wire::data::Chunk;
use crate::wire::message::{Message, NotUtf8};
use crate::wire::violation::Violation;

/// Puts the compression in force that was agreed on.
pub(super) fn compression(
    connection: &mut Connection,
    negotiated: &Negotiated,
    config: &Config,
) -> Option<Box<Deflate>> {
    let params = negotiated.extensions().deflate.as_ref()?;
    connection.allow_compressed();
    Some(Box::new(match config.compression() {
        Some(settings) => Deflate::new(connection.role(), params, settings),
        // Agreed on elsewhere, so it has to be understood.
        None => Deflate::with_defaults(connection.role(), params),
    }))
}

impl Session {
    /// Undoes the compression; gives the message once it is complete.
    #[inline(never)]
    pub(super) fn inflate(
        &mut self,
        chunk: &Chunk<'_>,
        now: Timestamp,
    ) -> Option<Message<'static>> {
        let (Stage::Open(connection), Some(deflate)) = (&mut self.stage, &mut self.deflate) else {
            return None;
        };
        let limit = self.config.limits.message;
        let verdict = self.assembly.extend_with(|memory| deflate.inflate(chunk, limit, memory));
        match verdict {
            Err(rule) => connection.fail_compressed(rule, now),
            Ok(()) if !chunk.is_last() => {}
            Ok(()) => match self.assembly.finish(chunk.kind()) {
                Ok(message) => return Some(message),
                Err(NotUtf8) => connection.fail_compressed(Violation::InvalidUtf8, now),
            },
        }
        None
    }

    /// Whether anything is held to inflate messages with.
    #[inline]
    pub(super) fn can_inflate(&self) -> bool {
        self.deflate.as_ref().is_some_and(|deflate| deflate.can_inflate())
    }

    pub(super) fn stop_inflating(&mut self) {
        if let Some(deflate) = &mut self.deflate {
            deflate.stop_inflating();
        }
    }
}
