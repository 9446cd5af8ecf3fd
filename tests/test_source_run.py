"""Sources that need no server: what a run and stream_from make of them."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from test_mixin import document, new_view, shown

from djust_stream.sources import NetworkError, Run, SourceError, collect_stream, consume_stream_with_callbacks
from djust_stream.sources import run as run_module
from djust_stream.sources.router import Router
from djust_stream.testing import Page as ReadersPage

KEY = "sk-test-0123456789abcdef"


async def tokens(*texts: str) -> AsyncIterator[str]:
    for text in texts:
        await asyncio.sleep(0)
        yield text


async def endless(closed: list[str]) -> AsyncIterator[str]:
    try:
        while True:
            yield "x"
            await asyncio.sleep(0.001)
    finally:
        closed.append("closed")


async def failing() -> AsyncIterator[str]:
    yield "half an "
    raise ConnectionResetError(f"lost: {KEY}")


async def until(condition: Any) -> None:
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.002)
    raise AssertionError("it did not happen")


# -- kinds of sources --------------------------------------------------------------------------------


async def coroutine() -> AsyncIterator[str]:
    return tokens("a", "b")


@pytest.mark.parametrize(
    "source",
    [
        lambda: tokens("a", "b"),
        coroutine,
        lambda: coroutine,
        lambda: iter(["a", "b"]),
        lambda: ["a", "b"],
        lambda: lambda: ["a", "b"],
        lambda: lambda: (text for text in "ab"),
        lambda: ({"content": text} for text in "ab"),
        lambda: [b"a", b"b"],
        lambda: "ab",
    ],
)
async def test_whatever_yields_text_is_a_source(source: Any) -> None:
    assert (await collect_stream(source())).text == "ab"


async def test_bytes_cut_within_a_character() -> None:
    assert (await collect_stream([b"\xe5\xa4", b"\xa9"])).text == "天"


async def test_comments_before_events_and_text_that_begins_like_a_comment() -> None:
    line = 'data: {"choices": [{"delta": {"content": "x"}, "finish_reason": "stop"}]}'
    assert (await collect_stream([": waiting", "", line, "", "data: [DONE]", ""])).text == "x"
    assert (await collect_stream([": a", " list", ":"])).text == ": a list:"
    assert (await collect_stream([":"])).text == ":"


async def test_a_sync_source_does_not_block_the_loop() -> None:
    go = threading.Event()

    def source() -> Iterator[str]:
        assert go.wait(10)
        yield "late"

    run = asyncio.create_task(collect_stream(source()))
    await asyncio.sleep(0.01)
    go.set()
    assert (await run).text == "late"


async def test_a_sync_source_waits_for_its_reader() -> None:
    made = []

    def source() -> Iterator[str]:
        for n in range(5000):
            made.append(n)
            yield "x"

    seen: list[int] = []

    async def slow(chunk: str) -> None:
        await asyncio.sleep(0)
        seen.append(len(made) - len(seen))

    result = await consume_stream_with_callbacks(source(), on_chunk=slow)
    assert len(result.text) == 5000 and max(seen) < 600


# -- ends -----------------------------------------------------------------------------------------------


async def test_callbacks_and_result() -> None:
    seen: list[Any] = []
    result = await consume_stream_with_callbacks(tokens("He", "y"), seen.append, seen.append, seen.append)
    assert seen == ["He", "y", result]
    assert (result.text, result.chunks, result.complete) == ("Hey", 2, True)
    assert result.usage.estimated and result.usage.output_tokens == 1
    assert result.first_token_s is not None and result.duration_s >= result.first_token_s


async def test_an_error_keeps_the_text_and_tells() -> None:
    seen: list[Any] = []
    result = await consume_stream_with_callbacks(failing(), on_complete=seen.append, on_error=seen.append)
    assert (result.text, result.finish_reason) == ("half an ", "error")
    assert seen == [result.error] and isinstance(result.error, NetworkError) and result.error.retryable
    with pytest.raises(NetworkError):
        await collect_stream(failing())


async def test_what_a_callback_raises_comes_out_and_the_source_is_closed() -> None:
    closed: list[str] = []
    with pytest.raises(ZeroDivisionError):
        await consume_stream_with_callbacks(endless(closed), on_chunk=lambda chunk: 1 / 0)
    assert closed == ["closed"]


@pytest.mark.parametrize("limit", ["timeout_s", "first_token_timeout_s", "idle_timeout_s"])
async def test_timeouts(limit: str) -> None:
    closed: list[str] = []

    async def source() -> AsyncIterator[str]:
        try:
            if limit != "first_token_timeout_s":
                yield "some"
            await asyncio.sleep(60)
        finally:
            closed.append("closed")

    result = await Run(source(), **{limit: 0.02}).finish()
    assert result.error is not None and result.error.code == "timeout" and limit in str(result.error)
    assert closed == ["closed"]


async def test_cancelled_comes_out_and_the_source_is_closed() -> None:
    closed: list[str] = []
    run = Run(endless(closed))
    task = asyncio.create_task(run.finish())
    await until(lambda: run.result.chunks > 3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed == ["closed"] and run.result.finish_reason == "cancelled" and run.result.text


async def test_a_sync_source_that_waits_at_a_socket_is_stopped() -> None:
    ours, theirs = socket.socketpair()

    def source() -> Iterator[bytes]:
        yield b"first"
        while data := theirs.recv(100):
            yield data
        yield b"never shown"

    run = Run(source)
    task = asyncio.create_task(run.finish())
    await until(lambda: run.result.chunks == 1)
    run.stop()
    result = await task
    assert (result.text, result.stopped) == ("first", True)
    assert ours.recv(1) == b""  # the other side sees it
    assert not any(thread.name == "djust_stream source" for thread in threading.enumerate())
    ours.close()
    theirs.close()


async def test_a_run_leaves_nothing_behind() -> None:
    source = tokens("a")
    gone = weakref.ref(source)
    await collect_stream(source)
    del source
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("how", ["stop", "timeout"])
@pytest.mark.parametrize("goes_on", [False, True])
async def test_a_source_that_ignores_its_cancellation(
    how: str, goes_on: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(run_module, "_PATIENCE_S", 0.05)
    over = asyncio.Event()

    async def stubborn() -> AsyncIterator[str]:
        yield "some "
        while not over.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.01 if goes_on else 60)
            if goes_on:
                yield "more "

    seen: list[Any] = []
    limits = {"timeout_s": 0.05} if how == "timeout" else {}
    run = Run(stubborn(), on_chunk=seen.append, on_end=seen.append, **limits)
    task = asyncio.create_task(run.finish())
    await until(lambda: run.result.chunks)
    if how == "stop":
        run.stop()
    result = await asyncio.wait_for(task, 5)
    assert result.text.startswith("some ") and seen[-1] is result
    assert result.stopped if how == "stop" else getattr(result.error, "code", "") == "timeout"
    assert goes_on or "left behind" in caplog.text
    after = len(seen)
    over.set()
    for left in [task for task in run_module._tasks if not task.done()]:
        left.cancel()
    await until(lambda: not run_module._tasks)
    assert len(seen) == after, "what comes after the end is nobody's"


@pytest.mark.parametrize("given", ["5", True, 0, -1, float("nan")])
@pytest.mark.parametrize("name", ["timeout_s", "first_token_timeout_s", "idle_timeout_s"])
async def test_a_timeout_that_is_none(name: str, given: Any) -> None:
    view, sink = new_view()
    with pytest.raises((TypeError, ValueError), match=rf"{name} is .*second.* not '?{given}"):
        await view.stream_from("s", tokens("a"), **{name: given})
    assert not sink.messages
    assert (await collect_stream(["a"], **{name: float("inf")})).text == "a"


async def no_return() -> None:
    """Somebody has forgotten to return what they have made."""


@pytest.mark.parametrize("source", [None, 5, object(), no_return, lambda: None])
async def test_what_is_no_source_is_said(source: Any) -> None:
    with pytest.raises(TypeError, match="a source is an iterator of text"):
        await collect_stream(source)
    view, sink = new_view()
    with pytest.raises(TypeError, match=r"not (None|5|<object)"):
        await view.stream_from("s", source)
    assert sink.ops("s")[-1]["op"] == "error"


# -- on the page ---------------------------------------------------------------------------------------


async def test_stream_from_shows_formatted_text_and_is_done() -> None:
    view, sink = new_view()
    result = await view.stream_from("s", tokens("He", "llo **w", "orld**"))
    assert result.text == "Hello **world**" and view.stream_result("s") is result
    assert document(sink.frames) == '<p dir="auto">Hello <strong>world</strong></p>'
    assert [sink.ops("s")[0]["op"], sink.ops("s")[-1]["op"]] == ["start", "done"]


async def test_plain_text_begins_anew() -> None:
    view, sink = new_view()
    for _ in range(2):
        await view.stream_from("s", tokens("<b>", "ld"), markdown=False)
    assert shown(sink) == "<b>ld"


async def test_an_error_is_shown_without_its_key_and_logged_without_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    view, sink = new_view()
    with caplog.at_level(logging.INFO):
        result = await view.stream_from("s", failing())
    assert isinstance(result.error, SourceError)
    last = sink.ops("s")[-1]
    assert (last["op"], last["error"]) == ("error", NetworkError.message)
    assert "half an" in document(sink.frames)
    assert "ConnectionResetError" in caplog.text and KEY not in caplog.text + "".join(sink.messages)


async def test_stop_keeps_the_text_and_the_result() -> None:
    view, sink = new_view()
    closed: list[str] = []
    answer = asyncio.create_task(view.stream_from("s", endless(closed)))
    await until(lambda: "x" in document(sink.frames))
    await view.stop_stream("s")
    result = await answer
    assert result.stopped and result.text and closed == ["closed"] and result.usage.output_tokens
    assert sink.ops("s")[-1] == {"op": "done", "target": "[dj-stream='s']", "reason": "stopped"}


async def test_stop_within_start_stream_closes_the_source() -> None:
    view, sink = new_view()
    closed: list[str] = []
    results: list[Any] = []

    async def answer() -> None:
        await view.stream_from("s", endless(closed), on_complete=results.append)

    await view.start_stream("s", answer)
    await until(lambda: "x" in document(sink.frames))
    await view.stop_stream("s")
    await until(lambda: closed and results)
    assert view.stream_result("s").stopped
    assert sum(op["op"] == "done" for op in sink.ops("s")) == 1


async def test_two_sources_in_one_stream_of_start_stream() -> None:
    view, sink = new_view()

    async def answer() -> None:
        await view.stream_from("s", tokens("one"))
        await view.stream_text("s", "two", "replace")

    await view.start_stream("s", answer)
    await until(lambda: sink.ops("s") and sink.ops("s")[-1]["op"] == "done")
    assert shown(sink) == "two"


@pytest.mark.parametrize("where", ["on_chunk", "on_event"])
@pytest.mark.parametrize("started", [False, True])
@pytest.mark.parametrize("smooth", ["off", "word"])
async def test_a_callback_may_stop_its_stream(where: str, started: bool, smooth: str) -> None:
    view, sink = new_view()
    ends: list[Any] = []
    closed: list[str] = []

    class Budget:
        async def open(self, prompt_tokens: int) -> Budget:
            return self

        async def close(self, result: Any) -> None:
            ends.append("counted")

    async def answer() -> None:
        stop = {where: lambda said: view.stop_stream("s") if view.stream_result("s").chunks > 3 else None}
        await view.stream_from(
            "s", endless(closed), on_end=ends.append, budget=Budget(), smooth=smooth, **stop
        )

    if started:
        await view.start_stream("s", answer)
    else:
        await answer()
    await until(lambda: len(ends) == 2)
    result = view.stream_result("s")
    assert ends == ["counted", result] and result.stopped and result.text == "x" * (3 + (where == "on_event"))
    assert closed == ["closed"]
    assert [op.get("reason") for op in sink.ops("s") if op["op"] in ("done", "error")] == ["stopped"]
    assert "xxx" in document(sink.frames)


async def test_the_turn_after_a_tool_goes_on_below_it() -> None:
    def chat(finish: str | None = None, **delta: Any) -> dict[str, Any]:
        return {"choices": [{"delta": delta, "finish_reason": finish}]}

    call = {"index": 0, "id": "1", "function": {"name": "weather", "arguments": "{}"}}
    view, sink = new_view()

    async def answer() -> None:
        result = await view.stream_from(
            "s", [chat(content="Let me *see*."), chat("tool_calls", tool_calls=[call])]
        )
        assert result.tool_calls[0].name == "weather"
        await view.stream_from("s", [chat("tool_calls", tool_calls=[call])])
        await view.stream_from("s", [chat(content="It *rains*."), chat("stop")])

    for _ in range(2):  # asked again it begins anew
        sink.messages.clear()
        await view.start_stream("s", answer)
        await until(lambda: sink.ops("s") and sink.ops("s")[-1]["op"] == "done")
        page = ReadersPage()
        for frame in sink.frames:
            page.apply(frame)
        assert page.text("s") == "Let me see.Tool: weather {}Tool: weather {}It rains."
        assert page.html("s").count('class="dj-tool"') == 2 and page.html("s").count("<em>") == 2


async def test_a_closed_page_closes_the_source() -> None:
    view, _ = new_view()
    closed: list[str] = []
    answer = asyncio.create_task(view.stream_from("s", endless(closed)))
    await until(lambda: view._djust_runs and view._djust_runs["s"].result.chunks)
    view.stream_detach()
    assert (await answer).finish_reason == "cancelled" and closed == ["closed"]
    asked = []
    assert (await view.stream_from("s", lambda: asked.append(1))).stopped and not asked


async def test_retry() -> None:
    view, sink = new_view()
    sources = iter([failing(), tokens("whole")])
    result = await view.stream_from("s", lambda: next(sources))
    assert result.error is not None and result.error.retryable
    await view.stream_retry("s")
    await until(lambda: sink.ops("s")[-1]["op"] == "done")
    assert document(sink.frames) == '<p dir="auto">whole</p>'
    with pytest.raises(LookupError):
        await view.stream_from("t", tokens("a"))
        await view.stream_retry("t")


async def test_thinking_and_tools_have_their_places() -> None:
    def chat(**delta: Any) -> dict[str, Any]:
        return {"choices": [{"delta": delta, "finish_reason": None}]}

    source = [
        chat(reasoning_content="<i>hm"),
        chat(content="**A**"),
        chat(tool_calls=[{"index": 0, "id": "1", "function": {"name": "<b>", "arguments": '{"a"'}}]),
        chat(tool_calls=[{"index": 0, "function": {"arguments": ": 1}"}}]),
        chat(content="B"),
        {"choices": [{"delta": {}, "finish_reason": "stop"}]},
    ]
    view, sink = new_view()
    result = await view.stream_from("s", source)
    assert (result.text, result.thinking) == ("**A**B", "<i>hm")
    assert [(call.name, call.arguments) for call in result.tool_calls] == [("<b>", '{"a": 1}')]
    root = "[dj-stream='s']"
    html = shown(sink)
    for part in (
        '<details class="dj-thinking" data-part="1">',
        'data-part="2"',
        "<b>&lt;b&gt;</b>",
        'data-part="4"',
    ):
        assert part in html
    assert shown(sink, f'{root} > [data-part="1"] > div') == "<i>hm"
    assert shown(sink, f'{root} > [data-part="3"] > code') == '{"a": 1}'
    assert "<strong>A</strong>" in str(sink.frames)
    view, sink = new_view()
    await view.stream_from("s", source, on_event=lambda event: event.kind == "text")
    assert "details" not in str(sink.frames) and "<strong>A</strong>B" in document(sink.frames)


# -- what is imported, and the router -----------------------------------------------------------------


def test_no_sdk_is_imported() -> None:
    check = (
        "import sys, djust_stream.sources, djust_stream.sources.router; "
        "sdks = {'openai', 'anthropic', 'google', 'mistralai', 'ollama', 'litellm', 'httpx'}; "
        "sys.exit(bool(sdks & {*sys.modules}))"
    )
    subprocess.run([sys.executable, "-c", check], check=True)


async def test_router_knows_its_names() -> None:
    router = Router()
    environ = {"OPENAI_API_KEY": KEY, "OLLAMA_HOST": "http://127.0.0.1:11434"}
    assert router.quick_setup({"openai": "openai/other"}, environ) == ["openai", "ollama"] == router.names
    assert router.quick_setup(environ=environ) == []
    with pytest.raises(LookupError, match="'fast'"):
        await router.completion("fast", [])
