#pragma once

#include <string_view>

namespace stoa::redis::scripts {

/// What stands at a key begins with `V` (a value) or `T` (a tombstone) and its revision.

/// Keys: the value's, the lock of its load. Arguments: revision, what is kept, its life
/// in milliseconds, the loader's token. A value of the revision that is there begins its life anew.
constexpr std::string_view set_if_newer = R"lua(
if ARGV[4] ~= '' and redis.call('GET', KEYS[2]) == ARGV[4] then redis.call('DEL', KEYS[2]) end
local revision = tonumber(ARGV[1])
local kept = tonumber(string.match(redis.call('GETRANGE', KEYS[1], 0, 31), '^[VT](%d+)') or '0')
if revision < kept then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
)lua";

/// Keys: the value's. Arguments: revision, the tombstone's life in milliseconds, the channel, and
/// what the other processes are told.
constexpr std::string_view invalidate = R"lua(
local kept = tonumber(string.match(redis.call('GETRANGE', KEYS[1], 0, 31), '^[VT](%d+)') or '-1')
if kept >= tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], 'T' .. ARGV[1], 'PX', ARGV[2])
redis.call('PUBLISH', ARGV[3], ARGV[4])
return 1
)lua";

/// Keys: the floor, below which nothing of the whole cache is given. Arguments: revision, the
/// channel, and what the other processes are told.
constexpr std::string_view raise_floor = R"lua(
if tonumber(redis.call('GET', KEYS[1]) or '0') < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[1])
end
redis.call('PUBLISH', ARGV[2], ARGV[3])
return 1
)lua";

/// Keys: the value's, the lock of its load. Arguments: the loader's token, the lock's life in
/// milliseconds, whether the value that is there will not do. Gives that value, if it will do and
/// has come meanwhile; else 1 for who has the lock now, and 0 while another has it.
constexpr std::string_view lock = R"lua(
if ARGV[3] == '' then
  local kept = redis.call('GET', KEYS[1])
  if kept and string.sub(kept, 1, 1) == 'V' then return kept end
end
return redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) and 1 or 0
)lua";

/// Keys: the lock of a load. Arguments: the loader's token.
constexpr std::string_view unlock = R"lua(
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
)lua";

}  // namespace stoa::redis::scripts
