"""Footnotes: like cmark-gfm's at the end, calm before it, safe, and at a bounded cost."""

import re
from itertools import count, pairwise
from pathlib import Path

import cmarkgfm.cmark
import pytest
from cmarkgfm.cmark import Options
from dom import Dom
from fuzz_markdown import document, wrong
from streaming import examples, one_shot, sizes, streamed
from test_markdown_spec import EXTENSIONS, dom, with_our_links

from djust_stream import MarkdownStream, render_markdown

EXAMPLES = [
    (f"footnotes-{number}", *pair)
    for number, pair in enumerate(examples(str(Path(__file__).parent / "spec" / "footnotes.md")), 1)
]
BACK = (
    '<a href="#fnref-{0}" class="footnote-backref" data-footnote-backref="" data-footnote-backref-idx="{0}" '
    'aria-label="Back to reference {0}">↩</a>'
)


SECTION = '<section class="footnotes" data-footnotes=""><ol>{}</ol></section>'


def link(number: int, name: str) -> str:
    return (
        f'<sup class="footnote-ref"><a href="#fn-{number}" id="fnref-{name}" data-footnote-ref="">'
        f"{number}</a></sup>"
    )


def pending(number: int) -> str:
    return f'<sup class="footnote-ref">{number}</sup>'


def cmark(markdown: str) -> str:
    """What cmark-gfm makes of it, with our ids."""
    html = cmarkgfm.cmark.markdown_to_html_with_extensions(
        markdown, options=Options.CMARK_OPT_FOOTNOTES, extensions=EXTENSIONS
    )
    html = re.sub(
        r'<a href="#fn-([^"]*)" id="fnref-\1(-\d+)?" data-footnote-ref>(\d+)</a>',
        r'<a href="#fn-\3" id="fnref-\3\2" data-footnote-ref>\3</a>',
        html,
    )
    numbers = count(1)
    html = re.sub(r'<li id="fn-[^"]*">', lambda _: f'<li id="fn-{next(numbers)}">', html)
    return re.sub(
        r'<a href="#fnref-[^"]*"( class="footnote-backref" data-footnote-backref data-footnote-backref-idx="'
        r'([\d-]+)")',
        r'<a href="#fnref-\2"\1',
        html,
    )


def is_compared(markdown: str) -> bool:
    """Not where cmark-gfm loses text, or puts a link into a link."""
    return not re.search(r"\[\^[^\]]*\n|\[\[\^|\\\^|!\[\^", markdown)


def edits_of(pieces: "list[str]", **options: object) -> "list[list[tuple]]":
    """The edits after each piece, and at the end."""
    stream = MarkdownStream(footnotes=True, dir_auto=False, **options)
    frames = []
    for piece in pieces:
        stream.feed(piece)
        frames.append(stream.edits())
    return [*frames, stream.finish()]


def payload(frames: "list[list[tuple]]") -> int:
    return sum(len(edit[2]) for edits in frames for edit in edits if edit[0] in ("grow", "patch"))


# ---- The end ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "markdown", "html"), EXAMPLES, ids=[name for name, *_ in EXAMPLES])
def test_examples(name: str, markdown: str, html: str) -> None:
    assert one_shot(markdown, footnotes=True, dir_auto=False) == html
    assert dom(html) == dom(cmark(markdown))
    for size in (1, 4, 7, 1 << 30):
        for options in ({}, {"mode": "raw"}, {"fill": True}):
            got = streamed(markdown, lambda size=size: size, footnotes=True, dir_auto=False, **options)
            assert got == html, (size, options)
    for seed in range(20):
        assert streamed(markdown, sizes(seed), footnotes=True, dir_auto=False) == html, seed


