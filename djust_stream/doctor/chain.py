"""The project's middleware, with a stream sent through it in this process.

The law: no clock. The stream counts what it has been asked for, so a middleware that holds events back is
told from the count at the first event that comes out: one, when nothing is held.

    through([gzip])   ->  Passed(asked_for=20, …)     under WSGI, where gzip waits for a full block
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from io import BytesIO
from types import ModuleType
from typing import Any, NamedTuple

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.base import BaseHandler
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.urls import include, path

from .finding import Finding, error, ok, warning
from .view import STREAM_HEADERS, event
from .wire import Inflate

_PATH = "djust-stream-doctor/"
_EVENTS = 20
_HELD = 3  # a wrapper may read one event ahead


class Passed(NamedTuple):
    """What came out.

    asked_for: events taken from the view when the first arrived; status: 0 for an exception; members: gzip
    files begun by the second event, of which a browser reads the first.
    """

    asked_for: int
    status: int
    encoding: str
    members: int
    fault: str = ""

    @property
    def held(self) -> bool:
        return self.status == 200 and self.asked_for >= _HELD

    @property
    def torn(self) -> bool:
        """Whether each event is compressed for itself: the page gets the first, and never another."""
        return self.members > 1


def middleware() -> Iterator[Finding]:
    """Middleware that holds a stream back, compresses it, or cannot bear one."""
    chain = list(settings.MIDDLEWARE)
    ours, bare = through(chain), through(chain, bare=True)
    others = "" if ours.held or ours.encoding else " of other responses than StreamResponse"
    worst = ours if ours.held or ours.encoding else bare
    make = warning if others else error
    if ours.fault:
        yield error(
            "middleware",
            f"{_culprit(chain, 'fault')} raises {ours.fault} for a StreamingHttpResponse.",
            "A stream has no .content: in that middleware, leave responses with .streaming alone.",
        )
    elif worst.torn:
        yield make(
            "gzip",
            f"{_culprit(chain, 'torn', bool(others))} compresses each event{others} as a file of its own: "
            "browsers show the first and no other.",
            "Take GZipMiddleware out of MIDDLEWARE and let the proxy compress, but for text/event-stream.",
        )
    elif worst.held:
        yield make(
            "middleware",
            f"{_culprit(chain, 'held', bool(others))} holds back event streams{others}: {worst.asked_for} "
            "events had to be made before one came out.",
            "Take it out of MIDDLEWARE, or let it leave responses of type text/event-stream alone.",
        )
    elif worst.encoding:
        yield warning(
            "gzip",
            f"{_culprit(chain, 'encoding', bool(others))} compresses event streams{others}.",
            "Let the middleware leave responses of type text/event-stream alone.",
        )
    elif ours.status != 200:
        yield ok("middleware", f"Not tested: the middleware answers {ours.status} to a stranger's request.")
    else:
        yield ok("middleware", f"{len(chain)} middleware let each event through as it is made.")


def _culprit(chain: Sequence[str], trait: str, bare: bool = False) -> str:
    """The innermost middleware with which, and those inside it, the stream comes out so."""
    for first in reversed(range(len(chain))):
        if getattr(through(chain[first:], bare), trait):
            return chain[first].rpartition(".")[2]
    return "The view or its URL"


def through(chain: Sequence[str], bare: bool = False) -> Passed:
    """Send a stream through these middleware as the project's server would, ASGI or WSGI."""
    request = _request()
    before = settings.MIDDLEWARE, settings.DEBUG_PROPAGATE_EXCEPTIONS
    settings.MIDDLEWARE, settings.DEBUG_PROPAGATE_EXCEPTIONS = list(chain), True
    try:
        if getattr(settings, "ASGI_APPLICATION", None):
            return asyncio.run(_through_async(request, bare))
        return _through_sync(request, bare)
    except Exception as fault:
        return Passed(0, 0, "", 0, type(fault).__name__)
    finally:
        settings.MIDDLEWARE, settings.DEBUG_PROPAGATE_EXCEPTIONS = before


