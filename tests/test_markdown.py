"""MarkdownStream: any cut, settled stays, closed, bounded, and what it says to wrong input."""

import re
from itertools import pairwise

import pytest
from dom import Dom, inner, parse
from fuzz_markdown import document, drawn, wrong
from hypothesis import given, settings
from hypothesis import strategies as st
from streaming import one_shot, sizes, streamed
from test_markdown_spec import ALL

from djust_stream import MarkdownStream, render_markdown

REL = ' rel="nofollow noopener noreferrer"'
MARKDOWN = st.integers(0, 1 << 40).map(document) | st.text(alphabet=st.characters(codec="utf-8"), max_size=80)


def pieces(data: bytes, cuts: "list[int]") -> "list[bytes]":
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[low:high] for low, high in pairwise(edges)]


@settings(max_examples=400, deadline=None)
@given(MARKDOWN, st.lists(st.integers(0, 1 << 16), max_size=12), st.booleans())
def test_any_cut_ends_in_the_one_shot(text: str, cuts: "list[int]", frames: bool) -> None:
    """Law 2: also inside a character, a CRLF, a marker; with a frame after each piece or only at the end."""
    stream, page = MarkdownStream(), Dom()
    for piece in pieces(text.encode(), cuts):
        stream.feed(piece)
        if frames:
            page.apply(stream.edits())
    page.apply(stream.finish())
    assert page.html() == one_shot(text)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.lists(st.integers(0, 1 << 16), max_size=12))
def test_any_bytes(data: bytes, cuts: "list[int]") -> None:
    stream, page = MarkdownStream(), Dom()
    for piece in pieces(data, cuts):
        stream.feed(piece)
        page.apply(stream.edits())
    page.apply(stream.finish())
    assert page.html() == one_shot(data) == one_shot(data.decode(errors="replace").replace("\0", "�"))


def test_fuzz() -> None:
    """A small run of tests/fuzz_markdown.py, some of it raw, some of it in edits for the djust form."""
    problems = [
        (seed, wrong(seed, fill=seed % 7 == 0, mode=("complete", "raw")[seed % 5 == 0], **drawn(seed)))
        for seed in range(1500)
    ]
    assert [problem for problem in problems if problem[1]] == []


def test_every_frame_is_what_the_prefix_shows() -> None:
    """Law 4: Dom refuses HTML that is not closed. And a frame is the partial one-shot of what has arrived.

    Not where a definition comes after its use: until it is certain the leaf stays as it is.
    """
    for name, markdown in ALL:
        if (
            "]:" in markdown or "10000000000. [ ]" in markdown
        ):  # a task that cmark marks late settles with its line
            continue

        def same(prefix: bytes, page: str, name: str = name) -> None:
            assert page == one_shot(prefix, partial=True), (name, prefix)

        streamed(markdown, lambda: 1, same)


def test_settled_stays() -> None:
    """Law 3: the node of a settled block is the same object for good; a list turned loose keeps its items."""
    text = "# One\n\npara **a**\n\n- x\n- y\n\n- z\n\n```py\ncode\n```\n\n| a |\n|---|\n| 1 |\n| 2 |\n\nend\n"
    stream, page, seen = MarkdownStream(), Dom(), []
    for letter in text:
        stream.feed(letter)
        page.apply(stream.edits())
        blocks = page.root.elements()
        assert all(new is old for old, new in zip(seen[:-1], blocks, strict=False)), letter
        seen = blocks
    page.apply(stream.finish())
    assert all(new is old for old, new in zip(seen, page.root.elements(), strict=True))


def test_no_empty_element_is_shown() -> None:
    """A span opens with the first character in it that can be told: "w" may begin an address."""
    for text in ("word `word", "word *www", "word **https"):
        stream, page = MarkdownStream(dir_auto=False), Dom()
        for letter in text:
            stream.feed(letter)
            page.apply(stream.edits())
            assert not re.search(r"<(code|em|strong)></", page.html()), (text, page.html())


def test_raw_html_in_a_list_keeps_its_paragraph() -> None:
    """A list that only seems to turn loose is not shown so: taking it back would take the <p> of raw HTML."""
    for text in ("- <v>\n\n  [b]:>", "1. |\n   <div>\n\n   [\n", "- <v>\n\n-1"):
        for mode in ("complete", "raw"):
            for size in (1, 2, 3):
                assert streamed(text, lambda size=size: size, mode=mode) == one_shot(text)


def test_late_definition_touches_its_leaf_only() -> None:
    stream = MarkdownStream()
    stream.feed("[a]\n\n[b]\n\n- [a]\n\nmore\n\n")
    stream.edits()
    stream.feed("[a]: /u\n\n")
    link = '<a href="/u" rel="nofollow noopener noreferrer">a</a>'
    assert stream.edits() == [("patch", (0,), link), ("patch", (2, 0, 0), link)]


