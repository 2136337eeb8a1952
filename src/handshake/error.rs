//! The rules of the opening handshake that a peer can break.
//!
//! Invariant: everything said of a rule but its sentence, which stands at the variant, is one row.

#![deny(clippy::wildcard_enum_match_arm)]

use thiserror::Error;

/// The rule of the opening handshake that the peer broke.
///
/// A server responds with [`write_response`](Self::write_response) and closes. A client just
/// closes.
///
/// ```
/// use farewell::handshake::HandshakeError;
///
/// let error = HandshakeError::KeyMissing;
/// assert_eq!((error.status(), error.section()), (400, "4.2.1"));
/// assert_eq!(error.to_string(), "the request has no Sec-WebSocket-Key");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum HandshakeError {
    /// The first bytes cannot begin an HTTP head: the peer speaks something else, TLS perhaps.
    #[error("the peer does not speak HTTP")]
    NotHttp,
    /// The head is larger than [`Limits::head`](crate::Limits::head). A client counts the
    /// informational responses before the final one too.
    #[error("the head is over the limit of {limit} bytes")]
    HeadTooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The request line is longer than [`Limits::header_line`](crate::Limits::header_line).
    #[error("the request line is over the limit of {limit} bytes")]
    RequestLineTooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// A line is longer than [`Limits::header_line`](crate::Limits::header_line).
    #[error("a line of the head is over the limit of {limit} bytes")]
    LineTooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The head has more header fields than [`Limits::headers`](crate::Limits::headers).
    #[error("the head has more than {limit} header fields")]
    TooManyHeaders {
        /// The limit, in header fields.
        limit: usize,
    },
    /// A carriage return or a line feed stands alone.
    #[error("a line of the head does not end in CRLF")]
    LineEnding,
    /// The request line or the status line is malformed.
    #[error("the first line of the head is malformed")]
    StartLine,
    /// A header field is malformed or, in a request, folded over several lines.
    #[error("a header field is malformed")]
    HeaderField,
    /// The head is not HTTP/1.1. A refusal may be HTTP/1.0, a 101 may not.
    #[error("the HTTP version is not 1.1")]
    HttpVersion,

    /// The request is HTTP/1.0, whose Upgrade a server has to ignore (RFC 9110 section 7.8): a
    /// proxy that speaks HTTP/1.0 to its servers, most likely.
    #[error("the request is HTTP/1.0, which cannot ask for an upgrade")]
    Http10,
    /// The request's method is not GET.
    #[error("the request's method is not GET")]
    Method,
    /// The request's target is neither a path nor an absolute URI with a host: of the schemes http,
    /// https, ws and wss.
    #[error("the request's target is neither a path nor an http, https, ws or wss URI")]
    Target,
    /// The request's target has a character that no URI has and that should be percent-encoded, such
    /// as a letter that is not ASCII, or a fragment.
    #[error("the request's target has a character that is not percent-encoded, or a fragment")]
    TargetCharacter,
    /// The request is HTTP/2 or HTTP/3, where a WebSocket is asked for with an extended CONNECT, and
    /// its method is another one: plain HTTP, most likely.
    #[error(
        "the request's method is not CONNECT, which asks for a WebSocket over HTTP/2 and HTTP/3"
    )]
    MethodNotConnect,
    /// The CONNECT names no protocol in `:protocol`: it asks for a tunnel to a host.
    #[error("the CONNECT has no :protocol")]
    ProtocolMissing,
    /// The `:protocol` of the extended CONNECT is not "websocket".
    #[error("the :protocol of the CONNECT is not \"websocket\"")]
    ProtocolUnknown,
    /// The extended CONNECT has a Connection or an Upgrade, which HTTP/2 and HTTP/3 do not have.
    #[error("the CONNECT has a Connection or an Upgrade, which HTTP/2 and HTTP/3 do not have")]
    ConnectionField,
    /// The request has no Host; an extended CONNECT has no `:authority`.
    #[error("the request has no Host")]
    HostMissing,
    /// The request has more than one Host.
    #[error("the request has more than one Host")]
    HostRepeated,
    /// The request's Host is not a host with an optional port.
    #[error("the request's Host is not a host with an optional port")]
    HostInvalid,
    /// The extended CONNECT has a Host that names another host or port than its `:authority`.
    #[error("the CONNECT has a Host that is not its :authority")]
    HostDiffers,
    /// The client went on sending before there was a response, and sent more than is stored until
    /// then, [`Limits::head`](crate::Limits::head).
    #[error("more than {limit} bytes followed the request before it was answered")]
    EarlyData {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The request announces a body: it has a Content-Length other than 0, or a Transfer-Encoding.
    #[error("the request announces a body")]
    Body,
    /// The request's Upgrade does not ask for "websocket": this is plain HTTP, or a proxy on the
    /// way dropped the header field.
    #[error("the request does not ask for an upgrade to websocket")]
    UpgradeNotRequested,
    /// The request's Connection has no token "Upgrade".
    #[error("the request's Connection does not contain \"Upgrade\"")]
    ConnectionNotUpgrade,
    /// The request's Connection has the token "close" beside "Upgrade". Refused where hyper serves the
    /// request: a client could make it give up the connection for a WebSocket after any response.
    #[error("the request's Connection contains both \"Upgrade\" and \"close\"")]
    ConnectionClose,
    /// The request's Sec-WebSocket-Version is missing or not 13.
    #[error("the request's Sec-WebSocket-Version is not 13")]
    Version,
    /// The request has more than one Sec-WebSocket-Version.
    #[error("the request has more than one Sec-WebSocket-Version")]
    VersionRepeated,
    /// The request has no Sec-WebSocket-Key.
    #[error("the request has no Sec-WebSocket-Key")]
    KeyMissing,
    /// The request has more than one Sec-WebSocket-Key.
    #[error("the request has more than one Sec-WebSocket-Key")]
    KeyRepeated,
    /// The request's Sec-WebSocket-Key is not the base64 form of 16 bytes.
    #[error("the request's Sec-WebSocket-Key is not the base64 form of 16 bytes")]
    KeyInvalid,
    /// The request's Sec-WebSocket-Protocol is not a list of distinct tokens.
    #[error("the request's Sec-WebSocket-Protocol is not a list of distinct tokens")]
    SubprotocolsInvalid,
    /// The request has more than one Origin, or one that is not visible ASCII.
    #[error("the request's Origin is repeated or malformed")]
    OriginInvalid,
    /// The request has no Origin, and the server requires one.
    #[error("the request has no Origin")]
    OriginMissing,
    /// The request's Origin is not one that the server accepts.
    #[error("the request's Origin is not accepted here")]
    OriginRefused,

    /// Sec-WebSocket-Extensions does not follow its grammar, in a request or in a response.
    #[error("Sec-WebSocket-Extensions is malformed")]
    ExtensionsInvalid,

    /// The server does not offer to take an extended CONNECT: its SETTINGS_ENABLE_CONNECT_PROTOCOL is
    /// not 1, or has not come yet, which is as good as 0 until it does. Said by who speaks HTTP/2 or
    /// HTTP/3, before any request.
    #[error("the server does not offer extended CONNECT")]
    ExtendedConnectNotOffered,
    /// The response to an extended CONNECT is a 101, which HTTP/2 and HTTP/3 do not have.
    #[error("the response has status 101, which HTTP/2 and HTTP/3 do not have")]
    SwitchingProtocols,
    /// The 101 response does not confirm the upgrade to "websocket": something on the way dropped
    /// or changed its Upgrade.
    #[error("the response's Upgrade is not \"websocket\"")]
    UpgradeNotConfirmed,
    /// The Connection of the 101 response has no token "Upgrade".
    #[error("the response's Connection does not contain \"Upgrade\"")]
    ConnectionNotConfirmed,
    /// The 101 response has no Sec-WebSocket-Accept.
    #[error("the response has no Sec-WebSocket-Accept")]
    AcceptMissing,
    /// The 101 response has more than one Sec-WebSocket-Accept.
    #[error("the response has more than one Sec-WebSocket-Accept")]
    AcceptRepeated,
    /// The Sec-WebSocket-Accept of the 101 response belongs to another key.
    #[error("the response's Sec-WebSocket-Accept does not answer this request's key")]
    AcceptWrong,
    /// The 101 response uses an extension that the request did not offer.
    #[error("the response uses an extension that was not offered")]
    ExtensionNotOffered,
    /// The 101 response accepts the same extension twice.
    #[error("the response accepts permessage-deflate more than once")]
    DeflateRepeated,
    /// The 101 response has a parameter of permessage-deflate that is not defined for responses.
    #[error("the response has an unknown parameter of permessage-deflate")]
    DeflateParameterUnknown,
    /// The 101 response has the same parameter of permessage-deflate more than once.
    #[error("the response repeats a parameter of permessage-deflate")]
    DeflateParameterRepeated,
    /// The 101 response has a parameter of permessage-deflate with an invalid value.
    #[error("the response has an invalid value for a parameter of permessage-deflate")]
    DeflateParameterInvalid,
    /// The 101 response lets the server keep its compression context, which the offer excluded.
    #[error("the response leaves out server_no_context_takeover, which was demanded")]
    DeflateTakeoverKept,
    /// The 101 response has more than one Sec-WebSocket-Protocol.
    #[error("the response has more than one Sec-WebSocket-Protocol")]
    SubprotocolRepeated,
    /// The 101 response uses a subprotocol that the request did not ask for.
    #[error("the response uses a subprotocol that was not requested")]
    SubprotocolNotRequested,
}

