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


@pytest.mark.parametrize("text", RAW_HTML)
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_lines_of_raw_html(text: str, size: int) -> None:
    """A line that began a block, and one that goes on with it, are not parsed again as they grow."""

    def same(prefix: bytes, page: str) -> None:
        if not prefix.endswith((b" ", b">", b"\n")):  # blanks at the end may not be shown yet
            assert page == one_shot(prefix, partial=True), prefix

    assert streamed(text, lambda: size, same) == one_shot(text)
    assert streamed(text, sizes(size)) == one_shot(text)
