"""Where the URLs of Redis lead: what they say, and real sentinels and clusters."""

from __future__ import annotations

import asyncio
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from redis_server import RedisServer
from test_redis import Producer, Reader, Stores, quick, until

from djust_stream.stores.link import CLUSTER_TAGS, Link, LinkError, origin_of

__all__ = ["quick"]  # the fixture: a test has less patience


# -- what they say ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://", {"host": "localhost", "port": 6379, "db": 0}),
        ("redis://h:1/3", {"host": "h", "port": 1, "db": 3}),
        ("redis://u:p%40ss@h", {"host": "h", "username": "u", "password": "p@ss"}),
        ("redis://[::1]:7/", {"host": "::1", "port": 7}),
        ("redis://h?socket_connect_timeout=7&client_name=me", {"client_name": "me"}),
        ("REDIS://h", {"host": "h"}),
        ("unix:///run/redis.sock?db=2", {"path": "/run/redis.sock", "db": 2}),
        ("rediss://h:1?ssl_cert_reqs=none", {"host": "h", "port": 1}),
    ],
)
async def test_one_server(url: str, expected: dict[str, Any]) -> None:
    origin = origin_of(url)
    assert origin.tags == 1
    connection: Any = await origin.connection("key")
    assert ("SSL" in type(connection).__name__) == url.startswith("rediss")
    assert {name: getattr(connection, name) for name in expected} == expected


async def test_several_hosts() -> None:
    cluster: Any = origin_of("rediss+cluster://u:p@a:1,b,[::2]:3/?ssl_cert_reqs=none")
    assert cluster.tags == CLUSTER_TAGS
    assert [tuple(node) for node in cluster._nodes] == [("a", 1), ("b", 6379), ("::2", 3)]
    assert cluster._options["password"] == "p"
    sentinel: Any = origin_of("redis+sentinel://u:p@a,b:9/2?service=one&sentinel_password=q")
    found = [client.connection_pool.connection_kwargs for client in sentinel._sentinel.sentinels]
    assert [(one["host"], one["port"], one["password"]) for one in found] == [
        ("a", 26379, "q"),
        ("b", 9, "q"),
    ]
    assert (sentinel._options["db"], sentinel._options["password"]) == (2, "p")
    await sentinel.aclose()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("memcached://h", "redis+cluster://"),
        ("localhost:6379", "redis://"),
        ("redis://a,b", "several hosts"),
        ("redis://h?service=m", "redis+sentinel://"),
        ("redis+cluster://h?service=m", "redis+sentinel://"),
        ("redis+sentinel://h", "service="),
        ("unix+cluster:///x", "unix socket"),
        ("redis://h:port", "'h:port'"),
        ("redis://h:99999", "'h:99999'"),
        ("redis://h?socket_connect_timeout=soon", "socket_connect_timeout"),
    ],
)
def test_what_is_no_url(url: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        origin_of(url)
    with pytest.raises(ValueError) as raised:
        origin_of(url.replace("://", "://user:hush@"))
    assert "hush" not in str(raised.value)


async def test_a_password(quick: None) -> None:
    with RedisServer("--requirepass", "sesame") as server:
        for url, right in ((server.url, False), (server.url.replace("//", "//:sesame@"), True)):
            link = Link(origin_of(url), "key")
            if right:
                await link.open()
                assert await link.call([("INCR", "n"), ("INCR", "n")]) == [1, 2]
            else:
                with pytest.raises(LinkError, match=r"(?i)auth"):
                    await link.open()
                    await link.call([("PING",)])
            await link.close()


# -- a cluster ----------------------------------------------------------------------------------------


class Cluster:
    """Three masters."""

    def __init__(self, stack: ExitStack) -> None:
        options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "1000")
        self.nodes = [stack.enter_context(RedisServer(*options, aof=True)) for _ in range(3)]
        hosts = [f"127.0.0.1:{node.port}" for node in self.nodes]
        command = ["redis-cli", "--cluster", "create", *hosts, "--cluster-yes"]
        subprocess.run(command, check=True, capture_output=True)
        self.url = "redis+cluster://" + ",".join(hosts[:2])
        deadline = time.monotonic() + 20
        while any(b"cluster_state:ok" not in node.ask("CLUSTER INFO") for node in self.nodes):
            assert time.monotonic() < deadline, "the cluster does not come up"
            time.sleep(0.1)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with ExitStack() as stack:
        yield Cluster(stack)


async def test_streams_in_a_cluster(cluster: Cluster) -> None:
    """On all of its nodes, and those of one node outlive its restart."""
    async with Stores(cluster.url) as stores:
        producers = [Producer(stores.near) for _ in range(40)]
        readers = [Reader(stores.far, producer) for producer in producers]
        work = [asyncio.ensure_future(producer.produce(300, 0.01)) for producer in producers]
        await asyncio.sleep(1)
        assert await stores.far.stop(producers[0].id)
        await until(lambda: producers[0].stopped == 1)
        cluster.nodes[1].kill()
        await asyncio.sleep(0.5)
        cluster.nodes[1].start()
        await asyncio.gather(*work)
        for producer in producers:
            producer.log.end()
        for producer, reader in zip(producers, readers, strict=True):
            assert await reader.last(20) == "end"
            assert reader.page == producer.page
    sizes = [int(node.ask("DBSIZE")[1:]) for node in cluster.nodes]
    assert all(sizes), sizes


# -- sentinels ----------------------------------------------------------------------------------------


async def test_streams_follow_the_master(quick: None) -> None:
    """The master dies, a sentinel promotes its replica, and the streams go on there."""
    with ExitStack() as stack:
        master = stack.enter_context(RedisServer())
        replica = stack.enter_context(RedisServer("--replicaof", "127.0.0.1", str(master.port)))
        sentinel = RedisServer(
            sentinel=f"""
            sentinel monitor mymaster 127.0.0.1 {master.port} 1
            sentinel down-after-milliseconds mymaster 500
            sentinel failover-timeout mymaster 3000
        """
        )
        stack.enter_context(sentinel)
        await until(lambda: b"num-slaves\r\n$1\r\n1" in sentinel.ask("SENTINEL master mymaster"), 20)
        await until(lambda: b"master_link_status:up" in replica.ask("INFO replication"))
        async with Stores(f"redis+sentinel://127.0.0.1:{sentinel.port}/?service=mymaster") as stores:
            producer = Producer(stores.near)
            reader = Reader(stores.far, producer)
            await producer.produce(50, 0.01)
            await reader.until(50)
            master.kill()
            await producer.produce(50, 0.01)
            await until(lambda: b"role:master" in replica.ask("INFO replication"), 30)
            await producer.produce(50, 0.01)
            await reader.until(150)
            late = Reader(stores.far, producer)
            producer.log.end()
            assert (await reader.last(), await late.last()) == ("end", "end")
            assert reader.page == late.page == producer.page
