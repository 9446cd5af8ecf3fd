"""StreamResponse in this process: by Django's test clients and handlers, without a server."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from types import SimpleNamespace
from typing import Any

import project  # noqa: F401  (sets Django up)
import pytest
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest
from django.middleware.gzip import GZipMiddleware
from django.test import AsyncClient, AsyncRequestFactory, Client, RequestFactory, override_settings
from hypothesis import given
from hypothesis import strategies as st
from readers import ResumingPage
from sse import Event, Parser, parse

from djust_stream.sse import StreamResponse, slots
from djust_stream.sse.ids import Ids

PIECES = ["Hel", "lo **bo", "ld**"]


def get(**headers: str) -> HttpRequest:
    return RequestFactory().get("/", **headers)


def aget(**headers: str) -> HttpRequest:
    return AsyncRequestFactory().get(
        "/", **{name.removeprefix("HTTP_"): value for name, value in headers.items()}
    )


def read(response: StreamResponse) -> list[Event]:
    return parse(b"".join(response).decode())


async def aread(response: StreamResponse) -> list[Event]:
    return parse(b"".join([piece async for piece in response]).decode())


def answer(events: list[Event]) -> str:
    return "".join(event.json["text"] for event in events if event.type == "delta")


def until(holds: Callable[[], Any], timeout_s: float = 5) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def _no_slot_is_left() -> Iterator[None]:
    yield
    gc.collect()
    until(lambda: slots.taken() == 0)


# -- headers -----------------------------------------------------------------------------------------


def test_headers() -> None:
    response = StreamResponse(PIECES, get())
    assert dict(response.headers) == {
        "Content-Type": "text/event-stream; charset=utf-8",
        "Cache-Control": "no-cache",
        "Content-Encoding": "identity",
        "X-Accel-Buffering": "no",
    }
    assert (
        StreamResponse([], get(), headers={"X-Mine": "1", "Cache-Control": "no-store"})["Cache-Control"]
        == "no-store"
    )
    assert StreamResponse([], get(), name="é b/c")["X-Stream-Name"] == "%C3%A9%20b%2Fc"


def test_gzip_leaves_it_alone() -> None:
    def view(request: HttpRequest) -> StreamResponse:
        return StreamResponse(PIECES, request)

    response = GZipMiddleware(view)(get(HTTP_ACCEPT_ENCODING="gzip"))
    assert response["Content-Encoding"] == "identity"
    assert answer(read(response)) == "".join(PIECES)


# -- views of both kinds, sources of both kinds --------------------------------------------------------


async def async_pieces() -> AsyncIterator[str]:
    for piece in PIECES:
        await asyncio.sleep(0)
        yield piece


SOURCES: list[Any] = [
    lambda: PIECES,
    lambda: iter(PIECES),
    lambda: async_pieces,
    lambda: lambda: iter(PIECES),
]


@pytest.mark.parametrize("name", [None, "reply"])
@pytest.mark.parametrize("number", range(len(SOURCES)))
async def test_any_source_for_any_server(number: int, name: str | None) -> None:
    for request in (get(), aget()):
        response = StreamResponse(SOURCES[number](), request, name=name)
        if response.is_async:
            events = await aread(response)
        else:
            events = await asyncio.to_thread(read, response)
        response.close()
        if name is None:
            assert answer(events) == "".join(PIECES)
            assert [event.type for event in events][-1] == "done"
        else:
            frames = [event.json for event in events if event.type == "message"]
            assert [frame["n"] for frame in frames] == list(range(1, len(frames) + 1))
            assert frames[-1]["o"][-1] == ["done"]
            assert "<strong>bold</strong>" in json.dumps(frames)
            assert events[-1].type == "end"


def test_without_a_request() -> None:
    events = read(StreamResponse(PIECES))
    assert answer(events) == "".join(PIECES)
    assert [event.id for event in events] == [str(n) for n in range(1, len(events) + 1)]


def test_djangos_clients_see_the_stream() -> None:
    """As the tests of an application do: no server, the whole answer in streaming_content."""
    response = Client().get("/sse/sync/text/sync/")
    assert response.status_code == 200
    assert response.streaming
    full = b"".join(response.streaming_content).decode()
    assert "event: delta" in full and "event: done" in full


async def test_djangos_async_client_sees_the_stream() -> None:
    response = await AsyncClient().get("/sse/async/text/async/")
    full = b"".join([piece async for piece in response.streaming_content]).decode()
    assert "event: delta" in full and "event: done" in full


def test_a_middleware_may_wrap_it() -> None:
    response = StreamResponse(PIECES, get())
    response.streaming_content = (piece.upper() for piece in response.streaming_content)
    assert b"HEL" in b"".join(response)
    response.close()


# -- requests that begin nothing ------------------------------------------------------------------------


def begun() -> Iterator[str]:
    raise AssertionError("the source was begun")
    yield ""


def test_head_asks_nobody() -> None:
    response = StreamResponse(begun, RequestFactory().head("/"))
    assert (response.status_code, list(response)) == (200, [])
    assert response["Content-Type"].startswith("text/event-stream")


@pytest.mark.filterwarnings("error")
def test_a_response_nobody_reads_leaves_nothing() -> None:
    async def never() -> AsyncIterator[str]:
        raise AssertionError

    closed: list[int] = []
    stream = SimpleNamespace(close=lambda: closed.append(1), __iter__=None)
    for source in (begun, begun(), never(), stream):
        response = StreamResponse(source, get())
        assert slots.taken() == 1
        response.close()
        assert slots.taken() == 0
    assert closed == [1]
    StreamResponse(begun, get())  # not even closed
    gc.collect()
    assert slots.taken() == 0


def test_csrf_is_djangos() -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.post("/sse/ask/", {"prompt": "x"}).status_code == 403
    token = client.get("/sse/page/").content.decode().split('value="')[1].split('"')[0]
    for way in (
        {"data": {"prompt": "*x*", "csrfmiddlewaretoken": token}},
        {"headers": {"X-CSRFToken": token}},
    ):
        data = way.pop("data", {"prompt": "*x*"})
        response = client.post("/sse/ask/", data, **way)
        assert response.status_code == 200
        assert "You said" in b"".join(response.streaming_content).decode()
    assert client.get("/sse/ask/").status_code == 405


# -- coming back --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [None, "reply"])
def test_from_every_id_the_rest_follows(name: str | None) -> None:
    text = "".join(f"- point {n} is *here*\n" for n in range(60))

    def source() -> Iterator[str]:
        for start in range(0, len(text), 40):
            yield text[start : start + 40]
            time.sleep(0.02)

    whole = read(StreamResponse(source, get(), name=name, resume_s=30))
    assert len({event.id for event in whole}) == len(whole) > 5
    for place, event in enumerate(whole[:-1]):
        response = StreamResponse(begun, get(HTTP_LAST_EVENT_ID=event.id), name=name, resume_s=30)
        rest = read(response)
        assert rest == whole[place + 1 :]  # the "end" with its usage, too
    parser = Parser()
    list(
        parser.feed(b"".join(StreamResponse(begun, get(HTTP_LAST_EVENT_ID=whole[0].id), name=name)).decode())
    )
    assert parser.last_id == "end"
    response = StreamResponse(begun, get(HTTP_LAST_EVENT_ID="end"), name=name)
    assert (response.status_code, list(response)) == (204, [])


async def test_it_goes_on_without_its_reader_and_stops_when_nobody_comes() -> None:
    ended: list[str] = []

    async def source() -> AsyncIterator[str]:
        try:
            for number in range(1000):
                yield f"{number} "
                await asyncio.sleep(0.005)
        finally:
            ended.append("closed")

    for comes_back in (True, False):
        ended.clear()
        response = StreamResponse(source, aget(), name="reply", resume_s=0.2, markdown=False)
        parser, first = Parser(), []
        async for piece in aiter(response):
            first += parser.feed(piece.decode())
            if len(first) >= 3:
                break
        del piece
        gc.collect()
        await asyncio.sleep(0.1)
        assert not ended
        if comes_back:
            back = StreamResponse(begun, aget(HTTP_LAST_EVENT_ID=parser.last_id), name="reply", resume_s=0.2)
            pieces = aiter(back)
            events: list[Event] = []
            while len(events) < 60:
                events += parser.feed((await anext(pieces)).decode())
            assert not ended
            seqs = [event.json["n"] for event in first + events]
            assert seqs == list(range(1, len(seqs) + 1))
            await pieces.aclose()
        for _ in range(100):
            if ended:
                break
            await asyncio.sleep(0.02)
        assert ended == ["closed"]


async def test_without_a_window_the_reader_takes_the_source_along() -> None:
    closed: list[int] = []

    async def source() -> AsyncIterator[str]:
        try:
            while True:
                yield "x"
                await asyncio.sleep(0.001)
        finally:
            closed.append(1)

    for name in (None, "reply"):
        pieces = aiter(StreamResponse(source, aget(), name=name, resume_s=0))
        for _ in range(3):
            await anext(pieces)
        await pieces.aclose()
        assert closed == [1], "when the response is closed, so is the source"
        closed.clear()


@pytest.mark.parametrize("name", [None, "reply"])
async def test_a_reader_that_leaves_at_once_takes_the_source_along(name: str | None) -> None:
    """Before the source's task had its first step."""
    source = iter(open(__file__, encoding="utf-8"))  # noqa: ASYNC230, SIM115
    pieces = aiter(StreamResponse(source, aget(), name=name, resume_s=0))
    await anext(pieces)
    await pieces.aclose()
    await asyncio.sleep(0)
    assert source.closed  # type: ignore[attr-defined]
    assert slots.taken() == 0


