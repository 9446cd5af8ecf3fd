"""Plain views that stream server-sent events: sync and async, from sync and async sources.

A source does what its path says. "gate" waits for POST /sse/go/?gate=NAME before its second half, so that a
test knows what has arrived before the rest was made. ?for=NAME names a source, whose state /sse/state/ tells.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.middleware.csrf import get_token
from django.urls import path
from django.views.decorators.csrf import csrf_exempt, csrf_protect, ensure_csrf_cookie
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_POST

from djust_stream.sse import StreamResponse, sse_format

#: name -> what has happened to the source of that name
STATES: dict[str, list[str]] = {}
GATES: dict[str, bool] = {}


def note(name: str, what: str) -> None:
    STATES.setdefault(name, []).append(what)


def pieces(kind: str, name: str) -> Iterator[Any]:
    """What a source yields; None: wait a little, and look again."""
    if kind == "text":
        yield from ["Hel", "lo **bo", "ld**\n", "- one\n- t", "wo\n"]
    elif kind == "gate":
        yield "before "
        while not GATES.pop(name, False):
            yield None
        yield "after"
    elif kind == "idle":
        yield "before "
        while True:
            yield None
    elif kind == "flow":
        while True:
            yield "word "
            yield None
    elif kind == "fail":
        yield "before "
        raise ValueError("key=sk-secret is not valid")
    elif kind == "usage":
        delta = {"choices": [{"index": 0, "delta": {"content": "Hello"}, "finish_reason": None}]}
        yield {"object": "chat.completion.chunk"} | delta
        yield {
            "object": "chat.completion.chunk",
            "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
        }
        yield {
            "object": "chat.completion.chunk",
            "choices": [],
            "usage": {"prompt_tokens": 7, "completion_tokens": 3},
        }


def sync_source(kind: str, name: str) -> Iterator[Any]:
    note(name, "begun")
    try:
        for piece in pieces(kind, name):
            if piece is None:
                time.sleep(0.01)
            else:
                yield piece
    finally:
        note(name, "closed")


async def async_source(kind: str, name: str) -> AsyncIterator[Any]:
    note(name, "begun")
    try:
        for piece in pieces(kind, name):
            if piece is None:
                await asyncio.sleep(0.01)
            else:
                yield piece
    finally:
        note(name, "closed")


def model(request: HttpRequest, sync: bool) -> Any:
    """A real SDK's stream from a ModelServer."""
    import model_clients

    return model_clients.PROVIDERS[request.GET.get("sdk", "openai")](
        request.GET["model"], request.GET["scenario"], sync
    )


def answer(request: HttpRequest, kind: str, sync: bool) -> HttpResponseBase:
    options: dict[str, Any] = {
        name: json.loads(request.GET[name])
        for name in ("resume_s", "heartbeat_s", "markdown", "retry_s", "idle_timeout_s")
        if name in request.GET
    }
    name = request.GET.get("for", "")
    source: Any
    if "model" in request.GET:
        source = model(request, sync)
    else:
        source = lambda: (sync_source if sync else async_source)(kind, name)  # noqa: E731
    return StreamResponse(source, request, name=request.GET.get("name"), **options)


def sync_view(request: HttpRequest, kind: str, source: str) -> HttpResponseBase:
    return answer(request, kind, source == "sync")


async def async_view(request: HttpRequest, kind: str, source: str) -> HttpResponseBase:
    return answer(request, kind, source == "sync")


@require_POST
@csrf_protect
def ask(request: HttpRequest) -> HttpResponseBase:
    """What a form posts: its prompt comes back."""
    prompt = request.POST.get("prompt", "").strip()
    if not prompt:
        return HttpResponse("There is no prompt.", status=400, content_type="text/plain")
    return StreamResponse(lambda: iter([f"You said: **{prompt}**"]), request, name="reply")


@csrf_exempt
@require_POST
async def document(request: HttpRequest) -> HttpResponseBase:
    """The posted text, in pieces."""
    text = request.POST["text"]

    async def source() -> AsyncIterator[str]:
        for start in range(0, len(text), 400):
            yield text[start : start + 400]
            await asyncio.sleep(0)

    return StreamResponse(source, request, name="reply")


def go(request: HttpRequest) -> HttpResponse:
    GATES[request.GET["gate"]] = True
    return HttpResponse("ok")


def state(request: HttpRequest) -> JsonResponse:
    from djust_stream.sse import slots

    threads = [thread.name for thread in threading.enumerate() if thread.name.startswith("djust_stream")]
    return JsonResponse(
        {"states": STATES.get(request.GET.get("for", ""), []), "slots": slots.taken(), "threads": threads}
    )


PAGE = """<!doctype html><html><head><meta charset="utf-8"><title>sse</title>
<script type="module" src="/static/djust_stream/djust-stream.js"{data}></script></head>
<body><form><input type="hidden" name="csrfmiddlewaretoken" value="{token}"><input name="prompt"></form>
<div dj-stream="reply"></div><button data-stream-stop="reply">Stop</button></body></html>"""


@ensure_csrf_cookie
def page(request: HttpRequest) -> HttpResponse:
    data = f' data-sse="{request.GET["sse"]}"' if "sse" in request.GET else ""
    return HttpResponse(PAGE.format(token=get_token(request), data=data))


def raw(request: HttpRequest) -> StreamingHttpResponse:
    """An event stream as the test writes it, piece by piece."""

    async def parts() -> AsyncIterator[bytes]:
        for part in json.loads(request.GET["parts"]):
            yield part.encode("latin-1")
            await asyncio.sleep(0.01)
        yield sse_format("end", "last").encode()

    return StreamingHttpResponse(parts(), content_type="text/event-stream")


urlpatterns = [
    path("sse/sync/<str:kind>/<str:source>/", sync_view),
    path("sse/async/<str:kind>/<str:source>/", async_view),
    path("sse/gzip/<str:kind>/<str:source>/", gzip_page(sync_view)),
    path("sse/ask/", ask),
    path("sse/document/", document),
    path("sse/go/", go),
    path("sse/state/", state),
    path("sse/page/", page),
    path("sse/raw/", raw),
]
