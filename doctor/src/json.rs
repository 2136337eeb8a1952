//! What was seen of a visit, as one JSON document on one line, for programs.

use serde_json::{Value, json};

use crate::report;
use crate::stage::{Said, Seen};

/// The document of a visit.
pub(crate) fn document(url: &str, visit: u32, seen: &Seen) -> Value {
    let report = match &seen.said {
        Said::Report(ended) => Some(&ended.report),
        Said::NotConnected(_) => None,
    };
    json!({
        "url": url,
        "visit": visit,
        "status": seen.status() as u8,
        "sentence": seen.sentence(),
        "dial": report::way(seen),
        "termination": report,
        "diagnosis": seen.diagnosis(),
    })
}
