"""The template tags, in Django's engine and in a djust template."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import project  # noqa: F401  (sets Django up)
import pytest
from django.template import Context, Template, TemplateSyntaxError
from django.test import override_settings
from django.utils.safestring import SafeString

from djust_stream import render_markdown

SRC = "/static/djust_stream/djust-stream.js"


def render(source: str, **context: Any) -> str:
    return Template("{% load djust_stream %}" + source).render(Context(context))


def test_markdown() -> None:
    text = "# Head\n\n**bold** <script>alert(1)</script> [x](javascript:alert(1))\n"
    html = render("{% djust_markdown text %}", text=text)
    assert html == render_markdown(text)
    assert isinstance(render_markdown(text), SafeString)
    assert "<strong>bold</strong>" in html
    assert "<script" not in html
    assert "javascript:" not in html


def test_partial_markdown() -> None:
    html = render("{% djust_markdown text partial=True %}", text="an **unfinished")
    assert html == render_markdown("an **unfinished", partial=True)
    assert "<strong>unfinished</strong>" in html


def test_markdown_of_what_is_no_text() -> None:
    assert render("{% djust_markdown nothing %}") == render("{% djust_markdown text %}", text="")
    assert "5" in render("{% djust_markdown text %}", text=5)


def test_markdown_as_a_variable() -> None:
    assert render("{% djust_markdown text as html %}<b>{{ html }}</b>", text="x").startswith("<b><p")


def test_images_follow_the_setting() -> None:
    source = "![cat](https://example.org/cat.png)"
    assert "<img" not in render("{% djust_markdown text %}", text=source)
    with override_settings(DJUST_STREAM={"IMAGES": "show"}):
        assert "<img" in render("{% djust_markdown text %}", text=source)


def test_markdown_follows_the_setting_and_its_keywords() -> None:
    source = "> [!TIP]\n> a\n> b"
    plain = render("{% djust_markdown text %}", text=source)
    assert plain == render_markdown(source)
    with override_settings(DJUST_STREAM={"MARKDOWN": {"alerts": True}, "IMAGES": "show"}):
        html = render("{% djust_markdown text breaks=True %}", text=source)
        assert html == render_markdown(source, alerts=True, breaks=True)
        assert render("{% djust_markdown text alerts=False %}", text=source) == plain
        assert "<img" in render("{% djust_markdown text %}", text="![a](b)")
        assert "<img" not in render('{% djust_markdown text images="link" %}', text="![a](b)")
    with pytest.raises(ValueError, match="images must be"):
        render('{% djust_markdown text images="all" %}', text="")


def test_script() -> None:
    assert render("{% djust_stream_script %}") == f'<script type="module" src="{SRC}"></script>'
    html = render('{% djust_stream_script url="/ws/chat/" %}')
    assert html == f'<script type="module" src="{SRC}" data-url="/ws/chat/"></script>'


def test_script_with_a_nonce() -> None:
    request = SimpleNamespace(csp_nonce="from-request")
    assert 'nonce="from-request"' in render("{% djust_stream_script %}", request=request)
    assert 'nonce="mine"' in render('{% djust_stream_script nonce="mine" %}', request=request)
    assert "nonce" not in render('{% djust_stream_script nonce="" %}', request=request)
    assert "nonce" not in render("{% djust_stream_script %}", request=SimpleNamespace())


def test_the_attributes_are_escaped() -> None:
    hostile = '"><script>alert(1)</script>'
    html = render("{% djust_stream_script url=url nonce=url %}", url=hostile)
    assert html.count("<script") == 1
    assert "&quot;&gt;&lt;script&gt;" in html


def test_unknown_arguments() -> None:
    with pytest.raises(TemplateSyntaxError, match=r"no option 'break'\. Did you mean 'breaks'"):
        render("{% djust_markdown text break=1 %}", text="")
