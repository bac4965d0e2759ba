"""What is done to one key of a Cluster: each script touches one key, and so one slot, and is atomic there.

A session and the index of its user are on different servers, and so are the two keys of a rotation. The
verbs are made of these steps by :mod:`frontdesk.storages.redis_cluster_verbs`. What is kept, below the
prefix, is what one server keeps (see :mod:`frontdesk.storages.redis_scripts`), and

- a session with the field ``f`` came from there by a rotation, and counts only once the key of that name
  says, by ``m``, that it moved here. That single write is the rotation. Then ``f`` goes.
- ``x`` and a number: a part of the index, a sorted set. A member is the digest of a session, or the
  digest that it is moving to and the one that it has. The score is a number made of the user's id, and
  the second in which the name was added, by the clock of that server; or no second, if the session is
  being ended to make room for another.

A name is in the index before its record is there. If the record does not follow, the name is dropped by
whoever finds that out, but not before ``UNBORN``: until then it may be on its way. So that no delay, however
long, can let a record come after its name has gone, a record is refused when ``LATE`` has passed. Both are
measured by the servers' clocks, which may be as far apart as ``LATE``: one that is further ahead would
refuse what has just been announced, one that is ten minutes behind would take what has been dropped.
"""

from typing import Final

from frontdesk.clock import SECOND
from frontdesk.storages.base import LEFT_BEHIND
from frontdesk.storages.redis_scripts import EXTEND, RECORD, Script

SPAN: Final = 2**30
"""Seconds that a score can tell apart, from ``EPOCH`` on: until 2059."""

EPOCH: Final = 1_735_689_600
"""2025-01-01, in seconds."""

LATE: Final = 300
"""Seconds after its name within which a record must come."""

UNBORN: Final = 900
"""Seconds that a name stands in the index whether or not there is a record."""

KEPT: Final = 900 * SECOND
"""How long a key says where its session moved. Until then the new one can be told of it; usually at once."""

HEAD = f"""
local key, now = KEYS[1], tonumber(ARGV[1])
{RECORD}{EXTEND}
local function seconds()
  return redis.call('TIME')[1] - {EPOCH}
end

local function late(stamp)
  return stamp ~= '' and seconds() - tonumber(stamp) > {LATE}
end

-- From where a session is still moving here; nothing if it has arrived, or is known to have left there.
local function moving_from(known)
  local origin = redis.call('HGET', key, 'f')
  if not origin then return nil end
  if origin ~= known then return origin end
  redis.call('HDEL', key, 'f')
  expire(key)
end
"""

INSERT = """
-- now, when its name was added, fields and values
if redis.call('EXISTS', key) == 1 then return 0 end
if late(ARGV[2]) then return -3 end
set(key, 3, #ARGV)
expire(key)
return 1
"""

CHANGE = """
-- now, expected version, version at which it was looked at, when its name was added, from where it is
-- known to have moved, changes
local was = live(key)
if not was then return {0} end
local origin = moving_from(ARGV[5])
if origin then return {-2, origin} end
if ARGV[2] ~= '' and ARGV[2] ~= was.version then return {-1} end
if ARGV[3] ~= '' and ARGV[3] ~= was.version then return {-4} end
if late(ARGV[4]) then return {-3} end
merge(key, was.seen, 6)
return {1}
"""

ARRIVE = f"""
-- now, from where, whether that was tried before, how many of the next are fields and values of what is
-- there, these, changes
local last = 4 + tonumber(ARGV[4])
if redis.call('EXISTS', key) == 1 and not (ARGV[3] == '1' and redis.call('HGET', key, 'f') == ARGV[2]) then
  return 0
end
redis.call('DEL', key)
set(key, 5, last)
merge(key, tonumber(redis.call('HGET', key, 's')), last + 1)
redis.call('HSET', key, 'f', ARGV[2])
redis.call('PEXPIRE', key, milliseconds({KEPT}))
return 1
"""

LEAVE = f"""
-- now, to where, version, when that name was added, from where this is known to have moved
local was = live(key)
if not was or was.version ~= ARGV[3] or moving_from(ARGV[5]) then return 0 end
if late(ARGV[4]) then return -3 end
redis.call('DEL', key)
remember_end(key, {KEPT}, was.user, ARGV[2])
return 1
"""

SETTLE = """
-- now, from where it has moved
moving_from(ARGV[2])
return 1
"""

END = f"""
-- now, user ('=' before it, '-' for nobody, nothing for anybody), from where it is known to have moved
local found = redis.pcall('HMGET', key, 't', 'm', 'u')
if found.err then return {{0}} end
if found[2] then return {{2, found[2], found[3] and '=' .. found[3] or '-', found[1]}} end
local was = live(key)
if not was then return {{0}} end
if ARGV[2] ~= '' and ARGV[2] ~= (was.user and '=' .. was.user or '-') then return {{0}} end
local origin = moving_from(ARGV[3])
if origin then return {{-2, origin}} end
redis.call('DEL', key)
remember_end(key, {LEFT_BEHIND})
return {{1}}
"""

ENTER = f"""
-- now, number of the user, name, deadline, how many others to name
local time, found = seconds(), redis.call('ZSCORE', key, ARGV[3])
if not found or tonumber(found) % {SPAN} ~= 0 then
  redis.call('ZADD', key, string.format('%.0f', ARGV[2] * {SPAN} + time), ARGV[3])
end
extend(key, tonumber(ARGV[4]))
return {{time, redis.call('ZRANDMEMBER', key, ARGV[5], 'WITHSCORES')}}
"""

NAMES_OF = f"""
local function names_of(number)
  local first = number * {SPAN}
  local last = string.format('%.0f', first + {SPAN} - 1)
  return redis.call('ZRANGEBYSCORE', key, string.format('%.0f', first), last, 'WITHSCORES')
end
"""

NAMES = f"""{NAMES_OF}
-- now, number of the user
local names = names_of(ARGV[2])
return {{seconds(), redis.sha1hex(table.concat(names)), names}}
"""

CONDEMN = f"""{NAMES_OF}
-- now, number of the user, what the names were made into, those to be ended
if redis.sha1hex(table.concat(names_of(ARGV[2]))) ~= ARGV[3] then return 0 end
for at = 4, #ARGV do
  redis.call('ZADD', key, string.format('%.0f', ARGV[2] * {SPAN}), ARGV[at])
end
return 1
"""

MOVED = """
-- now, the name while it moved, the name that it has, the name that it had
local score = redis.call('ZSCORE', key, ARGV[2])
if score then
  redis.call('ZREM', key, ARGV[2])
  redis.call('ZADD', key, score, ARGV[3])
end
redis.call('ZREM', key, ARGV[4])
return 1
"""

DROP = """
-- now, names, each before the score that it had
for at = 2, #ARGV, 2 do
  local score = redis.call('ZSCORE', key, ARGV[at])
  if score and tonumber(score) == tonumber(ARGV[at + 1]) then redis.call('ZREM', key, ARGV[at]) end
end
return 1
"""

insert = Script(INSERT, HEAD)
change = Script(CHANGE, HEAD)
arrive = Script(ARRIVE, HEAD)
leave = Script(LEAVE, HEAD)
settle = Script(SETTLE, HEAD)
end = Script(END, HEAD)
enter = Script(ENTER, HEAD)
names = Script(NAMES, HEAD)
condemn = Script(CONDEMN, HEAD)
moved = Script(MOVED, HEAD)
drop = Script(DROP, HEAD)