def test_fuzz() -> None:
    """Random documents: any cut ends in the one-shot, which is cmark-gfm's."""
    for seed in range(1500):
        mode = ("complete", "raw")[seed % 5 == 0]
        assert wrong(seed, mode=mode, fill=seed % 7 == 0, footnotes=True) is None, seed
        text = document(seed, footnotes=True)
        if seed % 4 or not is_compared(text) or "<" in text or "\0" in text or "&#65534;" in text:
            continue
        ours = one_shot(text, images="show", footnotes=True)
        assert dom(with_our_links(ours)) == dom(with_our_links(cmark(text))), (seed, text)


def test_off_means_off() -> None:
    text = "a[^1]\n\n[^1]: /u\n"
    link = '<a href="/u" rel="nofollow noopener noreferrer">^1</a>'
    assert render_markdown(text, dir_auto=False) == f"<p>a{link}</p>"


def test_no_text_is_lost() -> None:
    """Where cmark-gfm counts columns it drops text, or shows memory that is not the text's."""
    for text in ("[^a\nb] c", "[&#94;" + "a" * 2000 + "]", "[\\^a] b", "![&Hat;a]"):
        shown = re.sub(r"<[^>]*>", "", render_markdown(text + "\n\n[^a]: x", footnotes=True))
        assert "a" in shown and len(shown) <= len(text), text
    assert ">[^a\nb] c<" in render_markdown("[^a\nb] c\n\n[^a]: x", footnotes=True)


# ---- Before the end -----------------------------------------------------------------------------


def test_every_frame_is_what_the_prefix_shows() -> None:
    for name, markdown, _ in EXAMPLES:
        if "[l]: /l" in markdown or "![^" in markdown:
            continue  # a link that is defined late changes who refers to what; and a "!" waits for the "]"

        def same(prefix: bytes, page: str, name: str = name) -> None:
            assert page == one_shot(prefix, partial=True, footnotes=True), (name, prefix)

        streamed(markdown, lambda: 1, same, footnotes=True)


def test_a_definition_patches_the_leaves_that_used_it() -> None:
    """And nothing else: neither other leaves nor what has no reference."""
    frames = edits_of(["a[^a]\n\nplain\n\n- i[^b]\n- j\n\nb[^b]\n\n", "[^a]: A\n\n", "[^b]: B\n"])
    assert [edit for edit in frames[1] if edit[0] == "patch"] == [("patch", (0,), "a" + link(1, "1"))]
    assert [edit for edit in frames[2] if edit[0] == "patch"] == [
        ("patch", (2, 0, 0), "i" + link(2, "2")),
        ("patch", (3,), "b" + link(2, "2-2")),
    ]
    assert not [edit for edit in frames[3] if edit[0] in ("patch", "cut")]


def test_numbers_do_not_change_when_all_is_defined() -> None:
    """In any order of definitions: each leaf is patched once for each label, and never at the end."""
    text = "".join(f"p[^{name}]\n\n" for name in "abcde")
    definitions = "".join(f"[^{name}]: note\n" for name in "edcba")
    frames = edits_of([*text, *definitions])
    assert sum(edit[0] == "patch" for edits in frames for edit in edits) == 5
    assert not [edit for edit in frames[-1] if edit[0] == "patch"]


def test_numbers_are_put_right_at_the_end() -> None:
    frames = edits_of(["a[^x] b[^y]\n\nc[^y]\n\n", "[^y]: z\n"])
    assert frames[1][:2] == [
        ("patch", (0,), f"a{pending(1)} b{link(2, '2')}"),
        ("patch", (1,), f"c{link(2, '2-2')}"),
    ]
    assert frames[2][:2] == [
        ("patch", (0,), f"a[^x] b{link(1, '1')}"),
        ("patch", (1,), f"c{link(1, '1-2')}"),
    ]


