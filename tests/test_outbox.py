"""What a tick writes: in order, together, and byte for byte what the server's own send would write."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from hypothesis import given
from hypothesis import strategies as st
from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from djust_stream import ops
from djust_stream._core import FINISHED
from djust_stream.limits import Limits
from djust_stream.outbox import hold, release, write
from djust_stream.reader import Reader
from djust_stream.sinks.channels import ChannelsSink
from djust_stream.stream import Stream


class Transport:
    """Keeps what is written."""

    def __init__(self, log: list[tuple[Any, bytes]] | None = None, fails: bool = False) -> None:
        self.log: list[tuple[Any, bytes]] = [] if log is None else log
        self.fails = fails
        self.closing = False

    @property
    def written(self) -> bytes:
        return b"".join(data for transport, data in self.log if transport is self)

    def write(self, data: bytes) -> None:
        if self.fails:
            raise RuntimeError("the handler is closed")
        self.log.append((self, data))

    def close(self) -> None:
        self.closing = True

    def is_closing(self) -> bool:
        return self.closing

    def get_write_buffer_size(self) -> int:
        return 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


UPGRADE = (
    b"GET /ws/ HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
)


class Consumer(AsyncJsonWebsocketConsumer):  # type: ignore[misc]
    def __init__(self, send: Any) -> None:
        super().__init__()
        self.base_send = send


async def connected(deflate: bool) -> WebSocketsSansIOProtocol:
    """uvicorn's protocol after a handshake; what it wrote so far is forgotten."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        await asyncio.Event().wait()

    config = Config(application, interface="asgi3", ws_per_message_deflate=deflate, ws_ping_interval=None)
    config.load()
    protocol = WebSocketsSansIOProtocol(config, ServerState(), {}, asyncio.get_running_loop())
    protocol.connection_made(Transport())  # type: ignore[arg-type]
    protocol.data_received(UPGRADE)
    while not protocol.handshake_complete:  # noqa: ASYNC110
        await asyncio.sleep(0)
    assert bool(protocol.conn.extensions) == deflate
    protocol.transport.log.clear()  # type: ignore[attr-defined]
    return protocol


async def gone(*protocols: WebSocketsSansIOProtocol) -> None:
    for protocol in protocols:
        for task in list(protocol.tasks):
            task.cancel()
    await asyncio.sleep(0)


TEXTS = st.lists(
    st.one_of(
        st.text(max_size=40),
        st.sampled_from(["x" * 125, "x" * 126, "ü" * 40_000, "😀" * 63, "x" * 65_535, "x" * 65_536]),
    )
)


@pytest.mark.parametrize("deflate", [False, True])
@given(texts=TEXTS)
def test_the_bytes_are_the_servers(deflate: bool, texts: list[str]) -> None:
    async def main() -> None:
        ours, theirs = await connected(deflate), await connected(deflate)
        sink = ChannelsSink(Consumer(ours.send))
        for text in texts:
            given = sink.send(text)
            if text is not texts[0]:
                assert given is FINISHED
            await given
            await theirs.send({"type": "websocket.send", "text": text})
        assert ours.transport.written == theirs.transport.written  # type: ignore[attr-defined]
        await gone(ours, theirs)

    asyncio.run(main())


async def test_a_server_that_cannot_write_now_is_asked_to_wait() -> None:
    protocol = await connected(False)
    sink = ChannelsSink(Consumer(protocol.send))
    await sink.send("first")
    protocol.pause_writing()
    waiting = asyncio.ensure_future(sink.send("second"))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    protocol.resume_writing()
    await waiting
    assert protocol.transport.written.endswith(b"second")  # type: ignore[attr-defined]
    await gone(protocol)


@pytest.mark.parametrize("how", ["closed by the application", "closed by the page", "lost"])
async def test_a_connection_that_is_gone_says_so_as_the_server_does(how: str) -> None:
    protocol = await connected(False)
    sink = ChannelsSink(Consumer(protocol.send))
    await sink.send("first")
    if how == "lost":
        protocol.connection_lost(None)
    elif how == "closed by the page":
        protocol.data_received(b"\x88\x82\0\0\0\0\x03\xe8")
    else:
        await protocol.send({"type": "websocket.close"})
    before = protocol.transport.written  # type: ignore[attr-defined]
    with pytest.raises((OSError, RuntimeError)):
        await sink.send("second")
    assert protocol.transport.written == before  # type: ignore[attr-defined]
    if protocol.close_timer is not None:
        protocol.close_timer.cancel()
    await gone(protocol)


async def test_what_lies_between_is_not_passed_by() -> None:
    """A middleware's send sees every message."""
    protocol = await connected(False)
    seen = []

    async def send(message: dict[str, Any]) -> None:
        seen.append(message["text"])
        await protocol.send(message)  # type: ignore[arg-type]

    sink = ChannelsSink(Consumer(send))
    await sink.send("first")
    await sink.send("second")
    assert seen == ["first", "second"]
    await gone(protocol)


async def test_a_tick_writes_its_frames_together(caplog: pytest.LogCaptureFixture) -> None:
    """All streams' frames are made before the first is written; one that fails costs no other."""
    log: list[tuple[Any, bytes]] = []
    protocols = [await connected(False) for _ in range(5)]
    for number, protocol in enumerate(protocols):  # and no turn of the loop in between
        protocol.transport = Transport(log)  # type: ignore[assignment]
        stream = Stream("s", Reader(ChannelsSink(Consumer(protocol.send))), Limits(interval_s=0.01))
        stream.push(ops.TEXT, f"first {number}")
        stream.push(ops.TEXT, f"second {number}")
    assert len(log) == 5
    protocols[2].transport.fails = True  # type: ignore[attr-defined]
    with caplog.at_level("INFO", "djust_stream"):
        while len(log) < 9:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    assert [transport for transport, _ in log[5:]] == [protocols[at].transport for at in (0, 1, 3, 4)]
    assert all(f"second {at}".encode() in data for at, (_, data) in zip((0, 1, 3, 4), log[5:], strict=True))
    assert "gone with a frame" in caplog.text
    await gone(*protocols)


def test_threads_do_not_hold_each_other() -> None:
    transport = Transport()
    hold()
    write(transport, b"held")
    other = threading.Thread(target=write, args=(transport, b"at once"))
    other.start()
    other.join()
    assert transport.written == b"at once"
    release()
    assert transport.written == b"at onceheld"
    write(transport, b".")
    assert transport.written == b"at onceheld."
