//! The way to a connection as a machine, under a virtual clock: the race of the addresses, the
//! conversation with a proxy, and any calls in any order.

mod proxies;
mod race;
mod robustness;
mod world;
