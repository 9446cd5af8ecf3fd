"""stream_from with smooth=…: the same page, not later than is allowed; in a loop whose time only jumps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings
from sinks import document
from test_mixin import new_view

from djust_stream import StreamingMixin
from djust_stream.sources import Event, StreamResult
from djust_stream.testing import Page
from djust_stream.testing.clock import run

TEXT = "The **sky** is blue, because 天空是蓝色的 and more of it. " * 4
SMOOTH = pytest.mark.parametrize("unit", ["word", "grapheme"])


def page_of(sink: Any) -> str:
    page = Page()
    for frame in sink.frames:
        page.apply(frame)
    return page.html("s")


async def bursts(text: str, size: int = 60, gap_s: float = 0.4, first_s: float = 0) -> AsyncIterator[str]:
    await asyncio.sleep(first_s)
    for at in range(0, len(text), size):
        yield text[at : at + size]
        await asyncio.sleep(gap_s)


def seen(view: Any) -> list[tuple[float, str]]:
    """When what was pushed to the page, from now on."""
    found: list[tuple[float, str]] = []
    push = view.stream_markdown

    def note(name: str, text: str, target: str | None = None) -> Any:
        found.append((asyncio.get_running_loop().time(), text))
        return push(name, text, target)

    view.stream_markdown = note
    return found


def in_time(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run the test in a loop whose time passes at once."""

    def run_test(*args: Any, **kwargs: Any) -> None:
        run(test(*args, **kwargs))

    run_test.__name__ = test.__name__
    run_test.__signature__ = __import__("inspect").signature(test)  # type: ignore[attr-defined]
    return run_test


@SMOOTH
@in_time
async def test_the_page_is_the_same_and_the_pieces_small(unit: str) -> None:
    view, sink = new_view()
    plain, plain_sink = new_view()
    pieces = seen(view)
    result = await view.stream_from("s", bursts(TEXT), smooth=unit)
    await plain.stream_from("s", bursts(TEXT))
    assert result.text == TEXT == "".join(text for _, text in pieces)
    assert document(sink.frames) == document(plain_sink.frames)
    assert len(pieces) > len(TEXT) / 60 * 5 and max(len(text) for _, text in pieces) < 40
    assert sink.ops("s")[-1]["op"] == "done"


@in_time
async def test_the_end_comes_soon_and_after_the_text() -> None:
    view, sink = new_view()
    loop = asyncio.get_running_loop()
    told: list[Any] = []
    began = loop.time()
    result = await view.stream_from(
        "s", iter([TEXT]), smooth="word", on_complete=lambda _: told.append(document(sink.frames))
    )
    assert result.complete and 0.1 < loop.time() - began < 0.4
    await view._djust_streams.flush()
    assert told and document(sink.frames).count("<strong>") == 4


@SMOOTH
@in_time
async def test_stop_keeps_all_that_came(unit: str) -> None:
    view, sink = new_view()
    pieces = seen(view)
    answer = asyncio.create_task(view.stream_from("s", bursts(TEXT, gap_s=5), smooth=unit))
    await asyncio.sleep(0.05)
    assert 0 < sum(len(text) for _, text in pieces) < 60
    await view.stop_stream("s")
    result = await answer
    assert result.stopped and result.text == TEXT[:60] == "".join(text for _, text in pieces)
    assert sink.ops("s")[-1] == {"op": "done", "target": "[dj-stream='s']", "reason": "stopped"}


@in_time
async def test_stop_while_the_rest_is_shown() -> None:
    view, sink = new_view()
    pieces, told = seen(view), []
    answer = asyncio.create_task(view.stream_from("s", [TEXT], smooth="word", on_complete=told.append))
    while not pieces:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    await view.stop_stream("s")
    assert "".join(text for _, text in pieces) == TEXT
    result = await answer
    assert told == [result] and result.complete
    assert [op["op"] for op in sink.ops("s")].count("done") == 1


@in_time
async def test_an_error_and_a_timeout_keep_all_that_came() -> None:
    async def failing() -> AsyncIterator[str]:
        yield TEXT
        raise ConnectionResetError

    for source in (failing, lambda: bursts(TEXT, 1000, gap_s=50)):
        view, sink = new_view()
        pieces = seen(view)
        shown_at_error: list[str] = []
        result = await view.stream_from(
            "s",
            source,
            smooth="word",
            idle_timeout_s=0.1,
            on_error=lambda _, pieces=pieces, told=shown_at_error: told.append("".join(t for _, t in pieces)),
        )
        assert result.error is not None and shown_at_error == [TEXT]
        assert sink.ops("s")[-1]["op"] == "error"


@in_time
async def test_a_callback_that_raises_loses_nothing() -> None:
    view, sink = new_view()
    pieces = seen(view)

    def check(event: Event) -> None:
        if event.text == "!":
            raise ValueError(event)

    with pytest.raises(ValueError):
        await view.stream_from("s", ["some words to be shown", "!"], smooth="word", on_event=check)
    assert "".join(text for _, text in pieces) == "some words to be shown"
    assert sink.ops("s")[-1]["op"] == "error"


