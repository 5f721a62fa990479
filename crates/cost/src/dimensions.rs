//! What a scope's costs can be grouped and filtered by: dimensions with values, and the keys of tags.
//!
//! <https://learn.microsoft.com/rest/api/cost-management/dimensions/list>

use std::mem;

use reqwest::StatusCode;
use secrecy::SecretString;
use serde::Deserialize;
use tracing::Span;
use tracing::field::Empty;
use url::{Url, form_urlencoded};

use crate::client::{Answer, ArmRequest, Client, observed};
use crate::error::Error;
use crate::invalid::InvalidQuery;
use crate::json;
use crate::paged::{Page, Paged};
use crate::pages::Pages;
use crate::query::{API_VERSION, check_name};
use crate::scope::Scope;

pub use tags::{TagKeys, TagPages};

mod tags;

const TEMPLATE: &str = "/{scope}/providers/Microsoft.CostManagement/dimensions";
/// Values of each dimension in a list of all of them.
const FIRST_VALUES: &str = "20";
/// Azure's own maximum.
const MOST_VALUES: &str = "1000";

/// A dimension, and values that its costs have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dimension {
    /// Azure's name of it.
    pub name: String,
    /// Values, in Azure's order.
    pub values: Vec<String>,
    /// How many values there are in all.
    pub total: u64,
    /// Whether the list of its values goes on after the most pages that are read.
    pub truncated: bool,
    /// Whether costs can be grouped by it.
    pub groups: bool,
    /// Whether they can be filtered by it.
    pub filters: bool,
}

impl Dimension {
    /// One that no cost has.
    pub fn without_values(name: &str) -> Self {
        let name = name.to_owned();
        Self { name, values: Vec::new(), total: 0, truncated: false, groups: false, filters: false }
    }

    /// The same with the values alone that hold this text; upper and lower case do not matter. Azure itself cannot look for it.
    #[must_use]
    pub fn holding(self, text: &str) -> Self {
        let text = text.to_lowercase();
        let values: Vec<_> =
            self.values.into_iter().filter(|value| value.to_lowercase().contains(&text)).collect();
        Self { total: values.len() as u64, values, ..self }
    }
}

impl Client {
    /// The dimensions of a scope, each with its first values. There is one page.
    pub fn dimension_pages(&self, scope: &Scope) -> DimensionPages {
        DimensionPages::new(self, scope, None, FIRST_VALUES)
    }

    /// One dimension of a scope with all its values; none where the scope has no such dimension.
    pub fn value_pages(&self, scope: &Scope, dimension: &str) -> Result<DimensionPages, InvalidQuery> {
        check_name(dimension)?;
        Ok(DimensionPages::new(self, scope, Some(dimension), MOST_VALUES))
    }
}

/// A list of dimensions under way.
pub struct DimensionPages {
    client: Client,
    scope: Scope,
    parameters: Vec<(&'static str, String)>,
    url: Url,
    pages: Pages,
    read: u32,
    found: Vec<Dimension>,
}

impl DimensionPages {
    fn new(client: &Client, scope: &Scope, only: Option<&str>, top: &str) -> Self {
        let mut parameters = vec![
            ("api-version", API_VERSION.to_owned()),
            ("$expand", "properties/data".to_owned()),
            ("$top", top.to_owned()),
        ];
        if let Some(name) = only {
            let quoted = name.replace('\'', "''");
            parameters.push(("$filter", format!("properties/category eq '{quoted}'")));
        }
        let url = address(client, scope, &parameters);
        let (client, scope, pages) = (client.clone(), scope.clone(), Pages::starting_at(&url));
        Self { client, scope, parameters, url, pages, read: 0, found: Vec::new() }
    }

    async fn next(&mut self, token: &SecretString) -> Result<Page, Error> {
        let (kind, page) = (self.scope.kind(), self.read + 1);
        let span = tracing::info_span!("cost.dimensions", scope.kind = kind, page, rows = Empty, status = Empty, error.type = Empty);
        observed(span, self.ask(token)).await
    }

    async fn ask(&mut self, token: &SecretString) -> Result<Page, Error> {
        let request = ArmRequest::get(&self.url, TEMPLATE).metered();
        let asked = self.client.arm(request, token, self.client.deadline()).await;
        let answer = asked.map_err(|error| error.after_pages(self.read))?;
        let quota = answer.quota(self.client.now());
        self.read += 1;
        let next = self.take(List::read(&answer)?);
        Span::current().record("rows", self.found.len());
        let more = match next {
            Some(skip) => self.follow(skip).map_err(|error| error.in_answer(|| answer.described()))?,
            None => false,
        };
        Ok(Page::read(more, quota))
    }

