//! Who may come in, and what they may do to the server.

use farewell::Config;
use farewell::handshake::{Rejection, Request};

use crate::{SECRET, SUBPROTOCOL};

/// So many connections are let in.
pub(crate) const MEMBERS: usize = 20_000;

pub(crate) fn config() -> Config {
    let mut config = Config::default();
    // Nobody types more, and nobody is waited for with more than this.
    config.limits.message = 4096;
    config.limits.pending_output = 64 * 1024;
    config
}

/// The name of who asks to come in, while there are so many others.
pub(crate) async fn admit(request: &Request, others: usize) -> Result<String, Rejection> {
    if others >= MEMBERS {
        let rejection = Rejection::new(503)?.header("Retry-After", "30")?;
        return Err(rejection.because("too many members"));
    }
    if !request.subprotocols().any(|name| name == SUBPROTOCOL) {
        return Err(Rejection::new(400)?.body("which chat do you speak?\n"));
    }
    match look_up(token(request)).await? {
        Some(name) => Ok(name),
        None => Err(Rejection::new(401)?.header("WWW-Authenticate", "Bearer")?),
    }
}

/// A page can set no header field, and sends its token as a second subprotocol.
fn token(request: &Request) -> &str {
    let bearer = request.header("Authorization").and_then(|field| field.strip_prefix("Bearer "));
    bearer.or_else(|| request.subprotocols().find(|name| *name != SUBPROTOCOL)).unwrap_or_default()
}

/// Whose token it is. Where a database is asked in its place, what goes wrong there is status 500 for
/// the client, and the reason for the log.
async fn look_up(token: &str) -> std::io::Result<Option<String>> {
    let name = token.strip_suffix(SECRET).and_then(|rest| rest.strip_suffix('.'));
    Ok(name.filter(|name| !name.is_empty()).map(String::from))
}
