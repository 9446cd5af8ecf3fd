"""The probe: a view that streams what the doctor then measures.

    from djust_stream.doctor import probe
    urlpatterns = [path("stream-probe/", probe), …]

The law: who does not hold the project's SECRET_KEY gets a 404. The doctor signs each request anew, in a
header, so the view can stay in a public site; what one request may ask for is bounded.

Each event carries the second of its sending, so that what a slow server adds is not taken for a buffer.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

from django.core import signing
from django.core.handlers.asgi import ASGIRequest
from django.http import Http404, HttpRequest, StreamingHttpResponse

HEADER = "X-Djust-Stream-Probe"
#: What StreamResponse says: no cache; to nginx, no buffer; to GZipMiddleware, that it has been here.
STREAM_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no", "Content-Encoding": "identity"}
MAX_EVENTS = 50
MAX_GAP_S = 120.0

_TOKEN_AGE_S = 300
_SERVERS = ("uvicorn", "daphne", "hypercorn", "granian", "gunicorn")


def token() -> str:
    """What the doctor sends in HEADER."""
    return str(_signer().sign("probe"))


def _signer() -> Any:
    return signing.TimestampSigner(salt="djust_stream.doctor")


def probe(request: HttpRequest) -> StreamingHttpResponse:
    """So many ``events``, ``gap`` seconds apart; with ``bare=1``, without STREAM_HEADERS.

    Raises Http404 without the doctor's signature, and for numbers out of bounds.
    """
    try:
        _signer().unsign(request.headers.get(HEADER, ""), max_age=_TOKEN_AGE_S)
        count, gap_s = int(request.GET.get("events", 5)), float(request.GET.get("gap", 0.2))
    except (signing.BadSignature, ValueError):
        raise Http404 from None
    if not (1 <= count <= MAX_EVENTS and 0 <= gap_s <= MAX_GAP_S):
        raise Http404
    facts = _facts(request)
    is_async = isinstance(request, ASGIRequest)
    response = StreamingHttpResponse(
        _sleeping(count, gap_s, facts) if is_async else _blocking(count, gap_s, facts),
        content_type="text/event-stream",
        headers={} if request.GET.get("bare") else STREAM_HEADERS,
    )
    response.headers[HEADER] = "1"
    return response


probe.login_required = False  # type: ignore[attr-defined]  # for Django's LoginRequiredMiddleware


def event(number: int, sent_s: float, **facts: Any) -> str:
    """One event of the probe."""
    return f"id: {number}\ndata: {json.dumps({'n': number, 't': round(sent_s, 4), **facts})}\n\n"


async def _sleeping(count: int, gap_s: float, facts: dict[str, Any]) -> AsyncIterator[str]:
    began = time.monotonic()
    for number in range(count):
        if number:
            await asyncio.sleep(gap_s)
        yield event(number, time.monotonic() - began, **({} if number else facts))


def _blocking(count: int, gap_s: float, facts: dict[str, Any]) -> Iterator[str]:
    began = time.monotonic()
    for number in range(count):
        if number:
            time.sleep(gap_s)
        yield event(number, time.monotonic() - began, **({} if number else facts))


def _facts(request: HttpRequest) -> dict[str, Any]:
    """How the request has come: what only the server's side can see."""
    return {
        "asgi": isinstance(request, ASGIRequest),
        "server": next((name for name in _SERVERS if name in sys.modules), ""),
        "threads": bool(request.META.get("wsgi.multithread", True)),
        "secure": request.is_secure(),
        "host": request.META.get("HTTP_HOST", ""),
    }
