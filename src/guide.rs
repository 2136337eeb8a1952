//! How to: a page for each task, and one for each crate that you may come from.
//!
//! Every program on these pages is compiled by the tests, and run where that needs nothing but this
//! machine. They are for tokio where they do not say otherwise; [`blocking`](crate::blocking) has the
//! same names without `async`.
//!
//! | Task | Page |
//! |---|---|
//! | connect: TLS, header fields, a proxy, an authority of your own | [`connect`] |
//! | let in whom you know | [`authenticate`] |
//! | tell many the same | [`broadcast`] |
//! | live with those who read slowly | [`slow_clients`] |
//! | stop a server without losing anybody | [`shut_down`] |
//! | stand behind nginx, HAProxy, Caddy, Kubernetes, a load balancer | [`behind_a_proxy`] |
//! | come back, and subscribe again | [`reconnect`] |
//! | lose no message | [`at_least_once`] |
//! | pass what is too long for memory; carry another protocol | [`streams`] |
//! | compress, and when not | [`compress`] |
//! | test an application against a bad network | [`testing`] |
//! | see what goes on: metrics, tracing, logs | [`monitor`] |
//! | use another runtime than tokio, or none | [`own_runtime`] |
//! | do without `std` | [`no_std`] |
//! | run in WebAssembly | [`wasm`] |
//! | find out what is behind a 1006 | [`unclean`] |
//! | know what a report says | [`reports`] |
//! | know what is bounded | [`limits`] |
//! | come from tungstenite or tokio-tungstenite | [`from_tungstenite`] |
//! | come from fastwebsockets | [`from_fastwebsockets`] |
//! | come from axum's `ws` | [`from_axum`] |
//!
//! The pages name things of every feature, so they are there where the documentation is made with all
//! features.

/// A module for each page, which is there where everything is that the page speaks of.
macro_rules! pages {
    ($($name:ident)*) => {$(
        #[cfg_attr(
            all(
                feature = "axum",
                feature = "deflate",
                feature = "serde",
                feature = "testkit",
                feature = "tracing",
                feature = "wss"
            ),
            doc = include_str!(concat!("guide/", stringify!($name), ".md"))
        )]
        #[cfg_attr(
            not(all(
                feature = "axum",
                feature = "deflate",
                feature = "serde",
                feature = "testkit",
                feature = "tracing",
                feature = "wss"
            )),
            doc = "This page is in the documentation of the crate with all its features."
        )]
        pub mod $name {}
    )*};
}

pages! {
    connect
    authenticate
    broadcast
    slow_clients
    shut_down
    behind_a_proxy
    reconnect
    at_least_once
    streams
    compress
    testing
    monitor
    own_runtime
    no_std
    wasm
    unclean
    reports
    limits
    from_tungstenite
    from_fastwebsockets
    from_axum
}