@in_time
async def test_what_is_no_text_keeps_its_place() -> None:
    def chat(**delta: Any) -> dict[str, Any]:
        return {"choices": [{"delta": delta, "finish_reason": None}]}

    source = [
        chat(reasoning_content="first a thought of several words"),
        chat(content="then **text** of several words"),
        chat(tool_calls=[{"index": 0, "id": "1", "function": {"name": "weather", "arguments": "{}"}}]),
        chat(content="and a last word"),
        {"choices": [{"delta": {}, "finish_reason": "stop"}]},
    ]
    pages = []
    for smooth in ("off", "word", "grapheme"):
        view, sink = new_view()
        await view.stream_from("s", source, smooth=smooth)
        pages.append(page_of(sink))
    assert pages[0] == pages[1] == pages[2] and "weather" in pages[0]


@in_time
async def test_what_a_callback_writes_keeps_its_place() -> None:
    view, sink = new_view()

    async def note(event: Event) -> bool | None:
        if event.kind != "tool_call":
            return None
        await view.stream_text("s", "[tool]")
        return False

    call = {"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"name": "x"}}]}}]}
    await view.stream_from("s", ["before the tool", call], markdown=False, smooth="word", on_event=note)
    assert sink.text("s") == "before the tool[tool]"


@in_time
async def test_a_slow_reader_holds_the_source_up() -> None:
    view, sink = new_view()
    sink.gate = asyncio.Event()
    made = 0

    async def source() -> AsyncIterator[str]:
        nonlocal made
        for _ in range(2000):
            made += 1
            yield "word " * 200
            await asyncio.sleep(0.001)

    answer = asyncio.create_task(view.stream_from("s", source(), smooth="word"))
    await asyncio.sleep(5)
    stood = made
    await asyncio.sleep(30)
    assert made == stood < 1000
    sink.gate.set()
    assert len((await answer).text) == 2_000_000


@in_time
async def test_a_stream_that_ends_under_it_is_told_as_without() -> None:
    from djust_stream import StreamClosedError

    for smooth in ("off", "word"):
        view, _ = new_view()

        async def source(view: Any = view) -> AsyncIterator[str]:
            yield "some words"
            await view.stream_done("s")
            for _ in range(20):
                yield "more words"
                await asyncio.sleep(0.1)

        with pytest.raises(StreamClosedError):
            await view.stream_from("s", source(), smooth=smooth)


@in_time
async def test_the_setting_and_its_exceptions() -> None:
    async def pieces(**options: Any) -> int:
        view, _ = new_view()
        found = seen(view)
        await view.stream_from("s", [TEXT], **options)
        return len(found)

    assert await pieces() == 1 and await pieces(smooth="word") > 5
    with override_settings(DJUST_STREAM={"SMOOTH": "word"}):
        assert await pieces() > 5 and await pieces(smooth="off") == 1
    with pytest.raises(ValueError, match="smooth is"):
        await pieces(smooth="words")
    for wrong in ({"SMOOTH": "words"}, {"SMOOTH": 1}, {"SMOOTH_MAX_LAG_S": 0}):
        with override_settings(DJUST_STREAM=wrong), pytest.raises(ImproperlyConfigured):
            await pieces()


@in_time
async def test_a_lag_is_never_longer_than_allowed() -> None:
    with override_settings(DJUST_STREAM={"SMOOTH_MAX_LAG_S": 0.3}):
        view, _ = new_view()
        shown = seen(view)
        came: list[float] = []

        async def source() -> AsyncIterator[str]:
            async for text in bursts(TEXT, gap_s=1):
                came.extend([asyncio.get_running_loop().time()] * len(text))
                yield text

        await view.stream_from("s", source(), smooth="word")
        upto = 0
        for at, text in shown:
            assert at - came[upto] <= 0.3
            upto += len(text)


@in_time
async def test_retry_smooths_again() -> None:
    view, sink = new_view()
    await view.stream_from("s", lambda: [TEXT], smooth="word")
    pieces = seen(view)
    await view.stream_retry("s")
    while sink.ops("s")[-1]["op"] != "done" or not pieces:  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    assert len(pieces) > 5


def test_off_costs_nothing() -> None:
    """No smoother, no timer, and the answer's own method is what a run calls."""

    async def main() -> StreamResult:
        view, _ = new_view()
        return await view.stream_from("s", [TEXT])

    from djust_stream import mixin

    made: list[Any] = []
    original, mixin.Smoother = mixin.Smoother, lambda *args: made.append(args)  # type: ignore[misc,assignment]
    try:
        assert run(main()).text == TEXT and made == []
    finally:
        mixin.Smoother = original  # type: ignore[misc]
    assert issubclass(StreamingMixin, object)
