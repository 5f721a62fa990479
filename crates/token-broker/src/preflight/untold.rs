//! What cannot be seen of the tenant, why, and what would help: in words for a report.

use std::time::Duration;

/// A part of the snapshot.
pub(crate) type Part<T> = Result<T, Untold>;

/// Why a part is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Untold {
    /// The broker may not look.
    Forbidden {
        /// The application permission that it takes.
        permission: &'static str,
    },
    /// Overloaded or throttling, for some time.
    Throttled {
        /// In words.
        text: String,
        /// How long, if that was said.
        pause: Option<Duration>,
    },
    /// Anything else that may pass by itself, in words.
    Unavailable(String),
    /// Entra ID gives the broker no token to look with.
    Refused {
        /// Its error number, without `AADSTS`.
        number: Option<u32>,
    },
    /// The registration is not to be seen from here.
    Elsewhere,
    /// A client's registration is not to be seen from here.
    ClientElsewhere,
    /// What to look for is not known.
    NotSet {
        /// The setting that would tell.
        setting: &'static str,
        /// What it is to be set to.
        to: &'static str,
    },
    /// It follows from another line.
    Follows {
        /// In words.
        text: &'static str,
        /// That line's check.
        from: &'static str,
    },
    /// Nobody looks.
    SwitchedOff,
}

impl Untold {
    /// There is no token for Graph.
    pub(crate) fn no_token(why: &str) -> Self {
        Self::Unavailable(format!("there is no token for Microsoft Graph: {why}"))
    }

    /// In words.
    pub(crate) fn detail(&self) -> String {
        match self {
            Self::Forbidden { permission } => {
                format!("Microsoft Graph does not let the broker look: it lacks {permission}")
            }
            Self::Throttled { text, .. } | Self::Unavailable(text) => text.clone(),
            Self::Refused { number } => {
                let named = number.map(|number| format!(" (AADSTS{number})")).unwrap_or_default();
                format!("there is no token for Microsoft Graph: Entra ID refuses the broker{named}")
            }
            Self::Elsewhere => {
                "the application's registration is in another tenant, which alone sees it, or was \
                                made just now"
                    .to_owned()
            }
            Self::ClientElsewhere => {
                "the client's registration is in another tenant, which alone sees it, or there is no such client".to_owned()
            }
            Self::NotSet { setting, .. } => format!("not looked at: {setting} is not set"),
            Self::Follows { text, .. } => (*text).to_owned(),
            Self::SwitchedOff => "nobody looks: PREFLIGHT_ENABLED is false".to_owned(),
        }
    }

    /// What would let it be told.
    pub(crate) fn fix(&self) -> String {
        match self {
            Self::Forbidden { permission } => format!(
                "Grant the application {permission} at Microsoft Graph, as an application permission \
                 (docs/preflight.md)."
            ),
            Self::Throttled { .. } | Self::Unavailable(_) => {
                "Look again later; a broker that runs does so by itself.".to_owned()
            }
            Self::Refused { .. } => {
                "Mend first what other lines call missing; docs/troubleshooting.md goes by the \
                                     AADSTS number."
                    .to_owned()
            }
            Self::Elsewhere => {
                "Run `token-broker preflight` for the tenant where the application is registered.".to_owned()
            }
            Self::ClientElsewhere => {
                "Compare its redirect URIs with docs/clients.md where it is registered, or correct PREFLIGHT_CLIENT_IDS."
                    .to_owned()
            }
            Self::NotSet { setting, to } => format!("Set {setting} to {to}."),
            Self::Follows { from, .. } => format!("Mend the line `{from}` first."),
            Self::SwitchedOff => "Set PREFLIGHT_ENABLED to true, or run `token-broker preflight`.".to_owned(),
        }
    }
}
