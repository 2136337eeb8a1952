//! Every ending that the self-test brings about, with what each end has to say of it.

use farewell::Role::{self, Client, Server};

use crate::stage::{Result, Seen};
use crate::{between_ours as ours, handshakes, over_tls, rude_peers as rude};

/// A way to end, the code that does it, and what has to come of it.
pub(crate) struct Ending {
    pub(crate) what: &'static str,
    pub(crate) bring_about: fn() -> Result<Vec<Seen>>,
    pub(crate) expected: &'static [Expected],
}

/// What the report of one end has to say.
pub(crate) struct Expected {
    side: Role,
    /// The code, and whether it was clean; none where there was no connection.
    end: Option<(u16, bool)>,
    /// One of these.
    causes: &'static [&'static str],
    /// What the diagnosis takes for the reason: one of these.
    reasons: &'static [&'static str],
}

impl Expected {
    pub(crate) fn is(&self, seen: &Seen) -> bool {
        (self.side, self.end) == (seen.side, seen.end())
            && self.causes.contains(&&*seen.cause())
            && self.reasons.contains(&seen.reason())
    }
}

const fn clean(
    side: Role,
    code: u16,
    causes: &'static [&'static str],
    reasons: &'static [&'static str],
) -> Expected {
    Expected { side, end: Some((code, true)), causes, reasons }
}

const fn unclean(
    side: Role,
    code: u16,
    causes: &'static [&'static str],
    reasons: &'static [&'static str],
) -> Expected {
    Expected { side, end: Some((code, false)), causes, reasons }
}

const fn ending(
    what: &'static str,
    bring_about: fn() -> Result<Vec<Seen>>,
    expected: &'static [Expected],
) -> Ending {
    Ending { what, bring_about, expected }
}

const CLOSED: &[&str] = &["closing handshake"];

/// What a system says of a peer that threw the connection away while we were writing depends on
/// who is quicker.
const THROWN_AWAY: &[&str] = &[
    "write failed: connection reset",
    "write failed: broken pipe",
    "read failed: connection reset",
];

