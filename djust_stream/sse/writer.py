"""Writer: a source on its way into a log; who reads that is not its affair, but for the pace.

    writer = Writer(source, store, slot, name="reply", window_s=30, …)
    writer.start()                       # in an event loop
    async for piece in writer.pieces(): …
    await writer.leave()                 # its reader has gone: stops, now or after window_s without one

With a name it writes frames (tests/spec/wire.md) that djust-stream.js shows in the element of that name;
without one the events of sources/sse.py, for a script of your own.

The law: each piece of the source is in the log once, in order, and one last event; when the writer has ended
the connection to the provider is closed. While its reader is far behind, the source waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from .. import conf
from .._core import FORM_COMPACT
from ..mixin import StreamingMixin
from ..record import abandoned
from ..sources import StreamResult, sse_format, sse_stream
from ..sources.sse import usage_data
from ..stores import Log, Piece, Store
from .slots import Slot

log = logging.getLogger("djust_stream")

#: Tasks are held by event loops by weak references only.
_tasks: set[asyncio.Task[None]] = set()


class Writer:
    """See above. name: of the stream. window_s: for so long it goes on, and is kept, without a reader."""

    def __init__(
        self,
        source: Any,
        store: Store,
        slot: Slot,
        *,
        name: str | None,
        markdown: bool,
        window_s: float,
        options: dict[str, Any],
    ) -> None:
        self.window_s = window_s
        self.stream_id = ""  # once it is started
        self.result: StreamResult | None = None
        self._source, self._name, self._markdown, self._options = source, name, markdown, options
        self._store, self._slot = store, slot
        self._log: Log | None = None
        self._page: _Page | None = None
        self._task: asyncio.Task[None] | None = None
        self._begun = False

    def start(self) -> None:
        """Begin; in the event loop in which it will run."""
        limit = min(conf.get("MAX_PENDING_BYTES"), conf.get("LOG_BYTES") // 4)
        self.pipe = Pipe(limit, keep=not self.window_s)
        if self._name is not None:
            write = self._write_frames
            self._page = _Page(self.pipe, self.window_s)
            self.stream_id, self._log = self._page.open(self._name, self._usage)
        else:
            write = self._write_events
            if self.window_s:
                self.stream_id = secrets.token_urlsafe(16)
                self._log = self._store.open(self.stream_id, "", lambda: None, keep_s=self.window_s)
                self._log.on_stop = self._cancel
        self._task = asyncio.get_running_loop().create_task(self._write(write))
        _tasks.add(self._task)
        self._task.add_done_callback(self._over)

    def discard(self) -> None:
        """It will not be started."""
        if self._task is None:
            self._slot.free()
            discard(self._source)

    def pieces(self) -> AsyncIterator[Piece]:
        """All that it writes."""
        return self._store.follow(self.stream_id, 0) if self.window_s else self.pipe.follow()

    async def leave(self) -> None:
        """Its reader has gone."""
        self.pipe.close()
        assert self._task is not None
        if not self.window_s:
            self._cancel()
            await asyncio.wait({self._task})
        elif not self._task.done():
            task = asyncio.get_running_loop().create_task(self._give_up())
            _tasks.add(task)
            task.add_done_callback(_tasks.discard)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _give_up(self) -> None:
        """End it when nobody has come back for so long."""
        assert self._task is not None and self._log is not None
        nobody = asyncio.ensure_future(abandoned(self._log, self.window_s))
        await asyncio.wait({self._task, nobody}, return_when=asyncio.FIRST_COMPLETED)
        nobody.cancel()
        self._cancel()

    async def _write(self, write: Callable[[], Awaitable[None]]) -> None:
        self._begun = True
        await write()

    def _over(self, task: asyncio.Task[None]) -> None:
        """Also of a task that was cancelled before its first step."""
        _tasks.discard(task)
        if not self._begun:
            discard(self._source)
        self._slot.free()
        self.pipe.end()

    async def _write_events(self) -> None:
        seq = 0
        whole = False

        async def put(text: str) -> None:
            nonlocal seq
            seq += 1
            if self._log is not None:
                self._log.append(seq, text)
            await self.pipe.send(text)

        events = sse_stream(self._source, **self._options)
        try:
            async for text in events:
                await put(text)
            whole = True
        except Exception:
            log.exception("a callback of a StreamResponse failed; its reader sees a message, the text stays")
            data = {"message": conf.get("ERROR_MESSAGE"), "code": "internal", "retryable": False}
            await put(sse_format("error", data | {"retry_after_s": None}))
            whole = True
        finally:
            if self._log is not None:
                self._log.end(keep=whole)
            await events.aclose()

    def _keep_result(self, result: StreamResult) -> None:
        """Before the last frame; of a stopped stream after it."""
        self.result = result

    def _usage(self) -> str:
        return "" if self.result is None else json.dumps(usage_data(self.result))

    async def _write_frames(self) -> None:
        assert self._page is not None and self._name is not None
        try:
            await self._page.stream_from(
                self._name, self._source, markdown=self._markdown, on_end=self._keep_result, **self._options
            )
        except Exception:
            log.exception("a callback of a StreamResponse failed; its reader sees a message, the text stays")
        finally:
            self._page.stream_detach()


class _Page(StreamingMixin):
    """The page that the answer is written on: one stream, whose sink is the pipe."""

    def __init__(self, pipe: Pipe, window_s: float) -> None:
        super().__init__()
        self._window_s = window_s
        self._attach(pipe, {})

    def stream_window_s(self, stream_name: str) -> float:
        return self._window_s

    def open(self, name: str, note: Callable[[], str]) -> tuple[str, Log | None]:
        """Begin the stream: its id and its log, if it has one. note: what the log's end says."""
        assert self._djust_streams is not None
        stream = self._djust_streams.open(name)
        record = stream.record
        if record is None:
            return "", None
        record.note = note
        record.handed = True  # the ids of its events are what a reader comes back with
        return record.id, record.open()


