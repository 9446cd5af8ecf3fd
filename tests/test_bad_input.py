"""What must not break anything: an exception that says what to do, or an error on the page, each time."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator
from typing import Any

import project  # noqa: F401  (sets Django up)
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sinks import Consumer, MemorySink, Page, document
from test_mixin import Answering, new_view, shown

from djust_stream import StreamingMixin, ops
from djust_stream.sinks.channels import ChannelsSink

CALLS = {
    "stream_text": ("x",),
    "stream_markdown": ("x",),
    "stream_insert": ("x",),
    "stream_error": ("x",),
    "stream_start": (),
    "stream_done": (),
    "stream_to": (None, "x"),
    "stream_delete": ("#x",),
    "stream_prune": (3,),
}
NOT_TEXT = [None, 5, 1.5, True, ["x"], {"a": 1}, object(), b"bytes", bytearray(b"x")]


def of_kind(value: object) -> str:
    return type(value).__name__


@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize("name", [None, 5, b"reply", ["reply"], {}, object()], ids=of_kind)
@pytest.mark.parametrize("connected", [True, False])
async def test_a_name_that_is_no_text(method: str, name: Any, connected: bool) -> None:
    view = new_view()[0] if connected else Answering()
    with pytest.raises(TypeError, match=r"name is a str, not .*pass for example"):
        await getattr(view, method)(name, *CALLS[method])


@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize("name", ["", "x" * 201, "a\0b", "\ud800"], ids=["empty", "long", "NUL", "surrogate"])
async def test_a_name_that_is_not_fit(method: str, name: str) -> None:
    view, sink = new_view()
    with pytest.raises(ValueError, match="a stream's name has"):
        await getattr(view, method)(name, *CALLS[method])
    assert sink.messages == []


@pytest.mark.parametrize("method", ["stream_text", "stream_insert", "stream_error", "stream_markdown"])
@pytest.mark.parametrize("value", NOT_TEXT, ids=of_kind)
async def test_a_text_that_is_no_text(method: str, value: Any) -> None:
    if method == "stream_markdown" and isinstance(value, bytes):
        value = memoryview(value)  # bytes themselves are Markdown
    view, sink = new_view()
    await view.stream_text("s", "before ")
    with pytest.raises(TypeError, match=r"is a str.*, not .*: (convert|decode) it"):
        await getattr(view, method)("s", value)
    await view.stream_text("s", "after")
    await view.stream_done("s")
    assert shown(sink) == "before after"


@pytest.mark.parametrize("value", [b"x", 5, ["x"]], ids=of_kind)
async def test_html_that_is_no_text(value: Any) -> None:
    view, _ = new_view()
    with pytest.raises(TypeError, match="html is a str"):
        await view.stream_to("s", html=value)


async def test_other_wrong_arguments() -> None:
    view, sink = new_view()
    for mode in ("", "APPEND", 5, ["append"]):
        with pytest.raises(ValueError, match='mode is "append", "replace", "prepend" or None'):
            await view.stream_text("s", "x", mode)
    for at in ("", "before", 5, None):
        with pytest.raises(ValueError, match='at is "append" or "prepend"'):
            await view.stream_insert("s", "x", at)
    for limit in (-1, 2**31):
        with pytest.raises(ValueError, match="limit lies between 0"):
            await view.stream_prune("s", limit)
    for limit in (None, "5", 1.5, True, math.nan):
        with pytest.raises(TypeError, match="limit is a number"):
            await view.stream_prune("s", limit)
    for edge in ("", "left", None):
        with pytest.raises(ValueError, match='edge is "top" or "bottom"'):
            await view.stream_prune("s", 5, edge)
    for target in (5, b"#x", ["#x"]):
        with pytest.raises(TypeError, match="target is a CSS selector"):
            await view.stream_text("s", "x", target=target)
        with pytest.raises(TypeError, match="selector is a CSS selector"):
            await view.stream_delete("s", target)
    with pytest.raises(ValueError, match="target is a CSS selector"):
        await view.stream_markdown("s", "x", "#a\0")
    with pytest.raises(ValueError, match="selector is a CSS selector"):
        await view.stream_delete("s", "")
    assert sink.messages == []


async def test_start_stream_needs_a_coroutine_function() -> None:
    view, sink = new_view(cls=Answering)

    async def generator() -> AsyncIterator[str]:
        yield "x"

    coroutine = view.answer(1)
    for wrong in (None, "answer", print, coroutine, generator):
        with pytest.raises(TypeError, match="pass the function and its arguments"):
            view.start_stream("s", wrong)
    with pytest.raises(TypeError, match="unexpected keyword"):
        view.start_stream("s", view.answer, nonsense=1)
    assert sink.messages == []


async def test_a_consumer_that_cannot_send() -> None:
    class View(StreamingMixin):
        pass

    view = View()
    with pytest.raises(TypeError, match=r"neither send\(text_data=…\) nor send_json"):
        view._ws_consumer = object()


async def test_a_consumer_with_send_json_only() -> None:
    class JsonOnly:
        sent: list[Any] = []  # noqa: RUF012

        async def send_json(self, content: Any) -> None:
            self.sent.append(content)

    sink = ChannelsSink(JsonOnly())
    await sink.send('{"type":"stream"}')
    assert JsonOnly.sent == [{"type": "stream"}]


# -- names and texts that want to be something else ------------------------------------------------------

HOSTILE_NAMES = [
    "it's",
    'say "hi"',
    "a[b]",
    "a']b[c='d",
    "back\\slash",
    "\\",
    "new\nline\r\n\f",
    "</script><script>alert(1)</script>",
    "__proto__",
    "constructor",
    " ",
    "\x01\x1f\x7f",
    "名前 🙂 ُعر",
    "x" * 200,
]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
async def test_a_name_stays_a_name(name: str) -> None:
    view, sink = new_view()
    await view.stream_start(name)
    await view.stream_text(name, "x")
    await view.stream_done(name)
    assert {frame["stream"] for frame in sink.frames} == {name}
    for op in sink.ops(name):
        assert unescaped(op["target"]) == name


def unescaped(selector: str) -> str:
    """The value in [dj-stream='…'], by the rules of CSS; anything that ends the string early is an error."""
    assert selector.startswith("[dj-stream='")
    assert selector.endswith("']")
    text, out, i = selector[len("[dj-stream='") : -len("']")], [], 0
    while i < len(text):
        char = text[i]
        assert char != "'"
        assert char not in "\n\r\f"
        i += 1
        if char != "\\":
            out.append(char)
            continue
        digits = ""
        while i < len(text) and len(digits) < 6 and text[i] in "0123456789abcdefABCDEF":
            digits += text[i]
            i += 1
        if digits:
            out.append(chr(int(digits, 16)))
            i += text[i : i + 1] == " "
        else:
            out.append(text[i])
            i += 1
    return "".join(out)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40))
def test_any_name_survives_the_selector(name: str) -> None:
    assert unescaped(ops.root_selector(name)) == name


HOSTILE_TEXTS = [
    "\0",
    "a\0b",
    "\ud800",
    "a\udfffb\ud83d",
    "\ufffe\uffff",
    '"\\\n\r\t\x08\x0c\x1b\x7f\u2028\u2029',
    "</script>",
    "\U0001f600" * 3,
]


@settings(deadline=None)
@given(st.lists(st.text(st.characters()), min_size=1, max_size=8))
def test_any_text_is_a_valid_message(texts: list[str]) -> None:
    """Lone surrogates become U+FFFD each; everything else arrives as it is."""
    sink = MemorySink()

    async def main() -> None:
        view, _ = new_view(sink)
        for text in texts:
            await view.stream_text("s", text, "append")
        await view.stream_done("s")

    asyncio.run(main())
    for message in sink.messages:
        message.encode("utf-8")
    expected = "".join(texts_shown(text) for text in texts)
    assert sink.text("s") == expected


def texts_shown(text: str) -> str:
    return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)


@pytest.mark.parametrize("text", HOSTILE_TEXTS, ids=ascii)
async def test_a_hostile_text_harms_no_other_stream(text: str) -> None:
    view, sink = new_view()
    await view.stream_text("other", "a")
    await view.stream_text("s", text)
    await view.stream_error("t", text)
    await view.stream_markdown("m", text)
    await view.stream_text("other", "b")
    for name in ("s", "m", "other"):
        await view.stream_done(name)
    assert sink.text("s") == texts_shown(text)
    assert sink.text("other") == "ab"
    assert sink.ops("t")[-1]["error"] == texts_shown(text)
    assert sink.ops("m")[-1]["op"] == "done"


async def test_markdown_of_invalid_utf8() -> None:
    view, sink = new_view()
    for piece in (b"caf\xc3", b"\xa9 \xff\xfe \xed\xa0\x80 ", b"\xf0\x9f\x98", b"\x80!", b"\xc3"):
        await view.stream_markdown("s", piece)
    await view.stream_done("s")
    html = document(sink.frames)
    assert "café" in html
    assert "😀!" in html
    assert "\ufffd" in html


# -- too much ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["stream_text", "stream_markdown", "stream_insert", "stream_error"])
async def test_ten_megabytes_in_one_call(method: str) -> None:
    view, sink = new_view()
    await view.stream_text("s", "before ")
    with pytest.raises(
        OverflowError, match=r"10,485,760 bytes.*MAX_PAYLOAD_BYTES of DJUST_STREAM is 4,194,304"
    ):
        await getattr(view, method)("s", "x" * (10 << 20))
    await view.stream_text("s", "after")
    await view.stream_text("other", "x")
    await view.stream_done("s")
    assert sink.text("s") == "before after"


async def test_what_is_refused_ends_no_document() -> None:
    view, sink = new_view()
    await view.stream_markdown("s", "**a")
    for method in ("stream_markdown", "stream_text", "stream_insert", "stream_error"):
        with pytest.raises(OverflowError):
            await getattr(view, method)("s", "x" * (10 << 20))
    await view.stream_markdown("s", "b**")
    await view.stream_done("s")
    assert document(sink.frames) == '<p dir="auto"><strong>ab</strong></p>'


async def test_ten_megabytes_of_wide_characters() -> None:
    view, _ = new_view()
    with pytest.raises(OverflowError, match="MAX_PAYLOAD_BYTES"):
        await view.stream_text("s", "🙂" * (5 << 18))


async def test_ten_megabytes_in_many_calls() -> None:
    view, sink = new_view()
    piece = "0123456789abcdef" * 4096
    for _ in range(160):
        await view.stream_text("s", piece)
    await view.stream_done("s")
    assert sink.text("s") == piece * 160


async def test_too_much_markdown_names_its_setting() -> None:
    from django.test import override_settings

    with override_settings(DJUST_STREAM={"MAX_STREAM_BYTES": 5000}):
        view, sink = new_view()
        with pytest.raises(OverflowError, match="MAX_STREAM_BYTES"):
            for _ in range(10):
                await view.stream_markdown("s", "x" * 1000)
        await view.stream_error("s", "too long")
    assert "xxx" in document(sink.frames)
    assert sink.ops("s")[-1]["op"] == "error"


# -- the unknown, the gone ---------------------------------------------------------------------------------


async def test_an_unknown_stream() -> None:
    view, sink = new_view()
    await view.stop_stream("unknown")
    await view.stream_done("never started")
    await view.stream_error("never started either", "an error")
    assert [frame["ops"][0]["op"] for frame in sink.frames] == ["done", "error"]


async def test_a_closed_connection_raises_no_storm(caplog: pytest.LogCaptureFixture) -> None:
    consumer = Consumer()
    consumer.sink.fails_with = ConnectionResetError("gone")

    class View(StreamingMixin):
        pass

    view = View()
    view._ws_consumer = consumer
    for number in range(2000):
        await view.stream_text(f"s{number % 7}", "x" * 100)
        await view.stream_markdown("m", "x" * 100)
        await view.stream_insert("i", "x")
    await view.stream_done("s1")
    await view.stream_error("i", "x")
    assert view._djust_streams == {}
    assert len([record for record in caplog.records if record.levelname != "DEBUG"]) <= 1


async def test_everything_at_once_stays_valid() -> None:
    """Hostile calls between good ones: the good ones all arrive."""
    view, sink = new_view()
    for number in range(50):
        await view.stream_text("good", f"{number} ")
        for wrong in (lambda: view.stream_text("good", 5), lambda: view.stream_text("", "x")):
            with pytest.raises((TypeError, ValueError)):
                wrong()
    await view.stream_done("good")
    page = Page()
    for message in sink.messages:
        page.apply(json.loads(message))
    assert page.shown["[dj-stream='good']"] == "".join(f"{number} " for number in range(50))
