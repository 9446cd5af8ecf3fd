"""A small DOM: enough of one to apply frames to. Elements, texts, the HTML of both, and selectors.

    root = parse('<p class="a">1<b>2</b></p>')
    root.html()                              # '<p class="a">1<b>2</b></p>'
    find(root, "p.a > :last-child")          # the <b>

The law: text beside text is one text, as in a browser after ``normalize()``; what is written is what a
browser's innerHTML is. Limits: markup has to be balanced, as all that streams is (else ValueError). Selectors
know tags, ``#id``, ``.class``, ``[name]``, ``[name="value"]``, ``:is()``, ``:first-child``, ``:last-child``,
``:empty``, blank and ``>``; any other is a ValueError. No layout, no scripts.
Checked by tests/test_testing.py in Chromium.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


class Element:
    """An element; the root of a page has the tag "#root" and is not written."""

    __slots__ = ("attributes", "children", "tag")

    def __init__(self, tag: str, attributes: dict[str, str] | None = None) -> None:
        self.tag = tag
        self.attributes = attributes or {}
        self.children: list[Element | str] = []

    def add(self, *nodes: Element | str) -> None:
        """Put nodes at the end."""
        for node in nodes:
            last = self.children[-1] if self.children else None
            if isinstance(node, str) and isinstance(last, str):
                self.children[-1] = last + node
            elif node != "":
                self.children.append(node)

    def replace(self, nodes: Iterable[Element | str]) -> None:
        """Let nodes be all there is."""
        nodes = list(nodes)
        self.children = []
        self.add(*nodes)

    def elements(self) -> list[Element]:
        """The children that are elements."""
        return [child for child in self.children if isinstance(child, Element)]

    def walk(self) -> Iterator[tuple[Element, Element]]:
        """Every element within, in document order, with its parent."""
        for child in self.elements():
            yield child, self
            yield from child.walk()

    def text(self) -> str:
        """The textContent."""
        return "".join(child if isinstance(child, str) else child.text() for child in self.children)

    def inner(self) -> str:
        """The innerHTML."""
        return "".join(_escape(child) if isinstance(child, str) else child.html() for child in self.children)

    def html(self) -> str:
        """The outerHTML."""
        if self.tag == "#root":
            return self.inner()
        values = (f' {name}="{_escape(value, quote=True)}"' for name, value in self.attributes.items())
        head = f"<{self.tag}{''.join(values)}>"
        return head if self.tag in VOID else f"{head}{self.inner()}</{self.tag}>"


def _escape(text: str, quote: bool = False) -> str:
    text = text.replace("&", "&amp;").replace("\xa0", "&nbsp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace('"', "&quot;") if quote else text


def parse(markup: str) -> Element:
    """The nodes of balanced markup, in a root. Raises ValueError."""
    parser = _Parser()
    parser.feed(markup.replace("\r\n", "\n").replace("\r", "\n"))
    parser.close()
    if len(parser.stack) > 1:
        raise ValueError(f"<{parser.stack[-1].tag}> stays open in {markup!r:.200}")
    return parser.stack[0]


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.stack = [Element("#root")]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.stack[-1].add(element)
        if tag not in VOID:
            self.stack.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if len(self.stack) == 1 or self.stack[-1].tag != tag:
            raise ValueError(f"</{tag}> closes <{self.stack[-1].tag}>: the markup is not balanced")
        self.stack.pop()

    def handle_data(self, data: str) -> None:
        top = self.stack[-1]
        self.stack[-1].add(data.removeprefix("\n") if top.tag == "pre" and not top.children else data)


# -- selectors -----------------------------------------------------------------------------------------------

_PART = re.compile(
    r"\s*(?P<combinator>>)\s*|(?P<blank>\s+)|:(?P<pseudo>first-child|last-child|empty)(?![\w(-])|(?P<all>\*)"
    r"|:is\((?P<any>(?:[^()\"']|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')*)\)"
    r"|#(?P<id>(?:[\w-]|\\.|[^\x00-\x7f])+)|\.(?P<cls>(?:[\w-]|\\.|[^\x00-\x7f])+)|(?P<tag>[a-zA-Z][\w-]*)"
    r"|\[\s*(?P<name>[\w-]+)\s*(?:=\s*(?:\"(?P<two>(?:[^\"\\]|\\.)*)\""
    r"|'(?P<one>(?:[^'\\]|\\.)*)'|(?P<bare>[\w-]+))\s*)?\]",
    re.DOTALL,
)


def find(root: Element, selector: str) -> tuple[Element, Element] | None:
    """The first element within the root that fits, and its parent. Raises ValueError."""
    steps = _steps(selector)
    parents: dict[int, Element] = {}
    for element, parent in root.walk():
        parents[id(element)] = parent
        if _fits(element, steps, parents, root):
            return element, parent
    return None


#: Compound selectors with the combinator before each: "" (the first), " ", ">".
Steps = list[tuple[str, list[tuple[str, str, str]]]]


def _steps(selector: str) -> Steps:
    steps: Steps = [("", [])]
    at, text = 0, selector.strip()
    while at < len(text):
        part = _PART.match(text, at)
        if part is None:
            raise ValueError(
                f"a selector that djust_stream.testing does not know: {selector!r}, at {text[at:]!r}"
            )
        at = part.end()
        kind, value = part.lastgroup or "", part[part.lastgroup or 0]
        if kind in ("combinator", "blank"):
            steps.append((">" if kind == "combinator" else " ", []))
        elif part["name"]:
            said = next((text for text in (part["two"], part["one"], part["bare"]) if text is not None), None)
            steps[-1][1].append(("has" if said is None else "equals", part["name"], _unescape(said or "")))
        else:
            steps[-1][1].append((kind, _unescape(value) if kind in ("id", "cls") else value, ""))
    if any(not compound for _, compound in steps):
        raise ValueError(f"not a selector: {selector!r}")
    return steps


def _unescape(text: str) -> str:
    """CSS's escapes: ``\\27 `` and ``\\'``."""
    return re.sub(
        r"\\(?:([0-9a-fA-F]{1,6})\s?|(.))",
        lambda match: chr(int(match[1], 16)) if match[1] else match[2],
        text,
        flags=re.DOTALL,
    )


def _fits(element: Element, steps: Steps, parents: dict[int, Element], root: Element) -> bool:
    combinator, compound = steps[-1]
    parent = parents[id(element)]
    if not all(_is(element, test, parents, root) for test in compound):
        return False
    if combinator == "":
        return True
    while parent is not root:
        if _fits(parent, steps[:-1], parents, root):
            return True
        if combinator == ">":
            return False
        parent = parents[id(parent)]
    return False


def _is(element: Element, test: tuple[str, str, str], parents: dict[int, Element], root: Element) -> bool:
    kind, value, said = test
    if kind == "any":
        return any(_fits(element, _steps(choice), parents, root) for choice in _CHOICE.findall(value))
    if kind == "pseudo":
        siblings = parents[id(element)].elements()
        chosen = {"first-child": siblings[0] is element, "last-child": siblings[-1] is element}
        return chosen.get(value, not element.children)
    attributes = element.attributes
    answers = {
        "all": True,
        "tag": element.tag == value.lower(),
        "id": attributes.get("id") == value,
        "cls": value in attributes.get("class", "").split(),
        "has": value in attributes,
        "equals": attributes.get(value) == said,
    }
    return answers[kind]


#: One of the selectors in ``:is(…, …)``.
_CHOICE = re.compile(r"(?:[^,\"']|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')+", re.DOTALL)
