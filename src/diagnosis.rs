//! Why a connection ended, and what to do about it.
//!
//! A [`Termination`] says what happened; a [`Diagnosis`] says why it probably happened. It is a
//! pure function of the report, of the [`History`] of earlier connections to the same peer where
//! the caller keeps one, and of a table of [`KnownTimeout`]s. The result is ranked [`Finding`]s,
//! each with a [`Verdict`], a [`Confidence`], the [`Fact`]s it rests on, and a remedy.
//!
//! No evidence makes it panic, however impossible; evidence that contradicts itself lowers the
//! confidence. Timing alone never makes a verdict certain.
//!
//! ```
//! use farewell::diagnosis::{Confidence, Verdict};
//! use farewell::{CloseCode, Config, Connection, Event, ReadClosed, Role, Seed, Timestamp};
//!
//! let now = Timestamp::ZERO;
//! let mut config = Config::default();
//! config.heartbeat = None;
//! let mut client = Connection::new(Role::Client, config, Seed::new([1; 32]), now);
//! // Nothing is said, and after a minute the stream ends.
//! let now = Timestamp::from_nanos(60_020_000_000);
//! client.handle_read_closed(ReadClosed::Eof, now);
//! # client.abort(now);
//! let Some(Event::Ended(report)) = client.poll_event(&mut &mut [][..], now) else { panic!() };
//!
//! let diagnosis = report.diagnosis();
//! let finding = diagnosis.first();
//! assert!(matches!(finding.verdict(), Verdict::ProxyIdleTimeout { .. }));
//! assert_eq!(finding.confidence(), Confidence::Likely);
//! assert_eq!(
//!     diagnosis.to_string(),
//!     "likely: proxy idle timeout of 60 s (idle 60.02 s; no ping in that time; \
//!      nginx, AWS ALB and Phoenix default to 60 s)",
//! );
//! assert!(finding.remedy().starts_with("Ping every 30 s"));
//! ```
//!
//! # Verdicts
//!
//! *Known* is a span in [`KNOWN_TIMEOUTS`] or in the caller's own rows. What is seen of a known
//! timeout may fall half a second short of it, and exceed it by two round trips or half a second,
//! whichever is more; where no round trip was measured, by up to two and a half seconds for a verdict
//! that is only possible. *On the second* is a span that exceeds a whole number of seconds by no more
//! than a tenth of a second and two round trips, as nearly all that timers end do and hardly any other;
//! a path on which that would hold of a quarter of all spans tells nothing. *By five* are multiples of
//! five seconds from ten on, which timers are mostly set to. A connection is *in use* that carried a
//! byte in its last ten seconds. Where the peer's Close begins the end, spans are measured up to that.
//!
//! | Verdict | Evidence | Confidence | Remedy |
//! |---|---|---|---|
//! | `closed_by_us`, `closed_by_peer`, `closed_by_both` | The Close frames, and which came first; whether our own echo was written does not matter | certain; `closed_by_peer` possible where the peer's reason names idleness, or a silence or an age explains a Close with 1000, 1001 or no code | None is needed |
//! | `closed_by_application` | The peer's Close has 3000 to 4999 | certain | By code where it is registered; else the application's own list |
//! | `no_answer_from_us` | The reason in the peer's Close, whatever its code, speaks of Pings, Pongs or a heartbeat that were missed | certain, as to what the peer says; `local_suspended` and `outbound_blocked` beside it say what was late here | Look for a process that slept or was blocked, a socket that nobody read, a Pong behind an upload, or the path |
//! | `restart` | The peer's Close has 1012; 1014; or 1001, from a server | 1012 certain, the others likely; 1001 possible where a silence or an age explains it | Reconnect, with a random delay |
//! | `try_again_later` | The peer's Close has 1013 | certain | Wait long before the next attempt |
//! | `peer_failure` | The peer's Close has 1002, 1003 or 1007 to 1011 | certain | By code: from the fault in what we sent to the peer's own log |
//! | `local_failure` | The peer broke a rule or a limit of this endpoint: rule, section, byte offset | certain | Report them to the peer's developers, or raise the limit |
//! | `http_in_stream` | An HTTP response where a frame was expected: its first bytes | certain | Let the proxy handle upgrades as tunnels, or raise its timeout for requests |
//! | `local_idle_timeout` | This endpoint's own idle timeout passed | certain | Raise it, or let the peer send more often |
//! | `local_message_timeout` | A message was not complete for this endpoint's own timeout | certain | Raise it, or let the peer send shorter messages |
//! | `local_abort` | This endpoint dropped the connection | certain | Close instead |
//! | `close_skipped` | The stream ended or was reset after our Close had been written, without one from the peer | likely | Let the peer send its Close; harmless otherwise |
//! | `close_unanswered` | Our Close was written, and the close timeout passed | certain | Read the peer's log |
//! | `proxy_idle_timeout` | End or reset at a frame boundary, and no byte went, either way or one way, for a known span; or for the idle time of an earlier connection in the history; or for a span that is on the second, from two seconds on; or for a multiple of 30 s. Or a Close with 1000, 1001 or no code after such a span, and without Pings | likely for a span that is known, by five or repeated; possible for other seconds and multiples of 30 s, with Pings unanswered, where the connection had been quiet for longer before, where the whole age is the same and known as a lifetime, or where no round trip was measured and a known span is up to 2.5 s too long; possible after a reset that answers a write, and for a Close that happened once, unless it is 1001 after a known span | Ping twice in the timeout, or raise it |
//! | `proxy_lifetime` | The age is a known lifetime, repeats one in the history of at least 10 s, or is by five | likely where traffic flowed in the last half of it, no earlier connection lived longer, and it is known or repeated; else possible | Pings will not help, where traffic flowed: raise the backend timeout, or rotate connections early |
//! | `peer_application_idle` | End at a frame boundary or a Close as above, no message for a span as for `proxy_idle_timeout`, and Pings that went on; or a reason in the peer's Close that names idleness | likely and possible as there, and for the reason; possible for spans in which only our messages had stopped | Send messages of the application |
//! | `peer_vanished` | End at a frame boundary without a Close; over HTTP/2, also of the connection below | likely where the connection was in use and nothing else fits, else possible | Read the logs of the peer and of proxies, which are restarted and reloaded |
//! | `peer_died_mid_message` | End inside a frame, or between the fragments of a message: bytes received and expected | likely where the connection was in use and no lifetime fits, else possible | Read the peer's log; ask for the message again, unless it was a control frame that was cut |
//! | `peer_aborted` | Reset, not within a round trip and a half of a write | likely where no timeout fits, else possible | Read the logs of the peer and of what stands between |
//! | `peer_closed_under_us` | Reset within a round trip and a half of a write, or a write that failed with a reset or a broken pipe | likely; possible where no round trip was measured and the write was 0.5 to 2.5 s ago, or where a size limit is likely | Send it again on the next connection; read the logs; Pings more often if it had been quiet |
//! | `peer_suspected_limit` | End or reset within a round trip and a half of a message of at least 4 KiB that was the largest so far | likely from 16 KiB on, and where it was at least twice as large as any before; else possible | Send smaller messages, or raise the limit |
//! | `half_open` | The pong timeout passed, and nothing came after the Ping but what was on its way already | likely; possible with output pending, or beside `outbound_blocked` | Reconnect: the network is gone, or the peer is frozen or blocked; where a round trip was measured, a shorter heartbeat finds out earlier |
//! | `peer_stalled` | The pong timeout passed, and bytes had come later than a Pong would have; or two Pings or more went unanswered while bytes came | likely | Look for a blocked event loop in the peer |
//! | `outbound_blocked` | The transport took no output for the write-stall timeout, or our Close never left: bytes pending, Ping not written. Or the peer had no answer, and our Pong left late or not at all | likely where bytes came meanwhile, or for the Close, or the Pong with output pending; else possible, beside `half_open` | Send less, wait for the output to drain, fragment |
//! | `stream_cancelled` | The stream of HTTP/2 or HTTP/3 was reset with a code that names no error (CANCEL, NO_ERROR; over HTTP/3 also one that nobody knows), or ended or was reset, which of the two is not known | likely; possible beside what timing says, and where it may have been an end | Look for a crash, a restart, a timeout or a limit there; reconnect |
//! | `stream_refused` | The stream was reset with REFUSED_STREAM before there was a response: nothing of it was looked at | certain | Try again at once, on another connection |
//! | `stream_failed` | The stream was reset with any other code | certain; likely for an unknown code, and for one that does not go with a stream in use or with a client; possible where `extended_connect_not_offered` is likely | Read the peer's log, look up the code |
//! | `connection_going_away` | The connection below was shut down (GOAWAY) | certain | Reconnect on a new connection, with jitter |
//! | `extended_connect_not_offered` | The server's settings do not offer extended CONNECT; or the stream was reset before a response, with HTTP_1_1_REQUIRED or PROTOCOL_ERROR | certain for HTTP_1_1_REQUIRED, else likely: the settings may only not have come yet | Wait for the settings; use HTTP/1.1, or let server and proxies offer it |
//! | `kernel_timeout` | The operating system reports a timeout | certain | Switch the heartbeat on, or make it faster |
//! | `unreachable`, `refused` | The operating system says that there is no way to the host, or that nobody is there | certain | Check routes, VPN and firewall; whether the peer was stopped |
//! | `system_aborted` | The operating system of this machine ended the connection | likely | Look at what changed on this machine |
//! | `local_suspended` | A deadline was handled, or found overdue by any other call, later than the pong timeout, and the end came within 5 s of that, or before a further Ping could be answered. Or the end was there at the first call after a second or more without one: with a Ping of the peer's, or a deadline overdue by a second | likely; possible for the latter without a Ping | Reconnect on wake; keep blocking work off the thread |
//! | `handshake_rejected` | A status other than 101, or an Origin that this server does not accept | certain; 302, 303, 307, 400 and 404 likely, where the response does not say more | By status: credentials, path, version, upstream |
//! | `upgrade_stripped` | A 101 without Upgrade or Connection; 426 without another version; 505; 400 with a response that mentions the upgrade or our version; 404 from a framework that knows no such path without an upgrade; a request of HTTP/1.0, or with Upgrade and without Connection | likely; 200, another 404, and a request without Upgrade, possible | Let every proxy pass Upgrade and Connection on |
//! | `tls_port` | A TLS record as the response, or as the request; a 400 that says so | certain; likely for the 400; possible where a client got nothing before the end | Use wss:// |
//! | `not_web_socket` | A response or a request that is not HTTP, with its first bytes; a wrong Sec-WebSocket-Accept, or none; 511 | not HTTP certain, Sec-WebSocket-Accept and 511 likely; possible beside other verdicts, where nothing came, or a page or a redirection did | Check host, port and scheme; captive portals |
//! | `handshake_failure` | Any other rule of the opening handshake that was broken, with its section | certain | Report the rule |
//! | `handshake_cut_short` | End or failure of the transport in the opening handshake | certain; likely where a client got nothing before it; possible, beside `local_abort`, where a server's response was not sent and nobody says why | Check port and scheme, firewall, backend |
//! | `handshake_timed_out` | This endpoint's handshake timeout passed | certain | Check the server's load, port and scheme |
//! | `transport_failure` | The transport failed with anything else | likely | Keep the report |
//! | `unexplained` | None of the above: the report contradicts itself | possible | Keep the report |
//!
//! No verdict is given twice. Where timestamps run backwards, counts exceed their totals, or Close
//! frames, code and cause do not go together, every verdict is only possible and says so.
//!
//! # Where TLS failed
//!
//! With feature `rustls`, TLS says what it knows, so all of it is certain: what failed, and with it
//! what the certificate says of itself. The other end of the same failure sees an alert.
//!
//! | Verdict | Evidence | Confidence | Remedy |
//! |---|---|---|---|
//! | `certificate_expired`, `certificate_not_yet_valid` | Until when and from when it is valid, by this machine's clock | certain | Renew it, or set the clock |
//! | `certificate_issuer_unknown` | The issuer's name | certain | Add the own authority, let the server send its intermediates, or look for what opens TLS on the way |
//! | `certificate_wrong_name` | The name that was asked for, and those that it is for | certain | Another name, or another certificate |
//! | `certificate_revoked`, `certificate_unfit`, `certificate_missing` | What the TLS library says | certain | Another certificate |
//! | `tls_alert` | The alert by its name | certain | By alert and by role |
//! | `not_tls` | The first bytes, which are no TLS | certain | ws:// or another port; for a server, a client that uses wss:// |
//! | `tls_incompatible`, `alpn_refused` | No version, cipher suite or application protocol that both ends have | certain | TLS 1.2 or 1.3 at both ends; a client that offers http/1.1 |
//! | `tls_undecryptable`, `tls_broken`, `tls_local` | A record that was changed; a rule of TLS that was broken; this end's own failure | certain | By case: what is on the way, the other end, this machine |
//! | `tls_cut_short`, `tls_timed_out` | The stream ended, or the time passed, in the TLS handshake | certain | What stands in front of the server, its load, the port |
//!
//! # Where no connection came about
//!
//! [`DialRecord::diagnosis`] and `ConnectError::diagnosis` explain what the resolver, the operating
//! system and the proxy have said; so almost all of it is certain. Through a proxy, the name and the
//! addresses are the proxy's, and verdict and remedy say so.
//!
//! | Verdict | Evidence | Confidence | Remedy |
//! |---|---|---|---|
//! | `name_not_found` | The resolver says so, or knows no address; its words | certain | Check the spelling, and the resolver |
//! | `addresses_refused`, `addresses_silent`, `addresses_unreachable` | What the system says of each address, or that it did not answer for a second at least | certain where all addresses failed so and none was left untried; else the first of refused, silent, `dial_timed_out`, `local_network`, `transport_failure` and unreachable is likely, and the others possible | Check port and server, or the proxy's; firewalls; routes |
//! | `local_network` | The system does not permit the connection, or has no address or port for it | certain, as above | Check firewall, sandbox and limits of this machine |
//! | `too_many_addresses` | More than 1,000 were given | certain | Give fewer |
//! | `proxy_needs_credentials`, `proxy_refused_credentials` | The proxy's answer: status 407 or 401, or what SOCKS5 says, with and without credentials given | certain | Give them, or renew them |
//! | `proxy_refused` | Any other status of the proxy, or reply of SOCKS5 | certain | By status: the proxy's rules, or a server that it does not reach |
//! | `not_a_proxy`, `proxy_cut_short`, `proxy_unfit` | An answer in another protocol; none; a scheme or a name that cannot be | certain | Check scheme and port of the proxy |
//! | `proxy_certificate_expired`, `proxy_certificate_not_yet_valid`, `proxy_certificate_issuer_unknown`, `proxy_certificate_wrong_name`, `proxy_certificate_revoked`, `proxy_certificate_unfit`, `proxy_certificate_missing` | What TLS says of the certificate of an `https://` proxy; its dates, names and issuer | certain | As for a server's, at the proxy: `Proxy::tls` |
//! | `proxy_not_tls`, `proxy_tls_alert`, `proxy_tls_incompatible`, `proxy_alpn_refused`, `proxy_tls_undecryptable`, `proxy_tls_broken`, `proxy_tls_local` | What TLS with an `https://` proxy says, in its handshake or later | certain | By error: scheme and port, or the proxy's log |
//! | `dial_timed_out` | The time passed while the name was looked up or the proxy was asked; or so early in connecting that a slow address is like a silent one | certain; likely and possible where only some addresses were cut off so early | By phase: the resolver, the proxy's log, more time |
//!
//! # How often it is right
//!
//! The tests play several hundred traces whose true reason is known to real sessions, and compare
//! the first verdict. A row of this confusion matrix is a reason: how often it was the
//! first verdict, how often that was right, the same by confidence, and what else it was taken for.
//! The traces include what cannot be told apart from one endpoint, such as a server that closes at
//! random times and by coincidence does so after a minute; real traffic has its own mixture.
//!
#![doc = include_str!("diagnosis/confusion.md")]
//!
//! # How often it is right about real endings
//!
//! A rig in the repository, `tests/interop/endings`, makes endings with other people's software:
//! proxies that time out or reload, servers in Python, Node and Go that are killed, frozen or silent,
//! networks that go dead, our own process asleep. Each has its true cause, and for some of them
//! several verdicts are right, since one endpoint cannot tell them apart. The columns by confidence
//! have how often the first verdict was right; *listed* is whether a right one was named at all.
//!
#![doc = include_str!("diagnosis/real_endings.md")]
#![deny(clippy::wildcard_enum_match_arm)]

