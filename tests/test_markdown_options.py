"""Options of Markdown: what each does, that a stream ends as the one-shot does, what a wrong one is told."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from dom import Dom
from fuzz_markdown import document, drawn
from streaming import one_shot, sizes, streamed

from djust_stream import MarkdownStream, render_markdown
from djust_stream._core import MARKDOWN_OPTIONS
from djust_stream.markdown import MarkdownOptions

TITLES = {"note": "Note", "tip": "Tip", "important": "Important", "warning": "Warning", "caution": "Caution"}


def html(text: str, **options: Any) -> str:
    return render_markdown(text, dir_auto=False, **options)


def alert(kind: str, content: str) -> str:
    return (
        f'<div class="markdown-alert markdown-alert-{kind}" role="note">'
        f'<p class="markdown-alert-title">{TITLES[kind]}</p>{content}</div>'
    )


def frames(text: str, **options: Any) -> list[str]:
    """The page after each character."""
    stream, page, seen = MarkdownStream(dir_auto=False, **options), Dom(), []
    for character in text:
        stream.feed(character)
        page.apply(stream.edits())
        seen.append(page.html())
    return seen


# -- all of them -----------------------------------------------------------------------------------


def test_each_option_is_documented_where_its_type_is() -> None:
    assert set(MARKDOWN_OPTIONS) == set(MarkdownOptions.__annotations__)
    page = (Path(__file__).parent.parent / "docs/markdown-options.md").read_text(encoding="utf-8")
    for name in MARKDOWN_OPTIONS:
        assert f"`{name}" in page, name


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"alert": True}, TypeError, "MarkdownStream() has no option 'alert': there are mode, images,"),
        ({"partial": True}, TypeError, "no option 'partial'"),
        ({"alerts": "no"}, TypeError, "alerts must be True or False, not 'no'"),
        ({"breaks": 1}, TypeError, "breaks must be True or False, not 1"),
        ({"max_bytes": "1"}, TypeError, "max_bytes must be a number of bytes, not '1'"),
        ({"max_bytes": 1 << 80}, ValueError, "max_bytes must be between 1 and"),
        ({"mode": None}, ValueError, "not None"),
        ({"images": None}, TypeError, "images must be"),
        ({"images": ("Example.com",)}, ValueError, "not 'Example.com'"),
        ({"images": ("https://example.com",)}, ValueError, "without a scheme or path"),
        ({"images": ("bücher.example",)}, ValueError, "xn--"),
        ({"images": ("localhost",)}, ValueError, "localhost"),
        ({"images": ("*.",)}, ValueError, "not '*.'"),
        ({"images": ("a..b",)}, ValueError, "not 'a..b'"),
        ({"images": ("*",)}, ValueError, "not '*'"),
        ({"images": (5,)}, TypeError, "not 5"),
        ({"links": "mailto"}, TypeError, "links is a dict"),
        ({"links": {"mailto": "x"}}, TypeError, "links['mailto'] is a callable"),
        ({"links": {"MAILTO": str}}, ValueError, "not 'MAILTO'"),
        ({"links": {"mailto:": str}}, ValueError, "not 'mailto:'"),
        ({"links": {5: str}}, TypeError, "not 5"),
        ({"links": {"": str}}, ValueError, "not ''"),
        ({"heading_ids": True}, TypeError, "not True"),
        ({"heading_ids": ""}, ValueError, "not ''"),
        ({"heading_ids": "doc"}, ValueError, '"-" at the end'),
        ({"heading_ids": "-"}, ValueError, "prefix"),
        ({"heading_ids": "1-"}, ValueError, "prefix"),
        ({"heading_ids": 'a"-'}, ValueError, "prefix"),
        ({"heading_ids": "a" * 64 + "-"}, ValueError, "64"),
    ],
    ids=repr,
)
def test_what_is_said_of_a_wrong_option(options: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=re.escape(says)):
        MarkdownStream(**options)
    if "partial" not in options:
        with pytest.raises(error):
            render_markdown("x", **options)


def test_options_have_names() -> None:
    with pytest.raises(TypeError, match="by their names"):
        MarkdownStream("show")  # type: ignore[call-arg]


@pytest.mark.parametrize("size", [1, 4, 7, 0])
def test_any_cut(size: int) -> None:
    for seed in range(size * 1000, size * 1000 + 150):
        text, options = document(seed), drawn(seed)
        ends = streamed(text, (lambda: size) if size else sizes(seed), **options)
        assert ends == one_shot(text, **options), (seed, options)


# -- breaks ----------------------------------------------------------------------------------------


def test_breaks() -> None:
    assert html("a\nb  \nc\n\n- d\n  e", breaks=True) == "<p>a<br>b<br>c</p><ul><li>d<br>e</li></ul>"
    assert html("a\nb") == "<p>a\nb</p>"
    assert html("![a\nb](/c)", breaks=True, images="show") == '<p><img src="/c" alt="a b"></p>'
    assert frames("a\nb\n", breaks=True) == ["<p>a</p>", "<p>a</p>", "<p>a<br>b</p>", "<p>a<br>b</p>"]


# -- alerts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", TITLES)
def test_alerts(kind: str) -> None:
    for marker in (kind, kind.upper(), kind.title()):
        assert html(f"> [!{marker}]\n> *a*\n", alerts=True) == alert(kind, "<p><em>a</em></p>")
    assert html(f"> [!{kind}]\n> a") == f"<blockquote><p>[!{kind}]\na</p></blockquote>"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("> [!NOTE]  \n>\n> - a\n", alert("note", "<ul><li>a</li></ul>")),
        (">\n>  [!TIP]\nlazy", alert("tip", "<p>lazy</p>")),
        ("> [!TIP]\n> ```\n> a\n", alert("tip", "<pre><code>a\n</code></pre>")),
        ("> [!TIP]\n> a\n> ===\n", alert("tip", "<h1>a</h1>")),
        ("> [!TIP]\n> > [!NOTE]\n> > a\n", alert("tip", "<blockquote><p>[!NOTE]\na</p></blockquote>")),
        ("> [!TIP]\n> a\n\n> [!TIP]\n> b", alert("tip", "<p>a</p>") + alert("tip", "<p>b</p>")),
    ],
)
def test_what_is_an_alert(text: str, shown: str) -> None:
    assert html(text, alerts=True) == shown
    for size in (1, 4, 7):
        assert streamed(text, lambda size=size: size, alerts=True) == one_shot(text, alerts=True)


@pytest.mark.parametrize(
    "text",
    [
        "> [!NOTE] title\n> a",
        "> [!NOTES]\n> a",
        "> [!NOTE]x\n> a",
        "> a\n> [!NOTE]\n> b",
        "> [!NOTE]",
        "> [!NOTE]\n>\n",
        "> [!NOTE]\n\na",
        "> [!NOTE]\n> ===",
        "> [!NOTE]\n> :--\n> a",
        "> \\[!NOTE]\n> a",
        "> **[!NOTE]**\n> a",
        "> # [!NOTE]\n> a",
        "- > [!NOTE]\n  > a",
        "> > [!NOTE]\n> > a",
        "> - [!NOTE]\n>   a",
        "[!NOTE]\na",
        "    > [!NOTE]\n    > a",
    ],
)
def test_what_is_no_alert(text: str) -> None:
    assert html(text, alerts=True) == html(text)
    for size in (1, 4, 7):
        assert streamed(text, lambda size=size: size, alerts=True) == one_shot(text)


def test_a_marker_is_held_until_it_is_told() -> None:
    seen = frames("> [!NOTE]\n> a *b", alerts=True)
    assert not any(seen[:-4])
    assert seen[-1] == alert("note", "<p>a <em>b</em></p>")
    seen = frames("> [!NOTE] a", alerts=True)
    assert seen[-1] == "<blockquote><p>[!NOTE] a</p></blockquote>"
    assert not any("[" in page for page in seen[:-1])
    assert render_markdown("> [!WARN", alerts=True, partial=True) == ""
    assert render_markdown("> [!WARNING]\n", alerts=True, partial=True) == ""


def test_no_alert_takes_anything_back() -> None:
    """Only grow: what a frame shows of an alert, or of a quote that might have been one, stays."""
    for text in ("x\n\n> [!TIP]\n> a **b** c\n> d\n\n> [!TIPPED]\n> e\n\n> f", "> [!tip\n> ]\n> g"):
        stream = MarkdownStream(alerts=True)
        for character in text + "\n":
            stream.feed(character)
            assert {edit[0] for edit in stream.edits()} <= {"grow"}, text
        assert {edit[0] for edit in stream.finish()} <= {"grow"}


@pytest.mark.parametrize("mode", ["complete", "raw", "hold"])
def test_every_frame_of_an_alert_is_the_partial_render(mode: Any) -> None:
    text = (
        "> [!TIP]\n> a **b**\n> - c\n\n> [!TIP]\n>\n> # d\n\n> [!TIP] e\n\n> [!TIP]\n> ===\n\n> [!TIP]\n\nf\n"
    )
    for size in (1, 4):
        stream, page = MarkdownStream(alerts=True, heading_ids="d-", mode=mode), Dom()
        for at in range(0, len(text), size):
            stream.feed(text[at : at + size])
            page.apply(stream.edits())
            so_far = text[: at + size]
            assert page.html() == one_shot(so_far, alerts=True, heading_ids="d-", mode=mode, partial=True)
        page.apply(stream.finish())
        assert page.html() == one_shot(text, alerts=True, heading_ids="d-")


def test_a_late_definition_reaches_into_an_alert() -> None:
    text = "> [!TIP]\n> [x]\n>\n> - [x]\n>   > [x]\n\n[x]: /u\n"
    assert streamed(text, lambda: 3, alerts=True) == one_shot(text, alerts=True)
    assert one_shot(text, alerts=True).count('href="/u"') == 3


# -- ids of headings -------------------------------------------------------------------------------


def ids(text: str, **options: Any) -> list[str]:
    return re.findall(r'<span id="([^"]*)"></span></h\d>', render_markdown(text, heading_ids="d-", **options))


def test_ids() -> None:
    text = "# What's *new* in `1.0`?\n\nSet_ext -- x\n===\n\n"
    text += "# Über 中文 — Ελλάδα, \N{ROCKET} हिन्दी\n\n# [a](/b) ![c](/d)\n"
    assert ids(text) == ["d-whats-new-in-10", "d-set_ext----x", "d-über-中文--ελλάδα--हिन्दी", "d-a-"]
    assert ids("- # a\n> # a\n\n#\n\n# !!!") == ["d-a", "d-a-1", "d-", "d--1"]
    assert "<span" not in render_markdown(text)


def test_ids_are_unique() -> None:
    assert ids("# a\n# a-1\n# a\n# a\n# A-1\n") == ["d-a", "d-a-1", "d-a-2", "d-a-3", "d-a-1-1"]
    many = "".join(f"# {'a' if n % 3 else f'a-{n}'}\n" for n in range(3000))
    found = ids(many)
    assert len(found) == len(set(found)) == 2048, "later headings have none"
    assert streamed(many, lambda: 4096, heading_ids="d-") == one_shot(many, heading_ids="d-")


def test_long_ids_are_cut_between_characters() -> None:
    [found] = ids("# " + "x" + "é" * 1000)
    assert found == "d-x" + "é" * 97


def test_an_id_comes_when_the_line_has_ended() -> None:
    seen = frames("# a b\nc", heading_ids="d-")
    assert seen[4] == "<h1>a b</h1>"
    assert seen[5] == '<h1>a b<span id="d-a-b"></span></h1>'
    assert html("# ab", heading_ids="d-", partial=True) == "<h1>ab</h1>"
    stream = MarkdownStream(heading_ids="d-")
    for character in "# a\n\nb\n==\n":
        stream.feed(character)
    assert {edit[0] for edit in stream.edits()} == {"grow"}


def test_a_late_definition_leaves_an_id_as_it_is() -> None:
    text = "# [text][x] and [x]\n\n# text\n\n[x]: /u\n"
    assert ids(text) == ids(text.replace("/u", "")) == ["d-text-and-x", "d-text"]
    for size in (1, 4, 7):
        assert streamed(text, lambda size=size: size, heading_ids="d-") == one_shot(text, heading_ids="d-")


def test_slugs_of_all_characters() -> None:
    """As Python's unicodedata has it; where cmark-gfm's tables are older, a capital stays one."""
    points = [
        point for point in range(0x80, 0x30000) if unicodedata.category(chr(point)) not in ("Cn", "Cs", "Co")
    ]
    found = ids("".join(f"a{chr(point)}b\n===\n\n" for point in points[:2000]))
    assert len(found) == 2000
    other = 0
    for start in range(0, len(points), 2000):
        part = points[start : start + 2000]
        for point, found in zip(
            part, ids("".join(f"# {point}a{chr(point)}b\n" for point in part)), strict=True
        ):
            category = unicodedata.category(chr(point))
            word = category[0] in "LM" or category in ("Nd", "Pc")
            lower = found == f"d-{point}a{chr(point).lower() if word else ''}b"
            other += not lower
            assert lower or found == f"d-{point}a{chr(point)}b", chr(point)
            assert lower or category[0] == "L" or point > 0x3000, chr(point)
    assert other < 400


# -- with footnotes --------------------------------------------------------------------------------

NOTED = """# a[^x]

