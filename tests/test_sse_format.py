"""sse_format against the HTML standard's own algorithm: what goes in comes out, and nothing else."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sse import Event, Parser, parse

from djust_stream.sse import sse_comment, sse_format

TEXT = st.text(alphabet=st.sampled_from("ab:\r\n\0 \u2028\x0b\ufeffé🙂"), max_size=20)
FIELD = st.text(alphabet=st.sampled_from("ab: 0\u2028\x0bé🙂"), min_size=1, max_size=12)
SETTINGS = st.one_of(st.none(), st.integers(0, 10**9))


def lines_as_lf(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


@given(st.lists(st.tuples(st.none() | FIELD, TEXT, st.none() | FIELD, SETTINGS), max_size=5))
def test_what_goes_in_comes_out(events: list[tuple[Any, ...]]) -> None:
    parser, last_id, retry_ms = Parser(), "", None
    for name, data, id, retry in events:
        [event] = parser.feed(sse_format(name, data, id=id, retry=retry))
        last_id = last_id if id is None else id
        retry_ms = retry_ms if retry is None else retry
        assert event == Event(name or "message", lines_as_lf(data), last_id)
        assert parser.retry_ms == retry_ms


@given(st.text(alphabet=st.sampled_from('ab"\\\r\n\0\u2028\ud83d\ude42é🙂'), max_size=20))
def test_json_is_one_line(text: str) -> None:
    line = sse_format("delta", {"text": text})
    [event] = parse(line)
    assert event.json == {"text": re.sub("[\ud800-\udfff]", "\ufffd", text)}
    assert line.count("\n") == 3
    line.encode()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("delta", {"text": "Hi"}), 'event: delta\ndata: {"text": "Hi"}\n\n'),
        ((None, "a\nb\r\nc\rd"), "data: a\ndata: b\ndata: c\ndata: d\n\n"),
        (("x", ""), "event: x\ndata: \n\n"),
        ((None, None, "7", 1500), "id: 7\nretry: 1500\n\n"),
        (("x", "y", 12), "id: 12\nevent: x\ndata: y\n\n"),
        ((None, " two spaces"), "data:  two spaces\n\n"),
        ((None, "\ud800"), "data: \ufffd\n\n"),
        ((None, ["é", 1.5, None]), 'data: ["é", 1.5, null]\n\n'),
    ],
)
def test_exact(arguments: tuple[Any, ...], text: str) -> None:
    assert sse_format(*arguments) == text


@pytest.mark.parametrize("bad", ["a\nb", "a\rb", "a\0b", "\n", "x\r\ndata: y"])
def test_nothing_leaves_its_line(bad: str) -> None:
    for arguments in ({"event": bad, "data": ""}, {"event": "e", "data": "", "id": bad}):
        with pytest.raises(ValueError, match="neither CR, LF nor NUL"):
            sse_format(**arguments)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="neither CR, LF nor NUL"):
        sse_comment(bad)


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        (("e", b"x"), TypeError, "decode it first"),
        (("e", object()), TypeError, "not JSON serializable"),
        (("e", float("nan")), ValueError, "JSON"),
        (("e", "", None, -1), ValueError, "milliseconds, not -1"),
        (("e", "", None, 1.5), ValueError, "milliseconds, not 1.5"),
        (("e", "", None, True), ValueError, "milliseconds, not True"),
        ((5, ""), TypeError, "event is a str, not 5"),
    ],
)
def test_bad_values(arguments: tuple[Any, ...], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        sse_format(*arguments)


def test_comments_are_no_events() -> None:
    parser = Parser()
    assert list(parser.feed(sse_comment() + sse_comment("still here") + sse_format(None, "x"))) == [
        Event("message", "x", "")
    ]
    assert parser.comments == 2


def test_the_seeds_way_of_reading() -> None:
    """A page that splits at blank lines and looks for "event: " and "data: " reads it as well."""
    text = (
        sse_format(None, None, id="0", retry=1000)
        + sse_comment()
        + sse_format("delta", {"text": "a\nb"}, id=1)
    )
    found = []
    for block in text.split("\n\n"):
        lines = block.split("\n")
        data = next((line[6:] for line in lines if line.startswith("data: ")), None)
        if data:
            found.append((next(line[7:] for line in lines if line.startswith("event: ")), json.loads(data)))
    assert found == [("delta", {"text": "a\nb"})]
