"""A real djust LiveView: its consumer, its protocol, its stock client in Chromium."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import project  # noqa: F401  (sets Django up)
import pytest
from conftest import OpenPage
from djust import LiveView
from page import Page

from djust_stream import StreamingMixin

sys.path.insert(0, str(Path(__file__).parent / "django"))
from server import KINDS, Received, Server

TOKENS = 1000


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with Server(request.param) as server:
        yield server
    assert server.faults() == 0, server.output()


class Socket:
    """djust's protocol, spoken by hand."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.ref = 0

    async def event(self, name: str, **params: Any) -> None:
        self.ref += 1
        await self.connection.send(
            json.dumps({"type": "event", "event": name, "params": params, "ref": self.ref})
        )

    async def answered(self, received: Received) -> dict[str, Any]:
        """Read until the last event has been answered."""
        while True:
            content = received.add(await asyncio.wait_for(self.connection.recv(), 20))
            if content.get("ref") == self.ref:
                return content

    async def until(self, received: Received, stream: str, *kinds: str) -> None:
        """Read until the stream's last op is one of these."""
        while not received.kinds(stream) or received.kinds(stream)[-1] not in kinds:
            received.add(await asyncio.wait_for(self.connection.recv(), 20))


@contextlib.asynccontextmanager
async def mounted(server: Server, view: str = "Chat") -> AsyncIterator[Socket]:
    async with server.connect("/ws/live/") as connection:
        assert json.loads(await connection.recv())["type"] == "connect"
        mount = {"type": "mount", "view": f"streamsite.views.{view}", "url": "/chat/", "params": {}}
        await connection.send(json.dumps(mount))
        assert json.loads(await connection.recv()) == {"type": "stream", "visit": True}
        answer = json.loads(await connection.recv())
        assert answer["type"] == "mount", answer
        yield Socket(connection)


# -- the class -----------------------------------------------------------------------------------


def test_the_wrong_order_of_bases_is_refused() -> None:
    with pytest.raises(TypeError, match=r"class Chat\(StreamingMixin, LiveView\)"):

        class Chat(LiveView, StreamingMixin):
            pass


def test_the_mixin_leaves_no_trace_in_what_djust_saves() -> None:
    class Chat(StreamingMixin, LiveView):
        template = "<div dj-root></div>"

    view = Chat()
    ours = {name for name in vars(view) if name.startswith("_djust_stream") or name == "_djust_tasks"}
    assert ours <= view._framework_attrs
    view._mine = 1
    view._snapshot_user_private_attrs()
    assert not ours & view._user_private_keys
    assert not ours & set(view._get_private_state())
    assert not [name for name in view.get_context_data() if "stream_" in name or name.startswith("_djust")]


# -- law 1 over djust's protocol --------------------------------------------------------------------


async def test_no_token_is_lost_at_any_pace(server: Server) -> None:
    async def one(gap_ms: int) -> None:
        async with mounted(server) as socket:
            received = Received()
            await socket.event("produce", streams=4, tokens=TOKENS, gap_ms=gap_ms)
            await socket.answered(received)
            for number in range(4):
                received.assert_whole(f"s{number}", TOKENS)  # all of it before the event's answer

    await asyncio.gather(*(one(gap_ms) for gap_ms in (0, 1, 5)))


@pytest.mark.parametrize("event", ["from_thread", "from_async_to_sync", "in_background"])
async def test_streams_from_threads(server: Server, event: str) -> None:
    async with mounted(server) as socket:
        received = Received()
        await socket.event(event)
        stream = "s0" if event == "from_async_to_sync" else "reply"
        await socket.until(received, stream, "done")
        if stream == "s0":
            received.assert_whole("s0", 200)
        else:
            assert received.text("reply") == "".join(f"{number} " for number in range(500))
        assert received.seqs(stream) == list(range(1, len(received.seqs(stream)) + 1))


async def test_start_stream_leaves_the_connection_to_other_events(server: Server) -> None:
    async with mounted(server) as socket:
        received = Received()
        await socket.event("ask", tokens=60, gap_ms=5)
        await socket.answered(received)
        assert "done" not in received.kinds("reply")  # the handler is back, the stream runs
        await socket.event("again")
        patch = await socket.answered(received)
        assert patch["type"] == "patch"
        await socket.until(received, "reply", "done")
        await received.for_a_moment(socket.connection, 0.2)
        assert received.text("reply") == "".join(f"{number} " for number in range(60))
        patches = json.dumps([message for message in received.other if message["type"] == "patch"])
        assert "half way" in patches  # push_state, after the tokens before it
        assert "ended" in patches  # what the coroutine has left on the view
        assert '"type": "error"' not in json.dumps(received.other)


