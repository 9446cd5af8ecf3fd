"""Streams: those of one connection, by name.

    streams = Streams(Reader(sink))
    reply = streams.open("reply")           # made when there is none, or when it has ended
    streams.end(reply, DONE)
    streams.leave(give_up)                  # the connection has gone

The law: a name stands for one stream that runs, at most; one that is started again goes on counting its
frames, or counts from 1 under another epoch where readers may come back. Of ended ones a bounded number is
remembered. When the connection goes, a stream goes on if somebody has what it takes to come back, and else it
is given up.

Checked by tests/test_stream.py and tests/test_resume.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from . import ops
from .limits import Limits
from .reader import Nowhere, Reader
from .record import Record, abandoned
from .stores import Store
from .stream import Stream


class Streams(dict[str, Stream]):
    """The streams of one connection, by name; ended ones too."""

    __slots__ = (
        "__weakref__",
        "_ended",
        "_give_up",
        "_watches",
        "keep",
        "limits",
        "on_open",
        "reader",
        "store",
    )

    #: So many ended streams are remembered: by their seq when they are started again, and to refuse
    #: what comes after their end.
    MAX_ENDED = 1000

    def __init__(
        self,
        reader: Reader,
        limits: Limits | None = None,
        store: Store | None = None,
    ) -> None:
        """store: keeps what readers that come back need."""
        super().__init__()
        self.reader = reader
        self.limits = limits or Limits()
        self.store = store
        #: For how many seconds a stream of that name goes on without a reader; 0: it ends with its
        #: connection.
        self.keep: Callable[[str], float] | None = None
        self.on_open: Callable[[Stream], None] | None = None
        self._ended: dict[str, None] = {}
        self._give_up: Callable[[Stream], None] | None = None  # away: for a stream to which nobody comes back
        self._watches: set[asyncio.Task[None]] = set()

    def open(self, name: str) -> Stream:
        """The stream of that name: a new one when there is none, or when it has ended."""
        stream = self.get(name)
        if stream is None:
            stream = self._new(name, 0)
        elif stream.ended is not None:
            # The one frame that may still wait in the ended one takes the next seq.
            stream = self._new(name, stream.seq + stream.pending)
            self._ended.pop(name, None)
        self[name] = stream
        return stream

    def _new(self, name: str, seq: int) -> Stream:
        window_s = 0.0 if self.keep is None else self.keep(name)
        if self.store is None or not window_s:
            return Stream(name, self.reader, self.limits, seq)
        record = Record(ops.check_name(name), self.store, window_s, self.limits.max_stream_bytes)
        stream = Stream(name, self.reader, self.limits, record=record)
        if self.on_open is not None:
            self.on_open(stream)
        if self._give_up is not None:
            self._watch(stream, record)
        return stream

    def end(
        self, stream: Stream, op: int, text: str = "", target: str = "", number: int = 0
    ) -> Awaitable[None]:
        """End the stream: DONE or ERROR, as Stream.end; awaited, it is on its way."""
        sent = stream.end(op, text, target, number)
        self._ended[stream.name] = None
        if len(self._ended) > self.MAX_ENDED:
            oldest = next(iter(self._ended))
            del self._ended[oldest]
            self.pop(oldest, None)
        return sent

    def leave(self, give_up: Callable[[Stream], None]) -> None:
        """The connection is gone: the streams that somebody can come back to go on; give_up is called with
        each of the others, now, or when nobody has come. In their loop."""
        away = self.reader_away()
        kept = [stream for stream in self.values() if stream.record is not None and stream.record.handed]
        for stream in [stream for stream in self.values() if stream not in kept]:
            give_up(stream)
        for stream in kept:
            stream.detach(away)  # also an ended one, whose last frame may wait
        kept = [stream for stream in kept if stream.ended is None]
        if not kept:
            self.on_open = None
            return
        self.reader = away
        self._give_up = give_up
        for stream in kept:
            if stream.record is not None:
                self._watch(stream, stream.record)

    @property
    def away(self) -> bool:
        """Has the connection gone?"""
        return self._give_up is not None

    def reader_away(self) -> Reader:
        """A reader for a stream that has none of its own, in the same form and loop."""
        away = Reader(Nowhere(self.reader.sink.form))
        away.loop = self.reader.loop
        return away

    def _watch(self, stream: Stream, record: Record) -> None:
        async def watch() -> None:
            await abandoned(record.open(), record.window_s)
            if stream.ended is None and self._give_up is not None:
                self._give_up(stream)

        task = asyncio.get_running_loop().create_task(watch(), name=f"nobody reads {stream.name}")
        self._watches.add(task)
        task.add_done_callback(self._watches.discard)

    async def flush(self) -> None:
        """Send what waits in any stream."""
        for stream in list(self.values()):
            await stream.flush()

    def drop(self) -> None:
        """The connection is gone."""
        for stream in self.values():
            stream.drop()
        self.clear()
        self._ended.clear()
