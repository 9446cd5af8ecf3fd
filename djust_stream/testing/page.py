"""A page without a browser: applies frames of both forms as djust-stream.js does.

    page = Page()
    page.apply({"s": "reply", "n": 1, "o": [["start"], ["a", "<p>Hello</p>"]]})
    page.html("reply")              # '<p>Hello</p>'
    page.text("reply"), page.active, page.ended, page.errors, page.gaps

The law: after every frame its HTML is the client's; tests/spec/wire.md says what each op does. An element for
a stream is there as soon as a frame speaks of it, unless the page was made with markup of its own.

Limits: those of dom.py. No events, no scrolling, no connection. An op that the client does not know is
skipped there with a warning, and kept in ``unknown`` here. Checked by tests/test_testing.py, beside the
client in Chromium.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .dom import Element, find, parse

#: What has no block of its own; as in the client.
INLINE = {"a", "br", "code", "del", "em", "img", "input", "span", "strong", "sub", "sup"}

Nodes = list[Element | str]


class Page:
    """What a reader of one connection sees."""

    def __init__(self, markup: str | None = None) -> None:
        """markup: the page's HTML, a ``<div dj-stream="…">`` where a stream goes; None: one for each."""
        self.root = parse(markup or "")
        self.ended: dict[str, str] = {}  # stream -> "done", "stopped" or "error"
        self.errors: dict[str, str] = {}  # stream -> the message that is shown
        self.gaps: list[tuple[str, int, int]] = []  # stream, the seq that was due, the one that came
        self.frames: list[dict[str, Any]] = []
        self.messages: list[Any] = []  # what came and is no frame
        self.unknown: list[str] = []
        self._makes = markup is None
        self._seqs: dict[str, int] = {}
        self._before: dict[int, int] = {}  # of a stream's element: the parts it had before its Markdown

    # -- to look at ---------------------------------------------------------------------------------

    def html(self, stream: str) -> str:
        """The innerHTML of a stream's element, or of the first that fits a selector. Raises LookupError."""
        return self.element(stream).inner()

    def text(self, stream: str) -> str:
        """The same as text."""
        return self.element(stream).text()

    def element(self, stream: str) -> Element:
        """The stream's element, or the first that fits a selector. Raises LookupError."""
        found = self._home(stream) or (find(self.root, stream) if stream.strip() else None)
        if found is None:
            names = ", ".join(map(repr, self._seqs)) or "none"
            raise LookupError(f"nothing on the page for {stream!r}; streams that came: {names}")
        return found[0] if isinstance(found, tuple) else found

    @property
    def streams(self) -> list[str]:
        """The names of the streams that came."""
        return list(self._seqs)

    @property
    def active(self) -> list[str]:
        """The names of those that are being written."""
        return [
            name for name in self._seqs if (el := self._home(name)) and "data-stream-active" in el.attributes
        ]

    def shown(self) -> dict[str, str]:
        """Stream -> its innerHTML."""
        return {name: el.inner() for name in self._seqs if (el := self._home(name))}

    # -- frames -----------------------------------------------------------------------------------------

    def apply(self, message: str | dict[str, Any]) -> Page:
        """Apply what the server sent: a frame in either form, as object or JSON; anything else is kept."""
        data = json.loads(message) if isinstance(message, str) else message
        ops = data.get("o", data.get("ops")) if isinstance(data, dict) else None
        if not isinstance(ops, list):
            self.messages.append(data)
            return self
        self.frames.append(data)
        stream = str(data.get("s", data.get("stream", "__default__")))
        seq = data.get("n", data.get("seq"))
        if isinstance(seq, int):
            due = self._seqs.get(stream, 0) + 1
            if seq > due:
                self.gaps.append((stream, due, seq))
            self._seqs[stream] = seq
        self._seqs.setdefault(stream, 0)
        for op in expand(ops) if "o" in data else ops:
            self._apply(stream, op)
        return self

    def _apply(self, stream: str, op: dict[str, Any]) -> None:
        act = _OPS.get(op["op"])
        target = op.get("target")
        if act is None:
            self.unknown.append(op["op"])
            return
        home = self._home(stream)
        if home is None and self._makes:
            home = Element("div", {"dj-stream": stream})
            self.root.add(home)
        base, parent = (find(self.root, target) if target else None) or (None, self.root)
        base = base if target else home
        if base is None:
            return  # not on this page: nothing to show
        if op["op"] not in ("error", "done", "delete", "prune"):
            _clear_error(base)
        root = base if "depth" in op else self._closest(base)
        if op["op"] in ("start", "error", "done"):
            self._before.pop(id(root), None)
        if op["op"] == "append" and op.get("depth") == 0:
            self._before.setdefault(id(base), len(parts_of(base)))
        for _ in range(op.get("depth", 0)):
            elements = base.elements()
            if not elements:
                return
            base, parent = elements[-1], base
        self._note(stream, op)
        act(base, op, parent, self._before.get(id(base), 0))

    def _note(self, stream: str, op: dict[str, Any]) -> None:
        kind = op["op"]
        if kind == "start":
            self.ended.pop(stream, None)
            self.errors.pop(stream, None)
        elif kind == "done":
            self.ended[stream] = op.get("reason") or "done"
        elif kind == "error":
            self.ended[stream] = "error"
            self.errors[stream] = str(op.get("error"))

    def _home(self, stream: str) -> Element | None:
        for element, _ in self.root.walk():
            if element.attributes.get("dj-stream") == stream:
                return element
        return None

    def _closest(self, base: Element) -> Element:
        """The stream's element that an element is in, or itself."""
        for element, _ in self.root.walk():
            if "dj-stream" in element.attributes and any(base is inner for inner, _ in element.walk()):
                return element
        return base


