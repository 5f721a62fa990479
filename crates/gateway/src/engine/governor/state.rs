//! What the governor knows: three windows of the directory's query units, one of requests for each scope and person, and who waits.

use std::collections::HashMap;
use std::time::Duration;

use cost::{Quota, UnitsLeft};
use rust_decimal::prelude::ToPrimitive as _;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::queue::{Class, Go, Queue, Ticket};
use super::window::{Fits, Window};
use super::{Busy, Wanted};
use crate::engine::key::{Person, ScopeKey};
use crate::engine::settings::Quotas;

const MINUTE: Duration = Duration::from_secs(60);
/// Questions that may wait in all, and of one person.
const MOST_WAITING: usize = 2_000;
const MOST_WAITING_OF_ONE: usize = 250;
/// Questions of one person that may be at Azure at a time.
const MOST_AT_AZURE_OF_ONE: usize = 6;
/// Who has so many questions waiting or at Azure has a heap.
const HEAP: usize = 4;
/// Windows of scopes and people that are kept before those that are idle are looked for.
const MANY_WINDOWS: usize = 1_000;
/// What an answer takes, for a guess at how long somebody will wait.
const ANSWER: Duration = Duration::from_secs(1);

pub(super) struct State {
    quotas: Quotas,
    /// Of ten seconds, of a minute, of an hour.
    units: [Window; 3],
    scopes: HashMap<ScopeKey, Window>,
    people: HashMap<Person, Window>,
    at_azure: HashMap<Person, usize>,
    interactive: Queue,
    bulk: Queue,
    next_id: u64,
    /// Whether somebody gives turns as time goes by.
    pub(super) pumping: bool,
}

/// A question in the queue.
pub(super) struct Entered {
    pub(super) id: u64,
    pub(super) class: Class,
    pub(super) turn: oneshot::Receiver<()>,
}

/// What somebody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outlook {
    /// Questions of others before the last of theirs.
    pub(crate) ahead: usize,
    /// How long until the turn of the first of theirs, about.
    pub(crate) first: Duration,
    /// How long until the last of theirs is answered, about.
    pub(crate) last: Duration,
    /// Units of the whole directory in a minute.
    pub(crate) units_per_minute: u32,
    /// Requests of one scope in a minute, where the last of theirs waits for those.
    pub(crate) scope_per_minute: Option<u32>,
}

impl State {
    pub(super) fn new(quotas: Quotas) -> Self {
        let units = quotas.units;
        let windows = [(units.per_ten_seconds, 10), (units.per_minute, 60), (units.per_hour, 3600)];
        Self {
            quotas,
            units: windows.map(|(limit, seconds)| Window::new(limit, Duration::from_secs(seconds))),
            scopes: HashMap::new(),
            people: HashMap::new(),
            at_azure: HashMap::new(),
            interactive: Queue::default(),
            bulk: Queue::default(),
            next_id: 0,
            pumping: false,
        }
    }

    pub(super) fn units_left(&self, now: Instant) -> [u32; 3] {
        self.units.each_ref().map(|window| window.left(now))
    }

    pub(super) const fn waiting(&self) -> usize {
        self.interactive.len() + self.bulk.len()
    }

    /// Puts a question into the queue.
    ///
    /// # Errors
    /// Where the queue is full.
    pub(super) fn enter(&mut self, wanted: &Wanted, now: Instant) -> Result<Entered, Busy> {
        let person = wanted.person;
        let own = self.interactive.of(person) + self.bulk.of(person);
        if own >= MOST_WAITING_OF_ONE || self.waiting() >= MOST_WAITING {
            let retry_after = self.outlook(person, now).map_or(MINUTE, |outlook| outlook.last);
            return Err(Busy { retry_after });
        }
        let at_azure = self.at_azure.get(&person).copied().unwrap_or_default();
        let class = if own + at_azure < HEAP { Class::Interactive } else { Class::Bulk };
        let (entered, ticket) = self.ticket(wanted, class);
        self.queue(class).push(person, ticket);
        Ok(entered)
    }

    fn ticket(&mut self, wanted: &Wanted, class: Class) -> (Entered, Ticket) {
        let (id, (sender, turn)) = (self.new_id(), oneshot::channel());
        let (scope, units) = (wanted.scope.clone(), wanted.units);
        (Entered { id, class, turn }, Ticket { id, scope, units, turn: sender })
    }

