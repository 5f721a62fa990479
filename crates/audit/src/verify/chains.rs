//! All chains of all files, and what is wrong with each.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::chain::{Chain, Found};
use super::holes::{self, Hole};
use super::lines::Lines;
use super::{Fault, Finding, Told};
use crate::head::Head;

/// The chains of all files.
pub(super) struct Chains<'a> {
    lines: &'a Lines,
    chains: BTreeMap<Uuid, Chain<'a>>,
}

impl<'a> Chains<'a> {
    pub(super) fn of(lines: &'a Lines) -> Self {
        let mut of_chain: BTreeMap<Uuid, Vec<_>> = BTreeMap::new();
        for record in &lines.records {
            of_chain.entry(record.sealed.chain).or_default().push(record);
        }
        Self { lines, chains: of_chain.into_iter().map(|(id, records)| (id, Chain::of(records))).collect() }
    }

    pub(super) fn len(&self) -> usize {
        self.chains.len()
    }

    /// All that is wrong, seen beside what was told of the chains.
    pub(super) fn findings(&self, told: &[Told]) -> Vec<Finding> {
        let mut holes: Vec<_> = self.chains.values().flat_map(Chain::holes).collect();
        for next in told.iter().filter(|told| told.at.is_some()) {
            for hole in &mut holes {
                hole.ends_at(&next.head);
            }
        }
        let mut found = self.broken(&mut holes);
        for (id, chain) in &self.chains {
            let told: Vec<_> = told.iter().map(|told| &told.head).filter(|head| head.chain == *id).collect();
            let holes = holes.iter().filter(|hole| hole.chain == *id);
            let gaps = holes.clone().filter(|hole| hole.is_certain() && !hole.is_filled());
            let open = holes.clone().find(|hole| !hole.is_certain());
            let of_chain = chain.faults().chain(gaps.filter_map(|hole| gap(chain, hole)));
            let of_chain = of_chain.chain(chain.fork(&told)).chain(ending(chain, open, &told));
            found.extend(of_chain.map(|(fault, at, seqs)| Finding {
                fault,
                chain: Some(*id),
                seqs: Some(seqs),
                place: self.lines.place(at),
            }));
        }
        found.extend(self.absent(told));
        found
    }

    /// Broken lines: each is a record that was changed if one is missing there, and else one line too many.
    fn broken(&self, holes: &mut [Hole]) -> Vec<Finding> {
        let mut found = Vec::new();
        for line in &self.lines.broken {
            let place = self.lines.place(line.at);
            let filled = holes::fill(holes, line.at, line.torn);
            let fault = match filled {
                Some(_) => Fault::Changed,
                // The process died while it wrote this line: that its chain has no end says so already.
                None if line.torn && holes::could_go_on(holes, line.at) => continue,
                None if line.torn => Fault::NoEnd,
                None => Fault::Inserted,
            };
            let (chain, seqs) = (filled.map(|(chain, _)| chain), filled.map(|(_, seq)| (seq, seq)));
            found.push(Finding { fault, chain, seqs, place });
        }
        found
    }

    /// Chains that were told of and are in no file.
    fn absent(&self, told: &[Told]) -> Vec<Finding> {
        let mut furthest: BTreeMap<Uuid, &Told> = BTreeMap::new();
        for one in told.iter().filter(|told| !self.chains.contains_key(&told.head.chain)) {
            let known = furthest.entry(one.head.chain).or_insert(one);
            if known.head.seq < one.head.seq {
                *known = one;
            }
        }
        let finding = |(chain, told): (Uuid, &Told)| Finding {
            fault: Fault::Cut,
            chain: Some(chain),
            seqs: Some((0, told.head.seq)),
            place: told.at.and_then(|at| self.lines.place(at)),
        };
        furthest.into_iter().map(finding).collect()
    }
}

fn gap(chain: &Chain<'_>, hole: &Hole) -> Option<Found> {
    let (first, last) = hole.missing();
    Some((Fault::Gap, chain.at_or_behind(last)?.at, (first, last)))
}

/// What is wrong with the end of a chain: more was told of than is there, or it has none.
fn ending(chain: &Chain<'_>, open: Option<&Hole>, told: &[&Head]) -> Option<Found> {
    let last = chain.last()?;
    let known = last.sealed.seq + open.map_or(0, Hole::filled);
    let furthest = told.iter().map(|head| head.seq).max();
    if let Some(furthest) = furthest.filter(|furthest| *furthest > known) {
        return Some((Fault::Cut, last.at, (known + 1, furthest)));
    }
    let unfilled = open.is_some_and(|hole| hole.filled() == 0);
    unfilled.then_some((Fault::NoEnd, last.at, (last.sealed.seq, last.sealed.seq)))
}
