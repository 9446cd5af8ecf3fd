"""Limits: what one connection's streams may take, and the options of their Markdown. No Django.

The law: no two documents of a page share an id, whatever their streams are called.
Checked by tests/test_stream.py.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_PLAIN_NAME = re.compile("[a-z][a-z0-9-]{0,60}")
_OTHER = re.compile("[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Limits:
    """How often and how much; DJUST_STREAM has a setting for each."""

    interval_s: float = 1 / 60
    max_pending_bytes: int = 256 << 10
    max_payload_bytes: int = 4 << 20
    max_stream_bytes: int = 16 << 20
    images: str = "link"
    slow_reader_timeout_s: float = 60.0
    markdown: Mapping[str, Any] = field(default_factory=dict)  # options of MarkdownStream

    def markdown_options(self, prefix: str = "") -> dict[str, Any]:
        """The options of each document; where it has ids, they begin with the prefix, if there is one."""
        options = {"images": self.images, **self.markdown}
        for name in ("footnotes", "heading_ids") if prefix else ():
            if options.get(name):
                options[name] = prefix
        return options


def id_prefix(name: str, target: str = "") -> str:
    """What the ids in a document of a stream begin with: "answer_7-" for "answer-7".

    Only the last character is a "-", so no prefix begins another one, and two documents on one page share
    no id. A name that is not made of a-z, 0-9 and "-", and a target, count by a digest as well.
    """
    if not target and _PLAIN_NAME.fullmatch(name):
        return name.replace("-", "_") + "-"
    words = _OTHER.sub("_", f"{name}_{target}".lower()).strip("_")[:40]
    digest = hashlib.blake2s(f"{name}\0{target}".encode(), digest_size=6).hexdigest()
    return f"md_{words}_{digest}-"
