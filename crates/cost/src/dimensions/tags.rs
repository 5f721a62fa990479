//! The keys of a scope's tags.
//!
//! <https://learn.microsoft.com/rest/api/consumption/tags/get>

use reqwest::StatusCode;
use secrecy::SecretString;
use serde::Deserialize;
use tracing::Span;
use tracing::field::Empty;
use url::Url;

use crate::client::{Answer, ArmRequest, Client, observed};
use crate::error::Error;
use crate::json;
use crate::paged::{Page, Paged};
use crate::pages::Pages;
use crate::scope::Scope;

const API_VERSION: &str = "2024-08-01";
const TEMPLATE: &str = "/{scope}/providers/Microsoft.Consumption/tags";

impl Client {
    /// The keys of a scope's tags, each once.
    pub fn tag_pages(&self, scope: &Scope) -> TagPages {
        let mut segments = scope.segments();
        segments.extend(["providers", "Microsoft.Consumption", "tags"].map(str::to_owned));
        let url = self.endpoint(segments, &[("api-version", API_VERSION)]);
        let pages = Pages::starting_at(&url);
        TagPages { client: self.clone(), kind: scope.kind(), url, pages, read: 0, found: TagKeys::default() }
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
    client: Client,
    kind: &'static str,
    url: Url,
    pages: Pages,
    read: u32,
    found: TagKeys,
}

impl TagPages {
    async fn next(&mut self, token: &SecretString) -> Result<Page, Error> {
        let (kind, page) = (self.kind, self.read + 1);
        let span = tracing::info_span!("cost.tags", scope.kind = kind, page, rows = Empty, status = Empty, error.type = Empty);
        observed(span, self.ask(token)).await
    }

    async fn ask(&mut self, token: &SecretString) -> Result<Page, Error> {
        let request = ArmRequest::get(&self.url, TEMPLATE).metered();
        let asked = self.client.arm(request, token, self.client.deadline()).await;
        let answer = asked.map_err(|error| error.after_pages(self.read))?;
        let quota = answer.quota(self.client.now());
        self.read += 1;
        let list = List::read(&answer)?;
        for key in list.tags.into_iter().flatten().filter_map(|tag| tag.key) {
            if !self.found.keys.contains(&key) {
                self.found.keys.push(key);
            }
        }
        Span::current().record("rows", self.found.keys.len());
        let Some(next) = list.next_link.filter(|link| !link.trim().is_empty()) else {
            return Ok(Page::read(false, quota));
        };
        if self.read >= self.client.settings().most_pages {
            self.found.truncated = true;
            return Ok(Page::read(false, quota));
        }
        let follow = self.client.arm_link(&next, "next page of tags").and_then(|next| {
            self.pages.follow(&next)?;
            Ok(next)
        });
        self.url = follow.map_err(|error| error.in_answer(|| answer.described()))?;
        Ok(Page::read(true, quota))
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