mod fact;
mod finding;
mod history;
mod known_timeouts;
mod rules;
mod verdict;

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::slice;

use crate::report::{DialRecord, Termination};

pub use fact::Fact;
pub use finding::{Confidence, Finding};
pub use history::{History, PastConnection};
pub use known_timeouts::{KNOWN_TIMEOUTS, KnownTimeout, TimeoutKind};
pub use verdict::Verdict;

impl Termination {
    /// Why it probably happened, from this report alone.
    ///
    /// [`Diagnoser`](crate::diagnosis::Diagnoser) also takes earlier connections and timeouts of
    /// the caller's own into account.
    #[must_use]
    pub fn diagnosis(&self) -> Diagnosis {
        Diagnoser::new().diagnose(self)
    }
}

impl DialRecord {
    /// Why there is no connection, from what the resolver, the system and the proxy have said.
    ///
    /// Of a dial that led to a connection, there is nothing to explain. What ended an opening
    /// handshake after it, its own report explains.
    ///
    /// ```
    /// use farewell::dial::{AttemptError, AttemptErrorKind, Dial, DialOptions, Step};
    /// use farewell::handshake::ClientRequest;
    /// use farewell::{Config, Timestamp};
    ///
    /// let (request, now) = (ClientRequest::new("ws://192.0.2.1/")?, Timestamp::ZERO);
    /// let mut dial = Dial::new(&request, &DialOptions::default(), &Config::default(), now);
    /// assert!(matches!(dial.next(), Step::Connect { attempt: 0, .. }));
    /// dial.handle_connect_failed(0, AttemptError::new(AttemptErrorKind::Refused), now);
    /// let error = dial.into_result().unwrap_err();
    /// assert_eq!(
    ///     error.record.diagnosis().to_string(),
    ///     "certain: nobody listens at the address (192.0.2.1:80 refused after 0 µs)",
    /// );
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    #[must_use]
    pub fn diagnosis(&self) -> Diagnosis {
        Diagnosis::ranked(rules::dial::explain(self))
    }
}

