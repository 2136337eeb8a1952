//! What can be asked of the sockets of both adapters, and of their halves, written once for all.

/// Implements what can be asked of a socket that has a `turn` and an `opening`, given the way to its
/// driver.
macro_rules! socket_getters {
    ($type:ident, |$socket:ident| $driver:expr) => {
        impl<S> $type<S> {
            /// The session, with everything that can be asked of it.
            pub fn session(&self) -> &Session {
                let $socket = self;
                $driver.session()
            }

            /// Keeps a copy of every message accepted from now on until it has left, so that
            /// [`take_unsent`](Self::take_unsent) can hand it back after the end.
            ///
            /// See [`Session::keep_unsent`]. [`Reconnecting`](super::Reconnecting) does so by
            /// itself. The halves of a split socket hand nothing back.
            pub fn keep_unsent(&mut self) {
                let $socket = self;
                $driver.session_mut().keep_unsent();
            }

            /// The messages that were accepted and did not leave, after [`Incoming::Ended`]; see
            /// [`Session::take_unsent`].
            pub fn take_unsent(&mut self) -> Vec<Unsent> {
                let $socket = self;
                $driver.session_mut().take_unsent()
            }

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

            /// What is known of the TLS below, where this crate speaks it.
            pub fn tls(&self) -> Option<&TlsFacts> {
                let $socket = self;
                $driver.tls()
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
