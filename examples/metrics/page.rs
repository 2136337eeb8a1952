//! The page, in the Prometheus text exposition format 0.0.4.

use std::fmt::{Display, Write};

use crate::registry::{BUCKETS, Figures};

/// Lines of text: writing into it cannot fail.
struct Page(String);

impl Page {
    /// The lines that introduce a metric.
    fn metric(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &dyn Display)], value: impl Display) {
        self.0.push_str(name);
        for (index, (label, value)) in labels.iter().enumerate() {
            let lead = if index == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{lead}{label}=\"{value}\"");
        }
        self.0.push_str(if labels.is_empty() { "" } else { "}" });
        let _ = writeln!(self.0, " {value}");
    }

    /// A metric with one value.
    fn single(&mut self, name: &str, kind: &str, help: &str, value: u64) {
        self.metric(name, kind, help);
        self.sample(name, &[], value);
    }

    /// A counter with one value for each direction.
    fn both(&mut self, name: &str, help: &str, received: u64, sent: u64) {
        self.metric(name, "counter", help);
        self.sample(name, &[("direction", &"received")], received);
        self.sample(name, &[("direction", &"sent")], sent);
    }
}

pub(crate) fn page(figures: &Figures) -> String {
    let mut page = Page(String::new());
    let Figures { received, sent, .. } = figures;
    page.single("websocket_connections_open", "gauge", "Connections that are open.", figures.open);
    let help = "Connections whose opening handshake succeeded.";
    page.single("websocket_connections_opened_total", "counter", help, figures.accepted);
    endings(&mut page, figures);
    let help = "Bytes of frames, headers included.";
    page.both("websocket_bytes_total", help, received.bytes, sent.bytes);
    let help = "Frames, control frames included.";
    page.both("websocket_frames_total", help, received.frames, sent.frames);
    page.both("websocket_messages_total", "Whole messages.", received.messages, sent.messages);
    let help = "Bytes that were accepted for sending and never left.";
    page.single("websocket_dropped_bytes_total", "counter", help, figures.dropped_bytes);
    let help = "Bytes that wait to be sent, of all open connections.";
    page.single("websocket_pending_output_bytes", "gauge", help, figures.pending_output);
    let name = "websocket_pending_output_high_water_bytes";
    let help = "The most that one connection ever had to send.";
    page.single(name, "gauge", help, figures.pending_output_high_water);
    let name = "websocket_message_memory_high_water_bytes";
    let help = "The most memory that a message took while it came in.";
    page.single(name, "gauge", help, figures.message_memory_high_water);
    round_trips(&mut page, figures);
    page.0
}

fn endings(page: &mut Page, figures: &Figures) {
    let name = "websocket_endings_total";
    page.metric(name, "counter", "Connections that ended, failed handshakes included.");
    for ((cause, code, clean), count) in &figures.endings {
        page.sample(name, &[("cause", cause), ("code", code), ("clean", clean)], count);
    }
}

fn round_trips(page: &mut Page, figures: &Figures) {
    let trips = &figures.round_trips;
    let (name, help) = ("websocket_rtt_seconds", "Round trips of the heartbeat's Pings.");
    page.metric(name, "histogram", help);
    let bucket = format!("{name}_bucket");
    for (bound, count) in BUCKETS.iter().zip(trips.at_most) {
        page.sample(&bucket, &[("le", bound)], count);
    }
    page.sample(&bucket, &[("le", &"+Inf")], trips.count);
    page.sample(&format!("{name}_sum"), &[], trips.sum);
    page.sample(&format!("{name}_count"), &[], trips.count);
}
