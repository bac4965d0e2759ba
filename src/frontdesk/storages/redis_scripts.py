"""The verbs of the Redis storage as scripts of the server, which runs one at a time: each is atomic.

What is kept, below the prefix:

- ``s`` and the 32 bytes of a digest: a session, as a hash. One lower-case letter names a fact of the
  record (see :mod:`frontdesk.storages.redis_codec`), any other field is one of the session's values.
- The same, with the field ``t``: the memory, until then, that the session has ended. ``m`` says where it
  moved, ``u`` whose it was.
- ``u`` and a number: a part of the index, a sorted set of digests. The score is a number made of the
  user's id. Many users share a part, which takes a third of the memory of one set each; whoever looks up
  a user asks each record whose it is.

The rules of this file:

1. What is live is decided by the clock of the caller, ``now``. The server's expiry only sweeps up, so it
   is set relative to that clock.
2. The index is written first. When the server refuses the rest (it is out of memory, say), a name without
   a record is left, never a record without a name.
3. Names leave the index when their session ends or moves. Those of sessions that have expired leave it
   when a few names of a part are looked at, at random, whenever one is added: so a part never holds many
   more dead names than live ones, and nothing has to walk through the keys.
4. Ending frees before it writes, so that it works on a server that is out of memory.
"""

import hashlib
from typing import Final

from frontdesk.storages.base import LEFT_BEHIND

PARTS: Final = 16_384
"""Of the index. To change it would lose every name in it."""

USERS: Final = 8_388_608
"""Scores in it, which tell apart those who share a part."""

SWEPT: Final = 8
"""Names that are looked at when one is added to the part they are in."""

RECORD = """
local function milliseconds(duration)
  return string.format('%.0f', math.max(1, math.ceil(duration / 1000)))
end

-- An idle limit as it is kept: whole seconds as a negative number.
local function idle_of(stored)
  local idle = tonumber(stored)
  return idle and idle < 0 and -idle * 1000000 or idle
end

-- The record of that key if it is live: what decides about it.
local function live(key)
  local found = redis.pcall('HMGET', key, 's', 'i', 'd', 'v', 'u', 't')
  if found.err or found[6] then return nil end
  local seen, idle, deadline, version = tonumber(found[1]), idle_of(found[2]), tonumber(found[3]), found[4]
  if not (seen and idle and deadline and version) then return nil end
  if math.min(seen + idle, deadline) <= now then return nil end
  return {seen = seen, deadline = deadline, version = version, user = found[5]}
end

-- Keeps for a while that there was a session, which is gone, and for how long it is to be kept in mind.
local function remember_end(key, lasts, user, moved_to)
  redis.call('HSET', key, 't', string.format('%.0f', now + LEFT_BEHIND))
  if moved_to then redis.call('HSET', key, 'm', moved_to) end
  if moved_to and user then redis.call('HSET', key, 'u', user) end
  redis.call('PEXPIRE', key, milliseconds(lasts))
end

-- Sets the fields that the arguments from..to name, each before its value.
local function set(key, from, to)
  for start = from, to, 1000 do
    redis.call('HSET', key, unpack(ARGV, start, math.min(start + 999, to)))
  end
end

local function expire(key)
  local found = redis.call('HMGET', key, 's', 'i', 'd')
  local ends = math.min(tonumber(found[1]) + idle_of(found[2]), tonumber(found[3]))
  redis.call('PEXPIRE', key, milliseconds(ends - now))
end

-- Makes the changes that the arguments from..#ARGV are: whether it is cleared, user ('=' before it, '-'
-- for nobody, nothing for the same), last seen, how many of the next are fields and values, these, fields
-- to remove.
local function merge(key, was_seen, from)
  local owner, seen, last = ARGV[from + 1], tonumber(ARGV[from + 2]), from + 3 + tonumber(ARGV[from + 3])
  if ARGV[from] == '1' then
    for _, field in ipairs(redis.call('HKEYS', key)) do
      if string.byte(field) < 97 then redis.call('HDEL', key, field) end
    end
  end
  for at = last + 1, #ARGV do redis.call('HDEL', key, ARGV[at]) end
  set(key, from + 4, last)
  if seen and seen > was_seen then redis.call('HSET', key, 's', ARGV[from + 2]) end
  if owner == '-' then
    redis.call('HDEL', key, 'u')
  elseif owner ~= '' then
    redis.call('HSET', key, 'u', string.sub(owner, 2))
  end
  redis.call('HINCRBY', key, 'v', 1)
  expire(key)
end
""".replace("LEFT_BEHIND", str(LEFT_BEHIND))
"""What is done to one record: of one server's scripts, and of a Cluster's."""

EXTEND = """
-- Lets a part of the index live as long as whatever it names, and a minute more.
local function extend(part, deadline)
  local lasts = deadline - now + 60000000
  if redis.call('PTTL', part) < lasts / 1000 then
    redis.call('PEXPIRE', part, milliseconds(lasts))
  end
end
"""

