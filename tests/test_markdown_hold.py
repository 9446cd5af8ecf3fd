"""The mode "hold": what is shown stays. Each frame's page is a beginning of the last one."""

import pytest
from dom import Dom, Element, is_checkbox, split_item
from fuzz_markdown import document
from streaming import one_shot, sizes, streamed
from test_markdown_spec import ALL

from djust_stream import MarkdownStream
from djust_stream._core import render


def flat(element: Element, shape: "list[str] | None" = None) -> "list[str]":
    """Start tags and text in order, a list's items as if it were loose; what is at the end is not closed."""
    shape = [] if shape is None else shape
    lead, parts = split_item(element) if element.tag == "li" else ([], element.children)
    shape += [f"<{node.tag}{node.attributes}>" for node in lead if is_checkbox(node)]
    for part in parts:
        if isinstance(part, list):
            shape.append('<p dir="auto">')
            for node in part:
                add(node, shape)
            shape.append("</p>")
        else:
            add(part, shape)
    return shape


def add(node: "Element | str", shape: "list[str]") -> None:
    if isinstance(node, str):
        shape += node
    else:
        shape.append(f"<{node.tag}{node.attributes}>")
        flat(node, shape)
        shape.append(f"</{node.tag}>")


def is_beginning(frame: Element, last: "list[str]") -> bool:
    """Without the end tags at the frame's end: there its last page goes on."""
    shape = flat(frame)
    while shape and shape[-1].startswith("</"):
        shape.pop()
    return shape == last[: len(shape)]


def frames(text: str, size: int) -> "tuple[list[Element], Dom]":
    stream, pages, done = MarkdownStream(mode="hold"), [], Dom()
    edits: list = []
    for at in range(0, len(text), size):
        stream.feed(text[at : at + size])
        new = stream.edits()
        edits += new
        if new:
            page = Dom()
            page.apply(edits)
            pages.append(page.root)
    done.apply(edits + stream.finish())
    return pages, done


TEXTS = [markdown for _, markdown in ALL] + [document(seed) for seed in range(700)]


def test_every_frame_is_a_beginning_of_the_last() -> None:
    """Not where a definition comes after its use; nor where cmark-gfm marks a task late."""
    for text in TEXTS:
        if "]:" in text or "10000000000. [ ]" in text or "[ ]" in text or "[x]" in text:
            continue
        pages, done = frames(text, 3)
        last = flat(done.root)
        assert done.html() == one_shot(text), text
        for page in pages:
            assert is_beginning(page, last), (text, "".join(flat(page)), done.html())


def test_it_ends_like_the_others() -> None:
    for seed in range(700, 1400):
        text = document(seed)
        for fill in (False, True):
            assert streamed(text, sizes(seed), mode="hold", fill=fill) == one_shot(text), text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a paragraph", ""),
        ("a paragraph\n", ""),
        ("a paragraph\n\n", "<p>a paragraph</p>"),
        ("# a\nb", "<h1>a</h1>"),
        ("- a\n", ""),
        ("- a\n-", ""),
        ("- a\n- b\n", "<ul><li>a</li></ul>"),
        ("> - [x] a\n", ""),
        ("```py\na\nb", '<pre><code class="language-py">a\n</code></pre>'),
        ("    a\n\n", "<pre><code>a\n</code></pre>"),
        ("| a |\n", ""),
        ("| a |\n|---|\n| b", "<table><thead><tr><th>a</th></tr></thead></table>"),
        ("a\n\n***\n", "<p>a</p><hr>"),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert render(text, partial=True, mode="hold", dir_auto=False) == shown
    stream, page = MarkdownStream(mode="hold", dir_auto=False), Dom()
    for letter in text:
        stream.feed(letter)
        page.apply(stream.edits())
    assert page.html() == shown
