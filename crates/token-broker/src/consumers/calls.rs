//! How many calls each consumer has under way. Counted by name and apart from the consumers file, so that a call begun
//! under one version of it is still counted under the next.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Calls worked on at the same time, over all consumers. A call that waits takes little; one too many is told so at
/// once.
pub(crate) const MAX_CALLS: usize = 8192;

/// The calls of one consumer under way.
#[derive(Debug, Default)]
pub(super) struct Calls(AtomicUsize);

impl Calls {
    /// Begins a call, if fewer than `most` are under way.
    pub(super) fn begin(self: &Arc<Self>, most: usize) -> Option<Call> {
        let one_more = |under_way: usize| (under_way < most).then_some(under_way + 1);
        self.0.fetch_update(Ordering::AcqRel, Ordering::Relaxed, one_more).ok()?;
        Some(Call(Arc::clone(self)))
    }
}

/// A call under way; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Call(Arc<Calls>);

impl Drop for Call {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Everybody's calls. Holds on to nobody who is neither in force nor has a call under way.
#[derive(Debug, Default)]
pub(super) struct CallsByName(Mutex<HashMap<String, Weak<Calls>>>);

impl CallsByName {
    /// The calls of the consumer of that name, those under way included.
    pub(super) fn of(&self, name: &str) -> Arc<Calls> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(calls) = all.get(name).and_then(Weak::upgrade) {
            return calls;
        }
        all.retain(|_, calls| calls.strong_count() > 0);
        let calls = Arc::default();
        all.insert(name.to_owned(), Arc::downgrade(&calls));
        calls
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_until_they_end() {
        let calls = Arc::new(Calls::default());
        let (one, two) = (calls.begin(2).unwrap(), calls.begin(2).unwrap());
        assert!(calls.begin(2).is_none());
        drop(one);
        assert!(calls.begin(1).is_none(), "the limit was lowered meanwhile");
        let three = calls.begin(2);
        assert!(three.is_some() && calls.begin(2).is_none());
        drop((two, three));
        assert!(calls.begin(1).is_some());
    }

    #[test]
    fn a_call_under_way_is_remembered_and_a_name_without_one_is_not() {
        let all = CallsByName::default();
        let call = all.of("a").begin(1).unwrap();
        assert!(all.of("a").begin(1).is_none());
        drop(call);
        assert!(all.of("a").begin(1).is_some());
        let _other = all.of("b");
        assert_eq!(all.0.lock().unwrap().len(), 1, "nobody holds `a` any more");
        let _call = all.of("a").begin(1).unwrap();
        drop(all.of("c"));
        assert!(all.of("a").begin(1).is_none(), "another name makes nobody forget");
    }
}
