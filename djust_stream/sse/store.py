"""A store in this process's memory, for readers in any thread and event loop; stores/__init__.py has the law.

Under WSGI every stream has an event loop in a thread of its own, and a reader that comes back another one.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Literal, NamedTuple


class Piece(NamedTuple):
    """Something for a reader: see the law."""

    kind: Literal["frames", "end", "gone"]
    seq: int
    texts: list[str]


class Log:
    """The newest frames of one stream."""

    def __init__(self, limit_bytes: int, keep_s: float, forget: Callable[[], None]) -> None:
        self.on_stop: Callable[[], None] | None = None
        self.ended = False
        self.seq = 0
        self._loop = asyncio.get_running_loop()
        self._limit = limit_bytes
        self._keep_s = keep_s
        self._forget = forget
        self._frames: deque[str] = deque()
        self._bytes = 0
        self._lock = threading.Lock()
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self._readers = 0

    def append(self, seq: int, frame: str) -> None:
        with self._lock:
            self._frames.append(frame)
            self.seq = seq
            self._bytes += len(frame)
            while self._bytes > self._limit and len(self._frames) > 1:
                self._bytes -= len(self._frames.popleft())
        self._wake()

    def end(self, *, keep: bool = True) -> None:
        self.ended = True
        self._wake()
        if keep and self._keep_s:
            timer = threading.Timer(self._keep_s, self._forget)
            timer.daemon = True
            timer.start()
        else:
            self._forget()

    async def is_followed(self) -> bool:
        return self._readers > 0

    def stop(self) -> bool:
        if self.ended:
            return False
        if self.on_stop is not None:
            self._loop.call_soon_threadsafe(self.on_stop)
        return True

    async def follow(self, seq: int) -> AsyncIterator[Piece]:
        mine = (asyncio.get_running_loop(), asyncio.Event())
        self._readers += 1
        try:
            while True:
                mine[1].clear()
                with self._lock:
                    first = self.seq - len(self._frames)
                    texts = list(self._frames)[max(0, seq - first) :]
                    last, ended = self.seq, self.ended
                    self._waiting.add(mine)
                if not first <= seq <= last:
                    yield Piece("gone", seq, [])
                    return
                if texts:
                    seq = last
                    yield Piece("frames", seq, texts)
                elif ended:
                    yield Piece("end", seq, [])
                    return
                else:
                    await mine[1].wait()
        finally:
            self._readers -= 1
            self._waiting.discard(mine)

    def _wake(self) -> None:
        with self._lock:
            waiting = list(self._waiting)
        for loop, event in waiting:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)


class Store:
    """The logs of this process."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._logs: dict[str, Log] = {}

    def open(self, stream_id: str, keep_s: float) -> Log:
        log = self._logs[stream_id] = Log(self._limit, keep_s, lambda: self._logs.pop(stream_id, None))
        return log

    async def follow(self, stream_id: str, seq: int) -> AsyncIterator[Piece]:
        log = self._logs.get(stream_id)
        if log is None:
            yield Piece("gone", seq, [])
            return
        pieces = log.follow(seq)
        try:
            async for piece in pieces:
                yield piece
        finally:
            await pieces.aclose()  # type: ignore[attr-defined]

    async def stop(self, stream_id: str) -> bool:
        log = self._logs.get(stream_id)
        return log is not None and log.stop()
