//! The remedies that depend on a close code or on an HTTP status.

use alloc::borrow::Cow;
use alloc::format;

use crate::wire::close::{CodeFacts, CodeName};

pub(super) const fn by_code(code: u16) -> &'static str {
    match CodeFacts::of(code).name {
        CodeName::GoingAway | CodeName::ServiceRestart => {
            "This looks like a deployment: reconnect, with a random delay."
        }
        CodeName::BadGateway => {
            "A gateway lost its upstream: reconnect with a random delay, and read its log."
        }
        CodeName::ProtocolError => {
            "The peer says that we broke the protocol, and will say so again: do not reconnect \
             before the fault is found; record the bytes that were sent last."
        }
        CodeName::UnsupportedData => {
            "The peer does not take this type of data: send text instead of binary or the other \
             way round."
        }
        CodeName::InvalidPayload => {
            "The peer says that our data does not fit its type: check the encoding of what was \
             sent last."
        }
        CodeName::PolicyViolation => {
            "The peer refuses by its policy: check authorisation, origin and rate limits; the \
             reason in its Close may say more."
        }
        CodeName::MessageTooBig => {
            "The message was too big for the peer: send smaller ones, or raise its limit."
        }
        CodeName::MandatoryExtension => {
            "The peer needs an extension that was not negotiated: configure it on both ends."
        }
        CodeName::InternalError => {
            "The peer met an error of its own: read its log, and reconnect with a growing delay."
        }
        CodeName::Normal
        | CodeName::NoStatus
        | CodeName::AbnormalClosure
        | CodeName::TryAgainLater
        | CodeName::TlsHandshake
        | CodeName::Application
        | CodeName::Undefined => "Look the code up in the peer's documentation.",
    }
}

pub(super) const fn by_status(status: u16) -> &'static str {
    match status {
        300..=399 => {
            "The resource has moved, or a captive portal sends everybody to its own page: look at the \
             Location header field, and connect there if it is the service's."
        }
        401 | 403 | 407 => "Check credentials, cookies and the Origin header field.",
        404 | 410 => {
            "Check the path of the URL, and that every proxy passes it on, and the upgrade with it."
        }
        408 | 425 | 429 => {
            "The server is busy or limits the rate: try again later, and honour its Retry-After."
        }
        426 => "The server wants another version of the protocol: check what it supports.",
        511 => "The network wants somebody to log in first: open any page in a browser.",
        520..=530 => {
            "A proxy does not reach the origin behind it: read the logs of both, and try again with a \
             growing delay."
        }
        500 | 502..=504 => {
            "The server or its upstream failed: read the logs of the proxy and of the application, \
             and try again with a growing delay."
        }
        _ => "Read the body of the answer and the server's log.",
    }
}

/// What a code says that frameworks have registered (IANA registry), or that is nobody's but the
/// application's.
pub(super) const fn registered(code: u16) -> Option<&'static str> {
    match code {
        3000 => Some("unauthorized"),
        3003 => Some("forbidden"),
        3008 => Some("timeout"),
        _ => None,
    }
}

pub(super) fn by_application(code: u16) -> Cow<'static, str> {
    let like_http = code.checked_sub(4000).filter(|status| (400..=599).contains(status));
    match (code, like_http) {
        (3000, _) => {
            "The peer does not know who this is: renew the credentials before reconnecting.".into()
        }
        (3003, _) => {
            "The peer knows who this is and does not allow it: check what these credentials \
                      may do; reconnecting alone ends in the same way."
                .into()
        }
        (3008, _) => {
            "The peer waited too long for something: look at what it expects from this end, \
                      and how soon."
                .into()
        }
        (_, Some(status)) => format!(
            "The application's own list of codes says what {code} means; it may follow HTTP, where \
             {status} stands for {}.",
            of_http(status)
        )
        .into(),
        (_, None) => format!(
            "The application's own list of codes says what {code} means, and whether to reconnect: \
             look it up there, and classify it."
        )
        .into(),
    }
}

const fn of_http(status: u16) -> &'static str {
    match status {
        401 => "missing or expired credentials",
        403 => "what is not allowed",
        404 => "what is not there",
        408 => "a timeout",
        409 => "a conflict, such as a second login",
        429 => "too many requests: wait before the next attempt",
        500..=599 => "a failure of the server",
        _ => "an error in the request",
    }
}

/// Where nothing is pending, what was slow to leave has left since.
pub(super) fn blocked(pending: u64) -> Cow<'static, str> {
    match pending {
        0 => "our output was slow to leave".into(),
        1 => "our output is blocked, 1 byte pending".into(),
        _ => format!("our output is blocked, {pending} bytes pending").into(),
    }
}
