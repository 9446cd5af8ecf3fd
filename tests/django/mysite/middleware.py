"""Middleware as one meets it in projects, and as one should not."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.gzip import GZipMiddleware

Next = Callable[[HttpRequest], HttpResponseBase]


class Policy:
    """A Content-Security-Policy on every response."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if settings.POLICY:
            response["Content-Security-Policy"] = settings.POLICY
        return response


class Collects(Policy):
    """Makes one body of a stream."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if response.streaming:
            whole = b"".join(map(response.make_bytes, response.streaming_content))
            return HttpResponse(whole, headers=dict(response.headers))
        return response


class Measures(Policy):
    """Takes every response for one with content."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response["X-Bytes"] = str(len(response.content))
        return response


class AsksForUser(Policy):
    """Sends every visitor to the log-in."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return HttpResponse(status=302, headers={"Location": "/login/"})


class CompressesAll(GZipMiddleware):
    """Compresses also what says that it is not to be."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        del response.headers["Content-Encoding"]
        return super().process_response(request, response)
