"""``{% load djust_stream %}``: Markdown, and the client's script, in Django templates."""

from __future__ import annotations

from typing import Any

from django import template
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from .. import conf
from ..markdown import render_markdown

register = template.Library()


@register.simple_tag
def djust_markdown(text: str | None, *, partial: bool = False, **options: Any) -> SafeString:
    """The text as safe HTML, as a stream of it would show it.

    partial: the text is not complete yet: what is open is shown as it will most likely become.
    options: of Markdown, before those of the setting: docs/markdown-options.md.

        {% djust_markdown answer.text %}
        {% djust_markdown answer.so_far partial=True %}
        {% djust_markdown comment.text breaks=True %}
    """
    for name, remedy in conf.unknown_options(options):
        raise template.TemplateSyntaxError(f"djust_markdown has no option {name!r}. {remedy}")
    return render_markdown(
        "" if text is None else str(text),
        partial=bool(partial),
        max_bytes=conf.get("MAX_STREAM_BYTES"),
        **{**conf.limits().markdown_options(), **options},
    )


@register.simple_tag(takes_context=True)
def djust_stream_script(
    context: template.Context, url: str = "", nonce: str | None = None, sse: str = ""
) -> SafeString:
    """The client as a <script>; on a page of djust's, it takes over the stream messages.

    url: of the WebSocket to connect to, for example "/ws/chat/"; none: no connection of its own.
    nonce: for a Content-Security-Policy; default: ``request.csp_nonce``, as Django 6 and django-csp
    set it.
    sse: of a view that returns a StreamResponse, to show at once.

        {% djust_stream_script url="/ws/chat/" %}
    """
    if nonce is None:
        nonce = getattr(context.get("request"), "csp_nonce", None)
    attributes = {
        "type": "module",
        "src": static("djust_stream/djust-stream.js"),
        "data-url": str(url),
        "data-sse": str(sse),
        "nonce": "" if nonce is None else str(nonce),
    }
    inside = format_html_join("", ' {}="{}"', ((name, value) for name, value in attributes.items() if value))
    return format_html("<script{}></script>", inside)
