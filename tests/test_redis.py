"""The Redis store against real servers: the law of every store, two processes' worth of it, and outages.

``near`` is the store of the process that produces, ``far`` the one of another: they share nothing but Redis.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from math import inf
from time import monotonic
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis_server import RedisServer

from djust_stream.stores import Store, follower, lane, link, redis
from djust_stream.stores.memory import MemoryStore
from djust_stream.stores.redis import RedisStore

LOG_BYTES = 4096


@pytest.fixture(scope="module")
def shared() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture(params=[False, True], ids=["empty", "aof"])
def server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    """One that a test may kill: it comes back empty, or with what it had."""
    with RedisServer(aof=request.param) as server:
        yield server


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patience is what it is for people; a test has less."""
    monkeypatch.setattr(link, "TIMEOUT_S", 0.5)
    monkeypatch.setattr(lane, "_BLOCK_S", 0.3)
    for module in (lane, follower):
        monkeypatch.setattr(module, "PATIENCE_S", 1.0)
        monkeypatch.setattr(module, "RETRY_S", 0.05)


class Producer:
    """Appends numbered frames; the page of a frame is its text, and a snapshot's is all of it so far."""

    def __init__(self, store: Store, keep_s: float = 5, snapshots: bool = True) -> None:
        self.id = secrets.token_urlsafe(16)
        self.frames: list[str] = []
        self.stopped = 0
        self.followed = 0
        self._snapshots = snapshots
        self.log = store.open(self.id, "reply", self.snapshot, keep_s=keep_s)
        self.log.on_stop = self.on_stop
        self.log.on_follow = self.on_follow

    def snapshot(self) -> tuple[int, str] | None:
        return (len(self.frames), self.page) if self._snapshots else None

    def on_stop(self) -> None:
        self.stopped += 1

    def on_follow(self) -> None:
        self.followed += 1

    @property
    def page(self) -> str:
        return "".join(self.frames)

    def append(self, size: int = 10) -> None:
        self.frames.append(f"<{len(self.frames) + 1}>" + "é" * size)
        self.log.append(len(self.frames), self.frames[-1])

    async def produce(self, count: int, gap_s: float = 0.0, size: int = 10) -> None:
        for _ in range(count):
            self.append(size)
            await asyncio.sleep(gap_s)


class Reader:
    """Follows a stream and keeps the account."""

    def __init__(self, store: Store, producer: Producer, seq: int = 0) -> None:
        self.page = "".join(producer.frames[:seq])
        self.seq = seq
        self.kinds: list[str] = []
        self.pace = asyncio.Event()
        self.pace.set()
        self._pieces = store.follow(producer.id, seq)
        self.task = asyncio.ensure_future(self._read())

    async def _read(self) -> str:
        async for piece in self._pieces:
            self.kinds.append(piece.kind)
            if piece.kind == "snapshot":
                assert piece.seq > self.seq
                self.page, self.seq = piece.texts[0], piece.seq
            else:
                assert piece.seq == self.seq + len(piece.texts), "a hole"
                self.page, self.seq = self.page + "".join(piece.texts), piece.seq
            await self.pace.wait()
        return self.kinds[-1]

    async def last(self, timeout_s: float = 10) -> str:
        """How it ended."""
        return await asyncio.wait_for(self.task, timeout_s)

    async def until(self, seq: int) -> None:
        await until(lambda: self.seq >= seq)


async def until(true: Callable[[], bool], timeout_s: float = 10) -> None:
    deadline = monotonic() + timeout_s
    while not true():
        assert monotonic() < deadline, "it did not come to pass"
        await asyncio.sleep(0.01)


class Stores:
    """Two processes' stores over one server, closed at the end."""

    def __init__(self, url: str) -> None:
        self.near, self.far = RedisStore(url, LOG_BYTES), RedisStore(url, LOG_BYTES)

    async def __aenter__(self) -> Stores:
        return self

    async def __aexit__(self, *exc: Any) -> None:
        await self.near.aclose()
        await self.far.aclose()


@pytest.fixture
async def stores(shared: RedisServer) -> AsyncIterator[Stores]:
    async with Stores(shared.url) as stores:
        yield stores


async def ask(server: RedisServer, *command: str | int) -> Any:
    """A question of the test's own."""
    origin = link.origin_of(server.url)
    asking = link.Link(origin, "")
    await asking.open()
    try:
        return (await asking.call([command]))[0]
    finally:
        await asking.close()