def test_the_first_definition_counts_also_in_the_line_that_ends_them() -> None:
    """What that line shows was found where definitions were not certain: there another one may come first."""
    for text in (
        "[a]: /1\n[a]: /2\n- [a] x",
        "[a]: /1\n[b]: /2\n[a]: /3\n1. [a] [b]\n\n[a]",
        "[a]: /1\n[a]: /2\n> [a]",
    ):
        for mode in ("complete", "raw", "hold"):
            for size in (1, 2, 3, 4):
                assert streamed(text, lambda size=size: size, mode=mode) == one_shot(text)


def test_edits_are_small() -> None:
    stream = MarkdownStream(dir_auto=False)
    frames = []
    for piece in ("Some **bo", "ld** te", "xt\n\n- a\n", "- b\n\n- x", " `d"):
        stream.feed(piece)
        frames.append(stream.edits())
    assert frames == [
        [("grow", 0, "<p>Some <strong>bo</strong></p>")],
        [("grow", 2, "ld"), ("grow", 1, " te")],
        [("grow", 1, "xt"), ("grow", 0, "<ul><li>a</li></ul>")],
        [("grow", 1, "<li>b</li>"), ("loose", 1, 1), ("grow", 1, "<li><p>x</p></li>")],
        [("grow", 3, " <code>d</code>")],
    ]
    assert stream.finish() == [("cut", 3, 1, 0), ("grow", 3, "`d")]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("# ", ""),
        ("##", ""),
        ("-", ""),
        ("- ", ""),
        ("a\n-", "<p>a</p>"),
        ("a\n- ", "<p>a</p>"),
        ("a\n==", "<p>a</p>"),
        ("1.", ""),
        ("``", ""),
        ("```py", ""),
        ("a **", "<p>a</p>"),
        ("a **b", "<p>a <strong>b</strong></p>"),
        ("a *b", "<p>a <em>b</em></p>"),
        ("2*3", "<p>2</p>"),
        ("2*3 = 6, " + "and so on " * 10 + "!", "<p>2*3 = 6, " + "and so on " * 9 + "and so on</p>"),
        ("2*x and 3*y", "<p>2<em>x and 3</em>y</p>"),
        ("2**10 is", "<p>2</p>"),
        ("3~5", "<p>3</p>"),
        ("f(x)*g(x", "<p>f(x)</p>"),
        ("中文**粗体", "<p>中文</p>"),
        ("中文**粗体**", "<p>中文</p>"),
        ("中文**粗体**中", "<p>中文<strong>粗体</strong>中</p>"),
        ("中文**" + "粗体" * 13, "<p>中文<strong>" + "粗体" * 13 + "</strong></p>"),
        ("**名（name）**是", "<p>**名（name）**是</p>"),
        ("**Note:**text", "<p>**Note:**text</p>"),
        ('**"', ""),
        ("**“名", ""),
        ("**“名”**是", "<p>**“名”**是</p>"),
        ('**"名"**', ""),
        ('**"名"** 是', '<p><strong>"名"</strong> 是</p>'),
        ('**"a', '<p><strong>"a</strong></p>'),
        ("***a* b", "<p><strong><em>a</em> b</strong></p>"),
        ("***a* b *c* d", "<p><strong><em>a</em> b <em>c</em> d</strong></p>"),
        ("a ~~b", "<p>a <del>b</del></p>"),
        ("a `b *x", "<p>a <code>b *x</code></p>"),
        ("a [b", "<p>a </p>"),
        ("a [b](http://x", '<p>a <a href="#">b</a></p>'),
        ("a [b](http://x) c [d](y z", REL.join(['<p>a <a href="http://x"', ">b</a> c [d](y z</p>"])),
        ("![b](http://x", '<p><a href="#">b</a></p>'),
        ("[![b](http://x", '<p><a href="#">b</a></p>'),
        ("[![b](http://x)", '<p><a href="#">b</a></p>'),
        ("[![b](http://x)]", '<p><a href="#">b</a></p>'),
        ("[![b](http://x)](y", '<p><a href="#">b</a></p>'),
        ("见https", "<p>见</p>"),
        ("a ![b](x) d", '<p>a <a href="x" rel="nofollow noopener noreferrer">b</a> d</p>'),
        ("a [b] d", "<p>a [b] d</p>"),
        ("a &am", "<p>a</p>"),
        ("AT&T is", "<p>AT&amp;T is</p>"),
        ("a \\", "<p>a</p>"),
        ("a <htt", "<p>a</p>"),
        ("a < b", "<p>a &lt; b</p>"),
        ("see htt", "<p>see</p>"),
        (
            "see https://x.y/z.",
            '<p>see <a href="https://x.y/z" rel="nofollow noopener noreferrer">https://x.y/z</a></p>',
        ),
        ("mail me@x", "<p>mail me</p>"),
        ("mail me@x or", "<p>mail me@x or</p>"),
        ("| a | b |", ""),
        ("| a | b |\n|--", ""),
        ("[x]: /u", ""),
        ("<div", ""),
    ],
)
def test_what_an_unfinished_text_shows(text: str, shown: str) -> None:
    """No marker flashes, nothing that cannot be told yet; and then the end shows all of it."""
    assert render_markdown(text, partial=True, dir_auto=False) == shown
    stream, page = MarkdownStream(dir_auto=False), Dom()
    stream.feed(text)
    page.apply(stream.edits())
    assert page.html() == shown
    page.apply(stream.finish())
    assert page.html() == one_shot(text, dir_auto=False)


