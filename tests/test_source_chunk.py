"""Chunks without an SDK: every shape as plain data, unknown shapes, lines, errors from bodies."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import model_server
import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_server import ANSWER, FORMATS, THOUGHTS
from pydantic import BaseModel

from djust_stream.sources import StreamResult, classify, estimate_tokens, extract_content, read
from djust_stream.sources.errors import from_body, redact
from djust_stream.sources.wire import Wire, looks_like


def payloads(path: str, scenario: str, rng: random.Random | None = None) -> list[Any]:
    """What the bytes of an answer carry, cut anywhere."""
    data = b"".join(next(answer for end, answer in FORMATS.items() if path.endswith(end))(scenario))
    wire, found, at = Wire(), [], 0
    while at < len(data):
        size = rng.randint(1, 9) if rng else len(data)
        found += wire.feed(data[at : at + size])
        at += size
    return found + wire.end()


PATHS = ["/v1/chat/completions", "/openrouter/chat/completions", "/mistral/v1/chat/completions"]
PATHS += ["/v1/responses", "/v1/messages", "/m:streamGenerateContent", "/api/chat"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("scenario", ["text", "thinking", "tool"])
def test_every_format_as_plain_data_cut_anywhere(path: str, scenario: str) -> None:
    whole = payloads(path, scenario)
    for seed in range(5):
        assert payloads(path, scenario, random.Random(seed)) == whole
    events = [event for chunk in whole for event in read(chunk)]
    assert "".join(filter(None, map(extract_content, whole))) == ANSWER
    assert "".join(event.text for event in events if event.kind == "text") == ANSWER
    thought = "".join(event.text for event in events if event.kind == "thinking")
    assert thought == ("".join(THOUGHTS) if scenario == "thinking" else "")
    arguments = "".join(event.text for event in events if event.kind == "tool_call")
    assert (json.loads(arguments) == {"city": "Bern"}) if scenario == "tool" else arguments == ""
    assert [event.data.output_tokens for event in events if event.kind == "usage"][-1] == 23
    assert sum(event.kind == "finish" for event in events) == 1


def test_crlf_cr_comments_and_lines_of_data_that_belong_together() -> None:
    for end in ("\n", "\r\n", "\r"):
        text = f': hi{end}event: x{end}data: {{{end}data: "a": 1}}{end}{end}data: [DONE]{end}{end}'.encode()
        for size in range(1, len(text) + 1):
            wire = Wire()
            found = [chunk for at in range(0, len(text), size) for chunk in wire.feed(text[at : at + size])]
            assert found + wire.end() == [{"a": 1}]
            assert wire.finished


def test_an_event_without_end_is_refused() -> None:
    wire = Wire()
    wire.MAX_EVENT = 100
    with pytest.raises(OverflowError):
        for _ in range(20):
            wire.feed(b"data: 0123456789\n")


FIELDS = [
    "choices",
    "delta",
    "content",
    "type",
    "message",
    "error",
    "candidates",
    "parts",
    "text",
    "done",
    "usage",
    "tool_calls",
    "function",
]
FIELDS += ["data", "chunk", "response", "item", "finish_reason", "index"]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(FIELDS) | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def as_objects(value: Any) -> Any:
    if isinstance(value, dict):
        names = {key: as_objects(inner) for key, inner in value.items() if key.isidentifier()}
        return SimpleNamespace(**names)
    return [as_objects(inner) for inner in value] if isinstance(value, list) else value


@given(json_values)
def test_nothing_raises_on_an_unknown_shape(value: Any) -> None:
    for chunk in (value, as_objects(value)):
        content = extract_content(chunk)
        assert content is None or (isinstance(content, str) and content)


class Partly(BaseModel):
    content: str


def test_text_of_strangers_and_of_a_result() -> None:
    assert extract_content(Partly(content="x")) == "x"
    assert extract_content(SimpleNamespace(text="x")) == "x"
    assert extract_content(StreamResult(text="whole")) == "whole"
    assert extract_content(StreamResult()) is None


def test_an_objects_error_is_one_when_it_says_something() -> None:
    chunk = MagicMock()  # has any attribute: the chunk of somebody's test
    assert read(chunk) == []
    chunk.choices = [MagicMock()]
    chunk.choices[0].delta.content = "Hi"
    chunk.choices[0].finish_reason = "stop"
    assert [event.kind for event in read(chunk)] == ["text", "finish"]
    for error in ("out of memory", {"code": 500}, SimpleNamespace(message="failed")):
        assert [event.kind for event in read({"error": error})] == ["error"]
        assert [event.kind for event in read(SimpleNamespace(choices=[], error=error))] == ["error"]


def test_what_a_chunk_says_before_it_fails_is_kept() -> None:
    chunk = SimpleNamespace(choices=[SimpleNamespace(delta={"content": "Hi"})], usage=Hostile())
    assert extract_content(chunk) == "Hi"
    usage = {"prompt_tokens": True, "completion_tokens": 7}
    [told] = read({"choices": [], "usage": usage})
    assert (told.data.input_tokens, told.data.output_tokens) == (0, 7)


@pytest.mark.parametrize(
    ("item", "piece", "name"),
    [
        ({"type": "web_search_call"}, None, "web_search"),
        ({"type": "mcp_call", "name": "roll"}, "mcp_call_arguments.delta", "roll"),
        ({"type": "custom_tool_call", "name": "sql"}, "custom_tool_call_input.delta", "sql"),
    ],
)
def test_tools_that_openai_runs_itself(item: dict[str, str], piece: str | None, name: str) -> None:
    added = {"type": "response.output_item.added", "output_index": 1, "item": item | {"id": "x"}}
    events = read(added) + (
        read({"type": f"response.{piece}", "output_index": 1, "delta": "{}"}) if piece else []
    )
    assert [(event.kind, event.data["name"], event.text) for event in events] == [
        ("tool_call", name, ""),
        *([("tool_call", "", "{}")] if piece else []),
    ]


class Hostile:
    def __getattr__(self, name: str) -> Any:
        raise ValueError(name)


@pytest.mark.parametrize(
    "chunk", [Hostile, object, lambda: None, lambda: b"x", list, dict, str, lambda: {"choices": [Hostile()]}]
)
def test_nothing_raises_on_hostile_objects(chunk: Any) -> None:
    assert extract_content(chunk()) is None


def test_text_and_lines() -> None:
    line = 'data: {"choices": [{"delta": {"content": "Hel"}}]}'
    assert extract_content(line) == "Hel"
    assert extract_content("data: [DONE]") is None
    assert (
        looks_like(line) and looks_like("event: message_start") and looks_like(b'{"message":{},"done":false}')
    )
    for text in ("data: 1, 2", 'data: {"x": 1}', '{"a": 1}', "event: a party", "Hello"):
        assert extract_content(text) == text and not looks_like(text)
    assert extract_content({"content": "x"}) == "x"


def test_keys_are_blanked() -> None:
    for said in (
        f"Incorrect API key provided: {model_server.KEY}",
        f"Authorization: Bearer {model_server.KEY[3:]}",
        "https://host/v1?key=AIzaSyA-1234567890abcdef",
        "{'api_key': '0123456789abcdef'}",
        "redis://user:hunter2hunter2@host/0",
    ):
        blanked = redact(said)
        assert "[key]" in blanked and "0123456789" not in blanked and "hunter2" not in blanked, blanked
    for harmless in ("API key not valid", "the input token count (9000) exceeds", "maximum tokens reached"):
        assert redact(harmless) == harmless


def test_errors_by_what_they_hold() -> None:
    class APIStatusError(Exception):
        def __init__(self, status: int, body: object, **headers: str) -> None:
            super().__init__("failed")
            self.body, self.response = body, SimpleNamespace(status_code=status, headers=headers)

    limited = classify(APIStatusError(429, {}, **{"retry-after-ms": "1500"}))
    assert (limited.code, limited.retryable, limited.retry_after_s) == ("rate_limited", True, 1.5)
    for spelled in ("Retry-After", "retry-after"):
        assert classify(APIStatusError(429, {}, **{spelled: "2"})).retry_after_s == 2
    soon = format_datetime(datetime.now(timezone.utc) + timedelta(seconds=90), usegmt=True)
    in_s = classify(APIStatusError(503, {}, **{"retry-after": soon})).retry_after_s
    assert in_s is not None and 60 < in_s <= 90
    empty = classify(APIStatusError(429, {"error": {"code": "insufficient_quota"}}))
    assert (empty.code, empty.retryable) == ("rate_limited", False)
    assert classify(APIStatusError(400, {"error": {"code": "content_filter"}})).code == "content_filter"
    assert classify(APIStatusError(404, {})).code == "bad_request"
    assert classify(TimeoutError()).code == "timeout"
    assert classify(ConnectionResetError()).code == "network"
    assert (classify(ValueError("rate limit")).code, classify(APIStatusError(500, {})).retryable) == (
        "provider",
        True,
    )
    wait = {"error": {"status": "RESOURCE_EXHAUSTED", "details": [{"retryDelay": "13s"}]}}
    assert classify(APIStatusError(429, wait)).retry_after_s == 13
    assert from_body({"code": 502, "message": "Provider returned error"}).code == "overloaded"
    assert from_body({"type": "overloaded_error"}).code == "overloaded"
    assert from_body("what?").code == "provider"


def test_an_error_that_cannot_be_told() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise ValueError("no")

    assert "Mute" in classify(Mute()).log_text
    assert from_body(Mute()).code == "provider"


def test_estimate() -> None:
    assert [estimate_tokens(text) for text in ("", "a", "Hello, world!", "天空是蓝色的")] == [0, 1, 4, 4]
