//! What is printed: one line of JSON for each thing that happened.

use std::time::Instant;

use farewell::diagnosis::{Diagnoser, Diagnosis, History, Report};
use farewell::{Evidence, Termination};
use serde_json::{Value, json};

/// What was seen so far.
pub(crate) struct Told {
    began: Instant,
    history: History,
    /// The number of the connection, from 1.
    number: u32,
}

impl Told {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), history: History::new(), number: 1 }
    }

    /// Prints a line. The time is that since the beginning of this process.
    pub(crate) fn say(&self, event: &str, mut fields: Value) {
        fields["event"] = event.into();
        fields["at"] = self.began.elapsed().as_secs_f64().into();
        fields["number"] = self.number.into();
        println!("{fields}");
    }

    pub(crate) fn opened(&self) {
        self.say("open", json!({}));
    }

    /// The end of a connection, or of an attempt at one.
    pub(crate) fn ended(&mut self, report: &Termination) {
        let diagnosis = Diagnoser::new().history(&self.history).diagnose(report);
        self.history.record(report);
        self.diagnosed(report, diagnosis);
    }

    /// The same, with the diagnosis of somebody else: the report, and both as a person reads them.
    pub(crate) fn diagnosed(&mut self, report: &Termination, diagnosis: Diagnosis) {
        let report = Report { termination: report, diagnosis };
        let mut fields = json!(report);
        fields["says"] = format!("{report:#}").into();
        self.say("ended", fields);
        self.number += 1;
    }

    /// No connection, and no report.
    pub(crate) fn failed(&mut self, error: &dyn std::error::Error) {
        self.say("failed", json!({ "error": error.to_string() }));
        self.number += 1;
    }

    /// What was seen of a connection that lives.
    pub(crate) fn alive(&self, evidence: &Evidence) {
        self.say("alive", json!({ "evidence": evidence }));
    }
}
