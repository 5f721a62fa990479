//! Numbers that no record of a chain has, and the broken lines that stand where they should.

use uuid::Uuid;

use super::lines::{At, Record};
use crate::head::Head;

/// The end of a hole behind the last record of a chain: nobody knows how many would follow.
const OPEN: u64 = u64::MAX;

/// Numbers that are missing: from `next` up to, and without, `end`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hole {
    pub(super) chain: Uuid,
    from: u64,
    next: u64,
    end: u64,
    before: Option<At>,
    behind: Option<At>,
    /// Whether the next process found the chain as it is now: it has no end, and nothing is missing.
    found_so: bool,
}

impl Hole {
    /// What is missing between two records of a chain, or before the first.
    pub(super) fn between(before: Option<&Record>, behind: &Record) -> Self {
        let from = before.map_or(0, |record| record.sealed.seq.saturating_add(1));
        Self {
            chain: behind.sealed.chain,
            from,
            next: from,
            end: behind.sealed.seq,
            before: before.map(|record| record.at),
            behind: Some(behind.at),
            found_so: false,
        }
    }

    /// What is missing behind the last record, which is no end.
    pub(super) fn behind(last: &Record) -> Self {
        let from = last.sealed.seq.saturating_add(1);
        Self {
            chain: last.sealed.chain,
            from,
            next: from,
            end: OPEN,
            before: Some(last.at),
            behind: None,
            found_so: false,
        }
    }

    /// The next process found this record as the last one of the file.
    pub(super) fn ends_at(&mut self, last: &Head) {
        self.found_so |=
            self.chain == last.chain && !self.is_certain() && self.from == last.seq.saturating_add(1);
    }

    /// Whether it is known that something is missing: of the end of a chain it is not.
    pub(super) const fn is_certain(&self) -> bool {
        self.end != OPEN
    }

    /// Whether nothing is missing any more.
    pub(super) const fn is_filled(&self) -> bool {
        self.next >= self.end
    }

    /// The numbers that are still missing, the first and the last.
    pub(super) const fn missing(&self) -> (u64, u64) {
        (self.next, self.end.saturating_sub(1))
    }

    /// How many broken lines stand in it.
    pub(super) const fn filled(&self) -> u64 {
        self.next - self.from
    }

    /// Whether a line stands where this is missing.
    fn surrounds(&self, at: At) -> bool {
        let before = self.before.filter(|before| before.is_in_file_of(at));
        let behind = self.behind.filter(|behind| behind.is_in_file_of(at));
        (before.is_some() || behind.is_some())
            && before.is_none_or(|before| before < at)
            && behind.is_none_or(|behind| at < behind)
    }
}

/// Takes a broken line for the record that is missing at its place, if one is. Tells which. A line that is `torn` counts only
/// where a record is missing for certain: a process that died wrote no more.
pub(super) fn fill(holes: &mut [Hole], at: At, torn: bool) -> Option<(Uuid, u64)> {
    let fits = |hole: &&mut Hole| {
        !hole.is_filled() && hole.surrounds(at) && (hole.is_certain() || !torn && !hole.found_so)
    };
    let nearest =
        |hole: &&mut Hole| (hole.is_certain(), hole.before.filter(|before| before.is_in_file_of(at)));
    let hole = holes.iter_mut().filter(fits).max_by_key(nearest)?;
    hole.next += 1;
    Some((hole.chain, hole.next - 1))
}

/// Whether a chain without an end could go on at this line.
pub(super) fn could_go_on(holes: &[Hole], at: At) -> bool {
    holes.iter().any(|hole| !hole.is_certain() && hole.surrounds(at))
}
