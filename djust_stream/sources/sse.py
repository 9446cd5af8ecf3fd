"""A source as server-sent events: what an EventSource reads, without Django.

    async for text in sse_stream(source):        # "event: delta\\ndata: {\\"text\\": \\"Hel\\"}\\n\\n"
        ...

    delta        {"text"}                                             the answer, piece by piece
    thinking     {"text"}
    tool_call    {"index", "id", "name", "arguments"}                 arguments: the next piece of their JSON
    citation     {"url"}
    done         {"input_tokens", "output_tokens", "finish_reason", "estimated"}
    error        {"message", "code", "retryable", "retry_after_s"}    instead of done

The law: the texts of all deltas, joined, are the source's text, each character once, in order; done or error
is the last event, once. What waits for a slow reader is joined into one delta; the source waits with it. Text
is only ever a value in JSON, and no value can end a line or a field (sse_format).

Checked by tests/test_sse_format.py, tests/test_sse_source.py.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import re
from collections.abc import AsyncGenerator, Callable
from typing import Any

from .errors import SourceError
from .event import Event, StreamResult
from .run import Run

#: So much text may wait for the reader before the source waits.
_MAX_WAITING = 64 << 10

_LINE_END = re.compile("\r\n|\r|\n")
_SURROGATE = re.compile("[\ud800-\udfff]")


def sse_format(event: str | None, data: Any, id: str | int | None = None, retry: int | None = None) -> str:
    """One event, as the HTML standard has it.

    event: its type; None: "message". data: a str as it is, each of its lines a line of its own (a reader gets
    LF for every line end); None: no data, so nothing is dispatched; anything else as JSON.
    id: what a reader that comes back sends as Last-Event-ID. retry: ms until it comes back.
    Raises ValueError for an event or id that would end its line, and an id with NUL, which readers ignore;
    TypeError for what JSON cannot say.
    """
    lines = []
    if id is not None:
        lines.append(f"id: {_field('id', str(id))}")
    if retry is not None:
        if isinstance(retry, bool) or not isinstance(retry, int) or retry < 0:
            raise ValueError(f"retry is a whole number of milliseconds, not {retry!r}")
        lines.append(f"retry: {retry}")
    if event:
        lines.append(f"event: {_field('event', event)}")
    if isinstance(data, bytes | bytearray):
        raise TypeError(f"data is a str or what JSON can say, not {data!r:.80}: decode it first")
    if data is not None:
        text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, allow_nan=False)
        lines += [f"data: {line}" for line in _LINE_END.split(_SURROGATE.sub("\ufffd", text))]
    return "\n".join([*lines, "", ""])


def sse_comment(text: str = "") -> str:
    """A comment, which readers skip and idle timeouts of proxies do not."""
    return f": {_field('comment', text)}\n\n" if text else ":\n\n"


def _field(name: str, value: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} is a str, not {value!r:.80}")
    if "\r" in value or "\n" in value or "\0" in value:
        raise ValueError(f"{name} of an event has neither CR, LF nor NUL: {value!r:.80}")
    return _SURROGATE.sub("\ufffd", value)


async def sse_stream(
    source: Any, *, on_event: Callable[[Event], Any] | None = None, **options: Any
) -> AsyncGenerator[str, None]:
    """A source as server-sent events, each a text; the table above has them.

    source: what ``stream_from`` takes. options: those of Run: on_chunk, on_complete, on_error, timeout_s,
    first_token_timeout_s, idle_timeout_s; an on_event that returns False keeps its event back.
    Closed (``aclose``) or cancelled, it closes the connection to the provider. A source that fails ends in an
    error event; what a callback raises is raised here.
    """
    outbox = _Outbox(on_event)
    run = Run(source, on_event=outbox.put, **options)
    task = asyncio.get_running_loop().create_task(run.finish())
    task.add_done_callback(outbox.close)
    try:
        while events := await outbox.take():
            for name, data in events:
                yield sse_format(name, data)
        result = await task
        yield sse_format(*last_event(result))
    finally:
        if not task.done():
            run.stop("cancelled")
            await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # seen


def last_event(result: StreamResult) -> tuple[str, dict[str, Any]]:
    """done or error, and its data."""
    if result.error is not None:
        return "error", error_data(result.error)
    return "done", usage_data(result)


def error_data(error: SourceError) -> dict[str, Any]:
    """What a page may know of an error."""
    return {
        "message": error.message,
        "code": error.code,
        "retryable": error.retryable,
        "retry_after_s": error.retry_after_s,
    }


def usage_data(result: StreamResult) -> dict[str, Any]:
    """What a page may know of an answer's end."""
    return {
        "input_tokens": result.usage.input_tokens,
        "output_tokens": result.usage.output_tokens,
        "estimated": result.usage.estimated,
        "finish_reason": result.finish_reason,
    }


def _named(event: Event) -> tuple[str, dict[str, Any]] | None:
    """An event's name and data for the page; None: it is not one for the page."""
    kind = event.kind
    if kind in ("text", "refusal"):
        return "delta", {"text": event.text}
    if kind == "thinking":
        return "thinking", {"text": event.text}
    if kind == "tool_call":
        call = event.data
        return kind, {"index": call["index"], "id": call["id"], "name": call["name"], "arguments": event.text}
    if kind == "citation":
        return kind, {"url": event.text}
    return None


class _Outbox:
    """Events between the run and the reader; text that waits is joined."""

    def __init__(self, on_event: Callable[[Event], Any] | None) -> None:
        self._on_event = on_event
        self._events: list[tuple[str, dict[str, Any]]] = []
        self._pieces: list[str] = []  # of the last event's text
        self._waiting = 0
        self._closed = False
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()

    async def put(self, event: Event) -> None:
        if self._on_event is not None:
            shown = self._on_event(event)
            if (await shown if inspect.isawaitable(shown) else shown) is False:
                return
        if (named := _named(event)) is None:
            return
        name, data = named
        if self._pieces and self._events[-1][0] == name:
            self._pieces.append(data["text"])
        else:
            self._join()
            self._events.append(named)
            self._pieces = [data["text"]] if "text" in data else []
        self._waiting += len(event.text)
        self._arrived.set()
        while self._waiting > _MAX_WAITING:
            self._room.clear()
            await self._room.wait()

    async def take(self) -> list[tuple[str, dict[str, Any]]]:
        """What waits, when something does; [] after the run's end."""
        if not self._events and not self._closed:
            self._arrived.clear()
            await self._arrived.wait()
        self._join()
        events, self._events, self._waiting = self._events, [], 0
        self._room.set()
        return events

    def close(self, _: object) -> None:
        self._closed = True
        self._arrived.set()

    def _join(self) -> None:
        if self._pieces:
            self._events[-1] = (self._events[-1][0], {"text": "".join(self._pieces)})
            self._pieces = []
