"""Streams: from ops to frames to a sink. asyncio; no Django.

    reader = Reader(sink)                          # one connection
    streams = Streams(reader)                      # its streams, by name
    reply = streams.open("reply")
    await reply.push(TEXT, "Hello")                # merged with what waits for the next frame
    await reply.end(DONE)

The law: what a reader's page shows after ``done`` is what it would show had every call been applied
one by one; nothing lost, nothing twice, in order; ``done`` or ``error`` is last, once. In

    push "a"    push "b"    (the send of "a" is still under way)    push "c"    end

a sender of its own per call could let ``end`` overtake "c". Here a stream has one batch, a frame
takes all of it under the next seq, and a reader has one send in flight.

A push costs a C call and a look at the time. It comes back finished: its op rides with the next tick.
Only when the stream was idle for an interval (its frame goes now), when the tick is late, or when too
much waits, is there something to wait for. Bounded: what waits stops at ``max_pending_bytes`` plus one
payload, and the producer waits with it. A closed connection ends its streams: later pushes do nothing.

Checked by tests/test_stream.py against a page that applies every call by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import re
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Protocol

from . import ops
from ._core import FINISHED, FORM_DJUST, TURN, Batch, BatchOwner, Deadline, MarkdownStream
from .clock import clock_of
from .counts import Ended, count, on_end, tell
from .record import Record, abandoned
from .stores import Store

log = logging.getLogger("djust_stream")

_NEVER = float("inf")
#: The part of an interval that lies between two frames at least; a timer is never exact.
_APART = 0.75
#: For a stream that is on no clock: its pushes have to wake it.
_PAST = Deadline()


class StreamClosedError(RuntimeError):
    """The stream has ended; its name can be started again."""


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


_PLAIN_NAME = re.compile("[a-z][a-z0-9-]{0,60}")
_OTHER = re.compile("[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Limits:
    """How often and how much; DJUST_STREAM has a setting for each."""

    interval_s: float = 1 / 60
    max_pending_bytes: int = 256 << 10
    max_payload_bytes: int = 4 << 20
    max_stream_bytes: int = 16 << 20
    images: str = "link"
    slow_reader_timeout_s: float = 60.0
    markdown: Mapping[str, Any] = field(default_factory=dict)  # options of MarkdownStream

    def markdown_options(self, prefix: str = "") -> dict[str, Any]:
        """The options of each document; where it has ids, they begin with the prefix, if there is one."""
        options = {"images": self.images, **self.markdown}
        for name in ("footnotes", "heading_ids") if prefix else ():
            if options.get(name):
                options[name] = prefix
        return options


def id_prefix(name: str, target: str = "") -> str:
    """What the ids in a document of a stream begin with: "answer_7-" for "answer-7".

    Only the last character is a "-", so no prefix begins another one, and two documents on one page share
    no id. A name that is not made of a-z, 0-9 and "-", and a target, count by a digest as well.
    """
    if not target and _PLAIN_NAME.fullmatch(name):
        return name.replace("-", "_") + "-"
    words = _OTHER.sub("_", f"{name}_{target}".lower()).strip("_")[:40]
    digest = hashlib.blake2s(f"{name}\0{target}".encode(), digest_size=6).hexdigest()
    return f"md_{words}_{digest}-"


class _Sent(Coroutine[Any, Any, None]):
    """Awaited, the stream has been sent. It is sent without that, too, so nobody is warned."""

    __slots__ = ("_coroutine", "_stream")

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._coroutine: Coroutine[Any, Any, None] | None = None

    def __await__(self) -> Iterator[None]:  # type: ignore[override]
        return self._stream.flush().__await__()

    def send(self, value: object, /) -> Any:
        return self._started.send(value)

    def throw(self, *exc: Any) -> Any:
        return self._started.throw(*exc)

    def close(self) -> None:
        if self._coroutine is not None:
            self._coroutine.close()

    @property
    def _started(self) -> Coroutine[Any, Any, None]:
        if self._coroutine is None:
            self._coroutine = self._stream.flush()
        return self._coroutine


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
        message = self._message_of(stream)
        if message is not None:
            try:
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


# How urgent it is: with the next tick; now, when the last frame is an interval ago; now.
_SOON, _IDLE, _NOW = range(3)


class Stream(BatchOwner):
    """One producer's ops on their way into frames, for one reader."""

    __slots__ = (
        "__weakref__",
        "_asides",
        "_check_above",
        "_clock",
        "_documents",
        "_fed",
        "_first_s",
        "_last",
        "_late",
        "_limit",
        "_opened_at",
        "_push",
        "_quick_below",
        "_room",
        "_special",
        "_told",
        "ended",
        "greeting",
        "limits",
        "name",
        "reader",
        "record",
        "seq",
    )

    def __init__(
        self,
        name: str,
        reader: Reader,
        limits: Limits | None = None,
        seq: int = 0,
        record: Record | None = None,
    ) -> None:
        """seq: of the last frame that went out under this name, if it was used before. record: what the
        stream keeps of itself; None: nothing, it ends with its connection."""
        self.name = ops.check_name(name)
        self.reader = reader
        self.limits = limits = limits or Limits()
        self.seq = seq
        self.ended: str | None = None  # "done" or "error"
        self.record = record
        self.greeting: str | None = None  # what the reader gets before the next frame
        self._batch = Batch(name, ops.root_selector(name)) if record is None else record.batch()
        self._push: Callable[[int, str, str, int], int] = self._batch.push
        self._limit = limits.max_pending_bytes
        self._check_above = min(limits.max_pending_bytes, limits.max_payload_bytes // 4)
        self._documents: dict[str, MarkdownStream] = {}  # target -> the Markdown that grows there
        self._special = False  # ended, its connection gone, or documents to settle first
        self._clock = None if reader.loop is None else clock_of(reader.loop, limits.interval_s)
        self._last = -_NEVER  # when the last frame was taken
        # Until then a push has nothing to do but push: the clock has us, and its tick is not late.
        self._late = _PAST
        self._quick_below = min(limits.max_pending_bytes, limits.max_payload_bytes)
        self._room: asyncio.Event | None = None
        # For those who ask (counts.py): when it began, and what brought content.
        self._opened_at = monotonic()
        self._first_s: float | None = None
        self._fed = 0  # pieces of Markdown
        self._asides = 0  # ops without content
        self._told = False
        count("opened")

    # -- what a producer calls ------------------------------------------------------------------

    def push(self, op: int, text: str = "", target: str = "", number: int = 0) -> Awaitable[None]:
        """Add an op to the next frame.

        op: a constant of ``ops``. target: CSS selector; "" is the stream's root element.
        What is returned is awaited to give the loop and the reader their turn; the op counts as
        pushed when the call returns, so calls that are never awaited keep their order as well.
        Raises TypeError, StreamClosedError, OverflowError (more than max_payload_bytes).
        """
        if len(text) > self._check_above:
            self._check_payload(text)
        if self._special and not self._settle(target):
            return TURN
        if op == ops.START:
            self._asides += 1
        pending = self._push(op, text, target, number)
        if pending < self._limit and monotonic() < self._late.at:
            return FINISHED
        return self._attend(pending)

    def push_markdown(self, text: str | bytes, target: str = "") -> Awaitable[None]:
        """Add to the Markdown document that fills the target; the next frame shows it.

        The first call of a document replaces what the target shows. Any other op on the same target
        ends the document.
        Raises as push, and what the Markdown engine raises.
        """
        if len(text) > self._check_above:
            self._check_payload(text)
        document = self._documents.get(target) or self._open_document(target)
        if document is None:
            return TURN
        document.feed(text)
        self._fed += 1
        pending = document.pending_bytes
        if pending < self._limit and monotonic() < self._late.at:
            return FINISHED
        return self._attend(pending)

    def end(self, op: int, text: str = "", target: str = "", number: int = 0) -> Awaitable[None]:
        """Push the last op, DONE or ERROR, and send everything; awaited, it is on its way.

        number: of an error 1 + the seconds until a retry; 0: none is offered.
        """
        if len(text) > self._check_above:
            self._check_payload(text)
        if self._special and not self._settle(None):
            return TURN
        self._asides += 1
        self._push(op, text, target, number)
        self.ended = "done" if op == ops.DONE else "error"
        self._make_special()
        self._wake(_NOW)
        self._tell(self.ended)
        return self.sent()

    def sent(self) -> Awaitable[None]:
        """To await until what waits now is on its way."""
        in_thread = self._has_loop and asyncio._get_running_loop() is None
        return FINISHED if in_thread else _Sent(self)

    async def flush(self) -> None:
        """Send what waits, now; returns when it is on its way."""
        while self.pending and not self.reader.closed:
            if not self._wake(_NOW):
                await asyncio.sleep(self.limits.interval_s)
            else:
                await self._wait_for_frame()

    @property
    def pending(self) -> bool:
        """Is there anything the reader has not been sent?"""
        if self._documents and any(document.pending_bytes for document in self._documents.values()):
            return True
        return bool(self._batch)

    @property
    def pending_bytes(self) -> int:
        """How much waits for the next frame."""
        waiting: int = self._batch.pending_bytes
        for document in self._documents.values():
            waiting += document.pending_bytes
        return waiting

    # -- what the clock and the reader call ------------------------------------------------------

    def tick(self, now: float) -> bool:
        """The clock's call, once an interval: send what waits; False when the stream is idle."""
        clock = self._clock
        if clock is None or self.reader.closed:
            self.drop()
            return False
        if now - self._last >= clock.interval_s * _APART:  # else a frame has just gone
            if not self.pending:
                # Before another look: a push in another thread that still sees the clock's time has
                # pushed before we look; one that sees the past wakes us by itself.
                self._be_quick(_PAST)
                if not self.pending:
                    return False
                self._be_quick(clock.late)
            self.reader.send(self)
        return True

    def take(self) -> str | None:
        """The next frame as a message, or None; nothing is pending afterwards."""
        batch = self._batch
        if self._documents:
            for target, document in list(self._documents.items()):
                if document.pending_bytes:
                    document.flush(batch, target, False)
        if self._room is not None:
            self._room.set()
            self._room = None
        if not batch:
            return None
        self._last = now = monotonic()
        if self._first_s is None and self._tokens:
            self._first_s = now - self._opened_at
        try:
            message = batch.encode(self.seq + 1, self.reader.sink.form)
            if (record := self.record) is not None:
                record.add(self.seq + 1, message, batch)
                if self.ended is not None:
                    record.end()
        finally:
            batch.clear()
        self.seq += 1
        return message

    def fail(self) -> str:
        """The last frame of a stream whose frame could not be made: an error."""
        self._documents.clear()
        self._batch.clear()
        self._batch.push(ops.ERROR, "The rest could not be shown.", "", 0)
        self.ended = "error"
        self._make_special()
        self._tell("error")
        message = self._batch.encode(self.seq + 1, self.reader.sink.form)
        if self.record is not None:
            self.record.add(self.seq + 1, message, self._batch)
            self.record.end()
        self._batch.clear()
        self.seq += 1
        return message

    def detach(self, reader: Reader) -> None:
        """Go on with another reader: one that has no connection. In the stream's loop."""
        self.reader.discard(self)
        self.reader = reader
        self.greeting = None
        if self.pending:
            self._wake(_NOW)

    def drop(self) -> None:
        """The connection is gone: forget what waits, let the producers go. In the stream's loop."""
        if self.record is not None:
            self.record.drop()
        self._make_special()
        self._be_quick(_PAST)
        self._tell("gone")
        self._documents.clear()
        self._batch.clear()
        if self._clock is not None:
            self._clock.discard(self)
        if self._room is not None:
            self._room.set()
            self._room = None

    # -- inside ---------------------------------------------------------------------------------

    def _be_quick(self, until: Deadline) -> None:
        """Until then a push has nothing to do but push, and stream_text needs nobody but the batch."""
        self._late = until
        self._batch.quick(None if self._special else until, self._quick_below)

    @property
    def _tokens(self) -> int:
        """How many calls have brought content."""
        return self._batch.pushes - self._asides + self._fed

    def _tell(self, ended: str) -> None:
        """The stream has ended: once, for who asks."""
        if self._told:
            return
        self._told = True
        count("ended")
        if on_end:
            seconds, tokens = monotonic() - self._opened_at, self._tokens
            first_s = seconds if self._first_s is None and tokens else self._first_s
            tell(Ended(self.name, ended, seconds, first_s, tokens))

    def _make_special(self) -> None:
        self._special = True
        self._batch.quick(None, 0)

    def _settle(self, target: str | None) -> bool:
        """Before an op: Markdown fed so far goes first; where the op goes it is finished (None: all).

        False: the connection is gone, do nothing. Raises StreamClosedError.
        """
        if self.reader.closed:
            return False
        if self.ended is not None:
            raise StreamClosedError(
                f"stream {self.name!r} has ended ({self.ended}), and nothing follows its last op: "
                f"start it again with stream_start({self.name!r}), or use another name"
            )
        for place, document in self._documents.items():
            document.flush(self._batch, place, target is None or place == target)
        if target is None:
            self._documents.clear()
        else:
            self._documents.pop(target, None)
        self._special = bool(self._documents)
        if not self._special:
            self._late = _PAST  # so that the op wakes us, and the batch becomes quick again in our loop
        return True

    def _open_document(self, target: str) -> MarkdownStream | None:
        """A document is the whole content of its target: what was there goes."""
        if self._special and not self._settle(target):
            return None
        # Empty text, not empty HTML: text sets the element active and busy also where nothing has started it.
        self._asides += 1
        self._push(ops.TEXT_MODES["replace"], "", target, 0)
        document = MarkdownStream(
            max_bytes=self.limits.max_stream_bytes,
            fill=self.reader.sink.form == FORM_DJUST,
            **self.limits.markdown_options(id_prefix(self.name, target)),
        )
        self._documents[target] = document
        self._make_special()
        return document

    def _attend(self, pending: int) -> Awaitable[None]:
        """After a push that found the stream idle, its tick late, or too much waiting."""
        idle = self._late is _PAST
        if not self._wake(_IDLE if idle else _SOON):
            return self._attend_elsewhere()
        if pending >= self._limit:
            return self._wait_for_room()
        return FINISHED if idle else TURN

    def _attend_elsewhere(self) -> Awaitable[None]:
        """The same outside of the loop that sends."""
        if not self._has_loop:
            return self._send_when_awaited()
        if asyncio._get_running_loop() is not None:
            return self._wait_for_room() if self.pending_bytes >= self._limit else TURN
        # A thread without a loop, such as a synchronous handler's: it may block, nothing else would.
        while self.pending_bytes >= self._limit and self._has_loop and not self.reader.closed:
            time.sleep(self.limits.interval_s)
            self._wake(_NOW)
        return FINISHED

    @property
    def _has_loop(self) -> bool:
        """Is there an open event loop that sends for us?"""
        return self._clock is not None and self._clock.loop is not None

    async def _send_when_awaited(self) -> None:
        """The call came before any loop, as in async_to_sync: the loop it is awaited in sends at once,
        because it may close right after."""
        await self.flush()
        self._be_quick(_PAST)

    def _wake(self, urgency: int) -> bool:
        """Have the clock, and if it is urgent the reader, at work; False: the caller is not in their loop."""
        running = asyncio._get_running_loop()
        clock = self._clock
        if clock is not None and running is not None and clock.is_of(running):
            self._wake_here(urgency)
            return True
        loop = None if clock is None else clock.loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # it closes just now
                loop.call_soon_threadsafe(self._wake_here, urgency)
            return False
        if running is None:
            return False
        # The first push, or the old loop is closed.
        self._clock = clock_of(running, self.limits.interval_s)
        self.reader.loop = running
        self._wake_here(urgency)
        return True

    def _wake_here(self, urgency: int) -> None:
        clock, reader = self._clock, self.reader
        if clock is None or reader.closed:
            self.drop()
            return
        now = monotonic()
        interval_s = clock.interval_s
        since_s = now - self._last
        if urgency == _NOW or (urgency == _IDLE and since_s >= interval_s * _APART):
            reader.send(self)
            since_s = 0.0
        # Also after a frame: however late the loop's next turn is, until then the pushes join.
        clock.add(self, interval_s - since_s)
        if self._late is not clock.late:
            self._be_quick(clock.late)

    async def _wait_for_room(self) -> None:
        count("waits")
        await asyncio.sleep(0)
        while self.pending_bytes >= self._limit and not self.reader.closed:
            if not self._wake(_NOW):
                await asyncio.sleep(self.limits.interval_s)
            else:
                await self._wait_for_frame()

    async def _wait_for_frame(self) -> None:
        if self._room is None:
            self._room = asyncio.Event()
        if self.pending and not self.reader.closed:
            await self._room.wait()

    def _check_payload(self, text: str | bytes) -> None:
        size = len(text.encode("utf-8", "replace") if isinstance(text, str) else text)
        if size > self.limits.max_payload_bytes:
            raise OverflowError(
                f"stream {self.name!r}: {size:,} bytes in one call; MAX_PAYLOAD_BYTES of DJUST_STREAM "
                f"is {self.limits.max_payload_bytes:,}. Send smaller pieces, or raise the setting."
            )


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
