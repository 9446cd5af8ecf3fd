"""Two uvicorn processes behind one port, over Redis: a stream is where its readers are not."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import websockets
from readers import ResumingPage
from redis_server import RedisServer, free_port

sys.path.insert(0, str(Path(__file__).parent / "django"))
from server import Server


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with RedisServer() as redis:
        yield redis


@pytest.fixture(scope="module")
def servers(redis: RedisServer) -> Iterator[tuple[Server, Server]]:
    port = free_port()
    with Server("shared", port, STORE=redis.url) as one, Server("shared", port, STORE=redis.url) as two:
        yield one, two


@asynccontextmanager
async def page_of(server: Server) -> AsyncIterator[Any]:
    """A page's connection that the kernel has given to that process."""
    deadline = time.monotonic() + 20
    while True:
        async with websockets.connect(f"ws://127.0.0.1:{server.port}/ws/plain/") as socket:
            await socket.send('{"do": "pid"}')
            if json.loads(await socket.recv())["pid"] == server.pid:
                await socket.send('{"type": "stream.hello", "form": "compact", "resume": true}')
                assert json.loads(await socket.recv())["resume"] is True
                yield socket
                return
        assert time.monotonic() < deadline, "that process gets no connection"


async def read(socket: Any, page: ResumingPage, until_seq: float = float("inf")) -> ResumingPage:
    while not page.ended and not page.gone and page.seq < until_seq:
        page.receive(await asyncio.wait_for(socket.recv(), 20))
    return page


async def resume(socket: Any, page: ResumingPage, name: str) -> None:
    message = {"type": "stream.resume", "stream": name, "e": page.epoch, "token": page.token, "seq": page.seq}
    await socket.send(json.dumps(message))


def whole(name: str, tokens: int) -> str:
    return "".join(f"{name}.{number} " for number in range(tokens))


async def test_readers_and_stop_in_another_process(servers: tuple[Server, Server]) -> None:
    near, far = servers
    assert near.port == far.port
    async with page_of(near) as first, page_of(far) as second:
        await first.send(json.dumps({"do": "answer", "name": "s", "gap_s": 0.002}))
        page = await read(first, ResumingPage(), 10)
        other = ResumingPage()
        other.token = page.token
        await resume(second, other, "s")
        await read(second, other, 50)
        await second.send(json.dumps({"type": "stream.stop", "stream": "s", "token": other.token}))
        await asyncio.gather(read(first, page), read(second, other))
    assert page.ended == other.ended == ["done", "stopped"]
    assert page.html == other.html
    assert whole("s", 1000).startswith(page.html)
    assert len(page.html) > 50
    assert (page.gaps, other.gaps, other.twice) == (0, 0, 0)


async def test_a_page_goes_from_process_to_process(servers: tuple[Server, Server]) -> None:
    page = ResumingPage()
    async with page_of(servers[0]) as socket:
        await socket.send(json.dumps({"do": "answer", "name": "r", "tokens": 300}))
        await read(socket, page, 10)
        socket.transport.abort()
    for number in range(1, 8):
        async with page_of(servers[number % 2]) as socket:
            await resume(socket, page, "r")
            await read(socket, page, page.seq + 10)
            socket.transport.abort()
    async with page_of(servers[1]) as socket:
        await resume(socket, page, "r")
        await read(socket, page)
    assert page.html == whole("r", 300)
    assert (page.gaps, page.twice, page.ended) == (0, 0, ["done"])


async def test_a_process_that_is_killed(redis: RedisServer) -> None:
    """Its readers go to the other one; what it produced is theirs as far as it came."""
    port = free_port()
    with Server("shared", port, STORE=redis.url) as near, Server("shared", port, STORE=redis.url) as far:
        page, cut_off = ResumingPage(), ResumingPage()
        async with page_of(near) as kept, page_of(far) as reader, page_of(far) as doomed:
            await kept.send(json.dumps({"do": "answer", "name": "k", "tokens": 400}))
            await doomed.send(json.dumps({"do": "answer", "name": "d", "tokens": 400}))
            await asyncio.gather(read(kept, page, 10), read(doomed, cut_off, 10))
            await resume(reader, page, "k")
            await read(reader, page, 30)
            far.kill()
        late = ResumingPage()
        late.token = cut_off.token
        async with page_of(near) as kept, page_of(near) as other:
            await resume(kept, page, "k")
            await resume(other, late, "d")
            await asyncio.gather(read(kept, page), read(other, late, cut_off.seq))
        assert page.html == whole("k", 400)
        assert (page.gaps, page.ended) == (0, ["done"])
        assert late.html.startswith(cut_off.html)
        assert whole("d", 400).startswith(late.html)
        assert (late.gaps, late.ended) == (0, None)
