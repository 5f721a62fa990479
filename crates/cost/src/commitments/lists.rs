//! Lists of what belongs to a scope, page by page: `{"value": […], "nextLink": …}`.

use jiff::civil::Date;
use reqwest::StatusCode;
use rust_decimal::Decimal;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use tracing::field::Empty;

use crate::client::{Answer, Client, observed};
use crate::error::Error;
use crate::json;
use crate::money::parse_amount;
use crate::paged::{Page, Paged};
use crate::scope::Scope;
use crate::walk::{Taken, Walk};

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
    walk: Walk,
    list: List<T>,
    listing: Listing<T>,
}

impl<T> ListPages<T> {
    pub(super) fn new(client: &Client, scope: &Scope, list: List<T>, parameters: &[(&str, &str)]) -> Self {
        let walk = Walk::new(client, scope, (list.path, list.template), parameters);
        Self { walk, list, listing: Listing { items: Vec::new(), unread: 0, pages: 0 } }
    }

    /// Where the list begins: no other list has the same address.
    pub fn address(&self) -> &str {
        self.walk.address()
    }

    async fn next(&mut self, token: &SecretString) -> Result<Page, Error>
    where
        T: Send,
    {
        const OF: (&str, &str) = ("pages of a list", "next page of a list");
        let (kind, page) = (self.walk.kind(), self.walk.read() + 1);
        let span = tracing::info_span!("cost.list", scope.kind = kind, page, rows = Empty, status = Empty, error.type = Empty);
        let (listing, read) = (&mut self.listing, self.list.read);
        observed(span, self.walk.ask(token, OF, |answer| listing.take(answer, read))).await
    }
}

impl<T> Listing<T> {
    fn take(&mut self, answer: &Answer, read: fn(&RawValue) -> Option<T>) -> Result<Taken, Error> {
        self.pages += 1;
        let page = if answer.status == StatusCode::NO_CONTENT {
            Body::default()
        } else {
            let page: Body<'_> = answer.read("a list in another form")?;
            if page.value.is_empty() {
                answer.refusal_inside()?;
            }
            page
        };
        for item in page.value {
            match item.and_then(read) {
                Some(item) => self.items.push(item),
                None => self.unread += 1,
            }
        }
        Ok(Taken { rows: self.items.len(), next: page.next_link })
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

#[derive(Default, Deserialize)]
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
