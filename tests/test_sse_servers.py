"""Server-sent events on real servers: uvicorn, daphne, gunicorn with threads and gevent; behind a real nginx.

That nothing holds the stream back is shown without a clock: the source waits, in the middle, until the test
has seen its first half.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from model_server import ANSWER, ENDLESS, ModelServer
from nginx import Nginx
from sse import Event, Response, get

sys.path.insert(0, str(Path(__file__).parent / "django"))
from server import KINDS, WSGI_KINDS, Server


@pytest.fixture(scope="module", params=[*KINDS, *WSGI_KINDS])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with Server(request.param, MAX_STREAMS="12") as server:
        yield server
        assert server.faults() == 0, server.output()


VIEWS = pytest.mark.parametrize("view", ["sync", "async"])
SOURCES = pytest.mark.parametrize("source", ["sync", "async"])
names = (f"name{number}" for number in range(10**9))


def until(holds: Callable[[], Any], timeout_s: float = 5) -> float:
    """How long it took."""
    begin = time.monotonic()
    while not holds():
        assert time.monotonic() - begin < timeout_s
        time.sleep(0.01)
    return time.monotonic() - begin


def text(events: list[Event]) -> str:
    return "".join(event.json["text"] for event in events if event.type == "delta")


def state(server: Server, name: str = "") -> Any:
    return get(server.port, f"/sse/state/?for={name}")


def through_a_gate(port: int, server: Server, path: str, **headers: str) -> list[Event]:
    """All events of a "gate" source; its second half is made when the first is here."""
    name = next(names)
    with Response(port, f"{path}{'&' if '?' in path else '?'}for={name}", headers) as response:
        assert response.status == 200
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        first: list[Event] = []
        while "before" not in "".join(event.data for event in first):
            event = response.event()
            assert event is not None
            first.append(event)
        assert "after" not in response.text
        get(server.port, f"/sse/go/?gate={name}")
        events = first + response.events()
    assert state(server, name)["states"] == ["begun", "closed"]
    return events


@VIEWS
@SOURCES
def test_it_flows(server: Server, view: str, source: str) -> None:
    events = through_a_gate(server.port, server, f"/sse/{view}/gate/{source}/")
    assert text(events) == "before after"
    assert events[-1].type == "done"
    frames = through_a_gate(server.port, server, f"/sse/{view}/gate/{source}/?name=reply")
    assert frames[-1].type == "end"
    assert frames[-2].json["o"][-1] == ["done"]


def test_it_flows_past_gzip(server: Server) -> None:
    events = through_a_gate(server.port, server, "/sse/gzip/gate/sync/", **{"Accept-Encoding": "gzip"})
    assert text(events) == "before after"


def test_headers(server: Server) -> None:
    with Response(server.port, "/sse/sync/text/sync/?name=reply") as response:
        assert response.headers["cache-control"] == "no-cache"
        assert response.headers["x-accel-buffering"] == "no"
        if server.kind in KINDS:
            assert "connection" not in response.headers, "not the application's, and none in HTTP/2"
        assert response.events()[-1].type == "end"
    with Response(server.port, "/sse/sync/text/sync/", method="HEAD") as response:
        assert response.status == 200
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"


def test_usage(server: Server) -> None:
    with Response(server.port, "/sse/sync/usage/sync/") as response:
        done = response.events()[-1]
    assert done.json == {"input_tokens": 7, "output_tokens": 3, "estimated": False, "finish_reason": "stop"}


@VIEWS
@pytest.mark.parametrize("kind", ["idle", "flow"])
@pytest.mark.parametrize("cut", ["close", "reset"])
@pytest.mark.parametrize("name", ["", "reply"])
def test_a_reader_that_leaves_closes_the_source(
    server: Server, view: str, kind: str, cut: str, name: str
) -> None:
    source, frames = next(names), f"&name={name}&resume_s=0" if name else ""
    response = Response(server.port, f"/sse/{view}/{kind}/async/?for={source}{frames}")
    while "before" not in response.text and "word" not in response.text:
        assert response.event() is not None
    getattr(response, cut)()
    until(lambda: "closed" in state(server, source)["states"])
    until(lambda: state(server)["slots"] == 0)


@pytest.mark.parametrize("sdk", ["openai", "anthropic"])
@pytest.mark.parametrize("scenario", [ENDLESS, "slow"])
def test_a_reader_that_leaves_closes_the_connection_to_the_provider(
    server: Server, sdk: str, scenario: str
) -> None:
    """The real SDKs: sync ones in a sync view, async ones in an async view; before and in the answer."""
    for view, source in (("sync", "sync"), ("async", "async")):
        with ModelServer() as model:
            query = urlencode({"model": model.url, "scenario": scenario, "sdk": sdk})
            response = Response(server.port, f"/sse/{view}/-/{source}/?{query}")
            if scenario == ENDLESS:
                assert response.event() is not None
            until(lambda model=model: model.requests)
            response.close()
            assert model.closed.wait(20)


def test_an_answer_of_a_provider(server: Server) -> None:
    with ModelServer() as model:
        for view in ("sync", "async"):
            query = urlencode({"model": model.url, "scenario": "text"})
            with Response(server.port, f"/sse/{view}/-/{view}/?{query}") as response:
                assert text(response.events()) == ANSWER


def test_heartbeats(server: Server) -> None:
    with Response(server.port, "/sse/sync/idle/async/?heartbeat_s=0.05") as response:
        while response.parser.comments < 3:
            response.parser.feed("")
            list(response.parser.feed(response.piece()))
    until(lambda: state(server)["slots"] == 0)


def test_coming_back(server: Server) -> None:
    """Cut in the middle; the answer goes on, and the rest follows: no frame lost, none twice, asked once."""
    name = next(names)
    path = f"/sse/async/gate/async/?name=reply&for={name}"
    first = Response(server.port, path)
    events: list[Event] = []
    while "before" not in first.text:
        event = first.event()
        assert event is not None
        events.append(event)
    first.reset()
    get(server.port, f"/sse/go/?gate={name}")
    until(lambda: "closed" in state(server, name)["states"])
    with Response(server.port, path, {"Last-Event-ID": events[-1].id}) as second:
        events += second.events()
    seqs = [event.json["n"] for event in events if event.type == "message"]
    assert seqs == list(range(1, len(seqs) + 1))
    assert state(server, name)["states"] == ["begun", "closed"]
    with Response(server.port, path, {"Last-Event-ID": second.parser.last_id}) as third:
        assert (third.status, third.events()) == (204, [])
    other = Response(server.port, path, {"Last-Event-ID": events[-1].id, "Cookie": "sessionid=x"})
    other.close()


def test_stop(server: Server) -> None:
    name = next(names)
    path = f"/sse/async/flow/async/?name=reply&for={name}"
    with Response(server.port, path) as response:
        event = response.event()
        assert event is not None
        with Response(server.port, path, {"Last-Event-ID": event.id, "X-Stream-Stop": "1"}) as stop:
            assert (stop.status, stop.events()) == (204, [])
        events = response.events()
    assert events[-2].json["o"][-1] == ["done", "stopped"]
    assert state(server, name)["states"] == ["begun", "closed"]


def test_too_many(server: Server) -> None:
    until(lambda: state(server)["slots"] == 0)
    many = [Response(server.port, "/sse/sync/idle/async/") for _ in range(12)]
    for response in many:
        assert response.event() is not None
    with Response(server.port, "/sse/sync/text/sync/") as refused:
        assert (refused.status, refused.headers["retry-after"]) == (503, "5")
        assert "too many answers" in refused.piece().lower()
    for response in many:
        response.close()
    until(lambda: state(server)["slots"] == 0)
    with Response(server.port, "/sse/sync/text/sync/") as response:
        assert response.events()[-1].type == "done"


def test_a_failure_is_an_event(server: Server) -> None:
    with Response(server.port, "/sse/sync/fail/sync/") as response:
        events = response.events()
    assert [event.type for event in events] == ["delta", "error"]
    assert "sk-secret" not in response.text


def test_posts(server: Server) -> None:
    with Response(server.port, "/sse/page/") as page:
        html, cookie = page.piece(), page.headers["set-cookie"].split(";")[0]
    token = html.split('value="')[1].split('"')[0]
    for body in (f"prompt=*x*&csrfmiddlewaretoken={token}", "prompt=*x*"):
        headers = {"Cookie": cookie} if "csrf" in body else {"Cookie": cookie, "X-CSRFToken": token}
        with Response(server.port, "/sse/ask/", headers, "POST", body) as response:
            assert response.status == 200
            assert response.events()[-1].type == "end"
    with Response(server.port, "/sse/ask/", {"Cookie": cookie}, "POST", "prompt=x") as response:
        assert response.status == 403
    with Response(server.port, "/sse/ask/", method="GET") as response:
        assert response.status == 405


# -- behind nginx ----------------------------------------------------------------------------------

PROXIES = {
    "buffering on": ("proxy_buffering on;", ""),
    "buffering off": ("proxy_buffering off;", ""),
    "gzip on": ("", "gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any;"),
    "keepalive": ('proxy_http_version 1.1; proxy_set_header Connection "";', ""),
}


@pytest.mark.parametrize("proxy", PROXIES)
def test_it_flows_through_nginx(server: Server, proxy: str) -> None:
    location, http = PROXIES[proxy]
    with Nginx(server.port, location, http=http) as nginx:
        headers = {"Accept-Encoding": "gzip"}
        events = through_a_gate(nginx.port, server, "/sse/sync/gate/async/", **headers)
        assert text(events) == "before after"
        frames = through_a_gate(nginx.port, server, "/sse/async/gate/sync/?name=reply", **headers)
        assert frames[-1].type == "end"


@pytest.mark.parametrize("heartbeat_s", [2, 60])
def test_an_idle_timeout_of_5_s(server: Server, heartbeat_s: float) -> None:
    """Heartbeats keep the connection; without them nginx cuts it, which shows that the timeout is one."""
    name = next(names)
    with (
        Nginx(server.port, "proxy_read_timeout 5s;") as nginx,
        Response(nginx.port, f"/sse/sync/gate/async/?for={name}&heartbeat_s={heartbeat_s}") as response,
    ):
        assert response.event() is not None
        if heartbeat_s == 60:
            with pytest.raises((ValueError, ConnectionError, TimeoutError)):
                while response.piece():
                    pass
                raise ConnectionError("the body ends without its last chunk")
            until(lambda: "closed" in state(server, name)["states"])
            return
        while response.parser.comments < 3:
            list(response.parser.feed(response.piece()))
        get(server.port, f"/sse/go/?gate={name}")
        assert text(response.events()) == "after"


def test_a_reader_that_leaves_nginx_closes_the_source(server: Server) -> None:
    name = next(names)
    with Nginx(server.port) as nginx:
        response = Response(nginx.port, f"/sse/sync/idle/async/?for={name}")
        assert response.event() is not None
        response.close()
        until(lambda: "closed" in state(server, name)["states"])
