//! Lists that a person was given a short while ago, or was refused for want of a role: neither is asked for again so soon. What is
//! kept is its own proof of the right to see it, so it is good for no longer than any proof.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use moka::sync::Cache;

use super::answers::Place;
use super::settings::CacheSettings;

/// The most entries of all lists together, each of some hundred bytes.
const MOST_ENTRIES: u64 = 50_000;

/// A list of one person and scope, by its address.
pub(super) type Key = (Place, String);

/// What became of a list.
#[derive(Clone, Debug)]
pub(crate) struct Known<T> {
    /// `None`: the person has not the role that it takes.
    pub(crate) list: Option<Arc<T>>,
    /// When Azure said so.
    pub(crate) as_of: Timestamp,
    /// Whether Azure was not asked for it now.
    pub(crate) cached: bool,
}

/// The lists that are remembered.
pub(super) struct Lists {
    age: Duration,
    /// Whether lists are kept at all; refusals always are.
    keeps: bool,
    kept: Cache<Key, Kept>,
}

#[derive(Clone)]
struct Kept {
    list: Option<Arc<dyn Any + Send + Sync>>,
    entries: u32,
    as_of: Timestamp,
}

impl Lists {
    pub(super) fn new(settings: CacheSettings) -> Self {
        let kept = Cache::builder()
            .weigher(|_: &Key, kept: &Kept| kept.entries.saturating_add(1))
            .max_capacity(MOST_ENTRIES)
            .time_to_live(settings.rights)
            .build();
        Self { age: settings.rights, keeps: !settings.data.is_zero(), kept }
    }

    /// What is still known of a list.
    pub(super) fn find<T: Send + Sync + 'static>(&self, key: &Key, now: Timestamp) -> Option<Known<T>> {
        let Kept { list, as_of, .. } = self.kept.get(key)?;
        let age = SignedDuration::try_from(self.age).unwrap_or(SignedDuration::MAX);
        let list = match list {
            // What is of another type is not this list.
            Some(list) => Some(list.downcast::<T>().ok()?),
            None => None,
        };
        (now.duration_since(as_of) < age).then_some(Known { list, as_of, cached: true })
    }

    /// Remembers what became of a list of so many entries.
    pub(super) fn keep<T: Send + Sync + 'static>(&self, key: Key, known: &Known<T>, entries: usize) {
        if known.list.is_some() && !self.keeps {
            return;
        }
        let list = known.list.clone().map(|list| list as Arc<dyn Any + Send + Sync>);
        let entries = u32::try_from(entries).unwrap_or(u32::MAX);
        self.kept.insert(key, Kept { list, entries, as_of: known.as_of });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::key::ScopeKey;
    use crate::engine::tests::azure::{of, subscription};

    #[test]
    fn who_was_refused_is_remembered_even_where_nothing_is_kept() {
        let rights = Duration::from_secs(300);
        let lists = Lists::new(CacheSettings { data: Duration::ZERO, rights, bytes: 0 });
        let now: Timestamp = "2026-11-26T12:00:00Z".parse().unwrap();
        let key = |address: &str| ((of(1), ScopeKey::from(&subscription(1))), address.to_owned());
        let known = |list: Option<u8>| Known { list: list.map(Arc::new), as_of: now, cached: false };
        lists.keep(key("refused"), &known(None), 0);
        lists.keep(key("given"), &known(Some(7)), 1);
        assert!(lists.find::<u8>(&key("refused"), now).is_some_and(|known| known.list.is_none()));
        assert!(lists.find::<u8>(&key("given"), now).is_none());
        let later = now + SignedDuration::from_secs(300);
        assert!(lists.find::<u8>(&key("refused"), later).is_none());
    }
}
