"""Smoother: the events of a source, with the text of its bursts shown word by word.

    smoother = Smoother(answer.show, "word", max_lag_s=1.0, interval_s=1 / 60)
    waiting = smoother.show(event)        # awaited, if it is not None
    await smoother.end(result)            # the rest: soon after a good end, else at once
    smoother.flush_quietly()              # Stop: at once

The law: what is shown is what came, in order: before a tool call goes the text that came before it. A reader
that is slow holds the source up as without. What is due is shown at the ticks of the loop's clock, as frames
are; with nothing to show, or nobody who reads, there is no tick. Checked by tests/test_smooth.py.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from ._core import TURN
from .clock import clock_of
from .sources import Event, StreamResult
from .sources.pace import Pacer

log = logging.getLogger("djust_stream")

#: Seconds for what is left when the source has ended well.
_END_S = 0.25
#: Characters that may wait; more than that at once is nothing to be read as it comes.
_MOST = 64 << 10
#: A source that never waits lets the loop have a turn after so many events.
_EVENTS_A_TURN = 32
_PACED = ("text", "refusal", "thinking")
#: Nothing is shown for these, and some providers send them with every chunk.
_SILENT = ("usage", "finish")


class Smoother:
    """Between a run and an answer. Used in the run's event loop; ``flush`` in the page's as well."""

    def __init__(
        self, show: Callable[[Event], Awaitable[Any] | None], unit: str, max_lag_s: float, interval_s: float
    ) -> None:
        """show: shows an event at once; what it returns may be awaited. unit: "word" or "grapheme".
        max_lag_s: a text is shown so long after it came, at the latest. interval_s: of the clock.
        """
        self._show = show
        self._interval_s = min(interval_s, max_lag_s / 4)
        self._pacer = Pacer(unit, max_lag_s - 2 * self._interval_s)  # ticks are late, now and then
        self._kind = "text"
        self._events = 0
        self._room: asyncio.Task[Any] | None = None  # waits while the reader is slow
        self._empty: asyncio.Event | None = None
        self._error: Exception | None = None  # what showing raised in a tick
        self._lock = threading.Lock()

    def show(self, event: Event) -> Awaitable[Any] | None:
        """Show an event when it is its turn; what is returned is to be awaited. Raises as showing does."""
        kind = event.kind
        if kind not in _PACED:
            return self._flush_and_show(event) if kind == "tool_call" else self._show(event)
        if kind != self._kind or self._pacer.pending + len(event.text) > _MOST:
            return self._flush_and_show(event)
        self._raise()
        loop = asyncio.get_running_loop()
        with self._lock:
            now = loop.time()
            self._pacer.feed(event.text, now)
            pushed = self._push(self._pacer.take(now)) if self._room is None else self._room
        if self._pacer.pending:
            clock_of(loop, self._interval_s).add(self)
        self._events += 1
        return TURN if self._events % _EVENTS_A_TURN == 0 and not inspect.iscoroutine(pushed) else pushed

    def make_way(self, event: Event) -> Awaitable[Any] | None:
        """Before somebody else shows something for the event: the text before it. To be awaited."""
        return None if event.kind in _PACED or event.kind in _SILENT else self.flush()

    def tick(self, now: float) -> bool:
        """The clock's call. Not its time counts but the loop's, which a test may set."""
        loop = asyncio.get_running_loop()
        if self._room is not None:
            if not self._room.done():
                return False  # _go_on
            self._room = None
        try:
            with self._lock:
                pushed = self._push(self._pacer.take(loop.time()))
        except Exception as error:
            self._error = error
            self._pacer.rest()
        else:
            if inspect.iscoroutine(pushed):
                self._room = loop.create_task(pushed)
                self._room.add_done_callback(self._go_on)
                return False
            if self._pacer.pending:
                return True
        if self._empty is not None:
            self._empty.set()
        return False

    def _go_on(self, room: asyncio.Task[Any]) -> None:
        """The reader has caught up: tick again."""
        clock_of(room.get_loop(), self._interval_s).add(self)

    async def end(self, result: StreamResult) -> None:
        """The source has ended: show the rest, soon after a good end, else at once. Raises as show."""
        if result.complete:
            await self._finish()
        elif (pushed := self.flush()) is not None:
            await pushed

    async def _finish(self) -> None:
        loop = asyncio.get_running_loop()
        with self._lock:
            self._pacer.end(loop.time(), _END_S)
        if self._pacer.pending:
            self._empty = asyncio.Event()
            clock_of(loop, self._interval_s).add(self)
            await self._empty.wait()
        self._raise()

    def flush(self) -> Awaitable[Any] | None:
        """Show all that waits, now; what is returned is to be awaited, or closed. Raises as show."""
        with self._lock:
            return self._push(self._pacer.rest())

    def flush_quietly(self) -> None:
        """The same where the stream ends next, whatever happens."""
        try:
            pushed = self.flush()
        except Exception as error:
            log.warning("the rest of a smoothed text could not be shown: %r", error)
        else:
            if inspect.iscoroutine(pushed):
                pushed.close()  # it only waits for the reader

    def _push(self, text: str) -> Awaitable[Any] | None:
        return self._show(Event(self._kind, text)) if text else None

    async def _flush_and_show(self, event: Event) -> None:
        self._raise()
        before = self.flush()
        if event.kind in _PACED:
            self._kind = event.kind
        for pushed in (before, self._show(event)):
            if pushed is not None:
                await pushed

    def _raise(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error