/// What breaking a rule suggests about the peer, or about what lies on the way to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Suspect {
    /// A peer that speaks WebSocket, and not well.
    Peer,
    /// Something that does not speak HTTP.
    OtherProtocol,
    /// Something that speaks HTTP and not WebSocket.
    OtherService,
    /// A proxy that dropped the upgrade.
    Proxy,
    /// A server that takes no WebSocket over HTTP/2 or HTTP/3, or a proxy before it that does not.
    NoExtendedConnect,
    /// Such a proxy, or plain HTTP: health checks, and people with a browser.
    ProxyOrPlainHttp,
    /// Nothing: the request is well formed, and this server decided against it.
    Nothing,
}

/// What is said of a rule, in its row of [`HandshakeError::facts`].
struct Facts {
    rfc: u16,
    section: &'static str,
    status: u16,
    suspect: Suspect,
}

impl Facts {
    /// A rule of RFC 6455 for a request, or for any head.
    const fn new(section: &'static str, status: u16) -> Self {
        Self { rfc: 6455, section, status, suspect: Suspect::Peer }
    }

    /// A rule of another RFC.
    const fn of(rfc: u16, section: &'static str, status: u16) -> Self {
        Self { rfc, ..Self::new(section, status) }
    }

    /// A rule for a stream of HTTP/2 or HTTP/3.
    const fn stream(rfc: u16, section: &'static str, status: u16) -> Self {
        Self::of(rfc, section, status)
    }

