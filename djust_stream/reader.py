"""Reader: one connection's end of the wire, and the sink that it writes to. asyncio; no Django.

    reader = Reader(sink)             # one connection
    reader.send(stream)               # what waits in the stream, as soon as the connection is free

The law: at most one send is in flight, whatever streams there are; a stream is asked for its message when its
turn has come, so the message has all that was pushed until then. A connection that takes nothing for
``slow_timeout_s`` while something waits is given up: closed, its streams told, its sink aborted. Once.

Checked by tests/test_stream.py, and tests/test_slow_reader.py with real servers and readers that do not read.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextvars import Context, copy_context
from time import monotonic
from typing import Any, Protocol

from ._core import FINISHED
from .counts import count

log = logging.getLogger("djust_stream")


class Sink(Protocol):
    """Where a reader's frames go: one connection."""

    @property
    def form(self) -> int:
        """FORM_DJUST, FORM_COMPACT or FORM_COMPACT_TYPED of ``_core``; asked for each frame."""

    @property
    def closed(self) -> bool:
        """True when nothing sent can arrive any more."""

    @property
    def unsent_bytes(self) -> int:
        """What was sent and waits on this machine; 0 when that is not known."""

    def abort(self) -> None:
        """Close the connection without what waits in it: its reader does not read."""

    def send(self, text: str, /) -> Awaitable[object]:
        """Send one message; done when there is room for the next. Any exception: the connection is gone.

        Until it first waits it runs in no task, or in that of a producer.
        """


class Source(Protocol):
    """What a reader sends: a stream, a cursor in one."""

    name: str
    greeting: str | None  # goes before the message; then None

    def take(self) -> str | None:
        """The next message, or None."""

    def fail(self) -> str:
        """The message when take has raised."""


class _Begun(Coroutine[Any, Any, None]):
    """A coroutine after its first step, for a task to go on with."""

    __slots__ = ("_coroutine", "_first")

    def __init__(self, coroutine: Coroutine[Any, Any, None], first: Any) -> None:
        self._coroutine = coroutine
        self._first: Any = (first,)

    def send(self, value: object, /) -> Any:
        if self._first:
            (first,), self._first = self._first, ()
            return first
        return self._coroutine.send(value)

    def throw(self, *exc: Any) -> Any:
        self._first = ()
        return self._coroutine.throw(*exc)

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Iterator[None]:  # type: ignore[override]
        raise RuntimeError("a task's body, not to be awaited")


def _start(coroutine: Coroutine[Any, Any, None], context: Context) -> asyncio.Task[None] | None:
    """Take the coroutine's first step now; a task is made for the rest, if there is any.

    Most sends need no more than that, and a task for each would cost as much as the frame itself.
    """
    try:
        first = context.run(coroutine.send, None)
    except StopIteration:
        return None
    rest = _Begun(coroutine, first)
    loop = asyncio.get_running_loop()
    if sys.version_info >= (3, 11):
        return loop.create_task(rest, context=context)
    return loop.create_task(rest)


