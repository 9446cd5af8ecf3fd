"""Chunks: what any provider's stream yields, read as events. Imports no SDK.

    extract_content(chunk)      # "Hel", or None for what carries no text
    read(chunk)                 # [Event("text", "Hel")]

One reader per wire format, and one row per reader in SHAPES: how its chunks are recognised. A reader looks at
SDK objects and at parsed JSON with the same eyes: a field is an attribute or a key.

The law: nothing raises, whatever the shape; text is read once. In

    content_block_delta {"text": "Hel"}    text {"text": "Hel", "snapshot": "Hel"}    (anthropic)

the second is the SDK's own summary of the first, and counts for nothing.

Checked by tests/test_source_chunk.py, and with the SDKs themselves by tests/test_source_wire.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .event import Event, Usage

#: So many classes of chunks are remembered: someone may make a class for each.
_MOST_CLASSES = 1000

#: Every provider's word for why it ends -> ours.
FINISH = {
    **dict.fromkeys(
        ("stop", "end_turn", "stop_sequence", "completed", "eos", "pause_turn", "unload"), "stop"
    ),
    **dict.fromkeys(
        ("length", "max_tokens", "max_output_tokens", "model_length", "model_context_window_exceeded"),
        "length",
    ),
    **dict.fromkeys(("tool_calls", "tool_use", "function_call"), "tool_calls"),
    **dict.fromkeys(("content_filter", "safety", "recitation", "blocklist", "language"), "content_filter"),
    **dict.fromkeys(("prohibited_content", "spii", "refusal", "image_safety"), "content_filter"),
}


def extract_content(chunk: object) -> str | None:
    """The text of a chunk, or None: metadata, usage, thinking and tool calls have none. Never raises."""
    text = "".join(event.text for event in read(chunk) if event.kind in ("text", "refusal"))
    return text or None


def read(chunk: object) -> list[Event]:
    """The events of a chunk; none when it says nothing that is known. Never raises."""
    if isinstance(chunk, str):
        return _read_str(chunk)
    events: list[Event] = []
    try:
        reader = _reader_of(chunk)
        if reader is not None:
            events += reader(chunk)
    except Exception:  # a field that is not what it is with the provider we know
        return events  # what came before it counts
    return events


def is_known(chunk: object) -> bool:
    """Is it a provider's chunk, whose stream tells when it is finished?"""
    try:
        return not isinstance(chunk, str) and _reader_of(chunk) not in (None, _read_plain)
    except Exception:
        return False


def get(item: Any, *names: str) -> Any:
    """A field, by the first of its names that it has; None without."""
    kind = _kinds.get(item.__class__) or _kind_of(item.__class__)
    if kind == "mapping":
        fields, others = item, None
    elif kind == "model":
        # Asked for a field that is not there, pydantic's models take microseconds to say so.
        fields, others = item.__dict__, item.__pydantic_extra__
    else:
        fields, others = None, None
    for name in names:
        value = getattr(item, name, None) if fields is None else fields.get(name)
        if value is None and others:
            value = others.get(name)
        if value is not None:
            return value
    return None


#: Class -> how its fields are asked for.
_kinds: dict[type, str] = {}


