"""Markdown: one shot or streaming, by the same C engine.

The law: ``render_markdown(text)`` equals what streaming the text in any pieces ends in, and both equal
cmark-gfm 0.29.0.gfm.13 (tables, strikethrough, autolinks, task lists) but for what would not be safe: raw
HTML is shown as text, URLs other than http, https, mailto and relative ones lose their
link, images become links.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal, TypedDict

from django.utils.safestring import SafeString

from ._core import MarkdownStream, render

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["MarkdownOptions", "MarkdownStream", "render_markdown"]


class MarkdownOptions(TypedDict, total=False):
    """The options of ``MarkdownStream(…)``, ``render_markdown(…)`` and the setting ``"MARKDOWN"``.

    All have a default, the first one of each comment. More: docs/markdown-options.md.
    """

    mode: Literal["complete", "raw", "hold"]
    """"complete" shows what is open as closed and holds back what cannot be told yet; "raw" shows each frame
    as if the text ended there; "hold" shows only what no text that follows can change: a paragraph when it
    has ended, a line of code or a row of a table with its line."""
    images: Literal["link", "show"] | tuple[str, ...]
    """"link" shows an image as a link with its alternative text, because a remote image tells its host who
    reads; "show" as an ``<img>``; a tuple of hosts, such as ``("example.com", "*.example.com")``, shows those
    of these hosts."""
    links: Mapping[str, Callable[[str], str | None]] | None
    """None; or functions that say where links lead, by scheme or host: ``{"example.com": f}``. ``f`` gets the
    address as it would stand in the page and returns another one, or None for no link. It must be pure: an
    address is asked for each time its link is rendered."""
    alerts: bool
    """False; True: quotes that begin with ``[!NOTE]``, ``[!TIP]``, ``[!IMPORTANT]``, ``[!WARNING]`` or
    ``[!CAUTION]`` are alerts, as on GitHub."""
    footnotes: bool | str
    """False; True: ``[^label]`` and ``[^label]: text`` are footnotes, as docs/markdown-footnotes.md says; a
    str is a prefix for their ids."""
    heading_ids: str | None
    """None; or a prefix such as "doc-": ``# A title`` ends with ``<span id="doc-a-title"></span>``, the next
    of that name with ``doc-a-title-1``, as on GitHub."""
    breaks: bool
    """False: a line end in a paragraph is a space; True: it is a ``<br>``."""
    cjk_emphasis: bool
    """False; True: ``**`` and its like open and close beside Chinese, Japanese and Korean punctuation,
    too."""
    math: bool
    """False; True: ``$x$``, ``$$x$$``, ``\\(x\\)`` and ``\\[x\\]`` become ``<span class="math …">`` with the
    TeX as text, for KaTeX or MathJax in the page. Both: docs/markdown-cjk-math.md."""
    dir_auto: bool
    """True: ``dir="auto"`` on blocks, so that right-to-left text reads rightly."""


def render_markdown(
    text: str | bytes,
    *,
    partial: bool = False,
    max_bytes: int = 16 << 20,
    **options: Unpack[MarkdownOptions],
) -> SafeString:
    """Render Markdown to HTML that is safe to put into a page.

    text: CommonMark with GitHub's tables, strikethrough, autolinks and task lists. Bytes are UTF-8; what is
        not becomes U+FFFD.
    partial: text is the beginning of an answer that is still being written: what is open (bold, code) is
        shown as if it were closed, and markers that cannot be told yet are left out.
    options: see MarkdownOptions, of which the main ones are ``images``, ``links`` and ``breaks``.
    Raises TypeError for other types and unknown options, OverflowError past max_bytes, ValueError for an
    unknown value.
    """
    return SafeString(render(text, partial=partial, max_bytes=max_bytes, **options))
