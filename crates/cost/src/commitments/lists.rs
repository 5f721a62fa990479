//! Lists of what belongs to a scope, page by page: `{"value": […], "nextLink": …}`.

use jiff::civil::Date;
use reqwest::StatusCode;
use rust_decimal::Decimal;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use tracing::Span;
use tracing::field::Empty;
use url::Url;

use crate::client::{Answer, ArmRequest, Client, observed};
use crate::error::Error;
use crate::json;
use crate::money::parse_amount;
use crate::paged::{Page, Paged};
use crate::pages::Pages;
use crate::scope::Scope;

/// A list, its entries read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing<T> {
    /// The entries, in Azure's order.
    pub items: Vec<T>,
    /// Entries that could not be read.
    pub unread: usize,
    /// How many pages it came on.
    pub pages: u32,
}

/// What is listed.
#[derive(Clone, Copy)]
pub(super) struct List<T> {
    /// The last segments of its path: provider and list.
    pub(super) path: [&'static str; 2],
    /// The path with its ids left out.
    pub(super) template: &'static str,
    pub(super) read: fn(&RawValue) -> Option<T>,
}

/// A list under way.
pub struct ListPages<T> {
    client: Client,
    list: List<T>,
    kind: &'static str,
    url: Url,
    pages: Pages,
    listing: Listing<T>,
}

impl<T> ListPages<T> {
    pub(super) fn new(client: &Client, scope: &Scope, list: List<T>, parameters: &[(&str, &str)]) -> Self {
        let [provider, name] = list.path;
        let mut segments = scope.segments();
        segments.extend(["providers", provider, name].map(str::to_owned));
        let url = client.endpoint(segments, parameters);
        let pages = Pages::starting_at(&url);
        let listing = Listing { items: Vec::new(), unread: 0, pages: 0 };
        Self { client: client.clone(), list, kind: scope.kind(), url, pages, listing }
    }

    /// Where the list begins: no other list has the same address.
    pub fn address(&self) -> &str {
        self.url.as_str()
    }

    async fn next(&mut self, token: &SecretString) -> Result<Page, Error> {
        let (kind, page) = (self.kind, self.listing.pages + 1);
        let span = tracing::info_span!("cost.list", scope.kind = kind, page, rows = Empty, status = Empty, error.type = Empty);
        observed(span, self.ask(token)).await
    }

    async fn ask(&mut self, token: &SecretString) -> Result<Page, Error> {
        let request = ArmRequest::get(&self.url, self.list.template).metered();
        let asked = self.client.arm(request, token, self.client.deadline()).await;
        let answer = asked.map_err(|error| error.after_pages(self.listing.pages))?;
        let quota = answer.quota(self.client.now());
        self.listing.pages += 1;
        let next = self.take(&answer)?;
        Span::current().record("rows", self.listing.items.len());
        let Some(next) = next else { return Ok(Page::read(false, quota)) };
        self.follow(&next).map_err(|error| error.in_answer(|| answer.described()))?;
        Ok(Page::read(true, quota))
    }

    /// Takes a page's entries, and the link to the next page.
    fn take(&mut self, answer: &Answer) -> Result<Option<String>, Error> {
        if answer.status == StatusCode::NO_CONTENT {
            return Ok(None);
        }
        let page: Body<'_> = answer.read("a list in another form")?;
        if page.value.is_empty() {
            answer.refusal_inside()?;
        }
        for item in page.value {
            match item.and_then(self.list.read) {
                Some(item) => self.listing.items.push(item),
                None => self.listing.unread += 1,
            }
        }
        Ok(page.next_link.filter(|link| !link.trim().is_empty()))
    }

    fn follow(&mut self, link: &str) -> Result<(), Error> {
        const OF: (&str, &str) = ("pages of a list", "next page of a list");
        self.url = self.pages.next(&self.client, link, OF, self.listing.pages)?;
        Ok(())
    }
}

impl<T: Send> Paged for ListPages<T> {
    type Whole = Listing<T>;

    async fn next_page(&mut self, token: &SecretString) -> Result<Page, Error> {
        Page::or_not_now(self.next(token).await)
    }

    fn whole(self) -> Listing<T> {
        self.listing
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(borrow, default, deserialize_with = "json::or_default")]
    value: Vec<Option<&'a RawValue>>,
    #[serde(default, deserialize_with = "json::text")]
    next_link: Option<String>,
}

/// An entry's properties, and what is beside them.
pub(super) fn entry<'a, T: Deserialize<'a>>(item: &'a RawValue) -> Option<T> {
    serde_json::from_str(item.get()).ok()
}

/// A figure as Azure writes it, to the last digit; none where it is no number.
pub(super) fn figure<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Decimal>, D::Error> {
    Ok(json::text(deserializer)?.and_then(|text| parse_amount(text.trim()).ok()))
}

/// The day of a moment, whatever offset it is written with: it is the data centre's own.
pub(super) fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
    Ok(json::text(deserializer)?.and_then(|text| text.get(..10)?.parse().ok()))
}

/// Per cent as a part of one.
pub(super) fn ratio(percent: Decimal) -> Option<Decimal> {
    percent.checked_div(Decimal::ONE_HUNDRED).map(|ratio| ratio.normalize())
}
