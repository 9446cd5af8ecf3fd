"""Run: a source from its first chunk to its StreamResult. The one path that everything here takes.

    run = Run(source, on_event=show)
    result = await run.finish()          # run.stop() ends it early, from its event loop

The law: a run ends once, with a result that says how; by then the connection to the provider is closed. What
the source raises is in ``result.error``; what a callback raises comes out of ``finish``, and so does the
cancellation of whoever awaits it. A provider's stream that ceases before it has said that it is finished has
failed: a half answer is not taken for a whole one.

The source is read in a task of its own, and only that one is ever cancelled: what follows (closing, the
budget, ``on_end``) cannot be. In

    async for chunk in source: … except CancelledError: pass      (a library that holds on)
    on_chunk=lambda chunk: self.stop_stream("reply")              (a stop from within)

the cancellation of one task for both comes never, or amid what was to be done at the end.

Checked by tests/test_source_run.py.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from time import monotonic
from typing import Any, Protocol

from .chunk import is_known, read
from .errors import ContentFilterError, NetworkError, SourceError, SourceTimeoutError, from_body
from .event import Event, StreamResult, ToolCall, Usage, estimate_prompt, estimate_tokens
from .upstream import Upstream

log = logging.getLogger("djust_stream")

#: Called for its effect; what it returns is awaited if it can be.
Callback = Callable[[Any], Any]

#: Seconds for a source to end when it is told to; then it is left to itself.
_PATIENCE_S = 2.0
#: Seconds for a library to close a connection.
_CLOSING_S = 5.0

#: What has begun and not ended: an event loop holds its tasks by weak references only.
_tasks: set[asyncio.Task[Any]] = set()


class Grant(Protocol):
    """A budget's leave for one answer."""

    async def close(self, result: StreamResult, /) -> None: ...


class Budget(Protocol):
    """What may refuse an answer before it is asked for; djust_stream.Budget is one."""

    async def open(self, prompt_tokens: int, /) -> Grant:
        """Raises a SourceError."""