def test_definitions_at_the_end_grow() -> None:
    """As most answers have them: nothing is cut, and the section is there from its first word."""
    pieces = ["a[^1] b[^2]\n\n", "[^1]: On", "e.\n", "[^2]: Tw", "o", ".\n"]
    frames = edits_of(pieces)
    assert frames == [
        [("grow", 0, f"<p>a{pending(1)} b{pending(2)}</p>")],
        [("grow", 0, SECTION.format('<li id="fn-1"><p>On</p></li>'))],
        [("patch", (0,), f"a{link(1, '1')} b{pending(2)}"), ("grow", 4, "e.")],
        [("grow", 4, " " + BACK.format(1)), ("grow", 2, '<li id="fn-2"><p>Tw</p></li>')],
        [("grow", 4, "o")],
        [("patch", (0,), f"a{link(1, '1')} b{link(2, '2')}"), ("grow", 4, ".")],
        [("grow", 4, " " + BACK.format(2))],
    ]


def test_settled_stays() -> None:
    """Text after the definitions takes the section away once, and what has settled is never rebuilt."""
    text = "# One\n\na[^1]\n\n- b[^1]\n\n[^1]: note\n\nMore text,\nand more.\n\n- c\n\n[^2]: x\n\nend[^2]\n"
    stream, page, seen = MarkdownStream(footnotes=True), Dom(), []
    cuts = 0
    for letter in text:
        stream.feed(letter)
        edits = stream.edits()
        cuts += sum(edit[0] == "cut" and edit[1] == 0 for edit in edits)
        page.apply(edits)
        blocks = [block for block in page.root.elements() if block.tag != "section"]
        assert all(new is old for old, new in zip(seen[:-1], blocks, strict=False)), letter
        seen = blocks
    page.apply(stream.finish())
    assert all(new is old for old, new in zip(seen, page.root.elements(), strict=False))
    assert page.root.elements()[-1].tag == "section"
    assert cuts == 2


def test_text_after_a_definition_in_a_tight_list_is_not_lost() -> None:
    """It is no part of the paragraph before, which a late definition renders again."""
    for text in (
        "- a[^b]\n  [^c]: # h\n  d\n\n[^b]: x\n",
        "1. a\n   [^c]: ***\n   d[x]\n   ```\n   e\n\n[x]: /u\n",
    ):
        for mode in ("complete", "raw", "hold"):
            for size in (1, 3, 16):
                assert streamed(text, lambda size=size: size, footnotes=True, mode=mode) == one_shot(
                    text, footnotes=True
                )


def test_raw_shows_references_as_their_source() -> None:
    stream, page = MarkdownStream(footnotes=True, mode="raw", dir_auto=False), Dom()
    stream.feed("a[^1]\n\nb")
    page.apply(stream.edits())
    assert page.html() == "<p>a[^1]</p><p>b</p>"


# ---- Limits -------------------------------------------------------------------------------------


@pytest.mark.parametrize("references", [9_999, 10_001, 30_000])
def test_references_are_capped(references: int) -> None:
    text = "a[^a]\n" * references + "\n[^a]: x\n"
    html = one_shot(text, footnotes=True)
    assert html.count("data-footnote-ref=") == min(references, 10_000)
    assert html.count("[^a]") == max(0, references - 10_000)
    assert streamed(text, lambda: 4096, footnotes=True) == html


def test_definitions_are_capped() -> None:
    text = "[^10500] [^9000]\n\n" + "".join(f"[^{i}]: x\n" for i in range(11_000))
    html = one_shot(text, footnotes=True)
    assert html.count("<li") == 1 and "[^10500]" in html
    assert streamed(text, lambda: 4096, footnotes=True) == html
    text = "[^a]\n\n[^a]: x\n\n" + "    - item\n" * 40_000
    html = one_shot(text, footnotes=True)
    assert 20_000 < html.count("<li>item") < 30_000, "what comes after the limit is text of the document"
    assert streamed(text, lambda: 4096, footnotes=True) == html