    /// A rule that only a response can break.
    ///
    /// Its status is what a gateway responds with when its upstream broke the rule.
    const fn response(section: &'static str) -> Self {
        Self::new(section, 502)
    }

    /// A rule that only a response's permessage-deflate can break.
    const fn deflate(section: &'static str) -> Self {
        Self { rfc: 7692, ..Self::response(section) }
    }

    const fn suspect(self, suspect: Suspect) -> Self {
        Self { suspect, ..self }
    }
}

impl HandshakeError {
    const fn facts(self) -> Facts {
        match self {
            Self::NotHttp => Facts::new("4", 400).suspect(Suspect::OtherProtocol),
            Self::HeadTooLarge { .. } => Facts::new("10.4", 431),
            Self::RequestLineTooLong { .. } => Facts::new("10.4", 414),
            Self::LineTooLong { .. } => Facts::new("10.4", 431),
            Self::TooManyHeaders { .. } => Facts::new("10.4", 431),
            Self::LineEnding => Facts::new("4", 400),
            Self::StartLine => Facts::new("4", 400),
            Self::HeaderField => Facts::new("4", 400),
            Self::HttpVersion => Facts::new("4", 505),
            Self::Http10 => Facts::new("4.2.1", 426).suspect(Suspect::Proxy),
            Self::Method => Facts::new("4.2.1", 405),
            Self::Target => Facts::new("4.2.1", 400),
            Self::TargetCharacter => Facts::new("4.2.1", 400),
            Self::MethodNotConnect => Facts::stream(8441, "5", 405).suspect(Suspect::OtherService),
            Self::ProtocolMissing => Facts::stream(8441, "5", 400).suspect(Suspect::OtherService),
            Self::ProtocolUnknown => Facts::stream(9220, "3", 501).suspect(Suspect::OtherService),
            Self::ConnectionField => Facts::stream(8441, "5", 400),
            Self::HostMissing => Facts::new("4.2.1", 400),
            Self::HostRepeated => Facts::new("4.2.1", 400),
            Self::HostInvalid => Facts::new("4.2.1", 400),
            Self::HostDiffers => Facts::of(9113, "8.3.1", 400),
            Self::EarlyData { .. } => Facts::new("10.4", 400),
            Self::Body => Facts::new("4.2.1", 400),
            Self::UpgradeNotRequested => {
                Facts::new("4.2.1", 426).suspect(Suspect::ProxyOrPlainHttp)
            }
            Self::ConnectionNotUpgrade => Facts::new("4.2.1", 400).suspect(Suspect::Proxy),
            Self::ConnectionClose => Facts::of(9112, "9.6", 400),
            //= rfc6455#4.2.2
            //# If this
            //# version does not match a version understood by the server, the
            //# server MUST abort the WebSocket handshake described in this
            //# section and instead send an appropriate HTTP error code (such
            //# as 426 Upgrade Required)
            Self::Version => Facts::new("4.2.1", 426),
            Self::VersionRepeated => Facts::new("11.3.5", 400),
            Self::KeyMissing => Facts::new("4.2.1", 400),
            Self::KeyRepeated => Facts::new("11.3.1", 400),
            Self::KeyInvalid => Facts::new("4.2.1", 400),
            Self::SubprotocolsInvalid => Facts::new("4.2.1", 400),
            Self::OriginInvalid => Facts::new("4.2.1", 400),
            Self::OriginMissing => Facts::new("10.2", 403).suspect(Suspect::Nothing),
            Self::OriginRefused => Facts::new("10.2", 403).suspect(Suspect::Nothing),
            Self::ExtensionsInvalid => Facts::new("9.1", 400),
            Self::ExtendedConnectNotOffered => {
                Facts::stream(8441, "3", 502).suspect(Suspect::NoExtendedConnect)
            }
            Self::SwitchingProtocols => Facts::stream(8441, "5", 502),
            Self::UpgradeNotConfirmed => Facts::response("4.1").suspect(Suspect::Proxy),
            Self::ConnectionNotConfirmed => Facts::response("4.1").suspect(Suspect::Proxy),
            Self::AcceptMissing => Facts::response("4.1").suspect(Suspect::OtherService),
            Self::AcceptRepeated => Facts::response("11.3.3"),
            Self::AcceptWrong => Facts::response("4.1").suspect(Suspect::OtherService),
            Self::ExtensionNotOffered => Facts::response("4.1"),
            Self::DeflateRepeated => Facts::deflate("5"),
            Self::DeflateParameterUnknown => Facts::deflate("7"),
            Self::DeflateParameterRepeated => Facts::deflate("7"),
            Self::DeflateParameterInvalid => Facts::deflate("7"),
            Self::DeflateTakeoverKept => Facts::deflate("7.1.1.1"),
            Self::SubprotocolRepeated => Facts::response("11.3.4"),
            Self::SubprotocolNotRequested => Facts::response("4.1"),
        }
    }

    /// The number of the RFC that the rule comes from: 6455, 7692 for compression, 8441 and 9220 for
    /// WebSockets over HTTP/2 and HTTP/3, 9112 and 9113 for HTTP itself.
    #[must_use]
    pub const fn rfc(self) -> u16 {
        self.facts().rfc
    }

    /// The section of that [RFC](Self::rfc) that the rule comes from; for a limit that this
    /// endpoint set itself 10.4, "Implementation-Specific Limits".
    #[must_use]
    pub const fn section(self) -> &'static str {
        self.facts().section
    }

    /// The status of a server's response to a request that breaks this rule; 502 for a rule that
    /// only a response can break, as a gateway responds when its upstream broke it.
    ///
    /// It is that of HTTP/1.1: over HTTP/2 and HTTP/3, where nothing can be upgraded, 426 is 400.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.facts().status
    }

    /// The method that would have been right, where the method is what is wrong.
    pub(super) const fn allowed_method(self) -> Option<&'static str> {
        if matches!(self, Self::Method) {
            Some("GET")
        } else if matches!(self, Self::MethodNotConnect) {
            Some("CONNECT")
        } else {
            None
        }
    }

    pub(crate) const fn suspect(self) -> Suspect {
        self.facts().suspect
    }
}
