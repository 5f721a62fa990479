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
         if lease and (lease == '' or lease ~= ARGV[6]) then return {generation, entry, lease} end \
         redis.call('SET', KEYS[3], ARGV[1], 'PX', ARGV[2]) \
         return {generation, entry, false}",
    )
});

/// Stores an entry and gives the lease back. Whoever has lost the lease does neither: another outcome is on its way.
///
/// Keys: entry, generation, lease. Arguments: owner of the lease, with whom it begins; the generation the entry was asked for under, and
/// its milliseconds; the entry, or nothing if only the lease goes back; the entry's milliseconds; the milliseconds of a
/// mark in place of the lease, or 0. Answers 1 if the entry was stored: not after a purge.
pub(super) static FINISH: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local lease = redis.call('GET', KEYS[3]) \
         if not lease or string.sub(lease, 1, 16) ~= ARGV[1] then return 0 end \
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

/// Prolongs a lease. Key: lease. Arguments: owner, the lease in its place, milliseconds. Answers 1 if it still was the
/// owner's.
pub(super) static RENEW: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local lease = redis.call('GET', KEYS[1]) \
         if not lease or string.sub(lease, 1, 16) ~= ARGV[1] then return 0 end \
         redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) \
         return 1",
    )
});

/// Deletes an entry, and takes the lease on it from whoever has it: what that one gets is worth as little.
///
/// Keys: entry, generation, lease. Arguments: a new generation and its milliseconds, used if there is none; the
/// lease and its milliseconds. Answers the generation.
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

/// Leaves a replica's heartbeat, forgets heartbeats that are worth nothing and purges of long ago, and reads both lists.
///
/// Keys: log, heartbeats. Arguments: the replica; its heartbeat, or nothing to look only; how far it has read the log;
/// how many entries at most; milliseconds that a purge matters; how many heartbeats at most, more than that are a flood
/// and all of them go; then the replicas to forget. Answers 1 if the replica's heartbeat was not there, or it has read
/// further than the log ever went: it was another Redis. Then the heartbeats, and the entries.
pub(super) static BEAT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local time = redis.call('TIME') \
         local now = time[1] * 1000 + math.floor(time[2] / 1000) \
         for i = 7, #ARGV do redis.call('HDEL', KEYS[2], ARGV[i]) end \
         if redis.call('HLEN', KEYS[2]) > tonumber(ARGV[6]) then redis.call('DEL', KEYS[2]) end \
         local new = 0 \
         if ARGV[2] ~= '' then new = redis.call('HSET', KEYS[2], ARGV[1], ARGV[2]) end \
         local position, last = ARGV[3], '0-0' \
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
         redis.call('XTRIM', KEYS[1], 'MINID', math.max(0, now - ARGV[5])) \
         local entries = redis.call('XRANGE', KEYS[1], '(' .. position, '+', 'COUNT', ARGV[4]) \
         return {new, redis.call('HGETALL', KEYS[2]), entries}",
    )
});