pub(crate) const ENDINGS: &[Ending] = &[
    ending(
        "the client closes",
        ours::client_closes,
        &[
            clean(Client, 1000, CLOSED, &["closed_by_us"]),
            clean(Server, 1000, CLOSED, &["closed_by_peer"]),
        ],
    ),
    ending(
        "the server closes: it restarts",
        ours::server_closes,
        &[
            clean(Client, 1001, CLOSED, &["restart"]),
            clean(Server, 1001, CLOSED, &["closed_by_us"]),
        ],
    ),
    ending(
        "both close at once",
        ours::both_close,
        &[
            clean(Client, 1001, CLOSED, &["closed_by_us", "closed_by_both"]),
            clean(Server, 1000, CLOSED, &["closed_by_us", "closed_by_both"]),
        ],
    ),
    ending(
        "the client closes without a code",
        ours::empty_close,
        &[
            clean(Client, 1005, CLOSED, &["closed_by_us"]),
            clean(Server, 1005, CLOSED, &["closed_by_peer"]),
        ],
    ),
    ending(
        "the server closes for a reason of its own",
        ours::application_code,
        &[
            clean(Client, 4001, CLOSED, &["closed_by_application"]),
            clean(Server, 4001, CLOSED, &["closed_by_us"]),
        ],
    ),
    ending(
        "the client closes inside a message",
        rude::close_inside_a_message,
        &[clean(Server, 1001, CLOSED, &["closed_by_peer", "restart"])],
    ),
    ending(
        "the server closes and does not hang up",
        rude::never_hangs_up,
        &[clean(Client, 1000, CLOSED, &["closed_by_us"])],
    ),
    ending(
        "the server closes an idle connection",
        ours::idle_timeout,
        &[
            clean(Client, 1001, CLOSED, &["peer_application_idle", "restart", "closed_by_peer"]),
            clean(Server, 1001, &["idle timeout"], &["local_idle_timeout"]),
        ],
    ),
    ending(
        "the client drops its socket",
        ours::client_drops,
        &[
            unclean(Client, 1006, &["dropped on this side"], &["local_abort"]),
            unclean(Server, 1006, &["end of stream"], &["peer_vanished"]),
        ],
    ),
    ending(
        "the server hangs up without a Close",
        rude::fin_without_close,
        &[unclean(Client, 1006, &["end of stream"], &["peer_vanished"])],
    ),
    ending(
        "the server hangs up inside a frame",
        rude::fin_inside_a_frame,
        &[unclean(Client, 1006, &["end of stream inside a frame"], &["peer_died_mid_message"])],
    ),
    ending(
        "the server hangs up inside a message",
        rude::fin_inside_a_message,
        &[unclean(Client, 1006, &["end of stream inside a message"], &["peer_died_mid_message"])],
    ),
    ending(
        "the server hangs up instead of answering",
        rude::fin_instead_of_an_answer,
        &[unclean(Client, 1006, &["end of stream"], &["close_skipped"])],
    ),
    ending(
        "the server resets the connection",
        rude::reset,
        &[unclean(Client, 1006, &["read failed: connection reset"], &["peer_aborted"])],
    ),
    ending(
        "the server falls silent",
        rude::silent_peer,
        &[unclean(Client, 1006, &["silence after a Ping"], &["half_open", "local_suspended"])],
    ),
    ending(
        "the server does not answer a Close",
        rude::unanswered_close,
        &[unclean(Client, 1006, &["Close not answered"], &["close_unanswered"])],
    ),
    ending(
        "the client reads nothing",
        rude::stalled_writer,
        &[unclean(Server, 1006, &["output stalled"], &["outbound_blocked"])],
    ),
    ending(
        "the client leaves with much unread",
        rude::leaves_with_a_backlog,
        &[unclean(
            Server,
            1006,
            THROWN_AWAY,
            &["peer_suspected_limit", "peer_closed_under_us", "peer_aborted"],
        )],
    ),
    ending(
        "the client does not mask",
        rude::unmasked_frame,
        &[unclean(Server, 1006, &["rule broken (section 5.1)"], &["local_failure"])],
    ),
    ending(
        "the server compresses, unasked",
        rude::compressed_unasked,
        &[unclean(Client, 1006, &["rule broken (section 5.2)"], &["local_failure"])],
    ),
    ending(
        "the server sends the code 1006",
        rude::invalid_close_code,
        &[unclean(Client, 1006, &["rule broken (section 7.4)"], &["local_failure"])],
    ),
    ending(
        "the client sends Latin-1 as text",
        rude::latin_1,
        &[unclean(Server, 1006, &["rule broken (section 8.1)"], &["local_failure"])],
    ),
    ending(
        "the client sends a message too big",
        ours::message_too_big,
        &[
            clean(Client, 1009, CLOSED, &["peer_failure"]),
            unclean(Server, 1006, &["over a limit"], &["local_failure"]),
        ],
    ),
    ending(
        "the client announces 5 GB",
        rude::frame_too_big,
        &[unclean(Server, 1006, &["over a limit"], &["local_failure"])],
    ),
    ending(
        "the server refuses the client's Origin",
        handshakes::origin_refused,
        &[
            unclean(Client, 1006, &["handshake refused: 403"], &["handshake_rejected"]),
            unclean(
                Server,
                1006,
                &["bad handshake (section 10.2)"],
                &["handshake_failure", "handshake_rejected"],
            ),
        ],
    ),
    ending(
        "the server wants credentials",
        handshakes::unauthorized,
        &[
            unclean(Client, 1006, &["handshake refused: 401"], &["handshake_rejected"]),
            unclean(Server, 1006, &["handshake refused: 401"], &["handshake_rejected"]),
        ],
    ),
    ending(
        "the server is a plain web server",
        handshakes::web_server,
        &[unclean(
            Client,
            1006,
            &["handshake refused: 200"],
            &["upgrade_stripped", "not_web_socket"],
        )],
    ),
    ending(
        "a proxy drops the Upgrade",
        handshakes::upgrade_stripped,
        &[unclean(Client, 1006, &["bad handshake (section 4.1)"], &["upgrade_stripped"])],
    ),
    ending(
        "the server answers another request",
        handshakes::accept_wrong,
        &[unclean(Client, 1006, &["bad handshake (section 4.1)"], &["not_web_socket"])],
    ),
    ending(
        "the server speaks something else",
        handshakes::not_http,
        &[unclean(Client, 1006, &["bad handshake (section 4)"], &["not_web_socket"])],
    ),
    ending(
        "the server never answers",
        handshakes::handshake_timeout,
        &[unclean(Client, 1006, &["handshake timeout"], &["handshake_timed_out"])],
    ),
    ending(
        "nobody listens",
        handshakes::nobody_listens,
        &[Expected {
            side: Client,
            end: None,
            causes: &["not connected"],
            reasons: &["addresses_refused"],
        }],
    ),
    ending(
        "the client is a plain browser",
        handshakes::plain_get,
        &[unclean(
            Server,
            1006,
            &["bad handshake (section 4.2.1)"],
            &["upgrade_stripped", "not_web_socket"],
        )],
    ),
    ending(
        "the client speaks TLS to a plain port",
        handshakes::tls_to_plain_port,
        &[unclean(Server, 1006, &["bad handshake (section 4)"], &["tls_port"])],
    ),
    ending(
        "the client connects and leaves",
        handshakes::port_scan,
        &[unclean(Server, 1006, &["end of stream in handshake"], &["handshake_cut_short"])],
    ),
    ending(
        "the server closes, over TLS",
        over_tls::server_closes,
        &[
            clean(Client, 1000, CLOSED, &["closed_by_peer"]),
            clean(Server, 1000, CLOSED, &["closed_by_us"]),
        ],
    ),
    ending(
        "the server hangs up, over TLS",
        over_tls::server_hangs_up,
        &[
            unclean(
                Client,
                1006,
                &["read failed: the TLS stream was cut short"],
                &["peer_vanished"],
            ),
            unclean(Server, 1006, &["dropped on this side"], &["local_abort"]),
        ],
    ),
    ending(
        "the server's certificate has expired",
        over_tls::expired,
        &[
            unclean(
                Client,
                1006,
                &["TLS: the peer's certificate has expired"],
                &["certificate_expired"],
            ),
            unclean(
                Server,
                1006,
                &["TLS: the peer sent the TLS alert certificate_expired (45)"],
                &["tls_alert"],
            ),
        ],
    ),
    ending(
        "the server's certificate is another's",
        over_tls::wrong_name,
        &[
            unclean(
                Client,
                1006,
                &["TLS: the peer's certificate is for another name"],
                &["certificate_wrong_name"],
            ),
            unclean(
                Server,
                1006,
                &["TLS: the peer sent the TLS alert bad_certificate (42)"],
                &["tls_alert"],
            ),
        ],
    ),
    ending(
        "nobody knows who issued the certificate",
        over_tls::unknown_issuer,
        &[
            unclean(
                Client,
                1006,
                &["TLS: the peer's certificate was issued by somebody who is not trusted here"],
                &["certificate_issuer_unknown"],
            ),
            unclean(
                Server,
                1006,
                &["TLS: the peer sent the TLS alert unknown_ca (48)"],
                &["tls_alert"],
            ),
        ],
    ),
    ending(
        "the client speaks TLS to a plain server",
        over_tls::plain_port,
        &[unclean(Client, 1006, &["TLS: what came is not TLS"], &["not_tls"])],
    ),
    ending(
        "a plain client comes to a port with TLS",
        over_tls::plain_client,
        &[unclean(Server, 1006, &["TLS: what came is not TLS"], &["not_tls"])],
    ),
    ending(
        "the server hangs up in the TLS handshake",
        over_tls::hangs_up_in_the_handshake,
        &[unclean(Client, 1006, &["end of stream in TLS handshake"], &["tls_cut_short"])],
    ),
    ending(
        "the server is silent in the TLS handshake",
        over_tls::says_nothing,
        &[unclean(Client, 1006, &["handshake timeout"], &["handshake_timed_out"])],
    ),
];