async def test_frames_that_are_larger_than_the_log() -> None:
    """A reader that keeps up gets them, also past MAX_STREAM_BYTES, where no snapshot would help."""
    line = "word " * 200
    with override_settings(DJUST_STREAM={"LOG_BYTES": 4096, "MAX_STREAM_BYTES": 20_000}):
        source = iter([line * 10] * 5)
        events = await aread(StreamResponse(source, aget(), name="r", markdown=False))
    page = ResumingPage()
    for event in events[:-1]:
        page.receive(event.data)
    assert (page.html, page.ended, page.gaps, page.snapshots) == (line * 50, ["done"], 0, 0)
    assert events[-1].json["output_tokens"] > 0


@pytest.mark.parametrize("name", [None, "reply"])
async def test_stop_is_a_request(name: str | None) -> None:
    closed = asyncio.Event()

    async def source() -> AsyncIterator[str]:
        try:
            while True:
                yield "x"
                await asyncio.sleep(0.005)
        finally:
            closed.set()

    parser = Parser()
    pieces = aiter(StreamResponse(source, aget(), name=name, resume_s=30))
    for _ in range(4):
        list(parser.feed((await anext(pieces)).decode()))
    for last_id in ("", "end", parser.last_id[:-1] + "_"):
        stop = StreamResponse(begun, aget(HTTP_LAST_EVENT_ID=last_id, HTTP_X_STREAM_STOP="1"), name=name)
        assert (stop.status_code, await aread(stop)) == (204, [])
    await asyncio.sleep(0.02)
    assert not closed.is_set()
    stop = StreamResponse(begun, aget(HTTP_LAST_EVENT_ID=parser.last_id, HTTP_X_STREAM_STOP="1"), name=name)
    assert (stop.status_code, await aread(stop)) == (204, [])
    await asyncio.wait_for(closed.wait(), 5)
    events = [event async for piece in pieces for event in parser.feed(piece.decode())]
    if name:
        assert events[-2].json["o"][-1] == ["done", "stopped"]
        assert events[-1].json["finish_reason"] == "stopped"


