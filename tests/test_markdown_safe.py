"""Everything a model writes is hostile: no prefix and no frame holds more than we allow."""

import re
from typing import Any

import html5lib
import pytest
from dom import Dom
from streaming import one_shot

from djust_stream import MarkdownOptions, MarkdownStream, render_markdown

ELEMENTS = {"p", "ul", "ol", "li", "blockquote", "pre", "code", "em", "strong", "del", "a", "img", "br", "hr"}
ELEMENTS |= {"table", "thead", "tbody", "tr", "th", "td", "input", *(f"h{level}" for level in range(1, 7))}
ELEMENTS |= {"div", "span"}
ATTRIBUTES = {
    "a": {"href", "title", "rel"},
    "img": {"src", "alt", "title"},
    "input": {"type", "checked", "disabled"},
    "ol": {"start"},
    "code": {"class"},
    "div": {"class", "role"},
    "p": {"class"},
    "span": {"id"},
    "th": {"align"},
    "td": {"align"},
}
OPTIONS: list[MarkdownOptions] = [
    {},
    {"images": "show"},
    {
        "images": ("*.y", "x.y"),
        "alerts": True,
        "breaks": True,
        "heading_ids": "doc-",
        "links": {
            "https": lambda url: 'javascript:alert("<b>")',
            "http": lambda url: '/"onmouseover="x<b>\'',
        },
    },
]
ATTACKS = [
    "<script>alert(1)</script>",
    "<ScRiPt\n>alert(1)</script\n>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "</div></p><script>x</script>",
    "<!-- --><script>x</script>",
    "<![CDATA[<script>x</script>]]>",
    "<?php x ?><iframe srcdoc='<script>x</script>'>",
    "[a](javascript:alert(1))",
    "[a](JAVASCRIPT:alert(1))",
    "[a](java\nscript:alert(1))",
    "[a](<java\tscript:alert(1)>)",
    "[a](&#x6A;avascript:alert(1))",
    "[a](\x01javascript:alert(1))",
    "[a](&Tab;javascript&colon;alert(1))",
    "[a](vbscript:x) [b](data:text/html,<script>x</script>) [c](file:///etc/passwd) [d](blob:x)",
    "[a]\n\n[a]: javascript:alert(1)",
    "<javascript:alert(1)>",
    "![a](javascript:alert(1)) ![a](data:image/svg+xml,<svg/onload=x>)",
    '[a](x "\\" onmouseover=alert(1) x=\\"")',
    "[a](x '\"><script>x</script>')",
    '![a" onerror="alert(1)](https://x/y)',
    '[a](https://x/"onmouseover="alert(1))',
    '```" onclick="x\ncode\n```',
    "```x><script>\ncode\n```",
    "| <script> | `</td><script>` |\n|---|:-:|\n| [x](javascript:x) | <b> |",
    "- [ ] <input type=text autofocus onfocus=alert(1)>",
    "> [!NOTE]\n> <script>x</script> [a](http://x.y)",
    '# " onclick="x <script>alert(1)</script> &quot; &#34; `"`',
    "1000000000. a\n999999999. b",
    'https://x.y/<script>x</script> www.x.y/"onclick=x a@b.c"<script>',
    "xmpp:a@b.c/<script> mailto:a@b.c",
    "&lt;script&gt; &#60;script&#62; &amp;lt;",
    "**<script>** *`<script>`* ~~</del><script>~~",
    "a\x00<scr\x00ipt>",
    "[![a](javascript:x)](javascript:y)",
    "[a](//evil.example) [b](\\\\evil.example) [c](?q#f)",
    "<a href='x' style='position:fixed'>x</a>",
    "{% load x %}{{ y }} ${z} `${z}`",
    "[" * 60 + "a" + "](javascript:x)" * 60,
    "[a](java",
    "[![a](data:x",
    "[a][b](javascript:x [c](<javascript:",
]


def check(html: str) -> None:
    """Parsed as a browser would, inside an element with one after it."""
    document = html5lib.parse(
        f"<body><div id=root>{html}</div><p id=after>x</p>", namespaceHTMLElements=False
    )
    body = document.find("body")
    assert [child.get("id") for child in body] == ["root", "after"], html
    for element in body[0].iter():
        if element is body[0]:
            continue
        assert element.tag in ELEMENTS, (element.tag, html)
        for name, value in element.attrib.items():
            assert name in ATTRIBUTES.get(element.tag, set()) or (name, value) == ("dir", "auto"), (
                element.tag,
                name,
                html,
            )
            if name in ("href", "src"):
                scheme = re.match(r"[\x00-\x20]*([a-z][a-z0-9+.-]*):", re.sub(r"[\t\n\r]", "", value), re.I)
                assert scheme is None or scheme[1].lower() in ("http", "https", "mailto"), value
            if name == "type":
                assert value == "checkbox"
            if name == "class":
                assert re.fullmatch(r"language-[\w+#.-]+|markdown-alert(-title| markdown-alert-\w+)", value)
            if name == "id":
                assert re.fullmatch(r"doc-[\w-]*", value)
            if name == "role":
                assert value == "note"


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("options", OPTIONS, ids=["link", "show", "all"])
@pytest.mark.parametrize("mode", ["complete", "raw", "hold"])
def test_no_prefix_and_no_frame_is_unsafe(attack: str, options: MarkdownOptions, mode: Any) -> None:
    """Neither a style attribute nor a handler is among the attributes, so that a strict CSP passes."""
    stream, page = MarkdownStream(mode=mode, **options), Dom()
    for end in range(1, len(attack) + 1):
        check(render_markdown(attack[:end], partial=True, **options))
        stream.feed(attack[end - 1])
        page.apply(stream.edits())
        check(page.html())
    page.apply(stream.finish())
    check(page.html())
    check(render_markdown(attack, **options))


@pytest.mark.parametrize(
    "scheme", ["javascript", "vbscript", "data", "file", "blob", "about", "irc", "xmpp", "httpsx", "ht"]
)
def test_only_listed_schemes_link(scheme: str) -> None:
    assert "<a" not in render_markdown(f"[a]({scheme}:x) <{scheme}:x>")


def test_utf8_is_mended_in_text_and_urls() -> None:
    assert render_markdown("&#65534;&#xFFFF;", dir_auto=False) == "<p>\ufffe\uffff</p>"
    assert render_markdown("``` &#65534;\n") == '<pre><code class="language-\ufffe"></code></pre>'
    assert '"/%EF%BF%BE"' in render_markdown("[a](/&#65534;)")


def test_no_frame_holds_bytes_that_are_no_utf8() -> None:
    """The edits are str, which the extension decodes strictly: a byte that is wrong would raise."""
    text = "# é&#65534;\n\n[漢](/\ufffe&#xFFFF;) `字😀` **ß** ![\uffff](é)\n\n| 漢 |\n|-|\n| &#65535;\\| |\n"
    data = text.encode() + b"\xff\xfe\xc3 \xe2\x82 \xf0\x9f\x98"
    for size in (1, 2, 3, 5):
        for mode in ("complete", "raw", "hold"):
            stream, page = MarkdownStream(mode=mode), Dom()
            for at in range(0, len(data), size):
                stream.feed(data[at : at + size])
                page.apply(stream.edits())
                page.html().encode()
            page.apply(stream.finish())
            assert page.html() == one_shot(data)
