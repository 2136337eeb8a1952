//! The driver against a model: random input in random pieces, a transport that fails in every way,
//! random wants, commands and leaps of time. And one by one what it promises.

mod answers;
mod chunks;
mod half_closed;
pub(crate) mod model;
mod promises;
pub(crate) mod rng;
mod room;
pub(crate) mod script;