/// What a diagnosis is made with, besides the report.
///
/// ```
/// use core::time::Duration;
/// use farewell::diagnosis::{Diagnoser, History, KnownTimeout};
///
/// let own = [KnownTimeout::idle("our gateway", Duration::from_secs(45), "gateway.yaml")];
/// let history = History::new();
/// let diagnoser = Diagnoser::new().history(&history).known_timeouts(&own);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Diagnoser<'a> {
    history: Option<&'a History>,
    own: &'a [KnownTimeout],
}

impl<'a> Diagnoser<'a> {
    /// Without a history, and with [`KNOWN_TIMEOUTS`].
    #[must_use]
    pub const fn new() -> Self {
        Self { history: None, own: &[] }
    }

    /// Takes earlier connections to the same peer into account.
    #[must_use]
    pub const fn history(self, history: &'a History) -> Self {
        Self { history: Some(history), ..self }
    }

    /// Adds rows to the table of known timeouts.
    #[must_use]
    pub const fn known_timeouts(self, rows: &'a [KnownTimeout]) -> Self {
        Self { own: rows, ..self }
    }

    /// Why the connection of this report probably ended.
    ///
    /// The history is taken to hold the connections before this one.
    #[must_use]
    pub fn diagnose(&self, report: &Termination) -> Diagnosis {
        Diagnosis::ranked(rules::findings(self, report))
    }

