"""Upstream: a source, whatever it is, as one async iterator of chunks that can be closed.

    upstream = Upstream(source)
    try:
        async for chunk in upstream.chunks(): …
    finally:
        await upstream.close()

A source is an async or a sync iterator; a context manager that gives one; a response of httpx; a coroutine
that returns one of these; a function that does (called anew for a retry); or one chunk.

The law: the loop never blocks, and when ``close`` returns the connection to the provider is closed, whoever
holds it. An async source closes by itself when its task is cancelled. A sync one lives in a thread of its
own, which may wait in ``recv``, and closing a socket under a waiting ``recv`` does neither wake it nor close
anything: so the socket that the thread waits at is shut down, which does both.

Whatever the source raises comes out as a SourceError; what is no source at all is a TypeError. Checked by
tests/test_source_run.py, and with the SDKs by tests/test_source_wire.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import socket
import sys
import threading
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextvars import copy_context
from types import FrameType
from typing import Any

from .chunk import is_known, read
from .errors import SourceError, classify
from .held import responses_of
from .wire import Text, Wire

log = logging.getLogger("djust_stream")

_TEXT = (str, bytes)


class NoSourceError(TypeError):
    """What was given cannot bring anything: a mistake of the caller's, not of a provider's."""


class Upstream:
    """One source, opened once."""

    def __init__(self, source: Any) -> None:
        self._source = source
        self._thread: _Thread | None = None
        self._opened: list[Any] = []  # what has to be closed, outermost first
        self._stream: Any = None  # what is iterated

    async def chunks(self) -> AsyncGenerator[Any, None]:
        """What the source yields; raises SourceError, or NoSourceError."""
        try:
            items = await self._open(self._source)
            text = Text()
            first = True
            async for item in items:
                if first:
                    first, self._stream = False, _inside_router(self._stream)
                if isinstance(item, _TEXT):
                    for chunk in text.feed(item):
                        yield chunk
                else:
                    yield item
            for chunk in text.end():
                yield chunk
        except (SourceError, NoSourceError):
            raise
        except Exception as error:
            raise classify(error) from error

    async def close(self) -> None:
        """Close the connection to the provider. May be called again; never raises but when cancelled."""
        opened, self._opened = self._opened, []
        for thing in reversed(opened):
            held = responses_of(thing)
            await _close(thing)
            for response in held:
                await _close(response)
        if self._thread is not None:
            await self._thread.close()
        elif not opened and inspect.iscoroutine(self._source):
            self._source.close()  # never begun

    def lacks_end(self) -> bool:
        """Has litellm made up the last chunk, because the provider's stream just ceased?"""
        stream = self._stream
        if hasattr(stream, "_async_generator") or not hasattr(stream, "received_finish_reason"):
            return False
        # Of Gemini it notes only the second, and that from the first chunk on: no end is missed there.
        names = ("received_finish_reason", "intermittent_finish_reason")
        return all(getattr(stream, name, None) is None for name in names)

    async def _open(self, source: Any) -> AsyncIterator[Any]:
        """An async iterator of what the source yields."""
        while True:
            if inspect.iscoroutinefunction(source) or inspect.isasyncgenfunction(source):
                source = source()
            elif isinstance(source, Awaitable) and not hasattr(source, "__aiter__"):
                source = await source
            elif _is_function(source):
                # It may ask the provider at once, and block: not in the loop.
                source = await self._in_thread().call(source)
            else:
                break
        self._opened.append(source)
        self._stream = source
        if _is_response(source):
            chunks = _response_chunks(source) if _is_async(source) else self._iterate(_wire_chunks(source))
        elif hasattr(source, "__aiter__") and not _is_sync_litellm(source):
            chunks = aiter(source)
        elif hasattr(source, "__aenter__"):
            chunks = await self._open(await source.__aenter__())
        elif hasattr(source, "__iter__") and not _is_chunk(source):
            chunks = self._iterate(source)
        elif hasattr(source, "__enter__"):
            chunks = await self._open(await self._in_thread().call(source.__enter__))
        elif _is_chunk(source) or read(source) or is_known(source):
            chunks = _one(source)
        else:
            raise NoSourceError(
                f"a source is an iterator of text or of an SDK's chunks, or a function that makes one, not "
                f"{source!r:.80}"
                + (": does a function not return what it has made?" if source is None else "")
            )
        return chunks

    def _in_thread(self) -> _Thread:
        if self._thread is None:
            self._thread = _Thread()
        return self._thread

    def _iterate(self, source: Any) -> AsyncIterator[Any]:
        # Sync things are closed by their own thread: it is theirs.
        thread = self._in_thread()
        thread.owned = [thing for thing in self._opened if not _is_async(thing)] + [source]
        self._opened = [thing for thing in self._opened if _is_async(thing)]
        return thread.iterate(source)


