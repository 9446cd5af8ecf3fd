"""What the doctor says: findings without secrets.

The law: no finding holds SECRET_KEY, a password, or what stands before the @ or after the ? of a URL. So a
Finding is made by error(), warning() and ok() alone, which mask.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from django.conf import settings

Level = Literal["error", "warning", "ok"]
PAGE = "docs/deployment.md"


class Finding(NamedTuple):
    """One thing seen. name: of its section in the deployment page. remedy: empty where all is well."""

    level: Level
    name: str
    says: str
    remedy: str = ""

    @property
    def see(self) -> str:
        return f"{PAGE}#{self.name}"


def error(name: str, says: str, remedy: str) -> Finding:
    """Streams do not work, or not for everybody."""
    return Finding("error", name, masked(says), masked(remedy))


def warning(name: str, says: str, remedy: str) -> Finding:
    """Streams work, and something will spoil them."""
    return Finding("warning", name, masked(says), masked(remedy))


def ok(name: str, says: str) -> Finding:
    """Seen, and well."""
    return Finding("ok", name, masked(says))


#: What stands before the host, then host and path, then the query.
_URL = re.compile(r"""(?<=://)([^\s/?#]*@)?([^\s?#'",;)]*)([?#][^\s'",;)]*)?""")
_SHORTEST = 4  # a shorter password is found in any text; it is not looked for


def masked(text: object) -> str:
    """The text with every secret of the settings, and of URLs, blanked."""
    shown = str(text)
    for secret in sorted(set(_secrets()), key=len, reverse=True):
        shown = shown.replace(secret, "***")
    return _URL.sub(lambda url: f"{'***@' if url[1] else ''}{url[2]}", shown)


def _secrets() -> Iterator[str]:
    keys = [getattr(settings, "SECRET_KEY", ""), *getattr(settings, "SECRET_KEY_FALLBACKS", [])]
    layers = getattr(settings, "CHANNEL_LAYERS", None)
    for text in [*keys, *_passwords(layers), *_passwords(getattr(settings, "DJUST_STREAM", None))]:
        if len(text) >= _SHORTEST:
            yield text


def _passwords(value: Any) -> Iterator[str]:
    """What is a password in a nest of dicts, lists and URLs."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, str) and re.search(r"password|secret|key", str(key), re.IGNORECASE):
                yield inner
            yield from _passwords(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _passwords(inner)
    elif isinstance(value, bytes):
        yield from _passwords(value.decode("utf-8", "replace"))
    elif isinstance(value, str) and (found := re.search(r"://[^:]*:(.*)@", value)):
        yield found[1]
