//! The reconnecting state machine from outside: its states, its delays in numbers, and what holds
//! whatever it is told.

mod dialled;
mod outbox;
mod properties;
mod states;
mod statistics;
mod support;
