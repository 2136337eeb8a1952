//! The getters that the sockets of both adapters have, and their halves, written once for all.

/// Implements what can be asked of a socket that has a `session()`, a `turn` and an `opening`.
macro_rules! socket_getters {
    ($type:ident) => {
        impl<S> $type<S> {
            /// What was seen so far.
            pub fn evidence(&self) -> Evidence {
                self.session().evidence()
            }

            /// What was done so far, in numbers.
            pub fn stats(&self) -> Stats {
                self.session().stats()
            }

            /// How this connection came about: each phase with its time, every address that was
            /// tried, the proxy's answer. Nothing on a server, and where the stream came from
            /// somebody else.
            pub fn dial(&self) -> Option<&DialRecord> {
                self.session().dial()
            }

            /// The time on the clock that the evidence refers to.
            pub fn now(&self) -> Timestamp {
                self.turn.clock.now()
            }

            /// The subprotocol in use, if there is one.
            pub fn subprotocol(&self) -> Option<&str> {
                self.session().negotiated().subprotocol()
            }

            /// The client's request, on a server.
            pub fn request(&self) -> Option<&Request> {
                self.opening.request()
            }

            /// The server's response, on a client.
            pub fn response(&self) -> Option<&Response> {
                self.opening.response()
            }

            /// Frees the memory of the request and the response.
            pub fn forget_handshake(&mut self) {
                self.opening = Opening::default();
            }
        }

        impl<S> fmt::Debug for $type<S> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let phase = self.session().phase();
                f.debug_struct(stringify!($type)).field("phase", &phase).finish_non_exhaustive()
            }
        }
    };
}

/// Implements what can be asked of a half, given the way to its driver.
macro_rules! half_getters {
    ($type:ident, |$half:ident| $driver:expr) => {
        impl<S> $type<S> {
            /// What was seen so far.
            pub fn evidence(&self) -> Evidence {
                let $half = self;
                $driver.session().evidence()
            }

            /// What was done so far, in numbers.
            pub fn stats(&self) -> Stats {
                let $half = self;
                $driver.session().stats()
            }

            /// How this connection came about, as
            /// [`WebSocket::dial`](super::WebSocket::dial) tells.
            pub fn dial(&self) -> Option<DialRecord> {
                let $half = self;
                $driver.session().dial().cloned()
            }
        }

        impl<S> fmt::Debug for $type<S> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($type)).finish_non_exhaustive()
            }
        }
    };
}

pub(super) use {half_getters, socket_getters};
