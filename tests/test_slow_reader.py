"""A reader that stops reading: bounded memory, and an end; uvicorn and daphne, with a raw socket."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sinks import MemorySink

sys.path.insert(0, str(Path(__file__).parent / "django"))
from server import Received, Server

from djust_stream import counts, ops, stats
from djust_stream.limits import Limits
from djust_stream.reader import Reader
from djust_stream.sinks.transport import is_unlimited, transport_of, unsent_bytes
from djust_stream.stream import Stream
from djust_stream.streams import Streams

TIMEOUT_S = 1.5
#: What one connection may cost, with a producer at full speed.
BOUND_BYTES = 24 << 20

SERVERS = {
    "uvloop": ("uvicorn", {"UVICORN_LOOP": "uvloop"}),
    "asyncio": ("uvicorn", {"UVICORN_LOOP": "asyncio"}),
    "websockets": ("uvicorn", {"UVICORN_WS": "websockets"}),
    "daphne": ("daphne", {}),
}


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    kind, environment = SERVERS[request.param]
    with Server(kind, SLOW_READER_TIMEOUT_S=str(TIMEOUT_S), **environment) as server:
        yield server


class Raw:
    """A WebSocket by hand, which reads when it is told to."""

    def __init__(self, server: Server, path: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", server.port), 10)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
        key = base64.b64encode(os.urandom(16)).decode()
        self._socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._socket.recv(4096)
        assert b" 101 " in answer

    def send(self, message: object) -> None:
        payload = json.dumps(message).encode()
        assert len(payload) < 126
        self._socket.sendall(bytes([0x81, 0x80 | len(payload), 0, 0, 0, 0]) + payload)

    def read(self, size: int) -> bytes:
        return self._socket.recv(size)

    def close(self) -> None:
        self._socket.close()


def resident_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024  # type: ignore[index]


async def progress(other: Any, name: str) -> str:
    await other.send(json.dumps({"do": "how", "name": name}))
    return str(json.loads(await asyncio.wait_for(other.recv(), 10))["how"])


async def until(condition: Any, timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not await condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def test_a_reader_that_stops_costs_little_and_is_given_up(server: Server) -> None:
    """512 MB at full speed towards a reader that reads nothing: the producer waits, then is cancelled."""
    before = resident_bytes(server.pid)
    reader = Raw(server, "/ws/plain/")
    reader.send({"do": "flood", "name": f"flood {server.port}", "megabytes": 512})
    most = 0
    async with server.connect("/ws/plain/") as other:

        async def cancelled() -> bool:
            nonlocal most
            most = max(most, resident_bytes(server.pid) - before)
            return await progress(other, f"flood {server.port}") == "cancelled"

        await until(cancelled)
        assert most < BOUND_BYTES
        # The others go on.
        await other.send(json.dumps({"do": "produce", "streams": 2, "tokens": 100, "gap_s": 0}))
        received = await Received().until_ended(other, 2)
        received.assert_whole("s0", 100)
    assert server.output().count("SLOW_READER_TIMEOUT_S") == 1
    # The connection is closed for good: what is left in the network's buffers can be read, then it ends.
    read = 0
    with pytest.raises(ConnectionResetError) if sys.platform == "linux" else pytest.raises(OSError):
        while data := reader.read(1 << 20):
            read += len(data)
        raise ConnectionResetError
    assert read < BOUND_BYTES
    reader.close()


async def test_a_reader_that_is_slow_gets_everything(server: Server) -> None:
    """It takes a little now and then, longer than the timeout in all: it is not given up."""
    reader = Raw(server, "/ws/plain/")
    size = 24 << 20
    reader.send({"do": "flood", "name": f"slow {server.port}", "megabytes": size >> 20})
    begin = time.monotonic()
    read, content = 0, b""
    while b'"op":"done"' not in content[-200:]:
        if read < size // 2 and time.monotonic() - begin < TIMEOUT_S * 2:
            await asyncio.sleep(TIMEOUT_S / 10)
        data = reader.read(1 << 20)
        assert data, "the connection was closed"
        read += data.count(b"x")
        content = content[-200:] + data
    assert time.monotonic() - begin > TIMEOUT_S
    assert size <= read < size * 1.01
    reader.close()


# -- in one process -----------------------------------------------------------------------------


async def test_a_reader_is_given_up_once(caplog: pytest.LogCaptureFixture) -> None:
    sink = MemorySink()
    sink.gate = asyncio.Event()
    reader = Reader(sink, slow_timeout_s=0.1)
    streams = Streams(reader, Limits(interval_s=0.002, max_pending_bytes=1000))
    reader.on_close = streams.drop
    before = stats()
    one, two = streams.open("one"), streams.open("two")
    producers = [asyncio.ensure_future(flood(stream)) for stream in (one, two)]
    await asyncio.wait_for(asyncio.gather(*producers), 5)
    assert sink.aborted
    assert reader.closed
    assert not reader.busy
    assert one.pending_bytes == two.pending_bytes == 0
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    after = stats()
    assert after.dropped_readers - before.dropped_readers == 1
    assert after.waits > before.waits
    assert after.streams == before.streams


async def flood(stream: Stream) -> None:
    while not stream.reader.closed:
        await stream.push(ops.TEXT, "x" * 100)


async def test_a_reader_that_takes_bytes_is_not_given_up() -> None:
    """One frame for longer than the timeout, and what is left of it in the server gets less."""
    sink = MemorySink()
    sink.gate = asyncio.Event()
    sink.unsent_bytes = 1000
    reader = Reader(sink, slow_timeout_s=0.1)
    stream = Stream("s", reader, Limits(interval_s=0.002))
    await stream.push(ops.TEXT, "a")
    for _ in range(15):
        await asyncio.sleep(0.02)
        sink.unsent_bytes -= 10
    assert not reader.closed
    sink.gate.set()
    await stream.end(ops.DONE)
    assert sink.text("s") == "a"
    assert not sink.aborted


async def test_a_free_reader_has_no_timer() -> None:
    sink = MemorySink(delay_s=0.001)
    stream = Stream("s", Reader(sink, slow_timeout_s=0.05), Limits(interval_s=0.002))
    for _ in range(20):
        await stream.push(ops.TEXT, "a")
        await asyncio.sleep(0.01)
    assert not stream.reader.closed
    await stream.end(ops.DONE)
    await asyncio.sleep(0.01)
    assert stream.reader._timer is None


# -- the transport beneath a send ---------------------------------------------------------------


class Protocol:
    __module__ = "daphne.somewhere"

    def __init__(self, transport: object) -> None:
        self.transport = transport

    async def send(self, message: object) -> None: ...


class Twisted:
    dataBuffer = b"12345"
    offset = 2
    _tempDataLen = 10

    def abortConnection(self) -> None: ...


class Wrapper:
    def __init__(self, send: object) -> None:
        self.real_send = send

    async def send(self, message: object) -> None: ...


def test_the_transport_is_found_beneath_what_wraps_a_send() -> None:
    transport = Twisted()
    protocol = Protocol(transport)
    handle = partial(lambda protocol, message: None, protocol)

    def middleware(send: Any) -> Any:
        async def wrapped(message: object) -> None:
            await send(message)

        return wrapped

    for send in (protocol.send, handle, Wrapper(handle).send, middleware(Wrapper(middleware(handle)).send)):
        assert transport_of(send) is transport
    assert unsent_bytes(transport) == 13
    assert is_unlimited(transport)
    tls = Twisted()
    tls.transport = transport  # type: ignore[attr-defined]
    tls._appSendBuffer = [b"123", b"4"]  # type: ignore[attr-defined]
    assert unsent_bytes(tls) == 13 + 13 + 4


def test_what_is_no_server_is_left_alone() -> None:
    class Elsewhere(Protocol):
        __module__ = "redis.client"

    loop: list[Any] = []
    loop.append(partial(print, loop))
    for send in (None, 5, print, Elsewhere(Twisted()).send, partial(print, Elsewhere(Twisted())), loop[0]):
        assert transport_of(send) is None
    assert not is_unlimited(None)


# -- stats --------------------------------------------------------------------------------------


async def test_stats_count_what_happened() -> None:
    before = stats()
    sink = MemorySink()
    stream = Stream("s", Reader(sink), Limits(interval_s=0.005))
    assert stats().streams == before.streams + 1
    await stream.push(ops.START)
    for _ in range(50):
        await stream.push(ops.TEXT, "é")
    time.sleep(0.02)  # noqa: ASYNC251  (a loop that is busy)
    await asyncio.sleep(0.02)
    await stream.end(ops.DONE)
    after = stats()
    assert after.frames - before.frames == len(sink.messages)
    assert after.bytes - before.bytes == sum(len(message.encode()) for message in sink.messages)
    assert after.merged_ops - before.merged_ops == 52 - len(sink.ops("s"))
    assert after.streams_opened - before.streams_opened == 1
    assert after.streams == before.streams
    assert after.late_ticks > before.late_ticks


@pytest.fixture
def ended() -> Iterator[list[counts.Ended]]:
    found: list[counts.Ended] = []
    hooks = [found.append]
    counts.on_end.extend(hooks)
    yield found
    for hook in hooks:
        counts.on_end.remove(hook)


async def test_each_stream_tells_its_end_once(ended: list[counts.Ended]) -> None:
    sink = MemorySink()
    streams = Streams(Reader(sink), Limits(interval_s=0.005))
    streams.reader.on_close = streams.drop
    one, two, three = (streams.open(name) for name in ("one", "two", "three"))
    await one.push(ops.START)
    await asyncio.sleep(0.02)
    for _ in range(9):
        await one.push(ops.TEXT, "x")
    await one.push_markdown("y")
    await streams.end(one, ops.DONE)
    await two.push(ops.START)
    await streams.end(two, ops.ERROR, "e")
    streams.reader.close()
    assert [(end.name, end.ended, end.tokens) for end in ended] == [
        ("one", "done", 10), ("two", "error", 0), ("three", "gone", 0)
    ]  # fmt: skip
    first_s = ended[0].first_chunk_s
    assert first_s is not None
    assert 0.015 < first_s <= ended[0].seconds
    assert ended[0].tokens_per_s > 0
    assert ended[1].first_chunk_s is None
    assert three.ended is None


async def test_a_hook_that_fails_costs_no_stream(
    ended: list[counts.Ended], caplog: pytest.LogCaptureFixture
) -> None:
    def bad(end: counts.Ended) -> None:
        raise RuntimeError("hook")

    counts.on_end.insert(0, bad)
    try:
        sink = MemorySink()
        stream = Stream("s", Reader(sink), Limits(interval_s=0.005))
        await stream.push(ops.TEXT, "a")
        await stream.end(ops.DONE)
    finally:
        counts.on_end.remove(bad)
    assert sink.ops("s")[-1]["op"] == "done"
    assert len(ended) == 1
    assert "hook" in caplog.text


async def test_prometheus() -> None:
    client = pytest.importorskip("prometheus_client")
    from djust_stream import prometheus

    registry = client.CollectorRegistry()
    hooks = list(counts.on_end)
    prometheus.install(registry)
    try:
        stream = Stream("s", Reader(MemorySink()), Limits(interval_s=0.005))
        await stream.push(ops.TEXT, "a")
        await stream.end(ops.DONE)
    finally:
        counts.on_end[:] = hooks
    assert registry.get_sample_value("djust_stream_first_chunk_seconds_count", {"ended": "done"}) == 1
    assert registry.get_sample_value("djust_stream_tokens_per_second_count", {"ended": "done"}) == 1
    assert registry.get_sample_value("djust_stream_frames_total") == stats().frames
    assert registry.get_sample_value("djust_stream_streams") == stats().streams
    assert "djust_stream_dropped_readers_total" in client.generate_latest(registry).decode()


async def test_telemetry() -> None:
    pytest.importorskip("opentelemetry.sdk.metrics")
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    from djust_stream import telemetry

    reader = InMemoryMetricReader()
    hooks = list(counts.on_end)
    telemetry.install(MeterProvider([reader]))
    try:
        stream = Stream("s", Reader(MemorySink()), Limits(interval_s=0.005))
        await stream.push(ops.TEXT, "a")
        await stream.end(ops.DONE)
    finally:
        counts.on_end[:] = hooks
    data = reader.get_metrics_data()
    metrics = {
        metric.name: metric.data.data_points[0]
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    assert metrics["djust_stream.frames"].value == stats().frames
    assert metrics["djust_stream.first_chunk"].count == 1
    assert metrics["djust_stream.tokens_per_second"].attributes == {"ended": "done"}


def test_without_the_extras_nothing_is_imported() -> None:
    code = (
        "import sys, djust_stream, djust_stream.mixin; djust_stream.stats(); "
        "sys.exit(any(name.startswith(('prometheus', 'opentelemetry')) for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_collector_can_be_tuned() -> None:
    code = (
        "import gc; from djust_stream import tune_gc; tune_gc(); "
        "assert gc.get_threshold()[0] == 50_000; assert gc.get_freeze_count() > 1000"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
