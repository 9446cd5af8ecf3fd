"""docs/sse.md is true: its views answer, its pages show the answer, in Chromium."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import project  # noqa: F401  (sets Django up)
import pytest
from conftest import OpenPage
from django.template import Context, Template
from django.test import AsyncRequestFactory, RequestFactory, override_settings
from model_server import ANSWER, KEY, ModelServer

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs/sse.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def namespace(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The Python of the page, its clients pointed at a server that speaks Anthropic's format."""
    with ModelServer() as model:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", f"{model.url}/text")
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        found: dict[str, Any] = {}
        for code in blocks("python"):
            own: dict[str, Any] = {}  # each block has a client of its own
            exec(compile(code, "docs/sse.md", "exec"), own)
            found |= own
        with override_settings(ANTHROPIC_MODEL="test-model"):
            yield SimpleNamespace(**found)


async def test_the_async_view(namespace: Any) -> None:
    request = AsyncRequestFactory().post("/ask/", {"prompt": "Why?"})
    user = SimpleNamespace(pk=1, is_authenticated=True)

    async def auser() -> Any:
        return user

    request.user, request.auser = user, auser
    response = await namespace.ask(request)
    text = b"".join([piece async for piece in response]).decode()
    assert "<strong>blue</strong>" in text


def test_the_sync_view(namespace: Any, capsys: pytest.CaptureFixture[str]) -> None:
    response = namespace.ask_sync(RequestFactory().post("/ask/", {"prompt": "Why?"}))
    assert "<strong>blue</strong>" in b"".join(response).decode()
    assert ANSWER in capsys.readouterr().out


def test_the_page(open_page: OpenPage) -> None:
    html = Template(blocks("html")[0]).render(Context({"csrf_token": "x"}))
    html = html.replace("/static/djust_stream/djust-stream.js", "/djust-stream.js").replace("/static/", "/")
    files = {"/ask.js": blocks("javascript")[0].replace("/static/djust_stream/", "/")}
    page = open_page(html, head="", files=files)
    detail = {"input_tokens": 7, "output_tokens": 3}
    page.eval("(detail) => document.dispatchEvent(new CustomEvent('stream:usage', {detail}))", detail)
    page.wait("document.querySelector('#meta').textContent === '7 in, 3 out'")


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        assert target.startswith("http") or (ROOT / "docs" / target).exists(), target
