"""The ops by name, the shape of a frame, and the selector of a stream's root element.

The list itself is ``csrc/core/ops.def``; ``tests/spec/wire.md`` has one example of each op.
"""

from __future__ import annotations

import re
from typing import Any, TypedDict

from ._core import OPS

START = OPS["start"]
TEXT = OPS["text"]
APPEND = OPS["append"]
PREPEND = OPS["prepend"]
REPLACE = OPS["replace"]
DELETE = OPS["delete"]
PRUNE = OPS["prune"]
ERROR = OPS["error"]
DONE = OPS["done"]

#: ``stream_text(mode=…)``: None leaves it to the page's ``dj-stream-mode``.
TEXT_MODES: dict[str | None, int] = {
    None: TEXT,
    "append": OPS["text_append"],
    "replace": OPS["text_replace"],
    "prepend": OPS["text_prepend"],
}
#: ``stream_insert(at=…)``.
INSERT_PLACES: dict[str, int] = {"append": APPEND, "prepend": PREPEND}
#: ``stream_prune(edge=…)``.
PRUNE_EDGES = ("top", "bottom")

MAX_NAME = 200


class Op(TypedDict, total=False):
    """One op in the djust form."""

    op: str
    target: str
    text: str
    html: str
    mode: str
    error: str
    retry: int
    reason: str
    limit: int
    edge: str


class Frame(TypedDict):
    """One message in the djust form."""

    type: str
    stream: str
    seq: int
    ops: list[Op]


class CompactFrame(TypedDict):
    """One message in the compact form: s = stream, n = seq, o = ops as arrays."""

    s: str
    n: int
    o: list[list[Any]]


# What must not stand bare inside '…' in CSS: the quote, the backslash, and control characters
# (a bare newline ends the string, and the selector with it).
_CSS_SPECIAL = re.compile(r"[\x01-\x1f\x7f'\\]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def check_name(name: object) -> str:
    """The name, when it is fit for a stream: a str of 1 to 200 characters without NUL.

    Raises TypeError or ValueError, each with what to do instead.
    """
    if not isinstance(name, str):
        raise TypeError(f'a stream\'s name is a str, not {name!r}: pass for example "reply"')
    if not 1 <= len(name) <= MAX_NAME:
        raise ValueError(f"a stream's name has 1 to {MAX_NAME} characters, not {len(name)}: {name[:40]!r}")
    if "\0" in name or _SURROGATE.search(name):
        raise ValueError(f"a stream's name has no NUL and no lone surrogate: {name[:40]!r}")
    return name


def css_string(text: str) -> str:
    """Text as a CSS string in single quotes.

    >>> css_string("it's")
    "'it\\\\'s'"
    """

    def spelled(match: re.Match[str]) -> str:
        char = match[0]
        return "\\" + char if char in "'\\" else f"\\{ord(char):x} "

    return "'" + _CSS_SPECIAL.sub(spelled, text) + "'"


def root_selector(name: str) -> str:
    """The selector of the stream's root element, as djust spells it."""
    return f"[dj-stream={css_string(name)}]"
