//! One page of HTML that shows endings: what happened, why, what to do, and each connection's life.
//!
//! Everything is in the page: it asks for nothing from anywhere and needs no script.

use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use farewell::{Evidence, Timestamp};

use crate::drawing::{Away, Told, escape, svgs};
use crate::hints::not_well;
use crate::stage::{Ended, Said, Seen};
use crate::{report, words};

/// What was made to happen, and what each end said of it.
pub(crate) struct Chapter<'a> {
    pub(crate) title: String,
    pub(crate) seen: &'a [Seen],
}

/// Writes the page.
pub(crate) fn write(
    out: &mut impl io::Write,
    title: &str,
    chapters: &[Chapter<'_>],
) -> io::Result<()> {
    let title = escape(title);
    write!(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")?;
    writeln!(out, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")?;
    writeln!(out, "<meta name=\"color-scheme\" content=\"light dark\">")?;
    writeln!(out, "<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>")?;
    writeln!(out, "<h1>{title}</h1>\n{LEGEND}")?;
    if chapters.len() > 1 {
        out.write_all(contents(chapters).as_bytes())?;
    }
    for (index, chapter) in chapters.iter().enumerate() {
        out.write_all(section(index + 1, chapter).as_bytes())?;
    }
    writeln!(out, "</main>\n</body>\n</html>")?;
    out.flush()
}

/// A table of all that is on the page.
fn contents(chapters: &[Chapter<'_>]) -> String {
    let mut text = String::from(
        "<table>\n<thead><tr><th>what happens</th><th>end</th><th>code</th><th>clean</th>\
         <th>why</th></tr></thead>\n<tbody>\n",
    );
    for (index, chapter) in chapters.iter().enumerate() {
        for (which, seen) in chapter.seen.iter().enumerate() {
            let title = if which == 0 { escape(&chapter.title) } else { String::new() };
            let why = seen.diagnosis().map(|diagnosis| diagnosis.verdict().to_string());
            let why = why.unwrap_or_default();
            let (code, clean) = match seen.end() {
                Some((code, true)) if flaw(seen).is_some() => {
                    (code.to_string(), "<span class=\"flawed\">yes, and not well</span>")
                }
                Some((code, true)) => (code.to_string(), "<span class=\"good\">yes</span>"),
                Some((code, false)) => (code.to_string(), "<span class=\"bad\">no</span>"),
                None => ("–".into(), "–"),
            };
            let _ = writeln!(
                text,
                "<tr><td><a href=\"#{}\">{title}</a></td><td>{}</td><td>{code}</td>\
                 <td>{clean}</td><td>{}</td></tr>",
                index + 1,
                seen.side.name(),
                escape(&why)
            );
        }
    }
    text.push_str("</tbody>\n</table>\n");
    text
}

fn section(number: usize, chapter: &Chapter<'_>) -> String {
    let mut text = format!("<section id=\"{number}\">\n<h2>{}</h2>\n", escape(&chapter.title));
    for seen in chapter.seen {
        let _ = writeln!(text, "<article>\n<h3>seen by the {}</h3>", seen.side.name());
        let flaw = flaw(seen);
        let class = match seen.end() {
            Some((_, true)) if flaw.is_some() => " flawed",
            Some((_, true)) => " good",
            Some((_, false)) => " bad",
            None => "",
        };
        let _ = writeln!(text, "<p class=\"says{class}\">{}</p>", escape(&seen.sentence()));
        if let Some(flaw) = flaw {
            let _ = writeln!(text, "<p>{}</p>", escape(&flaw));
        }
        text.push_str(&why(seen));
        if let Said::Report(ended) = &seen.said {
            let _ = writeln!(text, "<figure>{}</figure>", drawing(ended));
        }
        text.push_str(&evidence(seen));
        text.push_str("</article>\n");
    }
    text.push_str("</section>\n");
    text
}

/// Why a clean end is no good one.
fn flaw(seen: &Seen) -> Option<String> {
    match &seen.said {
        Said::Report(ended) => not_well(ended),
        Said::NotConnected(_) => None,
    }
}

fn drawing(ended: &Ended) -> String {
    let (report, tape) = (&ended.report, ended.tape.lock());
    let flawed = not_well(ended).is_some();
    let clean = if report.clean { "clean" } else { "unclean" };
    let and = if flawed { ", and not well" } else { "" };
    let told = Told {
        end: format!("{clean} ({}){and}: {}", report.code, words::cause(report)),
        flawed,
        away: away(&report.evidence, tape.ended.unwrap_or_default()),
    };
    svgs(&tape, &told)
}

/// When this process did not look, and was late, in the time of a tape that ended then.
fn away(evidence: &Evidence, ended: Duration) -> Option<Away> {
    const LONG: Duration = Duration::from_secs(1);
    let on_tape = |at: Timestamp| ended.saturating_sub(evidence.ended.since(at));
    let gap = evidence.last_gap.filter(|gap| gap.late >= LONG);
    let (back, late, span) = match (gap, evidence.suspended_at) {
        (Some(gap), _) => (gap.ended, gap.late, gap.span),
        (None, Some(at)) => (at, evidence.timer_lateness, evidence.timer_lateness),
        (None, None) => return None,
    };
    let back = on_tape(back);
    let (last, late) = (back.saturating_sub(span.max(late)), back.saturating_sub(late));
    Some(Away { last, back, late })
}

/// The ranked findings.
fn why(seen: &Seen) -> String {
    let mut text = String::from("<dl>\n");
    for finding in seen.diagnosis().iter().flatten() {
        let facts: Vec<_> = finding.evidence().iter().map(ToString::to_string).collect();
        let _ = writeln!(
            text,
            "<dt><span class=\"badge\">{}</span> {}</dt>\n<dd>{}</dd>\n<dd class=\"remedy\">{}</dd>",
            finding.confidence(),
            escape(&finding.verdict().to_string()),
            escape(&facts.join("; ")),
            escape(&finding.remedy())
        );
    }
    text.push_str("</dl>\n");
    text
}

/// The numbers, for who wants to see them.
fn evidence(seen: &Seen) -> String {
    let mut text = String::from("<details><summary>Evidence</summary>\n<table>\n");
    for (name, value) in report::evidence(seen) {
        let _ = writeln!(text, "<tr><th>{name}</th><td>{}</td></tr>", escape(&value));
    }
    text.push_str("</table>\n</details>\n");
    text
}

const LEGEND: &str = "\
<p class=\"legend\">
<span><svg viewBox=\"0 0 12 12\"><path class=\"mark head\" d=\"M3 1h6v10h-6Z\"/></svg>&nbsp;HTTP head</span>
<span><svg viewBox=\"0 0 20 12\"><path class=\"mark data in\" d=\"M0 2h8v8h-8Z\"/><path class=\"mark data out\" d=\"M11 2h8v8h-8Z\"/></svg>&nbsp;data frame</span>
<span><svg viewBox=\"0 0 12 12\"><path class=\"mark data in partial\" d=\"M2 2h8v8h-8Z\"/></svg>&nbsp;part of one</span>
<span><svg viewBox=\"0 0 12 12\"><path class=\"mark ping\" d=\"M1 10h10l-5 -9Z\"/></svg>&nbsp;Ping</span>
<span><svg viewBox=\"0 0 12 12\"><path class=\"mark pong\" d=\"M1 2h10l-5 9Z\"/></svg>&nbsp;Pong</span>
<span><svg viewBox=\"0 0 12 12\"><path class=\"trip\" d=\"M1 11L11 1\"/></svg>&nbsp;round trip</span>
<span><svg viewBox=\"0 0 14 14\"><path class=\"mark close\" d=\"M7 0l7 7l-7 7l-7 -7Z\"/></svg>&nbsp;Close frame</span>
<span><svg viewBox=\"0 0 12 12\"><path class=\"mark eof\" d=\"M6 0v12\"/></svg>&nbsp;the stream ended</span>
<span><svg viewBox=\"0 0 12 12\"><path class=\"mark broken\" d=\"M1 1l10 10m0 -10l-10 10\"/></svg>&nbsp;no valid frame</span>
<span><svg viewBox=\"0 0 14 12\"><path class=\"silence\" d=\"M0 1h14v10h-14Z\"/></svg>&nbsp;silence</span>
<span><svg viewBox=\"0 0 14 12\"><path class=\"away\" d=\"M0 0h14v12h-14Z\"/></svg>&nbsp;this process was away</span>
<span><svg viewBox=\"0 0 12 12\"><path class=\"end\" d=\"M6 0V12\"/></svg>&nbsp;the report</span>
</p>
<p class=\"legend\">The bars are the bytes of each moment, each way to a scale of its own; there is none where none went.</p>";

const STYLE: &str = include_str!("page.css");