def test_an_id_is_its_owners() -> None:
    """10,000 forged ids, those of others among them: none is good."""
    mine = Ids("a" * 22, "user 1")
    good = mine.of(7)
    assert Ids.read(good, "user 1") == ("a" * 22, 7)
    accepted = 0
    for number in range(10_000):
        at = number % len(good)
        bad = good[:at] + ("A" if good[at] != "A" else "B") + good[at + 1 :]
        read = Ids.read(bad, "user 1")
        # The seq is the reader's own affair: where in its own stream it goes on.
        accepted += read is not None and read[0] != "a" * 22
        accepted += Ids.read(good, f"user {number + 2}") is not None
    assert accepted == 0
    assert Ids.read(Ids("b" * 22, "user 2").of(1), "user 1") is None
    assert Ids.read(good, "") is None


def test_a_session_that_begins_with_the_answer() -> None:
    """The middleware saves it, and only then it has a key: the cookie comes with the response itself."""

    def view(request: HttpRequest) -> StreamResponse:
        request.session["asked"] = True
        return StreamResponse(lambda: iter(PIECES), request, name="reply")

    def ask(cookie: str = "", **headers: str) -> StreamResponse:
        request = get(HTTP_COOKIE=f"sessionid={cookie}", **headers)
        answer: StreamResponse = SessionMiddleware(view)(request)
        return answer

    with override_settings(SESSION_ENGINE="django.contrib.sessions.backends.cache"):
        first = ask()
        *_, last, _end = read(first)
        cookie = first.cookies["sessionid"].value
        back = ask(cookie, HTTP_LAST_EVENT_ID="0" + last.id[last.id.index(".") :])
        assert back.status_code == 200
        assert "ld</strong>" in b"".join(back).decode()
        own = ask(cookie)  # bound to it from now on
        *_, last, _end = read(own)
        assert ask(cookie, HTTP_LAST_EVENT_ID=last.id).status_code == 200
        assert ask(ask().cookies["sessionid"].value, HTTP_LAST_EVENT_ID=last.id).status_code == 204


@given(st.text(max_size=90))
def test_no_text_is_an_id(text: str) -> None:
    assert Ids.read(text, "") is None


def test_what_is_gone_says_so_once_and_for_all() -> None:
    events = read(StreamResponse(begun, get(HTTP_LAST_EVENT_ID=Ids("c" * 22, "").of(3)), name="reply"))
    assert [(event.type, event.json["code"], event.id) for event in events] == [("error", "gone", "end")]