# -- the law ------------------------------------------------------------------------------------------

STEP = st.one_of(
    st.tuples(st.just("append"), st.integers(0, 60)),
    st.tuples(st.just("append"), st.integers(400, 1500)),
    st.tuples(st.just("burst"), st.integers(1, 40)),
    st.tuples(st.just("pause"), st.floats(0, 0.02)),
    st.tuples(st.just("join"), st.floats(0, 1)),
    st.tuples(st.just("dawdle"), st.floats(0, 1)),
    st.tuples(st.just("leave"), st.floats(0, 1)),
)
PROGRAM = st.tuples(st.lists(STEP, max_size=25), st.booleans())


async def run(
    program: tuple[list[tuple[str, Any]], bool], near: Store, far: Store
) -> list[tuple[str, int, bool]]:
    """What each reader had in the end: how it ended, its seq, and whether its page was right."""
    steps, keep = program
    producer = Producer(near)
    readers: list[Reader] = []
    for what, how in steps:
        if what == "append":
            producer.append(how)
        elif what == "burst":
            await producer.produce(how)
        elif what == "pause":
            await asyncio.sleep(how)
        elif what == "join":
            readers.append(Reader(far, producer, int(how * len(producer.frames))))
        elif readers and what == "dawdle":
            readers[int(how * (len(readers) - 1))].pace.clear()
        elif readers and what == "leave":
            reader = readers.pop(int(how * (len(readers) - 1)))
            reader.task.cancel()
    producer.log.end()
    readers.append(Reader(far, producer))
    for reader in readers:
        reader.pace.set()
    ends = [await reader.last() for reader in readers]
    if not keep:
        await asyncio.sleep(0)
    return [
        (end, reader.seq, reader.page == producer.page) for end, reader in zip(ends, readers, strict=True)
    ]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(program=PROGRAM)
def test_any_program_shows_what_memory_shows(shared: RedisServer, program: Any) -> None:
    async def both() -> None:
        memory = MemoryStore(LOG_BYTES)
        expected = await run(program, memory, memory)
        async with Stores(shared.url) as stores:
            assert await run(program, stores.near, stores.far) == expected
            assert await run(program, stores.near, stores.near) == expected
        assert all(right for _, _, right in expected)

    asyncio.run(both())


async def test_frames_come_alone_while_a_reader_keeps_up(stores: Stores) -> None:
    """Over many log lengths: snapshots are made for those who are behind, and shown to nobody else."""
    producer = Producer(stores.near)
    reader = Reader(stores.far, producer)
    for _ in range(60):
        await producer.produce(5, 0.001, size=100)
        await reader.until(len(producer.frames))
    producer.log.end()
    assert await reader.last() == "end"
    assert reader.page == producer.page
    assert set(reader.kinds) == {"frames", "end"}


async def test_a_reader_that_dawdles_is_shown_a_snapshot_and_costs_little(stores: Stores) -> None:
    producer = Producer(stores.near)
    slow, quick = Reader(stores.far, producer), Reader(stores.far, producer)
    await producer.produce(3, 0.02)
    await slow.until(1)
    slow.pace.clear()
    await producer.produce(400, 0.001, size=100)
    await quick.until(403)
    slow.pace.set()
    producer.log.end()
    assert (await slow.last(), await quick.last()) == ("end", "end")
    assert slow.page == quick.page == producer.page
    assert slow.kinds.count("snapshot") == 1
    assert len(slow.kinds) < len(quick.kinds)


async def test_without_snapshots_who_is_behind_is_told(stores: Stores) -> None:
    producer = Producer(stores.near, snapshots=False)
    reader = Reader(stores.far, producer)
    await producer.produce(100, 0.002, size=100)
    late = Reader(stores.far, producer)
    assert await late.last() == "gone"
    producer.log.end()
    assert await reader.last() == "end"
    assert reader.page == producer.page


async def test_what_never_was_is_gone(stores: Stores) -> None:
    producer = Producer(stores.near)
    await producer.produce(3)
    async for piece in stores.far.follow(secrets.token_urlsafe(16), 0):
        assert piece.kind == "gone"
    async for piece in stores.far.follow(producer.id, 4):  # another stream's reader
        assert piece.kind == "gone"
    assert not await stores.far.stop(secrets.token_urlsafe(16))


