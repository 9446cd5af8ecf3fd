"""A TCP proxy that breaks connections, for tests.

with Proxy(server.port) as proxy:
    ...                       # connect to proxy.port
    proxy.cut()               # every connection is reset, both ways
    proxy.freeze(True)        # nothing passes, and nobody is told: half-open
    proxy.refuse(True)        # new connections are reset at once
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Proxy:
    """One listener on a free port; runs in a thread of its own."""

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.port = 0
        self.accepted = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._old: set[asyncio.StreamWriter] = set()  # of frozen connections: they stay so
        self._refuses = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=[self._run()])
        self._ready = threading.Event()

    def __enter__(self) -> Proxy:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *exc: object) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """Reset every connection."""
        self._do(lambda: [_reset(writer) for writer in list(self._writers)])

    def freeze(self) -> None:
        """What is connected now passes nothing any more; new connections do."""
        self._do(lambda: self._old.update(self._writers))

    def refuse(self, refuses: bool) -> None:
        """Let nobody in."""
        self._do(lambda: setattr(self, "_refuses", refuses))

    def _do(self, act: Callable[[], object]) -> None:
        done = threading.Event()
        self._loop.call_soon_threadsafe(lambda: (act(), done.set()))
        assert done.wait(10)

    async def _run(self) -> None:
        self._stopped = asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stopped.wait()
        server.close()
        for writer in list(self._writers):
            _reset(writer)
        await asyncio.sleep(0.05)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        if self._refuses:
            _reset(writer)
            return
        there, back = await asyncio.open_connection("127.0.0.1", self.target_port)
        self._writers |= {writer, back}
        with suppress(OSError, asyncio.CancelledError):
            await asyncio.gather(self._pass(reader, back), self._pass(there, writer))
        for end in (writer, back):
            self._writers.discard(end)
            end.close()

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            if target not in self._old:
                target.write(data)
                await target.drain()
        if target not in self._old:
            target.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()
