"""Sinks for tests: readers that keep, that are slow, that go away; and a page that applies frames.

``Page`` is the slow and obvious reading of tests/spec/wire.md in the djust form, for plain content.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from dom import Dom

from djust_stream._core import FORM_DJUST


class MemorySink:
    """A reader that takes everything at once, or after ``delay_s``, or not before ``gate`` is set."""

    def __init__(self, form: int = FORM_DJUST, delay_s: float | None = None) -> None:
        self.form = form
        self.closed = False
        self.messages: list[str] = []
        self.delay_s = delay_s
        self.gate: asyncio.Event | None = None
        self.in_flight = 0
        self.most_in_flight = 0
        self.fails_with: Exception | None = None
        self.unsent_bytes = 0
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True

    async def send(self, text: str) -> None:
        if self.fails_with is not None:
            raise self.fails_with
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            if self.delay_s is not None:
                await asyncio.sleep(self.delay_s)
            if self.gate is not None:
                await self.gate.wait()
        finally:
            self.in_flight -= 1
        self.messages.append(text)

    @property
    def frames(self) -> list[dict[str, Any]]:
        return [json.loads(message) for message in self.messages]

    def ops(self, stream: str) -> list[dict[str, Any]]:
        return [op for frame in self.frames if frame.get("stream") == stream for op in frame.get("ops", ())]

    def text(self, stream: str) -> str:
        return "".join(op["text"] for op in self.ops(stream) if op["op"] == "text")

    def seqs(self, stream: str) -> list[int]:
        return [frame["seq"] for frame in self.frames if frame["stream"] == stream]


class Consumer:
    """What a mixin object gets as ``_ws_consumer``: Channels' ``send`` over a MemorySink."""

    def __init__(self, sink: MemorySink | None = None) -> None:
        self.sink = sink or MemorySink()

    async def send(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        assert text_data is not None
        await self.sink.send(text_data)


def document(frames: list[dict[str, Any]]) -> str:
    """The HTML of a root element that only Markdown and HTML went into."""
    page = Dom()
    for frame in frames:
        for op in frame["ops"]:
            if op["op"] == "append":
                page.apply([("grow", op["target"].count(">:last-child"), op["html"])])
            elif op["op"] == "replace":
                page.apply([("fill", op["html"])])
            elif op["op"] == "text":
                assert op["text"] == "", "a document begins with an empty page"
                if op["mode"] == "replace":
                    page.apply([("fill", "")])
                else:  # what batch.c leaves of it when a fill follows in the same frame
                    assert op["mode"] == "append"
    return page.html()


class Page:
    """What elements show after a sequence of frames in the djust form: target -> content."""

    def __init__(self) -> None:
        self.shown: dict[str, str] = {}
        self.log: list[tuple[str, str]] = []  # (op, target) where the place in the order is part of the law

    def apply(self, frame: dict[str, Any]) -> None:
        for op in frame["ops"]:
            self.apply_op(op)

    def apply_op(self, op: dict[str, Any]) -> None:
        kind, target = op["op"], op["target"]
        before = self.shown.get(target, "")
        content = op.get("text", op.get("html", ""))
        place = op.get("mode") if kind == "text" else kind
        if place == "append":
            self.shown[target] = before + content
        elif place == "prepend":
            self.shown[target] = content + before
        elif place == "replace":
            self.shown[target] = content
        else:
            self.log.append((kind, target))
            self.log.append(("content", before))
