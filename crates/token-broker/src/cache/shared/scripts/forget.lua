redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[3], ARGV[3], 'PX', ARGV[4])
local generation = redis.call('GET', KEYS[2])
if not generation then
    generation = ARGV[1]
    redis.call('SET', KEYS[2], generation, 'PX', ARGV[2])
end
return generation
