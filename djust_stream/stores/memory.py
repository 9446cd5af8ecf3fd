"""MemoryStore: the logs of this process's streams, in its memory. Nothing to install.

    store = MemoryStore(log_bytes=64 << 10)

The law is the store's (stores/__init__.py). A log holds its newest frame and ``log_bytes`` of those before;
who is further back gets the stream's own snapshot, made when it is asked for and not before. So a stream with
nobody behind pays one copy of each frame to where the last one ends; one that nobody can come back to, none.

Streams and those who follow them may live in different event loops (threads): the frames have a lock of their
own, and a snapshot is made in the stream's loop, which alone knows what it stands for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import suppress
from heapq import heappop, heappush
from itertools import count
from math import inf
from threading import Lock
from time import monotonic

from .._core import FrameLog
from . import Piece, Snapshot

#: Of more frames the snapshot is shorter, and sooner shown, for a reader that has none of them.
_FEW = 20


class MemoryStore:
    """The store of one process."""

    def __init__(self, log_bytes: int = 64 << 10) -> None:
        """log_bytes: what the newest frames of one stream may take."""
        self.log_bytes = log_bytes
        self._logs: dict[str, MemoryLog] = {}
        self._ended: list[tuple[float, int, MemoryLog]] = []  # a heap: when to forget which
        self._count = count()
        self._lock = Lock()  # of the heap

    def open(self, stream_id: str, name: str, snapshot: Snapshot, *, keep_s: float) -> MemoryLog:
        """Begin a log; see Store."""
        self._sweep()
        log = self._logs[stream_id] = MemoryLog(self, stream_id, snapshot, keep_s)
        return log

    async def follow(self, stream_id: str, seq: int) -> AsyncIterator[Piece]:
        """What comes after frame seq; see Store."""
        log = self._logs.get(stream_id)
        if log is None or not 0 <= seq <= log.seq:
            yield Piece("gone", seq)
            return
        with _Follower(log) as follower:
            while True:
                frames, last = log.frames, log.seq
                behind = seq < last and not frames.first <= seq + 1 <= last <= frames.last
                made = None
                if behind or (seq == 0 and last > _FEW):
                    made = await log.snapshot()
                if made is not None:
                    seq, text = made
                    yield Piece("snapshot", seq, (text,))
                elif behind:
                    yield Piece("gone", seq)
                    return
                elif seq < last:
                    texts = frames.after(seq)
                    if texts is not None:  # else it has just fallen behind
                        seq += len(texts)
                        yield Piece("frames", seq, texts)
                elif log.ended:
                    yield Piece("end", seq, (log.note,) if log.note else ())
                    return
                elif log.forgotten:
                    yield Piece("gone", seq)
                    return
                else:
                    await follower.wait(seq)

    async def stop(self, stream_id: str) -> bool:
        """Ask the producer to stop; see Store."""
        log = self._logs.get(stream_id)
        if log is None or log.ended or log.forgotten or log.on_stop is None:
            return False
        log.call(log.on_stop)
        return True

    async def aclose(self) -> None:
        """Forget every stream."""
        for log in list(self._logs.values()):
            log.call(log.forget)

    def keep(self, log: MemoryLog, seconds: float) -> None:
        """The log's call: it has ended. In a running event loop."""
        with self._lock:
            heappush(self._ended, (monotonic() + seconds, next(self._count), log))
        asyncio.get_running_loop().call_later(seconds, self._sweep)

    def _sweep(self) -> None:
        """Forget what has ended long enough ago; also when a log begins, for a loop may close before its
        timer."""
        now, over = monotonic(), []
        with self._lock:
            while self._ended and self._ended[0][0] <= now:
                over.append(heappop(self._ended)[2])
        for log in over:
            log.forget()

    def forget(self, stream_id: str) -> None:
        """The log's call when its time is over."""
        self._logs.pop(stream_id, None)


