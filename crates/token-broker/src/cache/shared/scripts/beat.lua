local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for i = 7, #ARGV do redis.call('HDEL', KEYS[2], ARGV[i]) end
if redis.call('HLEN', KEYS[2]) > tonumber(ARGV[6]) then redis.call('DEL', KEYS[2]) end
local new = 0
if ARGV[2] ~= '' then new = redis.call('HSET', KEYS[2], ARGV[1], ARGV[2]) end
local position, last = ARGV[3], '0-0'
if redis.call('EXISTS', KEYS[1]) == 1 then
    local log = redis.call('XINFO', 'STREAM', KEYS[1])
    for i = 1, #log, 2 do
        if log[i] == 'last-generated-id' then last = log[i + 1] end
    end
end
local function parts(id)
    local milliseconds, number = string.match(id, '(%d+)-(%d+)')
    return tonumber(milliseconds), tonumber(number)
end
local read_ms, read_number = parts(position)
local last_ms, last_number = parts(last)
if read_ms > last_ms or (read_ms == last_ms and read_number > last_number) then
    new, position = 1, '0-0'
end
redis.call('XTRIM', KEYS[1], 'MINID', math.max(0, now - ARGV[5]))
local entries = redis.call('XRANGE', KEYS[1], '(' .. position, '+', 'COUNT', ARGV[4])
return {new, redis.call('HGETALL', KEYS[2]), entries}