async def test_texts_of_every_kind(stores: Stores) -> None:
    producer = Producer(stores.near)
    for number, text in enumerate(["", "\r\n$-1\r\n", "\0", "🙂 é", "x" * 1000], 1):
        producer.frames.append(text)
        producer.log.append(number, text)
        await asyncio.sleep(0.02)
        assert (await stores.far.follow(producer.id, number - 1).__anext__()).texts[-1] == text


async def test_an_unkept_end_is_gone_for_who_has_not_all(stores: Stores) -> None:
    producer = Producer(stores.near)
    reader = Reader(stores.far, producer)
    await producer.produce(3, 0.02)
    producer.log.end(keep=False)
    assert await reader.last(0.9) == "gone"
    assert reader.page == producer.page
    assert await Reader(stores.far, producer).last() == "gone"


# -- across processes ---------------------------------------------------------------------------------


async def test_stop_reaches_the_producer(stores: Stores) -> None:
    producer, other = Producer(stores.near), Producer(stores.near)
    await producer.produce(2, 0.02)
    assert await stores.far.stop(producer.id)
    await until(lambda: producer.stopped == 1)
    producer.log.end()
    await asyncio.sleep(0.05)
    assert not await stores.far.stop(producer.id)
    assert not await stores.near.stop(producer.id)
    assert (producer.stopped, other.stopped) == (1, 0)


async def test_every_reader_gets_the_note_of_the_end(stores: Stores) -> None:
    producer = Producer(stores.near)
    await producer.produce(2, 0.02)
    producer.log.end(note='{"output_tokens": 3}')
    for store in (stores.near, stores.far):
        pieces = [piece async for piece in store.follow(producer.id, 1)]
        assert pieces[-1] == ("end", 2, ('{"output_tokens": 3}',))
        assert [piece.kind for piece in pieces] == ["frames", "end"]


async def test_the_producer_knows_who_follows(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "MARK_S", 0.6)
    producer = Producer(stores.near)
    await producer.produce(2, 0.02)
    assert await producer.log.followed_at() == -inf
    reader = Reader(stores.far, producer)
    await until(lambda: producer.followed == 1)
    await asyncio.sleep(1)  # the mark is renewed
    now = monotonic()
    assert await producer.log.followed_at() >= now
    reader.task.cancel()
    await asyncio.sleep(1)
    assert await producer.log.followed_at() == -inf
    near = Reader(stores.near, producer)
    await until(lambda: near.kinds)
    near.task.cancel()
    await until(near.task.done)
    left_at = monotonic()
    await asyncio.sleep(0.1)
    assert now < await producer.log.followed_at() <= left_at