async def test_a_stream_that_a_synchronous_handler_starts(server: Server) -> None:
    async with mounted(server) as socket:
        received = Received()
        await socket.event("ask_in_thread")
        await socket.until(received, "reply", "done", "error")
        await received.for_a_moment(socket.connection, 0.2)
        assert (received.text("reply"), received.kinds("reply")[-1]) == ("slept", "done")
        patches = json.dumps([message for message in received.other if message["type"] == "patch"])
        assert "half way" in patches and "ended" in patches


async def test_push_state_follows_what_was_streamed(server: Server) -> None:
    async with mounted(server) as socket:
        seen: list[str] = []
        await socket.event("ask", tokens=20, gap_ms=0)
        while not seen or seen[-1] != "done":
            content = json.loads(await asyncio.wait_for(socket.connection.recv(), 10))
            if content["type"] == "patch" and "half way" in json.dumps(content):
                seen.append("half way")
            for op in content.get("ops", ()):
                seen.append(op.get("text", op["op"]))
        before = "".join(seen[: seen.index("half way")])
        assert before.replace("start", "") == "".join(f"{number} " for number in range(10))


async def test_stop_and_again(server: Server) -> None:
    async with mounted(server) as socket:
        received = Received()
        await socket.event("ask", tokens=5000, gap_ms=2)
        while len(received.text("reply").split()) < 5:
            received.add(await socket.connection.recv())
        await socket.event("stop")
        await socket.until(received, "reply", "done")
        assert received.ops("reply")[-1]["reason"] == "stopped"
        await received.for_a_moment(socket.connection, 0.15)
        assert received.kinds("reply").count("done") == 1
        assert "ended" in json.dumps(received.other)  # set in the coroutine's "finally"
        await socket.event("ask", tokens=3, gap_ms=0)
        again = Received()
        await socket.until(again, "reply", "done")
        assert again.text("reply") == "0 1 2 "


async def test_a_failing_coroutine(server: Server) -> None:
    async with mounted(server) as socket:
        received = Received()
        await socket.event("fail")
        await socket.until(received, "reply", "error")
        assert received.text("reply") == "partial"
        assert "sk-secret" not in json.dumps(received.frames + received.other)


async def test_djusts_collections_keep_their_methods(server: Server) -> None:
    async with mounted(server) as socket:
        received = Received()
        await socket.event("collect")
        answer = await socket.answered(received)
        assert "0,1" in json.dumps(answer)
        assert received.frames == []


async def test_stream_to_renders_the_template(server: Server) -> None:
    async with mounted(server) as socket:
        received = Received()
        await socket.event("refill")
        await socket.answered(received)
        op = received.ops("status")[-1]
        assert (op["op"], op["target"], op["html"]) == ("replace", "#status", "from the template")


async def cancelled(socket: Socket, tokens: int) -> bool:
    """Has the answer of so many tokens been cancelled? Asked for a second at most."""
    for _ in range(20):
        received = Received()
        await socket.event("cancelled")
        if f"{tokens}" in json.dumps(await socket.answered(received)):
            return True
        await asyncio.sleep(0.05)
    return False


async def test_a_reader_that_leaves_stops_the_answer(server: Server) -> None:
    for tokens in (7001, 7002):
        async with mounted(server) as socket:
            await socket.event("ask", tokens=tokens, gap_ms=1)
            await socket.connection.recv()
            if tokens == 7001:
                socket.connection.transport.abort()
    async with mounted(server) as socket:
        assert await cancelled(socket, 7001)
        assert await cancelled(socket, 7002)
        received = Received()
        await socket.event("produce", streams=1, tokens=100, gap_ms=0)
        await socket.answered(received)
        received.assert_whole("s0", 100)


async def test_a_live_redirect_stops_the_old_views_answer(server: Server) -> None:
    async with mounted(server) as socket:
        await socket.event("ask", tokens=7003, gap_ms=1)
        await socket.answered(Received())
        redirect = {
            "type": "live_redirect_mount",
            "view": "streamsite.views.Kept",
            "url": "/ignore/",
            "params": {},
        }
        await socket.connection.send(json.dumps(redirect))
        assert await cancelled(socket, 7003)
        received = Received()
        await socket.event("ask", tokens=3, gap_ms=0)
        await socket.until(received, "reply", "done")
        assert received.text("reply") == "0 1 2 "


# -- the stock client in Chromium ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def uvicorn() -> Iterator[Server]:
    with Server("uvicorn") as server:
        yield server
    assert server.faults() == 0, server.output()


