//! Why a request was rejected: for the log, and never for the client.

use alloc::boxed::Box;
use core::error::Error;
use core::fmt;
use core::panic::{RefUnwindSafe, UnwindSafe};

use super::{Rejection, ResponseError};
use crate::handshake::http1::headers::HeaderError;
use crate::handshake::origin::OriginError;
use crate::sync::Arc;

/// An error that can be shared.
#[derive(Debug, Clone)]
pub(crate) struct Why(Arc<dyn Error + Send + Sync>);

// Nobody can change what is in it.
impl UnwindSafe for Why {}
impl RefUnwindSafe for Why {}

impl Why {
    fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Arc::from(error.into()))
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Why {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

impl Rejection {
    /// The same with a reason for the log: an error, or a sentence. The client is not told of it.
    ///
    /// ```
    /// use farewell::handshake::Rejection;
    ///
    /// let rejection = Rejection::new(403)?.because("the account is locked");
    /// assert_eq!(rejection.reason().map(ToString::to_string), Some("the account is locked".into()));
    /// # Ok::<(), farewell::handshake::ResponseError>(())
    /// ```
    #[must_use]
    pub fn because(self, reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { why: Some(Why::new(reason)), ..self }
    }

    /// The reason for the log, where there is one.
    #[must_use]
    pub fn reason(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.why.as_ref().map(|why| &*why.0)
    }

    #[cfg(feature = "std")]
    pub(crate) fn why(&self) -> Option<&Why> {
        self.why.as_ref()
    }

    /// Status 500: this server is at fault, or what it depends on.
    fn internal(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::with_status(500).because(error)
    }
}

/// A clone.
impl From<&Self> for Rejection {
    fn from(rejection: &Self) -> Self {
        rejection.clone()
    }
}

/// A request that has to be refused is, as its error says; for a response that cannot be made as asked,
/// status 500.
impl From<ResponseError> for Rejection {
    fn from(error: ResponseError) -> Self {
        match error {
            ResponseError::Refused(error) => error.into(),
            ResponseError::Status
            | ResponseError::Subprotocol
            | ResponseError::SubprotocolNotRequested
            | ResponseError::Header(_) => Self::internal(error),
        }
    }
}

/// Status 500: a header field of this server's cannot be sent.
impl From<HeaderError> for Rejection {
    fn from(error: HeaderError) -> Self {
        Self::internal(error)
    }
}

/// Status 500: the list of origins is this server's.
impl From<OriginError> for Rejection {
    fn from(error: OriginError) -> Self {
        Self::internal(error)
    }
}

/// Status 500: something that the decision depends on has failed, whatever it was. A client may try
/// again later.
#[cfg(feature = "std")]
impl From<std::io::Error> for Rejection {
    fn from(error: std::io::Error) -> Self {
        Self::internal(error)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::{String, ToString};

    use super::*;
    use crate::handshake::{HandshakeError, Origins};

    /// An application's own.
    #[derive(Debug)]
    struct Locked;

    impl From<Locked> for Rejection {
        fn from(Locked: Locked) -> Self {
            Self::with_status(423)
        }
    }

    fn said<T>(decided: Result<T, Rejection>) -> (u16, Option<String>) {
        let Err(rejection) = decided else { panic!("it was accepted") };
        (rejection.status(), rejection.reason().map(ToString::to_string))
    }

    #[test]
    fn what_a_decision_meets_becomes_a_rejection() {
        let because = |status, error: &dyn ToString| (status, Some(error.to_string()));
        let refused = HandshakeError::OriginRefused;
        assert_eq!(said((|| Ok(Rejection::new(200)?))()), because(500, &ResponseError::Status));
        assert_eq!(said((|| Ok(Origins::listed(["a"])?))()), because(500, &OriginError::Scheme));
        assert_eq!(said::<()>(Err(HeaderError::Name.into())), because(500, &HeaderError::Name));
        assert_eq!(said::<()>(Err(refused.into())), because(403, &refused));
        assert_eq!(said::<()>(Err(ResponseError::Refused(refused).into())), because(403, &refused));
        assert_eq!(said::<()>((|| Err(Locked)?)()), (423, None));
        #[cfg(feature = "std")]
        assert_eq!(said::<()>((|| Err(std::io::Error::other("down"))?)()), because(500, &"down"));
    }
}
