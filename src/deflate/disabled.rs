//! In place of permessage-deflate without feature `deflate`: types that have no value, so that the
//! code around them is one and the same.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::wire::data::Chunk;
use crate::wire::message::Payload;
use crate::wire::role::Role;
use crate::wire::violation::Violation;

#[derive(Debug)]
pub(crate) enum Compression {}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeflateParams {}

#[derive(Debug)]
pub(crate) enum Deflate {}

impl Deflate {
    pub(crate) fn new(_: Role, params: &DeflateParams, _: &Compression) -> Self {
        match *params {}
    }

    pub(crate) fn with_defaults(_: Role, params: &DeflateParams) -> Self {
        match *params {}
    }

    pub(crate) fn compress(&mut self, _: &Payload<'_>) -> Option<Bytes> {
        match *self {}
    }

    pub(crate) fn compress_fragment(&mut self, _: &[u8], _: bool, _: bool) -> Option<Bytes> {
        match *self {}
    }

    pub(crate) fn inflate(
        &mut self,
        _: &Chunk<'_>,
        _: u64,
        _: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        match *self {}
    }

    pub(crate) fn settled(&self, _: usize) -> usize {
        match *self {}
    }

    pub(crate) fn drop_front(&mut self, _: usize) {
        match *self {}
    }

    pub(crate) fn forget(&mut self) {
        match *self {}
    }

    pub(crate) fn stop_inflating(&mut self) {
        match *self {}
    }

    pub(crate) fn can_inflate(&self) -> bool {
        match *self {}
    }
}
