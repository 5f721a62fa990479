//! A subscription by the name that people know.

use super::Subscription;

/// How many subscriptions of the list are kept to choose from.
const MOST_TO_CHOOSE: usize = 20;

/// What a look for a name has found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NameSearch {
    name: String,
    /// The subscriptions of that name. Several if they stand on one page: a name is nobody's alone.
    pub matching: Vec<Subscription>,
    /// The first of all, to choose from.
    pub first: Vec<Subscription>,
    /// How many were looked at.
    pub total: usize,
    /// Whether all were looked at. If not, another one of that name may stand on a page that was not read.
    pub whole: bool,
}

impl NameSearch {
    pub(super) fn new(name: &str) -> Self {
        let (matching, first) = (Vec::new(), Vec::new());
        Self { name: as_compared(name), matching, first, total: 0, whole: false }
    }

    /// Looks through a page. Whether there is no need for the next.
    pub(super) fn look_at(&mut self, page: Vec<Subscription>) -> bool {
        self.total += page.len();
        for subscription in page {
            if as_compared(&subscription.display_name) == self.name {
                self.matching.push(subscription.clone());
            }
            if self.first.len() < MOST_TO_CHOOSE {
                self.first.push(subscription);
            }
        }
        !self.matching.is_empty()
    }
}

/// A name as it is compared: without the spaces around it and without case, beyond ASCII too. There and back, for some letters
/// have one capital and several small forms, or the other way about (ẞ, ß and SS; σ and ς).
fn as_compared(name: &str) -> String {
    name.trim().to_lowercase().to_uppercase().to_lowercase()
}
