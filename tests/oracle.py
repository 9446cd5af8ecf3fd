"""What csrc/core/batch.c promises, the slow way: the ops of a batch merged, and a page that ops change.

    merge([Op("text_append", "Hel"), Op("text_append", "lo")])        # [Op("text_append", "Hello")]

    page = Page(root, elements)
    page.apply(ops)                                                    # one by one
    page.state()

The law both sides are held to: a page after ``merge(ops)`` is the page after ``ops``. The page reads
only the few elements of HTML that tests write; tests/spec/wire.md says what each op does to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Op:
    """One call of Batch.push. name: as in OPS. pieces: the texts of calls that merged but stay apart."""

    name: str
    text: str = ""
    target: str = ""  # "": the root element
    number: int = 0  # as in Batch.push
    pieces: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        return self.pieces or (self.text,)


# ---- Merging ------------------------------------------------------------------------------------

#: An op and the next one on the same target: what both are together.
MERGE: dict[tuple[str, str], Callable[[Op, Op], Op]] = {
    ("text", "text"): lambda last, op: replace(last, pieces=(*last.texts, op.text)),
    ("text_append", "text_append"): lambda last, op: replace(last, text=last.text + op.text),
    ("text_replace", "text_append"): lambda last, op: replace(last, text=last.text + op.text),
    ("text_prepend", "text_prepend"): lambda last, op: replace(last, text=op.text + last.text),
}
#: Ops that supersede those of WRITES before them on the same target.
LAST = {"replace", "text_replace"}
TEXTS = {"text", "text_append", "text_prepend", "text_replace"}
WRITES = TEXTS | {"replace"}
#: What a target may not hold: an op may change which element it selects.
UNSTEADY = re.compile(":|data-stream-|aria-busy")


def merge(ops: Iterable[Op]) -> list[Op]:
    """The ops as a batch sends them: neighbours on one target in one, where the page cannot tell."""
    out: list[Op] = []
    for op in ops:
        if not out or out[-1].target != op.target or UNSTEADY.search(op.target):
            out.append(op)
        elif (out[-1].name, op.name) in MERGE:
            out[-1] = MERGE[out[-1].name, op.name](out[-1], op)
        elif op.name in LAST:
            gone = set()
            while out and out[-1].target == op.target and out[-1].name in WRITES:
                gone.add(out.pop().name)
            if gone & TEXTS and op.name == "replace":  # text makes its element active, replace does not
                out.append(Op("text_append", "", op.target))
            out.append(op)
        else:
            out.append(op)
    return out


# ---- The page -----------------------------------------------------------------------------------


@dataclass
class Element:
    """An element: what it holds, and what its stream says of it."""

    id: str
    mode: str | None = None  # dj-stream-mode
    active: bool = False
    error: str | None = None
    nodes: list[str | Element] = field(default_factory=list)

    @property
    def children(self) -> list[Element]:
        return [node for node in self.nodes if isinstance(node, Element)]

    def put(self, nodes: list[str | Element], *, first: bool = False) -> None:
        """Add content at an end; text beside text is one text."""
        joined: list[str | Element] = []
        for node in [*nodes, *self.nodes] if first else [*self.nodes, *nodes]:
            if isinstance(node, str) and joined and isinstance(joined[-1], str):
                joined[-1] += node
            elif node != "":
                joined.append(node)
        self.nodes = joined


def parse(html: str) -> list[str | Element]:
    """``text``, ``<b></b>`` and ``<b id=x></b>`` in a row."""
    tokens = re.findall(r"<b(?: id=(\w+))?></b>|([^<]+)", html)
    return [text or Element(id) for id, text in tokens]


class Page:
    """What a reader sees. Ops are in the djust form; a text without "mode" leaves it to the element."""

    def __init__(self, root: str, *elements: Element) -> None:
        """root: the selector of the first element, as the djust form spells it; the others go by "#id"."""
        self.root = root
        self.body = Element("body", nodes=list(elements))

    def find(self, selector: str, within: Element | None = None) -> tuple[Element, Element] | None:
        """The first element in document order, and its parent. "#id:empty" asks for no content, too."""
        name = "root" if selector == self.root else selector.removeprefix("#")
        id, empty, _ = name.partition(":empty")
        for child in (within := within or self.body).children:
            if child.id == id and not (empty and child.nodes):
                return child, within
            if found := self.find(selector, child):
                return found
        return None

    def apply(self, ops: Iterable[Json]) -> Page:
        for op in ops:
            if found := self.find(op["target"]):
                self.change(*found, op)
        return self

    def change(self, el: Element, parent: Element, op: Json) -> None:
        kind = op["op"]
        if kind not in ("error", "done", "delete", "prune"):
            el.error = None
        if kind in ("start", "text", "error", "done"):
            el.active = kind in ("start", "text")
        if kind == "text":
            mode = op.get("mode") or el.mode or "append"
            if mode == "replace":
                el.nodes = []
            el.put([op["text"]], first=mode == "prepend")
        elif kind == "replace":
            el.nodes = []
            el.put(parse(op["html"]))
        elif kind in ("append", "prepend"):
            el.put(parse(op["html"]), first=kind == "prepend")
        elif kind == "delete":
            parent.nodes = [node for node in parent.nodes if node is not el]
        elif kind == "prune":
            surplus = max(0, len(el.children) - op["limit"])
            gone = el.children[:surplus] if op["edge"] == "top" else el.children[len(el.children) - surplus :]
            el.nodes = [node for node in el.nodes if not any(node is child for child in gone)]
        elif kind == "error":
            el.error = op["error"]

    def state(self) -> list[str | Element]:
        return self.body.nodes


# ---- The wire forms -----------------------------------------------------------------------------


def spoken(op: Op, root: str) -> list[Json]:
    """A call in the djust form, but for text without a mode, which has none."""
    target = {"target": op.target or root}
    kind, _, mode = op.name.partition("_")
    if kind == "text":
        texts = [{"op": "text", **target, "text": text} for text in op.texts]
        return [text | {"mode": mode} for text in texts] if mode else texts
    if kind == "prune":
        return [{"op": "prune", **target, "limit": op.number, "edge": op.text or "top"}]
    key = {"append": "html", "prepend": "html", "replace": "html", "error": "error"}.get(kind)
    if kind == "done" and op.text:
        key = "reason"
    retry = {"retry": op.number - 1} if kind == "error" and op.number else {}
    return [{"op": kind, **target} | ({key: op.text} if key else {}) | retry]


def expand(compact: list[Any], root: str) -> list[Json]:
    """The ops of a compact frame in the djust form, but for text without a mode, which has none."""
    names = {"ta": "text_append", "tr": "text_replace", "tp": "text_prepend"}
    names |= {"a": "append", "p": "prepend", "r": "replace"}
    target, out = "", []
    for op in compact:
        if isinstance(op, str):
            out += spoken(Op("text", target=target, pieces=(op,)), root)
            continue
        key, *values = op
        name = names.get(key, key)
        if key == "on":
            target = values[0]
        elif key == "prune":
            out += spoken(Op("prune", values[1], target, values[0]), root)
        elif key == "delete":
            out += spoken(Op("delete", target=values[0]), root)
        elif key == "error":
            out += spoken(Op(name, values[0], target, values[1] + 1 if values[1:] else 0), root)
        else:
            out += spoken(Op(name, values[0] if values else "", target), root)
    return out
