"""djust_stream.testing: its page is the client's, its source is cut anywhere, its clock only jumps."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from page import Browser, djust, markdown_frames
from page import Page as BrowserPage
from test_client import DJUST_FORM, EXAMPLES, ROOT
from test_client_markdown import TEXTS

from djust_stream import render_markdown
from djust_stream.testing import Page

SELECTORS = [
    "p",
    "#x",
    ".a.b",
    "[data-part]",
    '[data-part="2"] > b',
    "div :empty",
    "div > :last-child",
    ":is(p, div)>:last-child",
    ":is([dj-stream='s'] > [data-part=\"1\"])>:first-child",
    "[dj-stream='a\\27 b']",
    "*",
    "li>:last-child>:last-child",
    "nothing",
]
MARKUP = (
    '<p id="x" class="b a">1<i></i></p><div dj-stream="s"><div data-part="1"><b>x</b><i>y</i></div>'
    '<p data-part="2"><b>&amp;</b></p></div><ul dj-stream="a\'b"><li><i>1</i><p>a<em>z</em></p></li></ul>'
)


@pytest.fixture(scope="module")
def client(browser: Browser) -> Iterator[BrowserPage]:
    page = browser.page(ROOT.format(""))
    yield page
    page.close()


# -- the page -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: json.loads(example[1])["o"][0][0])
def test_wire(example: tuple[str, str, str]) -> None:
    before, frame, after = example
    assert Page(ROOT.format(before)).apply(frame).html("s") == after


@pytest.mark.parametrize(("before", "ops", "after"), DJUST_FORM)
def test_djust_form(before: str, ops: list[dict[str, Any]], after: str) -> None:
    assert Page(ROOT.format(before)).apply(djust(*ops)).html("s") == after


def test_markdown_ends_as_the_one_shot_render() -> None:
    for text in TEXTS:
        page = Page()
        for frame in markdown_frames([text[at : at + 7] for at in range(0, len(text), 7)]):
            if frame:
                page.apply(frame)
        assert page.html("s") == Page(ROOT.format(render_markdown(text))).html("s"), text
        assert (page.ended, page.gaps, page.unknown, page.active) == ({"s": "done"}, [], [], [])


OPS: list[list[Any]] = [
    ["start"],
    ["t", "a", "b"],
    ["ta", "c\0"],
    ["tr", ""],
    ["tp", "d&"],
    ["a", "<p>e</p>f"],
    ["p", "<i>g</i>h"],
    ["r", '<ul dir="auto"><li><input type="checkbox"> i</li><li>j<p>k</p></li></ul>'],
    ["delete", "[dj-stream='s'] > p"],
    ["prune", 1, "top"],
    ["prune", 2, "bottom"],
    ["error", "no"],
    ["done"],
    ["done", "stopped"],
    [0, "<p>l</p>"],
    [0, "m"],
    [1, "n<b>o</b>"],
    [2, "p"],
    ["x", 0, 1, 0],
    ["x", 0, 0, 1],
    ["x", 1, 1, 1],
    ["l", 1, 1],
    ["l", 1, 0],
    ["h", 1, '<input type="checkbox"> '],
    ["h", 2, '<input type="checkbox" checked=""> '],
    ["@", [0], "q"],
    ["@", [1, 0], "<em>r</em>"],
    ["@", [0, 1, 0], "s"],
    ["on", "p"],
    ["on", ""],
    ["nonsense"],
]


def test_any_ops_leave_the_page_that_the_client_shows(client: BrowserPage) -> None:
    rng = random.Random(11)
    for _ in range(60):
        ops = [rng.choice(OPS) for _ in range(rng.randint(1, 12))]
        client.eval("html => { document.body.innerHTML = html }", ROOT.format("<p>0</p>1"))
        frames = [{"s": "s", "n": n + 1, "o": [op]} for n, op in enumerate(ops)]
        page = Page(ROOT.format("<p>0</p>1"))
        for frame, theirs in zip(frames, client.apply(frames, "body"), strict=True):
            assert page.apply(frame).root.inner() == theirs.partition('<div class="dj-stream-ann')[0], ops


def test_selectors(client: BrowserPage) -> None:
    from djust_stream.testing.dom import find, parse

    root = parse(MARKUP)
    assert root.inner() == MARKUP
    client.eval("html => { document.body.innerHTML = html }", MARKUP)
    for selector in SELECTORS:
        theirs = client.eval("selector => document.body.querySelector(selector)?.outerHTML", selector)
        found = find(root, selector)
        assert (found and found[0].html()) == theirs, selector
    for unknown in ("a:hover", "p + p", "p ~ p", "::before", "[a^=b]", ">", "a,b"):
        with pytest.raises(ValueError, match="selector"):
            find(root, unknown)


def test_what_else_a_page_tells() -> None:
    page = Page()
    page.apply('{"type":"stream.welcome","form":"compact"}').apply(
        {"s": "a", "n": 1, "o": [["start"], ["t", "x"]]}
    )
    assert page.messages == [{"type": "stream.welcome", "form": "compact"}]
    assert page.active == page.streams == ["a"]
    page.apply({"s": "a", "n": 3, "o": [["error", "no"], ["new", 1]]})
    assert (page.gaps, page.errors, page.ended) == ([("a", 2, 3)], {"a": "no"}, {"a": "error"})
    assert page.unknown == ["new"] and page.shown() == {"a": page.html("a")} and page.text("a") == "xno"
    with pytest.raises(LookupError, match=r"'b'.*'a'"):
        page.html("b")
