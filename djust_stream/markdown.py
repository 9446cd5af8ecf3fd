"""Markdown: one shot or streaming, by the same C engine.

The law: ``render_markdown(text)`` equals what streaming the text in any pieces ends in, and both equal
cmark-gfm 0.29.0.gfm.13 (tables, strikethrough, autolinks, task lists) but for what would not be safe: raw
HTML is shown as text, URLs other than http, https, mailto and relative ones lose their
link, images become links.
"""

from typing import Literal

from django.utils.safestring import SafeString

from ._core import MarkdownStream, render

__all__ = ["MarkdownStream", "render_markdown"]


def render_markdown(
    text: str | bytes,
    *,
    partial: bool = False,
    images: Literal["link", "show"] = "link",
    dir_auto: bool = True,
    max_bytes: int = 16 << 20,
    cjk_emphasis: bool = False,
    math: bool = False,
    footnotes: bool | str = False,
) -> SafeString:
    """Render Markdown to HTML that is safe to put into a page.

    text: CommonMark with GitHub's tables, strikethrough, autolinks and task lists. Bytes are UTF-8; what is
        not becomes U+FFFD.
    partial: text is the beginning of an answer that is still being written: what is open (bold, code) is
        shown as if it were closed, and markers that cannot be told yet are left out.
    images: "link" shows an image as a link with its alternative text, because a remote image tells its host
        who reads; "show" as an ``<img>``.
    dir_auto: put ``dir="auto"`` on blocks, so that right-to-left text reads rightly.
    cjk_emphasis: ``**`` and its like open and close beside Chinese, Japanese and Korean punctuation, too.
    math: ``$x$``, ``$$x$$``, ``\\(x\\)`` and ``\\[x\\]`` become ``<span class="math …">`` with the TeX as
        text, for KaTeX or MathJax in the page. Both: docs/markdown-cjk-math.md.
    footnotes: ``[^label]`` and ``[^label]: text``, as docs/markdown-footnotes.md says; a str is a prefix for
        their ids.
    Raises TypeError for other types, OverflowError past max_bytes, ValueError for an unknown option value.
    """
    return SafeString(
        render(
            text,
            partial=partial,
            images=images,
            dir_auto=dir_auto,
            max_bytes=max_bytes,
            cjk_emphasis=cjk_emphasis,
            math=math,
            footnotes=footnotes,
        )
    )
