// One script per operation, sent whole each time: a flushed script cache changes nothing. All keys of a record share a slot.

/** Answers version and value. */
export const GET = `return redis.call('HMGET', KEYS[1], 'version', 'value')`

/** Compares with the version the writer read ('' for none); answers 1, or what stands there instead. */
export const PUT = `
local current = redis.call('HMGET', KEYS[1], 'version', 'value')
if (current[1] or '') ~= ARGV[1] then return current end
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'value', ARGV[3])
redis.pcall('PUBLISH', KEYS[1], ARGV[2])
return 1`

/** Answers 'deleted', 'absent' or 'conflict'. */
export const DELETE = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 'absent' end
if ARGV[1] ~= '' and redis.call('HGET', KEYS[1], 'version') ~= ARGV[1] then return 'conflict' end
redis.call('DEL', KEYS[1])
redis.pcall('PUBLISH', KEYS[1], '')
return 'deleted'`

/** Takes or prolongs the lease of a holder, for milliseconds by the server's clock; answers 1 to the holder. */
export const HOLD = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
if not holder and ARGV[3] == 'prolong' then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`

/** Ends the lease, if it is still the holder's. */
export const FREE = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`