TEXT = "document.getElementById('reply').textContent"
STATUS = "document.getElementById('status').textContent"
RECORD = """() => {
    window.seen = [];
    for (const name of ["start", "text", "update", "done", "error"])
        document.addEventListener(`stream:${name}`, ({target}) => {
            if (seen.at(-1) !== name) seen.push(name);
        });
}"""


def joined(tokens: int) -> str:
    return "".join(f"{number} " for number in range(tokens))


def open_view(open_page: OpenPage, server: Server, path: str) -> Page:
    page = open_page(url=server.url(path))
    page.wait("window.djust?.liveViewInstance?.viewMounted === true")
    page.eval(RECORD)
    return page


def event(page: Page, name: str, **params: Any) -> None:
    page.eval("([name, params]) => djust.handleEvent(name, params)", [name, params])


@pytest.mark.parametrize("gap_ms", [0, 1, 5])
def test_the_stock_client_shows_every_token(uvicorn: Server, open_page: OpenPage, gap_ms: int) -> None:
    page = open_view(open_page, uvicorn, "/ignore/")
    event(page, "ask", tokens=300, gap_ms=gap_ms)
    page.wait("seen.at(-1) === 'done'")
    assert page.eval(TEXT) == joined(300)
    assert page.eval("seen") == ["start", "text", "done"]
    assert page.eval("document.getElementById('reply').hasAttribute('data-stream-active')") is False
    page.wait(f"{STATUS} === 'ended'")
    assert page.eval(TEXT) == joined(300)


def test_the_stock_client_stops_and_starts_again(uvicorn: Server, open_page: OpenPage) -> None:
    page = open_view(open_page, uvicorn, "/ignore/")
    event(page, "ask", tokens=5000, gap_ms=2)
    page.wait(f"{TEXT}.length > 20")
    page.do(lambda page: page.click("#stop"))
    page.wait("seen.at(-1) === 'done'")
    text = page.eval(TEXT)
    assert joined(5000).startswith(text)
    page.wait(f"{STATUS} === 'ended'")
    event(page, "ask", tokens=10, gap_ms=1)
    page.wait(f"seen.filter((name) => name === 'done').length === 2 && {STATUS} === 'ended'")
    assert page.eval(TEXT) == text + joined(10)


def test_the_stock_client_shows_an_error_after_the_text(uvicorn: Server, open_page: OpenPage) -> None:
    page = open_view(open_page, uvicorn, "/ignore/")
    event(page, "fail")
    page.wait("seen.at(-1) === 'error'")
    assert page.eval(TEXT).startswith("partial")
    assert "sk-secret" not in page.html("body")


def test_the_stock_client_shows_markdown(uvicorn: Server, open_page: OpenPage) -> None:
    page = open_view(open_page, uvicorn, "/ignore/")
    event(page, "markdown")
    page.wait("seen.at(-1) === 'done'")
    shown = (
        "(selector) => [...document.querySelectorAll('#reply ' + selector)].map((e) => e.textContent.trim())"
    )
    assert page.eval(shown, "h1") == ["Head"]
    assert page.eval(shown, "li") == ["one", "two"]
    assert page.eval(shown, "li strong") == ["two"]


def test_what_is_streamed_survives_djusts_renders(uvicorn: Server, open_page: OpenPage) -> None:
    """With dj-update="ignore": a patch and the whole page's HTML, during a stream and after it."""
    page = open_view(open_page, uvicorn, "/ignore/")
    event(page, "ask", tokens=100, gap_ms=4)
    page.wait(f"{TEXT}.length > 20")
    for name, status in (("again", "rendered 1"), ("whole", "whole 2"), ("again", "rendered 3")):
        event(page, name)
        page.wait(f"{STATUS} === '{status}' || {STATUS} === 'half way'")
    page.wait(f"{STATUS} === 'ended'")
    assert page.eval(TEXT) == joined(100)
    event(page, "whole")
    page.wait(f"{STATUS} === 'whole 4'")
    assert page.eval(TEXT) == joined(100)


def test_a_patch_leaves_what_is_streamed_even_so(uvicorn: Server, open_page: OpenPage) -> None:
    """Without dj-update="ignore" a patch keeps it; only the whole page's HTML would not."""
    page = open_view(open_page, uvicorn, "/chat/")
    event(page, "ask", tokens=20, gap_ms=1)
    page.wait(f"{STATUS} === 'ended'")
    event(page, "again")
    page.wait(f"{STATUS} === 'rendered 1'")
    assert page.eval(TEXT) == joined(20)