    fn rows(&self) -> impl Iterator<Item = &KnownTimeout> + Clone {
        self.own.iter().chain(&KNOWN_TIMEOUTS)
    }
}

/// Ranked explanations of an ending, the best first; there is always one.
///
/// `Display` writes the first in one line, for a log. The alternate form (`{:#}`) is for a person:
/// every finding on lines of its own, with evidence and remedy:
///
/// ```text
/// Why: proxy idle timeout of 60 s (likely)
///   Evidence: idle 60.02 s; no ping in that time; nginx, AWS ALB and Phoenix default to 60 s
///   Remedy: Ping every 30 s or more often, or raise the read or idle timeout of the proxy (nginx:
///     proxy_read_timeout; AWS ALB: idle_timeout.timeout_seconds; Phoenix: the transport's :timeout).
/// Or: the peer vanished (possible)
///   Evidence: ended between two messages; idle 60.02 s
///   Remedy: The peer crashed, was killed or skips its Close, or a proxy in front of it was restarted
///     or reloaded: read their logs around this time.
/// ```
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Diagnosis {
    /// Never empty.
    findings: Vec<Finding>,
}

impl Diagnosis {
    fn ranked(mut findings: Vec<Finding>) -> Self {
        if findings.is_empty() {
            findings = vec![Finding::new(Verdict::Unexplained, Confidence::Possible, vec![])];
        }
        // Stable: what the rules put first stays first among equals.
        findings.sort_by_key(|finding| core::cmp::Reverse(finding.confidence()));
        // One that two rules reach is said once, as sure as the surer of them.
        let mut said = Vec::new();
        findings.retain(|finding| {
            let name = finding.verdict().name();
            let new = !said.contains(&name);
            said.push(name);
            new
        });
        Self { findings }
    }

