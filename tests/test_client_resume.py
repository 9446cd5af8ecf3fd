"""The shipped client in Chromium and a real server: after cuts and reloads the page is as without them."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from conftest import OpenPage
from page import Page
from proxy import Proxy

from djust_stream import render_markdown

sys.path.insert(0, str(Path(__file__).parent / "django"))
from server import Server

DOCUMENT = (
    "# Title\n\nSome **bold** text, `code` and [late] *emphasis*.\n\n- one\n- two\n\n- loose\n\n"
    "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n\n```py\nx = 1 < 2\n```\n\n> quote\n\n1. x\n   - y\n\n"
    "[late]: http://late.example\n\n"
) * 8


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server("uvicorn", LOG_BYTES="4096") as server:
        yield server
    assert server.faults() == 0, server.output()


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    with Proxy(server.port) as proxy:
        yield proxy


def visit(open_page: OpenPage, proxy: Proxy, name: str, options: str = "", inside: str = "") -> Page:
    """A page that shows the stream of that name."""
    query = urlencode({"name": name, "options": options, "inside": inside})
    page = open_page(url=f"http://127.0.0.1:{proxy.port}/plain/?{query}")
    page.wait("window.chat?.socket.readyState === 1")
    return page


def ask(page: Page, **message: Any) -> None:
    page.eval("(message) => chat.send(message)", message)


def shown(page: Page) -> str:
    return str(page.eval("document.querySelector('[dj-stream]').textContent"))


def until_shown(page: Page, count: int) -> None:
    page.wait("(count) => document.querySelector('[dj-stream]').textContent.length >= count", count)


def until_done(page: Page) -> None:
    page.wait("told.includes('done')", timeout_s=30)


def whole(name: str, tokens: int) -> str:
    return "".join(f"{name}.{number} " for number in range(tokens))


def assert_document(page: Page) -> None:
    """The whole of DOCUMENT, as the browser reads it."""
    expected = page.eval(
        "(html) => { const e = document.createElement('div'); e.innerHTML = html; return e.innerHTML }",
        render_markdown(DOCUMENT),
    )
    assert page.html() == expected


def test_a_cut_in_the_middle_is_not_to_be_seen(open_page: OpenPage, proxy: Proxy) -> None:
    page = visit(open_page, proxy, "cut")
    ask(page, do="answer", name="cut", tokens=300, gap_s=0.005)
    for length in (100, 600, 1200):
        until_shown(page, length)
        proxy.cut()
    until_done(page)
    assert shown(page) == whole("cut", 300)
    assert page.eval("alerts") == []
    assert page.eval("busy") == ["true", None], "busy from beginning to end"
    assert page.eval("told.filter((name) => name === 'resume').length") == 3
    assert page.eval("told.filter((name) => name === 'start' || name === 'done').length") == 2
    assert page.eval("Object.keys(sessionStorage)") == [], "what has ended is not kept"


def test_markdown_is_whole_after_cuts_and_a_reload(open_page: OpenPage, proxy: Proxy) -> None:
    page = visit(open_page, proxy, "doc")
    ask(page, do="document", name="doc", text=DOCUMENT, gap_s=0.01)
    until_shown(page, 60)
    proxy.cut()
    until_shown(page, 200)
    page.do(lambda chromium: chromium.reload())
    until_shown(page, 300)
    proxy.cut()
    until_done(page)
    assert_document(page)
    assert page.eval("told").count("gap") == 0


def test_a_second_tab_shows_the_same_and_may_stop(open_page: OpenPage, proxy: Proxy) -> None:
    first = visit(open_page, proxy, "tabs", "share: true")
    ask(first, do="answer", name="tabs", tokens=4000, gap_s=0.005)
    until_shown(first, 100)
    second = first.tab()
    until_shown(second, 200)
    proxy.cut()
    until_shown(second, len(shown(second)) + 100)
    second.do(lambda chromium: chromium.click("button"))
    until_done(first)
    until_done(second)
    assert shown(first) == shown(second)
    assert whole("tabs", 4000).startswith(shown(first))
    assert first.eval("Object.keys(localStorage)") == []


def test_tabs_keep_each_others_streams(open_page: OpenPage, proxy: Proxy) -> None:
    """Both are open before either streams; one's end is not the other's."""
    first = visit(open_page, proxy, "first tab", "share: true")
    second = first.tab()
    second.wait("window.chat?.socket.readyState === 1")
    ask(first, do="answer", name="first tab", tokens=600, gap_s=0.005)
    until_shown(first, 100)
    ask(second, do="answer", name="second tab", tokens=120)
    second.wait("JSON.parse(Object.values(localStorage)[0]).length === 2")
    second.wait("JSON.parse(Object.values(localStorage)[0]).length === 1")
    first.do(lambda chromium: chromium.reload())
    until_done(first)
    assert shown(first) == whole("first tab", 600)
    assert first.eval("Object.keys(localStorage)") == []


def test_a_dead_connection_is_found_out(open_page: OpenPage, proxy: Proxy) -> None:
    page = visit(open_page, proxy, "half", "pingMs: 150, pongMs: 150")
    ask(page, do="answer", name="half", tokens=300, gap_s=0.005)
    until_shown(page, 100)
    proxy.freeze()
    until_done(page)
    assert shown(page) == whole("half", 300)
    assert page.eval("alerts") == []


def test_the_network_is_back(open_page: OpenPage, proxy: Proxy) -> None:
    """Connections are refused: lost is told, late; then all of it comes, and nothing says lost."""
    page = visit(open_page, proxy, "back", "lostAfterMs: 150, firstDelayMs: 60_000, lastDelayMs: 60_000")
    ask(page, do="answer", name="back", tokens=200, gap_s=0.005)
    until_shown(page, 100)
    proxy.cut()
    page.wait("document.querySelector('[role=alert]')?.textContent === 'Connection lost'")
    assert page.eval("document.querySelector('[dj-stream]').getAttribute('aria-busy')") is None
    page.wait("(window.dispatchEvent(new Event('online')), !document.querySelector('[role=alert]'))")
    until_done(page)
    assert shown(page) == whole("back", 200)


def test_what_is_gone_is_told_and_the_text_stays(open_page: OpenPage, proxy: Proxy) -> None:
    page = visit(open_page, proxy, "short")
    ask(page, do="answer", name="short", tokens=4000, gap_s=0.005)
    until_shown(page, 100)
    proxy.refuse(True)
    proxy.cut()
    time.sleep(1)
    text = shown(page)
    proxy.refuse(False)
    page.wait("told.includes('gone')")
    assert shown(page) == text + "Connection lost"
    assert page.eval("document.querySelector('[dj-stream]').getAttribute('aria-busy')") is None
    # The page is not the stream's any more: loaded again it shows what the server renders.
    page.do(lambda chromium: chromium.reload())
    page.wait("window.chat?.socket.readyState === 1")
    time.sleep(0.2)
    assert shown(page) == ""


@pytest.mark.parametrize("kind", ["answer", "document"])
def test_beyond_the_log_a_snapshot_takes_the_place(open_page: OpenPage, proxy: Proxy, kind: str) -> None:
    page = visit(open_page, proxy, f"far {kind}", inside="<i>before</i>")
    if kind == "answer":
        ask(page, do="answer", name="far answer", tokens=700, gap_s=0.003)
    else:
        ask(page, do="document", name="far document", text=DOCUMENT, gap_s=0.008)
    until_shown(page, 60)
    proxy.refuse(True)
    proxy.cut()
    time.sleep(1.5)
    proxy.refuse(False)
    until_done(page)
    assert page.eval("told").count("start") == 2, "a snapshot tells everything again"
    if kind == "answer":
        assert page.html() == "<i>before</i>" + whole("far answer", 700)
    else:
        assert_document(page)


def test_a_djust_view_goes_on_without_its_connection(open_page: OpenPage, proxy: Proxy) -> None:
    """djust makes a new view when its client comes back; the old one's stream is found by its token."""
    page = open_page(url=f"http://127.0.0.1:{proxy.port}/scripted/")
    page.wait("window.djust?.liveViewInstance?.viewMounted && sessionStorage !== null")
    page.do(lambda chromium: chromium.click("#ask"))
    page.wait("document.querySelector('#reply').textContent.length > 40")
    proxy.cut()
    page.wait("document.querySelector('#reply').textContent.length > 400", timeout_s=30)
    page.do(lambda chromium: chromium.reload())
    page.wait("document.querySelector('#reply').getAttribute('aria-busy') === 'true'", timeout_s=20)
    page.wait("!document.querySelector('#reply').hasAttribute('aria-busy')", timeout_s=60)
    assert page.eval("document.querySelector('#reply').textContent") == "".join(f"{n} " for n in range(1000))
    assert page.errors == []
