//! The span of a connection and the event of its ending, with feature `tracing`; without it, a
//! zero-sized value that does nothing.
//!
//! Invariant: the [`Session`](crate::Session), or the [`Connection`](crate::Connection) that was
//! made without one, holds the one span, and one event is recorded in it: when the report is handed
//! out, or when its holder is dropped before that. Nothing is recorded for a message.

#[cfg(not(feature = "tracing"))]
pub(crate) use off::Trace;
#[cfg(feature = "tracing")]
pub(crate) use on::Trace;

#[cfg(feature = "tracing")]
mod on {
    use alloc::boxed::Box;
    use core::panic::AssertUnwindSafe;

    use tracing::field::{Empty, display};
    use tracing::{Level, Span};

    use crate::handshake::{ClientRequest, Request};
    use crate::report::Termination;
    use crate::wire::role::Role;

    /// A connection's span; none once its ending was recorded, and none where the session has it.
    ///
    /// Boxed, so that a connection stays small. Asserted to be unwind-safe, since a panic cannot
    /// leave a handle half changed, and the feature must not make a connection less so.
    #[derive(Debug)]
    pub(crate) struct Trace(Option<AssertUnwindSafe<Box<Span>>>);

    impl Trace {
        pub(crate) fn new(role: Role) -> Self {
            let span = tracing::info_span!(
                target: "farewell",
                "websocket",
                role = role.name(),
                peer = Empty,
                path = Empty,
            );
            Self(Some(AssertUnwindSafe(Box::new(span))))
        }

        /// For a connection inside a session, which has the span.
        pub(crate) fn elsewhere() -> Self {
            Self(None)
        }

        /// For a client that makes this request.
        pub(crate) fn asking(request: &ClientRequest) -> Self {
            let trace = Self::new(Role::Client);
            if let Some(span) = &trace.0 {
                let (host, port) = (request.host(), request.port());
                span.record("peer", display(format_args!("{host}:{port}")));
                // A query may hold what is not for logs.
                let target = request.target();
                span.record("path", target.split_once('?').map_or(target, |(path, _)| path));
            }
            trace
        }

        /// A server has received this request.
        pub(crate) fn asked(&self, request: &Request) {
            if let Some(span) = &self.0 {
                span.record("path", request.path());
            }
        }

        pub(crate) fn span(&self) -> Span {
            self.0.as_deref().map_or_else(Span::none, |span| (**span).clone())
        }

        /// Whether the ending is still to be recorded.
        pub(crate) fn is_open(&self) -> bool {
            self.0.is_some()
        }

        /// Records the ending, the first time, and closes the span.
        pub(crate) fn ended(&mut self, report: &Termination) {
            let Some(span) = self.0.take() else { return };
            // Each level makes a call site of its own.
            macro_rules! record {
                ($level:expr) => {
                    tracing::event!(
                        target: "farewell",
                        parent: &**span,
                        $level,
                        role = report.role.name(),
                        cause = report.cause.name(),
                        code = report.code,
                        clean = report.clean,
                        initiator = report.initiator.name(),
                        received_bytes = report.evidence.received.bytes,
                        sent_bytes = report.evidence.sent.bytes,
                        dropped_bytes = report.dropped.bytes,
                        "{report}"
                    )
                };
            }
            // Whom this server has turned away is nothing to warn of.
            match report.clean || report.is_turned_away() {
                true => record!(Level::INFO),
                false => record!(Level::WARN),
            }
        }
    }
}

#[cfg(not(feature = "tracing"))]
mod off {
    use crate::handshake::{ClientRequest, Request};
    use crate::report::Termination;
    use crate::wire::role::Role;

    #[derive(Debug)]
    pub(crate) struct Trace;

    impl Trace {
        pub(crate) fn new(_: Role) -> Self {
            Self
        }

        pub(crate) fn elsewhere() -> Self {
            Self
        }

        pub(crate) fn asking(_: &ClientRequest) -> Self {
            Self
        }

        pub(crate) fn asked(&self, _: &Request) {}

        #[expect(clippy::needless_pass_by_ref_mut, reason = "as with the feature")]
        pub(crate) fn ended(&mut self, _: &Termination) {}
    }
}
