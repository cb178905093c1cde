"""A token's allowance: one request a second and ten a minute, whoever makes them, counted in Redis.

Source: IBKR's code 1018. Counted by a keyed hash of the token, so that portfolios, machines and tests that share a token
share its allowance.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from redis import Redis

SPACING = timedelta(seconds=1)
SPAN = timedelta(minutes=1)
MOST_IN_SPAN = 10

# KEYS[1]: times of the last requests (ms). ARGV: now, spacing, span, most, last call known to the database (-1 = none).
# Answers 0 when the request may go (and counts it), else how long to wait.
_TAKE = """
local now, spacing, span = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local most, known = tonumber(ARGV[4]), tonumber(ARGV[5])
local times = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
if #times == 0 and known >= 0 and now - known < span then
  return span - (now - known)
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - span)
redis.call('ZREMRANGEBYSCORE', KEYS[1], now + span, '+inf')
local newest = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
if #newest > 0 and tonumber(newest[2]) + spacing > now then
  return tonumber(newest[2]) + spacing - now
end
if redis.call('ZCARD', KEYS[1]) >= most then
  local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
  return tonumber(oldest[2]) + span - now
end
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('PEXPIRE', KEYS[1], 2 * span)
return 0
"""


def take(redis: Redis, name: str, now: datetime, last_known: datetime | None) -> timedelta:
    """Counts one request for the token named `name`; zero = it may go now, else nothing was counted and so long to wait.

    `last_known` is the last call the database remembers: with Redis' memory gone (flushed, a new machine) nobody
    knows how many came before it, so the whole span is waited out. Times from the future (the clock was set back) do not
    count. Raises redis.RedisError.
    """
    known = -1 if last_known is None or last_known > now else _ms(last_known)
    wait = redis.eval(
        _TAKE, 1, f"stonks:allowance:{name}", _ms(now), _ms_of(SPACING), _ms_of(SPAN), MOST_IN_SPAN, known
    )
    return timedelta(milliseconds=int(wait))


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _ms_of(span: timedelta) -> int:
    return int(span.total_seconds() * 1000)