def _kind_of(cls: type) -> str:
    if issubclass(cls, Mapping):
        kind = "mapping"
    else:
        kind = "model" if hasattr(cls, "__pydantic_validator__") else "object"
    if len(_kinds) < _MOST_CLASSES:
        _kinds[cls] = kind
    return kind


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _each(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _error(item: Any) -> Any:
    """What a chunk says has gone wrong; a stranger's attribute of that name says nothing."""
    error = get(item, "error")
    if isinstance(error, str | Mapping):
        return error or None
    return error if any(isinstance(get(error, name), str) for name in ("message", "code", "type")) else None


def _word(reason: Any) -> str:
    """A reason to finish, in our words; an enum's is its value."""
    word = _text(getattr(reason, "value", reason)).lower()
    return FINISH.get(word, word)


# -- one reader per wire format --------------------------------------------------------------------


def _read_chat(chunk: Any) -> Iterator[Event]:
    """OpenAI's chat completions, and all who speak like them: litellm, OpenRouter, Mistral, vLLM, …"""
    for choice in _each(get(chunk, "choices"))[:1]:
        delta = get(choice, "delta", "message")
        # Most fields of most chunks are not there, and a generator for each would cost more than all else.
        if thought := get(delta, "reasoning_content", "reasoning"):
            yield from _read_content(thought, "thinking")
        if content := get(delta, "content"):
            yield from _read_content(content, "text")
        if refusal := get(delta, "refusal"):
            yield from _read_content(refusal, "refusal")
        if text := get(choice, "text"):
            yield from _read_content(text, "text")
        for call in _each(get(delta, "tool_calls")):
            yield _tool_call(get(call, "index"), get(call, "id"), get(call, "function"))
        for note in _each(get(delta, "annotations")):
            yield Event("citation", _text(get(get(note, "url_citation"), "url")), note)
        if (said := get(choice, "finish_reason")) and (reason := _word(said)):
            yield Event("finish", reason)
    if usage := get(chunk, "usage"):
        yield from _read_usage(usage)
    if get(chunk, "error") and (error := _error(chunk)):
        yield Event("error", data=error)


def _read_content(content: Any, kind: str) -> Iterator[Event]:
    """A text, or Mistral's list of parts."""
    if isinstance(content, str):
        if content:
            yield Event(kind, content)
        return
    for part in _each(content):
        if get(part, "type") == "thinking":
            yield from _read_content(get(part, "thinking"), "thinking")
        else:
            yield from _read_content(get(part, "text"), kind)


def _tool_call(index: Any, id: Any, function: Any) -> Event:
    arguments = get(function, "arguments", "args")
    if not isinstance(arguments, str):  # whole, as Ollama and Gemini send it
        arguments = "" if arguments is None else json.dumps(arguments, ensure_ascii=False, default=str)
    return Event(
        "tool_call",
        arguments,
        {"index": _number(index), "id": _text(id), "name": _text(get(function, "name"))},
    )


#: What brings the next piece of a tool call's arguments.
_ARGUMENTS = (
    *("function_call_arguments.delta", "mcp_call_arguments.delta"),
    *("custom_tool_call_input.delta", "code_interpreter_call_code.delta"),
)


def _read_responses(chunk: Any) -> Iterator[Event]:
    """OpenAI's Responses."""
    kind = get(chunk, "type").removeprefix("response.")
    said = {
        "output_text.delta": "text",
        "refusal.delta": "refusal",
        "reasoning_summary_text.delta": "thinking",
        "reasoning_text.delta": "thinking",
    }
    if kind in said:
        yield from _read_content(get(chunk, "delta"), said[kind])
    elif kind == "output_item.added" and _text(get(get(chunk, "item"), "type")).endswith("_call"):
        item = get(chunk, "item")  # a function's, or one that the provider runs: web_search_call, mcp_call, …
        name = get(item, "name") or get(item, "type").removesuffix("_call")
        yield _tool_call(get(chunk, "output_index"), get(item, "call_id", "id"), {"name": name})
    elif kind in _ARGUMENTS:
        yield _tool_call(get(chunk, "output_index"), "", {"arguments": get(chunk, "delta")})
    elif kind == "output_text.annotation.added":
        note = get(chunk, "annotation")
        yield Event("citation", _text(get(note, "url", "filename")), note)
    elif kind in ("completed", "incomplete", "failed", "cancelled"):
        answer = get(chunk, "response")
        yield from _read_usage(get(answer, "usage"))
        if kind == "failed":
            yield Event("error", data=get(answer, "error"))
        else:
            yield Event("finish", _word(get(get(answer, "incomplete_details"), "reason") or kind))


def _read_anthropic(chunk: Any) -> Iterator[Event]:
    """Anthropic's message events, of ``create(stream=True)`` and of ``messages.stream``."""
    kind = get(chunk, "type")
    if kind == "content_block_delta":
        delta = get(chunk, "delta")
        yield from _read_content(get(delta, "text"), "text")
        yield from _read_content(get(delta, "thinking"), "thinking")
        if (arguments := get(delta, "partial_json")) is not None:
            yield _tool_call(get(chunk, "index"), "", {"arguments": arguments})
        if note := get(delta, "citation"):
            yield Event("citation", _text(get(note, "url", "document_title")), note)
    elif kind == "content_block_start":
        block = get(chunk, "content_block")
        yield from _read_content(get(block, "text"), "text")
        yield from _read_content(get(block, "thinking"), "thinking")
        if _text(get(block, "type")).endswith("tool_use"):
            yield _tool_call(get(chunk, "index"), get(block, "id"), {"name": get(block, "name")})
    elif kind == "message_start":
        yield from _read_usage(get(get(chunk, "message"), "usage"))
    elif kind == "message_delta":
        yield from _read_usage(get(chunk, "usage"))
        if reason := _word(get(get(chunk, "delta"), "stop_reason")):
            yield Event("finish", reason)
    elif kind == "message":  # a whole one
        yield from _read_content(get(chunk, "content"), "text")
        yield from _read_usage(get(chunk, "usage"))
        yield Event("finish", _word(get(chunk, "stop_reason")))


def _read_gemini(chunk: Any) -> Iterator[Event]:
    """Google's generateContent."""
    for candidate in _each(get(chunk, "candidates"))[:1]:
        for n, part in enumerate(_each(get(get(candidate, "content"), "parts"))):
            yield from _read_content(get(part, "text"), "thinking" if get(part, "thought") else "text")
            if call := get(part, "function_call", "functionCall"):
                yield _tool_call(n, get(call, "id"), call)
        grounding = get(candidate, "grounding_metadata", "groundingMetadata")
        for note in _each(get(grounding, "grounding_chunks", "groundingChunks")):
            yield Event("citation", _text(get(get(note, "web"), "uri")), note)
        if reason := _word(get(candidate, "finish_reason", "finishReason")):
            yield Event("finish", reason)
    yield from _read_usage(get(chunk, "usage_metadata", "usageMetadata"))
    if get(get(chunk, "prompt_feedback", "promptFeedback"), "block_reason", "blockReason"):
        yield Event("finish", "content_filter")


def _read_ollama(chunk: Any) -> Iterator[Event]:
    """Ollama's chat and generate."""
    message = get(chunk, "message") or chunk
    yield from _read_content(get(message, "thinking"), "thinking")
    yield from _read_content(get(message, "content", "response"), "text")
    for n, call in enumerate(_each(get(message, "tool_calls"))):
        yield _tool_call(n, "", get(call, "function"))
    if get(chunk, "done"):
        yield from _read_usage(chunk)
        yield Event("finish", _word(get(chunk, "done_reason")) or "stop")


def _read_error(chunk: Any) -> Iterator[Event]:
    """``{"error": …}`` of anyone, or the error event of OpenAI's Responses, whose fields are its own."""
    yield Event("error", data=_error(chunk) or chunk)


def _read_inner(chunk: Any) -> Iterator[Event]:
    """An envelope: ``data`` of Mistral's events, ``chunk`` of OpenAI's ``chat.completions.stream``."""
    yield from read(get(chunk, "chunk", "data"))


def _read_plain(chunk: Any) -> Iterator[Event]:
    """A dict or an object of nobody in particular; a StreamResult is one."""
    yield from _read_content(get(chunk, "content", "text", "delta"), "text")


def _read_nothing(chunk: Any) -> Iterator[Event]:
    """Known, and says nothing: Anthropic's ping, an SDK's own summaries."""
    return iter(())


def _read_usage(usage: Any) -> Iterator[Event]:
    if usage is None:
        return
    told = Usage(
        input_tokens=_number(
            get(
                usage,
                "prompt_tokens",
                "input_tokens",
                "prompt_token_count",
                "promptTokenCount",
                "prompt_eval_count",
            )
        ),
        output_tokens=_number(
            get(usage, "completion_tokens", "output_tokens", "candidates_token_count", "candidatesTokenCount")
            or get(usage, "eval_count")
        ),
        thinking_tokens=_number(
            get(usage, "thoughts_token_count", "thoughtsTokenCount")
            or get(get(usage, "completion_tokens_details", "output_tokens_details"), "reasoning_tokens")
        ),
        cached_tokens=_number(
            get(usage, "cache_read_input_tokens", "cached_content_token_count", "cachedContentTokenCount")
            or get(get(usage, "prompt_tokens_details", "input_tokens_details"), "cached_tokens")
        ),
    )
    if told.total_tokens:
        yield Event("usage", data=told)


def _read_str(chunk: str) -> list[Event]:
    """Text; or one line of Server-Sent Events with a provider's JSON."""
    if chunk.startswith("data:"):
        data = chunk[5:].strip()
        if data == "[DONE]":
            return []
        if data.startswith("{"):
            try:
                parsed = json.loads(data)
            except ValueError:
                parsed = None
            if is_known(parsed):
                return read(parsed)
    return [Event("text", chunk)] if chunk else []


# -- who reads what ---------------------------------------------------------------------------------


def _type(chunk: Any) -> str:
    return _text(get(chunk, "type"))


_ANTHROPIC = ("message_start", "message_delta", "message_stop", "message")

#: How a chunk is recognised -> who reads it. The first row that fits.
SHAPES: tuple[tuple[Callable[[Any], Any], Callable[[Any], Iterator[Event]]], ...] = (
    (lambda chunk: isinstance(get(chunk, "choices"), list), _read_chat),
    (lambda chunk: _type(chunk).startswith("content_block_") or _type(chunk) in _ANTHROPIC, _read_anthropic),
    (lambda chunk: _type(chunk).startswith("response."), _read_responses),
    (lambda chunk: _error(chunk) or _type(chunk) == "error", _read_error),
    (lambda chunk: get(get(chunk, "chunk", "data"), "choices") is not None, _read_inner),
    (lambda chunk: not isinstance(chunk, Mapping) and _type(chunk), _read_nothing),
    (lambda chunk: _type(chunk) == "ping", _read_nothing),
    (lambda chunk: get(chunk, "candidates", "usage_metadata", "usageMetadata"), _read_gemini),
    (lambda chunk: get(chunk, "prompt_feedback", "promptFeedback"), _read_gemini),
    (lambda chunk: isinstance(get(chunk, "done"), bool), _read_ollama),
    (lambda chunk: isinstance(chunk, Mapping), _read_plain),
    (lambda chunk: isinstance(get(chunk, "content", "text", "delta"), str), _read_plain),
)

#: Objects of these classes always have the same fields, so they are recognised once.
_known_classes: dict[type, Callable[[Any], Iterator[Event]]] = {}


def _reader_of(chunk: Any) -> Callable[[Any], Iterator[Event]] | None:
    cls = chunk.__class__
    reader = _known_classes.get(cls)
    if reader is not None:
        return reader
    for fits, reader in SHAPES:
        if fits(chunk):
            # A chat chunk is one whatever it holds; others are told apart by what they hold.
            if reader is _read_chat and _kinds.get(cls) == "model" and len(_known_classes) < _MOST_CLASSES:
                _known_classes[cls] = reader
            return reader
    return None
