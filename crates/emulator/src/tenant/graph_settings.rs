//! How Graph answers: what a client meets in a large, busy or sluggish directory.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How Graph answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GraphSettings {
    /// Objects on one page, unless `$top` asks for fewer. Default 100.
    pub page_size: usize,
    /// Application permissions of the API's service principal. Default: both that consent look-ups need.
    pub permissions: Vec<String>,
    /// So many more reads of `oauth2PermissionGrants` find none: the directory is eventually consistent.
    pub late_grant_reads: u32,
    /// How `scope` of a grant is written.
    pub scope_text: ScopeText,
    /// The origin of `@odata.nextLink`, if it is not Graph's own: nobody's token must go there.
    pub next_link_origin: Option<String>,
    /// What is answered, with 200, in place of an application: what a proxy or a fault would write.
    pub application: Option<Value>,
}

/// How `scope` of a grant is written. All mean the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeText {
    /// With a leading space, as seen in live tenants.
    #[default]
    LeadingSpace,
    /// As documented.
    Plain,
    /// In capitals, backwards, with spaces where none are needed.
    Odd,
}

impl ScopeText {
    pub(crate) fn write<'a>(self, scopes: impl DoubleEndedIterator<Item = &'a str>) -> String {
        match self {
            Self::LeadingSpace => format!(" {}", scopes.collect::<Vec<_>>().join(" ")),
            Self::Plain => scopes.collect::<Vec<_>>().join(" "),
            Self::Odd => format!("  {} ", scopes.rev().collect::<Vec<_>>().join("  ").to_uppercase()),
        }
    }
}

impl Default for GraphSettings {
    fn default() -> Self {
        Self {
            page_size: 100,
            permissions: ["Application.Read.All", "DelegatedPermissionGrant.Read.All"]
                .map(str::to_owned)
                .to_vec(),
            late_grant_reads: 0,
            scope_text: ScopeText::default(),
            next_link_origin: None,
            application: None,
        }
    }
}
