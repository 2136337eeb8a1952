//! What lies on the wire: frames, Close frames, masking, UTF-8, whole messages, and the rules that a
//! peer can break.
//!
//! Invariant: pure values and functions of bytes. Nothing here knows of a connection or of time.

pub(crate) mod close;
pub(crate) mod copy;
pub(crate) mod data;
pub(crate) mod debug;
pub(crate) mod frame;
pub(crate) mod keystream;
pub(crate) mod mask;
pub(crate) mod message;
pub(crate) mod role;
pub(crate) mod utf8;
pub(crate) mod violation;
