"""Pages that are cut off and come back: the client's laws, slowly and obviously, for tests and benchmarks.

    page = ResumingPage()
    page.receive(message)                    # whatever a server sent, in the compact form
    page.html, page.seq, page.token, page.ended, page.gone

The page applies each frame once, in order. It counts what should not happen: ``gaps`` (a frame came that was
not the next one) and what may: ``twice`` (a frame that was there), ``snapshots``.
"""

from __future__ import annotations

import json
from typing import Any

from dom import Dom


class ResumingPage:
    """One reader's page of one stream: what its root element shows, which was empty."""

    def __init__(self) -> None:
        self.dom = Dom()
        self.epoch: str | None = None
        self.seq = 0
        self.token: str | None = None
        self.ended: list[Any] | None = None
        self.gone = False
        self.started = 0
        self.gaps = self.twice = self.snapshots = 0

    @property
    def html(self) -> str:
        return self.dom.html()

    def receive(self, message: str) -> None:
        """Apply one message."""
        content = json.loads(message)
        if "o" in content:
            self._frame(content)
        elif "frames" in content:
            for frame in content["frames"]:
                self._frame(frame)
        elif "snapshot" in content:
            self._snapshot(content["snapshot"])
        elif "token" in content:
            assert self.epoch in (None, content["e"])
            self.epoch, self.token = content["e"], content["token"]
        elif "gone" in content:
            self.gone = True

    def _frame(self, frame: dict[str, Any]) -> None:
        assert self.epoch in (None, frame["e"]), "one stream is not another"
        self.epoch = frame["e"]
        if frame["n"] <= self.seq:
            self.twice += 1
            return
        if frame["n"] > self.seq + 1:
            self.gaps += 1
        self.seq = frame["n"]
        for op in frame["o"]:
            self._apply(op)

    def _snapshot(self, frame: dict[str, Any]) -> None:
        self.snapshots += 1
        if frame["n"] <= self.seq:
            return
        self.dom, self.ended, self.started = Dom(), None, 0
        self.seq = frame["n"] - 1
        self._frame(frame)

    def _apply(self, op: str | list[Any]) -> None:
        assert self.ended is None, "nothing follows the end"
        dom = self.dom
        if isinstance(op, str):
            dom.root.add(op)
            return
        kind, *rest = op
        if isinstance(kind, int):
            dom.grow(kind, rest[0])
        elif kind in EDITS:
            EDITS[kind](dom, *rest)
        elif kind in ("done", "error"):
            self.ended = op
        elif kind == "start":
            self.started += 1
        else:
            raise AssertionError(op)


def _before(dom: Dom, nodes: list[Any]) -> None:
    after, dom.root.children = dom.root.children, []
    for node in [*nodes, *after]:
        dom.root.add(node)


def _replace(dom: Dom, nodes: list[Any]) -> None:
    dom.root.children = []
    _before(dom, nodes)


def _nodes(html: str) -> list[Any]:
    dom = Dom()
    dom.grow(0, html)
    return dom.root.children


EDITS: dict[str, Any] = {
    "ta": lambda dom, text: dom.root.add(text),
    "tr": lambda dom, text: _replace(dom, [text]),
    "tp": lambda dom, text: _before(dom, [text]),
    "a": lambda dom, html: dom.grow(0, html),
    "p": lambda dom, html: _before(dom, _nodes(html)),
    "r": lambda dom, html: _replace(dom, _nodes(html)),
    "x": lambda dom, depth, nodes, units: dom.cut(depth, nodes, units),
    "l": lambda dom, depth, loose: dom.loose(depth, loose),
    "h": lambda dom, depth, html: dom.head(depth, html),
    "@": lambda dom, path, html: dom.patch(tuple(path), html),
}