HEAD = f"""
local prefix, now = ARGV[1], tonumber(ARGV[2])
{RECORD}{EXTEND}
local function session(name)
  return prefix .. 's' .. name
end

-- The part of the index where a user's sessions are, and their score in it.
local function place(user)
  local hash = redis.sha1hex(user)
  local part = tonumber(string.sub(hash, 1, 8), 16) % {PARTS}
  return prefix .. 'u' .. part, tonumber(string.sub(hash, 9, 16), 16) % {USERS}
end

local function names_of(user)
  local part, score = place(user)
  return redis.call('ZRANGEBYSCORE', part, score, score)
end

local function withdraw(name, user)
  redis.call('ZREM', (place(user)), name)
end

local function announce(name, user, deadline)
  local part, score = place(user)
  redis.call('ZADD', part, score, name)
  extend(part, deadline)
  for _, other in ipairs(redis.call('ZRANDMEMBER', part, {SWEPT})) do
    if other ~= name and redis.call('EXISTS', session(other)) == 0 then
      redis.call('ZREM', part, other)
    end
  end
end

local function finish(name, record)
  if record.user then withdraw(name, record.user) end
  redis.call('DEL', session(name))
  remember_end(session(name), {LEFT_BEHIND})
end
"""

INSERT = """
-- prefix, now, name, user ('=' before it, or nothing), deadline, fields and values
local name, user = ARGV[3], ARGV[4]
if redis.call('EXISTS', session(name)) == 1 then return 0 end
if user ~= '' then announce(name, string.sub(user, 2), tonumber(ARGV[5])) end
set(session(name), 6, #ARGV)
expire(session(name))
return 1
"""

CHANGE = f"""
-- prefix, now, name, new name, expected version, deadline, changes
local name, new, expected, deadline, owner = ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6]), ARGV[8]

local was = live(session(name))
if not was then return 0 end
if expected ~= '' and expected ~= was.version then return -1 end
if new ~= '' and redis.call('EXISTS', session(new)) == 1 then return 0 end

local user = was.user
if owner ~= '' then user = owner ~= '-' and string.sub(owner, 2) end
local moves = new ~= ''
local called = moves and new or name
if user and (moves or owner ~= '' or deadline) then
  announce(called, user, deadline or was.deadline)
end
if was.user and (moves or was.user ~= user) then withdraw(name, was.user) end

if moves then
  redis.call('RENAME', session(name), session(new))
  remember_end(session(name), {LEFT_BEHIND}, was.user, new)
end
merge(session(called), was.seen, 7)
return 1
"""

REMOVE = """
-- prefix, now, user ('=' before it, nothing for anybody), names
local owner = ARGV[3]

local function now_at(name)
  while true do
    local found = redis.pcall('HMGET', session(name), 't', 'm', 'u')
    if found.err or not found[1] or not found[2] or tonumber(found[1]) <= now then return name end
    local there = live(session(found[2]))
    if there and there.user ~= found[3] then return name end
    name = found[2]
  end
end

local ended = {}
for at = 4, #ARGV do
  local name = now_at(ARGV[at])
  local record = live(session(name))
  if record and (owner == '' or (record.user and '=' .. record.user == owner)) then
    finish(name, record)
    table.insert(ended, name)
  end
end
return ended
"""

OF_USER = """
-- prefix, now, user
local found = {}
for _, name in ipairs(names_of(ARGV[3])) do
  local record = live(session(name))
  if record and record.user == ARGV[3] then
    table.insert(found, {name, redis.call('HGETALL', session(name))})
  end
end
return found
"""

REMOVE_OF_USER = """
-- prefix, now, user, names to keep
local kept, ended = {}, {}
for at = 4, #ARGV do kept[ARGV[at]] = true end
for _, name in ipairs(names_of(ARGV[3])) do
  local record = not kept[name] and live(session(name))
  if record and record.user == ARGV[3] then
    finish(name, record)
    table.insert(ended, name)
  end
end
return ended
"""

REMOVE_BEYOND = """
-- prefix, now, user, limit, whether only some may go, these
local beyond = -tonumber(ARGV[4])
local among = ARGV[5] == '1' and {}
for at = 6, #ARGV do among[ARGV[at]] = true end

local owned = {}
for _, name in ipairs(names_of(ARGV[3])) do
  local record = live(session(name))
  if record and record.user == ARGV[3] then
    beyond = beyond + 1
    record.name = name
    if not among or among[name] then table.insert(owned, record) end
  end
end

-- Byte by byte, since '<' goes by the language of the server.
local function before(one, two)
  if one.seen ~= two.seen then return one.seen < two.seen end
  for at = 1, #one.name do
    local a, b = string.byte(one.name, at), string.byte(two.name, at)
    if a ~= b then return a < b end
  end
  return false
end
table.sort(owned, before)

local ended = {}
for at = 1, math.min(beyond, #owned) do
  finish(owned[at].name, owned[at])
  table.insert(ended, owned[at].name)
end
return ended
"""


class Script:
    """A script, and the name by which the server knows it once it has run."""

    def __init__(self, body: str, head: str = HEAD) -> None:
        self.text = head + body
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


insert = Script(INSERT)
change = Script(CHANGE)
remove = Script(REMOVE)
of_user = Script(OF_USER)
remove_of_user = Script(REMOVE_OF_USER)
remove_beyond = Script(REMOVE_BEYOND)