    /// The best explanation.
    #[must_use]
    pub fn first(&self) -> &Finding {
        self.findings.first().expect("a diagnosis is only made by `ranked`, with a finding")
    }

    /// The verdict of the best explanation.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.first().verdict()
    }

    /// All explanations, the best first.
    pub fn iter(&self) -> slice::Iter<'_, Finding> {
        self.findings.iter()
    }

    /// All explanations, the best first.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }
}

impl<'a> IntoIterator for &'a Diagnosis {
    type Item = &'a Finding;
    type IntoIter = slice::Iter<'a, Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !f.alternate() {
            return self.first().fmt(f);
        }
        for (index, finding) in self.iter().enumerate() {
            let lead = if index > 0 { "\nOr: " } else { "Why: " };
            write!(f, "{lead}{} ({})", finding.verdict(), finding.confidence())?;
            if !finding.evidence().is_empty() {
                f.write_str("\n  Evidence: ")?;
                finding.fmt_evidence(f)?;
            }
            write!(f, "\n  Remedy: {}", finding.remedy())?;
        }
        Ok(())
    }
}

/// A report and its diagnosis, to be displayed or serialised together.
///
/// With feature `serde` it serialises as `{"termination": .., "diagnosis": ..}`. Names are in snake
/// case and stable; points in time and spans are numbers of seconds.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Report<'a> {
    /// What happened.
    pub termination: &'a Termination,
    /// Why.
    pub diagnosis: Diagnosis,
}

impl<'a> Report<'a> {
    /// The report of a termination with its own diagnosis.
    #[must_use]
    pub fn new(termination: &'a Termination) -> Self {
        Self { termination, diagnosis: termination.diagnosis() }
    }
}

/// The termination on one line and the diagnosis on the next; in the alternate form (`{:#}`) the
/// diagnosis for a person.
impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.termination)?;
        self.diagnosis.fmt(f)
    }
}
