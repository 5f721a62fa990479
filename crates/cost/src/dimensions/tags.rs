//! The keys of a scope's tags.
//!
//! <https://learn.microsoft.com/rest/api/consumption/tags/get>

use reqwest::StatusCode;
use secrecy::SecretString;
use serde::Deserialize;
use tracing::field::Empty;

use crate::client::{Answer, Client, observed};
use crate::error::Error;
use crate::json;
use crate::paged::{Page, Paged};
use crate::scope::Scope;
use crate::walk::{Taken, Walk};

const API_VERSION: &str = "2024-08-01";
const TEMPLATE: &str = "/{scope}/providers/Microsoft.Consumption/tags";

impl Client {
    /// The keys of a scope's tags, each once.
    pub fn tag_pages(&self, scope: &Scope) -> TagPages {
        const PATH: [&str; 2] = ["Microsoft.Consumption", "tags"];
        let walk = Walk::new(self, scope, (PATH, TEMPLATE), &[("api-version", API_VERSION)]);
        TagPages { walk, found: TagKeys::default() }
    }
}

/// The keys of tags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagKeys {
    /// Each once, in Azure's order.
    pub keys: Vec<String>,
    /// Whether the list goes on after the most pages that are read.
    pub truncated: bool,
}

/// A list of tags under way.
pub struct TagPages {
    walk: Walk,
    found: TagKeys,
}

impl TagPages {
    async fn next(&mut self, token: &SecretString) -> Result<Page, Error> {
        const OF: (&str, &str) = ("pages of tags", "next page of tags");
        let (kind, page) = (self.walk.kind(), self.walk.read() + 1);
        let span = tracing::info_span!("cost.tags", scope.kind = kind, page, rows = Empty, status = Empty, error.type = Empty);
        let (found, is_at_bound) = (&mut self.found, self.walk.is_at_bound());
        observed(span, self.walk.ask(token, OF, |answer| found.take(answer, is_at_bound))).await
    }
}

impl TagKeys {
    /// Takes a page's keys. At the bound of pages the list ends, and says so.
    fn take(&mut self, answer: &Answer, is_at_bound: bool) -> Result<Taken, Error> {
        let list = List::read(answer)?;
        for key in list.tags.into_iter().flatten().filter_map(|tag| tag.key) {
            if !self.keys.contains(&key) {
                self.keys.push(key);
            }
        }
        let next = list.next_link.filter(|link| !link.trim().is_empty());
        self.truncated = is_at_bound && next.is_some();
        Ok(Taken { rows: self.keys.len(), next: next.filter(|_| !is_at_bound) })
    }
}

impl Paged for TagPages {
    type Whole = TagKeys;

    async fn next_page(&mut self, token: &SecretString) -> Result<Page, Error> {
        Page::or_not_now(self.next(token).await)
    }

    fn whole(self) -> TagKeys {
        self.found
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    #[serde(default, deserialize_with = "json::or_default")]
    tags: Vec<Option<Tag>>,
    #[serde(default, deserialize_with = "json::text")]
    next_link: Option<String>,
}

impl List {
    fn read(answer: &Answer) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Whole {
            #[serde(default, deserialize_with = "json::or_default")]
            properties: Option<List>,
        }
        if answer.status == StatusCode::NO_CONTENT {
            return Ok(Self::default());
        }
        let whole: Whole = answer.read("a list of tags in another form")?;
        match whole.properties {
            Some(list) => Ok(list),
            None => answer.refusal_inside().map(|()| Self::default()),
        }
    }
}

#[derive(Deserialize)]
struct Tag {
    #[serde(default, deserialize_with = "json::text")]
    key: Option<String>,
}
