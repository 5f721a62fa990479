//! A list that is read by GET, page by page: asks for a page, and goes where its link leads.

use secrecy::SecretString;
use tracing::Span;
use url::Url;

use crate::client::{Answer, ArmRequest, Client};
use crate::error::Error;
use crate::paged::Page;
use crate::pages::Pages;
use crate::scope::Scope;

/// A list of a scope under way.
pub(crate) struct Walk {
    client: Client,
    kind: &'static str,
    template: &'static str,
    url: Url,
    pages: Pages,
    read: u32,
}

/// What a page came to.
pub(crate) struct Taken {
    /// The entries so far.
    pub(crate) rows: usize,
    /// Where the list goes on; nothing, or nothing but blanks, at its end.
    pub(crate) next: Option<String>,
}

impl Walk {
    /// A list of a scope: its provider and its name, and its path with the ids left out.
    pub(crate) fn new(
        client: &Client,
        scope: &Scope,
        (path, template): ([&str; 2], &'static str),
        parameters: &[(&str, &str)],
    ) -> Self {
        let [provider, name] = path;
        let mut segments = scope.segments();
        segments.extend(["providers", provider, name].map(str::to_owned));
        let url = client.endpoint(segments, parameters);
        let pages = Pages::starting_at(&url);
        Self { client: client.clone(), kind: scope.kind(), template, url, pages, read: 0 }
    }

    /// Where the list begins, before a page was read.
    pub(crate) fn address(&self) -> &str {
        self.url.as_str()
    }

    /// What the scope is, for a span.
    pub(crate) const fn kind(&self) -> &'static str {
        self.kind
    }

    /// How many pages were read.
    pub(crate) const fn read(&self) -> u32 {
        self.read
    }

    /// Whether the next page is the last that is read, whatever follows.
    pub(crate) fn is_at_bound(&self) -> bool {
        self.read + 1 >= self.client.settings().most_pages
    }

    /// Asks for the next page, and has it taken. `of` names the pages, and the link to the next one, for errors.
    ///
    /// # Errors
    /// As [`Pages::next`]; and what is taken wrongly.
    pub(crate) async fn ask(
        &mut self,
        token: &SecretString,
        of: (&'static str, &'static str),
        take: impl FnOnce(&Answer) -> Result<Taken, Error> + Send,
    ) -> Result<Page, Error> {
        let request = ArmRequest::get(&self.url, self.template).metered();
        let asked = self.client.arm(request, token, self.client.deadline()).await;
        let answer = asked.map_err(|error| error.after_pages(self.read))?;
        let quota = answer.quota(self.client.now());
        self.read += 1;
        let Taken { rows, next } = take(&answer)?;
        Span::current().record("rows", rows);
        let Some(next) = next.filter(|link| !link.trim().is_empty()) else {
            return Ok(Page::read(false, quota));
        };
        let next = self.pages.next(&self.client, &next, of, self.read);
        self.url = next.map_err(|error| error.in_answer(|| answer.described()))?;
        Ok(Page::read(true, quota))
    }
}
