"""The shipped client in Chromium, reading server-sent events of real servers, by EventSource and by fetch."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from conftest import OpenPage
from nginx import Nginx
from page import Page, record_events
from proxy import Proxy
from sse import Response, get, parse

sys.path.insert(0, str(Path(__file__).parent / "django"))
from server import Server

from djust_stream.sse import sse_format

CONNECT = """async ([url, options]) => {
    const { connectSse } = await import("/static/djust_stream/djust-stream.js");
    window.answer = connectSse(url, options);
}"""


@pytest.fixture(scope="module", params=["uvicorn", "gthread"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with Server(request.param) as server:
        yield server
        assert server.faults() == 0, server.output()


@pytest.fixture
def page(open_page: OpenPage, server: Server) -> Page:
    page = open_page(url=server.url("/sse/page/"))
    page.wait("document.querySelector('.dj-stream-announcer')")
    record_events(page)
    return page


WAYS = pytest.mark.parametrize("options", [{}, {"headers": {"X-Mine": "1"}}], ids=["EventSource", "fetch"])
names = (f"page{number}" for number in range(10**9))


def connect(page: Page, url: str, options: dict[str, Any] | None = None) -> None:
    page.eval(CONNECT, [url, options or {}])


def shown(page: Page) -> str:
    return str(page.eval("document.querySelector('[dj-stream]').textContent"))


def events(page: Page, *kinds: str) -> list[str]:
    return [row[0] for row in page.eval("seen") if row[0] in kinds]


def state(server: Server, name: str) -> list[str]:
    states: list[str] = get(server.port, f"/sse/state/?for={name}")["states"]
    return states


def wait(page: Page, script: str) -> None:
    page.wait(script, timeout_s=15)


@WAYS
def test_an_answer(page: Page, server: Server, options: dict[str, Any]) -> None:
    connect(page, "/sse/async/text/async/?name=reply", options)
    wait(page, "seen.some(([name]) => name === 'done')")
    assert "Hello <strong>bold</strong>" in page.html()
    assert page.html().count("<li") == 2
    assert page.eval("document.querySelector('[dj-stream]').hasAttribute('aria-busy')") is False
    assert page.eval("document.querySelector('.dj-stream-announcer').textContent") == "Answer complete"
    wait(page, "seen.some(([name]) => name === 'close')")
    # Closed for good: a browser's EventSource would ask again after a second.
    page.eval("new Promise((done) => setTimeout(done, 1300))")
    assert events(page, "start", "done", "error", "gap", "close", "reconnect") == ["start", "done", "close"]


def test_the_tag_shows_a_stream_by_itself(open_page: OpenPage, server: Server) -> None:
    url = "/sse/sync/text/sync/?name=reply"
    page = open_page(url=server.url(f"/sse/page/?sse={quote(url)}"))
    wait(page, "document.querySelector('[dj-stream] strong')?.textContent === 'bold'")


def test_a_form(page: Page, server: Server) -> None:
    """POST with a body and Django's CSRF token, from the page's field and from the cookie."""
    for token in ("field", "cookie"):
        if token == "cookie":
            page.eval("document.querySelector('[name=csrfmiddlewaretoken]').remove()")
        page.eval("document.querySelector('[name=prompt]').value = '*you* & <b>'")
        page.eval(
            """async () => {
                const { connectSse } = await import("/static/djust_stream/djust-stream.js");
                connectSse("/sse/ask/", { body: new URLSearchParams(new
                FormData(document.querySelector("form"))) });
            }"""
        )
        wait(page, "document.querySelector('[dj-stream]').textContent.includes('You said')")
        assert "<b>" not in page.html()
        page.eval("document.querySelector('[dj-stream]').textContent = ''")


def test_a_refusal_is_shown(page: Page, server: Server) -> None:
    connect(page, "/sse/ask/", {"method": "POST", "body": "prompt="})
    wait(page, "seen.some(([name]) => name === 'refuse')")
    [refusal] = [row[2] for row in page.eval("seen") if row[0] == "refuse"]
    assert refusal["status"] == 400
    assert refusal["error"] == "There is no prompt."
    connect(page, "/sse/sync/text/sync/?name=", {"method": "POST"})
    wait(page, "seen.filter(([name]) => name === 'refuse').length === 2")


@WAYS
def test_stop(page: Page, server: Server, options: dict[str, Any]) -> None:
    """The button stops the source at once, though a lost reader would be waited for."""
    name = next(names)
    connect(page, f"/sse/async/flow/async/?name=reply&for={name}", options)
    wait(page, "document.querySelector('[dj-stream]').textContent.includes('word word')")
    assert page.eval("document.querySelector('[dj-stream]').getAttribute('aria-busy')") == "true"
    page.do(lambda chromium: chromium.click("[data-stream-stop]"))
    text = shown(page)
    assert "word word" in text
    assert page.eval("document.querySelector('[dj-stream]').hasAttribute('aria-busy')") is False
    assert page.eval("document.querySelector('.dj-stream-announcer').textContent") == "Answer stopped"
    for _ in range(100):
        if state(server, name) == ["begun", "closed"]:
            break
        page.eval("new Promise((done) => setTimeout(done, 50))")
    assert state(server, name) == ["begun", "closed"]
    assert shown(page) == text
    assert "error" not in events(page, "error", "reconnect")
    assert page.do(lambda chromium: chromium.url).endswith("/sse/page/")


@WAYS
def test_a_page_that_is_left_stops_its_stream(page: Page, server: Server, options: dict[str, Any]) -> None:
    name = next(names)
    connect(page, f"/sse/async/flow/async/?name=reply&for={name}", options)
    wait(page, "document.querySelector('[dj-stream]').textContent.includes('word word')")
    page.do(lambda chromium: chromium.goto(server.url("/sse/state/")))
    for _ in range(100):
        if "closed" in state(server, name):
            return
        page.eval("new Promise((done) => setTimeout(done, 50))")
    raise AssertionError("it goes on")


@WAYS
def test_a_failure_keeps_the_text(page: Page, server: Server, options: dict[str, Any]) -> None:
    connect(page, "/sse/sync/fail/sync/?name=reply", options)
    wait(page, "document.querySelector('[role=alert]')")
    assert shown(page).startswith("before")
    assert "secret" not in page.html()
    page.eval("new Promise((done) => setTimeout(done, 1300))")
    assert events(page, "error", "reconnect", "close") == ["error", "close"], "and nobody is asked again"


@WAYS
def test_usage(page: Page, server: Server, options: dict[str, Any]) -> None:
    connect(page, "/sse/sync/usage/sync/?name=reply", options)
    wait(page, "seen.some(([name]) => name === 'close')")
    [usage] = [row[2] for row in page.eval("seen") if row[0] == "usage"]
    counted = {"input_tokens": 7, "output_tokens": 3, "estimated": False, "finish_reason": "stop"}
    assert usage == {"stream": "reply"} | counted


@pytest.mark.parametrize("options", [{}, {"method": "POST"}], ids=["EventSource", "fetch"])
def test_a_cut_connection_comes_back(open_page: OpenPage, server: Server, options: dict[str, Any]) -> None:
    """nginx in between goes, with the connection, and is there again: the page is the one without a cut."""
    name = next(names)
    with Nginx(server.port) as nginx:
        page = open_page(url=nginx.url("/sse/page/"))
        record_events(page)
        connect(page, f"/sse/async/gate/async/?name=reply&for={name}&retry_s=0.1", options)
        wait(page, "document.querySelector('[dj-stream]').textContent.includes('before')")
        nginx.restart()
        get(server.port, f"/sse/go/?gate={name}")
        wait(page, "seen.some(([name]) => name === 'done')")
    assert shown(page).split() == ["before", "after"]
    assert state(server, name) == ["begun", "closed"]
    kinds = events(page, "start", "gap", "error", "done")
    assert kinds == ["start", "done"]
    assert "reconnect" in events(page, "reconnect")


@WAYS
def test_what_cannot_come_back_is_told(open_page: OpenPage, server: Server, options: dict[str, Any]) -> None:
    with Nginx(server.port) as nginx:
        page = open_page(url=nginx.url("/sse/page/"))
        record_events(page)
        connect(page, "/sse/async/idle/async/?name=reply&resume_s=0&retry_s=0.1", options)
        wait(page, "document.querySelector('[dj-stream]').textContent.includes('before')")
        nginx.restart()
        wait(page, "document.querySelector('[role=alert]')?.textContent === 'Connection lost'")
        assert shown(page).startswith("before")
        assert page.eval("document.querySelector('[dj-stream]').hasAttribute('aria-busy')") is False


# -- the parser, against the standard's rules ---------------------------------------------------------

STREAMS = [
    "data: one\n\ndata: two\r\n\r\ndata: three\r\r",
    "\ufeffdata: bom\n\n",
    "data\n\ndata:\n\ndata\ndata\n\n",
    "data:a\ndata: b\ndata:  c\n\n",
    ": comment\ndata: x\n:\n\nevent: e\n\ndata: y\n\n",
    "event: a\nevent: b\ndata: last type wins\n\n",
    "id: 1\ndata: x\n\ndata: y\n\nid\ndata: z\n\n",
    "id: 1\n\ndata: an id alone counts\n\n",
    "id: a\0b\ndata: no NUL\n\n",
    "unknown: x\ndata unknown\nretry: 10x\nretry: 20\ndata: x\n\n",
    "data: é🙂\u2028same line\n\n",
    "event: constructor\ndata: __proto__\n\n__proto__: x\ndata: z\n\n",
    "data: not dispatched without a blank line\n",
]


@pytest.fixture(scope="module")
def raw_server() -> Iterator[Server]:
    with Server("uvicorn") as server:
        yield server


@pytest.mark.parametrize("text", STREAMS, ids=range(len(STREAMS)))
def test_it_reads_as_the_standard_says(open_page: OpenPage, raw_server: Server, text: str) -> None:
    """However it is cut: fetch's reader, which is ours, the browser's EventSource and tests/sse.py."""
    expected = [list(event) for event in parse(text.removeprefix("\ufeff") + sse_format("end", "last"))]
    page = open_page(url=raw_server.url("/sse/page/"))
    rng = random.Random(text)
    encoded = text.encode()
    for cuts in (0, 3, len(encoded)):
        places = sorted(rng.randrange(len(encoded) + 1) for _ in range(cuts))
        parts = [encoded[a:b].decode("latin-1") for a, b in zip([0, *places], [*places, None], strict=True)]
        url = f"/sse/raw/?parts={quote(json.dumps(parts))}"
        assert page.eval(OURS, url) == expected[:-1]
        assert page.eval(THEIRS, url) == expected


OURS = """async (url) => {
    const { connectSse } = await import("/static/djust_stream/djust-stream.js");
    const found = [];
    const add = ({ detail: { type, data, id } }) => found.push([type, data, id]);
    document.addEventListener("stream:message", add);
    await new Promise((done) => {
        document.addEventListener("stream:close", done, { once: true });
        connectSse(url, { headers: { "X-Mine": "1" } });
    });
    document.removeEventListener("stream:message", add);
    return found;
}"""
THEIRS = """(url) => new Promise((done) => {
    const found = [], source = new EventSource(url);
    const add = (event) => found.push([event.type, event.data, event.lastEventId]);
    for (const type of ["message", "e", "a", "b", "constructor", "end"]) source.addEventListener(type, add);
    source.addEventListener("end", () => { source.close(); done(found); });
})"""


@WAYS
def test_a_deploy_behind_a_proxy(open_page: OpenPage, server: Server, options: dict[str, Any]) -> None:
    """For a while the proxy has nobody to ask, and says 502: an EventSource alone would give up for good."""
    name = next(names)
    with Proxy(server.port) as between, Nginx(between.port) as nginx:
        page = open_page(url=nginx.url("/sse/page/"))
        record_events(page)
        url = f"/sse/async/gate/async/?name=reply&for={name}&retry_s=0.1"
        connect(page, url, options | {"firstDelayMs": 100})
        wait(page, "document.querySelector('[dj-stream]').textContent.includes('before')")
        between.refuse(True)
        between.cut()
        wait(page, "seen.filter(([name]) => name === 'reconnect').length >= 3")
        between.refuse(False)
        get(server.port, f"/sse/go/?gate={name}")
        wait(page, "seen.some(([name]) => name === 'done')")
    assert shown(page).split() == ["before", "after"]
    assert state(server, name) == ["begun", "closed"]
    assert events(page, "start", "gap", "error", "done") == ["start", "done"]


@WAYS
def test_a_refusal_of_the_first_request(open_page: OpenPage, options: dict[str, Any]) -> None:
    """An EventSource alone cannot read why."""
    with Server("uvicorn", MAX_STREAMS="1") as full, Response(full.port, "/sse/async/idle/async/") as other:
        assert other.event() is not None
        page = open_page(url=full.url("/sse/page/"))
        record_events(page)
        connect(page, "/sse/async/text/async/?name=reply", options)
        wait(page, "document.querySelector('[role=alert]')?.textContent.startsWith('Too many answers')")
        [refusal] = [row[2] for row in page.eval("seen") if row[0] == "refuse"]
        assert (refusal["status"], refusal["retryAfterS"]) == (503, 5)
