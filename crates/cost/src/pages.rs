//! The links of a list that comes on pages: each is followed once.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use url::Url;

use crate::client::Client;
use crate::error::Error;

/// The pages of one list so far. Only their digests are kept: a link can have 10 kB, and there may be hundreds.
pub(crate) struct Pages {
    seen: HashSet<u64>,
    hasher: RandomState,
}

impl Pages {
    /// A list that begins here.
    pub(crate) fn starting_at(url: &Url) -> Self {
        let mut pages = Self { seen: HashSet::new(), hasher: RandomState::new() };
        pages.is_new(url);
        pages
    }

    /// Notes the link to a further page.
    ///
    /// # Errors
    /// A link that was there before: Azure's list does not move on, and asking again costs quota and adds the same rows again.
    /// <https://github.com/Azure/azure-cli/issues/29833>
    pub(crate) fn follow(&mut self, url: &Url) -> Result<(), Error> {
        if self.is_new(url) {
            Ok(())
        } else {
            Err(Error::incomplete("it leads back to a page that was there before"))
        }
    }

    /// Where the link of a list leads that is read to its end or not at all: half a list is not a list.
    ///
    /// # Errors
    /// [`Error::TooMany`] where as many pages were read as one may have; and as [`Self::follow`].
    pub(crate) fn next(
        &mut self,
        client: &Client,
        link: &str,
        (pages, next_page): (&'static str, &'static str),
        read: u32,
    ) -> Result<Url, Error> {
        let most = client.settings().most_pages;
        if read >= most {
            return Err(Error::TooMany { what: pages, limit: most.into() });
        }
        let next = client.arm_link(link, next_page)?;
        self.follow(&next)?;
        Ok(next)
    }

    fn is_new(&mut self, url: &Url) -> bool {
        self.seen.insert(self.hasher.hash_one(url.as_str()))
    }
}
