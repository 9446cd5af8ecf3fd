"""Visit: what the page of one connection may ask for: to read a stream again, to follow one, to stop one.

    {"type": "stream.resume", "stream": "reply", "token": "…", "seq": 7}    what it was shown, after frame 7
    {"type": "stream.follow", "stream": "build", "id": "…"}                 what can_follow allows
    {"type": "stream.stop", "stream": "reply", "token": "…"}                its own, also after a reload

The law: a page is shown, and stops, only streams of its own connection, those for which it has a token that
was handed to the same user or session (access.py), and those that the view's ``can_follow`` and ``can_stop``
allow. Whatever else it asks for is answered as if there were no such stream. One cursor for each name; a
stream of that name that the connection itself begins takes its place.

tests/spec/wire.md has the messages; tests/test_visit.py, test_resume_server.py and test_access.py check.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
from collections.abc import Mapping
from typing import Any, Protocol
from weakref import proxy, ref

from asgiref.sync import sync_to_async
from django.db import close_old_connections

from . import access, ops
from .cursor import Cursor, gone
from .record import EPOCH
from .stores import Store
from .stream import Stream
from .streams import Streams

log = logging.getLogger("djust_stream")

#: So many streams of others a connection may follow at a time.
MAX_CURSORS = 100
_LAST_SEQ = 1 << 53


class View(Protocol):
    """What StreamingMixin has."""

    def stream_window_s(self, stream_name: str) -> float: ...

    def can_follow(self, user: Any, stream: str) -> Any: ...

    def can_stop(self, user: Any, stream: str) -> Any: ...

    def stop_stream(self, stream_name: str) -> Any: ...


class Visit:
    """One connection's page."""

    def __init__(
        self, view: View, streams: Streams, store: Store, scope: Mapping[str, Any], token_age_s: float
    ) -> None:
        self._view = ref(view)  # which owns us
        self._streams: Streams = proxy(streams)  # which has our methods
        self._reader = streams.reader
        self._store = store
        self._scope = scope
        self._token_age_s = token_age_s
        self._cursors: dict[str, Cursor] = {}
        self.resumes = False  # does the page keep tokens?

    def prompt(self) -> None:
        """Ask the script in a page of djust's, whose client speaks first, to say hello; from any thread."""
        self._reader.typed = True
        loop = self._reader.loop
        if loop is not None:
            loop.call_soon_threadsafe(lambda: self._reader.send(_Prompt()))

    def hello(self) -> None:
        """The page's script keeps tokens: here are those of the streams that it is being shown."""
        self.resumes = True
        for stream in list(self._streams.values()):
            if stream.ended is None and stream.record is not None:
                self._hand(stream)
                self._reader.send(stream)

    def opened(self, stream: Stream) -> None:
        """The connection begins a stream; before its first frame. From any thread."""
        record = stream.record
        assert record is not None
        record.on_follow = lambda: self._share(stream)
        record.on_stop = lambda: self._stop_own(stream)
        if self.resumes and not self._streams.away:
            self._hand(stream)
        loop = self._reader.loop
        if loop is asyncio._get_running_loop():
            self._drop(stream.name)  # now: nothing of the old stream may follow the new one's token
        elif loop is not None and stream.name in self._cursors:
            loop.call_soon_threadsafe(self._drop, stream.name)

    async def handle(self, content: Mapping[str, Any]) -> None:
        """Answer one message of the page."""
        kind = content.get("type")
        if self._reader.closed:
            return
        if kind == "stream.hello":
            self.hello()
        elif kind == "stream.stop":
            await self._stop(content.get("stream"), content.get("token"))
        elif kind == "stream.resume":
            await self._resume(content.get("stream"), content.get("token"), content)
        elif kind == "stream.follow":
            await self._follow(content.get("stream"), content.get("id"), content)

    def close(self) -> None:
        """The connection is gone."""
        for cursor in list(self._cursors.values()):
            cursor.close()
        self._cursors.clear()

    def window_s(self, name: str) -> float:
        """For how long a stream of that name goes on without a reader. Raises ValueError."""
        view = self._view()
        window_s = 0.0 if view is None else view.stream_window_s(name)
        if isinstance(window_s, bool) or not isinstance(window_s, int | float) or not 0 <= window_s <= 86400:
            raise ValueError(f"stream_window_s({name!r}) is 0 to 86,400 seconds, not {window_s!r}")
        return window_s

    # -- what the page asks for ------------------------------------------------------------------

    async def _resume(self, name: object, token: object, content: Mapping[str, Any]) -> None:
        grant = access.read(self._scope, token, self._token_age_s)
        seq = content.get("seq", 0)
        if grant is None or not self._read(grant.stream_id, grant.name, seq, grant.may_stop):
            await self._refuse(name, content.get("e"))

    async def _follow(self, name: object, stream_id: object, content: Mapping[str, Any]) -> None:
        user, view = self._scope.get("user"), self._view()
        if isinstance(stream_id, str) and isinstance(name, str) and view is not None:
            allowed = await self._ask(view.can_follow, user, stream_id)
            may_stop = allowed and await self._ask(view.can_stop, user, stream_id)
            seq = content.get("seq", 0)
            if allowed and not self._reader.closed and self._read(stream_id, name, seq, may_stop):
                return
        await self._refuse(name, content.get("e"))

    async def _stop(self, name: object, token: object) -> None:
        # Not awaited: the page is told when its connection takes it, and meanwhile we go on listening.
        grant = access.read(self._scope, token, self._token_age_s)
        own = self._streams.get(name) if isinstance(name, str) else None
        view = self._view()
        if own is not None and own.ended is None and view is not None:
            view.stop_stream(own.name)
        elif grant is not None and grant.may_stop:
            await self._store.stop(grant.stream_id)
        elif own is None:
            log.info("a stop for no stream of the page's: %.200r", name)

    # -- inside ------------------------------------------------------------------------------------

    async def _ask(self, allowed: Any, user: Any, stream_id: str) -> bool:
        """The answer of can_follow or can_stop; no, when it fails: that must not cost a page its streams."""
        try:
            if inspect.iscoroutinefunction(allowed):
                return bool(await allowed(user, stream_id))
            answer = await sync_to_async(_in_thread)(allowed, user, stream_id)
            # A decorator may hide that it is a coroutine function, and a coroutine is true.
            return bool(await answer if inspect.isawaitable(answer) else answer)
        except Exception:
            log.exception("%s has failed: its page is refused", getattr(allowed, "__qualname__", allowed))
            return False

    def _read(self, stream_id: str, name: str, seq: object, may_stop: bool) -> bool:
        """Show the page what comes after frame seq; False: not possible."""
        if isinstance(seq, bool) or not isinstance(seq, int) or not 0 <= seq < _LAST_SEQ:
            return False
        try:
            ops.check_name(name)
        except (TypeError, ValueError):
            return False
        own = self._streams.get(name)
        if own is not None and own.record is not None and own.record.id == stream_id:
            own.detach(self._streams.reader_away())
        elif own is not None and own.ended is None:
            return False  # the connection shows another stream there
        self._drop(name)
        if len(self._cursors) >= MAX_CURSORS:
            return False
        cursor = Cursor(self._store, self._reader, stream_id, name, seq)
        token = access.issue(self._scope, stream_id, name, may_stop=may_stop)
        cursor.greeting = _token_message(name, cursor.epoch, token)
        self._begin(cursor)
        self._reader.send(cursor)
        return True

    def _share(self, stream: Stream) -> None:
        """Somebody else follows a stream of this connection: its own page becomes one of the readers."""
        if self.resumes and stream.reader is self._reader and not self._reader.closed and not stream.ended:
            record = stream.record
            assert record is not None
            seen = stream.seq  # to detach it takes a frame
            stream.detach(self._streams.reader_away())
            self._drop(stream.name)
            self._begin(Cursor(self._store, self._reader, record.id, stream.name, seen))

    def _begin(self, cursor: Cursor) -> None:
        def forget(cursor: Cursor) -> None:
            if self._cursors.get(cursor.name) is cursor:
                del self._cursors[cursor.name]

        cursor.on_end = forget
        self._cursors[cursor.name] = cursor
        cursor.start()

    def _drop(self, name: str) -> None:
        cursor = self._cursors.pop(name, None)
        if cursor is not None:
            cursor.close()

    def _stop_own(self, stream: Stream) -> None:
        """Somebody who may has asked, from another connection."""
        view = self._view()
        if view is not None and self._streams.get(stream.name) is stream and stream.ended is None:
            view.stop_stream(stream.name)

    def _hand(self, stream: Stream) -> None:
        record = stream.record
        assert record is not None
        record.handed = True
        token = access.issue(self._scope, record.id, stream.name, may_stop=True)
        stream.greeting = _token_message(stream.name, record.epoch, token)

    async def _refuse(self, name: object, epoch: object) -> None:
        if isinstance(name, str) and not self._reader.closed:
            given = epoch if isinstance(epoch, str) else ""
            await self._reader.sink.send(gone(name[: ops.MAX_NAME], given[:EPOCH]))


class _Prompt:
    """The message before the first one."""

    name = ""
    greeting: str | None = None

    def take(self) -> str:
        return '{"type":"stream","visit":true}'

    def fail(self) -> str:
        return self.take()


def _in_thread(allowed: Any, user: Any, stream_id: str) -> Any:
    """It may ask the database, whose connection outlives no request here: a stale one would stay for ever."""
    close_old_connections()
    try:
        return allowed(user, stream_id)
    finally:
        close_old_connections()


def _token_message(name: str, epoch: str, token: str) -> str:
    return json.dumps({"type": "stream", "token": token, "s": name, "e": epoch}, separators=(",", ":"))
