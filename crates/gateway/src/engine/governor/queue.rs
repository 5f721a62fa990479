//! Who waits for their turn: questions that a person waits for before those that came in a heap; person by person in turn; of one
//! person, the first first.

use std::collections::{HashMap, VecDeque};

use tokio::sync::oneshot;

use crate::engine::key::{Person, ScopeKey};

/// A question that waits.
pub(super) struct Ticket {
    pub(super) id: u64,
    pub(super) scope: ScopeKey,
    pub(super) units: u32,
    /// Says that it is its turn.
    pub(super) turn: oneshot::Sender<()>,
}

/// How a question is ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Somebody waits for it.
    Interactive,
    /// One of a heap.
    Bulk,
}

/// The questions of one class.
#[derive(Default)]
pub(super) struct Queue {
    people: VecDeque<Person>,
    tickets: HashMap<Person, VecDeque<Ticket>>,
    len: usize,
}

impl Queue {
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// How many of one person wait.
    pub(super) fn of(&self, person: Person) -> usize {
        self.tickets.get(&person).map_or(0, VecDeque::len)
    }

    /// At the end of the person's own.
    pub(super) fn push(&mut self, person: Person, ticket: Ticket) {
        self.own(person, false).push_back(ticket);
    }

    /// Before all others: it had its turn already.
    pub(super) fn push_first(&mut self, person: Person, ticket: Ticket) {
        self.own(person, true).push_front(ticket);
    }

    fn own(&mut self, person: Person, first: bool) -> &mut VecDeque<Ticket> {
        self.len += 1;
        let own = self.tickets.entry(person).or_default();
        if own.is_empty() && first {
            self.people.push_front(person);
        } else if own.is_empty() {
            self.people.push_back(person);
        }
        own
    }

    /// Takes out a question that nobody waits for any more.
    pub(super) fn remove(&mut self, person: Person, id: u64) -> bool {
        let Some(own) = self.tickets.get(&person) else { return false };
        let Some(place) = own.iter().position(|ticket| ticket.id == id) else { return false };
        self.take(person, place);
        true
    }

    /// The first that may go, by `may_go`. The person is last in turn from now on.
    pub(super) fn next(&mut self, mut may_go: impl FnMut(Person, &Ticket) -> Go) -> Option<(Person, Ticket)> {
        let found = self.people.iter().find_map(|person| {
            self.tickets.get(person)?.iter().enumerate().find_map(|(place, ticket)| {
                match may_go(*person, ticket) {
                    Go::This => Some(Some((*person, place))),
                    Go::Another => None,
                    Go::Nobody => Some(None),
                }
            })
        });
        let (person, place) = found??;
        let ticket = self.take(person, place)?;
        if self.tickets.contains_key(&person) {
            self.people.retain(|other| *other != person);
            self.people.push_back(person);
        }
        Some((person, ticket))
    }

    fn take(&mut self, person: Person, place: usize) -> Option<Ticket> {
        let own = self.tickets.get_mut(&person)?;
        let ticket = own.remove(place)?;
        self.len -= 1;
        if own.is_empty() {
            self.tickets.remove(&person);
            self.people.retain(|other| *other != person);
        }
        Some(ticket)
    }

    /// All that wait, in the order in which they would go if nothing but the order held them.
    pub(super) fn in_order(&self) -> impl Iterator<Item = (Person, &Ticket)> {
        let rounds = self.tickets.values().map(VecDeque::len).max().unwrap_or_default();
        (0..rounds).flat_map(move |round| {
            self.people
                .iter()
                .filter_map(move |person| Some((*person, self.tickets.get(person)?.get(round)?)))
        })
    }
}

/// Whether a question may go.
pub(super) enum Go {
    This,
    /// Not this one; perhaps another.
    Another,
    Nobody,
}
