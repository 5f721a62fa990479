//! The words that stand in the metadata of an error: what the broker writes, and consumers read, is spelled once.

use std::str::FromStr;

/// The keys of `ErrorInfo.metadata`.
pub mod metadata {
    /// Which check the assertion failed.
    pub const REASON: &str = "reason";
    /// What blocks a user ([`Block`](super::Block)), or what a consumer lacks
    /// ([`ConsumerCause`](super::ConsumerCause)).
    pub const CAUSE: &str = "cause";
    /// The permission that was never granted, by name.
    pub const PERMISSION: &str = "permission";
    /// Entra ID's error number, without its `AADSTS`.
    pub const AADSTS: &str = "aadsts";
    /// Entra ID's id of the request, by which its sign-in log is searched.
    pub const CORRELATION_ID: &str = "correlation_id";
    /// Entra ID's own trace id.
    pub const TRACE_ID: &str = "trace_id";
}

/// Metadata `cause` of [`Reason::BlockedByPolicy`](super::Reason::BlockedByPolicy): what blocks a user. Each has somebody
/// else who can mend it, and no new sign-in does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// Conditional Access, security defaults or risk. Take a cause that you do not know for this one.
    Policy,
    /// Conditional Access wants another device or another application.
    Device,
    /// The application requires assignment, and the user has none.
    NotAssigned,
    /// The account is disabled, or not in the tenant.
    Account,
    /// The account is locked for a time, or came from an address of attackers.
    Locked,
    /// The user's own directory does not let them into this one.
    HomeTenant,
    /// This directory does not let guests of theirs in.
    ResourceTenant,
}

impl Block {
    /// Every one, in the order of the contract.
    pub const ALL: [Self; 7] = [
        Self::Policy,
        Self::Device,
        Self::NotAssigned,
        Self::Account,
        Self::Locked,
        Self::HomeTenant,
        Self::ResourceTenant,
    ];

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Device => "device",
            Self::NotAssigned => "not_assigned",
            Self::Account => "account",
            Self::Locked => "locked",
            Self::HomeTenant => "home_tenant",
            Self::ResourceTenant => "resource_tenant",
        }
    }
}

impl FromStr for Block {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|block| block.as_str() == text).ok_or(UnknownWord)
    }
}

/// Metadata `cause` of [`Reason::ConsumerNotAllowed`](super::Reason::ConsumerNotAllowed): what the calling service lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsumerCause {
    /// No consumer has a name of its certificate, or its user.
    UnknownConsumer,
    /// The names of its certificate belong to several consumers.
    AmbiguousConsumer,
    /// The resource is not among those that it may ask for.
    Resource,
    /// It may not purge.
    Purge,
}

impl ConsumerCause {
    /// Every one, in the order of the contract.
    pub const ALL: [Self; 4] = [Self::UnknownConsumer, Self::AmbiguousConsumer, Self::Resource, Self::Purge];

    /// The word on the wire, and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownConsumer => "unknown_consumer",
            Self::AmbiguousConsumer => "ambiguous_consumer",
            Self::Resource => "resource",
            Self::Purge => "purge",
        }
    }
}

impl FromStr for ConsumerCause {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == text).ok_or(UnknownWord)
    }
}

/// A word that this version of the contract does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownWord;

impl std::fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a word that this version of the contract does not know")
    }
}

impl std::error::Error for UnknownWord {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_as_it_is_written() {
        for block in Block::ALL {
            assert_eq!(block.as_str().parse(), Ok(block));
        }
        for cause in ConsumerCause::ALL {
            assert_eq!(cause.as_str().parse(), Ok(cause));
        }
        assert_eq!("newer_than_this".parse::<Block>(), Err(UnknownWord));
        assert_eq!("newer_than_this".parse::<ConsumerCause>(), Err(UnknownWord));
    }
}
