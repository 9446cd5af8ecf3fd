"""Run: a source from its first chunk to its StreamResult. The one path that everything here takes.

    run = Run(source, on_event=show)
    result = await run.finish()          # run.stop() ends it early, from its event loop

The law: a run ends once, with a result that says how; by then the connection to the provider is closed. What
the source raises is in ``result.error``; what a callback raises comes out of ``finish``, and so does the
cancellation of whoever awaits it. A provider's stream that ceases before it has said that it is finished has
failed: a half answer is not taken for a whole one.

Checked by tests/test_source_run.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from time import monotonic
from typing import Any, Protocol

from .chunk import is_known, read
from .errors import ContentFilterError, NetworkError, SourceError, SourceTimeoutError, from_body
from .event import Event, StreamResult, ToolCall, Usage, estimate_prompt, estimate_tokens
from .upstream import Upstream

#: Called for its effect; what it returns is awaited if it can be.
Callback = Callable[[Any], Any]


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
        """
        self.result = StreamResult()
        self.task: asyncio.Task[None] | None = None
        self.flush: Callable[[], object] = (
            _nothing  # shows what its page holds back; to be called before stop
        )
        self._upstream = Upstream(source)
        self._on_chunk, self._on_event = on_chunk, on_event
        self._on_complete, self._on_error, self._on_end = on_complete, on_error, on_end
        self._ending = False
        self._prompt_tokens = estimate_prompt(prompt)
        self._budget = budget
        self._asked = False
        self._limits = (timeout_s, first_token_timeout_s, idle_timeout_s)
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._calls: dict[int, ToolCall] = {}
        self._end: str | SourceError | None = None  # why it was interrupted
        self._timer: asyncio.TimerHandle | None = None
        self._time = monotonic
        self._began_at = self._seen_at = self._time()

    def stop(self, reason: str = "stopped") -> None:
        """End it now; the text so far stays. Ended already: nothing."""
        self._interrupt(reason)

    async def finish(self, tasks: set[asyncio.Task[Any]] | None = None) -> StreamResult:
        """Run to the end, in a task of its own, which is in ``tasks`` meanwhile; the result."""
        loop = asyncio.get_running_loop()
        self._time = loop.time  # the clock of its timers, which a test may set
        self._began_at = self._seen_at = self._time()
        task = self.task = loop.create_task(self._read_all())
        if tasks is not None:
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        if self._end is not None:
            task.cancel()  # stopped before it began
        self._watch()
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            self.stop("cancelled")
            await asyncio.wait({task})
            raise
        finally:
            if self._timer is not None:
                self._timer.cancel()
            if not task.done():
                task.cancel()
        if task.cancelled():  # before its first step
            await self._upstream.close()
            self._conclude(None)
            if self._on_end is not None:
                await _await(self._on_end(self.result))
        else:
            task.result()
        return self.result

    async def _read_all(self) -> None:
        error: SourceError | None = None
        fault: Exception | None = None  # not the source's
        grant: Grant | None = None
        try:
            if self._budget is not None:
                grant = await self._budget.open(self._prompt_tokens)
            self._asked = True
            await self._read_chunks()
        except asyncio.CancelledError:
            if self._end is None:
                raise
        except SourceError as raised:
            error = raised
        except Exception as raised:
            fault = raised
        finally:
            closing = {asyncio.get_running_loop().create_task(self._upstream.close())}
            await asyncio.wait(closing, timeout=5)  # a library that does not close must not hold the page
            self._conclude(error)
            if fault is not None:
                self.result.finish_reason = "error"
            if grant is not None:
                await grant.close(self.result)
        result = self.result
        if self._on_end is not None:
            self._ending = True  # what has ended is not stopped
            await _await(self._on_end(result))
            self._ending = False
        if fault is not None:
            raise fault
        if result.error is None and self._on_complete is not None:
            await _await(self._on_complete(result))
        elif result.error is not None and self._on_error is not None:
            await _await(self._on_error(result.error))

    async def _read_chunks(self) -> None:
        result = self.result
        on_chunk, on_event = self._on_chunk, self._on_event
        known, now = False, self._time
        async with aclosing(self._upstream.chunks()) as chunks:
            async for chunk in chunks:
                self._seen_at = now()
                result.chunks += 1
                if on_chunk is not None:
                    await _await(on_chunk(chunk))
                for event in read(chunk):
                    self._note(event)
                    if on_event is not None and (answer := on_event(event)) is not None:
                        await _await(answer)
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
        if self._end is not None or self._ending or (self.task is not None and self.task.done()):
            return
        self._end = end
        if self.task is not None:
            self.task.cancel()

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
