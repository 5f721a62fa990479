//! What Redis does in one step. Each script touches the keys it is given and no other.

use std::sync::LazyLock;

use redis::Script;

/// Looks an entry up; if there is none, takes the lease on it.
///
/// Keys: entry, generation, lease. Arguments: owner and milliseconds of the lease; a new generation and its
/// milliseconds, used if there is none; `1` to take the lease though there is an entry. Answers: generation, entry or
/// nil, the owner if it is this one's turn.
///
/// A lease without an owner is a mark: whoever had it met an outage. It is everybody's turn then, side by side.
///
/// An entry begins with the 16 bytes of its generation: one of before a purge is none.
pub(super) static CLAIM: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local generation = redis.call('GET', KEYS[2]) \
         if not generation then \
             generation = ARGV[3] \
             redis.call('SET', KEYS[2], generation, 'PX', ARGV[4]) \
         end \
         local entry = redis.call('GET', KEYS[1]) \
         if entry and string.sub(entry, 1, 16) ~= generation then entry = false end \
         if entry and ARGV[5] ~= '1' then return {generation, entry, false} end \
         local lease = redis.call('GET', KEYS[3]) \
         if lease then return {generation, entry, lease == '' and lease} end \
         redis.call('SET', KEYS[3], ARGV[1], 'PX', ARGV[2]) \
         return {generation, entry, ARGV[1]}",
    )
});

/// Stores an entry and gives the lease back. Whoever has lost the lease does neither: another outcome is on its way.
///
/// Keys: entry, generation, lease. Arguments: owner of the lease; the generation the entry was asked for under, and
/// its milliseconds; the entry, or nothing if only the lease goes back; the entry's milliseconds; the milliseconds of a
/// mark in place of the lease, or 0. Answers 1 if the entry was stored: not after a purge.
pub(super) static FINISH: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('GET', KEYS[3]) ~= ARGV[1] then return 0 end \
         if ARGV[6] == '0' then redis.call('DEL', KEYS[3]) \
         else redis.call('SET', KEYS[3], '', 'PX', ARGV[6]) end \
         local stored = 0 \
         if ARGV[4] ~= '' and redis.call('GET', KEYS[2]) == ARGV[2] then \
             redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[5]) \
             redis.call('PEXPIRE', KEYS[2], ARGV[3]) \
             stored = 1 \
         end \
         return stored",
    )
});

/// Prolongs a lease. Key: lease. Arguments: owner, milliseconds. Answers 1 if it still was the owner's.
pub(super) static RENEW: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end \
         return 0",
    )
});

/// Deletes an entry, and takes the lease on it from whoever has it: what that one gets is worth as little.
///
/// Keys: entry, generation, lease. Arguments: a new generation and its milliseconds, used if there is none; owner and
/// milliseconds of the lease. Answers the generation.
pub(super) static FORGET: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "redis.call('DEL', KEYS[1]) \
         redis.call('SET', KEYS[3], ARGV[3], 'PX', ARGV[4]) \
         local generation = redis.call('GET', KEYS[2]) \
         if not generation then \
             generation = ARGV[1] \
             redis.call('SET', KEYS[2], generation, 'PX', ARGV[2]) \
         end \
         return generation",
    )
});

/// Says that a replica lives and how far it has read the log of purges, forgets replicas that have been silent and
/// purges of long ago, and reads on.
///
/// Keys: log, replicas by when they were last heard of, replicas by position, since when they are written down (in
/// milliseconds; a Redis that has lost its memory begins anew). Arguments: the replica, its position,
/// milliseconds of silence, how many entries at most, milliseconds that a purge matters. Answers 1 if the replica was
/// not known, or has read further than the log ever went: it was another log. And the entries.
pub(super) static BEAT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local time = redis.call('TIME') \
         local now = time[1] * 1000 + math.floor(time[2] / 1000) \
         redis.call('SET', KEYS[4], now, 'NX') \
         local new = redis.call('ZADD', KEYS[2], now, ARGV[1]) \
         local position, last = ARGV[2], '0-0' \
         if redis.call('EXISTS', KEYS[1]) == 1 then \
             local log = redis.call('XINFO', 'STREAM', KEYS[1]) \
             for i = 1, #log, 2 do \
                 if log[i] == 'last-generated-id' then last = log[i + 1] end \
             end \
         end \
         local function parts(id) \
             local milliseconds, number = string.match(id, '(%d+)-(%d+)') \
             return tonumber(milliseconds), tonumber(number) \
         end \
         local read_ms, read_number = parts(position) \
         local last_ms, last_number = parts(last) \
         if read_ms > last_ms or (read_ms == last_ms and read_number > last_number) then \
             new, position = 1, '0-0' \
         end \
         redis.call('HSET', KEYS[3], ARGV[1], position) \
         for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[3])) do \
             redis.call('ZREM', KEYS[2], gone) \
             redis.call('HDEL', KEYS[3], gone) \
         end \
         redis.call('XTRIM', KEYS[1], 'MINID', math.max(0, now - ARGV[5])) \
         return {new, redis.call('XRANGE', KEYS[1], '(' .. position, '+', 'COUNT', ARGV[4])}",
    )
});

/// How far the replicas have read.
///
/// Keys: replicas by when they were last heard of, replicas by position, since when they are written down. Answers the
/// milliseconds since then, or nothing if none is written down; and of each replica the milliseconds of silence, and its
/// position.
pub(super) static READ: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local time = redis.call('TIME') \
         local now = time[1] * 1000 + math.floor(time[2] / 1000) \
         local since = redis.call('GET', KEYS[3]) \
         local seen = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES') \
         local replicas = {} \
         for i = 1, #seen, 2 do \
             local read = redis.call('HGET', KEYS[2], seen[i]) or '0-0' \
             table.insert(replicas, {now - seen[i + 1], read}) \
         end \
         return {since and now - since, replicas}",
    )
});

/// Takes a replica off the list that is to stop. Keys: replicas by when they were last heard of, replicas by position.
/// Argument: the replica.
pub(super) static LEAVE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "redis.call('ZREM', KEYS[1], ARGV[1]) \
         redis.call('HDEL', KEYS[2], ARGV[1])",
    )
});
