//! One ranked explanation: a verdict, how sure it is, what it rests on, and what to do.

use alloc::borrow::Cow;
use alloc::format;
use alloc::vec::Vec;
use core::fmt;

use super::fact::Fact;
use super::verdict::{Situation, Verdict};
use crate::report::{Position, TransportError};
use crate::wire::role::Role;

/// How sure a verdict is. Ordered: `Certain` is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Confidence {
    /// It fits, and so do other explanations.
    Possible,
    /// It fits better than what else is known. Timing alone never makes a verdict surer than this.
    Likely,
    /// It was said on the wire, by the operating system, or done by this endpoint.
    Certain,
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Possible => "possible",
            Self::Likely => "likely",
            Self::Certain => "certain",
        })
    }
}

/// One explanation of an ending.
///
/// Its `Display` is one line: `likely: proxy idle timeout of 60 s (idle 60.02 s; no ping in that
/// time; nginx, AWS ALB and Phoenix default to 60 s)`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Finding {
    verdict: Verdict,
    confidence: Confidence,
    evidence: Vec<Fact>,
    /// The endpoint that the remedy is for.
    role: Role,
}

impl Finding {
    pub(super) fn new(verdict: Verdict, confidence: Confidence, evidence: Vec<Fact>) -> Self {
        Self { verdict, confidence, evidence, role: Role::Client }
    }

    /// Says which endpoint the remedy is for.
    pub(super) fn seen_by(&mut self, role: Role) {
        self.role = role;
    }

    /// Lowers the confidence to `most`, where it is higher.
    pub(super) fn lower_to(&mut self, most: Confidence) {
        self.confidence = self.confidence.min(most);
    }

    /// The same, unless it is certain.
    pub(super) fn lower_below_certain(&mut self, most: Confidence) {
        if self.confidence != Confidence::Certain {
            self.lower_to(most);
        }
    }

    pub(super) fn add(&mut self, fact: Fact) {
        self.evidence.push(fact);
    }

    /// What is taken for the reason.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// How sure that is.
    #[must_use]
    pub fn confidence(&self) -> Confidence {
        self.confidence
    }

    /// What it rests on, the weightiest first.
    #[must_use]
    pub fn evidence(&self) -> &[Fact] {
        &self.evidence
    }

    /// What a person can do about it: one or two sentences, without a final line break.
    ///
    /// It is [`Verdict::remedy`], or what a server can do where that is for clients; where known
    /// timeouts fit also where they are set; where a message was lost although there were Closes,
    /// what to do about that.
    #[must_use]
    pub fn remedy(&self) -> Cow<'static, str> {
        let any = |holds: fn(&Fact) -> bool| self.evidence.iter().any(holds);
        let remedy = if any(in_control_frame) {
            Cow::Borrowed(
                "The peer crashed or was killed while it was sending a Ping, a Pong or its Close: \
                 read its log around this time. None of its messages was cut short.",
            )
        } else {
            self.verdict.remedy_for(self.role, self.situation())
        };
        let remedy = if any(tls_cut) { format!("{remedy} {TLS_ENDED}").into() } else { remedy };
        let lost: Vec<_> = self.evidence.iter().filter_map(about_lost).collect();
        if !lost.is_empty() {
            let about_closing = (!self.verdict.is_agreed()).then_some(&*remedy);
            let sentences: Vec<_> = about_closing.into_iter().chain(lost).collect();
            return sentences.join(" ").into();
        }
        // What a proxy counts, an application that ignores Pings does not.
        if matches!(self.verdict, Verdict::PeerApplicationIdle { .. }) {
            return remedy;
        }
        let known = self.evidence.iter().find_map(|fact| {
            let Fact::KnownTimeout { names, sources, .. } = fact else { return None };
            Some(names.iter().zip(sources))
        });
        let Some(known) = known else { return remedy };
        let settings: Vec<_> = known.map(|(name, source)| format!("{name}: {source}")).collect();
        let sentence = remedy.trim_end_matches('.');
        format!("{sentence} ({}).", settings.join("; ")).into()
    }

    /// What the facts say of the situation that the remedy is for.
    fn situation(&self) -> Situation {
        let mut situation = Situation::Usual;
        for fact in &self.evidence {
            match (fact, self.verdict) {
                (Fact::Opening { .. }, _) => situation = Situation::Opening,
                (Fact::NoPing, _) => situation = Situation::WithoutPings,
                (Fact::RoundTrip { .. }, _) => situation = Situation::Measured,
                (Fact::Idle { span }, Verdict::ProxyLifetime { lifetime })
                    if *span >= lifetime / 2 =>
                {
                    situation = Situation::Quiet;
                }
                _ => {}
            }
        }
        situation
    }

    pub(super) fn fmt_evidence(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fact) in self.evidence.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{fact}")?;
        }
        Ok(())
    }
}

fn in_control_frame(fact: &Fact) -> bool {
    matches!(fact, Fact::EndedAt { at: Position::InsideControlFrame { .. } })
}

const TLS_ENDED: &str = "TLS ended without its close_notify: what speaks TLS there died itself, rather \
                         than what stands behind it.";

fn tls_cut(fact: &Fact) -> bool {
    matches!(fact, Fact::Transport { kind: TransportError::TlsTruncated, .. })
}

/// What to do about a message that a Close came before.
fn about_lost(fact: &Fact) -> Option<&'static str> {
    if *fact == Fact::TruncatedMessage {
        return Some(
            "The message that the peer had begun is lost: be ready to ask for it again, and let the \
             peer finish it before it closes.",
        );
    }
    matches!(fact, Fact::Unsent { .. }).then_some(
        "What was not written did not arrive: send it again on the next connection, where it still \
         matters.",
    )
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.confidence, self.verdict)?;
        if !self.evidence.is_empty() {
            f.write_str(" (")?;
            self.fmt_evidence(f)?;
            f.write_str(")")?;
        }
        Ok(())
    }
}

/// `verdict`, `confidence`, `evidence` (the facts in numbers), `text` (the line) and `remedy`.
#[cfg(feature = "serde")]
impl serde::Serialize for Finding {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;

        let mut fields = serializer.serialize_struct("Finding", 5)?;
        fields.serialize_field("verdict", &self.verdict)?;
        fields.serialize_field("confidence", &self.confidence)?;
        fields.serialize_field("evidence", &self.evidence)?;
        fields.serialize_field("text", &format!("{self}"))?;
        fields.serialize_field("remedy", &self.remedy())?;
        fields.end()
    }
}
