//! What was measured, as Markdown and as JSON.

use std::fmt::Write;

use crate::page::Circumstances;
use crate::{in_memory, sockets};

pub fn preface(circumstances: &Circumstances) -> String {
    let Circumstances { date, processor, compiler } = circumstances;
    format!("Many connections, {date}, {processor}, {compiler}.\n")
}

pub fn in_memory(count: usize, rows: &[in_memory::Row]) -> String {
    let mut out = format!(
        "\n### {count} connections in memory\n\n\
         | | bytes of heap each | resident | echo, round robin, ns | heartbeat, ns |\n\
         |---|---:|---:|---:|---:|\n"
    );
    for in_memory::Row { name, heap, resident, echo, heartbeat } in rows {
        let heartbeat = heartbeat.map_or("".into(), |ns| format!("{ns:.0}"));
        let _ = writeln!(out, "| {name} | {heap:.0} | {resident:.0} | {echo:.0} | {heartbeat} |");
    }
    out
}

pub fn sockets(count: usize, rows: &[sockets::Row]) -> String {
    let mut out = format!(
        "\n### {count} connections on loopback\n\n\
         | | resident bytes each | kernel's bytes each, both ends | opening, µs | \
         echo, round robin, µs | heartbeat, µs |\n\
         |---|---:|---:|---:|---:|---:|\n"
    );
    for sockets::Row { name, resident, kernel, opening, echo, heartbeat } in rows {
        let heartbeat = heartbeat.map_or("".into(), |us| format!("{us:.1}"));
        let _ = writeln!(
            out,
            "| {name} | {resident:.0} | {kernel:.0} | {opening:.1} | {echo:.1} | {heartbeat} |"
        );
    }
    out
}

pub fn json(
    circumstances: &Circumstances,
    (sessions, in_memory): (usize, &[in_memory::Row]),
    (connections, sockets): (usize, &[sockets::Row]),
) -> String {
    let or_null = |value: Option<f64>| value.map_or("null".into(), |value| format!("{value:.1}"));
    let in_memory = in_memory.iter().map(|row| {
        format!(
            "      {{\"name\": \"{}\", \"heap\": {:.0}, \"resident\": {:.0}, \"echo_ns\": {:.1}, \
             \"heartbeat_ns\": {}}}",
            row.name,
            row.heap,
            row.resident,
            row.echo,
            or_null(row.heartbeat)
        )
    });
    let sockets = sockets.iter().map(|row| {
        format!(
            "      {{\"name\": \"{}\", \"resident\": {:.0}, \"kernel\": {:.0}, \"opening_us\": {:.1}, \
             \"echo_us\": {:.1}, \"heartbeat_us\": {}}}",
            row.name,
            row.resident,
            row.kernel,
            row.opening,
            row.echo,
            or_null(row.heartbeat)
        )
    });
    format!(
        "{{\n{}  \"in_memory\": {{\"connections\": {sessions}, \"rows\": [\n{}\n    ]}},\n  \
         \"sockets\": {{\"connections\": {connections}, \"rows\": [\n{}\n    ]}}\n}}\n",
        circumstances.json(),
        in_memory.collect::<Vec<_>>().join(",\n"),
        sockets.collect::<Vec<_>>().join(",\n")
    )
}
