"""What breaks streaming in a deployment, and what to do about it: ``manage.py stream_doctor``.

    urlpatterns = [path("stream-probe/", djust_stream.doctor.probe), …]      # then
    python manage.py stream_doctor --url https://example.org/chat/

The law: a fault gives its finding, and a deployment without faults gives neither error nor warning.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings

from . import chain, project, services, site
from .finding import Finding, error
from .project import versions
from .view import probe

__all__ = ["Finding", "examine", "probe", "versions"]

_HEARTBEAT_S = 15.0


def examine(urls: Sequence[str] = (), timeout_s: float = 30.0) -> Iterator[Finding]:
    """All findings: of the settings, of the services they name, and of the site at these URLs.

    timeout_s: seconds for each URL. Raises ValueError for a URL that is none.
    """
    checks: list[Any] = [*project.CHECKS, chain.middleware, *services.CHECKS]
    for check in checks:
        try:
            yield from check()
        except Exception as fault:  # a broken project is what the doctor is for
            yield error("doctor", f"{check.__name__} failed: {type(fault).__name__}: {fault}",
                        "Mend what it names; manage.py check tells more.")  # fmt: skip
    for url in urls:
        yield from site.check_url(url, timeout_s, _heartbeat_s())


def _heartbeat_s() -> float:
    """Seconds between two heartbeats of an idle stream."""
    given = (getattr(settings, "DJUST_STREAM", None) or {}).get("HEARTBEAT_S", _HEARTBEAT_S)
    return float(given) if isinstance(given, int | float) and given > 0 else _HEARTBEAT_S
