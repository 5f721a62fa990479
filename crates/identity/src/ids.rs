//! Directory identifiers as types, so that an object id can never stand where a tenant id belongs.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// The identifier as a UUID.
            pub fn as_uuid(&self) -> &Uuid {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse_guid(text).map(Self).ok_or(InvalidId($what))
            }
        }
    };
}

id!(
    /// A tenant (directory): `tid`.
    TenantId,
    "tenant id"
);
id!(
    /// A user or service principal within its tenant: `oid`.
    ObjectId,
    "object id"
);
id!(
    /// An application registration: `azp`, `appid`, or the API's own client id.
    ClientId,
    "client id"
);

/// A text that is not a GUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a {0} is a GUID like aaaabbbb-0000-cccc-1111-dddd2222eeee; a name or a domain does not do")]
pub struct InvalidId(&'static str);

/// Only the hyphenated form: it is the one Entra writes, and one spelling per identity keeps keys comparable.
fn parse_guid(text: &str) -> Option<Uuid> {
    (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hyphenated_form_is_an_id() {
        assert!("aaaabbbb-0000-cccc-1111-dddd2222eeee".parse::<TenantId>().is_ok());
        for bad in [
            "",
            "common",
            "contoso.com",
            "aaaabbbb0000cccc1111dddd2222eeee",
            "{aaaabbbb-0000-cccc-1111-dddd2222eeee}",
        ] {
            assert!(bad.parse::<TenantId>().is_err(), "{bad}");
        }
    }
}
