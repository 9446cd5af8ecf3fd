"""Streams that outlive their readers' connections: whatever is cut, the page is the page without cuts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from readers import ResumingPage
from sinks import MemorySink

from djust_stream import ops
from djust_stream._core import FORM_COMPACT, OPS
from djust_stream.cursor import Cursor
from djust_stream.limits import Limits
from djust_stream.reader import Nowhere, Reader
from djust_stream.record import Record
from djust_stream.stores.memory import MemoryStore
from djust_stream.stream import Stream

LIMITS = Limits(interval_s=0.001, markdown={"footnotes": True})
SMALL, LARGE = 400, 1 << 20


class Tab:
    """A reader of a stream, whose connection is cut and comes back."""

    def __init__(self, store: MemoryStore, stream: Stream) -> None:
        assert stream.record is not None
        self.store, self.stream, self.record = store, stream, stream.record
        self.page = ResumingPage()
        self.cursor: Cursor | None = None
        self.sink = MemorySink(FORM_COMPACT)

    def back(self) -> None:
        """Follow, from what the page has."""
        if self.cursor is None:
            self.sink = MemorySink(FORM_COMPACT)
            self.cursor = Cursor(self.store, Reader(self.sink), self.record.id, "s", self.page.seq)
            self.cursor.start()

    def cut(self, arrived: int) -> None:
        """The connection breaks; of what was sent since, so many messages arrive."""
        if self.cursor is not None:
            self.cursor.close()
            self.cursor = None
        for message in self.sink.messages[:arrived]:
            self.page.receive(message)
        self.sink = MemorySink(FORM_COMPACT)

    def reload(self) -> None:
        self.cut(0)
        self.page = ResumingPage()
        self.back()

    def stall(self, stalls: bool) -> None:
        """It does not read for a while."""
        if stalls and self.sink.gate is None:
            self.sink.gate = asyncio.Event()
        elif not stalls and self.sink.gate is not None:
            self.sink.gate.set()
            self.sink.gate = None

    async def until_ended(self) -> None:
        self.stall(False)
        self.back()
        for _ in range(2000):
            self.cut_nothing()
            if self.page.ended or self.page.gone:
                break
            await asyncio.sleep(0.001)
        self.cut(0)

    def cut_nothing(self) -> None:
        """Read what has come."""
        messages, self.sink.messages = self.sink.messages, []
        for message in messages:
            self.page.receive(message)


SAMPLES = [
    "# Title\n\nSome **bold",
    "** text, `code",
    "` and [a link](http",
    "://e.x/y) [late] ",
    "\n\n- one\n- two\n",
    "\n- loose now\n\n  1. deep\n  2. er\n",
    "| a | b |\n|---|---|\n| 1 | 2",
    " |\n| 3 | 4 |\n\n",
    "```py\nx = 1\n",
    "```\n\n> quote\n> on\n",
    "\n\n[late]: http://late.example\n\n",
    "note[^1] and\n\n",
    "\n\n[^1]: the footnote *itself*\n\n",
    "- [ ] task\n- [x] done\n",
    "&amp; < é 🎉",
]
CALLS = st.one_of(
    st.tuples(st.just("markdown"), st.sampled_from(SAMPLES)),
    st.tuples(st.just("markdown"), st.text(alphabet="ab *_`[]()#-\n|>1.!<&\\é", max_size=12)),
    st.tuples(st.sampled_from(["text_append", "text_replace", "text_prepend"]), st.text(max_size=8)),
    st.tuples(
        st.sampled_from(["append", "prepend", "replace"]), st.sampled_from(["<p>x</p>", "y <em>z</em>"])
    ),
    st.tuples(st.just("start"), st.just("")),
)
TABS = st.integers(0, 2)
EVENTS = st.lists(
    st.one_of(
        CALLS,
        CALLS,
        st.tuples(st.just("frame"), st.just("")),
        st.tuples(st.sampled_from(["back", "reload", "stall", "go"]), TABS),
        st.tuples(st.just("cut"), st.tuples(TABS, st.integers(0, 3))),
    ),
    max_size=40,
)
CONTROL = {"back", "reload", "stall", "go", "cut", "frame"}


def push(stream: Stream, kind: str, text: str) -> None:
    """One of the CALLS."""
    text = "".join(char for char in text if char >= " " or char == "\n").replace("\ud800", "")
    if kind == "markdown":
        stream.push_markdown(text)
    else:
        stream.push(OPS[kind], text)


@settings(max_examples=300, deadline=None)
@given(events=EVENTS, log_bytes=st.sampled_from([SMALL, 1500, LARGE]), handed=st.booleans())
def test_the_page_after_any_cuts_is_the_page_without(events: list[Any], log_bytes: int, handed: bool) -> None:
    async def main() -> list[ResumingPage]:
        store = MemoryStore(log_bytes)
        record = Record("s", store, window_s=5)
        record.handed = handed  # if not, the first who follows finds no frame, and is shown a snapshot
        sink = MemorySink(FORM_COMPACT)
        stream = Stream("s", Reader(sink), LIMITS, record=record)
        stream.push(ops.START)
        await stream.flush()
        tabs = [Tab(store, stream) for _ in range(3)]
        for kind, what in events:
            if kind == "frame":
                await stream.flush()
                await asyncio.sleep(0)
            elif kind == "cut":
                tabs[what[0]].cut(what[1])
            elif kind in CONTROL:
                tab = tabs[what]
                if kind in ("stall", "go"):
                    tab.stall(kind == "stall")
                else:
                    getattr(tab, kind)()
            else:
                push(stream, kind, what)
        record.handed = True
        await stream.end(ops.DONE)
        tabs.append(Tab(store, stream))  # and one that comes late
        for tab in tabs:
            await tab.until_ended()
        whole = ResumingPage()
        for message in sink.messages:
            whole.receive(message)
        return [whole, *(tab.page for tab in tabs)]

    whole, *others = asyncio.run(main())
    assert whole.ended == ["done"]
    assert (whole.gaps, whole.snapshots) == (0, 0)
    for page in others:
        assert not page.gone
        assert page.html == whole.html
        assert (page.seq, page.ended, page.started) == (whole.seq, whole.ended, whole.started)
        assert page.gaps == 0


async def test_frames_that_nobody_can_ask_for_are_not_kept() -> None:
    store = MemoryStore()
    record = Record("s", store, window_s=5)
    stream = Stream("s", Reader(Nowhere(FORM_COMPACT)), LIMITS, record=record)
    log = record.open()
    for _ in range(3):
        await stream.push(ops.TEXT, "a")
        await stream.flush()
    assert (log.seq, log.frames.last) == (3, 0)
    tab = Tab(store, stream)
    tab.back()
    await asyncio.sleep(0)
    assert record.handed
    await stream.push(ops.TEXT, "b")
    await stream.flush()
    assert (log.seq, log.frames.first, log.frames.last) == (4, 4, 4)
    await stream.end(ops.DONE)
    await tab.until_ended()
    assert (tab.page.html, tab.page.snapshots, tab.page.gaps) == ("aaab", 1, 0)


@pytest.mark.parametrize("max_bytes", [16 << 20, 100_000])
async def test_nobody_waits_for_a_reader_that_falls_behind_and_nothing_grows(max_bytes: int) -> None:
    """All readers are cursors. One reads nothing: the log stays within its limit, the producer goes on, and
    the reader is skipped ahead by a snapshot, or told when the stream has outgrown that."""
    store = MemoryStore(log_bytes=8192)
    record = Record("s", store, window_s=5, max_bytes=max_bytes)
    record.handed = True
    stream = Stream("s", Reader(Nowhere(FORM_COMPACT)), LIMITS, record=record)
    quick, slow = Tab(store, stream), Tab(store, stream)
    log = record.open()
    for tab in (quick, slow):
        tab.back()
    slow.stall(True)
    text = "".join(f"{number:09d} " for number in range(30_000))
    for at in range(0, len(text), 300):
        await stream.push(ops.TEXT, text[at : at + 300])
        await stream.flush()
        await asyncio.sleep(0)
        frames = log.frames.after(log.frames.first - 1)
        assert sum(map(len, frames[:-1])) <= 8192
        assert log.frames.last == stream.seq
        quick.cut_nothing()
        assert len(slow.sink.messages) <= 1 and slow.sink.in_flight <= 1
    await stream.end(ops.DONE)
    await quick.until_ended()
    await slow.until_ended()
    assert (quick.page.html, quick.page.snapshots) == (text, 0)
    if max_bytes > len(text):
        assert (slow.page.html, slow.page.snapshots, slow.page.gone) == (text, 1, False)
    else:
        assert slow.page.gone
        assert record.snapshot() is None
    assert slow.page.gaps == 0