# -- how many ------------------------------------------------------------------------------------------------


def user(pk: int) -> Any:
    request = get()
    request.user = SimpleNamespace(pk=pk, is_authenticated=True)
    return request


def test_too_many() -> None:
    limits = {"MAX_STREAMS": 3, "MAX_STREAMS_PER_USER": 2}
    with override_settings(DJUST_STREAM=limits):
        ones = [StreamResponse(begun, user(1)) for _ in range(2)]
        refused = StreamResponse(begun, user(1), name="reply")
        assert refused.status_code == 429
        assert refused["Retry-After"] == "5"
        assert refused["Content-Type"].startswith("text/plain")
        assert "too many answers" in b"".join(refused).decode()
        two = StreamResponse(PIECES, user(2))
        full = StreamResponse(begun, user(3))
        assert (full.status_code, full["Retry-After"]) == (503, "5")
        assert answer(read(two)) == "".join(PIECES)
        until(lambda: slots.taken() == 2)
        three = StreamResponse(begun, user(3))
        assert three.status_code == 200
        for response in (*ones, three):
            response.close()
        assert StreamResponse(PIECES, user(1)).status_code == 200


def test_slots_under_threads() -> None:
    taken: list[slots.Slot] = []
    refused: list[int] = []

    def take() -> None:
        for _ in range(50):
            try:
                taken.append(slots.take("user"))
            except slots.Full as full:
                refused.append(full.status)

    with override_settings(DJUST_STREAM={"MAX_STREAMS_PER_USER": 7}):
        threads = [threading.Thread(target=take) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (len(taken), set(refused)) == (7, {429})
    for slot in taken:
        slot.free()
        slot.free()


# -- errors, and bad arguments ---------------------------------------------------------------


@pytest.mark.parametrize("name", [None, "reply"])
def test_a_failing_source_keeps_its_text(name: str | None, caplog: pytest.LogCaptureFixture) -> None:
    def source() -> Iterator[str]:
        yield "before"
        raise ValueError("key=sk-0123456789secret is not valid")

    events = read(StreamResponse(source, get(), name=name))
    everything = "".join(event.data for event in events)
    assert "before" in everything
    assert "secret" not in everything and "secret" not in caplog.text
    if name is None:
        assert [event.type for event in events] == ["delta", "error"]
        assert events[-1].json["code"] == "provider"
    else:
        assert events[-2].json["o"][-1][0] == "error"
        assert events[-1].json["finish_reason"] == "error"


@pytest.mark.parametrize("name", [None, "reply"])
def test_a_failing_callback_is_logged_and_told(name: str | None, caplog: pytest.LogCaptureFixture) -> None:
    def on_event(event: Any) -> None:
        raise RuntimeError("mine")

    events = read(StreamResponse(PIECES, get(), name=name, on_event=on_event))
    assert "mine" in caplog.text
    assert "Something went wrong" in "".join(event.data for event in events)
    assert "mine" not in "".join(event.data for event in events)


def test_callbacks_at_the_end_may_block() -> None:
    from asgiref.sync import async_to_sync

    async def work() -> str:
        return "asked"

    said: list[Any] = []

    def on_complete(result: Any) -> None:
        said.append(
            (async_to_sync(work)(), result.text)
        )  # refused in a thread with a running loop, as the ORM is

    read(StreamResponse(PIECES, get(), name="reply", on_complete=on_complete))
    assert said == [("asked", "".join(PIECES))]


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"markup": 1}, TypeError, "no option 'markup': there are on_complete"),
        ({"name": ""}, ValueError, "1 to 200 characters"),
        ({"name": "a\0"}, ValueError, "no NUL"),
        ({"resume_s": -1}, ValueError, "between 0 and 86,400 seconds, not -1"),
        ({"resume_s": "3"}, TypeError, "number of seconds, not '3'"),
        ({"heartbeat_s": 0}, ValueError, "between 0.01"),
        ({"retry_s": True}, TypeError, "not True"),
    ],
)
def test_bad_arguments(options: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        StreamResponse([], get(), **options)


def test_it_is_read_once() -> None:
    response = StreamResponse(PIECES, get())
    read(response)
    assert list(response) == []


async def test_heartbeats() -> None:
    async def source() -> AsyncIterator[str]:
        yield "a"
        await asyncio.sleep(0.3)
        yield "b"

    for request in (get(), aget()):
        response = StreamResponse(source, request, heartbeat_s=0.05)
        parser = Parser()
        if response.is_async:
            text = b"".join([piece async for piece in response]).decode()
        else:
            text = (await asyncio.to_thread(b"".join, response)).decode()
        events = list(parser.feed(text))
        assert answer(events) == "ab"
        assert parser.comments >= 2
        assert parser.retry_ms == 1000
