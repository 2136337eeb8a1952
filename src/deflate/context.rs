//! Compression on one connection: which parameters are in force, and what is held from one message
//! to the next.
//!
//! Invariant: a compressor that is held has compressed everything that the peer's inflater has seen
//! since that compressor was new, and nothing else.

use alloc::boxed::Box;
use alloc::vec::Vec;

use bytes::Bytes;

use super::compressor::Compressor;
use super::inflater::{Bounds, Inflater};
use super::params::DeflateParams;
use super::settings::Compression;
use crate::wire::data::Chunk;
use crate::wire::message::Payload;
use crate::wire::role::Role;
use crate::wire::violation::Violation;

/// permessage-deflate as it was agreed on, at one endpoint.
#[derive(Debug)]
pub(crate) struct Deflate {
    settings: Compression,
    /// The window of what is sent; there is none where the compressor cannot do it.
    bits: Option<u8>,
    takeover: bool,
    peer_takeover: bool,
    /// Between messages only where the context is taken over.
    compressor: Option<Box<Compressor>>,
    /// The message that goes out in fragments is compressed.
    compressing: bool,
    /// Between messages only where the peer's context is taken over.
    inflater: Option<Box<Inflater>>,
}

impl Deflate {
    pub(crate) fn new(role: Role, params: &DeflateParams, settings: &Compression) -> Self {
        let (own_reset, own_bits, peer_reset) = match role {
            Role::Client => (
                params.client_no_context_takeover,
                params.client_max_window_bits,
                params.server_no_context_takeover,
            ),
            Role::Server => (
                params.server_no_context_takeover,
                params.server_max_window_bits,
                params.client_no_context_takeover,
            ),
        };
        //= rfc7692#7.2.1
        //# If the "agreed parameters" contain the "client_max_window_bits"
        //# extension parameter with a value of w, the client MUST NOT use an
        //# LZ77 sliding window longer than the w-th power of 2 bytes to compress
        //# messages to send.
        //= rfc7692#7.2.1
        //# If the "agreed parameters" contain the "server_max_window_bits"
        //# extension parameter with a value of w, the server MUST NOT use an
        //# LZ77 sliding window longer than the w-th power of 2 bytes to compress
        //# messages to send.
        let bits = settings.window_bits.get().min(own_bits);
        Self {
            //= rfc7692#7.2.1
            //# An endpoint MUST NOT use an LZ77 sliding window longer than 32,768
            //# bytes to compress messages to send.
            bits: (9..=15).contains(&bits).then_some(bits),
            takeover: settings.context_takeover && !own_reset,
            peer_takeover: !peer_reset,
            settings: settings.clone(),
            compressor: None,
            compressing: false,
            inflater: None,
        }
    }

    pub(crate) fn with_defaults(role: Role, params: &DeflateParams) -> Self {
        Self::new(role, params, &Compression::default())
    }

    /// The payload of a whole message, compressed where that is worth it.
    pub(crate) fn compress(&mut self, payload: &Payload<'_>) -> Option<Bytes> {
        let bits = self.bits.filter(|_| payload.len() >= self.settings.threshold)?;
        let mut compressor = self.take_compressor(bits);
        let compressed = compressor.compress(payload, true);
        // With the context taken over, the peer has to see what the compressor saw.
        let worth_it = self.takeover || compressed.len() < payload.len();
        self.put_compressor(compressor);
        worth_it.then(|| compressed.into())
    }

    /// Compresses a message for everybody who agreed to the same window or a larger one: it refers
    /// to nothing before it.
    pub(crate) fn compress_for_all(&self, payload: &[u8]) -> Option<Vec<u8>> {
        let bits = self.bits?;
        let mut compressor = self.settings.pool.compressor(self.level(), bits);
        let compressed = compressor.compress(payload, true);
        self.settings.pool.recycle_compressor(compressor);
        (compressed.len() < payload.len()).then_some(compressed)
    }

    /// The window for which such a message has to be compressed, if one of this size is.
    pub(crate) fn shared_window(&self, len: usize) -> Option<u8> {
        self.bits.filter(|_| len >= self.settings.threshold)
    }

