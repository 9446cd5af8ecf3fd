"""Wire: Server-Sent Events and JSON lines, from bytes cut anywhere, as the JSON they carry.

    wire = Wire()
    wire.feed(b'data: {"choi')          # []
    wire.feed(b'ces": []}\\r\\n\\r\\n')      # [{"choices": []}]

Lines end in LF, CRLF or CR. A comment (": keep-alive") says nothing; the ``data`` lines of an event belong
together; a line that is a JSON object by itself is one of Ollama's. A line that is no JSON says nothing.
Bounded: a line or event stops at MAX_EVENT.
"""

from __future__ import annotations

import codecs
import json
import re
from typing import Any

from .chunk import is_known

_LINE_END = re.compile(rb"\r\n|\n|\r")
_EVENT = re.compile(rb"event:\s*(?:message|content_block|response|completion|chunk|ping|error)[\w.]*\s*$")


def looks_like(item: str | bytes) -> bool:
    """Does a stream of lines that begins so carry a provider's events? If not, it is text, and shown."""
    line = _bytes(item).lstrip().partition(b"\n")[0].strip()
    if line.startswith(b"data:"):
        line = line[5:].strip()
    return any(map(is_known, _parsed(line))) if line.startswith(b"{") else bool(_EVENT.match(line))


def says_nothing(item: str | bytes) -> bool:
    """Is it a comment, as servers send them to keep a connection, or an empty line?"""
    line = _bytes(item).strip()
    return not line or (line.startswith(b":") and b"\n" not in line)


def _bytes(item: str | bytes) -> bytes:
    return item.encode("utf-8", "replace") if isinstance(item, str) else item


class Text:
    """What an iterator of str or bytes says: text, or lines of a provider's events; its first item tells."""

    #: Comments and empty lines before the first line that says something.
    MOST_HELD = 100

    def __init__(self) -> None:
        self._held: list[str | bytes] | None = []
        self._wire: Wire | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, item: str | bytes) -> list[Any]:
        """The texts, or the JSON of the events, that are whole now."""
        if self._held is None:
            return self._read(item)
        self._held.append(item)
        if says_nothing(item) and len(self._held) < self.MOST_HELD:
            return []
        self._wire = Wire() if looks_like(item) else None
        return self._release()

    def end(self) -> list[Any]:
        """The iterator has ended: what was held back."""
        return self._release() + ([] if self._wire is None else self._wire.end())

    def _release(self) -> list[Any]:
        held, self._held = self._held or [], None
        return [chunk for item in held for chunk in self._read(item)]

    def _read(self, item: str | bytes) -> list[Any]:
        if self._wire is not None:
            return self._wire.item(item)
        return [item if isinstance(item, str) else self._decoder.decode(item)]


class Wire:
    """The decoder of one stream."""

    MAX_EVENT = 16 << 20

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._size = 0
        self.finished = False  # "[DONE]" has come

    def item(self, item: str | bytes) -> list[Any]:
        """The same for what an iterator yields: lines come without their ends, pieces with them."""
        data = _bytes(item)
        return self.feed(data) if b"\n" in data or b"\r" in data else self.line(data)

    def feed(self, piece: bytes) -> list[Any]:
        """The JSON of every event that is whole now."""
        text = self._rest + piece
        self._check(len(text))
        found, at = [], 0
        for end in _LINE_END.finditer(text):
            if end.end() == len(text) and end.group() == b"\r":
                break  # half of a CRLF, perhaps
            found += self.line(text[at : end.start()])
            at = end.end()
        self._rest = text[at:]
        return found

    def line(self, line: bytes) -> list[Any]:
        """The same for one line, without its end."""
        if line.startswith(b"data:"):
            self._size += len(line)
            self._check(self._size)
            self._data.append(line[5:].removeprefix(b" "))
            return []
        if not line:
            return self._event()
        return _parsed(line) if line.startswith(b"{") else []

    def end(self) -> list[Any]:
        """The stream has ended: what the last line, without an end, has brought."""
        rest, self._rest = self._rest.rstrip(b"\r"), b""
        return self.line(rest) + self._event() if rest else self._event()

    def _event(self) -> list[Any]:
        data, self._data, self._size = b"\n".join(self._data), [], 0
        if data == b"[DONE]":
            self.finished = True
        return _parsed(data) if data.startswith((b"{", b"[")) else []

    def _check(self, size: int) -> None:
        if size > self.MAX_EVENT:
            raise OverflowError(f"an event of the provider is longer than {self.MAX_EVENT:,} bytes")


def _parsed(data: bytes) -> list[Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return []
    return [value] if isinstance(value, dict) else []
