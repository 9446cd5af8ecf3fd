"""Stream: from ops to frames to a reader. asyncio; no Django.

    reply = Stream("reply", Reader(sink), Limits())
    await reply.push(TEXT, "Hello")                # merged with what waits for the next frame
    await reply.end(DONE)

The law: what a reader's page shows after ``done`` is what it would show had every call been applied
one by one; nothing lost, nothing twice, in order; ``done`` or ``error`` is last, once. In

    push "a"    push "b"    (the send of "a" is still under way)    push "c"    end

a sender of its own per call could let ``end`` overtake "c". Here a stream has one batch, a frame
takes all of it under the next seq, and a reader (reader.py) has one send in flight.

A push costs a C call and a look at the time. It comes back finished: its op rides with the next tick.
Only when the stream was idle for an interval (its frame goes now), when the tick is late, or when too
much waits, is there something to wait for; and on a busy loop, for a stream that brings several tokens
a frame at its own pace. Its producer waits for the frame, and then brings what has come meanwhile in
one go: to be woken for each of them costs several times what they cost, and delays everybody. Bounded:
what waits stops at ``max_pending_bytes`` plus one payload, and the producer waits with it. A closed
connection ends its streams: later pushes do nothing.

Checked by tests/test_stream.py against a page that applies every call by itself, and test_busy_loop.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from time import monotonic
from typing import Any

from . import ops
from ._core import FINISHED, FORM_DJUST, TURN, Batch, BatchOwner, Deadline, MarkdownStream
from .clock import Clock, clock_of
from .counts import Ended, count, on_end, tell
from .limits import Limits, id_prefix
from .reader import Reader
from .record import Record

log = logging.getLogger("djust_stream")

_NEVER = float("inf")
#: The part of an interval that lies between two frames at least; a timer is never exact.
_APART = 0.75
#: On a busy loop: so many tokens a frame, and so long between two of them, make a producer wait for its
#: frame. With less in between it hardly sleeps, or is held up by nothing but us: it may go on.
_SEVERAL, _PACED_S = 4, 0.002
#: After a frame there is so much time to bring what has come meanwhile.
_CATCH_UP_S = 0.001
#: For a stream that is on no clock: its pushes have to wake it.
_PAST = Deadline()


class StreamClosedError(RuntimeError):
    """The stream has ended; its name can be started again."""


class _Later(Coroutine[Any, Any, None]):
    """What to await; not awaited, it is not begun, and nobody is warned."""

    __slots__ = ("_begin", "_coroutine")

    def __init__(self, begin: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._begin = begin
        self._coroutine: Coroutine[Any, Any, None] | None = None

    def __await__(self) -> Iterator[None]:  # type: ignore[override]
        return self._begin().__await__()

    def send(self, value: object, /) -> Any:
        return self._begun.send(value)

    def throw(self, *exc: Any) -> Any:
        return self._begun.throw(*exc)

    def close(self) -> None:
        if self._coroutine is not None:
            self._coroutine.close()

    @property
    def _begun(self) -> Coroutine[Any, Any, None]:
        if self._coroutine is None:
            self._coroutine = self._begin()
        return self._coroutine


# How urgent it is: with the next tick; now, when the last frame is an interval ago; now.
_SOON, _IDLE, _NOW = range(3)


class Stream(BatchOwner):
    """One producer's ops on their way into frames, for one reader."""

    __slots__ = (
        "__weakref__",
        "_asides",
        "_catch_up",
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
        "_shown",
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
        self._catch_up: Deadline | None = None  # of our own, made when it is needed: on a busy loop
        self._shown = 0  # of the tokens, by the last frame on a busy loop
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
        return FINISHED if in_thread else _Later(self.flush)  # it is sent without that, too

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
        if (clock := self._clock) is not None and (clock.busy_s or self._late is self._catch_up):
            self._pace(clock, now)
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

    def _pace(self, clock: Clock, now: float) -> None:
        """After a frame on a busy loop: how the pushes go until the next one."""
        tokens = self._tokens
        several, self._shown = tokens - self._shown, tokens
        if self._late is _PAST:
            return
        if several >= _SEVERAL and clock.busy_s > several * _PACED_S:
            if self._catch_up is None:
                self._catch_up = Deadline()
            self._catch_up.at = now + _CATCH_UP_S
            self._be_quick(self._catch_up)
        elif self._late is self._catch_up:
            self._be_quick(clock.late)

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
        """After a push that found the stream idle, its tick late, or too much waiting, or to be paced."""
        idle = self._late is _PAST
        if not self._wake(_IDLE if idle else _SOON):
            return self._attend_elsewhere()
        if pending >= self._limit:
            return self._wait_for_room()
        if idle:
            return FINISHED
        return _Later(self._until_tick) if self._late is self._catch_up else TURN

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
        if self._late is not clock.late and self._late is not self._catch_up:
            self._be_quick(clock.late)

    async def _until_tick(self) -> None:
        clock = self._clock
        if clock is not None:
            await clock.until_tick(self)

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