class Run:
    """One pass over a source."""

    def __init__(
        self,
        source: Any,
        *,
        on_chunk: Callback | None = None,
        on_event: Callback | None = None,
        on_complete: Callback | None = None,
        on_error: Callback | None = None,
        on_end: Callback | None = None,
        timeout_s: float | None = None,
        first_token_timeout_s: float | None = None,
        idle_timeout_s: float | None = None,
        prompt: Any = None,
        budget: Budget | None = None,
    ) -> None:
        """on_chunk: each chunk as it came; on_event: each Event; on_end: the StreamResult, however it ended;
        then on_complete: the StreamResult of a run that ended or was stopped, or on_error: the SourceError of
        one that failed.
        prompt: what the model is sent, a text or messages: its tokens are estimated where none are told.
        budget: asked first; it may refuse, and is told what was used.
        timeout_s: for all of it; first_token_timeout_s: to the first event; idle_timeout_s: between chunks.
        Raises TypeError or ValueError for a timeout that is no number of seconds.
        """
        self.result = StreamResult()
        self.loop: asyncio.AbstractEventLoop | None = None  # where it runs
        # Shows what its page holds back; to be called before stop.
        self.flush: Callable[[], object] = _nothing
        self._upstream = Upstream(source)
        self._on_chunk, self._on_event = on_chunk, on_event
        self._on_complete, self._on_error, self._on_end = on_complete, on_error, on_end
        self._prompt_tokens = estimate_prompt(prompt)
        self._budget = budget
        self._asked = False
        self._limits = (
            _seconds("timeout_s", timeout_s),
            _seconds("first_token_timeout_s", first_token_timeout_s),
            _seconds("idle_timeout_s", idle_timeout_s),
        )
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._calls: dict[int, ToolCall] = {}
        self._end: str | SourceError | None = None  # why it was interrupted
        self._reading: asyncio.Task[None] | None = None
        self._read: asyncio.Future[None] | None = None  # it has ended, or holds on for too long
        self._grant: Grant | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._patience: asyncio.TimerHandle | None = None
        self._time = monotonic
        self._began_at = self._seen_at = self._time()

    @property
    def interrupted(self) -> bool:
        """Has it been stopped, or its time passed? What comes from the source now is nobody's."""
        return self._end is not None

    def stop(self, reason: str = "stopped") -> None:
        """End it now; the text so far stays. Ended already: nothing."""
        self._interrupt(reason)

    async def finish(self, tasks: set[asyncio.Task[Any]] | None = None) -> StreamResult:
        """Run to the end, in tasks of its own, which are in ``tasks`` meanwhile; the result."""
        self.loop = asyncio.get_running_loop()
        self._time = self.loop.time  # the clock of its timers, which a test may set
        self._began_at = self._seen_at = self._time()
        whole = self._begin(self._read_and_end(tasks), tasks)
        try:
            await asyncio.wait({whole})
        except asyncio.CancelledError:
            self.stop("cancelled")
            await asyncio.wait({whole})
            raise
        whole.result()
        return self.result

    def _begin(
        self, work: Coroutine[Any, Any, None], tasks: set[asyncio.Task[Any]] | None
    ) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        for kept in (_tasks, tasks):
            if kept is not None:
                kept.add(task)
                task.add_done_callback(kept.discard)
        return task

    async def _read_and_end(self, tasks: set[asyncio.Task[Any]] | None) -> None:
        error, fault = await self._outcome(tasks) if self._end is None else (None, None)
        closing = {asyncio.get_running_loop().create_task(self._upstream.close())}
        # A library that does not close must not hold the page.
        await asyncio.wait(closing, timeout=_CLOSING_S)
        self._conclude(error)
        result = self.result
        if fault is not None:
            result.finish_reason = "error"
        if self._grant is not None:
            await self._grant.close(result)
        if self._on_end is not None:
            await _await(self._on_end(result))
        if fault is not None:
            raise fault
        if result.error is None and self._on_complete is not None:
            await _await(self._on_complete(result))
        elif result.error is not None and self._on_error is not None:
            await _await(self._on_error(result.error))

    async def _outcome(
        self, tasks: set[asyncio.Task[Any]] | None
    ) -> tuple[SourceError | None, BaseException | None]:
        """Read until the source ends, or has to; its error, and a fault that is not the source's."""
        read = self._read = asyncio.get_running_loop().create_future()
        reading = self._reading = self._begin(self._read_chunks(), tasks)
        reading.add_done_callback(lambda _: self._give_up())
        self._watch()
        try:
            await asyncio.wait({read})
        except asyncio.CancelledError:  # the loop is closed: it cancels all its tasks
            self._interrupt("cancelled")
            await asyncio.wait({read})
        finally:
            for timer in (self._timer, self._patience):
                if timer is not None:
                    timer.cancel()
        if not reading.done():
            log.warning("a source does not end when it is cancelled: its task is left behind")
            return None, None
        if reading.cancelled():
            error = NetworkError("the source was cancelled from within")
            return None if self._end is not None else error, None
        raised = reading.exception()
        return (raised, None) if isinstance(raised, SourceError) else (None, raised)

    async def _read_chunks(self) -> None:
        if self._budget is not None:
            self._grant = await self._budget.open(self._prompt_tokens)
        self._asked = True
        result = self.result
        on_chunk, on_event = self._on_chunk, self._on_event
        known, now = False, self._time
        async with aclosing(self._upstream.chunks()) as chunks:
            async for chunk in chunks:
                if self._end is not None:
                    return
                self._seen_at = now()
                result.chunks += 1
                if on_chunk is not None:
                    await _await(on_chunk(chunk))
                    if self._end is not None:
                        return
                for event in read(chunk):
                    self._note(event)
                    if on_event is not None and (answer := on_event(event)) is not None:
                        await _await(answer)
                        if self._end is not None:
                            return
                known = known or is_known(chunk)
        if known and (result.finish_reason is None or self._upstream.lacks_end()):
            result.finish_reason = None
            raise NetworkError("the provider's stream ceased before its end")
        if result.finish_reason == "error":  # Mistral's, OpenRouter's
            raise from_body("the provider ended the answer: error")
        if result.finish_reason == "content_filter":
            raise ContentFilterError("the provider ended the answer: content_filter")

    def _note(self, event: Event) -> None:
        """Keep what the result will say."""
        result, kind = self.result, event.kind
        if result.first_token_s is None and kind not in ("usage", "finish", "error"):
            result.first_token_s = self._seen_at - self._began_at
        if kind in ("text", "refusal"):
            self._text.append(event.text)
        elif kind == "thinking":
            self._thinking.append(event.text)
        elif kind == "tool_call":
            call = self._calls.setdefault(event.data["index"], ToolCall(event.data["index"]))
            call.id = call.id or event.data["id"]
            call.name = call.name or event.data["name"]
            call.arguments += event.text
        elif kind == "citation":
            result.citations.append(event.text)
        elif kind == "usage":
            if result.usage.estimated:
                result.usage = Usage()
            result.usage.update(event.data)
        elif kind == "finish":
            result.finish_reason = event.text
        elif kind == "error":
            raise from_body(event.data)

    def _conclude(self, error: SourceError | None) -> None:
        result = self.result
        result.text, result.thinking = "".join(self._text), "".join(self._thinking)
        result.tool_calls = list(self._calls.values())
        result.duration_s = self._time() - self._began_at
        if result.finish_reason is None:  # the provider has not come to tell all it would have told
            estimate = estimate_tokens(result.text + result.thinking)
            if estimate > result.usage.output_tokens:
                result.usage.output_tokens, result.usage.estimated = estimate, True
        elif not result.usage.total_tokens:
            result.usage = Usage(output_tokens=estimate_tokens(result.text + result.thinking), estimated=True)
        if self._asked and self._prompt_tokens and not result.usage.input_tokens:
            result.usage.input_tokens, result.usage.estimated = self._prompt_tokens, True
        if isinstance(self._end, SourceError):
            error = self._end
        elif self._end is not None:
            result.finish_reason, error = self._end, None
        if error is not None:
            result.error = error
            result.finish_reason = "content_filter" if error.code == "content_filter" else "error"

    # -- ends from outside ------------------------------------------------------------------------------

    def _interrupt(self, end: str | SourceError) -> None:
        reading = self._reading
        if self._end is not None or (reading is not None and reading.done()):
            return
        self._end = end
        if reading is not None:
            reading.cancel()
            self._patience = reading.get_loop().call_later(_PATIENCE_S, self._give_up)

    def _give_up(self) -> None:
        """It has ended, or is not waited for any longer."""
        if self._read is not None and not self._read.done():
            self._read.set_result(None)

    def _watch(self) -> None:
        """Look again when the nearest of the time limits may have passed: one timer, nothing per chunk."""
        total_s, first_s, idle_s = self._limits
        now = self._time()
        passed = []
        waits = []
        for limit_s, since, what in (
            (total_s, self._began_at, "timeout_s: the answer is not complete"),
            (
                first_s if self.result.first_token_s is None else None,
                self._began_at,
                "first_token_timeout_s: no token",
            ),
            (idle_s, self._seen_at, "idle_timeout_s: no chunk"),
        ):
            if limit_s is not None:
                left_s = since + limit_s - now
                waits.append(left_s)
                if left_s <= 0:
                    passed.append(f"{what} after {limit_s:g} s")
        if passed:
            self._interrupt(SourceTimeoutError(passed[0]))
        elif waits:
            self._timer = asyncio.get_running_loop().call_later(min(waits), self._watch)