def test_nesting_is_capped() -> None:
    """Browsers stop nesting at 512 elements; an edit that counts depths would then miss."""
    for text in (
        ">" * 5000 + " a",
        "- " * 3000 + "a",
        "".join("  " * i + "- a\n" for i in range(300)),
        "*a **b " * 3000,
        "[" * 5000,
        "![" * 5000,
    ):
        html = one_shot(text)
        deepest = depth = 0
        for part in html.split("<"):
            depth += 0 if part.startswith(("br", "hr", "input")) else -1 if part.startswith("/") else 1
            deepest = max(deepest, depth)
        assert deepest < 400
        assert streamed(text, lambda: 997) == html


def test_ten_megabytes_in_one_call() -> None:
    text = "word **bold** `code`\n\n" * (10_000_000 // 22)
    stream = MarkdownStream()
    stream.feed(text)
    edits = stream.edits()
    assert sum(len(edit[2]) for edit in edits) == len(render_markdown(text))
    assert stream.finish() == []


def test_errors_say_what_to_do() -> None:
    stream = MarkdownStream(max_bytes=10)
    with pytest.raises(TypeError, match="text must be str or bytes, not int"):
        stream.feed(3)
    with pytest.raises(OverflowError, match=r"longer than max_bytes, 10: .*MAX_STREAM_BYTES"):
        stream.feed("01234567890")
    with pytest.raises(OverflowError, match="longer than max_bytes, 10: "):
        render_markdown("01234567890", max_bytes=10)
    stream.feed("0123456789")
    assert stream.edits() == [("grow", 0, '<p dir="auto">0123456789</p>')], (
        "what was refused has not spoilt the rest"
    )
    stream.finish()
    assert stream.finish() == []
    with pytest.raises(ValueError, match="finished"):
        stream.feed("more")
    with pytest.raises(ValueError, match='images must be "link", "show" or a tuple of hosts, not'):
        MarkdownStream(images="all")
    with pytest.raises(ValueError, match='mode must be "complete", "raw" or "hold", not'):
        MarkdownStream(mode="x")
    with pytest.raises(ValueError, match="max_bytes must be between 1 and"):
        MarkdownStream(max_bytes=0)
    with pytest.raises(TypeError):
        render_markdown(None)


def test_surrogates_and_nul() -> None:
    stream, page = MarkdownStream(dir_auto=False), Dom()
    for piece in ("a\ud83d", "b\0c", b"\xff", b"\xf0\x9f", b"\x98\x80", b"\xe2\x82"):
        stream.feed(piece)
    page.apply(stream.finish())
    assert page.html() == "<p>a�b�c�😀�</p>"


def test_the_result_is_safe_for_templates() -> None:
    html = render_markdown("*a* <b>")
    assert html == '<p dir="auto"><em>a</em> &lt;b&gt;</p>' and html.__html__() is html


def test_raw_mode_shows_the_prefix_as_it_is() -> None:
    stream, page = MarkdownStream(mode="raw", dir_auto=False), Dom()
    for text, shown in (
        ("a **b", "<p>a **b</p>"),
        ("** [c", "<p>a <strong>b</strong> [c</p>"),
        ("\n-", "<h2>a <strong>b</strong> [c</h2>"),
    ):
        stream.feed(text)
        page.apply(stream.edits())
        assert page.html() == shown


def test_raw_mode_keeps_up_with_a_long_paragraph() -> None:
    """Nothing in it gets firm, and still each frame shows all that has come."""
    text = "> " + "a **word** and `more` of [them](https://x.y/z), " * 60 + "\n\n" + "plain words " * 100

    def same(prefix: bytes, page: str) -> None:
        assert page == one_shot(prefix, mode="raw", partial=True), len(prefix)

    assert streamed(text, lambda: 7, same, mode="raw") == one_shot(text)


def test_fill_says_only_grow_and_fill() -> None:
    for seed in range(300):
        text = document(seed)
        stream, page, size = MarkdownStream(fill=True), Dom(), sizes(seed)
        at = 0
        while at < len(text):
            step = size()
            stream.feed(text[at : at + step])
            at += step
            edits = stream.edits()
            assert {edit[0] for edit in edits} <= {"grow", "fill"}
            page.apply(edits)
        edits = stream.finish()
        assert {edit[0] for edit in edits} <= {"grow", "fill"}
        page.apply(edits)
        assert page.html() == inner(parse(render_markdown(text)))


def test_a_definition_shown_as_text_leaves_before_its_label_is_patched() -> None:
    """Mode raw: both stand in one run of inline content, which the patch replaces."""
    text = '- item\n    [foo] [x][foo]\n\n    [bar]: <a b>\n[foo]: /v "t"\n\n'
    for size in range(1, 12):
        assert streamed(text, lambda size=size: size, mode="raw") == one_shot(text)
