"""The providers' own SDKs, pointed at a ModelServer: one row each, async and sync.

    ask = PROVIDERS["openai"]
    source = ask(server.url, "text")             # what the SDK returns, not awaited
    source = ask(server.url, "text", sync=True)  # a function, for its call blocks

Each SDK is imported when it is asked for. A client is made once for each address in each event loop, as an
application does: making one reads the system's certificates, which takes longer than an answer here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

from model_server import KEY

MESSAGES: Any = [{"role": "user", "content": "Why is the sky blue?"}]
MODEL = "test-model"


def openai(url: str, scenario: str, sync: bool = False, path: str = "v1") -> Any:
    import openai

    options: dict[str, Any] = {"base_url": f"{url}/{scenario}/{path}", "api_key": KEY, "max_retries": 0}
    client = _client(openai.OpenAI if sync else openai.AsyncOpenAI, **options)
    usage = {"stream_options": {"include_usage": True}}
    return _asked(client.chat.completions.create, sync, model=MODEL, messages=MESSAGES, stream=True, **usage)


def openai_stream(url: str, scenario: str, sync: bool = False) -> Any:
    """The same by the SDK's context manager, whose events hold the chunks."""
    import openai

    options: dict[str, Any] = {"base_url": f"{url}/{scenario}/v1", "api_key": KEY, "max_retries": 0}
    client = _client(openai.OpenAI if sync else openai.AsyncOpenAI, **options)
    usage = {"stream_options": {"include_usage": True}}
    return _asked(client.chat.completions.stream, sync, model=MODEL, messages=MESSAGES, **usage)


def openrouter(url: str, scenario: str, sync: bool = False) -> Any:
    return openai(url, scenario, sync, "openrouter")


def responses(url: str, scenario: str, sync: bool = False) -> Any:
    import openai

    options: dict[str, Any] = {"base_url": f"{url}/{scenario}/v1", "api_key": KEY, "max_retries": 0}
    client = _client(openai.OpenAI if sync else openai.AsyncOpenAI, **options)
    return _asked(client.responses.create, sync, model=MODEL, input="Why?", stream=True)


def anthropic(url: str, scenario: str, sync: bool = False) -> Any:
    import anthropic

    options: dict[str, Any] = {"base_url": f"{url}/{scenario}", "api_key": KEY, "max_retries": 0}
    client = _client(anthropic.Anthropic if sync else anthropic.AsyncAnthropic, **options)
    return _asked(client.messages.create, sync, model=MODEL, messages=MESSAGES, max_tokens=99, stream=True)


def anthropic_stream(url: str, scenario: str, sync: bool = False) -> Any:
    """The same by the SDK's context manager, which adds events of its own."""
    import anthropic

    options: dict[str, Any] = {"base_url": f"{url}/{scenario}", "api_key": KEY, "max_retries": 0}
    client = _client(anthropic.Anthropic if sync else anthropic.AsyncAnthropic, **options)
    return _asked(client.messages.stream, sync, model=MODEL, messages=MESSAGES, max_tokens=99)


def gemini(url: str, scenario: str, sync: bool = False) -> Any:
    from google import genai

    client = _client(genai.Client, api_key=KEY, http_options={"base_url": f"{url}/{scenario}"})
    models = client.models if sync else client.aio.models
    return _asked(models.generate_content_stream, sync, model=MODEL, contents="Why?")


def mistral(url: str, scenario: str, sync: bool = False) -> Any:
    from mistralai.client import Mistral

    client = _client(Mistral, api_key=KEY, server_url=f"{url}/{scenario}/mistral", retry_config=None)
    ask = client.chat.stream if sync else client.chat.stream_async
    return _asked(ask, sync, model=MODEL, messages=MESSAGES)


def ollama(url: str, scenario: str, sync: bool = False) -> Any:
    import ollama

    client = _client(ollama.Client if sync else ollama.AsyncClient, host=f"{url}/{scenario}")
    return _asked(client.chat, sync, model=MODEL, messages=MESSAGES, stream=True)


def httpx_lines(url: str, scenario: str, sync: bool = False) -> Any:
    """No SDK: the lines of the response."""
    import httpx

    body = {"model": MODEL, "messages": MESSAGES, "stream": True}
    address = f"{url}/{scenario}/v1/chat/completions"

    def lines() -> Any:
        with _client(httpx.Client).stream("POST", address, json=body) as response:
            response.raise_for_status()
            yield from response.iter_lines()

    async def alines() -> Any:
        async with _client(httpx.AsyncClient).stream("POST", address, json=body) as response:
            response.raise_for_status()
            async for line in response.aiter_lines():
                yield line

    return lines if sync else alines()


def httpx_response(url: str, scenario: str, sync: bool = False) -> Any:
    """No SDK: the response itself, not yet entered."""
    import httpx

    body = {"model": MODEL, "messages": MESSAGES, "stream": True}
    address = f"{url}/{scenario}/v1/chat/completions"
    if sync:
        return lambda: _client(httpx.Client).stream("POST", address, json=body)
    return _client(httpx.AsyncClient).stream("POST", address, json=body)


def litellm_openai(url: str, scenario: str, sync: bool = False) -> Any:
    import litellm

    options: dict[str, Any] = {"model": "openai/test-model", "api_base": f"{url}/{scenario}/v1"}
    options |= {"stream_options": {"include_usage": True}}
    return _asked(litellm.completion if sync else litellm.acompletion, sync, **options, **_LITELLM)


def litellm_anthropic(url: str, scenario: str, sync: bool = False) -> Any:
    import litellm

    options = {"model": "anthropic/test-model", "api_base": f"{url}/{scenario}", "max_tokens": 99}
    options |= {"stream_options": {"include_usage": True}}
    return _asked(litellm.completion if sync else litellm.acompletion, sync, **options, **_LITELLM)


def litellm_gemini(url: str, scenario: str, sync: bool = False) -> Any:
    import litellm

    options: dict[str, Any] = {"model": "gemini/test-model", "api_base": f"{url}/{scenario}"}
    options |= {"stream_options": {"include_usage": True}}
    return _asked(litellm.completion if sync else litellm.acompletion, sync, **options, **_LITELLM)


_LITELLM: dict[str, Any] = {
    "messages": MESSAGES,
    "api_key": KEY,
    "stream": True,
    "num_retries": 0,
    "max_retries": 0,
}

PROVIDERS: dict[str, Callable[..., Any]] = {
    "openai": openai,
    "openai stream": openai_stream,
    "responses": responses,
    "anthropic": anthropic,
    "anthropic stream": anthropic_stream,
    "gemini": gemini,
    "mistral": mistral,
    "ollama": ollama,
    "openrouter": openrouter,
    "httpx lines": httpx_lines,
    "httpx response": httpx_response,
}
LITELLM: dict[str, Callable[..., Any]] = {
    "litellm openai": litellm_openai,
    "litellm anthropic": litellm_anthropic,
    "litellm gemini": litellm_gemini,
}


#: Event loop -> the clients that were made in it; threads without one share theirs.
_clients: WeakKeyDictionary[Any, dict[str, Any]] = WeakKeyDictionary()
_no_loop = Lock()


def _client(make: Callable[..., Any], **options: Any) -> Any:
    clients = _clients.setdefault(asyncio._get_running_loop() or _no_loop, {})
    key = f"{make.__module__}.{make.__qualname__} {options}"
    if key not in clients:
        clients[key] = make(**options)
    return clients[key]


def _asked(ask: Callable[..., Any], sync: bool, **options: Any) -> Any:
    return (lambda: ask(**options)) if sync else ask(**options)
