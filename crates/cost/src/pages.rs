//! The links of a list that comes on pages: each is followed once.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use url::Url;

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

    fn is_new(&mut self, url: &Url) -> bool {
        self.seen.insert(self.hasher.hash_one(url.as_str()))
    }
}
