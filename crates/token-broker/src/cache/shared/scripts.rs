//! What Redis does in one step. Each script touches the keys it is given and no other.

use std::sync::LazyLock;

use redis::Script;

/// Looks an entry up; if there is none, takes the lease on it.
///
/// Keys: entry, generation, lease. Arguments: the lease and its milliseconds; a new generation and its milliseconds, used
/// if there is none; `1` to take the lease though there is an entry; another's lease to take over, or nothing. Answers:
/// generation, entry or nil, the lease that somebody else has or nil.
///
/// An empty lease is a mark: whoever had it met an outage. It is everybody's turn then, side by side.
///
/// An entry begins with the 16 bytes of its generation: one from before a purge does not count.
pub(super) static CLAIM: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/claim.lua")));

/// Stores an entry and gives the lease back. Whoever has lost the lease does neither: another outcome is on its way.
///
/// Keys: entry, generation, lease. Arguments: owner of the lease, with whom it begins; the generation the entry was asked for under, and
/// its milliseconds; the entry, or nothing if only the lease goes back; the entry's milliseconds; the milliseconds of a
/// mark in place of the lease, or 0. Answers 1 if the entry was stored: not after a purge.
pub(super) static FINISH: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/finish.lua")));

/// Prolongs a lease. Key: lease. Arguments: owner, the lease in its place, milliseconds. Answers 1 if it still was the
/// owner's.
pub(super) static RENEW: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/renew.lua")));

/// Deletes an entry, and takes the lease on it from whoever has it: what that one gets is worth as little.
///
/// Keys: entry, generation, lease. Arguments: a new generation and its milliseconds, used if there is none; the
/// lease and its milliseconds. Answers the generation.
pub(super) static FORGET: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/forget.lua")));

/// Leaves a replica's heartbeat, forgets heartbeats that are worth nothing and purges of long ago, and reads both lists.
///
/// Keys: log, heartbeats. Arguments: the replica; its heartbeat, or nothing to look only; how far it has read the log;
/// how many entries at most; milliseconds that a purge matters; how many heartbeats at most, more than that are a flood
/// and all of them go; then the replicas to forget. Answers 1 if the replica's heartbeat was not there, or it has read
/// further than the log ever went: it was another Redis. Then the heartbeats, and the entries.
pub(super) static BEAT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/beat.lua")));