    /// Takes a page's values, and the place where the list goes on.
    ///
    /// The link is of each dimension, so only a list of one has a further page.
    fn take(&mut self, list: List) -> Option<String> {
        let only = self.parameters.iter().any(|(name, _)| *name == "$filter");
        let mut next = None;
        for properties in list.value.into_iter().flatten().filter_map(|item| item.properties) {
            next = properties.next_link.as_deref().and_then(skip_token).filter(|_| only).or(next);
            let Some(dimension) = properties.dimension() else { continue };
            match self.found.iter_mut().find(|known| known.name.eq_ignore_ascii_case(&dimension.name)) {
                Some(known) => known.values.extend(dimension.values),
                None => self.found.push(dimension),
            }
        }
        next
    }

    /// Asks on at an address of our own: the link is `http` and holds spaces.
    fn follow(&mut self, skip: String) -> Result<bool, Error> {
        if self.read >= self.client.settings().most_pages {
            // Of one dimension alone the link is followed.
            self.found.iter_mut().for_each(|dimension| dimension.truncated = true);
            return Ok(false);
        }
        let mut parameters = self.parameters.clone();
        parameters.push(("$skiptoken", skip));
        self.url = address(&self.client, &self.scope, &parameters);
        self.pages.follow(&self.url).map(|()| true)
    }
}

impl Paged for DimensionPages {
    type Whole = Vec<Dimension>;

    async fn next_page(&mut self, token: &SecretString) -> Result<Page, Error> {
        Page::or_not_now(self.next(token).await)
    }

    fn whole(mut self) -> Vec<Dimension> {
        for dimension in &mut self.found {
            dimension.total = dimension.total.max(dimension.values.len() as u64);
        }
        mem::take(&mut self.found)
    }
}

fn address(client: &Client, scope: &Scope, parameters: &[(&'static str, String)]) -> Url {
    let parameters: Vec<_> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
    client.cost_management(scope, "dimensions", &parameters)
}

/// The place in a link where the list goes on.
fn skip_token(link: &str) -> Option<String> {
    let (_, query) = link.split_once('?')?;
    let mut parameters = form_urlencoded::parse(query.as_bytes());
    let found = parameters.find(|(name, _)| name.eq_ignore_ascii_case("$skiptoken"));
    found.map(|(_, token)| token.into_owned()).filter(|token| !token.is_empty())
}

#[derive(Deserialize)]
struct List {
    #[serde(default, deserialize_with = "json::or_default")]
    value: Vec<Option<Item>>,
}

impl List {
    fn read(answer: &Answer) -> Result<Self, Error> {
        if answer.status == StatusCode::NO_CONTENT {
            return Ok(Self { value: Vec::new() });
        }
        let list: Self = answer.read("a list of dimensions in another form")?;
        if list.value.is_empty() {
            answer.refusal_inside()?;
        }
        Ok(list)
    }
}

#[derive(Deserialize)]
struct Item {
    #[serde(default, deserialize_with = "json::lenient")]
    properties: Option<Properties>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    #[serde(default, deserialize_with = "json::text")]
    category: Option<String>,
    #[serde(default, deserialize_with = "json::or_default")]
    data: Vec<Option<String>>,
    #[serde(default, deserialize_with = "json::parsed")]
    total: Option<u64>,
    #[serde(default, deserialize_with = "json::parsed")]
    grouping_enabled: Option<bool>,
    #[serde(default, deserialize_with = "json::parsed")]
    filter_enabled: Option<bool>,
    #[serde(default, deserialize_with = "json::text")]
    next_link: Option<String>,
}

impl Properties {
    /// `None` without a name: it could not be asked for. What Azure does not say can be tried.
    fn dimension(self) -> Option<Dimension> {
        Some(Dimension {
            name: self.category.filter(|name| !name.is_empty())?,
            values: self.data.into_iter().map(Option::unwrap_or_default).collect(),
            total: self.total.unwrap_or_default(),
            truncated: false,
            groups: self.grouping_enabled.unwrap_or(true),
            filters: self.filter_enabled.unwrap_or(true),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_taken_out_of_a_link_that_cannot_be_followed() {
        let link = "http://management.azure.com/x/Dimensions?$filter=properties/category eq 'resourceId'&$top=5&$skiptoken=AQAAAA%3D%3D";
        assert_eq!(skip_token(link).as_deref(), Some("AQAAAA=="));
        for none in ["", "http://a/b", "http://a/b?$top=5", "http://a/b?$skiptoken="] {
            assert_eq!(skip_token(none), None, "{none}");
        }
    }
}
