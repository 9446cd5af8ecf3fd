"""The providers' own SDKs against a server that speaks their wire formats, byte for byte."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from model_clients import LITELLM, MESSAGES, PROVIDERS
from model_server import ANSWER, ANSWER_TOKENS, ENDLESS, KEY, PROMPT_TOKENS, THOUGHTS, ModelServer
from test_source_run import until

from djust_stream.sources import Run, StreamResult, upstream
from djust_stream.sources.router import Router

pytestmark = pytest.mark.filterwarnings("ignore")
CLIENTS = PROVIDERS | LITELLM
SYNC = pytest.mark.parametrize("sync", [False, True], ids=["async", "sync"])
CLIENT = pytest.mark.parametrize("ask", CLIENTS.values(), ids=CLIENTS.keys())


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer(piece=3) as server:
        yield server


async def ask_for(ask: Callable[..., Any], server: ModelServer, scenario: str, sync: bool) -> StreamResult:
    return await Run(ask(server.url, scenario, sync), timeout_s=60).finish()


@SYNC
@CLIENT
async def test_text_usage_thinking_and_tool_calls(ask: Any, sync: bool, server: ModelServer) -> None:
    for scenario in ("text", "thinking", "tool"):
        result = await ask_for(ask, server, scenario, sync)
        assert result.error is None
        assert (result.text, result.usage.estimated) == (ANSWER, False)
        assert (result.usage.input_tokens, result.usage.output_tokens) == (PROMPT_TOKENS, ANSWER_TOKENS)
        assert result.thinking == ("".join(THOUGHTS) if scenario == "thinking" else "")
        calls = [(call.name, json.loads(call.arguments)) for call in result.tool_calls]
        assert calls == ([("weather", {"city": "Bern"})] if scenario == "tool" else [])
        assert result.finish_reason in ("stop", "tool_calls")


@SYNC
@CLIENT
@pytest.mark.parametrize(
    "dress",
    [{"piece": 1}, {"crlf": True}, {"comments": True}, {"seed": 1, "crlf": True, "comments": True}],
    ids=str,
)
async def test_however_the_bytes_come(
    ask: Any, sync: bool, dress: dict[str, Any], server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in dress.items():
        monkeypatch.setattr(server, name, value)
    for n, scenario in enumerate(("text", "tool", "thinking")):
        if server.seed is not None:
            monkeypatch.setattr(server, "seed", n)
        result = await ask_for(ask, server, scenario, sync)
        assert (result.error, result.text) == (None, ANSWER)
        assert result.usage.output_tokens == ANSWER_TOKENS and not result.usage.estimated
        assert result.thinking == ("".join(THOUGHTS) if scenario == "thinking" else "")
        calls = [json.loads(call.arguments) for call in result.tool_calls]
        assert calls == ([{"city": "Bern"}] if scenario == "tool" else [])


@SYNC
async def test_mistrals_event_that_its_sdk_does_not_know(sync: bool, server: ModelServer) -> None:
    result = await ask_for(PROVIDERS["mistral"], server, "odd", sync)
    assert result.error is not None and (result.error.code, result.error.retryable) == ("provider", True)
    assert "Internal error" in result.error.log_text and ANSWER.startswith(result.text) and result.text


@SYNC
@CLIENT
async def test_what_goes_wrong_in_mid_stream(ask: Any, sync: bool, server: ModelServer) -> None:
    for scenario in ("error", "cut", "ceased"):
        if scenario == "ceased" and ask is LITELLM["litellm gemini"]:
            continue  # litellm says "stop" with every chunk of Gemini's
        result = await ask_for(ask, server, scenario, sync)
        assert result.error is not None, scenario
        assert result.error.retryable, scenario
        assert result.error.code in (("provider", "overloaded") if scenario == "error" else ("network",))
        assert result.text and ANSWER.startswith(result.text) and result.text != ANSWER


@SYNC
@CLIENT
async def test_what_goes_wrong_at_once(ask: Any, sync: bool, server: ModelServer) -> None:
    found = {}
    for scenario in ("401", "429", "529", "long"):
        error = (await ask_for(ask, server, scenario, sync)).error
        assert error is not None and KEY not in f"{error}{error.log_text}{error.message}"
        found[scenario] = (error.code, error.retryable, error.retry_after_s)
    long = found.pop("long")[0]
    assert long == "context_too_long" or (ask is PROVIDERS["httpx lines"] and long == "bad_request")
    assert found == {
        "401": ("auth", False, None),
        "429": ("rate_limited", True, 7.0),
        "529": ("overloaded", True, None),
    }


@SYNC
@CLIENT
async def test_stop_and_timeout_close_the_connection(ask: Any, sync: bool, server: ModelServer) -> None:
    run = Run(ask(server.url, ENDLESS, sync), timeout_s=60)
    task = asyncio.create_task(run.finish())
    await until(lambda: run.result.first_token_s is not None or task.done())
    run.stop()
    result = await task
    assert result.stopped and result.text and result.usage.output_tokens
    assert await asyncio.to_thread(server.closed.wait, 5)

    result = await Run(ask(server.url, "slow", sync), first_token_timeout_s=0.5).finish()
    assert result.error is not None and result.error.code == "timeout"
    await until(lambda: server.requests[-1].startswith("/slow/"))
    assert await asyncio.to_thread(server.closed.wait, 5)


@SYNC
@CLIENT
async def test_stop_closes_the_connection_also_while_nobody_takes_what_comes(
    ask: Any, sync: bool, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then nobody waits at the socket, and no cancellation passes through the libraries."""
    monkeypatch.setattr(upstream._Thread, "AHEAD", 3)
    busy = asyncio.Event()
    run = Run(ask(server.url, ENDLESS, sync), on_chunk=lambda chunk: busy.wait(), timeout_s=60)
    task = asyncio.create_task(run.finish())
    await until(lambda: run.result.chunks or task.done())
    await asyncio.sleep(0.1)  # the thread fills what it may
    run.stop()
    assert (await task).stopped
    assert await asyncio.to_thread(server.closed.wait, 5)


async def test_a_content_filter_is_an_error_and_keeps_the_text(server: ModelServer) -> None:
    result = await ask_for(PROVIDERS["openai"], server, "filtered", False)
    assert result.error is not None and result.error.code == "content_filter" and result.text == ANSWER


async def test_the_router_falls_back_before_the_first_token(server: ModelServer) -> None:
    router = Router(num_retries=0)
    router.register(
        "busy", "openai/test-model", api_base=f"{server.url}/529/v1", api_key=KEY, fallbacks=["other"]
    )
    router.register("other", "anthropic/test-model", api_base=f"{server.url}/text", api_key=KEY, max_tokens=9)
    router.register("ceasing", "openai/test-model", api_base=f"{server.url}/ceased/v1", api_key=KEY)
    for name in ("busy", "other"):
        result = await Run(router.completion(name, MESSAGES)).finish()
        assert (result.text, result.error) == (ANSWER, None)
    result = await Run(router.completion("ceasing", MESSAGES)).finish()
    assert result.error is not None and result.error.code == "network"
