"""Writer: a source on its way into a log; whether anybody reads it is not its affair, but for the pace.

    writer = Writer(source, stream_id, name="reply", window_s=30)
    writer.start()                  # in an event loop
    writer.leave()                  # its reader has gone: stops now, or after window_s in which nobody came back
    await writer.ended()

With a name it writes frames (tests/spec/wire.md) that djust-stream.js shows in the element of that name; without
one the events of sources/sse.py, for a script of your own.

The law: each piece of the source is in the log once, in order, and one last event; when ``ended`` returns the
connection to the provider is closed. While its reader is behind by MAX_PENDING_BYTES the source waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

from .. import conf
from .._core import FORM_COMPACT
from ..mixin import StreamingMixin
from ..sources import StreamResult, sse_format, sse_stream
from .slots import Slot
from .store import Log, Store

log = logging.getLogger("djust_stream")

#: Tasks are held by event loops by weak references only.
_tasks: set[asyncio.Task[None]] = set()


class Flow:
    """How far the reader of this response is behind its writer. In their event loop."""

    def __init__(self, limit_bytes: int) -> None:
        self.closed = False  # nobody reads: nothing to wait for
        self.given_up = asyncio.Event()
        self._limit = limit_bytes
        self._behind = 0
        self._room = asyncio.Event()

    @property
    def behind(self) -> int:
        return 0 if self.closed else self._behind

    async def put(self, size: int) -> None:
        """So much is there for the reader; waits until it has room for more."""
        self._behind += size
        while self.behind > self._limit:
            self._room.clear()
            await self._room.wait()

    def taken(self, size: int) -> None:
        self._behind -= size
        self._room.set()

    def close(self) -> None:
        self.closed = True
        self._room.set()


class Writer:
    """See above."""

    def __init__(
        self,
        source: Any,
        store: Store,
        stream_id: str,
        slot: Slot,
        *,
        name: str | None,
        markdown: bool,
        window_s: float,
        options: dict[str, Any],
    ) -> None:
        self.stream_id = stream_id
        self.window_s = window_s
        self.result: StreamResult | None = None
        self._source, self._name, self._markdown, self._options = source, name, markdown, options
        self._store, self._slot = store, slot
        self._page: StreamingMixin | None = None
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; in the event loop in which it will run."""
        limits = conf.limits()
        self.flow = Flow(limits.max_pending_bytes)
        self._log = self._store.open(self.stream_id, self.window_s)
        self._log.on_stop = self.stop
        write = self._write_events if self._name is None else self._write_frames
        self.task = asyncio.get_running_loop().create_task(self._write(write))
        _tasks.add(self.task)
        self.task.add_done_callback(_tasks.discard)

    def discard(self) -> None:
        """It will not be started."""
        if self.task is None:
            self._slot.free()
            discard(self._source)

    def stop(self) -> None:
        """Somebody has asked for it: the text stays, the last event says "stopped"."""
        if self._page is not None and self._name is not None:
            self._page.stop_stream(self._name)
        elif self.task is not None:
            self.task.cancel()

    def leave(self) -> None:
        """The reader has gone."""
        assert self.task is not None
        self.flow.close()
        if self.window_s:
            self.task.get_loop().call_later(self.window_s, self._look)
        elif not self.task.done():
            self.task.cancel()

    async def ended(self) -> None:
        assert self.task is not None
        await asyncio.wait({self.task})

    def _look(self) -> None:
        """Is somebody there again?"""

        async def look() -> None:
            assert self.task is not None
            while not self.task.done():
                if not await self._log.is_followed():
                    self.task.cancel()
                    return
                await asyncio.sleep(self.window_s)

        task = asyncio.get_running_loop().create_task(look())
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)

    async def _write(self, write: Any) -> None:
        try:
            await write()
        finally:
            self._slot.free()
            self._log.end(keep=self.window_s > 0)

    async def _write_events(self) -> None:
        seq = 0

        async def put(text: str) -> None:
            nonlocal seq
            seq += 1
            self._log.append(seq, text)
            await self.flow.put(len(text))

        events = sse_stream(self._source, **self._options)
        try:
            async for text in events:
                await put(text)
        except Exception:
            log.exception("a callback of a StreamResponse failed; its reader sees a message, the text stays")
            data = {"message": conf.get("ERROR_MESSAGE"), "code": "internal", "retryable": False}
            await put(sse_format("error", data | {"retry_after_s": None}))
        finally:
            await events.aclose()

    async def _write_frames(self) -> None:
        assert self._name is not None
        page = self._page = StreamingMixin()
        page._attach(LogSink(self._log, self.flow))
        try:
            self.result = await page.stream_from(
                self._name, self._source, markdown=self._markdown, **self._options
            )
        except Exception:
            log.exception("a callback of a StreamResponse failed; its reader sees a message, the text stays")
        finally:
            page.stream_detach()


class LogSink:
    """A stream's sink that is a log; room in it is as much as its reader is not behind."""

    form = FORM_COMPACT

    def __init__(self, log: Log, flow: Flow) -> None:
        self.closed = False
        self._log, self._flow = log, flow
        self._seq = 0

    @property
    def unsent_bytes(self) -> int:
        return self._flow.behind

    def abort(self) -> None:
        self._flow.given_up.set()

    async def send(self, text: str) -> None:
        self._seq += 1
        self._log.append(self._seq, text)
        await self._flow.put(len(text))


def discard(source: Any) -> None:
    """Close a source that was not begun, as far as that needs no event loop."""
    close = getattr(source, "close", None)
    if callable(close):
        with contextlib.suppress(Exception):
            closing = close()
            if asyncio.iscoroutine(closing):
                closing.close()
