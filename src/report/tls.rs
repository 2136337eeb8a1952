//! What is known of the TLS below a connection: what was agreed on, who the peer is, why it failed.
//!
//! Invariant: plain values, whoever speaks TLS. Nothing here is guessed: what the TLS library did
//! not say is absent.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use super::first_bytes::FirstBytes;

/// Why TLS failed.
///
/// It is the kind of a [`TransportError`](crate::TransportError). What a diagnosis needs besides,
/// names and dates for example, is in [`TlsFacts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum TlsError {
    /// The peer's certificate is no longer valid, by this machine's clock.
    Expired,
    /// The peer's certificate is not valid yet, by this machine's clock.
    NotYetValid,
    /// The peer's certificate was issued by somebody who is not trusted here.
    UnknownIssuer,
    /// The peer's certificate is for other names than the one that was asked for.
    WrongName,
    /// The peer's certificate was revoked.
    Revoked,
    /// The peer's certificate is unfit in another way: malformed, for another purpose, signed
    /// wrongly.
    BadCertificate,
    /// The peer has shown no certificate.
    NoCertificate,
    /// The peer has ended TLS with an alert.
    Alert(TlsAlert),
    /// What came is not TLS: the peer speaks plain text.
    NotTls,
    /// There is no version or cipher suite that both ends support.
    Incompatible,
    /// The client offers no application protocol (ALPN) that this server speaks.
    NoApplicationProtocol,
    /// A record was changed on its way, or made with other keys.
    Undecryptable,
    /// The peer broke a rule of TLS.
    Broken,
    /// This end could not go on: no randomness, no time, keys used up.
    Local,
}

impl TlsError {
    /// What is said of it where the other end is this one.
    fn say(self, whose: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired => write!(f, "the {whose}'s certificate has expired"),
            Self::NotYetValid => write!(f, "the {whose}'s certificate is not valid yet"),
            Self::UnknownIssuer => write!(
                f,
                "the {whose}'s certificate was issued by somebody who is not trusted here"
            ),
            Self::WrongName => write!(f, "the {whose}'s certificate is for another name"),
            Self::Revoked => write!(f, "the {whose}'s certificate was revoked"),
            Self::BadCertificate => write!(f, "the {whose}'s certificate is not acceptable"),
            Self::NoCertificate => write!(f, "the {whose} has shown no certificate"),
            Self::Alert(alert) => write!(f, "the {whose} sent the TLS alert {alert}"),
            Self::NotTls => f.write_str("what came is not TLS"),
            Self::Incompatible => {
                f.write_str("there is no TLS version or cipher suite that both ends support")
            }
            Self::NoApplicationProtocol => {
                f.write_str("there is no application protocol that both ends speak")
            }
            Self::Undecryptable => f.write_str("a TLS record could not be decrypted"),
            Self::Broken => write!(f, "the {whose} broke a rule of TLS"),
            Self::Local => f.write_str("TLS could not go on at this end"),
        }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.say("peer", f)
    }
}

impl core::error::Error for TlsError {}

/// TLS with a proxy, which failed so.
pub(crate) struct WithProxy(pub(crate) TlsError);

impl fmt::Display for WithProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TLS with the proxy: ")?;
        self.0.say("proxy", f)
    }
}

/// A TLS alert, RFC 8446 section 6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct TlsAlert(
    /// Its number.
    pub u8,
);

impl TlsAlert {
    /// Its name, where it has one.
    ///
    /// ```
    /// use farewell::TlsAlert;
    ///
    /// assert_eq!(TlsAlert(48).name(), Some("unknown_ca"));
    /// assert_eq!(TlsAlert(48).to_string(), "unknown_ca (48)");
    /// ```
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "close_notify",
            10 => "unexpected_message",
            20 => "bad_record_mac",
            21 => "decryption_failed",
            22 => "record_overflow",
            30 => "decompression_failure",
            40 => "handshake_failure",
            41 => "no_certificate",
            42 => "bad_certificate",
            43 => "unsupported_certificate",
            44 => "certificate_revoked",
            45 => "certificate_expired",
            46 => "certificate_unknown",
            47 => "illegal_parameter",
            48 => "unknown_ca",
            49 => "access_denied",
            50 => "decode_error",
            51 => "decrypt_error",
            60 => "export_restriction",
            70 => "protocol_version",
            71 => "insufficient_security",
            80 => "internal_error",
            86 => "inappropriate_fallback",
            90 => "user_canceled",
            100 => "no_renegotiation",
            109 => "missing_extension",
            110 => "unsupported_extension",
            111 => "certificate_unobtainable",
            112 => "unrecognized_name",
            113 => "bad_certificate_status_response",
            114 => "bad_certificate_hash_value",
            115 => "unknown_psk_identity",
            116 => "certificate_required",
            120 => "no_application_protocol",
            121 => "ech_required",
            _ => return None,
        })
    }
}

impl fmt::Display for TlsAlert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({})", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum TlsVersion {
    /// TLS 1.2, RFC 5246.
    #[cfg_attr(feature = "serde", serde(rename = "1.2"))]
    V1_2,
    /// TLS 1.3, RFC 8446.
    #[cfg_attr(feature = "serde", serde(rename = "1.3"))]
    V1_3,
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1_2 => "TLS 1.2",
            Self::V1_3 => "TLS 1.3",
        })
    }
}

/// What is known of the TLS of a connection.
///
/// Of a handshake that failed, as much as was known by then.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct TlsFacts {
    /// The version in use.
    pub version: Option<TlsVersion>,
    /// The cipher suite in use, by its IANA name.
    pub cipher_suite: Option<&'static str>,
    /// The application protocol that was agreed on (ALPN).
    pub alpn: Option<Box<str>>,
    /// The server's name that the client has asked for: on a client also where it is an address,
    /// which is not sent; on a server what came (SNI).
    pub server_name: Option<Box<str>>,
    /// The peer's certificate, where it has shown one.
    pub certificate: Option<Box<TlsCertificate>>,
    /// An earlier session was resumed: no certificate was sent this time.
    pub resumed: bool,
    /// This client has not verified the server's certificate, because it was told so.
    pub unverified: bool,
    /// What the TLS library said of the failure, in its own words.
    pub failure: Option<Box<str>>,
    /// The first bytes that came, at most 16, where they are not TLS.
    pub not_tls: Option<FirstBytes>,
}

/// The facts of a certificate that a diagnosis needs. They are the certificate's own words: whether
/// they are true is what verifying it decides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct TlsCertificate {
    /// Whom it is for, such as `CN=example.com, O=Example`.
    pub subject: Box<str>,
    /// Who has issued it, in the same form.
    pub issuer: Box<str>,
    /// The names and addresses that it is for, at most 32 of them.
    pub names: Vec<Box<str>>,
    /// From when on it is valid, in seconds since 1970.
    pub not_before: Option<i64>,
    /// Until when it is valid, in seconds since 1970.
    pub not_after: Option<i64>,
}