def _nothing() -> None:
    """Nothing is held back."""


def _seconds(name: str, given: float | None) -> float | None:
    """A time limit, checked."""
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise TypeError(f"{name} is a number of seconds, or None for any time, not {given!r:.80}")
    if not given > 0:
        raise ValueError(f"{name} is more than 0 seconds, or None for any time, not {given!r}")
    return None if math.isinf(given) else given


async def _await(answer: Any) -> None:
    if hasattr(answer, "__await__"):
        await answer


async def consume_stream_with_callbacks(
    source: Any,
    on_chunk: Callback | None = None,
    on_complete: Callback | None = None,
    on_error: Callback | None = None,
    **options: Any,
) -> StreamResult:
    """Read a source to its end; each callback may be a coroutine function.

    on_chunk(chunk): as it came, extract_content reads it; on_complete(result);
    on_error(error): a SourceError.
    options: those of Run. Returns the StreamResult, whose ``error`` is set when the source has failed.
    """
    run = Run(source, on_chunk=on_chunk, on_complete=on_complete, on_error=on_error, **options)
    return await run.finish()


async def collect_stream(source: Any, **options: Any) -> StreamResult:
    """Read a source to its end: text, usage, finish reason, timing. Raises SourceError when it fails."""
    result = await Run(source, **options).finish()
    if result.error is not None:
        raise result.error
    return result
