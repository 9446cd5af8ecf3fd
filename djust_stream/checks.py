"""What ``manage.py check`` says about streaming.

E001  ASGI_APPLICATION is not set: there is no WebSocket without ASGI
E002  StreamConsumer is used, and Channels is not installed
E003  StreamConsumer is used, and "channels" is not in INSTALLED_APPS
E004  DJUST_STREAM has an unknown key
E005  DJUST_STREAM has a value out of range
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

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
