"""States in Redis: one hash per partition, field = user, value = packed state, empty field = the watermark.

One hash rather than one key per user, because then the states and the watermark live and die together: nothing
(eviction, a failover, an operator) can remove a user and leave the watermark, a partition sits in one cluster slot by
construction, and emptying it is one command.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import redis
from redis.commands.core import Script

from worker.errors import Retry, Stop

WATERMARK = b""  # a user id has at least one byte, so no user can collide with it

# A script may unpack some 8,000 arguments at once, hence the slices.
_READ = """
if redis.call('HGET', KEYS[1], '') ~= ARGV[1] then return false end
local states = {}
for first = 2, #ARGV, 5000 do
  local part = redis.call('HMGET', KEYS[1], unpack(ARGV, first, math.min(first + 4999, #ARGV)))
  for i = 1, #part do states[#states + 1] = part[i] end
end
return states
"""
# The watermark goes first: once one write has passed, a server that runs out of memory finishes the script.
_WRITE = """
if redis.call('HGET', KEYS[1], '') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], '', ARGV[2])
local last = 3 + tonumber(ARGV[3])
for first = 4, last, 5000 do
  redis.call('HSET', KEYS[1], unpack(ARGV, first, math.min(first + 4999, last)))
end
for first = last + 1, #ARGV, 5000 do
  redis.call('HDEL', KEYS[1], unpack(ARGV, first, math.min(first + 4999, #ARGV)))
end
return 1
"""
_CLAIM = """
if (redis.call('HGET', KEYS[1], '') or '') ~= ARGV[1] then return 0 end
if ARGV[3] == '1' then redis.call('UNLINK', KEYS[1]) end
redis.call('HSET', KEYS[1], '', ARGV[2])
return 1
"""

_SCAN = """
if redis.call('HGET', KEYS[1], '') ~= ARGV[1] then return false end
return redis.call('HSCAN', KEYS[1], ARGV[2], 'COUNT', ARGV[3])
"""

_REFUSED = (redis.AuthenticationError, redis.exceptions.NoPermissionError, redis.exceptions.AuthorizationError)
# What is refused to a script comes as an error of the script: in Redis' words, and in Valkey's.
_REFUSED_WITHIN = ("The user executing the script can't", "ACL failure in script")
_LINE = re.compile(r"script: (?P<sha>\w+), on @user_script:(?P<line>\d+)")


def sorted_error(error: Exception, where: str, command: str = "") -> Retry | Stop:
    """The exception to raise for `error` of the server at `where`; `command` is the one that failed, if it is known."""
    if isinstance(error, _REFUSED) or str(error).startswith(_REFUSED_WITHIN):
        what = f"{command}: {error}" if command else str(error)
        return Stop(
            f"Redis at {where} refuses this user: {what}; check SONGPRINT_REDIS__USERNAME, its password and its ACL "
            "(the commands it needs are in docs/security.md)"
        )
    return Retry(f"Redis at {where}: {error or type(error).__name__}", "redis")


class RedisStates:
    """A `StateCache` on anything that speaks Redis's protocol."""

    def __init__(self, client: "redis.Redis | redis.RedisCluster", prefix: str, group: str, where: str) -> None:
        self._client = cast(Any, client)
        self._prefix = prefix
        self._group = group
        self._where = where
        self._read: Script = self._client.register_script(_READ)
        self._write: Script = self._client.register_script(_WRITE)
        self._claim: Script = self._client.register_script(_CLAIM)
        self._scan: Script = self._client.register_script(_SCAN)

    def key(self, partition: int) -> str:
        """The hash that holds `partition`; the braces make it one cluster slot."""
        return f"{self._prefix}:{{{self._group}/{partition}}}"

    def nodes(self) -> dict[str, dict[str, Any]]:
        """What each node says of itself, by the names of INFO; one node unless it is a cluster."""
        # A cluster's client would ask one node of its choice.
        every = {"target_nodes": redis.RedisCluster.PRIMARIES} if isinstance(self._client, redis.RedisCluster) else {}
        told: dict[str, Any] = self._ask(lambda: self._client.info(**every))
        return {self._where: told} if "redis_version" in told else told

    def check(self) -> None:
        for where, node in self.nodes().items():
            policy = node["maxmemory_policy"]
            if policy != "noeviction":
                raise Stop(
                    f"Redis at {where} has maxmemory-policy {policy!r}, under which it drops states at will; "
                    "set maxmemory-policy to noeviction (and maxmemory high enough) and start the worker again"
                )

    def watermark(self, partition: int) -> bytes | None:
        return cast("bytes | None", self._ask(lambda: self._client.hget(self.key(partition), WATERMARK)))

    def read(self, partition: int, watermark: bytes, users: Sequence[bytes]) -> list[bytes | None] | None:
        states = self._ask(lambda: self._read(keys=[self.key(partition)], args=[watermark, *users]))
        return cast("list[bytes | None] | None", states)

    def write(self, partition: int, watermark: bytes, successor: bytes, states: Mapping[bytes, bytes | None]) -> bool:
        pairs: list[bytes] = []
        erased: list[bytes] = []
        for user, state in states.items():
            if state is None:
                erased.append(user)
            else:
                pairs += (user, state)
        arguments: list[bytes | int] = [watermark, successor, len(pairs), *pairs, *erased]
        return bool(self._ask(lambda: self._write(keys=[self.key(partition)], args=arguments)))

    def claim(self, partition: int, watermark: bytes | None, claim: bytes, *, empty: bool) -> bool:
        arguments: list[bytes | int] = [watermark or b"", claim, int(empty)]
        return bool(self._ask(lambda: self._claim(keys=[self.key(partition)], args=arguments)))

    def scan(self, partition: int, watermark: bytes, cursor: int, count: int) -> tuple[int, dict[bytes, bytes]] | None:
        found = self._ask(lambda: self._scan(keys=[self.key(partition)], args=[watermark, cursor, count]))
        if found is None:
            return None
        after, fields = found
        states = dict(zip(fields[::2], fields[1::2], strict=True))
        states.pop(WATERMARK, None)
        return int(after), states

    def request_relabel(self, partition: int, *, wanted: bool) -> None:
        key = f"{self.key(partition)}:relabel"
        self._ask(lambda: self._client.set(key, b"1") if wanted else self._client.unlink(key))

    def relabel_requested(self, partition: int) -> bool:
        return bool(self._ask(lambda: self._client.exists(f"{self.key(partition)}:relabel")))

    def forget(self, partition: int) -> None:
        self._ask(lambda: self._client.unlink(self.key(partition)))

    def close(self) -> None:
        self._client.close()

    def _ask(self, question: Callable[[], Any]) -> Any:
        try:
            return question()
        except (redis.RedisError, redis.exceptions.RedisClusterException) as error:
            raise sorted_error(error, self._where, self._failed_within(str(error))) from error

    def _failed_within(self, error: str) -> str:
        """The command of a script that failed: Redis tells its line alone. Empty if it was none, or is told anyway."""
        scripts = {script.sha: str(script.script) for script in (self._read, self._write, self._claim, self._scan)}
        told = _LINE.search(error)
        if told is None or told["sha"] not in scripts:
            return ""
        line = scripts[told["sha"]].splitlines()[int(told["line"]) - 1]
        return ", ".join(re.findall(r"redis\.call\('(\w+)'", line)).lower()
