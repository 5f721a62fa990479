local lease = redis.call('GET', KEYS[3])
if not lease or string.sub(lease, 1, 16) ~= ARGV[1] then return 0 end
if ARGV[6] == '0' then redis.call('DEL', KEYS[3])
else redis.call('SET', KEYS[3], '', 'PX', ARGV[6]) end
local stored = 0
if ARGV[4] ~= '' and redis.call('GET', KEYS[2]) == ARGV[2] then
    redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[5])
    redis.call('PEXPIRE', KEYS[2], ARGV[3])
    stored = 1
end
return stored