    /// A message went out that the compressor did not see: it must not refer to what was before.
    pub(crate) fn forget(&mut self) {
        if let Some(compressor) = self.compressor.take() {
            self.settings.pool.recycle_compressor(compressor);
        }
    }

    /// The next fragment of a message, compressed unless its message is not.
    pub(crate) fn compress_fragment(
        &mut self,
        piece: &[u8],
        first: bool,
        fin: bool,
    ) -> Option<Bytes> {
        if first {
            self.compressing = self.bits.is_some();
        }
        let bits = self.bits.filter(|_| self.compressing)?;
        let mut compressor = self.take_compressor(bits);
        let compressed = compressor.compress(piece, fin);
        if fin {
            self.compressing = false;
            self.put_compressor(compressor);
        } else {
            self.compressor = Some(compressor);
        }
        Some(compressed.into())
    }

    fn level(&self) -> u8 {
        self.settings.level.clamp(1, 9)
    }

    fn take_compressor(&mut self, bits: u8) -> Box<Compressor> {
        let level = self.level();
        self.compressor.take().unwrap_or_else(|| self.settings.pool.compressor(level, bits))
    }

    /// A message has ended: the context is taken over, or goes back to the pool.
    //= rfc7692#7.2.1
    //# If the "agreed parameters" contain the "client_no_context_takeover"
    //# extension parameter, the client MUST start compressing each new
    //# message with an empty LZ77 sliding window.
    //= rfc7692#7.2.1
    //# If the "agreed parameters" contain the "server_no_context_takeover"
    //# extension parameter, the server MUST start compressing each new
    //# message with an empty LZ77 sliding window.
    fn put_compressor(&mut self, compressor: Box<Compressor>) {
        if self.takeover {
            self.compressor = Some(compressor);
        } else {
            self.settings.pool.recycle_compressor(compressor);
        }
    }

    /// Inflates a piece of a compressed message behind what there is of it. It is complete once the
    /// last piece has been.
    pub(crate) fn inflate(
        &mut self,
        chunk: &Chunk<'_>,
        limit: u64,
        message: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        let bounds = Bounds {
            message: limit,
            ratio: self.settings.ratio,
            ratio_free: self.settings.ratio_free,
        };
        let inflater = self.inflater.get_or_insert_with(|| self.settings.pool.inflater());
        inflater.inflate(chunk.payload(), chunk.kind(), &bounds, message)?;
        if chunk.is_last() {
            inflater.finish(chunk.kind())?;
            //= rfc7692#7.2.2
            //# Otherwise, the client MUST decompress
            //# each new message using the LZ77 sliding window used to process the
            //# last compressed message.
            //= rfc7692#7.2.2
            //# Otherwise, the server MUST decompress
            //# each new message using the LZ77 sliding window used to process the
            //# last compressed message.
            if self.peer_takeover {
                inflater.remember(message);
            } else {
                self.stop_inflating();
            }
        }
        Ok(())
    }

    /// Before which of `len` bytes that were inflated a [`WINDOW`] has to be held: from there on, they may
    /// have to be made once more, the same.
    pub(crate) fn settled(&self, len: usize) -> usize {
        self.inflater.as_ref().map_or(len, |inflater| inflater.settled(len))
    }

    /// The first `count` bytes of what was inflated go. Behind them lies a [`WINDOW`] at least before
    /// what is not [`settled`](Self::settled), to which that may refer.
    pub(crate) fn drop_front(&mut self, count: usize) {
        self.inflater.iter_mut().for_each(|inflater| inflater.drop_front(count));
    }

    /// Returns the inflater to the pool.
    pub(crate) fn stop_inflating(&mut self) {
        if let Some(inflater) = self.inflater.take() {
            self.settings.pool.recycle_inflater(inflater);
        }
    }

    /// Whether anything is held to inflate with.
    pub(crate) fn can_inflate(&self) -> bool {
        self.inflater.is_some()
    }
}

/// What it held serves others.
impl Drop for Deflate {
    fn drop(&mut self) {
        self.forget();
        self.stop_inflating();
    }
}
