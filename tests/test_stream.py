"""Stream and Reader: law 1, order, back-pressure, the first op, the end."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
import time
from contextvars import ContextVar
from time import monotonic
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sinks import MemorySink, Page, document
from streaming import one_shot

from djust_stream import ops
from djust_stream._core import FINISHED, FORM_COMPACT
from djust_stream.limits import Limits, id_prefix
from djust_stream.markdown import render_markdown
from djust_stream.reader import Reader
from djust_stream.stream import Stream, StreamClosedError
from djust_stream.streams import Streams

FAST = Limits(interval_s=0.002)


def new_stream(sink: MemorySink, limits: Limits = FAST, name: str = "s") -> Stream:
    return Stream(name, Reader(sink), limits)


# -- law 1 -------------------------------------------------------------------------------------

TARGETS = st.sampled_from(["", "#x"])
TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=6)
CALLS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["text", "text_append", "text_prepend", "text_replace"]), TEXTS, TARGETS),
        st.tuples(st.sampled_from(["append", "prepend", "replace"]), TEXTS, TARGETS),
        st.tuples(st.sampled_from(["start", "pause"]), st.just(""), TARGETS),
        st.tuples(st.just("delete"), st.just(""), st.just("#y")),
    ),
    max_size=30,
)


def shown_one_by_one(calls: list[tuple[str, str, str]]) -> Page:
    """The page when each call is applied by itself: the law, the slow way."""
    page = Page()
    for kind, text, target in calls:
        place = target or "[dj-stream='s']"
        if kind.startswith("text"):
            mode = kind.removeprefix("text").strip("_") or "append"
            page.apply_op({"op": "text", "target": place, "text": text, "mode": mode})
        elif kind in ("append", "prepend", "replace"):
            page.apply_op({"op": kind, "target": place, "html": text})
        elif kind != "pause":
            page.apply_op({"op": kind, "target": place})
    return page


@settings(max_examples=150, deadline=None)
@given(calls=CALLS, slow=st.booleans())
def test_the_page_is_as_if_each_call_had_been_applied(calls: list[tuple[str, str, str]], slow: bool) -> None:
    sink = MemorySink(delay_s=0.0003 if slow else None)

    async def main() -> None:
        stream = new_stream(sink, Limits(interval_s=0.001))
        for kind, text, target in calls:
            if kind == "pause":
                await asyncio.sleep(0.0012)
            else:
                await stream.push(ops.OPS[kind], text, target)
        await stream.end(ops.DONE)
        await asyncio.sleep(0.002 if slow else 0)

    asyncio.run(main())
    page = Page()
    for frame in sink.frames:
        page.apply(frame)
    expected = shown_one_by_one(calls)
    expected.apply_op({"op": "done", "target": "[dj-stream='s']"})
    assert page.shown == expected.shown
    assert page.log == expected.log
    assert sink.seqs("s") == list(range(1, len(sink.frames) + 1))
    assert sink.most_in_flight == 1


@pytest.mark.parametrize("gap_s", [0, 0.0005, 0.003])
@pytest.mark.parametrize("delay_s", [None, 0.004])
async def test_no_token_is_lost_at_any_pace(gap_s: float, delay_s: float | None) -> None:
    sink = MemorySink(delay_s=delay_s)
    reader = Reader(sink)
    streams = [Stream(f"s{number}", reader, FAST) for number in range(4)]

    async def produce(stream: Stream) -> None:
        await stream.push(ops.START)
        for token in range(60):
            await stream.push(ops.TEXT, f"{token} ")
            if gap_s:
                await asyncio.sleep(gap_s)
        await stream.end(ops.DONE)

    await asyncio.gather(*map(produce, streams))
    await asyncio.sleep(0.03)
    for stream in streams:
        assert sink.text(stream.name) == "".join(f"{token} " for token in range(60))
        kinds = [op["op"] for op in sink.ops(stream.name)]
        assert (kinds[0], kinds[-1], kinds.count("done")) == ("start", "done", 1)
        assert sink.seqs(stream.name) == list(range(1, len(sink.seqs(stream.name)) + 1))
    assert sink.most_in_flight == 1  # one connection, one send


# -- when --------------------------------------------------------------------------------------


async def test_the_first_op_of_an_idle_stream_goes_at_once() -> None:
    sink = MemorySink()
    stream = new_stream(sink, Limits(interval_s=1))
    await stream.push(ops.TEXT, "a")
    assert sink.text("s") == "a"
    await stream.push(ops.TEXT, "b")
    await asyncio.sleep(0.01)
    assert sink.text("s") == "a"  # the next one waits for the tick
    await stream.end(ops.DONE)
    assert sink.text("s") == "ab"  # the end does not


async def test_the_first_ops_of_several_idle_streams_go_at_once() -> None:
    """They share a connection, and one of them is the first to have it."""
    sink = MemorySink()
    reader = Reader(sink)
    streams = [Stream(f"s{number}", reader, Limits(interval_s=1)) for number in range(4)]
    await asyncio.gather(*(stream.push(ops.TEXT, "a") for stream in streams))
    assert [sink.text(stream.name) for stream in streams] == ["a"] * 4


async def test_an_idle_stream_is_quick_again() -> None:
    sink = MemorySink()
    stream = new_stream(sink, Limits(interval_s=0.01))
    for text in "abc":
        await stream.push(ops.TEXT, text)
        assert sink.text("s").endswith(text)
        await asyncio.sleep(0.035)
    assert len(sink.messages) == 3


async def test_at_most_a_frame_per_interval() -> None:
    sink = MemorySink()
    stream = new_stream(sink, Limits(interval_s=0.02))
    start = monotonic()
    for _ in range(100):
        await stream.push(ops.TEXT, "x")
        await asyncio.sleep(0.002)
    assert len(sink.messages) <= (monotonic() - start) / (0.02 * 0.75) + 1
    assert len(sink.messages) >= 5


async def test_a_push_that_only_waits_for_the_tick_is_finished() -> None:
    stream = new_stream(MemorySink(), Limits(interval_s=1))
    await stream.push(ops.TEXT, "a")
    assert stream.push(ops.TEXT, "b") is FINISHED
    await asyncio.create_task(FINISHED)
    await asyncio.gather(FINISHED, FINISHED)


async def test_a_producer_that_never_waits_leaves_the_loop_its_turn() -> None:
    """``for token in tokens: await push(token)`` awaits nothing of its own."""
    sink = MemorySink()
    stream = new_stream(sink, Limits(interval_s=0.005))
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    task = asyncio.create_task(other())
    until = monotonic() + 0.3
    count = 0
    while monotonic() < until:
        await stream.push(ops.TEXT, "x")
        count += 1
    task.cancel()
    frames = len(sink.messages)
    await stream.end(ops.DONE)
    assert sink.text("s") == "x" * count
    assert turns >= 5  # 40 on a machine that has nothing else to do
    assert 3 <= frames <= 80


async def test_a_producer_that_blocks_between_tokens_leaves_the_loop_its_turn() -> None:
    """Each token comes when the stream is idle again, but the loop has had no turn since the last."""
    sink = MemorySink()
    stream = new_stream(sink, Limits(interval_s=0.002))
    turns: list[int] = []
    for number in range(10):
        asyncio.get_running_loop().call_soon(turns.append, number)
        await stream.push(ops.TEXT, f"{number} ")
        time.sleep(0.003)  # noqa: ASYNC251
    assert len(turns) >= 5
    await stream.end(ops.DONE)
    assert sink.text("s") == "".join(f"{number} " for number in range(10))


async def test_a_late_loop_gets_larger_frames() -> None:
    """What producers owe after a pause of the loop goes in one frame after the first, not in one each."""
    sink = MemorySink()
    reader = Reader(sink)
    streams = [Stream(f"s{number}", reader, Limits(interval_s=0.005)) for number in range(20)]

    async def produce(stream: Stream) -> None:
        for _ in range(10):
            await stream.push(ops.TEXT, "x")

    for _ in range(3):
        await asyncio.gather(*map(produce, streams))
        time.sleep(0.02)  # noqa: ASYNC251
    await asyncio.sleep(0.02)
    assert len(sink.messages) <= 20 * 3 * 2
    assert all(sink.text(stream.name) == "x" * 30 for stream in streams)


async def test_a_send_that_waits_goes_on_in_its_own_context() -> None:
    """Its first step is taken without a task; what it set before it waited, it can take back after."""
    variable: ContextVar[str] = ContextVar("variable", default="outside")
    seen: list[str] = []

    class Wrapping(MemorySink):
        async def send(self, text: str) -> None:
            token = variable.set("sending")
            await super().send(text)
            seen.append(variable.get())
            variable.reset(token)

    sink = Wrapping(delay_s=0.001)
    stream = new_stream(sink)
    for number in range(4):
        await stream.push(ops.TEXT, str(number))
        assert variable.get() == "outside"
        sink.delay_s = None if number % 2 else 0.001
        await asyncio.sleep(0.005)
    await stream.end(ops.DONE)
    await asyncio.sleep(0.005)
    assert sink.text("s") == "0123"
    assert set(seen) == {"sending"}


async def test_calls_that_are_not_awaited_keep_their_order() -> None:
    sink = MemorySink()
    stream = new_stream(sink)
    tasks = [asyncio.ensure_future(stream.push(ops.TEXT, str(number))) for number in range(10)]
    await asyncio.gather(*tasks, stream.end(ops.DONE))
    assert sink.text("s") == "0123456789"


# -- slow and gone readers ---------------------------------------------------------------------


async def test_a_reader_that_does_not_read_makes_the_producer_wait() -> None:
    sink = MemorySink()
    sink.gate = asyncio.Event()
    stream = new_stream(sink, Limits(interval_s=0.002, max_pending_bytes=10_000))
    pushed = 0

    async def produce() -> None:
        nonlocal pushed
        for _ in range(1000):
            await stream.push(ops.TEXT, "x" * 100)
            pushed += 1
        await stream.end(ops.DONE)

    task = asyncio.create_task(produce())
    await asyncio.sleep(0.1)
    assert not task.done()
    assert pushed < 250
    assert stream.pending_bytes < 11_000
    sink.gate.set()
    await asyncio.wait_for(task, 5)
    await asyncio.sleep(0.01)
    assert sink.text("s") == "x" * 100_000


async def test_a_cancelled_producer_costs_no_frame() -> None:
    sink = MemorySink(delay_s=0.02)
    reader = Reader(sink)
    one, two = Stream("one", reader, FAST), Stream("two", reader, FAST)
    task = asyncio.ensure_future(one.push(ops.TEXT, "a"))
    await asyncio.sleep(0)
    task.cancel()
    await two.push(ops.TEXT, "b")
    await one.end(ops.DONE)
    await two.end(ops.DONE)
    await asyncio.sleep(0.12)
    assert (sink.text("one"), sink.text("two")) == ("a", "b")


@pytest.mark.parametrize(
    "error", [OSError("gone"), ConnectionResetError(), RuntimeError("after close"), KeyError("a bug")]
)
async def test_a_failing_send_closes_that_reader_only(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "djust_stream")
    bad, good = MemorySink(), MemorySink()
    bad.fails_with = error
    lost, kept = new_stream(bad), new_stream(good)
    for _ in range(200):
        await lost.push(ops.TEXT, "x" * 100)
        await kept.push(ops.TEXT, "x")
    await asyncio.sleep(0.01)
    assert lost.reader.closed
    await lost.push(ops.TEXT, "more")
    assert lost.pending_bytes == 0
    await lost.end(ops.DONE)
    await kept.end(ops.DONE)
    assert good.text("s") == "x" * 200
    assert len(caplog.records) == 1  # told once, not once a token


async def test_a_reader_that_goes_lets_its_waiting_producer_go() -> None:
    sink = MemorySink()
    sink.gate = asyncio.Event()
    streams = Streams(Reader(sink), Limits(interval_s=0.002, max_pending_bytes=2000))
    streams.reader.on_close = streams.drop
    stream = streams.open("s")
    await stream.push(ops.TEXT, "x")
    await asyncio.sleep(0.005)
    waiting = asyncio.ensure_future(stream.push(ops.TEXT, "x" * 5000))
    await asyncio.sleep(0.02)
    assert not waiting.done()
    streams.reader.close()
    await asyncio.wait_for(waiting, 1)
    await stream.push(ops.TEXT, "more")
    await stream.end(ops.DONE)
    assert stream.pending_bytes == 0


# -- the end -----------------------------------------------------------------------------------


@pytest.mark.parametrize("op", [ops.DONE, ops.ERROR])
async def test_nothing_follows_the_end(op: int) -> None:
    sink = MemorySink()
    stream = new_stream(sink)
    await stream.push(ops.TEXT, "a")
    await stream.end(op, "")
    told = r"'s' has ended .* stream_start\('s'\)"
    with pytest.raises(StreamClosedError, match=told):
        stream.push(ops.TEXT, "b")
    with pytest.raises(StreamClosedError, match=told):
        stream.push_markdown("b")
    with pytest.raises(StreamClosedError, match=told):
        stream.end(ops.DONE)
    await asyncio.sleep(0.01)
    assert sink.text("s") == "a"


async def test_a_name_can_start_again_and_its_seq_goes_on() -> None:
    sink = MemorySink(delay_s=0.003)
    streams = Streams(Reader(sink), FAST)
    for turn in range(3):
        stream = streams.open("s")
        await stream.push(ops.START)
        await stream.push(ops.TEXT, str(turn))
        streams.end(stream, ops.DONE)  # nobody waits for it
    await asyncio.sleep(0.1)
    assert sink.text("s") == "012"
    assert sink.seqs("s") == list(range(1, len(sink.messages) + 1))


async def test_ended_names_are_forgotten_one_day() -> None:
    streams = Streams(Reader(MemorySink()), FAST)
    for number in range(Streams.MAX_ENDED + 5):
        await streams.end(streams.open(f"s{number}"), ops.DONE)
    assert len(streams) == Streams.MAX_ENDED
    assert "s0" not in streams


async def test_a_frame_that_cannot_be_made_ends_its_stream_only(caplog: pytest.LogCaptureFixture) -> None:
    sink = MemorySink()
    reader = Reader(sink)
    bad, good = Stream("bad", reader, FAST), Stream("good", reader, FAST)

    class Broken:
        pending_bytes = 1

        def flush(self, *args: Any) -> None:
            raise MemoryError

    bad._documents["#x"] = Broken()  # type: ignore[assignment]
    await bad.push_markdown("a")
    await good.push(ops.TEXT, "b")
    await asyncio.sleep(0.01)
    await good.end(ops.DONE)
    assert sink.text("good") == "b"
    assert sink.ops("bad")[-1]["op"] == "error"
    assert bad.ended == "error"
    assert "could not be made" in caplog.text


# -- Markdown in a stream ----------------------------------------------------------------------


async def test_markdown_has_the_options_of_the_limits() -> None:
    sink = MemorySink()
    stream = new_stream(sink, Limits(interval_s=1, images="show", markdown={"breaks": True}))
    await stream.push_markdown("a\n![b](c)")
    await stream.end(ops.DONE)
    assert document(sink.frames) == '<p dir="auto">a<br><img src="c" alt="b"></p>'


async def test_streams_on_one_page_share_no_id() -> None:
    text = "# fn 1\n\n# A 1[^x]\n\n[^x]: note\n"
    limits = Limits(interval_s=1, markdown={"footnotes": True, "heading_ids": "doc-"})
    ids: list[str] = []
    sink = MemorySink()
    reader = Reader(sink)
    for name, target in (
        ("a", ""),
        ("a", "#x"),
        ("a-1", ""),
        ("a 1", ""),
        ("A-1", ""),
        ("\u6f22", ""),
        ("7", ""),
    ):
        html = render_markdown(text, **limits.markdown_options(id_prefix(name, target)))
        ids += re.findall(' id="([^"]+)"', html)
    assert ids[:4] == ["a-h-fn-1", "a-fnref-1", "a-a-1", "a-fn-1"]
    assert len(set(ids)) == len(ids) == 28
    stream = Stream("a-1", reader, limits)
    await stream.push_markdown(text)
    await stream.end(ops.DONE)
    assert ' id="a_1-fn-1"' in document(sink.frames)


async def test_markdown_and_other_ops_keep_their_order() -> None:
    sink = MemorySink()
    stream = new_stream(sink, Limits(interval_s=1))
    await stream.push(ops.START)
    await stream.push_markdown("**bo")
    await stream.push_markdown("ld**")
    await stream.push(ops.APPEND, "<hr>")
    await stream.end(ops.DONE)
    assert document(sink.frames) == '<p dir="auto"><strong>bold</strong></p><hr>'
    assert [op["op"] for op in sink.ops("s")][-1] == "done"


@settings(max_examples=60, deadline=None)
@given(
    pieces=st.lists(
        st.sampled_from(
            ["# He", "ad\n", "\n", "- on", "e\n", "  - two\n", "**bo", "ld**", "`co", "de`", "```\n", "x < y",
             "| a | b |\n", "|---|---|\n", "[t](http://e.org)", "é🙂", "> q\n", "1. n\n", "    ", "~~s"]
        ),
        max_size=25,
    ),
    pauses=st.sets(st.integers(0, 24)),
    slow=st.booleans(),
)  # fmt: skip
def test_streamed_markdown_ends_as_rendered_markdown(pieces: list[str], pauses: set[int], slow: bool) -> None:
    """However the pieces fall into frames, and with other ops around them."""
    sink = MemorySink(delay_s=0.0005 if slow else None)

    async def main() -> None:
        stream = new_stream(sink, Limits(interval_s=0.001))
        await stream.push(ops.START)
        for number, piece in enumerate(pieces):
            await stream.push_markdown(piece)
            if number in pauses:
                await asyncio.sleep(0.0012)
        await stream.end(ops.DONE)
        await asyncio.sleep(0.003 if slow else 0)

    asyncio.run(main())
    assert document(sink.frames) == (one_shot("".join(pieces)) if pieces else "")
    assert sink.ops("s")[-1]["op"] == "done"


async def test_a_new_document_replaces_the_old_one() -> None:
    sink = MemorySink()
    stream = new_stream(sink)
    await stream.push_markdown("old answer")
    await stream.push(ops.REPLACE, "")
    await stream.push_markdown("new")
    await stream.end(ops.DONE)
    assert document(sink.frames) == '<p dir="auto">new</p>'


async def test_markdown_waits_for_a_slow_reader_too() -> None:
    sink = MemorySink()
    sink.gate = asyncio.Event()
    stream = new_stream(sink, Limits(interval_s=0.002, max_pending_bytes=4000))
    await stream.push_markdown("x")

    async def produce() -> None:
        for _ in range(300):
            await stream.push_markdown("word " * 20)

    task = asyncio.create_task(produce())
    await asyncio.sleep(0.05)
    assert not task.done()
    assert stream.pending_bytes < 5000
    sink.gate.set()
    await asyncio.wait_for(task, 5)
    await stream.end(ops.DONE)


async def test_the_compact_form() -> None:
    sink = MemorySink(form=FORM_COMPACT)
    stream = new_stream(sink)
    await stream.push(ops.START)
    await stream.push(ops.TEXT_MODES["append"], "Hel")
    await stream.push(ops.TEXT_MODES["append"], "lo")
    await stream.end(ops.DONE)
    said = [op for frame in sink.frames for op in frame["o"]]
    assert said[0] == ["start"]
    assert said[-1][0] == "done"
    assert "".join(op[1] for op in said if op[0] == "ta") == "Hello"


# -- threads -----------------------------------------------------------------------------------


async def test_a_thread_may_push() -> None:
    """As a synchronous handler does: no event loop there, nothing to await."""
    sink = MemorySink()
    stream = new_stream(sink)
    threads = []

    def produce(letter: str) -> None:
        for _ in range(500):
            stream.push(ops.TEXT, letter)

    for letter in "ab":
        threads.append(threading.Thread(target=produce, args=(letter,)))
        threads[-1].start()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    await stream.end(ops.DONE)
    assert sorted(sink.text("s")) == ["a"] * 500 + ["b"] * 500


async def test_another_threads_loop_may_push() -> None:
    sink = MemorySink()
    stream = new_stream(sink, Limits(interval_s=0.002, max_pending_bytes=3000))

    async def produce() -> None:
        for number in range(300):
            await stream.push(ops.TEXT, f"{number:04} " * 4)
        await stream.end(ops.DONE)

    await asyncio.to_thread(asyncio.run, produce())
    await asyncio.sleep(0.02)
    assert sink.text("s") == "".join(f"{number:04} " * 4 for number in range(300))
    assert sink.ops("s")[-1]["op"] == "done"


async def test_a_source_that_cannot_even_fail_ends_its_connection() -> None:
    class Broken:
        name = "s"
        greeting: str | None = None

        def take(self) -> str | None:
            raise MemoryError

        def fail(self) -> str:
            raise MemoryError

    reader, told = Reader(MemorySink()), []
    reader.on_close = lambda: told.append("closed")
    reader.send(Broken())
    assert (reader.busy, reader.closed, told) == (False, True, ["closed"])