class _Thread:
    """A thread for one source, with a bounded queue into the event loop."""

    #: So many items may wait for the loop before the thread waits.
    AHEAD = 256

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._work: deque[Callable[[], None]] = deque()
        self._has_work = threading.Semaphore(0)
        self._room = threading.Semaphore(self.AHEAD)
        self._items: deque[Any] = deque()
        self._arrived = asyncio.Event()
        self._signalled = False
        self._closing = False
        self._source: Any = None
        self.owned: list[Any] = []  # to be closed here, outermost first
        self._greenlet: Any = None  # that it is, under gevent
        context = copy_context()
        self._thread = threading.Thread(
            target=lambda: context.run(self._main), name="djust_stream source", daemon=True
        )
        self._thread.start()

    async def call(self, function: Callable[[], Any]) -> Any:
        """What the function returns, called in the thread."""
        future: asyncio.Future[Any] = self._loop.create_future()

        def work() -> None:
            try:
                value = function()
            except BaseException as error:
                self._tell(_settle, future, None, error)
            else:
                if self._closing:
                    _close_sync(value)  # asked for, and no longer wanted
                self._tell(_settle, future, value, None)

        self._submit(work)
        return await future

    async def iterate(self, source: Any) -> AsyncIterator[Any]:
        """The items of a sync iterable, fetched in the thread."""
        self._source = source
        self._submit(self._fetch)
        items = self._items
        while True:
            while items:
                item = items.popleft()
                if isinstance(item, _End):
                    if item.error is not None:
                        raise item.error
                    return
                self._room.release()
                yield item
            self._signalled = False
            if not items:
                await self._arrived.wait()
            self._arrived.clear()

    async def close(self) -> None:
        """End the thread, wherever it waits: up to two seconds, then it is left to itself."""
        self._closing = True
        self._room.release()
        self._has_work.release()
        for _ in range(400):
            if not self._thread.is_alive():
                return
            _wake(self._frame())
            await asyncio.sleep(0.005)
        log.warning("a sync source does not end when it is stopped: its thread is left behind")

    def _frame(self) -> FrameType | None:
        """What it executes."""
        frame: FrameType | None = getattr(self._greenlet, "gr_frame", None)
        return frame or sys._current_frames().get(self._thread.ident or 0)

    # -- in the thread --------------------------------------------------------------------------

    def _main(self) -> None:
        if "gevent.monkey" in sys.modules:
            self._greenlet = sys.modules["greenlet"].getcurrent()
        try:
            while not self._closing:
                self._has_work.acquire()
                while self._work and not self._closing:
                    self._work.popleft()()
        finally:
            for thing in reversed(self.owned):
                held = responses_of(thing)
                _close_sync(thing)
                for response in held:
                    _close_sync(response)
            if database := sys.modules.get("django.db"):
                database.connections.close_all()  # those of this thread: the source may have asked for rows

    def _fetch(self) -> None:
        try:
            for item in self._source:
                self._room.acquire()
                if self._closing:
                    return
                self._put(item)
        except BaseException as error:
            self._put(_End(error if isinstance(error, Exception) else RuntimeError(repr(error))))
        else:
            self._put(_End(None))

    def _put(self, item: Any) -> None:
        self._items.append(item)
        if not self._signalled:
            self._signalled = True
            self._tell(self._arrived.set)

    def _submit(self, work: Callable[[], None]) -> None:
        self._work.append(work)
        self._has_work.release()

    def _tell(self, call: Callable[..., object], *args: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(call, *args)


class _End:
    """The last item: how the iterator has ended."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error


def _settle(future: asyncio.Future[Any], value: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error if isinstance(error, Exception) else RuntimeError(repr(error)))


def _wake(frame: FrameType | None) -> None:
    """Shut down the socket that the thread waits at, if it waits at one: the innermost its frames know."""
    while frame is not None:
        for value in list(frame.f_locals.values()):
            found = value if isinstance(value, socket.socket) else _held_socket(value)
            if found is not None:
                # Not SSLSocket's own, which would want to talk to the peer first.
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(found, socket.SHUT_RDWR)
                return
        frame = frame.f_back


def _held_socket(value: Any) -> socket.socket | None:
    with contextlib.suppress(Exception):  # whatever asking a stranger for an attribute sets off
        if isinstance(value._sock, socket.socket):
            return value._sock
    return None


# -- what kind of thing a source is ---------------------------------------------------------------------


def _is_function(source: Any) -> bool:
    return callable(source) and not any(
        hasattr(source, name) for name in ("__aiter__", "__iter__", "__aenter__", "__enter__")
    )


def _is_chunk(source: Any) -> bool:
    """One chunk or whole answer rather than many: pydantic's models iterate too, over their fields."""
    return isinstance(source, str | bytes | Mapping) or hasattr(type(source), "model_fields")


def _is_async(source: Any) -> bool:
    if _is_response(source):
        return _is_async_response(source)
    return (hasattr(source, "__aiter__") and not _is_sync_litellm(source)) or hasattr(source, "__aenter__")


def _is_sync_litellm(source: Any) -> bool:
    """litellm's wrapper iterates both ways, but what it wraps only one."""
    inner = getattr(source, "completion_stream", None)
    if inner is None and callable(
        call := getattr(source, "make_call", None)
    ):  # it will ask when it is iterated
        return not inspect.iscoroutinefunction(getattr(call, "func", call))
    inner = getattr(inner, "streaming_response", inner)
    return hasattr(inner, "__iter__") and not hasattr(inner, "__aiter__")


def _is_response(source: Any) -> bool:
    return hasattr(source, "aiter_bytes") and hasattr(source, "iter_bytes")


def _is_async_response(response: Any) -> bool:
    return hasattr(response.stream, "__aiter__") and not hasattr(response.stream, "__iter__")


async def _response_chunks(response: Any) -> AsyncIterator[Any]:
    if response.is_error:
        await response.aread()
        response.raise_for_status()
    wire = Wire()
    async for piece in response.aiter_bytes():
        for chunk in wire.feed(piece):
            yield chunk
    for chunk in wire.end():
        yield chunk


def _wire_chunks(response: Any) -> Any:
    try:
        if response.is_error:
            response.read()
            response.raise_for_status()
        wire = Wire()
        for piece in response.iter_bytes():
            yield from wire.feed(piece)
        yield from wire.end()
    finally:
        response.close()


def _inside_router(stream: Any) -> Any:
    """The stream that litellm's Router hands through, once its first chunk is there; only that one knows how
    it has ended. Anything else as it is."""
    for _ in range(8):  # a fallback may be one, too
        frame = getattr(getattr(stream, "_async_generator", None), "ag_frame", None)
        inner = frame and (frame.f_locals.get("fallback_response") or frame.f_locals.get("model_response"))
        if not inner:
            break
        stream = inner
    return stream


async def _one(chunk: Any) -> AsyncIterator[Any]:
    yield chunk


# -- closing ----------------------------------------------------------------------------------------------


async def _close(thing: Any) -> None:
    """Close what is async: by the first of its ways to be closed that it has."""
    for name in ("aclose", "close", "__aexit__"):
        close = getattr(thing, name, None)
        if not callable(close):
            continue
        try:
            closing = close(None, None, None) if name == "__aexit__" else close()
            if isinstance(closing, Awaitable):
                await closing
        except Exception as error:
            log.debug("closing %s: %r", type(thing).__name__, error)
        return


def _close_sync(thing: Any) -> None:
    for name in ("close", "__exit__"):
        close = getattr(thing, name, None)
        if callable(close):
            with contextlib.suppress(Exception):
                close(None, None, None) if name == "__exit__" else close()
            return
