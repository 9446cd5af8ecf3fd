"""sse_stream: a source as events; nothing lost, one end, and the source closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_clients import LITELLM, PROVIDERS
from model_server import ANSWER, ANSWER_TOKENS, ENDLESS, PROMPT_TOKENS, THOUGHTS, ModelServer
from sse import Event, parse

from djust_stream.sources import Event as SourceEvent
from djust_stream.sources import sse_stream

pytestmark = pytest.mark.filterwarnings("ignore")


async def read(source: Any, **options: Any) -> list[Event]:
    return parse("".join([text async for text in sse_stream(source, **options)]))


def text_of(events: list[Event]) -> str:
    return "".join(event.json["text"] for event in events if event.type == "delta")


@given(st.lists(st.text(alphabet="ab\n\r:{é🙂\u2028", max_size=6), max_size=12), st.booleans())
def test_every_character_once(pieces: list[str], sync: bool) -> None:
    async def source() -> AsyncIterator[str]:
        for number, piece in enumerate(pieces):
            yield piece
            if number % 3 == 0:
                await asyncio.sleep(0)

    events = asyncio.run(read(iter(pieces) if sync else source()))
    assert text_of(events) == "".join(pieces)
    assert [event.type for event in events if event.type != "delta"] == ["done"]
    assert events[-1].type == "done"


@pytest.mark.parametrize("ask", (PROVIDERS | LITELLM).values(), ids=(PROVIDERS | LITELLM).keys())
@pytest.mark.parametrize("sync", [False, True], ids=["async", "sync"])
async def test_every_provider(ask: Any, sync: bool) -> None:
    with ModelServer(piece=7) as server:
        events = await read(ask(server.url, "text", sync=sync))
    assert text_of(events) == ANSWER
    done = events[-1]
    assert done.type == "done"
    assert (done.json["input_tokens"], done.json["output_tokens"]) == (PROMPT_TOKENS, ANSWER_TOKENS)
    assert done.json["estimated"] is False


async def test_thinking_and_tools() -> None:
    with ModelServer() as server:
        thinking = await read(PROVIDERS["anthropic"](server.url, "thinking"))
        tool = await read(PROVIDERS["openai"](server.url, "tool"))
    assert "".join(event.json["text"] for event in thinking if event.type == "thinking") == "".join(THOUGHTS)
    assert text_of(thinking) == ANSWER
    calls = [event.json for event in tool if event.type == "tool_call"]
    assert calls[0]["name"] == "weather"
    assert "".join(call["arguments"] for call in calls) == '{"city": "Bern"}'
    assert tool[-1].json["finish_reason"] == "tool_calls"


@pytest.mark.parametrize(
    ("scenario", "code", "retryable"),
    [
        ("429", "rate_limited", True),
        ("401", "auth", False),
        ("error", "provider", True),
        ("cut", "network", True),
    ],
)
async def test_a_failure_is_an_event(scenario: str, code: str, retryable: bool) -> None:
    with ModelServer() as server:
        events = await read(PROVIDERS["openai"](server.url, scenario))
    assert [event.type for event in events if event.type != "delta"] == ["error"]
    error = events[-1].json
    assert (error["code"], error["retryable"]) == (code, retryable)
    assert error["retry_after_s"] == (7 if scenario == "429" else None)
    assert "sk-test" not in events[-1].data
    if scenario in ("error", "cut"):
        assert text_of(events), "what came before stays"


@pytest.mark.parametrize("sync", [False, True], ids=["async", "sync"])
@pytest.mark.parametrize("cancel", [False, True], ids=["closed", "cancelled"])
async def test_closed_it_closes_the_upstream(sync: bool, cancel: bool) -> None:
    with ModelServer() as server:
        events = sse_stream(PROVIDERS["openai"](server.url, ENDLESS, sync=sync))
        await anext(events)
        if cancel:
            task = asyncio.ensure_future(anext(events))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait({task})
        await events.aclose()
        assert await asyncio.to_thread(server.closed.wait, 5)


async def test_closed_before_it_began_nothing_is_left() -> None:
    async def answer() -> AsyncIterator[str]:
        raise AssertionError("never asked for")
        yield ""

    events = sse_stream(answer())
    await events.aclose()


async def test_a_slow_reader_holds_the_source() -> None:
    made = 0

    async def source() -> AsyncIterator[str]:
        nonlocal made
        for _ in range(1000):
            made += 1
            yield "x" * 1000

    events = sse_stream(source())
    await anext(events)
    for _ in range(50):
        await asyncio.sleep(0)
    held = made
    assert held < 200
    rest = parse("".join([text async for text in events]))
    assert made == 1000
    assert 1000 * 1000 - held * 1000 <= len(text_of(rest)) < 1000 * 1000


async def test_callbacks() -> None:
    seen: list[str] = []

    async def on_event(event: SourceEvent) -> bool | None:
        seen.append(event.text)
        return False if event.text == "b" else None

    results: list[Any] = []
    assert text_of(await read(["a", "b", "c"], on_event=on_event, on_complete=results.append)) == "ac"
    assert seen == ["a", "b", "c"]
    assert results[0].text == "abc"

    def fails(event: SourceEvent) -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        await read(["a"], on_event=fails)
