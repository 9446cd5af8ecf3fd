"""StreamResponse: what a Django view returns, async or not, under ASGI or WSGI.

    async def ask(request):
        return StreamResponse(lambda: model(request.POST["prompt"]), request, name="reply")

The law: the source is begun once, when the server asks for the first piece, and closed when the response is;
a request that comes back (Last-Event-ID), that stops, that only asks for the head or finds no free slot never
begins it.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from django.db import connections
from django.http import StreamingHttpResponse

from .. import conf, ops
from . import slots
from .body import Body, Place
from .content import Content
from .ids import Ids, owner_of
from .reader import gone
from .writer import Writer, discard

#: With the Last-Event-ID of a stream: stop it.
STOP_HEADER = "HTTP_X_STREAM_STOP"

#: Called once, at the end: a plain function may ask the database.
_AT_END = ("on_complete", "on_error")
_OPTIONS = (*_AT_END, "on_chunk", "on_event", "timeout_s", "first_token_timeout_s", "idle_timeout_s")

_Begin = Callable[[], AsyncGenerator[str, None]]


class StreamResponse(StreamingHttpResponse):  # type: ignore[misc]
    """A source as server-sent events."""

    def __init__(
        self,
        source: Any,
        request: Any = None,
        *,
        name: str | None = None,
        markdown: bool = True,
        resume_s: float | None = None,
        heartbeat_s: float | None = None,
        retry_s: float = 1.0,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        """source: what ``stream_from`` takes: an SDK's stream, an iterator of str, or best a function that
        makes one, because a request that comes back must not ask the model again.
        request: the view's; without it nobody can come back, and no user's streams are counted.
        name: of the stream, for djust-stream.js; None: events for a script of your own (sources/sse.py).
        markdown: False shows plain text. resume_s: for so long a lost reader may come back, and the source
        goes on; default: RESUME_WINDOW_S with a name, else 0. heartbeat_s: default HEARTBEAT_S. retry_s:
        after which a reader comes back.
        options: of ``stream_from``: on_complete, on_error (functions are called in a thread and may ask the
        database), on_chunk, on_event, timeout_s, first_token_timeout_s, idle_timeout_s.

        Its status is 503 or 429, with Retry-After, when MAX_STREAMS or MAX_STREAMS_PER_USER are open; 204 for
        an EventSource that comes back after the end. Raises TypeError and ValueError for its arguments.
        """
        for option in options.keys() - set(_OPTIONS):
            raise TypeError(f"StreamResponse has no option {option!r}: there are {', '.join(_OPTIONS)}")
        for option in options.keys() & set(_AT_END):
            options[option] = _in_thread(options[option])
        if name is not None:
            ops.check_name(name)
        if resume_s is None:
            resume_s = 0 if name is None else conf.get("RESUME_WINDOW_S")
        window_s = 0 if request is None else _seconds("resume_s", resume_s)
        self._request = getattr(request, "_request", request)  # that of REST framework holds Django's
        self._frames = name is not None
        self._heartbeat_s = conf.get("HEARTBEAT_S") if heartbeat_s is None else heartbeat_s
        _seconds("heartbeat_s", self._heartbeat_s, 0.01)
        self._retry_ms = round(1000 * _seconds("retry_s", retry_s))
        self._writer: Writer | None = None

        def write(slot: slots.Slot) -> Writer:
            return Writer(
                source, conf.store(), slot, name=name, markdown=markdown, window_s=window_s, options=options
            )

        status, begin = self._answer(write)
        self._content = Content(begin, self._discard)
        kind = "text/event-stream" if status < 400 else "text/plain"
        super().__init__(self._content, status=status, content_type=f"{kind}; charset=utf-8")
        if self._request is not None:
            self.is_async = _under_asgi(self._request)
        # Neither stored nor transformed nor held back on its way: GZipMiddleware and nginx's gzip leave alone
        # what has an encoding.
        self["Cache-Control"] = "no-cache"
        self["Content-Encoding"] = "identity"
        self["X-Accel-Buffering"] = "no"
        if status >= 400:
            self["Retry-After"] = str(slots.RETRY_AFTER_S)
        if name is not None:
            self["X-Stream-Name"] = quote(name, safe="")  # for a refusal, which has no frame to say it
        for header, value in (headers or {}).items():
            self[header] = value
        if self._writer is None:
            discard(source)

    def _answer(self, write: Callable[[slots.Slot], Writer]) -> tuple[int, _Begin]:
        """The status, and what makes the body's text."""
        request = self._request
        meta = {} if request is None else request.META
        owner = "" if request is None else owner_of(request)
        last_id = meta.get("HTTP_LAST_EVENT_ID", "")
        known = Ids.read(last_id, owner)
        if STOP_HEADER in meta:
            return 204, _nothing if known is None else lambda: _stop(known[0])
        if last_id and known is None:
            return 204, _nothing
        if getattr(request, "method", "") == "HEAD":
            return 200, _nothing
        if known is not None:
            stream_id, seq = known
            pieces, ids = conf.store().follow(stream_id, seq), Ids(stream_id, owner)
            return 200, lambda: self._body().events(lambda: (pieces, seq, ids.of))
        try:
            slot = slots.take(owner)
        except slots.Full as full:
            message = str(full)
            return full.status, lambda: _say(message)
        writer = self._writer = write(slot)
        return 200, lambda: self._body().events(lambda: self._begin(writer, owner))

    def _begin(self, writer: Writer, owner: str) -> Place:
        writer.start()
        # Where nobody can come back an id only says so: it is no place to go on from.
        return writer.pieces(), 0, Ids(writer.stream_id, owner).of if writer.window_s else str

    def _body(self) -> Body:
        request = self._request
        return Body(
            writer=self._writer,
            frames=self._frames,
            retry_ms=self._retry_ms,
            heartbeat_s=self._heartbeat_s,
            reader_gone=None if request is None or _under_asgi(request) else gone(request.META),
        )

    def __iter__(self) -> Iterator[bytes]:
        mine = self._iterator is self._content
        pieces: Iterator[bytes] = self._content if mine else super().__iter__()
        return pieces

    def __aiter__(self) -> AsyncIterator[bytes]:
        mine = self._iterator is self._content
        pieces: AsyncIterator[bytes] = aiter(self._content) if mine else super().__aiter__()
        return pieces

    def _discard(self) -> None:
        if self._writer is not None:
            self._writer.discard()


def _under_asgi(request: Any) -> bool:
    return hasattr(request, "scope")


def _seconds(name: str, value: Any, least: float = 0) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} is a number of seconds, not {value!r}")
    if not least <= value <= 86400:
        raise ValueError(f"{name} lies between {least:g} and 86,400 seconds, not {value!r}")
    return value


def _in_thread(callback: Any) -> Any:
    """A plain function, called where it may block and ask the database."""
    if callback is None or inspect.iscoroutinefunction(callback):
        return callback

    def call(value: Any) -> Any:
        try:
            return callback(value)
        finally:
            connections.close_all()  # this thread's

    async def called(value: Any) -> None:
        answer = await asyncio.to_thread(call, value)
        if inspect.isawaitable(answer):
            await answer

    return called


async def _nothing() -> AsyncGenerator[str, None]:
    return
    yield


async def _say(text: str) -> AsyncGenerator[str, None]:
    yield text


async def _stop(stream_id: str) -> AsyncGenerator[str, None]:
    await conf.store().stop(stream_id)
    return
    yield
