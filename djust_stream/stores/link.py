"""A connection to Redis that sends many commands in one round trip, and the URLs that say where it is.

    origin = origin_of("redis+sentinel://10.0.0.1:26379,10.0.0.2:26379/0?service=mymaster")
    link = Link(origin, key)                        # to the server that holds the key
    await link.open()
    replies = await link.call([("PING",), ("XADD", key, "1-0", "f", text)])

The law: a call is answered as a whole, in order, or raises LinkError; then nobody knows which of its
commands have been carried out, and the next call goes over a new connection. ``connections`` counts them,
so a caller sees that it talks to a server that may have forgotten. That is why this is no pool with
retries: those mend a connection in silence, and a Redis that came back empty would be taken for the one
that was filled.

A server that says it cannot serve now (moved, loading, read-only, out of memory, …) is as good as none. An
error about one command alone is returned in its place. Checked by tests/test_redis_link.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Coroutine, Sequence
from time import monotonic
from typing import Any, NamedTuple, Protocol, TypeVar
from urllib.parse import parse_qs, urlencode, urlsplit

try:
    from redis import exceptions
    from redis.asyncio import Redis, RedisCluster, Sentinel
    from redis.asyncio.cluster import ClusterNode
    from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection, parse_url
except ImportError as error:
    raise ImportError(f"a Redis store needs redis-py ({error}): pip install djust-stream[redis]") from error

#: A connection that is silent for so long is taken for dead, half-open ones included.
TIMEOUT_S = 2.0
#: In a cluster one stream's keys share a slot by their tag; so many tags, so many connections at the most.
CLUSTER_TAGS = 16

_ASK_AGAIN_S = 0.2

Result = TypeVar("Result")
Command = tuple[str | bytes | int | float, ...]

#: What one command may be told without the server being unable to serve.
_OF_ONE_COMMAND = re.compile("The ID specified in XADD|no such key", re.IGNORECASE)


class LinkError(ConnectionError):
    """Redis did not answer, or cannot serve now."""


class Address(NamedTuple):
    host: str
    port: int


class Origin(Protocol):
    """Where a URL leads."""

    tags: int  # how many hash tags the keys are spread over

    async def connection(self, key: str) -> AbstractConnection:
        """A new connection, not opened yet, to the server that writes the key."""

    async def failed(self) -> None:
        """The connection was of no use: look for another server the next time."""

    async def aclose(self) -> None:
        """Close what was opened to find out."""


class Link:
    """One connection at a time, one call at a time; used in one event loop."""

    def __init__(self, origin: Origin, key: str) -> None:
        self.connections = 0
        self._origin = origin
        self._key = key
        self._connection: AbstractConnection | None = None

    async def open(self) -> None:
        """Connect, if there is no connection. Raises LinkError."""
        if self._connection is None:
            await self._within(TIMEOUT_S, self._connect())

    async def call(self, commands: Sequence[Command], wait_s: float = 0.0) -> list[Any]:
        """Send the commands in one go over the open connection; their replies, in order.

        wait_s: for how long the server itself may wait, as XREAD does.
        Raises LinkError.
        """
        return await self._within(TIMEOUT_S + wait_s, self._call(commands))

    async def _within(self, timeout_s: float, work: Coroutine[Any, Any, Result]) -> Result:
        try:
            return await asyncio.wait_for(work, timeout_s)
        except (exceptions.RedisError, OSError, asyncio.TimeoutError) as error:
            await self.close()
            with contextlib.suppress(exceptions.RedisError, OSError, asyncio.TimeoutError):
                await asyncio.wait_for(self._origin.failed(), TIMEOUT_S)
            raise LinkError(str(error) or f"no answer within {timeout_s:g} s") from error
        except BaseException:  # cancelled: the rest of the replies belongs to nobody
            await self.close()
            raise

    async def _connect(self) -> None:
        connection = await self._origin.connection(self._key)
        try:
            await connection.connect()  # type: ignore[no-untyped-call]
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        self._connection = connection
        self.connections += 1

    async def _call(self, commands: Sequence[Command]) -> list[Any]:
        connection = self._connection
        if connection is None or not connection.is_connected:
            raise LinkError("there is no connection")
        await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
        replies: list[Any] = []
        for _ in commands:
            try:
                replies.append(await connection.read_response())
            except exceptions.ResponseError as error:
                if not _OF_ONE_COMMAND.search(str(error)):
                    raise
                replies.append(error)
        return replies

    async def close(self) -> None:
        """Close the connection; a later call opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(exceptions.RedisError, OSError):
                await connection.disconnect(nowait=True)


# -- URLs -------------------------------------------------------------------------------------------


class _Server:
    """redis:// and rediss://, and unix:// where that is."""

    tags = 1

    def __init__(self, options: dict[str, Any]) -> None:
        self._kind = options.pop("connection_class", Connection)
        self._options = options

    async def connection(self, key: str) -> AbstractConnection:
        return self._kind(**self._options)  # type: ignore[no-any-return]

    async def failed(self) -> None:
        pass

    async def aclose(self) -> None:
        pass


