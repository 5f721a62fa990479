//! What every kind of credential gives: a client assertion, or why there is none just now.

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;

/// A client assertion (RFC 7523, section 2.2): proof of who the broker is, a live credential.
#[derive(Debug)]
pub(crate) struct Proof {
    pub(crate) jwt: SecretString,
    /// Of the certificate that signed it, if one did.
    pub(crate) thumbprint: Option<Arc<str>>,
}

/// There is no client assertion just now. Why was logged where it was found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unavailable {
    /// It may come by itself.
    ForNow {
        /// When it is worth trying again, where that is known.
        retry_after: Option<Duration>,
    },
    /// An operator has to act.
    Misconfigured,
}