# -- ops ------------------------------------------------------------------------------------------------


def _start(el: Element, op: dict[str, Any], parent: Element, before: int) -> None:
    _activate(el, True)


def _text(el: Element, op: dict[str, Any], parent: Element, before: int) -> None:
    text = (op.get("text") or "").replace("\0", "\ufffd")
    mode = op.get("mode") or el.attributes.get("dj-stream-mode") or "append"
    if mode == "replace":
        el.replace([text])
    elif mode == "prepend":
        el.replace([text, *el.children])
    else:
        el.add(text)
    _activate(el, True)


def _append(el: Element, op: dict[str, Any], parent: Element, before: int) -> None:
    el.add(*parse(op.get("html") or "").children)


def _prepend(el: Element, op: dict[str, Any], parent: Element, before: int) -> None:
    el.replace([*parse(op.get("html") or "").children, *el.children])


def _replace(el: Element, op: dict[str, Any], parent: Element, before: int) -> None:
    el.replace(parse(op.get("html") or "").children)


def _delete(el: Element, op: dict[str, Any], parent: Element, before: int) -> None:
    parent.children = [node for node in parent.children if node is not el]


def _prune(el: Element, op: dict[str, Any], parent: Element, before: int) -> None:
    elements = el.elements()
    surplus = max(0, len(elements) - max(0, op.get("limit") or 0))
    gone = elements[len(elements) - surplus :] if op.get("edge") == "bottom" else elements[:surplus]
    el.children = [node for node in el.children if not any(node is one for one in gone)]


def _error(el: Element, op: dict[str, Any], parent: Element, before: int) -> None:
    _activate(el, False)
    _clear_error(el)
    alert = Element("div", {"class": "dj-stream-error", "role": "alert"})
    alert.add(str(op.get("error") or "Something went wrong"))
    el.add(alert)
    el.attributes["data-stream-error"] = "true"


def _done(el: Element, op: dict[str, Any], parent: Element, before: int) -> None:
    _activate(el, False)


def _cut(el: Element, op: dict[str, Any], parent: Element, before: int) -> None:
    nodes, units = op.get("nodes") or 0, op.get("units") or 0
    if nodes:
        del el.children[-nodes:]
    if units and el.children and isinstance(last := el.children[-1], str):
        el.children.pop()
        el.add(last.encode("utf-16-le")[: -2 * units].decode("utf-16-le"))


def _head(el: Element, op: dict[str, Any], parent: Element, before: int) -> None:
    lead, rest = _split(el)
    el.replace([*parse(op.get("html") or "").children, *(rest if lead else el.children)])


def _loose(el: Element, op: dict[str, Any], parent: Element, before: int) -> None:
    for item in el.elements():
        lead, _ = _split(item)
        nodes: Nodes = [*lead] if op.get("loose") or not lead else [*lead, " "]
        for part in parts_of(item):
            first = part[0]
            if op.get("loose") and not is_block(first):
                paragraph = Element("p", {"dir": "auto"} if "dir" in el.attributes else {})
                paragraph.add(*part)
                nodes.append(paragraph)
            elif not op.get("loose") and isinstance(first, Element) and first.tag == "p":
                nodes += first.children
            else:
                nodes += part
        item.replace(nodes)


