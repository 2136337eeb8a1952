//! TLS through both adapters over real sockets, against peers that speak it without this crate.
//!
//! What both adapters have to do is written once, against the trait `Adapter`, and run for each.

mod credentials;
mod decisions;
mod dialling;
mod ends;
mod failures;
mod handshakes;
mod https_proxies;
mod messages;
mod provider;
mod records;
mod redirects;
mod roots;
mod split;
mod support;
mod tls_1_2;
mod tunnels;
mod verdicts;