class _Watched(_Server):
    """redis+sentinel://: the sentinels say which server is the master."""

    def __init__(self, options: dict[str, Any], sentinels: list[Address], service: str) -> None:
        super().__init__(options)
        timeouts = {"socket_timeout": TIMEOUT_S, "socket_connect_timeout": TIMEOUT_S}
        secret = {name: options.pop(f"sentinel_{name}", None) for name in ("username", "password")}
        if self._kind is SSLConnection:
            timeouts |= {"ssl": True} | {
                name: value for name, value in options.items() if name.startswith("ssl_")
            }
        self._sentinel = Sentinel(sentinels, sentinel_kwargs=timeouts | secret)  # type: ignore[no-untyped-call]
        self._service = service

    async def connection(self, key: str) -> AbstractConnection:
        host, port = await self._sentinel.discover_master(self._service)
        return self._kind(**self._options | {"host": host, "port": port})  # type: ignore[no-any-return]

    async def aclose(self) -> None:
        for sentinel in self._sentinel.sentinels:
            await _close(sentinel)


class _Sharded(_Server):
    """redis+cluster://: the nodes say who holds which slot."""

    tags = CLUSTER_TAGS

    def __init__(self, options: dict[str, Any], nodes: list[Address]) -> None:
        options.pop("db", None)
        super().__init__(options)
        self._nodes = nodes
        self._cluster: RedisCluster | None = None
        self._asked_at = 0.0
        self._lock = asyncio.Lock()

    async def connection(self, key: str) -> AbstractConnection:
        async with self._lock:
            if self._cluster is None:
                self._cluster = await self._ask()
                self._asked_at = monotonic()
            node = self._cluster.get_node_from_key(key)
        if node is None:
            raise exceptions.ConnectionError(f"no node of the cluster holds {key!r}")
        return self._kind(**self._options | {"host": node.host, "port": int(node.port)})  # type: ignore[no-any-return]

    async def _ask(self) -> RedisCluster:
        options = dict(self._options)
        for name in ("host", "port", "retry"):
            options.pop(name, None)
        options |= {"socket_timeout": TIMEOUT_S, "ssl": self._kind is SSLConnection}
        cluster = RedisCluster(
            startup_nodes=[ClusterNode(host, port) for host, port in self._nodes], **options
        )
        try:
            await cluster.initialize()
        except BaseException:
            await _close(cluster)
            raise
        return cluster

    async def failed(self) -> None:
        """Ask again: after a move or a failover another node holds the slot."""
        if monotonic() - self._asked_at > _ASK_AGAIN_S:  # several links fail at a time
            await self.aclose()

    async def aclose(self) -> None:
        cluster, self._cluster = self._cluster, None
        if cluster is not None:
            await _close(cluster)


async def _close(client: Redis | RedisCluster) -> None:
    with contextlib.suppress(exceptions.RedisError, OSError):
        await client.aclose()


_SCHEME = re.compile(r"(redis|rediss|unix)(\+sentinel|\+cluster)?://", re.IGNORECASE)
_SCHEMES = "redis://, rediss://, unix://, redis+sentinel:// and redis+cluster:// (rediss+… with TLS)"


def origin_of(url: str) -> Origin:
    """Where the URL leads.

    Several hosts, between commas, for sentinels and clusters. The query may hold what redis-py's own URLs
    hold; ``service`` names the master that sentinels watch, ``sentinel_username`` and ``sentinel_password``
    are for themselves. Raises ValueError.
    """
    found = _SCHEME.match(url)
    if found is None:
        raise ValueError(f"{_secretless(url)!r} is no URL of a Redis: there are {_SCHEMES}")
    scheme, kind = found[1].lower(), (found[2] or "").lower()
    if scheme == "unix" and kind:
        raise ValueError(f"{_secretless(url)!r}: a {kind[1:]} is not reached by a unix socket")
    parts = urlsplit(scheme + url[len(found[0]) - 3 :])
    secret, at, hosts = parts.netloc.rpartition("@")
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    service = query.pop("service", "")
    addresses = [_address(host, url, 26379 if kind == "+sentinel" else 6379) for host in hosts.split(",")]
    plain = f"{scheme}://{secret}{at}{hosts.split(',')[0]}{parts.path}?{urlencode(query)}"
    options = dict(parse_url(plain))
    # RESP2, text, no retries and no timeout for each reply: a Link sees to those itself.
    options |= {"decode_responses": True, "encoding_errors": "surrogatepass", "protocol": 2}
    options |= {"socket_timeout": None, "retry": None}
    options.setdefault("socket_connect_timeout", TIMEOUT_S)
    options.setdefault("client_name", "djust_stream")
    if kind == "+sentinel":
        if not service:
            raise ValueError(f"{_secretless(url)!r} names no master: add ?service=mymaster")
        return _Watched(options, addresses, service)
    if service:
        raise ValueError(f"{_secretless(url)!r}: service= is for redis+sentinel://")
    if len(addresses) > 1 and not kind:
        raise ValueError(f"{_secretless(url)!r}: several hosts are for redis+sentinel:// or redis+cluster://")
    return _Sharded(options, addresses) if kind else _Server(options)


def _address(host: str, url: str, port: int) -> Address:
    try:
        parts = urlsplit(f"//{host}")
        return Address(parts.hostname or "localhost", parts.port or port)
    except ValueError as error:
        raise ValueError(f"{_secretless(url)!r}: {host!r} is no host ({error})") from None


def _secretless(url: str) -> str:
    """For a message: without what stands before the host."""
    return re.sub("//[^/@]*@", "//…@", url)
