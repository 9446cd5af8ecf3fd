"""A page that applies Markdown edits: the slow, obvious model that tests compare with.

    page = Dom()
    page.apply([("grow", 0, "<p>a</p>"), ("grow", 1, "b")])
    page.html()                                            # <p>ab</p>

It reads only the HTML that the engine writes, and refuses everything else: a tag that is not closed, or an
element outside the list, is an AssertionError. tests/spec/wire.md says what each edit does.
"""

import html
import re

VOID = {"br", "hr", "img", "input"}
BLOCK = {"p", "div", "ul", "ol", "li", "blockquote", "pre", "hr", "table", "thead", "tbody", "tr", "th", "td"}
BLOCK |= {f"h{level}" for level in range(1, 7)}
KNOWN = VOID | BLOCK | set(["a", "code", "del", "em", "section", "span", "strong", "sup"])
TOKEN = re.compile(r"<(/?)([a-z0-9]+)((?: [a-z-]+=\"[^\"<>]*\")*)>|([^<>]+)")


class Element:
    def __init__(self, tag: str, attributes: str = "") -> None:
        self.tag, self.attributes, self.children = tag, attributes, []

    def add(self, node: "Element | str") -> None:
        if isinstance(node, str) and self.children and isinstance(self.children[-1], str):
            self.children[-1] += node
        elif node != "":
            self.children.append(node)

    def elements(self) -> "list[Element]":
        return [child for child in self.children if isinstance(child, Element)]

    def html(self) -> str:
        if self.tag in VOID:
            return f"<{self.tag}{self.attributes}>"
        return f"<{self.tag}{self.attributes}>{inner(self)}</{self.tag}>"


def inner(element: Element) -> str:
    return "".join(
        child.html() if isinstance(child, Element) else html.escape(child, quote=False)
        for child in element.children
    )


def parse(text: str) -> Element:
    root = Element("#root")
    stack, at = [root], 0
    while at < len(text):
        token = TOKEN.match(text, at)
        assert token, f"not our HTML at {at}: {text[at : at + 60]!r}"
        at = token.end()
        close, tag, attributes, plain = token.groups()
        if plain:
            stack[-1].add(html.unescape(plain))
        elif close:
            assert stack.pop().tag == tag, f"</{tag}> closes nothing in {text!r}"
        else:
            assert tag in KNOWN, tag
            element = Element(tag, attributes)
            stack[-1].add(element)
            if tag not in VOID:
                stack.append(element)
    assert len(stack) == 1, f"<{stack[-1].tag}> stays open in {text!r}"
    return root


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def is_checkbox(node: "Element | str") -> bool:
    return isinstance(node, Element) and node.tag == "input"


def is_block(node: "Element | str") -> bool:
    return isinstance(node, Element) and node.tag in BLOCK


def split_item(item: Element) -> "tuple[list, list]":
    """What leads an item (its checkbox), and its parts: block elements and inline runs (lists of nodes)."""
    lead, rest = [], list(item.children)
    if item.tag == "li" and rest and is_checkbox(rest[0]):
        lead = [rest.pop(0)]
        if rest and isinstance(rest[0], str):
            rest[0] = rest[0].removeprefix(" ")
            if not rest[0]:
                del rest[0]
    parts: list = []
    for node in rest:
        if is_block(node) or not parts or not isinstance(parts[-1], list):
            parts.append(node if is_block(node) else [node])
        else:
            parts[-1].append(node)
    return lead, parts


class Dom:
    def __init__(self) -> None:
        self.root = Element("#root")

    def html(self) -> str:
        return inner(self.root)

    def at(self, depth: int) -> Element:
        element = self.root
        for _ in range(depth):
            element = element.elements()[-1]
        return element

    def apply(self, edits: "list[tuple]") -> None:
        for name, *rest in edits:
            getattr(self, name)(*rest)

    def grow(self, depth: int, text: str) -> None:
        target = self.at(depth)
        for node in parse(text).children:
            target.add(node)

    def cut(self, depth: int, nodes: int, count: int) -> None:
        target = self.at(depth)
        assert nodes <= len(target.children)
        del target.children[len(target.children) - nodes :]
        if count:
            last = target.children.pop()
            assert isinstance(last, str) and units(last) >= count
            target.add(last.encode("utf-16-le")[: -2 * count].decode("utf-16-le"))

    def loose(self, depth: int, on: int) -> None:
        target = self.at(depth)
        assert target.tag in ("ul", "ol")
        for item in target.elements():
            item.children, parts = split_item(item)
            if item.children and not on:
                item.add(" ")
            for part in parts:
                if on and isinstance(part, list):
                    paragraph = Element("p", ' dir="auto"' if "dir=" in target.attributes else "")
                    paragraph.children = part
                    item.add(paragraph)
                else:
                    unwrap = isinstance(part, Element) and part.tag == "p" and not on
                    for node in part if isinstance(part, list) else part.children if unwrap else [part]:
                        item.add(node)

    def head(self, depth: int, text: str) -> None:
        target = self.at(depth)
        kept = target.children
        if kept and is_checkbox(kept[0]):
            kept = kept[1:]
            if kept and isinstance(kept[0], str):
                kept[0] = kept[0].removeprefix(" ")
        target.children = []
        for node in [*parse(text).children, *kept]:
            target.add(node)

    def patch(self, path: "tuple[int, ...]", text: str) -> None:
        element, new = self.root, parse(text).children
        for step in path:
            lead, parts = split_item(element)
            if isinstance(parts[step], Element):
                element = parts[step]
                continue
            assert step is path[-1], "a path goes on inside inline content"
            parts[step] = new
            element.children = [*lead, " "] if lead else []
            for part in parts:
                for node in part if isinstance(part, list) else [part]:
                    element.add(node)
            return
        element.children = []
        for node in new:
            element.add(node)

    def fill(self, text: str) -> None:
        self.root = parse(text)
