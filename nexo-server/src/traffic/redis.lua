-- Counts one request against several quotas, or, if one of them is used up, against
-- none. Each key is a list of the times of the requests that passed, the oldest
-- first, in microseconds of this server's clock: the only clock that all who count
-- here agree on.
-- KEYS: one a quota. ARGV: for each of them its requests and its window.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local answer, passes = {0}, 1
for i, key in ipairs(KEYS) do
    local requests, window = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
    local oldest = tonumber(redis.call('LINDEX', key, 0) or now)
    if oldest > now then
        -- The clock was set back. What it said before says nothing any more.
        redis.call('DEL', key)
    end
    while now - oldest >= window do
        redis.call('LPOP', key)
        oldest = tonumber(redis.call('LINDEX', key, 0) or now)
    end
    local used = redis.call('LLEN', key)
    if used >= requests then
        passes = 0
        oldest = tonumber(redis.call('LINDEX', key, used - requests))
    elseif used == 0 then
        oldest = now
    end
    answer[2 * i], answer[2 * i + 1] = used, window - (now - oldest)
end
if passes == 1 then
    for i, key in ipairs(KEYS) do
        redis.call('RPUSH', key, string.format('%.0f', now))
        redis.call('PEXPIRE', key, math.ceil(ARGV[2 * i] / 1000))
        answer[2 * i] = answer[2 * i] + 1
    end
end
answer[1] = passes
return answer
