"""Texts that are made to cost: each short way of the engine shows what the long one would."""

import pytest
from streaming import one_shot, sizes, streamed

RAW_HTML = [
    "<div>a line *b* & c",
    "<div>\n<p>a</p>\n b\n>\n> c\n  \n<b>\n",
    "> <div>> a\n> b > c\n>\n>> d\n> e\nlazy",
    "- <div>\n  a\n  b <c>\n - d\n\n  e",
    "1. <!-- a\n   b\n\n   c\n   d --> e\n   f",
    "<!-- a --> b\nc",
    "- <?x ?> y z\n- <?x\n  a ?> b\n  c",
    "<pre>\na\nb</pre> c\nd",
    "<![CDATA[ a ]]\n> b ]]> c\nd",
    "text\n<div>\nmore\n\n> ```\n<div> not code\n```\n",
    "-     -     -\n\n-     - a\n-     -> a\n\n>     - b",
    "    * *\n    a\n\n      - -\n",
]


WAITING = [
    "![^1] a",
    "[a]: /u\n  \"title\"\n[b]: /v\n'long\ntitle'\n[a] [b]\n",
    '[a]: /u\n"title" and text\n\n[a]',
    '- [a]: /u\n  (title\n- b\n\n> [c]: /v\n"lazy\n> d',
    "| a \\| b | c |\n|---|---|\n| d \\| e | x |\n| g |",
    "a" + " " * 300 + "b!!!!!!!!!! c",
    "me@" + "a.b-c." * 40 + "d e",
    "## ## ## 1 # a",
    "a ``b\n    1.  ```\n    -  *c",
]


@pytest.mark.parametrize("text", WAITING)
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_what_waits(text: str, size: int) -> None:
    """Until a certain byte comes the page stays, and then it is as if it had been looked at all the time."""

    def same(prefix: bytes, page: str) -> None:
        if b"]:" not in prefix:
            assert page == one_shot(prefix, partial=True), prefix

    assert streamed(text, lambda: size, same) == one_shot(text)
    assert streamed(text, sizes(size)) == one_shot(text)


OPENED = [
    "*a ",
    "**a *b ",
    "_a_b ",
    "[a ![b ",
    "a <b ",
    "a ` `` ",
    "www.a.b/",
    "\\",
    "]",
    "|",
    "> ",
    "=",
    "- ",
]


@pytest.mark.parametrize("part", OPENED)
def test_long_texts_that_nothing_settles(part: str) -> None:
    """They are not parsed again with each frame; the page never goes back, and the end is cmark-gfm's."""
    for text in (part * 6000, "a\n" + part * 6000, (part * 300 + "\n\n") * 20):
        assert streamed(text, lambda: 64) == one_shot(text)


@pytest.mark.parametrize("text", RAW_HTML)
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_lines_of_raw_html(text: str, size: int) -> None:
    """A line that began a block, and one that goes on with it, are not parsed again as they grow."""

    def same(prefix: bytes, page: str) -> None:
        if not prefix.endswith((b" ", b">", b"\n")):  # blanks at the end may not be shown yet
            assert page == one_shot(prefix, partial=True), prefix

    assert streamed(text, lambda: size, same) == one_shot(text)
    assert streamed(text, sizes(size)) == one_shot(text)
