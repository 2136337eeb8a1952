//! HTTP/1.1 as far as an upgrade needs it: heads, header fields, URIs, dates.

pub(super) mod head;
pub(super) mod headers;
pub(super) mod known;
mod lenient;
pub(super) mod retry_after;
pub(super) mod uri;
