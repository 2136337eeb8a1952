//! Redirections of the opening handshake, for both adapters: whether and where to.

#[cfg(feature = "rustls")]
use alloc::boxed::Box;

use crate::adapter::ConnectError;
use crate::dial::Dialled;
use crate::handshake::{ClientRequest, RedirectError};
use crate::report::Termination;

/// The redirections of one attempt to connect.
pub(super) struct Redirects {
    left: u8,
    followed: u8,
    /// The report of the last one that was followed.
    #[cfg(feature = "rustls")]
    last: Option<Box<Termination>>,
}

impl Redirects {
    pub(super) fn up_to(most: u8) -> Self {
        Self {
            left: most,
            followed: 0,
            #[cfg(feature = "rustls")]
            last: None,
        }
    }

    /// What it means that there can be no TLS to where the last of them leads, if one does.
    pub(super) fn unsecured(&mut self, failure: ConnectError) -> ConnectError {
        #[cfg(feature = "rustls")]
        if let ConnectError::Tls(error) = failure {
            return match self.last.take() {
                Some(report) => ConnectError::RedirectTls { error, report },
                None => ConnectError::Tls(error),
            };
        }
        failure
    }

    /// Writes into the record of a dial, found or failed, how many were followed before it.
    pub(super) fn note<S>(
        &self,
        dialled: Result<(S, Dialled), ConnectError>,
    ) -> Result<(S, Dialled), ConnectError> {
        let mut dialled = dialled;
        match &mut dialled {
            Ok((_, dialled)) => dialled.record.redirects = self.followed,
            Err(ConnectError::Dial(error)) => error.record.redirects = self.followed,
            Err(_) => {}
        }
        dialled
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
            Some(Ok(request)) if request.secure() && !cfg!(feature = "rustls") => {
                Err(ConnectError::Redirect { error: RedirectError::TlsNeeded, report })
            }
            Some(Ok(request)) => {
                (self.left, self.followed) = (self.left - 1, self.followed + 1);
                #[cfg(feature = "rustls")]
                {
                    self.last = Some(report);
                }
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
