//! Time as the core sees it: points in time, the deadlines of a connection, and how spans are
//! shown to people and to programs.

pub(crate) mod display;
#[cfg(feature = "serde")]
pub(crate) mod seconds;
mod timer;
mod timestamp;

pub use timer::Timer;
#[cfg(feature = "std")]
pub use timestamp::Clock;
pub use timestamp::Timestamp;
pub(crate) use timestamp::nanos;