async def test_a_process_that_is_no_more(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its streams are gone when nobody has renewed them for a while; not while they are only silent."""
    monkeypatch.setattr(lane, "LEASE_S", 0.6)
    monkeypatch.setattr(redis, "LEASE_S", 0.6)
    monkeypatch.setattr(lane, "QUIET_S", 0.2)
    producer = Producer(stores.near, keep_s=0)
    reader = Reader(stores.far, producer)
    await producer.produce(3, 0.02)
    await asyncio.sleep(2)
    assert not reader.task.done()
    died = stores.near.lane(producer.id)
    for task in died._tasks.values():
        task.cancel()
    assert await reader.last() == "gone"
    assert reader.page == producer.page


async def test_a_process_that_shuts_down_says_so(stores: Stores) -> None:
    producer = Producer(stores.near)
    reader = Reader(stores.far, producer)
    await producer.produce(3, 0.02)
    await stores.near.aclose()
    assert await reader.last(0.9) == "gone"
    assert reader.page == producer.page


async def test_a_store_that_is_closed_tells_who_follows(stores: Stores) -> None:
    producer = Producer(stores.near)
    reader = Reader(stores.far, producer)
    await producer.produce(3, 0.02)
    await stores.far.aclose()
    assert await reader.last(0.9) == "gone"


# -- what it costs ------------------------------------------------------------------------------------


async def test_all_streams_leave_in_one_round_trip(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    trips: list[int] = []
    call = link.Link.call

    async def counted(self: link.Link, commands: Any, wait_s: float = 0.0) -> list[Any]:
        if any(command[0] == "XADD" and command[-2] == "f" for command in commands):
            trips.append(len(commands))
        return await call(self, commands, wait_s)

    monkeypatch.setattr(link.Link, "call", counted)
    producers = [Producer(stores.near) for _ in range(50)]
    readers = [Reader(stores.far, producer) for producer in producers]
    await asyncio.sleep(0.1)
    for _ in range(10):
        for producer in producers:
            producer.append()
        await asyncio.sleep(1 / 60)
    for reader in readers:
        await reader.until(10)
    assert len(trips) <= 10
    assert sum(trips) >= 500
    for producer in producers:
        await producer.produce(100)  # as fast as it can
    assert len(trips) < 100


async def test_keys_are_few_and_bounded_and_expire(shared: RedisServer) -> None:
    await ask(shared, "FLUSHALL")
    async with Stores(shared.url) as stores:
        producer = Producer(stores.near, keep_s=1)
        reader = Reader(stores.far, producer)
        most = 0
        for _ in range(20):
            await producer.produce(50, size=20)
            await reader.until(len(producer.frames))
            most = max(most, await ask(shared, "MEMORY", "USAGE", producer.log.key))
        assert most < 4 * LOG_BYTES  # é is two bytes, and an entry is more than its text
        keys = await ask(shared, "KEYS", "*")
        assert len(keys) <= 5  # the stream, its state, its mark, two lanes
        for key in keys:
            assert 0 < await ask(shared, "PTTL", key) <= lane.LEASE_S * 1000
        producer.log.end()
        assert await reader.last() == "end"
        for key in (producer.log.key, producer.log.key + ":state"):
            assert 0 < await ask(shared, "PTTL", key) <= redis.LEAST_KEPT_S * 1000
        await until(lambda: len(stores.near) == 0)


async def test_a_lane_with_nothing_to_do_lets_go(
    shared: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "LINGER_S", 0.3)
    monkeypatch.setattr(redis, "LEAST_KEPT_S", 0.1)
    before = len((await ask(shared, "CLIENT", "LIST")).splitlines())
    async with Stores(shared.url) as stores:
        for _ in range(2):
            producer = Producer(stores.near, keep_s=0)
            reader = Reader(stores.far, producer)
            await producer.produce(3, 0.02)
            assert len((await ask(shared, "CLIENT", "LIST")).splitlines()) > before
            producer.log.end()
            assert await reader.last() == "end"
            await asyncio.sleep(3)
            assert len((await ask(shared, "CLIENT", "LIST")).splitlines()) == before


# -- outages ------------------------------------------------------------------------------------------


def kill_and_start(server: RedisServer) -> None:
    server.kill()
    server.start()


async def away(server: RedisServer, seconds: float) -> None:
    server.kill()
    await asyncio.sleep(seconds)
    server.start()


async def frozen(server: RedisServer, seconds: float) -> None:
    server.freeze()
    await asyncio.sleep(seconds)
    server.thaw()


async def at_once(server: RedisServer, seconds: float) -> None:
    kill_and_start(server)


async def emptied(server: RedisServer, seconds: float) -> None:
    await ask(server, "FLUSHALL")


async def cut(server: RedisServer, seconds: float) -> None:
    await ask(server, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


OUTAGES = [away, frozen, at_once, emptied, cut]


@pytest.mark.parametrize("outage", OUTAGES)
async def test_nothing_is_lost_in_an_outage(
    server: RedisServer, outage: Callable[[RedisServer, float], Awaitable[None]]
) -> None:
    """Three in a row, with readers that were there before, join during them, and come afterwards."""
    async with Stores(server.url) as stores:
        producers = [Producer(stores.near) for _ in range(3)]
        readers = [(producer, Reader(stores.far, producer)) for producer in producers]
        work = [asyncio.ensure_future(producer.produce(1000, 0.004)) for producer in producers]
        for _ in range(3):
            await asyncio.sleep(0.3)
            during = asyncio.ensure_future(outage(server, 0.8))
            await asyncio.sleep(0.1)
            for producer in producers:
                readers.append((producer, Reader(stores.far, producer, len(producer.frames) // 2)))
            await during
        await asyncio.gather(*work)
        for producer in producers:
            producer.log.end()
        readers += [(producer, Reader(stores.far, producer)) for producer in producers]
        for producer, reader in readers:
            assert await reader.last() == "end"
            assert reader.page == producer.page


@pytest.mark.parametrize("outage", OUTAGES)
async def test_a_silent_stream_outlives_an_outage(
    server: RedisServer,
    outage: Callable[[RedisServer, float], Awaitable[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its producer sends nothing that could fail, and its readers do not take it for gone."""
    monkeypatch.setattr(lane, "QUIET_S", 0.2)
    async with Stores(server.url) as stores:
        producer = Producer(stores.near)
        reader = Reader(stores.far, producer)
        await producer.produce(5, 0.02)
        await outage(server, 1.5)
        await asyncio.sleep(2)
        late = Reader(stores.far, producer)
        await late.until(5)
        assert not reader.task.done()
        producer.append()
        producer.log.end()
        assert (await reader.last(), await late.last()) == ("end", "end")
        assert reader.page == late.page == producer.page


async def test_an_end_in_an_outage(server: RedisServer) -> None:
    """It is written when Redis is back; readers that waited for it have it."""
    async with Stores(server.url) as stores:
        producer = Producer(stores.near, keep_s=0)
        reader = Reader(stores.far, producer)
        await producer.produce(20, 0.01)
        server.kill()
        await producer.produce(20, 0.01)
        producer.log.end()
        await asyncio.sleep(0.5)
        server.start()
        assert await reader.last() == "end"
        assert reader.page == producer.page


async def test_a_long_outage_costs_the_log_and_no_more(server: RedisServer) -> None:
    async with Stores(server.url) as stores:
        producer = Producer(stores.near)
        reader = Reader(stores.far, producer)
        await producer.produce(20, 0.01)
        server.kill()
        await producer.produce(2000, size=100)
        frames = producer.log.frames.after(producer.log.frames.first - 1)
        assert sum(map(len, frames)) <= LOG_BYTES < len(producer.page)
        await asyncio.sleep(0.3)
        server.start()
        await producer.produce(20, 0.01)
        producer.log.end()
        assert await reader.last() == "end"
        assert reader.page == producer.page
        assert reader.kinds.count("snapshot") == 1


async def test_an_outage_is_told_once(server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "djust_stream")
    async with Stores(server.url) as stores:
        producer = Producer(stores.near)
        reader = Reader(stores.near, producer)
        for _ in range(2):
            await producer.produce(20, 0.01)
            server.kill()
            await producer.produce(100, 0.01)
            server.start()
            await asyncio.sleep(0.4)
        levels = [record.levelname for record in caplog.records]
        assert levels == ["ERROR", "WARNING"] * 2, caplog.text
        assert str(server.port) in caplog.text or "closed" in caplog.text
        producer.log.end()
        assert await reader.last() == "end"  # in memory, and never held up
        assert reader.kinds.count("frames") > 200


async def test_stop_waits_for_redis(server: RedisServer) -> None:
    async with Stores(server.url) as stores:
        producer = Producer(stores.near)
        await producer.produce(5, 0.02)
        server.kill()
        stopping = asyncio.ensure_future(stores.far.stop(producer.id))
        await asyncio.sleep(0.3)
        now = monotonic()
        assert await producer.log.followed_at() >= now  # nobody can say no
        server.start()
        await stopping
        if not stopping.result():  # it came back empty, and was asked before the stream was written again
            await asyncio.sleep(0.3)
            assert await stores.far.stop(producer.id)
        await until(lambda: producer.stopped >= 1)
        server.kill()
        assert not await stores.far.stop(producer.id)


async def test_a_refusal_is_an_outage(server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    """Out of memory: the server is there, and as good as not."""
    async with Stores(server.url) as stores:
        producer = Producer(stores.near)
        reader = Reader(stores.far, producer)
        await producer.produce(20, 0.01)
        await ask(server, "CONFIG", "SET", "maxmemory", "1")
        await producer.produce(50, 0.01)
        await ask(server, "CONFIG", "SET", "maxmemory", "0")
        producer.log.end()
        assert await reader.last() == "end"
        assert reader.page == producer.page
    assert "command not allowed when used memory" in caplog.text


async def test_a_snapshot_that_cannot_be_made_costs_that_stream(
    stores: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    def fails() -> tuple[int, str]:
        raise MemoryError("no room")

    bad, good = Producer(stores.near), Producer(stores.near)
    bad.log._snapshot = fails
    reader = Reader(stores.far, good)
    await asyncio.gather(bad.produce(100, 0.002, 100), good.produce(100, 0.002, 100))
    good.log.end()
    assert await reader.last() == "end"
    assert "no room" in caplog.text
