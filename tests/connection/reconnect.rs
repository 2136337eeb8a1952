//! The reconnecting state machine from outside: its states, its delays in numbers, and what holds
//! whatever it is told.

#[path = "reconnect/properties.rs"]
mod properties;
#[path = "reconnect/states.rs"]
mod states;
#[path = "reconnect/statistics.rs"]
mod statistics;
#[path = "reconnect/support.rs"]
mod support;