> [!TIP]
> # b [l] [^x]
> [^y]: # c
>
> d[^y]

e[^z]

[^x]: # a [l]

    > [!TIP]
    > f[^x]

    # g[^y]

    ![h](http://i.j)

[^z]: # fn

[l]: http://k
"""


@pytest.mark.parametrize("mode", ["complete", "raw", "hold"])
@pytest.mark.parametrize("fill", [False, True])
def test_every_frame_with_footnotes_is_the_partial_render(mode: Any, fill: bool) -> None:
    options: Any = {"alerts": True, "footnotes": "d-", "heading_ids": "d-", "mode": mode}
    for size in (1, 4):

        def same(prefix: bytes, page: str) -> None:
            text = prefix.decode()
            if "[l]: h" not in text:  # what is not certain yet reaches only the tail of a stream
                assert page == one_shot(text, partial=True, **options), text

        assert streamed(NOTED, lambda size=size: size, same, fill=fill, **options) == one_shot(
            NOTED, **options
        )


def test_alerts_and_headings_with_footnotes() -> None:
    page = html(NOTED, alerts=True, footnotes=True, heading_ids="d-")
    assert page.count('class="markdown-alert-title"') == 1, "in a footnote it is a quote"
    assert "<blockquote><p>[!TIP]\nf<sup" in page
    assert ids(NOTED, footnotes=True) == ["d-a", "d-b-l-", "d-a-l", "d-g", "d-c", "d-fn"]
    assert page.count('href="http://k"') == 2
    for size in (1, 3, 50):
        assert streamed(NOTED, lambda size=size: size, footnotes=True, heading_ids="d-") == one_shot(
            NOTED, footnotes=True, heading_ids="d-"
        )


def test_no_id_of_a_heading_is_a_footnotes() -> None:
    text = "# fn 1\n# fn\n# fn\n# h fn\n# FNref 1\n# fnx\n\n[^a]\n\n[^a]: b\n"
    found = ["d-h-fn-1", "d-h-fn", "d-h-fn-2", "d-h-fn-3", "d-h-fnref-1", "d-fnx"]
    assert ids(text, footnotes="d-") == found
    assert ids(text, footnotes=True) == ids(text)
    assert ids("# x[^a]\n\n# x[^b]\n\n[^a]: y\n", footnotes=True) == ["d-x", "d-x-1"]


# -- the page that explains them -------------------------------------------------------------------


def test_the_page_is_true() -> None:
    page = (Path(__file__).parent.parent / "docs/markdown-options.md").read_text(encoding="utf-8")
    namespace: dict[str, Any] = {}
    for code in re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE):
        exec(compile(code, "docs/markdown-options.md", "exec"), namespace)
    MarkdownStream(**namespace["DJUST_STREAM"]["MARKDOWN"])
