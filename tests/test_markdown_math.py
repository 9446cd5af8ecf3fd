"""math: the examples at every cut, what an unfinished text shows, and what a hostile one costs."""

import html
import random
import re
from pathlib import Path

import pytest
from dom import Dom
from streaming import examples, one_shot, sizes, streamed
from test_markdown_safe import ATTACKS, check
from test_markdown_spec import ALL

from djust_stream import MarkdownStream, render_markdown

EXAMPLES = examples(str(Path(__file__).parent / "spec" / "math.md"))
PIECES = [
    "$",
    "$$",
    "$$\n",
    "\n$$\n",
    "\\[",
    "\\]",
    "\\[\n",
    "\n\\]\n",
    "\\(",
    "\\)",
    "$x$",
    "$5 and ",
    "$$ x = ",
]
PIECES += [
    "$$\\begin{a}",
    "\\end{a}$$",
    " $$ rest",
    "\n",
    "\n\n",
    " ",
    "a",
    "word ",
    "|",
    "\\",
    "`",
    "**",
    "x",
    "漢",
]


def shown(text: str, **options: object) -> str:
    return render_markdown(text, partial=True, dir_auto=False, math=True, **options)


@pytest.mark.parametrize(("markdown", "expected"), EXAMPLES)
def test_examples(markdown: str, expected: str) -> None:
    assert one_shot(markdown, dir_auto=False, math=True).removesuffix("\n") == expected
    whole = one_shot(markdown, math=True)
    for size in (1, 4, 7, 1 << 30):
        assert streamed(markdown, lambda size=size: size, math=True) == whole, size
    for seed in range(20):
        options = ({}, {"mode": "raw"}, {"fill": True})[seed % 3]
        assert streamed(markdown, sizes(seed), math=True, **options) == whole, seed


@pytest.mark.parametrize(("name", "markdown"), ALL, ids=[name for name, _ in ALL])
def test_text_without_a_marker_is_as_without(name: str, markdown: str) -> None:
    if "$" in markdown or "\\(" in markdown or "\\[" in markdown:
        return
    assert one_shot(markdown, math=True) == one_shot(markdown)


def test_every_frame_is_what_the_prefix_shows() -> None:
    def same(prefix: bytes, page: str) -> None:
        assert page == one_shot(prefix, partial=True, math=True), prefix

    for markdown, _ in EXAMPLES:
        streamed(markdown, lambda: 1, same, math=True)
    for seed in range(400):
        rng = random.Random(seed)
        text = "".join(rng.choice(PIECES) for _ in range(rng.randrange(1, 25)))
        if text.isascii():
            streamed(text, lambda: 1, same, math=True)


def test_a_block_in_a_list_keeps_its_paragraph() -> None:
    """When the list only seemed to turn loose."""
    for text in ("- $$\n- l\n\n  [o]\n", "- a\n  $$\n  x\n  $$\n- l\n\n  [o]\n", "1. \\[\n\n   [o]\n"):
        for mode in ("complete", "raw", "hold"):
            for size in (1, 2, 3):
                assert streamed(text, lambda size=size: size, math=True, mode=mode) == one_shot(
                    text, math=True
                )


def test_nothing_is_taken_back() -> None:
    """Text that was shown stays: what may be mathematics is held back until it can be told."""
    text = "".join(markdown for markdown, _ in EXAMPLES if "|" not in markdown and "http" not in markdown)
    seen = ""
    stream, page = MarkdownStream(math=True), Dom()
    for character in text:
        stream.feed(character)
        page.apply(stream.edits())
        now = "".join(html.unescape(re.sub("<[^>]*>", "", page.html())).split())
        assert now.startswith(seen)
        seen = now


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a $x", "<p>a </p>"),
        ("a $x$", "<p>a </p>"),  # a digit may follow
        ("a $x$,", '<p>a <span class="math math-inline">x</span>,</p>'),
        ("a $5 an", "<p>a $5 an</p>"),  # and no longer
        ("a $5 x", "<p>a </p>"),
        ("a \\(x", "<p>a </p>"),
        ("a \\(x\\)", '<p>a <span class="math math-inline">x</span></p>'),
        ("$", ""),
        ("$$ x = 1", ""),
        ("$$ x = 1 $$", '<p><span class="math math-display"> x = 1 </span></p>'),
        ("$$\n", '<p><span class="math math-display"></span></p>'),
        ("$$\nx = $", '<p><span class="math math-display">x = </span></p>'),
        ("$$\nx = $$", '<p><span class="math math-display">x = </span></p>'),
        ("$$\n\\", '<p><span class="math math-display"></span></p>'),
        ("\\[\nx \\\\", '<p><span class="math math-display">x \\\\</span></p>'),
    ],
)
def test_an_unfinished_text(text: str, html: str) -> None:
    assert shown(text) == html


def test_a_span_has_a_longest_length() -> None:
    for opener, closer, most in (
        ("$", "$", 500),
        ("\\(", "\\)", 500),
        ("$$", "$$", 2000),
        ("\\[", "\\]", 2000),
    ):
        for extra in (0, 1):
            text = f"a {opener}{'x' * (most + extra)}{closer} b"
            expected = one_shot(text, math=True)
            assert ("span" in expected) == (not extra)
            assert streamed(text, lambda: 7, math=True) == expected
        held = shown(f"a {opener}{'x' * most}")
        assert held == "<p>a </p>"
        assert "xxx" in shown(f"a {opener}{'x' * (most + 2)}")


def test_a_line_that_opens_a_block_has_one_too() -> None:
    assert one_shot(f"$${' ' * 498}\nx", math=True, dir_auto=False).startswith("<p><span")
    assert "span" not in one_shot(f"$${' ' * 499}\nx", math=True)


@pytest.mark.parametrize(
    "piece", ["$", "$x ", "a$", "$$ ", "\\(", "\\[ ", "$$\n", "$$x\n", "$`", "\\", "$1 "]
)
def test_hostile_markers_end_where_one_shot_does(piece: str) -> None:
    text = piece * (6000 // len(piece))
    expected = one_shot(text, math=True)
    for size in (1000, 97):
        assert streamed(text, lambda size=size: size, math=True) == expected


@pytest.mark.parametrize("attack", [f"{o}{a}{c}" for a in ATTACKS for o, c in (("$", "$"), ("$$\n", "\n$$"))])
def test_tex_is_text(attack: str) -> None:
    for end in range(1, len(attack) + 1):
        partial = render_markdown(attack[:end], partial=True, math=True)
        check(re.sub(r'<span class="math math-(inline|display)">|</span>', "", partial))
    expected = one_shot(attack, math=True)
    assert streamed(attack, lambda: 1, math=True) == expected
    check(re.sub(r'<span class="math math-(inline|display)">|</span>', "", expected))


def test_the_documentation_holds() -> None:
    page = (Path(__file__).parents[1] / "docs" / "markdown-cjk-math.md").read_text(encoding="utf-8")
    for code in re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        exec(compile(code, "docs/markdown-cjk-math.md", "exec"), {})
