"""Resume over uvicorn and daphne with real WebSocket clients: cuts, tabs, other users, Stop, the window."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import websockets
from readers import ResumingPage

sys.path.insert(0, str(Path(__file__).parent / "django"))
from server import KINDS, Server

from djust_stream.record import Record, abandoned
from djust_stream.stores.memory import MemoryStore

HELLO = '{"type":"stream.hello","form":"compact","resume":true}'


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with Server(request.param) as server:
        yield server
    assert server.faults() == 0, server.output()


class Tab:
    """One page: what it shows of a stream, and its connection."""

    def __init__(self, server: Server, name: str, path: str = "/ws/plain/") -> None:
        self.server, self.name, self.path = server, name, path
        self.page = ResumingPage()
        self.others: list[Any] = []
        self.connection: Any = None

    async def open(self) -> Tab:
        self.connection = await self.server.connect(self.path)
        await self.connection.send(HELLO)
        if self.page.token:
            await self.resume()
        return self

    async def send(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def resume(self, **changed: Any) -> None:
        message = {"stream": self.name, "e": self.page.epoch, "token": self.page.token, "seq": self.page.seq}
        await self.send(type="stream.resume", **message | changed)

    async def answer(self, tokens: int = 1000, gap_s: float = 0.005) -> None:
        await self.send(do="answer", name=self.name, tokens=tokens, gap_s=gap_s)

    async def read(self) -> Any:
        text = await asyncio.wait_for(self.connection.recv(), 10)
        content = json.loads(text)
        if content.get("s", content.get("gone", self.name)) != self.name:
            return content
        if (
            "frames" in content
            or "snapshot" in content
            or "o" in content
            or "gone" in content
            or "token" in content
        ):
            self.page.receive(text)
        elif content.get("type") != "stream.welcome":
            self.others.append(content)
        return content

    async def until(self, what: str) -> Any:
        """Read until the page has `what`: an attribute of it that is true, or a number of frames."""
        while not (self.page.seq >= int(what) if what.isdigit() else getattr(self.page, what)):
            await self.read()
        return self

    async def ask(self, **message: Any) -> Any:
        await self.send(**message)
        while not self.others:
            await self.read()
        return self.others.pop()

    def cut(self) -> None:
        """As when the network goes: no goodbye."""
        self.connection.transport.abort()


def whole(name: str, tokens: int) -> str:
    return "".join(f"{name}.{number} " for number in range(tokens))


async def test_a_page_that_comes_back_gets_what_it_missed(server: Server) -> None:
    tab = await Tab(server, "cuts").open()
    await tab.answer(tokens=200)
    for _ in range(5):
        await tab.until(str(tab.page.seq + 4))
        tab.cut()
        await asyncio.sleep(0.05)
        await tab.open()
    await tab.until("ended")
    assert tab.page.html == whole("cuts", 200)
    assert (tab.page.gaps, tab.page.snapshots, tab.page.ended) == (0, 0, ["done"])


async def test_a_page_that_is_loaded_again_and_a_second_tab_get_all_of_it(server: Server) -> None:
    first = await Tab(server, "tabs").open()
    await first.answer(tokens=150)
    await first.until("4")
    second = Tab(server, "tabs")
    second.page.token, second.page.epoch = first.page.token, first.page.epoch
    await second.open()
    await second.until("8")
    await first.until("8")
    first.cut()
    third = Tab(server, "tabs")
    third.page.token, third.page.epoch = first.page.token, first.page.epoch
    await third.open()
    await asyncio.gather(second.until("ended"), third.until("ended"))
    assert second.page.html == third.page.html == whole("tabs", 150)
    assert second.page.gaps == third.page.gaps == 0


async def test_one_that_has_missed_the_end_gets_it(server: Server) -> None:
    tab = await Tab(server, "end").open()
    await tab.answer(tokens=20)
    await tab.until("5")
    tab.cut()
    await asyncio.sleep(0.3)
    await tab.open()
    await tab.until("ended")
    assert tab.page.html == whole("end", 20)


async def test_a_page_that_finds_a_hole_asks_on_the_same_connection(server: Server) -> None:
    tab = await Tab(server, "hole").open()
    await tab.answer(tokens=100)
    await tab.until("5")
    token, tab.page = tab.page.token, ResumingPage()  # it has forgotten everything but the token
    await tab.resume(token=token)
    while tab.page.token is None:
        await tab.read()
    tab.page = ResumingPage()  # what was on its way in between
    await tab.until("ended")
    assert (tab.page.html, tab.page.gaps) == (whole("hole", 100), 0)


@pytest.mark.parametrize("rights", ["read", "stop"])
async def test_can_follow_lets_others_read_and_can_stop_lets_them_stop(server: Server, rights: str) -> None:
    name = f"shared {rights}"
    owner = await Tab(server, name, "/ws/as/1/").open()
    await owner.answer(tokens=60, gap_s=0.01)
    await owner.until("3")
    other = await Tab(server, name, "/ws/as/2/").open()
    await other.send(type="stream.follow", stream=name, id="not-a-stream")
    await other.until("gone")
    other.page.gone = False
    stream = (await owner.ask(do="share", name=name, rights=rights))["shared"]
    await other.send(type="stream.follow", stream=name, id=stream)
    await other.until("token")
    await other.send(type="stream.stop", stream=name, token=other.page.token)
    await asyncio.gather(owner.until("ended"), other.until("ended"))
    stopped = rights == "stop"
    assert owner.page.ended == other.page.ended == (["done", "stopped"] if stopped else ["done"])
    assert owner.page.html == other.page.html
    assert stopped == (owner.page.html != whole(name, 60))


async def test_stop_from_another_tab_of_the_same_user_ends_it_everywhere(server: Server) -> None:
    tabs = [await Tab(server, "mine", "/ws/as/7/").open()]
    await tabs[0].answer()
    await tabs[0].until("4")
    tabs.append(Tab(server, "mine", "/ws/as/7/"))
    tabs[1].page.token, tabs[1].page.epoch = tabs[0].page.token, tabs[0].page.epoch
    await tabs[1].open()
    await tabs[1].until("4")
    tabs[0].cut()
    await tabs[1].send(type="stream.stop", stream="mine", token=tabs[1].page.token)
    await tabs[1].until("ended")
    await tabs[0].open()
    await tabs[0].until("ended")
    assert tabs[0].page.ended == tabs[1].page.ended == ["done", "stopped"]
    assert tabs[0].page.html == tabs[1].page.html
    assert await tabs[1].ask(do="how", name="mine") == {"how": "cancelled"}


async def test_a_stolen_token_is_good_for_nothing(server: Server) -> None:
    owner = await Tab(server, "stolen", "/ws/as/1/").open()
    await owner.answer(tokens=100)
    await owner.until("5")
    for path in ("/ws/as/2/", "/ws/plain/"):
        thief = Tab(server, "stolen", path)
        thief.page.token, thief.page.epoch = owner.page.token, owner.page.epoch
        await thief.open()
        await thief.send(type="stream.stop", stream="stolen", token=owner.page.token)
        await thief.until("gone")
        assert thief.page.html == ""
    await owner.until("ended")
    assert (owner.page.ended, owner.page.html) == (["done"], whole("stolen", 100))


async def test_what_is_no_token_is_refused(server: Server) -> None:
    tab = await Tab(server, "bad").open()
    await tab.answer()
    await tab.until("5")
    good = tab.page.token
    bad: list[dict[str, Any]] = [
        {"token": token} for token in (None, 5, [], {}, "", "x", f"{good}x", "é", "x" * 10_000)
    ]
    bad += [{"seq": seq} for seq in (-1, True, "0", None, 1.5, 2**60, 10**30, 100_000)]
    for changed in bad:
        tab.page.gone = False
        await tab.resume(**changed)
        await tab.until("gone")
    await tab.send(type="stream.stop", stream=7, token=8)
    await tab.send(type="stream.follow", stream=7, id=8)
    await tab.send(type="stream.follow", stream="x\0y", id=[])
    tab.page.gone = False
    await tab.resume()
    await tab.until(str(tab.page.seq + 3))
    assert (tab.page.gone, tab.page.gaps) == (False, 0)
    await tab.send(type="stream.stop", stream="bad", token=good)
    await tab.until("ended")


async def test_a_stream_that_nobody_comes_back_to_is_cancelled(server: Server) -> None:
    tab = await Tab(server, "short").open()
    await tab.answer()
    await tab.until("5")
    tab.cut()
    other = await Tab(server, "other").open()
    await asyncio.sleep(0.15)
    assert await other.ask(do="how", name="short") == {"how": "runs"}
    for _ in range(100):
        if await other.ask(do="how", name="short") == {"how": "cancelled"}:
            break
        await asyncio.sleep(0.02)
    assert await other.ask(do="how", name="short") == {"how": "cancelled"}
    html = tab.page.html
    await tab.open()
    await tab.until("gone")
    assert tab.page.html == html != ""


async def test_a_reader_keeps_a_stream_beyond_the_window(server: Server) -> None:
    tab = await Tab(server, "short stay").open()
    await tab.answer(tokens=240)  # 1.2 s, three windows
    await tab.until("5")
    tab.cut()
    await tab.open()
    await tab.until("ended")
    assert (tab.page.ended, tab.page.html) == (["done"], whole("short stay", 240))


async def test_each_visit_begins_the_window_anew() -> None:
    """Readers that come for a moment, again and again, are readers: the stream goes on."""
    store = MemoryStore()
    record = Record("s", store, window_s=0.4)
    log = record.open()
    given_up = asyncio.ensure_future(abandoned(log, 0.4))
    for _ in range(6):
        await asyncio.sleep(0.25)
        pieces = store.follow(record.id, 0)
        waiting = asyncio.ensure_future(anext(pieces))
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.wait({waiting})
        await pieces.aclose()
    left_at = monotonic()
    assert not given_up.done()
    await asyncio.wait_for(given_up, 5)
    assert monotonic() - left_at >= 0.39


async def test_a_long_window_keeps_no_other_stream() -> None:
    store = MemoryStore()
    ids = []
    for window_s in (600.0, 0.05, 300.0, 0.1):
        record = Record("s", store, window_s)
        record.handed = True
        record.open()
        record.end()
        ids.append(record.id)
    await asyncio.sleep(0.2)
    kinds = [(await anext(store.follow(stream_id, 0))).kind for stream_id in ids]
    assert kinds == ["end", "gone", "end", "gone"]


@pytest.mark.parametrize("window_s", [-1, "30", None, float("nan"), float("inf"), True])
async def test_a_window_that_is_none(window_s: Any) -> None:
    import project  # noqa: F401  (sets Django up)
    from sinks import Consumer

    from djust_stream import StreamingMixin

    class View(StreamingMixin):
        def stream_window_s(self, stream_name: str) -> Any:
            return window_s

    view = View()
    view._ws_consumer = Consumer()
    with pytest.raises((TypeError, ValueError), match=r"stream_window_s.* 86,400 seconds, not"):
        await view.stream_text("s", "a")


async def test_a_name_that_begins_again_takes_the_place_of_what_the_page_followed(server: Server) -> None:
    tab = await Tab(server, "again").open()
    await tab.answer()
    await tab.until("5")
    tab.cut()
    await tab.open()
    await tab.until(str(tab.page.seq + 3))
    epoch = tab.page.epoch
    tab.page = ResumingPage()
    await tab.answer(tokens=5)
    while tab.page.epoch in (None, epoch):
        content = await tab.read()
        if content.get("e") == epoch:
            tab.page = ResumingPage()
    await tab.until("ended")
    assert tab.page.html == whole("again", 5)


async def test_ping_is_answered(server: Server) -> None:
    async with server.connect("/ws/plain/") as connection:
        await connection.send('{"type":"stream.ping"}')
        assert await asyncio.wait_for(connection.recv(), 10) == '{"type":"stream.pong"}'


@pytest.mark.parametrize(
    ("origin", "path", "good"),
    [
        ("https://good.example", "/ws/strict/", True),
        ("https://good.example:443", "/ws/strict/", True),
        ("http://good.example", "/ws/strict/", False),
        ("https://good.example.evil.example", "/ws/strict/", False),
        ("null", "/ws/strict/", False),
        (None, "/ws/strict/", False),
        ("https://any.example", "/ws/plain/", True),
        (None, "/ws/plain/", True),
    ],
)
async def test_pages_of_other_sites_are_refused(
    server: Server, origin: str | None, path: str, good: bool
) -> None:
    try:
        async with server.connect(path, origin=origin) as connection:
            await connection.send(HELLO)
            assert json.loads(await asyncio.wait_for(connection.recv(), 10))["resume"] is True
            assert good
    except websockets.InvalidStatus as error:
        assert not good
        assert error.response.status_code == 403


async def test_a_connection_that_is_lost_twice_is_lost_once() -> None:
    """A send finds the connection gone, and then the server tells of it as well: the stream goes on."""
    import project  # noqa: F401  (sets Django up)
    from sinks import Consumer, MemorySink

    from djust_stream import StreamingMixin

    class View(StreamingMixin):
        pass

    view, sink = View(), MemorySink()
    view._ws_consumer = Consumer(sink)
    await view.stream_text("s", "a")
    stream = view.stream_id("s")
    sink.fails_with = OSError("gone")
    await asyncio.sleep(0.05)
    await view.stream_text("s", "b")
    await asyncio.sleep(0.05)
    view.stream_detach()
    view.stream_detach()
    await view.stream_text("s", "c")
    await view.stream_done("s")
    pieces = view._djust_visit._store.follow(stream, 0)  # type: ignore[union-attr, arg-type]
    [snapshot] = [text async for piece in pieces for text in piece.texts]
    assert json.loads(snapshot)["o"] == ["a", "b", "c", ["done"]]
    with pytest.raises(RuntimeError):
        await view.stream_text("s", "d")
