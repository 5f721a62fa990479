//! Answers that come page by page, for whoever may have to wait between two of them.

use secrecy::SecretString;

use crate::error::Error;
use crate::quota::Quota;

/// A list under way. It keeps its place: a page that was refused is asked for again, and those before it are not.
pub trait Paged: Send {
    /// All pages together.
    type Whole: Send;

    /// Asks for the next page, as the token's owner. Not to be called after [`Page::Last`].
    fn next_page(&mut self, token: &SecretString) -> impl Future<Output = Result<Page, Error>> + Send;

    /// What has come.
    fn whole(self) -> Self::Whole;
}

/// How a page went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// There are more.
    More(Quota),
    /// It was the last.
    Last(Quota),
    /// Azure refused it for now (429): the same page may be asked for again after the wait.
    NotNow {
        /// How long to wait: the longest that Azure names, or the default where it names none.
        retry_after: std::time::Duration,
        /// What the refusal says of the quotas.
        quota: Quota,
    },
}

impl Page {
    pub(crate) const fn read(more: bool, quota: Quota) -> Self {
        if more { Self::More(quota) } else { Self::Last(quota) }
    }

    /// The same outcome, with a 429 as a page that is not to be had now.
    pub(crate) fn or_not_now(outcome: Result<Self, Error>) -> Result<Self, Error> {
        match outcome {
            Err(Error::Throttled { retry_after, quota, .. }) => {
                Ok(Self::NotNow { retry_after, quota: *quota })
            }
            other => other,
        }
    }

    pub(crate) const fn is_last(&self) -> bool {
        matches!(self, Self::Last(_))
    }
}