    const fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    const fn queue(&mut self, class: Class) -> &mut Queue {
        match class {
            Class::Interactive => &mut self.interactive,
            Class::Bulk => &mut self.bulk,
        }
    }

    /// Gives turns to all that may have one. When to look again, if time alone changes anything.
    pub(super) fn dispatch(&mut self, now: Instant) -> Option<Instant> {
        loop {
            let (mut wake, mut nobody) = (None, false);
            let mut queues = [std::mem::take(&mut self.interactive), std::mem::take(&mut self.bulk)];
            let found = queues.iter_mut().find_map(|queue| {
                if nobody {
                    return None;
                }
                queue.next(|person, ticket| {
                    let (go, at) = self.may_go(person, ticket, now);
                    wake = [wake, at].into_iter().flatten().min();
                    nobody = matches!(go, Go::Nobody);
                    go
                })
            });
            [self.interactive, self.bulk] = queues;
            let Some((person, ticket)) = found else { return wake };
            self.charge(person, &ticket.scope, ticket.id, ticket.units);
            *self.at_azure.entry(person).or_default() += 1;
            // Who is gone gives it back when they are dropped.
            let _ = ticket.turn.send(());
        }
    }

    /// Whether a question may go, and if not, when to look again. What holds its own scope or person lets others pass; what is
    /// wanting to all lets nobody pass, or who asks for much would wait for ever.
    fn may_go(&self, person: Person, ticket: &Ticket, now: Instant) -> (Go, Option<Instant>) {
        if self.at_azure.get(&person).is_some_and(|count| *count >= MOST_AT_AZURE_OF_ONE) {
            return (Go::Another, None);
        }
        let scope = self.scopes.get(&ticket.scope).map_or(Fits::Now, |window| window.fits(1, now));
        let own = self.people.get(&person).map_or(Fits::Now, |window| window.fits(1, now));
        match scope.and(own) {
            Fits::Now => {}
            Fits::At(at) => return (Go::Another, Some(at)),
            Fits::AfterAnAnswer => return (Go::Another, None),
        }
        let units = self.units.iter().map(|window| window.fits(ticket.units, now));
        match units.fold(Fits::Now, Fits::and) {
            Fits::Now => (Go::This, None),
            Fits::At(at) => (Go::Nobody, Some(at)),
            Fits::AfterAnAnswer => (Go::Nobody, None),
        }
    }

    fn charge(&mut self, person: Person, scope: &ScopeKey, id: u64, units: u32) {
        for window in &mut self.units {
            window.charge(id, units);
        }
        let Quotas { scope_per_minute, user_per_minute, .. } = self.quotas;
        let window = |limit| move || Window::new(limit, MINUTE);
        self.scopes.entry(scope.clone()).or_insert_with(window(scope_per_minute)).charge(id, 1);
        self.people.entry(person).or_insert_with(window(user_per_minute)).charge(id, 1);
    }

    /// Charges for the next page of an answer, which takes what Azure will say that it took.
    ///
    /// # Errors
    /// When to try again.
    pub(super) fn begin_page(&mut self, wanted: &Wanted, now: Instant) -> Result<u64, Instant> {
        let own = [self.scopes.get(&wanted.scope), self.people.get(&wanted.person)];
        let all = self.units.iter().chain(own.into_iter().flatten());
        match all.map(|window| window.lets_on(now)).fold(Fits::Now, Fits::and) {
            Fits::Now => {
                let id = self.new_id();
                self.charge(wanted.person, &wanted.scope, id, 0);
                Ok(id)
            }
            Fits::At(at) => Err(at),
            // Somebody's answer will tell; nobody tells this one.
            Fits::AfterAnAnswer => Err(now + ANSWER),
        }
    }

    pub(super) fn answered(&mut self, wanted: &Wanted, id: u64, quota: &Quota, now: Instant) {
        let took = quota.consumed.and_then(|units| units.ceil().to_u32());
        let UnitsLeft { per_hour, per_minute, per_ten_seconds } = quota.units;
        for (window, left) in self.units.iter_mut().zip([per_ten_seconds, per_minute, per_hour]) {
            window.answered(id, took, left, now);
        }
        if let Some(window) = self.scopes.get_mut(&wanted.scope) {
            window.answered(id, None, quota.entity, now);
        }
        if let Some(window) = self.people.get_mut(&wanted.person) {
            window.answered(id, None, None, now);
        }
    }

