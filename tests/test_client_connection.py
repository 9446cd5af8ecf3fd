"""The client's connection in Chromium: against a real WebSocket server, and beside djust's client."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

import pytest
from conftest import OpenPage
from page import CLIENT, CLIENT_URL, compact, djust, record_events
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

HELLO = {"type": "stream.hello", "form": "compact", "resume": True}
ROOT = '<div dj-stream="s"></div>'


class Server:
    """A WebSocket server on a free port that notes what it is sent; it serves page and client as well."""

    def __init__(self, body: str) -> None:
        self.body = body
        self.received: list[Any] = []
        self.connections: list[ServerConnection] = []
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self.loop.run_until_complete, args=[self.run()])

    def __enter__(self) -> Server:
        self.thread.start()
        assert self.ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.stopped.set)
        self.thread.join()
        self.loop.close()

    async def run(self) -> None:
        self.stopped = asyncio.Event()
        async with serve(self.talk, "127.0.0.1", 0, process_request=self.answer) as server:
            self.port = server.sockets[0].getsockname()[1]
            self.ready.set()
            await self.stopped.wait()

    async def answer(self, connection: ServerConnection, request: Request) -> Response | None:
        if request.headers.get("Upgrade") == "websocket":
            return None
        kind, text = (
            ("text/javascript", CLIENT.read_text("utf-8"))
            if request.path == "/djust-stream.js"
            else ("text/html", self.body)
        )
        headers = Headers({"Content-Type": f"{kind}; charset=utf-8", "Connection": "close"})
        return Response(HTTPStatus.OK, "OK", headers, text.encode())

    async def talk(self, connection: ServerConnection) -> None:
        self.connections.append(connection)
        async for text in connection:
            self.received.append(json.loads(text))
            if self.received[-1].get("type") == "stream.hello":
                await connection.send('{"type":"stream.welcome","form":"compact"}')

    def do(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)

    def send(self, message: object) -> None:
        self.do(self.connections[-1].send(json.dumps(message)))

    def wait(self, holds: Callable[[], bool]) -> None:
        for _ in range(500):
            if holds():
                return
            threading.Event().wait(0.02)
        raise TimeoutError(f"received {self.received}")


@pytest.fixture
def server() -> Iterator[Server]:
    script = '<script type="module" src="/djust-stream.js" data-url="/ws/chat/?x=1"></script>'
    stop = '<form action="/gone"><button data-stream-stop="s"><b id="stop">Stop</b></button></form>'
    stop += '<form action="/gone"><button data-stream-retry="s"><b id="again">Again</b></button></form>'
    with Server(f"<!doctype html>{script}<div dj-stream='s'></div>{stop}") as server:
        yield server


def test_the_tag_connects_by_itself(open_page: OpenPage, server: Server) -> None:
    page = open_page(url=f"http://127.0.0.1:{server.port}/")
    record_events(page)
    server.wait(lambda: HELLO in server.received)
    assert server.connections[0].request.path == "/ws/chat/?x=1"
    server.send(compact(["start"], "hi"))
    server.send({"type": "stream", "s": "s", "n": 2, "o": [" you"]})
    server.send(djust({"op": "text", "text": "!"}) | {"seq": 3})
    page.wait("document.querySelector('[dj-stream]').textContent === 'hi you!'")
    server.send({"type": "quote", "o": 1})
    server.send([1, 2])
    page.wait("seen.filter(([name]) => name === 'message').length === 2")
    assert [row for row in page.eval("seen") if row[0] == "message"] == [
        ["message", "", {"type": "quote", "o": 1}],
        ["message", "", [1, 2]],
    ]


def test_a_stop_button_sends_stop_and_does_nothing_else(open_page: OpenPage, server: Server) -> None:
    page = open_page(url=f"http://127.0.0.1:{server.port}/")
    server.wait(lambda: HELLO in server.received)
    page.do(lambda chromium: chromium.click("#stop"))
    server.wait(lambda: {"type": "stream.stop", "stream": "s"} in server.received)
    assert page.do(lambda chromium: chromium.url).endswith("/")


def test_a_retry_button_sends_retry_and_does_nothing_else(open_page: OpenPage, server: Server) -> None:
    page = open_page(url=f"http://127.0.0.1:{server.port}/")
    server.wait(lambda: HELLO in server.received)
    page.do(lambda chromium: chromium.click("#again"))
    server.wait(lambda: {"type": "stream.retry", "stream": "s"} in server.received)
    assert server.received == [HELLO, {"type": "stream.retry", "stream": "s"}]
    assert page.do(lambda chromium: chromium.url).endswith("/")


def test_an_error_that_may_pass_offers_a_retry_when_its_time_has_come(
    open_page: OpenPage, server: Server
) -> None:
    page = open_page(url=f"http://127.0.0.1:{server.port}/")
    record_events(page)
    server.wait(lambda: HELLO in server.received)
    button = "document.querySelector('[dj-stream] > .dj-stream-retry')"
    server.send(compact(["start"], ["error", "busy", 7200]))
    page.wait(f"{button}?.textContent === 'Retry (2 h)' && {button}.disabled")
    server.send(compact(["error", "busy", 300], n=2))
    page.wait(f"{button}?.textContent === 'Retry (5 min)'")
    server.send(compact(["error", "busy", 2], n=3))
    page.wait(f"{button}?.textContent === 'Retry (2 s)'")
    page.wait(f"{button}.textContent === 'Retry (1 s)' && {button}.disabled")
    page.wait(f"{button}.textContent === 'Retry' && !{button}.disabled")
    errors = [detail for name, _, detail in page.eval("seen") if name == "error"]
    assert errors == [{"error": "busy", "stream": "s", "retry": wait} for wait in (7200, 300, 2)]
    alert = "document.querySelector('[dj-stream] > [role=alert]')"
    assert page.eval(f"{alert}.textContent") == "busy", "a live region would read the seconds"

    page.eval(f"{button}.focus()")
    page.do(lambda chromium: chromium.keyboard.press("Enter"))
    server.wait(lambda: server.received[-1] == {"type": "stream.retry", "stream": "s"})
    server.send(compact(["start"], "again", n=4))
    page.wait(f"{button} === null && {alert} === null")
    assert page.eval("document.activeElement === document.querySelector('[dj-stream]')"), "the focus is lost"
    server.send(compact(["error", "no"], n=5))
    page.wait(f"{alert} !== null")
    assert page.eval(f"{button} === null")


def test_it_comes_back_with_a_new_hello(open_page: OpenPage, server: Server) -> None:
    page = open_page(url=f"http://127.0.0.1:{server.port}/")
    record_events(page)
    server.wait(lambda: HELLO in server.received)
    server.send(compact(["start"], "half"))
    page.wait("document.querySelector('[dj-stream]').textContent === 'half'")
    server.do(server.connections[0].close())
    page.wait("document.querySelector('[role=alert]')?.textContent === 'Connection lost'")
    page.eval(
        "async (url) => { (await import(url)).connect('/ws/chat/?x=1').send({ type: 'later' }) }",
        "/djust-stream.js",
    )
    server.wait(lambda: server.received == [HELLO, HELLO, {"type": "later"}])
    server.send(compact(["start"], " and whole", ["done"]))
    page.wait("document.querySelector('[dj-stream]').innerHTML === 'half and whole'")
    seen = page.eval("seen.map(([name, , detail]) => [name, detail])")
    names = [name for name, _ in seen if name in {"close", "error", "reconnect", "open", "gap"}]
    # The first "open" may have come before the page began to record.
    assert names[names.index("close") :] == ["close", "error", "reconnect", "open"]
    reconnect = next(detail for name, detail in seen if name == "reconnect")
    assert reconnect["attempt"] == 1 and 250 <= reconnect["delayMs"] <= 500


def test_the_pause_doubles_and_varies(open_page: OpenPage) -> None:
    page = open_page(ROOT)
    record_events(page)
    page.eval(
        """async (url) => {
            const options = { firstDelayMs: 8, lastDelayMs: 50, texts: { lost: "weg" } };
            window.mine = (await import(url)).connect("ws://127.0.0.1:9/", options);
        }""",
        CLIENT_URL,
    )
    page.wait("seen.filter(([name]) => name === 'reconnect').length >= 6")
    page.eval("mine.close()")
    delays = page.eval("seen.filter(([name]) => name === 'reconnect').map(([, , { delayMs }]) => delayMs)")[
        :6
    ]
    for delay, most in zip(delays, [8, 16, 32, 50, 50, 50], strict=True):
        assert most / 2 <= delay <= most
    assert len({delay / most for delay, most in zip(delays, [8, 16, 32, 50, 50, 50], strict=True)}) > 1
    count = page.eval("seen.length")
    assert page.eval("new Promise((done) => setTimeout(() => done(seen.length), 150))") <= count + 1, (
        "closed is closed"
    )


def test_one_address_is_one_connection(open_page: OpenPage, server: Server) -> None:
    page = open_page(url=f"http://127.0.0.1:{server.port}/")
    assert page.eval(
        """async () => {
            const { connect } = await import("/djust-stream.js");
            const mine = connect("/ws/chat/?x=1");
            return mine === connect("/ws/chat/?x=1") && mine.socket.url;
        }"""
    ) == f"ws://127.0.0.1:{server.port}/ws/chat/?x=1"  # fmt: skip
    server.wait(lambda: HELLO in server.received)
    assert len(server.connections) == 1


def test_closed_is_closed_and_a_new_connection_counts_anew(open_page: OpenPage, server: Server) -> None:
    page = open_page(url=f"http://127.0.0.1:{server.port}/")
    record_events(page)
    server.wait(lambda: HELLO in server.received)
    server.send(compact("x"))
    page.wait("document.querySelector('[dj-stream]').textContent === 'x'")
    server.do(server.connections[0].close())
    server.wait(lambda: server.received == [HELLO, HELLO])
    server.send(compact("y", n=2))
    page.wait("seen.some(([name]) => name === 'gap')")
    page.eval("async () => { (await import('/djust-stream.js')).connect('/ws/chat/?x=1').close() }")
    page.wait("seen.filter(([name]) => name === 'close').length === 2")
    assert page.eval("seen.filter(([name]) => name === 'reconnect').length") == 1


# ---- Beside djust ----

STOCK = """
window.djust = window.djust || {};
window.stock = [];
window.djust.handleStreamMessage = (message) => stock.push(message);
"""
OURS = '<script type="module" src="/djust-stream.js"></script>'


@pytest.mark.parametrize("order", ["first", "last", "late"])
def test_djusts_socket_hands_its_messages_to_us(open_page: OpenPage, order: str) -> None:
    files = {"/djust.js": STOCK}
    djusts = '<script src="/djust.js"></script>'
    head = {"first": djusts + OURS, "last": OURS + djusts.replace("src", "defer src"), "late": OURS}[order]
    page = open_page(ROOT + '<ul id="v" dj-virtual></ul>', head=head, files=files)
    if order == "late":
        assert page.eval("window.djust") is None
        page.do(lambda chromium: chromium.add_script_tag(url="/djust.js"))
    page.eval("() => { djust.reinitAfterDOMUpdate = (scope) => (window.scope = scope) }")
    page.eval(
        "(frame) => djust.handleStreamMessage(frame)", djust({"op": "append", "html": "<b></b>", "mode": ""})
    )
    page.eval("(frame) => djust.handleStreamMessage(frame)", {"type": "stream"} | compact("x"))
    assert page.html() == "<b></b>x"
    assert page.eval("stock") == []
    assert page.eval("scope === document.querySelector('[dj-stream]')"), "djust binds what is new"
    page.eval(
        "(frame) => djust.handleStreamMessage(frame)", djust({"op": "append", "target": "#v", "html": "<li>"})
    )
    assert page.eval("stock.map(({ ops }) => ops)") == [[{"op": "append", "target": "#v", "html": "<li>"}]]
