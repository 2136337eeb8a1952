//! What the error codes of streams are called and mean: those of HTTP/2 (RFC 9113 section 7) and of
//! HTTP/3 (RFC 9114 section 8.1), which no number is both of.
//!
//! Invariant: what is said of a code is one row.

use core::fmt;

/// The error code of a stream that was reset, or of a connection that is shut down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StreamCode(pub(crate) u64);

/// What an end with a code means for a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CodeMeaning {
    /// The stream is not wanted any more; nothing was wrong with it.
    Cancelled,
    /// Nothing of the request was looked at.
    Refused,
    /// It has to be HTTP/1.1.
    Http11,
    /// The peer takes what it got for no HTTP.
    Protocol,
    /// The peer takes what it got for too much.
    TooMuch,
    /// Something else went wrong at the peer, as it says.
    Failed,
    /// What it means is not known here. In HTTP/3 it is to be taken for H3_NO_ERROR (RFC 9114 section
    /// 9), and some peers send such a code on purpose; HTTP/2 has no such rule.
    Unknown,
}

impl StreamCode {
    const fn row(self) -> (&'static str, CodeMeaning) {
        use CodeMeaning::{Cancelled, Failed, Http11, Protocol, Refused, TooMuch, Unknown};
        match self.0 {
            //= rfc8441#5
            //# RST exceptions are
            //# represented with the RST_STREAM frame ([RFC7540], Section 6.4) with
            //# the CANCEL error code ([RFC7540], Section 7).
            0x8 => ("CANCEL", Cancelled),
            //= rfc9220#3
            //# RST exceptions are represented
            //# with a stream error (Section 8 of [HTTP/3]) of type
            //# H3_REQUEST_CANCELLED
            0x10c => ("H3_REQUEST_CANCELLED", Cancelled),
            0x0 => ("NO_ERROR", Cancelled),
            0x1 => ("PROTOCOL_ERROR", Protocol),
            0x2 => ("INTERNAL_ERROR", Failed),
            0x3 => ("FLOW_CONTROL_ERROR", Failed),
            0x4 => ("SETTINGS_TIMEOUT", Failed),
            0x5 => ("STREAM_CLOSED", Failed),
            0x6 => ("FRAME_SIZE_ERROR", Failed),
            0x7 => ("REFUSED_STREAM", Refused),
            0x9 => ("COMPRESSION_ERROR", Failed),
            0xa => ("CONNECT_ERROR", Failed),
            0xb => ("ENHANCE_YOUR_CALM", TooMuch),
            0xc => ("INADEQUATE_SECURITY", Failed),
            0xd => ("HTTP_1_1_REQUIRED", Http11),
            0x100 => ("H3_NO_ERROR", Cancelled),
            0x101 => ("H3_GENERAL_PROTOCOL_ERROR", Protocol),
            0x102 => ("H3_INTERNAL_ERROR", Failed),
            0x103 => ("H3_STREAM_CREATION_ERROR", Failed),
            0x104 => ("H3_CLOSED_CRITICAL_STREAM", Failed),
            0x105 => ("H3_FRAME_UNEXPECTED", Failed),
            0x106 => ("H3_FRAME_ERROR", Failed),
            0x107 => ("H3_EXCESSIVE_LOAD", TooMuch),
            0x108 => ("H3_ID_ERROR", Failed),
            0x109 => ("H3_SETTINGS_ERROR", Failed),
            0x10a => ("H3_MISSING_SETTINGS", Failed),
            0x10b => ("H3_REQUEST_REJECTED", Refused),
            0x10d => ("H3_REQUEST_INCOMPLETE", Failed),
            0x10e => ("H3_MESSAGE_ERROR", Protocol),
            0x10f => ("H3_CONNECT_ERROR", Failed),
            0x110 => ("H3_VERSION_FALLBACK", Http11),
            _ => ("", Unknown),
        }
    }

    pub(crate) const fn meaning(self) -> CodeMeaning {
        self.row().1
    }

    /// Whether nothing is wrong, as the code has it.
    pub(crate) const fn is_no_error(self) -> bool {
        matches!(self.0, 0x0 | 0x100)
    }
}

/// The name with the number: `CANCEL (0x8)`.
impl fmt::Display for StreamCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.row().0 {
            "" => write!(f, "code {:#x}", self.0),
            name => write!(f, "{name} ({:#x})", self.0),
        }
    }
}
