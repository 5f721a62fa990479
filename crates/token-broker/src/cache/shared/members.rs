//! Who may serve what was exchanged, as one replica knows it: everybody whose confirmation a purge needs.
//!
//! Redis is asked, and not believed. A replica is known by its heartbeats, which only brokers make, its own and those of
//! others that count it; once known it is remembered here, whatever Redis holds, for longer than it may serve anything
//! without contact. The other way round, a replica serves nothing from memory while another one that lives does not count
//! it. So whoever hides one of two replicas from the other has the first stop, and the second ask it in vain.
//!
//! What cannot be seen from here: a Redis that shows each of two replicas another Redis from their first day on, so that
//! neither ever hears of the other.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::MAX_CLOCK_DISTANCE;
use super::heartbeat::Heartbeat;
use crate::cache::local::{FENCE, MAX_SILENCE};

/// How long a replica is remembered that is not heard of: longer than it serves anything, by either clock.
pub(super) const REMEMBERED_FOR: SignedDuration = SignedDuration::from_mins(MAX_SILENCE.as_mins() + 2);
/// Replicas remembered. Where there are more, nobody says of a purge that it holds at once.
pub(super) const MAX_MEMBERS: usize = 1024;
/// Who says that everybody has confirmed has looked who there is within that time,
const LOOKED_WITHIN: SignedDuration = SignedDuration::from_secs(2);
/// and whoever is silent for that long does not say so any more.
const LIVES_FOR: SignedDuration = SignedDuration::from_secs(5);

/// The replicas, as one of them knows them.
#[derive(Debug)]
pub(super) struct Members {
    me: Uuid,
    others: HashMap<Uuid, Member>,
    /// Since when every replica that came would be among them.
    since: Timestamp,
    looked_at: Timestamp,
    /// What was said last must be told from what is said next, whatever the clock does.
    said_at: Timestamp,
    /// Whether there were more than are remembered.
    overflown: bool,
}

#[derive(Clone, Copy, Debug)]
struct Member {
    /// When it last spoke, by its own clock.
    said_at: Timestamp,
    /// When somebody last heard it.
    heard_at: Timestamp,
    /// When it was last heard here.
    lives_at: Option<Timestamp>,
    counts_me: bool,
    left: bool,
}

impl Member {
    /// One that has not spoken here yet.
    const fn heard_of(heard_at: Timestamp) -> Self {
        Self { said_at: Timestamp::MIN, heard_at, lives_at: None, counts_me: false, left: false }
    }
}

/// What is known of the confirmations of a purge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Confirmed {
    /// By everybody who was heard of lately: to wait longer brings nothing.
    pub(super) by_those_heard: bool,
    /// By everybody who may serve anything of before.
    pub(super) by_all: bool,
}

impl Members {
    /// Nobody else is known at `now`.
    pub(super) fn new(me: Uuid, now: Timestamp) -> Self {
        let never = Timestamp::UNIX_EPOCH;
        Self { me, others: HashMap::new(), since: now, looked_at: never, said_at: never, overflown: false }
    }

    /// Begins to look again after a time in which others may have come and gone.
    pub(super) fn resume(&mut self, now: Timestamp) {
        self.since = now;
    }

    /// What to say at `now`.
    pub(super) fn heartbeat(&mut self, now: Timestamp) -> Heartbeat {
        let later = self.said_at.saturating_add(SignedDuration::from_millis(1)).unwrap_or(now);
        self.said_at = now.max(later);
        let counted = self.others.iter().filter(|(_, member)| !member.left);
        Heartbeat {
            left: false,
            said_at: self.said_at,
            since: self.since,
            counted: counted.map(|(id, member)| (*id, member.heard_at)).collect(),
        }
    }

    /// Takes note of all heartbeats that Redis has at `now`.
    pub(super) fn look(&mut self, heartbeats: &[(Uuid, Heartbeat)], now: Timestamp) {
        for (id, heartbeat) in
            heartbeats.iter().filter(|(_, heartbeat)| is_remembered(heartbeat.said_at, now))
        {
            self.since = self.since.min(heartbeat.since);
            self.hear(*id, heartbeat, now);
            for (id, heard_at) in &heartbeat.counted {
                self.hear_of(*id, *heard_at, now);
            }
        }
        self.others.retain(|_, member| is_remembered(member.heard_at, now));
        self.looked_at = now;
    }

    /// Whether each of the others who lives counts this one.
    pub(super) fn is_counted(&self, now: Timestamp) -> bool {
        let lives = |member: &&Member| {
            let lives_at = member.lives_at.filter(|_| !member.left);
            lives_at.is_some_and(|at| now.duration_since(at) <= LIVES_FOR)
        };
        self.others.values().filter(lives).all(|member| member.counts_me)
    }

    /// Who has confirmed, by `has_confirmed`.
    pub(super) fn confirmed(&self, has_confirmed: impl Fn(&Uuid) -> bool, now: Timestamp) -> Confirmed {
        let others = || self.others.iter().filter(|(_, member)| !member.left);
        let is_far = |member: &Member| now.duration_since(member.heard_at) > FENCE;
        let knows_all = !self.overflown && now.duration_since(self.since) >= REMEMBERED_FOR;
        let me = has_confirmed(&self.me) && now.duration_since(self.looked_at).abs() <= LOOKED_WITHIN;
        Confirmed {
            by_those_heard: me && others().all(|(id, member)| is_far(member) || has_confirmed(id)),
            by_all: me && knows_all && others().all(|(id, _)| has_confirmed(id)),
        }
    }

    fn hear(&mut self, id: Uuid, heartbeat: &Heartbeat, now: Timestamp) {
        if id == self.me || !self.has_room_for(id) {
            return;
        }
        let heard_at = believed(heartbeat.said_at, now);
        let member = self.others.entry(id).or_insert(Member::heard_of(heard_at));
        if heartbeat.said_at > member.said_at && !member.left {
            *member = Member {
                said_at: heartbeat.said_at,
                heard_at: heard_at.max(member.heard_at),
                lives_at: Some(heard_at),
                counts_me: heartbeat.counted.iter().any(|(counted, _)| *counted == self.me),
                left: heartbeat.left,
            };
        }
    }

    /// Takes note of a replica that another one counts.
    fn hear_of(&mut self, id: Uuid, heard_at: Timestamp, now: Timestamp) {
        let heard_at = heard_at.min(now);
        if id == self.me || !is_remembered(heard_at, now) || !self.has_room_for(id) {
            return;
        }
        let member = self.others.entry(id).or_insert(Member::heard_of(heard_at));
        member.heard_at = member.heard_at.max(heard_at);
    }

    fn has_room_for(&mut self, id: Uuid) -> bool {
        let room = self.others.len() < MAX_MEMBERS || self.others.contains_key(&id);
        self.overflown |= !room;
        room
    }
}

/// When somebody was heard who says something new: now, unless it is old and perhaps played again.
fn believed(said_at: Timestamp, now: Timestamp) -> Timestamp {
    if now.duration_since(said_at) <= FENCE + MAX_CLOCK_DISTANCE { now } else { said_at }
}

/// Whether who spoke then may still serve something.
pub(super) fn is_remembered(at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(at) <= REMEMBERED_FOR
}

#[cfg(test)]
mod tests;