def _patch(el: Element, op: dict[str, Any], parent: Element, before: int) -> None:
    new = parse(op.get("html") or "").children
    for n, step in enumerate(path := op.get("path") or []):
        lead, _ = _split(el)
        parts = parts_of(el)
        index = step + (before if n == 0 else 0)
        if not 0 <= index < len(parts):
            return
        part = parts[index]
        if isinstance(part[0], Element) and is_block(part[0]):
            el = part[0]
        elif n < len(path) - 1:
            return
        else:
            nodes = [new if other is part else other for other in parts]
            gap = [" "] if lead and not (isinstance(nodes[0][0], Element) and is_block(nodes[0][0])) else []
            el.replace([*lead, *gap, *(node for nodes in nodes for node in nodes)])
            return
    el.replace(new)


_OPS: dict[str, Callable[[Element, dict[str, Any], Element, int], None]] = {
    "start": _start,
    "text": _text,
    "append": _append,
    "prepend": _prepend,
    "replace": _replace,
    "delete": _delete,
    "prune": _prune,
    "error": _error,
    "done": _done,
    "cut": _cut,
    "head": _head,
    "loose": _loose,
    "patch": _patch,
}


def _activate(el: Element, active: bool) -> None:
    for name in ("data-stream-active", "aria-busy"):
        if active:
            el.attributes[name] = "true"
        else:
            el.attributes.pop(name, None)


def _clear_error(el: Element) -> None:
    if el.attributes.pop("data-stream-error", None) is None:
        return
    for child in el.elements():
        if "dj-stream-error" in child.attributes.get("class", "").split():
            el.replace(node for node in list(el.children) if node is not child)
            return


# -- parts -------------------------------------------------------------------------------------------------


def is_block(node: Element | str) -> bool:
    return isinstance(node, Element) and node.tag not in INLINE


def _split(el: Element) -> tuple[Nodes, Nodes]:
    """The checkbox that leads an item, and the nodes after it without its space."""
    nodes = list(el.children)
    if not nodes or not isinstance(nodes[0], Element) or nodes[0].tag != "input":
        return [], nodes
    box, *rest = nodes
    if rest and isinstance(text := rest[0], str):
        rest[:1] = [text.removeprefix(" ")] if text != " " else []
    return [box], rest


def parts_of(el: Element) -> list[Nodes]:
    """As Markdown counts them: each block element, and each run of inline content, without a checkbox."""
    _, nodes = _split(el)
    parts: list[Nodes] = []
    for n, node in enumerate(nodes):
        if n and not is_block(node) and not is_block(nodes[n - 1]):
            parts[-1].append(node)
        else:
            parts.append([node])
    return parts


# -- the compact form ------------------------------------------------------------------------------------


def _optional(name: str, values: list[Any]) -> dict[str, Any]:
    return {name: values[0]} if values else {}


_COMPACT: dict[str, Callable[..., dict[str, Any]]] = {
    "start": lambda *_: {"op": "start"},
    "ta": lambda text, *_: {"op": "text", "text": text, "mode": "append"},
    "tr": lambda text, *_: {"op": "text", "text": text, "mode": "replace"},
    "tp": lambda text, *_: {"op": "text", "text": text, "mode": "prepend"},
    "a": lambda html, *_: {"op": "append", "html": html},
    "p": lambda html, *_: {"op": "prepend", "html": html},
    "r": lambda html, *_: {"op": "replace", "html": html},
    "delete": lambda target, *_: {"op": "delete", "target": target},
    "prune": lambda limit, edge, *_: {"op": "prune", "limit": limit, "edge": edge},
    "error": lambda error, *_: {"op": "error", "error": error},
    "done": lambda *reason: {"op": "done", **_optional("reason", list(reason))},
    "h": lambda depth, html, *_: {"op": "head", "depth": depth, "html": html},
    "x": lambda depth, nodes, units, *_: {"op": "cut", "depth": depth, "nodes": nodes, "units": units},
    "l": lambda depth, loose, *_: {"op": "loose", "depth": depth, "loose": loose},
    "@": lambda path, html, *_: {"op": "patch", "depth": 0, "path": path, "html": html},
}


def expand(ops: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """The ops of a compact frame as objects; those of Markdown with their depth."""
    target = ""
    for op in ops:
        if isinstance(op, str):
            yield {"target": target, "op": "text", "text": op}
            continue
        key, *values = op
        if key == "on":
            target = values[0]
        elif isinstance(key, int):
            yield {"target": target, "op": "append", "depth": key, "html": values[0]}
        elif key in _COMPACT:
            yield {"target": target, **_COMPACT[key](*values)}
        else:
            yield {"target": target, "op": str(key)}
