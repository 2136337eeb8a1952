//! Redirections of the opening handshake, for both adapters: whether and where to.

use crate::adapter::ConnectError;
use crate::handshake::{ClientRequest, RedirectError};
use crate::report::Termination;

/// The redirections of one attempt to connect.
pub(super) struct Redirects {
    left: u8,
    followed: u8,
}

impl Redirects {
    pub(super) fn up_to(most: u8) -> Self {
        Self { left: most, followed: 0 }
    }

    /// How many were followed.
    pub(super) fn followed(&self) -> u8 {
        self.followed
    }

    /// The request to make next, where the failure asks for one that may be made.
    pub(super) fn follow(
        &mut self,
        request: &ClientRequest,
        failure: ConnectError,
    ) -> Result<ClientRequest, ConnectError> {
        let ConnectError::Ended(report) = failure else { return Err(failure) };
        if self.left == 0 {
            return Err(ConnectError::Ended(report));
        }
        match redirected(request, &report) {
            None => Err(ConnectError::Ended(report)),
            Some(Err(error)) => Err(ConnectError::Redirect { error, report }),
            Some(Ok(request)) => {
                (self.left, self.followed) = (self.left - 1, self.followed + 1);
                Ok(request)
            }
        }
    }
}

fn redirected(
    request: &ClientRequest,
    report: &Termination,
) -> Option<Result<ClientRequest, RedirectError>> {
    let refusal = report.refusal.as_ref()?;
    if !matches!(refusal.status(), 301 | 302 | 307 | 308) {
        return None;
    }
    Some(request.redirected(refusal.headers().get("Location")?))
}
