"""Chunks without an SDK: every shape as plain data, unknown shapes, lines, errors from bodies."""

from __future__ import annotations

import json
import random
from types import SimpleNamespace
from typing import Any

import model_server
import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_server import ANSWER, FORMATS, THOUGHTS

from djust_stream.sources import classify, estimate_tokens, extract_content, read
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


def test_estimate() -> None:
    assert [estimate_tokens(text) for text in ("", "a", "Hello, world!", "天空是蓝色的")] == [0, 1, 4, 4]
