"""What ``manage.py check`` says about streaming.

E001  ASGI_APPLICATION is not set: there is no WebSocket without ASGI
E002  StreamConsumer is used, and Channels is not installed
E003  StreamConsumer is used, and "channels" is not in INSTALLED_APPS
E004  DJUST_STREAM has an unknown key
E005  DJUST_STREAM has a value out of range
E010  USER_CACHE names a cache that is not in CACHES
W001  a djust template has a dj-stream element that djust may empty when it renders again
W010  users' budgets are counted in a cache that loses counts
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.template import TemplateDoesNotExist
from django.template.loader import get_template
from django.urls import get_resolver

import djust_stream

from . import conf


@register("djust_stream")
def check_asgi(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """E001."""
    if getattr(settings, "ASGI_APPLICATION", None):
        return []
    return [
        Error(
            "ASGI_APPLICATION is not set: streams need WebSockets, and WSGI has none.",
            hint='Set ASGI_APPLICATION = "<project>.asgi.application" and serve it with uvicorn or daphne. '
            "If you only render Markdown, add djust_stream.E001 to SILENCED_SYSTEM_CHECKS.",
            id="djust_stream.E001",
        )
    ]


@register("djust_stream")
def check_channels(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """E002, E003."""
    if "djust_stream.consumer" not in sys.modules and "StreamConsumer" not in djust_stream._asked:
        return []
    if find_spec("channels") is None:
        return [
            Error(
                "StreamConsumer is used, and Channels is not installed.",
                hint="pip install djust-stream[channels]",
                id="djust_stream.E002",
            )
        ]
    if not apps.is_installed("channels"):
        return [
            Error(
                'StreamConsumer is used, and "channels" is not in INSTALLED_APPS.',
                hint='INSTALLED_APPS += ["channels"]',
                id="djust_stream.E003",
            )
        ]
    return []


@register("djust_stream")
def check_settings(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """E004, E005."""
    ids = {"unknown": "djust_stream.E004", "value": "djust_stream.E005"}
    return [
        Error(what, hint=remedy, id=ids[kind])
        for kind, what, remedy in conf.problems(getattr(settings, conf.NAME, {}))
    ]


#: Caches whose incr is a get and a set, or nothing.
_LOSING = ("DummyCache", "DatabaseCache", "FileBasedCache")


@register("djust_stream")
def check_budgets(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """E010, W010."""
    given = getattr(settings, conf.NAME, {})
    limits = ("USER_STREAMS", "USER_ANSWERS", "USER_TOKENS")
    if conf.problems(given) or not any(given.get(name) for name in limits):
        return []
    alias = given.get("USER_CACHE", "default")
    cache = settings.CACHES.get(alias)
    if cache is None:
        return [
            Error(
                f"{conf.NAME}['USER_CACHE'] is {alias!r}, and CACHES has no such cache.",
                hint=f"CACHES has {', '.join(settings.CACHES)}.",
                id="djust_stream.E010",
            )
        ]
    name = str(cache.get("BACKEND")).rpartition(".")[2]
    if name not in _LOSING:
        return []
    return [
        Warning(
            f"Budgets of users are counted in the cache {alias!r}, a {name}, which loses counts.",
            hint=f"Let {conf.NAME}['USER_CACHE'] name a Redis or Memcached cache.",
            id="djust_stream.W010",
        )
    ]


@register("djust_stream")
def check_templates(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """W001: djust's template knows nothing of what was streamed; the whole page's HTML has the template's."""
    with contextlib.suppress(Exception):  # Django's own check tells what is wrong with the URLs
        _ = get_resolver().url_patterns  # imports the views
    return [
        Warning(
            f"{view.__module__}.{view.__qualname__}: {tag} is emptied whenever djust sends the whole page.",
            hint='Add dj-update="ignore" and an id: the element\'s content is then left to the stream.',
            obj=view,
            id="djust_stream.W001",
        )
        for view in _live_views()
        for tag in _STREAM_TAG.findall(_template_of(view))
        if not _IGNORED.search(tag)
    ]


_STREAM_TAG = re.compile(r"<[a-zA-Z][^<>]*\sdj-stream\s*=[^<>]*>")
_IGNORED = re.compile(r"""\sdj-update\s*=\s*["']?ignore\b""")


def _live_views() -> Iterator[type]:
    """djust's views that stream by our mixin, as far as they have been imported."""
    live_view = getattr(sys.modules.get("djust.live_view"), "LiveView", None)
    if live_view is None or "StreamingMixin" not in djust_stream._asked:
        return
    waiting: list[type] = [djust_stream.StreamingMixin]
    while waiting:
        cls = waiting.pop()
        waiting += cls.__subclasses__()
        if issubclass(cls, live_view):
            yield cls


def _template_of(view: Any) -> str:
    """The source of its template; "" where there is none."""
    if isinstance(view.template, str):
        return view.template
    try:
        return str(get_template(view.template_name).template.source)
    except (TemplateDoesNotExist, AttributeError, TypeError):
        return ""
