//! What is known of an MCP client, and how it reads.

/// An MCP client and what it needs of Entra ID.
pub(super) struct McpClient {
    /// As `--client` takes it.
    pub(super) name: &'static str,
    /// As people call it.
    pub(super) title: &'static str,
    pub(super) id: IdFrom,
    /// Redirect URIs that it needs. `<id>` stands for a part that the client shows.
    pub(super) redirect_uris: &'static [&'static str],
    /// Redirect URIs of some of its versions or editions.
    pub(super) further_uris: &'static [&'static str],
    pub(super) platform: Platform,
    /// What it does with scopes and with `resource`.
    pub(super) scopes: &'static str,
    /// What it does with refusals that ask for more, and what else to know.
    pub(super) challenges: &'static str,
    pub(super) evidence: Evidence,
}

/// Where its client id comes from. Entra ID has no dynamic registration and reads no client metadata.
pub(super) enum IdFrom {
    /// It has one of Microsoft's own, which is pre-authorized on the API.
    BuiltIn(&'static str),
    /// One is registered, and entered here.
    EnteredIn(&'static str),
    /// None can be given.
    Nowhere,
}

/// The platform of its redirect URIs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Platform {
    /// "Mobile and desktop applications": no secret.
    Mobile,
    /// "Web": with a secret.
    Web,
    /// Nothing is to be registered.
    Nothing,
}

/// How it is known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Evidence {
    /// The released client was run against this server and the emulated Entra ID.
    Measured,
    /// Read in source, or in the vendor's documentation.
    Read,
    /// From public reports.
    Reported,
}

impl IdFrom {
    /// In words.
    pub(super) fn told(&self) -> String {
        match self {
            Self::BuiltIn(id) => format!("built in: {id}"),
            Self::EnteredIn(place) => format!("entered in {place}"),
            Self::Nowhere => {
                "none can be given: it registers itself, which Entra ID does not offer".to_owned()
            }
        }
    }
}

impl Platform {
    /// As the portal calls it.
    pub(super) const fn told(self) -> &'static str {
        match self {
            Self::Mobile => "Mobile and desktop applications",
            Self::Web => "Web, with a secret",
            Self::Nothing => "–",
        }
    }
}

impl Evidence {
    /// In a word.
    pub(super) const fn told(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Read => "read",
            Self::Reported => "reported",
        }
    }
}
