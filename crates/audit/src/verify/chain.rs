//! One chain: which records are there, in which order, and what of it is missing.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::Fault;
use super::holes::Hole;
use super::lines::{At, Record};
use crate::head::Head;

/// The records of one chain.
pub(super) struct Chain<'a> {
    /// Each number once, as they stand in the files.
    written: Vec<&'a Record>,
    /// The same in the order of their numbers.
    sorted: Vec<&'a Record>,
    /// Records whose number was there already.
    more: Vec<(&'a Record, Fault)>,
    /// Their numbers.
    twins: BTreeSet<u64>,
}

/// What is wrong with one chain: the fault, the line, and the numbers that it concerns.
pub(super) type Found = (Fault, At, (u64, u64));

impl<'a> Chain<'a> {
    /// Sorts the records of a chain.
    pub(super) fn of(mut records: Vec<&'a Record>) -> Self {
        in_order_of_files(&mut records);
        let (mut first, mut written, mut more) = (BTreeMap::new(), Vec::new(), Vec::new());
        for record in records {
            match first.entry(record.sealed.seq) {
                Entry::Vacant(place) => {
                    place.insert(record);
                    written.push(record);
                }
                Entry::Occupied(known) if known.get().sealed.hash == record.sealed.hash => {
                    more.push((record, Fault::Inserted));
                }
                Entry::Occupied(_) => more.push((record, Fault::Fork)),
            }
        }
        let twins = more.iter().map(|(record, _)| record.sealed.seq).collect();
        Self { written, sorted: first.into_values().collect(), more, twins }
    }

    /// What is missing before, between and behind the records.
    pub(super) fn holes(&self) -> impl Iterator<Item = Hole> {
        let first = self.sorted.first().map(|first| Hole::between(None, first));
        let between = self.sorted.windows(2).map(|pair| Hole::between(Some(pair[0]), pair[1]));
        let behind = self.sorted.last().filter(|_| self.end().is_none()).map(|last| Hole::behind(last));
        first.into_iter().chain(between).filter(|hole| !hole.is_filled()).chain(behind)
    }

    /// What its records show by themselves.
    pub(super) fn faults(&self) -> impl Iterator<Item = Found> {
        self.moved().into_iter().chain(self.runs_of_more()).chain(self.behind_the_end())
    }

    /// The first record that does not follow on the one before, or differs from what was told of it.
    pub(super) fn fork(&self, told: &[&Head]) -> Option<Found> {
        let loose = |pair: &[&Record]| {
            let [one, next] = [&pair[0].sealed, &pair[1].sealed];
            one.seq + 1 == next.seq
                && !next.follows(&one.hash)
                && !self.has_twin(one.seq)
                && !self.has_twin(next.seq)
        };
        let does_not_begin =
            self.sorted.first().filter(|one| one.sealed.seq == 0 && !one.sealed.follows_nothing());
        let does_not_follow = self.sorted.windows(2).find(|pair| loose(pair)).map(|pair| &pair[1]);
        let is_not_as_told = self.sorted.iter().find(|record| {
            let Head { seq, hash, .. } = record.sealed.head();
            !self.has_twin(seq) && told.iter().any(|told| told.seq == seq && told.hash != hash)
        });
        let all = [does_not_begin, does_not_follow, is_not_as_told];
        let first = all.into_iter().flatten().min_by_key(|record| record.sealed.seq)?;
        Some((Fault::Fork, first.at, (first.sealed.seq, self.last()?.sealed.seq)))
    }

    /// The record with this number, or the first one behind it.
    pub(super) fn at_or_behind(&self, seq: u64) -> Option<&'a Record> {
        self.sorted.get(self.sorted.partition_point(|record| record.sealed.seq < seq)).copied()
    }

    /// The record with the highest number.
    pub(super) fn last(&self) -> Option<&'a Record> {
        self.sorted.last().copied()
    }

    fn has_twin(&self, seq: u64) -> bool {
        self.twins.contains(&seq)
    }

    /// The end record.
    fn end(&self) -> Option<&'a Record> {
        self.sorted.iter().find(|record| record.sealed.kind == "end").copied()
    }

    /// Where one number stands twice, nobody can say which of them was moved.
    fn moved(&self) -> Option<Found> {
        let is_single = |record: &&&Record| !self.has_twin(record.sealed.seq);
        let pairs = self.written.iter().filter(is_single).zip(self.sorted.iter().filter(is_single));
        let moved: Vec<_> =
            pairs.filter(|(written, sorted)| written.at != sorted.at).map(|(written, _)| written).collect();
        let seqs = || moved.iter().map(|record| record.sealed.seq);
        Some((Fault::Swapped, moved.first()?.at, (seqs().min()?, seqs().max()?)))
    }

    /// What is there more than once; neighbours are told together.
    fn runs_of_more(&self) -> Vec<Found> {
        let mut runs: Vec<Found> = Vec::new();
        for (record, fault) in &self.more {
            let seq = record.sealed.seq;
            match runs.last_mut() {
                Some((known, at, (_, last)))
                    if known == fault && at.is_in_file_of(record.at) && *last + 1 == seq =>
                {
                    *last = seq;
                }
                _ => runs.push((*fault, record.at, (seq, seq))),
            }
        }
        runs
    }

    fn behind_the_end(&self) -> Option<Found> {
        let beyond = self.at_or_behind(self.end()?.sealed.seq + 1)?;
        Some((Fault::Inserted, beyond.at, (beyond.sealed.seq, self.last()?.sealed.seq)))
    }
}

/// Files may come in any order, as a shell lists rotated ones: the one with the lowest number comes first.
fn in_order_of_files(records: &mut [&Record]) {
    let mut lowest: BTreeMap<usize, u64> = BTreeMap::new();
    for record in &*records {
        let seq = lowest.entry(record.at.file()).or_insert(u64::MAX);
        *seq = (*seq).min(record.sealed.seq);
    }
    records.sort_by_key(|record| (lowest.get(&record.at.file()).copied(), record.at));
}