    /// Azure refused a request: what it names is held, and the question waits at the head of the queue.
    pub(super) fn refused(
        &mut self,
        wanted: &Wanted,
        id: u64,
        class: Class,
        wait: Duration,
        quota: &Quota,
        now: Instant,
    ) -> Entered {
        self.own_windows(wanted, |window| window.refused(id, now));
        let waits = quota.waits;
        let of_all = [waits.units, waits.tenant, waits.client_type].into_iter().flatten().max();
        // Where nothing is named, nobody knows whose quota is empty.
        let of_all = of_all.or_else(|| waits.longest().is_none().then_some(wait));
        if let Some(wait) = of_all {
            for window in &mut self.units {
                window.hold(now + wait);
            }
        }
        if let (Some(wait), Some(window)) =
            (waits.entity.max(waits.other), self.scopes.get_mut(&wanted.scope))
        {
            window.hold(now + wait);
        }
        if let (Some(wait), Some(window)) = (waits.other, self.people.get_mut(&wanted.person)) {
            window.hold(now + wait);
        }
        self.no_longer_at_azure(wanted.person);
        let (entered, ticket) = self.ticket(wanted, class);
        self.queue(class).push_first(wanted.person, ticket);
        entered
    }

    /// A question is over, or nobody waits for it: it leaves the queue, or its place at Azure.
    pub(super) fn leave(&mut self, wanted: &Wanted, id: u64, sent: bool, now: Instant) {
        let person = wanted.person;
        if self.interactive.remove(person, id) || self.bulk.remove(person, id) {
            return;
        }
        self.no_longer_at_azure(person);
        if sent {
            // It broke off, and Azure may have counted it.
            self.answered(wanted, id, &Quota::default(), now);
        } else {
            self.own_windows(wanted, |window| window.give_up(id));
        }
        if self.scopes.len() > MANY_WINDOWS {
            self.scopes.retain(|_, window| !window.is_idle(now));
        }
        if self.people.len() > MANY_WINDOWS {
            self.people.retain(|_, window| !window.is_idle(now));
        }
    }

    fn no_longer_at_azure(&mut self, person: Person) {
        if let Some(count) = self.at_azure.get_mut(&person) {
            *count -= 1;
            if *count == 0 {
                self.at_azure.remove(&person);
            }
        }
    }

    /// All windows that a request of this question is charged in.
    fn own_windows(&mut self, wanted: &Wanted, change: impl FnMut(&mut Window)) {
        let own = [self.scopes.get_mut(&wanted.scope), self.people.get_mut(&wanted.person)];
        self.units.iter_mut().chain(own.into_iter().flatten()).for_each(change);
    }

    /// Plays through what will happen if nobody else comes.
    pub(super) fn outlook(&self, person: Person, now: Instant) -> Option<Outlook> {
        let mut units = self.units.each_ref().map(|window| window.settled(now + ANSWER));
        let mut scopes: HashMap<&ScopeKey, Window> = HashMap::new();
        let (mut at, mut before, mut outlook) = (now, 0, None::<Outlook>);
        for (whose, ticket) in self.interactive.in_order().chain(self.bulk.in_order()) {
            let scope = scopes.entry(&ticket.scope).or_insert_with(|| match self.scopes.get(&ticket.scope) {
                Some(window) => window.settled(now + ANSWER),
                None => Window::new(self.quotas.scope_per_minute, MINUTE),
            });
            at = units.iter().map(|window| window.fits(ticket.units, at)).fold(Fits::Now, Fits::and).from(at);
            let turn = scope.fits(1, at).from(at);
            for window in &mut units {
                window.imagine(ticket.units, turn + ANSWER);
            }
            scope.imagine(1, turn + ANSWER);
            if whose != person {
                before += 1;
                continue;
            }
            let (first, last) = (turn - now, turn + ANSWER - now);
            let units_per_minute = self.units[1].limit();
            let scope_per_minute = (turn > at).then(|| scope.limit());
            outlook = Some(match outlook {
                None => Outlook { ahead: before, first, last, units_per_minute, scope_per_minute },
                Some(known) => Outlook {
                    ahead: before,
                    first: known.first.min(first),
                    last: known.last.max(last),
                    scope_per_minute: if last > known.last {
                        scope_per_minute
                    } else {
                        known.scope_per_minute
                    },
                    units_per_minute,
                },
            });
        }
        outlook
    }
}