class Reader:
    """One connection's end of the wire: at most one send in flight, for all of its streams."""

    __slots__ = (
        "__weakref__",
        "_context",
        "_due",
        "_progress",
        "_progress_at",
        "_sent",
        "_task",
        "_timer",
        "busy",
        "closed",
        "loop",
        "on_close",
        "sink",
        "slow_timeout_s",
        "typed",
    )

    def __init__(self, sink: Sink, slow_timeout_s: float = 60.0) -> None:
        """Made in the connection's event loop, or before there is one."""
        self.sink = sink
        self.slow_timeout_s = slow_timeout_s
        self.busy = False
        self.closed = False
        self.on_close: Callable[[], None] | None = None
        self.typed = False  # must each message have a type, because another client than ours reads first?
        self.loop = asyncio._get_running_loop()
        # Of its own, so that what a send has set in it, before it had to wait, can be taken back after.
        self._context = copy_context()
        self._due: dict[Source, None] = {}
        self._task: asyncio.Task[None] | None = None  # while a send waits
        self._sent = 0
        self._timer: asyncio.TimerHandle | None = None
        self._progress = (0, 0)  # messages sent, bytes unsent
        self._progress_at = 0.0

    def send(self, stream: Source) -> None:
        """Send what waits in the stream as soon as the connection is free. In the connection's loop."""
        if self.closed:
            return
        if self.busy or stream.greeting is not None:
            self._due[stream] = None
            if not self.busy:
                self._start(None)
            return
        self.busy = True
        sending: Awaitable[object] | None = None
        try:
            message = self._message_of(stream)
            if message is not None:
                sending = self.sink.send(message)
        except Exception as error:
            self._fail(error)
            self.busy = False
            return
        if sending is FINISHED:  # most are: a coroutine for each would cost as much as the rest
            self._sent += 1
            sending = None
        if sending is None and not self._due:
            self.busy = False
        else:
            self._start(sending)

    def _start(self, sending: Awaitable[object] | None) -> None:
        """Go on with a message that the sink has begun to send, and with those that are due."""
        self.busy = True
        self._task = _start(self._pump(sending), self._context)
        if self._task is not None:
            count("waits")
            self._progress_at = monotonic()
            self._watch()

    def discard(self, stream: Source) -> None:
        """Send nothing more of the stream."""
        self._due.pop(stream, None)

    def close(self) -> None:
        """Nothing arrives any more: end the streams, tell the owner. Once."""
        if self.closed:
            return
        self.closed = True
        self._due.clear()
        on_close, self.on_close = self.on_close, None
        if on_close is not None:
            on_close()

    async def _pump(self, sending: Awaitable[object] | None) -> None:
        due = self._due
        try:
            while sending is not None or due:
                if sending is None:
                    stream = next(iter(due))
                    del due[stream]
                    message = self._message_of(stream)
                    if stream.greeting is not None:
                        greeting, stream.greeting = stream.greeting, None
                        await self.sink.send(greeting)
                    if message is not None:
                        sending = self.sink.send(message)
                if sending is not None:
                    await sending
                    sending = None
                    self._sent += 1
                if self.sink.closed:
                    self.close()
        except Exception as error:
            self._fail(error)
        finally:
            self.busy = False
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _message_of(self, stream: Source) -> str | None:
        try:
            return stream.take()
        except Exception:
            # One stream's fault must not cost the others of this connection a frame.
            log.exception("stream %r: its frame could not be made; it ends here", stream.name)
            return stream.fail()

    def _fail(self, error: Exception) -> None:
        if isinstance(error, OSError | RuntimeError):
            # How servers say that the peer is gone: OSError (ASGI 2.4), RuntimeError (after a close).
            log.info("the connection is gone, its streams end: %r", error)
        else:
            log.error("a frame could not be sent; its connection gets no more", exc_info=error)
        self.close()

    # -- a reader that does not read --------------------------------------------------------------

    def _watch(self) -> None:
        """While a send waits: look now and then whether anything leaves."""
        self._progress = (self._sent, self.sink.unsent_bytes)
        self._timer = asyncio.get_running_loop().call_later(self.slow_timeout_s / 4, self._look)

    def _look(self) -> None:
        sent, unsent = self._progress
        now = monotonic()
        if self._sent != sent or self.sink.unsent_bytes < unsent:
            self._progress_at = now
        if now - self._progress_at < self.slow_timeout_s * 0.99:  # a timer is never exact
            self._watch()
            return
        self._timer = None
        log.warning(
            "a reader has taken nothing for %.1f s (SLOW_READER_TIMEOUT_S of DJUST_STREAM is %g), and %s "
            "wait for it: its connection is closed, its streams end",
            now - self._progress_at,
            self.slow_timeout_s,
            f"{unsent:,} bytes" if unsent else "bytes",
        )
        count("dropped_readers")
        task = self._task
        self.close()
        if task is not None:
            task.cancel()
        self.sink.abort()


class Nowhere:
    """The sink of a stream whose readers are cursors in its log, or away."""

    closed = False
    unsent_bytes = 0

    def __init__(self, form: int) -> None:
        self.form = form

    def abort(self) -> None:
        """There is no connection."""

    def send(self, text: str, /) -> Awaitable[None]:
        """The log has it."""
        return FINISHED
