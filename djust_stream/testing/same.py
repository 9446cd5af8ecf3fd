"""Any chunking shows the same page: your consumer, view or function, run with one text cut in many ways.

    def test_chat(scripted_source):
        source = scripted_source("myapp.llm.tokens", "Hello **world**")
        assert_same_page(Chat, source, ask={"question": "Hi"})

``play`` runs it once and gives the page. Both are for plain test functions: they make an event loop of their
own, whose time passes at once (clock.py).

The law: what streams is applied as the client applies it, in djust's form and, with every second seed, in the
compact form (a djust view: in djust's). A run is over when every stream that came has ended.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from .clock import run
from .page import Page
from .source import ScriptedSource

Until = Callable[[Page], bool]

#: Seconds: of the machine without anything happening, and of the loop for one run.
_STUCK_S = 10.0
_LONGEST_S = 3600.0
#: Where the page comes from: the name that Django's own tests use.
_HOST = "testserver"


def is_over(page: Page) -> bool:
    """Something has streamed, and all of it has ended."""
    return bool(page.ended) and not page.active


def assert_same_page(
    target: Any,
    source: str | ScriptedSource,
    *,
    ask: Any = None,
    seeds: Iterable[int] = range(20),
    path: str = "/",
    until: Until = is_over,
) -> Page:
    """Assert that a text shows one page, whole and in the pieces that each seed makes of it; that page.

    target: a StreamConsumer class; a djust LiveView class with StreamingMixin, importable by its module and
    name; or a coroutine function of (view, source), view being an object with the streaming methods.
    source: what your code iterates, because you have put it there; for a function also a str.
    ask: for a consumer the message that the page sends, or a list of them; for a view the handler and its
    parameters, ``("ask", {"question": "Hi"})``. path: of the URL. until: when to stop looking.
    Raises AssertionError with the seed, the pieces and both pages; TimeoutError when a stream does not end.
    """
    scripted = ScriptedSource(source) if isinstance(source, str) else source
    options = {"ask": ask, "path": path, "until": until}
    whole = play(target, scripted.cut(None), **options)
    expected = (whole.shown(), whole.ended)
    for seed in seeds:
        page = play(target, scripted.cut(seed), compact=seed % 2 == 1, **options)
        if (page.shown(), page.ended) != expected or page.gaps:
            raise AssertionError(
                f"seed {seed} shows another page than the whole text\n  pieces: {scripted.pieces()!r:.2000}\n"
                f"  shown:  {(page.shown(), page.ended)!r}\n  whole:  {expected!r}\n  gaps:   {page.gaps}"
            )
    scripted.cut(None)
    return whole


def play(
    target: Any,
    source: str | ScriptedSource,
    *,
    ask: Any = None,
    path: str = "/",
    until: Until = is_over,
    compact: bool = False,
) -> Page:
    """The page after one run, as assert_same_page makes it. compact: in our client's form, not djust's."""
    scripted = ScriptedSource(source) if isinstance(source, str) else source
    page = Page()
    playing: Coroutine[Any, Any, None]
    if inspect.iscoroutinefunction(target):
        playing = _play_function(target, scripted, page, compact)
    elif not isinstance(target, type):
        raise TypeError(f"not a consumer, a view or a coroutine function of (view, source): {target!r}")
    elif hasattr(target, "as_asgi"):
        hello = [{"type": "stream.hello", "form": "compact"}] if compact else []
        asked = ask if isinstance(ask, list) else [] if ask is None else [ask]
        playing = _play_consumer(target, page, hello + asked, path, until)
    else:
        playing = _play_view(target, page, ask, path, until)

    async def in_time() -> None:
        try:
            await asyncio.wait_for(playing, _LONGEST_S)
        except (asyncio.TimeoutError, TimeoutError):
            raise TimeoutError(
                f"nothing more happens, and not all has ended: {page.active or 'no stream has come'}; "
                f"other messages: {page.messages!r:.1000}"
            ) from None

    from django.conf import settings
    from django.test.utils import override_settings

    # Without a test runner that has set Django's test environment up the host of tests is nobody's.
    with override_settings(ALLOWED_HOSTS=[*settings.ALLOWED_HOSTS, _HOST]):
        run(in_time(), limit_s=_STUCK_S)
    return page


async def _play_function(function: Any, source: ScriptedSource, page: Page, compact: bool) -> None:
    from .._core import FORM_COMPACT
    from ..mixin import StreamingMixin

    class Screen:
        async def send(self, text_data: str) -> None:
            page.apply(text_data)

    class View(StreamingMixin):
        pass

    view: Any = View()
    view._ws_consumer = Screen()
    streams = view._djust_streams
    if compact:
        streams.reader.sink.form = FORM_COMPACT
    await function(view, source)
    await asyncio.gather(*(view._djust_tasks or {}).values(), return_exceptions=True)
    await streams.flush()
    view.stream_detach()


async def _play_consumer(target: Any, page: Page, ask: list[Any], path: str, until: Until) -> None:
    async with _Socket(target.as_asgi(), path) as socket:
        for message in ask:
            await socket.send(message)
        while not until(page):
            page.apply(await socket.receive())


async def _play_view(target: Any, page: Page, ask: Any, path: str, until: Until) -> None:
    from djust.websocket import LiveViewConsumer

    name = f"{target.__module__}.{target.__qualname__}"
    async with _Socket(LiveViewConsumer.as_asgi(), path) as socket:
        await socket.send({"type": "mount", "view": name, "url": path, "params": {}})
        while (answer := json.loads(await socket.receive())).get("type") != "mount":
            if answer.get("type") == "error":
                raise RuntimeError(f"djust does not mount {name}: {answer}")
        handler, params = ask
        await socket.send({"type": "event", "event": handler, "params": params, "ref": 1})
        while not until(page):
            page.apply(await socket.receive())


class _Socket:
    """A WebSocket to an ASGI application in this process."""

    def __init__(self, application: Any, path: str) -> None:
        from django.contrib.sessions.backends.signed_cookies import SessionStore

        self._application = application
        self._scope = {
            "type": "websocket",
            "path": path,
            "headers": [(b"host", _HOST.encode()), (b"origin", f"http://{_HOST}".encode())],
            "query_string": b"",
            "subprotocols": [],
            "url_route": {"args": (), "kwargs": {}},
            "session": SessionStore(),
        }
        self._in: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._out: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def __aenter__(self) -> _Socket:
        self._task = asyncio.ensure_future(self._application(self._scope, self._in.get, self._out.put))
        self._in.put_nowait({"type": "websocket.connect"})
        answer = await self._next()
        if answer["type"] != "websocket.accept":
            raise ConnectionError(f"the connection is refused: {answer}")
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._in.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await asyncio.wait({self._task}, timeout=5)
        self._task.cancel()
        await asyncio.wait({self._task})

    async def send(self, message: Any) -> None:
        self._in.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})

    async def receive(self) -> str:
        """The next text. Raises ConnectionError when the other side closes, and what it has raised."""
        answer = await self._next()
        if answer["type"] != "websocket.send":
            raise ConnectionError(f"the server closes the connection: {answer}")
        return str(answer["text"])

    async def _next(self) -> dict[str, Any]:
        waiting = asyncio.ensure_future(self._out.get())
        await asyncio.wait({waiting, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            return waiting.result()
        waiting.cancel()
        self._task.result()
        raise ConnectionError("the application has returned")
