"""A token's allowance: one request a second and ten a minute, whoever makes them, counted in Redis and by Redis' clock.

Source: IBKR's code 1018. Counted by a keyed hash of the token, so that portfolios, machines and tests that share a token
share its allowance. The clocks of the machines that share it may differ by minutes and change nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from redis import Redis

SPACING = timedelta(seconds=1)
SPAN = timedelta(minutes=1)
MOST_IN_SPAN = 10
# Redis remembers a token's calls for longer than the database is asked about them, and that is asked by a clock which
# may be off: what the database knows of and Redis does not was forgotten.
_REMEMBERED = timedelta(hours=2)
_LATELY = timedelta(minutes=30)

# KEYS[1]: times of the last requests (ms). ARGV: spacing, span, most, how long to remember, whether calls may have been
# forgotten, the time when it is not Redis' to tell ("" = it is), and the request's name.
# Answers 0 when the request may go (and counts it), else how long to wait.
_TAKE = """
local spacing, span, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local now = tonumber(ARGV[6])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local function note(name)
  redis.call('ZADD', KEYS[1], now, name)
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
if ARGV[5] == '1' and redis.call('EXISTS', KEYS[1]) == 0 then
  for at = 1, most do note('forgotten ' .. at) end
  return span
end
-- Redis' clock was set back: what it has from later is of this moment at the latest.
for _, later in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. string.format('%d', now), '+inf')) do note(later) end
redis.call('ZREM', KEYS[1], ARGV[7])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%d', now - span))
local newest = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
if #newest > 0 and tonumber(newest[2]) + spacing > now then
  return tonumber(newest[2]) + spacing - now
end
if redis.call('ZCARD', KEYS[1]) >= most then
  local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
  return tonumber(oldest[2]) + span - now
end
note(ARGV[7])
return 0
"""


def take(
    redis: Redis,
    name: str,
    request: str,
    now: datetime,
    last_known: datetime | None,
    redis_now: datetime | None = None,
) -> timedelta:
    """Counts a request for the token named `name`; zero = it may go now, else nothing was counted and so long to wait.

    `request` tells it from others: one that was counted already and has not gone is counted at this moment instead.

    `last_known` is the last call the database remembers and `now` this machine's time, which only judges whether that
    was lately, or is to come by a clock that was set back: then Redis has to know of it, and where its memory is gone
    (flushed, a new machine) the whole span is waited out once. `redis_now`: instead of Redis' own clock, where a test
    makes time pass. Raises redis.RedisError.
    """
    lately = last_known is not None and now - last_known <= _LATELY
    wait = redis.eval(
        _TAKE,
        1,
        f"stonks:allowance:{name}",
        _ms(SPACING),
        _ms(SPAN),
        MOST_IN_SPAN,
        _ms(_REMEMBERED),
        int(lately),
        "" if redis_now is None else int(redis_now.timestamp() * 1000),
        request,
    )
    return timedelta(milliseconds=int(wait))


def _ms(span: timedelta) -> int:
    return int(span.total_seconds() * 1000)