HOSTILE = {
    "one label": lambda n: "[^a] " * (n // 5) + "\n\n[^a]: x\n",
    "many labels": lambda n: "".join(f"[^{i}] " for i in range(n // 8)),
    "each in a paragraph": lambda n: (
        "".join(f"p[^{i}]\n\n" for i in range(n // 20)) + "".join(f"[^{i}]: t\n" for i in range(n // 20))
    ),
    "in reverse": lambda n: (
        "".join(f"p[^{i}]\n\n" for i in range(n // 20))
        + "".join(f"[^{n // 20 - 1 - i}]: t\n" for i in range(n // 20))
    ),
    "in turn": lambda n: "".join(f"p[^{i}]\n\n[^{i}]: t\n\n" for i in range(n // 20)),
    "one in another": lambda n: "[^a]: " * (n // 6),
    "openers": lambda n: "[^a" * (n // 3),
    "one long label": lambda n: "[^" + "a" * n + "]: x\n\n[^" + "a" * n + "]",
    "a long list in one": lambda n: "[^a]\n\n[^a]: x\n\n" + "    - a\n" * (n // 8),
    "references in them": lambda n: "[^a]\n\n" + "[^a]: [^a]\n" * (n // 11),
    "late links": lambda n: (
        "".join(f"[a{i}]\n\n" for i in range(n // 20)) + "".join(f"[a{i}]: /u\n\n" for i in range(n // 20))
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_cost_no_more_than_their_length(name: str) -> None:
    """What is sent grows as the text does, and does not exceed what the page is made of by much."""
    sent = []
    for n in (20_000, 40_000):
        text = HOSTILE[name](n)
        frames = edits_of([text[at : at + 16] for at in range(0, len(text), 16)])
        page = Dom()
        for edits in frames:
            page.apply(edits)
        html = one_shot(text, footnotes=True, dir_auto=False)
        assert page.html() == html
        sent.append(payload(frames))
        assert sent[-1] <= 6 * len(html) + 1000 or name == "many labels"
    low, high = sent
    assert high <= 2.6 * low + 20_000


# ---- Options ------------------------------------------------------------------------------------


def test_prefix_parts_streams_on_one_page() -> None:
    html = render_markdown("a[^1] b[^1]\n\n[^1]: x", footnotes="answer-7-")
    assert re.findall(r'(?:id|href)="([^"]*)"', html) == [
        "#answer-7-fn-1",
        "answer-7-fnref-1",
        "#answer-7-fn-1",
        "answer-7-fnref-1-2",
        "answer-7-fn-1",
        "#answer-7-fnref-1",
        "#answer-7-fnref-1-2",
    ]
    stream, page = MarkdownStream(footnotes="answer-" + str(7) + "-"), Dom()
    stream.feed("a[^1] b[^1]\n\n[^1]: x")
    page.apply(stream.finish())
    assert page.html() == one_shot("a[^1] b[^1]\n\n[^1]: x", footnotes="answer-7-")


@pytest.mark.parametrize("value", ["", "a", "7-", "a b-", 'a"-', "é-", "a" * 64 + "-"])
def test_other_prefixes_are_refused(value: str) -> None:
    for make in (MarkdownStream, lambda **options: render_markdown("", **options)):
        with pytest.raises(ValueError, match='a prefix such as "doc-"'):
            make(footnotes=value)
        with pytest.raises(TypeError, match="footnotes must be True, False or a prefix"):
            make(footnotes=1)


def test_labels_never_become_attributes() -> None:
    for label in ('"><script>', "javascript:x", "a&quot;b", "x\\<b>"):
        html = render_markdown(f"[^{label}]\n\n[^{label}]: note", footnotes=True)
        assert html.count("data-footnote-ref=") == 1
        assert label not in html and "script" not in html


def test_a_section_only_where_the_text_ends_in_definitions() -> None:
    parts = ["a[^1]\n\n", "[^1]: x\n\n", "b\n\n", "[^2]: y\n\n", "c\n\n", "[^1]: z\n\n", "d[^2]"]
    shown = [
        "<section" in render_markdown("".join(parts[:i]), partial=True, footnotes=True) for i in range(8)
    ]
    assert shown == [False, False, True, False, True, False, False, False]
    for low, high in pairwise(range(len(parts) + 1)):
        assert parts[low:high]
    assert "<section" in render_markdown("".join(parts), footnotes=True)
