"""The settings: one dict, ``DJUST_STREAM``; read here and nowhere else.

    DJUST_STREAM = {"INTERVAL_S": 1 / 30, "MARKDOWN": {"breaks": True}}

Checked at start-up by checks.py; a setting that is wrong stops its first user as well.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

from ._core import MARKDOWN_OPTIONS, MarkdownStream
from .limits import Limits
from .stores import Store
from .stores.memory import MemoryStore

NAME = "DJUST_STREAM"


@dataclass(frozen=True, slots=True)
class Number:
    """A setting between two values; without a fraction when its default has none."""

    default: float
    low: float
    high: float
    says: str

    def fault(self, value: object) -> str | None:
        """What is wrong with the value, or None."""
        whole = isinstance(self.default, int)
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            return f"is a number{' without a fraction' if whole else ''}, not {value!r}"
        if not self.low <= value <= self.high:
            return f"lies between {self.low:,} and {self.high:,}, not {value!r}"
        return None


@dataclass(frozen=True, slots=True)
class Text:
    """A setting that is a text, one of ``choices`` if there are any."""

    default: str
    says: str
    choices: tuple[str, ...] = ()

    def fault(self, value: object) -> str | None:
        """What is wrong with the value, or None."""
        if not isinstance(value, str) or not value:
            return f"is a text, not {value!r}"
        if self.choices and value not in self.choices:
            return f"is {' or '.join(map(repr, self.choices))}, not {value!r}"
        return None


class Rate(NamedTuple):
    """So many in so many seconds."""

    most: int
    seconds: int


@dataclass(frozen=True, slots=True)
class RateText:
    """A setting such as "100/day"."""

    default: str
    says: str

    def fault(self, value: object) -> str | None:
        """What is wrong with the value, or None."""
        try:
            rate(value)
        except ValueError as error:
            return str(error)
        return None


_PERIODS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_RATE = re.compile(r"\s*([1-9][\d_]{0,14})\s*/\s*(second|minute|hour|day)\s*")


def rate(value: object) -> Rate | None:
    """The rate that "100/day" says; None for "". Raises ValueError."""
    if value == "":
        return None
    said = _RATE.fullmatch(value) if isinstance(value, str) else None
    if said is None:
        raise ValueError(f'is "100/day" (or second, minute, hour), or "" for no limit, not {value!r}')
    return Rate(int(said[1]), _PERIODS[said[2]])


@dataclass(frozen=True, slots=True)
class Place:
    """A setting that says where streams are kept: "memory", or the URL of a Redis."""

    default: str
    says: str

    def fault(self, value: object) -> str | None:
        """What is wrong with the value, or None; without a password that may be in it."""
        if not isinstance(value, str) or not value:
            return f"is a text, not {value!r}"
        try:
            self.store(value, 4096, 1.0)
        except (ImportError, ValueError) as error:
            return f"does not do: {error}"
        return None

    def store(self, value: str, log_bytes: int, interval_s: float) -> Store:
        """The store there. Raises ImportError without redis-py; ValueError for what is no URL of a Redis."""
        if value == "memory":
            return MemoryStore(log_bytes)
        from .stores.redis import RedisStore

        return RedisStore(value, log_bytes, interval_s)


@dataclass(frozen=True, slots=True)
class Choice:
    """A setting that is one of ``choices``, or None."""

    default: str | None
    says: str
    choices: tuple[str, ...]

    def fault(self, value: object) -> str | None:
        """What is wrong with the value, or None."""
        if value is None or value in self.choices:
            return None
        return f"is None or {' or '.join(map(repr, self.choices))}, not {value!r}"


@dataclass(frozen=True, slots=True)
class Options:
    """A setting that is a dict of options, which the Markdown engine itself checks."""

    default: Mapping[str, Any]
    says: str

    def fault(self, value: object) -> str | None:
        """What is wrong with the value, or None; unknown_options() has what is wrong with its names."""
        if not isinstance(value, Mapping):
            return f"is a dict, not {value!r}"
        for name, given in value.items():
            if name not in MARKDOWN_OPTIONS:
                continue
            try:
                MarkdownStream(**{name: given})
            except (TypeError, ValueError) as error:
                return f"has a wrong value: {error}"
        return None


def unknown_options(options: object) -> list[tuple[str, str]]:
    """The names that are no options of Markdown: (name, remedy) each."""
    given = options if isinstance(options, Mapping) else {}
    return [(str(name), _near(name, MARKDOWN_OPTIONS)) for name in given if name not in MARKDOWN_OPTIONS]


def _near(name: object, names: Sequence[str]) -> str:
    """What to say of a name that is none of these, all spelled in capitals or all in small letters."""
    text = str(name).upper() if names[0].isupper() else str(name).lower()
    near = difflib.get_close_matches(text, names, 1, 0.5)
    return f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(names)}."


_DEFAULT = Limits()
STORE = Place("memory", '"memory", or the URL of the Redis that all processes of the site share')
SETTINGS: dict[str, Number | Text | Choice | RateText | Place | Options] = {
    "INTERVAL_S": Number(_DEFAULT.interval_s, 0.001, 10, "seconds between two frames of a stream"),
    "MAX_PENDING_BYTES": Number(
        _DEFAULT.max_pending_bytes, 1024, 1 << 30, "what may wait for a reader before its writer waits"
    ),
    "MAX_PAYLOAD_BYTES": Number(
        _DEFAULT.max_payload_bytes, 1024, 1 << 28, "the most that one call may bring"
    ),
    "MAX_STREAM_BYTES": Number(_DEFAULT.max_stream_bytes, 1024, 1 << 27, "the most Markdown of one document"),
    "SLOW_READER_TIMEOUT_S": Number(
        _DEFAULT.slow_reader_timeout_s, 0.1, 86400, "seconds without a byte taken until a reader is given up"
    ),
    "RESUME_WINDOW_S": Number(
        30.0, 0, 86400, "seconds for which a stream goes on without a reader, and is kept after its end"
    ),
    "LOG_BYTES": Number(64 << 10, 4096, 1 << 30, "what the newest frames of a stream may take"),
    "STORE": STORE,
    "TOKEN_AGE_S": Number(86400.0, 1, 31_536_000, "seconds for which a page can come back to a stream"),
    "HEARTBEAT_S": Number(15.0, 0.01, 3600, "seconds of silence after which an SSE response sends a comment"),
    "MAX_STREAMS": Number(1000, 1, 1_000_000, "how many SSE responses one process serves at a time"),
    "MAX_STREAMS_PER_USER": Number(10, 1, 1_000_000, "how many of them are one user's, or one session's"),
    "IMAGES": Text(
        _DEFAULT.images, "how Markdown shows an image: as a link, or as the image", ("link", "show")
    ),
    "MARKDOWN": Options({}, "the options of MarkdownStream, for all Markdown: docs/markdown-options.md"),
    "SMOOTH": Choice(
        None, "how stream_from shows text that comes in bursts: as it comes, or evenly", ("word", "grapheme")
    ),
    "SMOOTH_MAX_LAG_S": Number(1.0, 0.05, 10, "seconds after which smoothed text is shown at the latest"),
    "USER_STREAMS": Number(0, 0, 100, "answers of one user at a time; 0: any number"),
    "USER_ANSWERS": RateText("", "how many answers a user may ask for"),
    "USER_TOKENS": RateText("", "how many tokens a user's answers and questions may cost"),
    "USER_CACHE": Text("default", "the name of the cache in CACHES where budgets are counted"),
    "ERROR_MESSAGE": Text(
        "Something went wrong. The answer may be incomplete.",
        "what a reader sees when start_stream's coroutine raises",
    ),
}


def problems(value: object) -> list[tuple[str, str, str]]:
    """What is wrong with a DJUST_STREAM: (kind, what, remedy) each; kind is "unknown" or "value"."""
    if not isinstance(value, Mapping):
        return [("value", f"{NAME} is a dict, not {value!r}.", f"{NAME} = {{}} takes every default.")]
    found = []
    for key, given in value.items():
        setting = SETTINGS.get(key)
        if setting is None:
            found.append(("unknown", f"{NAME} has no setting {key!r}.", _near(key, list(SETTINGS))))
            continue
        if fault := setting.fault(given):
            found.append(("value", f"{NAME}[{key!r}] {fault}.", f"It is {setting.says}."))
        if isinstance(setting, Options):
            found += [
                ("unknown", f"{NAME}[{key!r}] has no option {name!r}.", remedy)
                for name, remedy in unknown_options(given)
            ]
    return found


def get(key: str) -> Any:
    """The value of one setting."""
    return _values()[key]


@cache
def limits() -> Limits:
    """The settings a stream needs."""
    return Limits(
        interval_s=get("INTERVAL_S"),
        max_pending_bytes=get("MAX_PENDING_BYTES"),
        max_payload_bytes=get("MAX_PAYLOAD_BYTES"),
        max_stream_bytes=get("MAX_STREAM_BYTES"),
        images=get("IMAGES"),
        slow_reader_timeout_s=get("SLOW_READER_TIMEOUT_S"),
        markdown=get("MARKDOWN"),
    )


@cache
def store() -> Store:
    """Where the streams of this process are kept for readers that come back."""
    return STORE.store(get("STORE"), get("LOG_BYTES"), get("INTERVAL_S"))


@cache
def _values() -> dict[str, Any]:
    given = getattr(settings, NAME, {}) if settings.configured else {}
    for _, what, remedy in problems(given):
        raise ImproperlyConfigured(f"{what} {remedy}")
    return {key: given.get(key, setting.default) for key, setting in SETTINGS.items()}


def _forget(*, setting: str, **_: Any) -> None:
    """A test has changed the settings."""
    if setting == NAME:
        _values.cache_clear()
        limits.cache_clear()
        store.cache_clear()


setting_changed.connect(_forget, dispatch_uid="djust_stream.conf")