class _Stream:
    """A view that counts the events it has been asked for."""

    def __init__(self, bare: bool, is_async: bool) -> None:
        self.asked_for = 0
        self._bare = bare
        self._is_async = is_async

    def __call__(self, request: HttpRequest) -> StreamingHttpResponse:
        return StreamingHttpResponse(
            self._async() if self._is_async else self._sync(),
            content_type="text/event-stream",
            headers={} if self._bare else STREAM_HEADERS,
        )

    login_required = False

    def _sync(self) -> Iterator[str]:
        for number in range(_EVENTS):
            self.asked_for += 1
            yield event(number, 0)

    async def _async(self) -> AsyncIterator[str]:
        for one in self._sync():
            yield one

    def urlconf(self) -> ModuleType:
        """The project's URLs, and this view."""
        module = ModuleType("djust_stream.doctor.urls")
        patterns = [path(_PATH, self), path("", include(settings.ROOT_URLCONF))]
        module.urlpatterns = patterns  # type: ignore[attr-defined]
        return module


async def _through_async(request: Any, bare: bool) -> Passed:
    view, handler = _Stream(bare, True), BaseHandler()
    request.urlconf = view.urlconf()
    handler.load_middleware(is_async=True)
    response = await handler.get_response_async(request)
    reader = _Reader(view, response)
    if response.streaming:
        async for part in response:  # a stream that a middleware has made synchronous is read whole here
            if reader.has_event(part):
                break
    return reader.passed()


def _through_sync(request: Any, bare: bool) -> Passed:
    view, handler = _Stream(bare, False), BaseHandler()
    request.urlconf = view.urlconf()
    handler.load_middleware(is_async=False)
    response = handler.get_response(request)
    reader = _Reader(view, response)
    if response.streaming:
        for part in response:
            if reader.has_event(part):
                break
    return reader.passed()


class _Reader:
    """Looks for the first event in what comes out, and for a second compressed file."""

    def __init__(self, view: _Stream, response: HttpResponseBase) -> None:
        self._view = view
        self._response = response
        self._encoding = response.headers.get("Content-Encoding", "")
        self._inflate = Inflate(self._encoding)
        self._text = b""
        self._asked_for = 0

    def has_event(self, part: bytes) -> bool:
        """Whether all that is wanted has been seen."""
        self._text += self._inflate.feed(part)
        if not self._asked_for and b"\n\n" in self._text:
            self._asked_for = self._view.asked_for
        return bool(self._asked_for) and (not self._inflate.members or self._text.count(b"\n\n") > 1)

    def passed(self) -> Passed:
        encoding = "" if self._encoding.lower() == "identity" else self._encoding
        asked_for = self._asked_for or self._view.asked_for
        return Passed(asked_for, self._response.status_code, encoding, self._inflate.members)


def _request() -> Any:
    """A request that hosts, HTTPS redirects and locale middleware let pass."""
    allowed = [host.lstrip(".") for host in settings.ALLOWED_HOSTS if host.strip("*.")]
    host = allowed[0] if allowed else "localhost"
    headers = {"HTTP_HOST": host, "HTTP_ACCEPT": "text/event-stream", "HTTP_ACCEPT_ENCODING": "gzip"}
    if settings.SECURE_PROXY_SSL_HEADER:
        headers |= dict([settings.SECURE_PROXY_SSL_HEADER])
    if not getattr(settings, "ASGI_APPLICATION", None):
        return WSGIRequest(
            {
                "REQUEST_METHOD": "GET", "PATH_INFO": f"/{_PATH}", "SCRIPT_NAME": "", "QUERY_STRING": "",
                "SERVER_NAME": host, "SERVER_PORT": "443", "SERVER_PROTOCOL": "HTTP/1.1",
                "REMOTE_ADDR": "127.0.0.1", "wsgi.url_scheme": "https", "wsgi.input": BytesIO(), **headers,
            }
        )  # fmt: skip
    as_scope = [
        (name.removeprefix("HTTP_").replace("_", "-").lower().encode(), value.encode())
        for name, value in headers.items()
    ]
    return ASGIRequest(
        {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
            "path": f"/{_PATH}", "query_string": b"", "scheme": "https", "server": (host, 443),
            "client": ("127.0.0.1", 0), "headers": as_scope,
        },
        BytesIO(),
    )  # fmt: skip
