//! The values of groups, each combination once.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use crate::caseless;

/// The values of a line's groups. `None`: the cost has none, such as a tag.
pub(crate) type Keys = Arc<[Option<String>]>;

/// Numbers combinations of values, whatever the case they are written in. Each is named as first met, and kept once however
/// many lines it has: a month of days has the names of its resources thirty times.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups {
    keys: Vec<Keys>,
    /// Of each hash the combination that was met last.
    last: HashMap<u64, u32>,
    /// Of each combination the one met before it that has the same hash.
    before: Vec<Option<u32>>,
    state: RandomState,
}

impl Groups {
    /// The number of a combination. The empty text is "none".
    pub(crate) fn number<'a>(&mut self, values: impl Iterator<Item = &'a str> + Clone) -> u32 {
        let hash = self.hash(values.clone());
        if let Some(known) = self.known(hash, &values) {
            return known;
        }
        // Rows are bounded, and far fewer.
        let number = u32::try_from(self.keys.len()).unwrap_or(u32::MAX);
        self.keys.push(values.map(|value| (!value.is_empty()).then(|| value.to_owned())).collect());
        self.before.push(self.last.insert(hash, number));
        number
    }

    /// The number of a combination that was met.
    pub(crate) fn find<'a>(&self, values: &(impl Iterator<Item = &'a str> + Clone)) -> Option<u32> {
        self.known(self.hash(values.clone()), values)
    }

    /// A combination by its number.
    pub(crate) fn keys(&self, number: u32) -> Keys {
        self.keys.get(number as usize).map_or_else(|| Arc::from([]), Arc::clone)
    }

    fn known<'a>(&self, hash: u64, values: &(impl Iterator<Item = &'a str> + Clone)) -> Option<u32> {
        let mut candidate = self.last.get(&hash).copied();
        while let Some(number) = candidate {
            let keys = self.keys.get(number as usize)?;
            let mut values = values.clone();
            let same = keys.iter().all(|key| {
                values.next().is_some_and(|value| caseless::same(key.as_deref().unwrap_or_default(), value))
            });
            if same && values.next().is_none() {
                return Some(number);
            }
            candidate = *self.before.get(number as usize)?;
        }
        None
    }

    fn hash<'a>(&self, values: impl Iterator<Item = &'a str>) -> u64 {
        let mut small = String::new();
        for value in values {
            caseless::append(value, &mut small);
            small.push('\0');
        }
        self.state.hash_one(small)
    }
}