class MemoryLog:
    """The newest frames of one stream."""

    __slots__ = (
        "_followers",
        "_id",
        "_keep_s",
        "_left_at",
        "_lock",
        "_loop",
        "_snapshot",
        "_store",
        "ended",
        "forgotten",
        "frames",
        "note",
        "on_follow",
        "on_stop",
        "seq",
    )

    def __init__(self, store: MemoryStore, stream_id: str, snapshot: Snapshot, keep_s: float) -> None:
        self._store = store
        self._id = stream_id
        self._snapshot = snapshot
        self._keep_s = keep_s
        self._loop = asyncio.get_running_loop()
        self._followers: list[_Follower] = []  # replaced, never changed
        self._lock = Lock()  # of those who replace it
        self._left_at = -inf
        self.frames = FrameLog(store.log_bytes)
        self.seq = 0
        self.ended = False
        self.note = ""
        self.forgotten = False
        self.on_stop: Callable[[], None] | None = None
        self.on_follow: Callable[[], None] | None = None

    # -- the producer's side -----------------------------------------------------------------------

    def append(self, seq: int, frame: str, handed: bool = True) -> None:
        """Keep frame seq; see Log."""
        if handed or self._followers:
            self.frames.append(seq, frame)
        self.seq = seq
        if self._followers:
            self._wake()

    def end(self, *, keep: bool = True, note: str = "") -> None:
        """The last frame is in; see Log."""
        if keep:
            self.note = note
            self.ended = True
            self._store.keep(self, self._keep_s)
            self._wake()
        else:
            self.forget()

    async def followed_at(self) -> float:
        """When somebody followed the stream last; see Log."""
        return monotonic() if self._followers else self._left_at

    # -- the store's and the followers' side ---------------------------------------------------------

    def forget(self) -> None:
        """Nobody finds the stream any more."""
        self.forgotten = True
        self._store.forget(self._id)
        self._snapshot = _nothing
        self.on_stop = self.on_follow = None
        self._wake()

    def call(self, function: Callable[[], None]) -> None:
        """Call it in the stream's loop: now from there, else soon."""
        if self._loop is asyncio._get_running_loop():
            function()
        else:
            with suppress(RuntimeError):  # it is closed: nothing runs there any more
                self._loop.call_soon_threadsafe(function)

    async def snapshot(self) -> tuple[int, str] | None:
        """The stream's snapshot as it is now, made in its own loop; None: there is none, or no loop any
        more."""
        if self._loop is asyncio._get_running_loop():
            return self._snapshot()
        made: Future[tuple[int, str] | None] = Future()

        def make() -> None:
            made.set_result(self._snapshot())

        try:
            self._loop.call_soon_threadsafe(make)
        except RuntimeError:
            return None
        return await asyncio.wrap_future(made)

    def add(self, follower: _Follower) -> None:
        """Somebody follows from now on."""
        with self._lock:
            self._followers = [*self._followers, follower]
        if self.on_follow is not None:
            self.call(self.on_follow)

    def discard(self, follower: _Follower) -> None:
        """And no longer."""
        with self._lock:
            self._followers = [other for other in self._followers if other is not follower]
            self._left_at = monotonic()

    def _wake(self) -> None:
        for follower in self._followers:
            follower.wake()


def _nothing() -> None:
    """The snapshot of a stream that is forgotten."""


class _Follower:
    """One who waits for a log to grow, in an event loop of its own."""

    __slots__ = ("_log", "_loop", "_waiting")

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Future[None] | None = None

    def __enter__(self) -> _Follower:
        self._log.add(self)
        return self

    def __exit__(self, *exc: object) -> None:
        self._log.discard(self)

    async def wait(self, seq: int) -> None:
        """Until the log is past seq, or over."""
        self._waiting = waiting = self._loop.create_future()
        try:
            if self._log.seq == seq and not (self._log.ended or self._log.forgotten):
                await waiting
        finally:
            self._waiting = None

    def wake(self) -> None:
        """The log's call, in its own loop."""
        if self._waiting is None:
            return  # it looks before it waits
        if self._loop is asyncio._get_running_loop():
            self._set()
        else:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._set)

    def _set(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
