"""The router over the real litellm and a server on the providers' wires: names, fallbacks, retries, Stop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from model_clients import MESSAGES
from model_server import ANSWER, ANSWER_TOKENS, ENDLESS, KEY, PROMPT_TOKENS, ModelServer
from test_source_run import until

from djust_stream import collect_stream, consume_stream_with_callbacks, extract_content
from djust_stream.sources import OverloadedError, Run
from djust_stream.sources.router import DEFAULTS, Router

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


def registered(server: ModelServer, *scenarios: str, retries: int = 0) -> Router:
    """A name for each scenario; each falls back to those after it."""
    router = Router(num_retries=retries)
    for n, scenario in enumerate(scenarios):
        address = f"{server.url}/{scenario}/v1"
        router.register(
            scenario, "openai/test-model", api_base=address, api_key=KEY, fallbacks=scenarios[n + 1 :]
        )
    return router


def asked(server: ModelServer) -> list[str]:
    return [path.split("/")[1] for path in server.requests]


@pytest.mark.parametrize("variable", DEFAULTS)
async def test_quick_setup_and_completion(
    variable: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, _ = DEFAULTS[variable]
    path = {"openai": "/v1", "mistral": "/mistral/v1", "openrouter": "/openrouter"}.get(name, "")
    address = f"{server.url}/text{path}"
    for other in DEFAULTS:
        monkeypatch.delenv(other, raising=False)
    router = Router(num_retries=0)
    assert router.quick_setup(environ={variable: address if name == "ollama" else KEY}) == [name]
    result = await collect_stream(router.completion(name, MESSAGES, api_base=address))
    assert (result.text, result.finish_reason) == (ANSWER, "stop")
    assert (result.usage.input_tokens, result.usage.output_tokens) == (PROMPT_TOKENS, ANSWER_TOKENS)


async def test_extract_content_reads_the_routers_chunks(server: ModelServer) -> None:
    text = ""
    async for chunk in await registered(server, "text").completion("text", MESSAGES):
        text += extract_content(chunk) or ""  # None for metadata
    assert text == ANSWER


async def test_fallbacks_in_their_order_and_not_one_more(server: ModelServer) -> None:
    router = registered(server, "529", "429", "text", "thinking")
    result = await collect_stream(router.completion("529", MESSAGES))
    assert result.text == ANSWER
    assert asked(server) == ["529", "429", "text"]


async def test_all_fail(server: ModelServer) -> None:
    errors: list[Any] = []
    router = registered(server, "429", "529")
    result = await consume_stream_with_callbacks(router.completion("429", MESSAGES), on_error=errors.append)
    assert isinstance(result.error, OverloadedError) or result.error.code == "rate_limited"
    assert errors == [result.error] and KEY not in result.error.log_text


async def test_retries_before_the_first_token(server: ModelServer) -> None:
    router = registered(server, "529", retries=2)
    result = await Run(router.completion("529", MESSAGES), timeout_s=60).finish()
    assert result.error is not None and result.error.code == "overloaded"
    assert len(asked(server)) == 3


async def test_what_is_on_the_page_is_not_written_again_by_a_fallback(server: ModelServer) -> None:
    for scenario in ("error", "cut", "ceased"):
        router = registered(server, scenario, "text")
        result = await Run(router.completion(scenario, MESSAGES), timeout_s=60).finish()
        assert result.error is not None, scenario
        assert ANSWER.startswith(result.text), scenario


async def test_stop_closes_the_connection(server: ModelServer) -> None:
    run = Run(registered(server, ENDLESS).completion(ENDLESS, MESSAGES))
    task = asyncio.create_task(run.finish())
    await until(lambda: run.result.first_token_s is not None)
    run.stop()
    assert (await task).stopped
    assert await asyncio.to_thread(server.closed.wait, 5)


async def test_a_whole_answer(server: ModelServer) -> None:
    server.whole = True
    answer = await registered(server, "text").completion("text", MESSAGES, stream=False)
    assert answer.choices[0].message.content == ANSWER
    assert (await collect_stream(answer)).text == ANSWER


async def test_a_name_that_is_not_registered_is_told_with_the_remedy() -> None:
    with pytest.raises(LookupError, match=r"'fast'.*there are none.*quick_setup"):
        await Router().completion("fast", MESSAGES)
    router = Router()
    router.register("fast", "openai/test-model", fallbacks=["slow"])
    with pytest.raises(LookupError, match=r"'slow'.*fallback of 'fast'.*register"):
        await router.completion("fast", MESSAGES)
