"""The Django app: ``INSTALLED_APPS += ["djust_stream"]``."""

from __future__ import annotations

from django.apps import AppConfig


class DjustStreamConfig(AppConfig):
    """Static files, template tags and start-up checks."""

    name = "djust_stream"
    verbose_name = "Streaming"

    def ready(self) -> None:
        from . import checks  # noqa: F401  (registers them)
