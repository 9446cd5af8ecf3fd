"""A page, two event streams, and the doctor's probe."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template import engines
from django.urls import path

from djust_stream.doctor import probe

PAGE = (
    "<!DOCTYPE html><title>mysite</title><div dj-stream=answer></div>"
    "{% load djust_stream %}{% djust_stream_script url='/ws/chat/' %}"
)


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(engines["django"].from_string(PAGE).render({}, request))


def events(request: HttpRequest, wait_s: float, gap_s: float) -> StreamingHttpResponse:
    """Four events after a wait, so far apart."""

    def sync() -> Iterator[str]:
        for number in range(4):
            time.sleep(gap_s if number else wait_s)
            yield f"data: {number}\n\n"

    async def async_() -> AsyncIterator[str]:
        for number in range(4):
            await asyncio.sleep(gap_s if number else wait_s)
            yield f"data: {number}\n\n"

    body = async_() if isinstance(request, ASGIRequest) else sync()
    return StreamingHttpResponse(body, content_type="text/event-stream")


urlpatterns = [
    path("", page),
    path("events/", events, {"wait_s": 0, "gap_s": 0.2}),
    path("burst/", events, {"wait_s": 1.5, "gap_s": 0}),
]
if settings.HAS_PROBE:
    urlpatterns.append(path("stream-probe/", probe))
