local generation = redis.call('GET', KEYS[2])
if not generation then
    generation = ARGV[3]
    redis.call('SET', KEYS[2], generation, 'PX', ARGV[4])
end
local entry = redis.call('GET', KEYS[1])
if entry and string.sub(entry, 1, 16) ~= generation then entry = false end
if entry and ARGV[5] ~= '1' then return {generation, entry, false} end
local lease = redis.call('GET', KEYS[3])
if lease and (lease == '' or lease ~= ARGV[6]) then return {generation, entry, lease} end
redis.call('SET', KEYS[3], ARGV[1], 'PX', ARGV[2])
return {generation, entry, false}
