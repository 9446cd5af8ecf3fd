"""A scripted source: what a model would stream, the same each time, cut anew by each seed.

    source = ScriptedSource("Hello **wor", 0.5, "ld**", ConnectionResetError())
    async for piece in source(): …           # each pass is the script from its beginning

In a script a str is text, a number is a pause in seconds (of the loop's clock: none at all under
``assert_same_page``), an exception is raised, and anything else comes as it is. It stands in for the function
that asks a model, whatever its arguments: what it returns can be awaited, iterated both ways, and entered.

    source.cut(7)                            # the texts in other pieces, as chance has it; None: as written
    ScriptedSource("Hello", shape="openai")  # each piece in a chunk of that provider, and a last chunk

The law: the pieces of a text are the text, whatever the seed, and the same seed gives the same pieces. Those
of "bytes" may end within a character. Chunks are dicts that have their keys as attributes, too.
Checked by tests/test_testing.py.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from typing import Any


class Chunk(dict[str, Any]):
    """A provider's chunk: ``chunk["choices"][0]["delta"]`` and ``chunk.choices[0].delta``."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def _chunk(value: Any) -> Any:
    if isinstance(value, dict):
        return Chunk({key: _chunk(inner) for key, inner in value.items()})
    return [_chunk(inner) for inner in value] if isinstance(value, list) else value


def _chat(text: str | None) -> dict[str, Any]:
    delta = {"delta": {"content": text}, "finish_reason": None}
    return {"choices": [delta if text is not None else {"delta": {}, "finish_reason": "stop"}]}


def _responses(text: str | None) -> dict[str, Any]:
    if text is None:
        return {"type": "response.completed", "response": {"usage": None}}
    return {"type": "response.output_text.delta", "delta": text}


def _anthropic(text: str | None) -> dict[str, Any]:
    if text is None:
        return {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}


def _gemini(text: str | None) -> dict[str, Any]:
    content = {"content": {"parts": [{"text": text or ""}]}}
    return {"candidates": [content | ({"finishReason": "STOP"} if text is None else {})]}


def _ollama(text: str | None) -> dict[str, Any]:
    return {"message": {"role": "assistant", "content": text or ""}, "done": text is None}


#: Shape -> the chunk of a text, and of the end (None).
SHAPES: dict[str, Callable[[str | None], dict[str, Any]]] = {
    "openai": _chat,
    "responses": _responses,
    "anthropic": _anthropic,
    "gemini": _gemini,
    "ollama": _ollama,
}


class ScriptedSource:
    """A source that does what its script says."""

    def __init__(self, *script: Any, shape: str | None = None, seed: int | None = None) -> None:
        """shape: "bytes", "sse" (lines of OpenAI's events), or one of SHAPES; None yields str.

        Raises ValueError for another shape.
        """
        if shape is not None and shape not in {"bytes", "sse", *SHAPES}:
            raise ValueError(f"shape is bytes, sse, {', '.join(SHAPES)} or None, not {shape!r}")
        self.script = script
        self.shape = shape
        self.seed = seed
        self.calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []  # what it was called with

    @property
    def text(self) -> str:
        """All text of the script."""
        return "".join(item for item in self.script if isinstance(item, str))

    def cut(self, seed: int | None) -> ScriptedSource:
        """Let the next passes be cut by that seed; itself."""
        self.seed = seed
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> Pass:
        self.calls.append((args, kwargs))
        return Pass(self)

    def __aiter__(self) -> AsyncIterator[Any]:
        return aiter(Pass(self))

    def __iter__(self) -> Iterator[Any]:
        return iter(Pass(self))

    def pieces(self) -> list[Any]:
        """The script in pieces and in its shape: what a pass yields, with the pauses and exceptions."""
        # Pauses and pieces by two generators: another text must not change when the same pauses come.
        rng = None if self.seed is None else random.Random(self.seed)
        found: list[Any] = []
        for item in self.script:
            if isinstance(item, str):
                found += map(self._shaped, _cut(item.encode() if self.shape == "bytes" else item, rng))
            else:
                found.append(item)
        if self.shape not in (None, "bytes") and not (found and isinstance(found[-1], BaseException)):
            found.append(self._shaped(None))
        return found

    def _shaped(self, piece: Any) -> Any:
        if self.shape is None or self.shape == "bytes":
            return piece
        if self.shape == "sse":
            return f"data: {json.dumps(_chat(piece))}\n\n"
        return _chunk(SHAPES[self.shape](piece))


def _cut(text: Any, rng: random.Random | None) -> list[Any]:
    if rng is None:
        return [text] if text else []
    most = rng.choice((1, 3, 8, 40))
    pieces, at = [], 0
    while at < len(text):
        size = rng.randint(1, most)
        pieces.append(text[at : at + size])
        at += size
    return pieces


class Pass:
    """One pass of a script: awaited it is itself; async and sync iterator; entered it is itself."""

    def __init__(self, source: ScriptedSource) -> None:
        self._items = iter(source.pieces())
        self.closed = False

    def __await__(self) -> Generator[Any, None, Pass]:
        return _itself(self).__await__()

    async def __aenter__(self) -> Pass:
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.closed = True

    def __aiter__(self) -> Pass:
        return self

    async def __anext__(self) -> Any:
        await asyncio.sleep(0)
        for item in self._items:
            if not isinstance(item, int | float):
                return _or_raise(item)
            await asyncio.sleep(item)
        raise StopAsyncIteration

    def __iter__(self) -> Pass:
        return self

    def __next__(self) -> Any:
        for item in self._items:
            if not isinstance(item, int | float):
                return _or_raise(item)
            time.sleep(item)
        raise StopIteration

    async def aclose(self) -> None:
        """The connection to the provider is closed."""
        self.closed = True

    def close(self) -> None:
        """The same, of a sync SDK."""
        self.closed = True


async def _itself(one: Pass) -> Pass:
    return one


def _or_raise(item: Any) -> Any:
    if isinstance(item, BaseException) or (isinstance(item, type) and issubclass(item, BaseException)):
        raise item
    return item