class Pipe:
    """The way to the one reader that is there: how far behind it is; and, where no log has them, the texts.

    A sink of reader.py. In the writer's event loop, in which its reader is as well.
    """

    form = FORM_COMPACT
    closed = False

    def __init__(self, limit_bytes: int, *, keep: bool) -> None:
        """limit_bytes: so much may wait. keep: the texts as well."""
        self.given_up = asyncio.Event()  # the reader reads nothing
        self._limit = limit_bytes
        self._keep = keep
        self._texts: list[str] = []
        self._ended = False
        self._behind = 0
        self._open = True
        self._room = asyncio.Event()
        self._arrived = asyncio.Event()

    @property
    def unsent_bytes(self) -> int:
        return self._behind

    def abort(self) -> None:
        self.given_up.set()

    async def send(self, text: str, /) -> None:
        """Give it to the reader; waits until that is not too far behind."""
        if self._keep:
            self._texts.append(text)
            self._arrived.set()
        self._behind += len(text)
        while self._open and self._behind > self._limit:
            self._room.clear()
            await self._room.wait()

    def taken(self, size: int) -> None:
        """The reader has so much of it."""
        self._behind -= size
        self._room.set()

    def end(self) -> None:
        self._ended = True
        self._arrived.set()

    def close(self) -> None:
        """There is no reader any more: nothing to wait for."""
        self._open = False
        self._behind = 0
        self._room.set()

    async def follow(self) -> AsyncIterator[Piece]:
        """What is sent, as a store has it."""
        seq = 0
        while True:
            while not (self._texts or self._ended):
                self._arrived.clear()
                await self._arrived.wait()
            texts, self._texts = self._texts, []
            if not texts:
                yield Piece("end", seq)
                return
            seq += len(texts)
            yield Piece("frames", seq, texts)


def discard(source: Any) -> None:
    """Close a source that was not begun, as far as that needs no event loop."""
    close = getattr(source, "close", None)
    if callable(close):
        with contextlib.suppress(Exception):
            closing = close()
            if asyncio.iscoroutine(closing):
                closing.close()
