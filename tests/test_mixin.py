"""StreamingMixin without a server: every method, its order, and what start_stream does."""

from __future__ import annotations

import asyncio
import gc
import inspect
import logging
import threading
import weakref
from typing import Any

import project  # noqa: F401  (sets Django up)
import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.test import override_settings
from django.utils.functional import lazystr
from django.utils.safestring import mark_safe
from djust.streaming import StreamingMixin as DjustStreamingMixin
from sinks import Consumer, MemorySink, Page, document

from djust_stream import StreamClosedError, StreamingMixin

ROOT = "[dj-stream='s']"


class View(StreamingMixin):
    """No base, no __init__ of its own."""


def new_view(sink: MemorySink | None = None, cls: type[Any] = View) -> tuple[Any, MemorySink]:
    view = cls()
    consumer = Consumer(sink)
    view._ws_consumer = consumer
    assert view._ws_consumer is consumer
    return view, consumer.sink


def shown(sink: MemorySink, target: str = ROOT) -> str:
    page = Page()
    for frame in sink.frames:
        page.apply(frame)
    return page.shown.get(target, "")


# -- djust's methods ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [name for name in vars(DjustStreamingMixin) if name.startswith("stream_") or name == "push_state"],
)
def test_djusts_methods_have_djusts_parameters(name: str) -> None:
    theirs = inspect.signature(getattr(DjustStreamingMixin, name)).parameters
    ours = inspect.signature(getattr(StreamingMixin, name)).parameters
    assert list(ours) == list(theirs)
    for parameter in theirs:
        if (name, parameter) == ("stream_text", "mode"):
            assert ours[parameter].default is None  # the page decides; without its word it is "append"
        else:
            assert ours[parameter].default == theirs[parameter].default


async def test_every_op_in_the_order_of_the_calls() -> None:
    view, sink = new_view()
    await view.stream_start("s")
    await view.stream_text("s", "b")
    await view.stream_text("s", text="c", mode="append")
    await view.stream_text("s", "a", "prepend")
    await view.stream_insert("s", "<i>d</i>")
    await view.stream_insert("s", "<b>0</b>", at="prepend")
    await view.stream_to("s", target="#other", html="<p>x</p>")
    await view.stream_text("s", "y", target="#other")
    await view.stream_prune("s", 5, "bottom")
    await view.stream_delete("s", "#gone")
    await view.stream_done(stream_name="s")
    assert shown(sink) == "<b>0</b>abc<i>d</i>"
    assert shown(sink, "#other") == "<p>x</p>y"
    ops = sink.ops("s")
    assert ops[0]["op"] == "start"
    assert ops[-3:] == [
        {"op": "prune", "target": ROOT, "limit": 5, "edge": "bottom"},
        {"op": "delete", "target": "#gone"},
        {"op": "done", "target": ROOT},
    ]
    assert {frame["type"] for frame in sink.frames} == {"stream"}


async def test_error_keeps_the_text_and_is_last() -> None:
    view, sink = new_view()
    await view.stream_text("s", "partial")
    await view.stream_error("s", "no luck")
    await view.stream_error("s", "again")  # the first one stands
    await view.stream_done("s")  # as a "finally" does it: nothing
    assert shown(sink) == "partial"
    assert sink.ops("s")[-1] == {"op": "error", "target": ROOT, "error": "no luck"}
    assert [op["op"] for op in sink.ops("s")] == ["text", "error"]


async def test_done_twice_is_once_and_text_after_it_is_refused() -> None:
    view, sink = new_view()
    await view.stream_text("s", "a")
    await view.stream_done("s")
    await view.stream_done("s")
    with pytest.raises(StreamClosedError, match="stream_start"):
        await view.stream_text("s", "b")
    with pytest.raises(StreamClosedError):
        await view.stream_markdown("s", "b")
    with pytest.raises(StreamClosedError):
        await view.stream_error("s", "too late")
    await view.stream_start("s")
    await view.stream_text("s", "c")
    await view.stream_done("s")
    assert [op["op"] for op in sink.ops("s")] == ["text", "done", "start", "text", "done"]
    epochs = [frame["epoch"] for frame in sink.frames]
    assert sink.seqs("s") == [1, 2, 1, 2], "a new stream counts anew"
    assert (epochs[0], epochs[2]) == (epochs[1], epochs[3])
    assert epochs[0] != epochs[2]


async def test_markdown_arrives_as_html() -> None:
    view, sink = new_view()
    for piece in ("**bo", "ld** <", b"b>", "\n"):
        await view.stream_markdown("s", piece)
        await asyncio.sleep(0.02)
    await view.stream_done("s")
    assert document(sink.frames) == '<p dir="auto"><strong>bold</strong> &lt;b&gt;</p>'


async def test_what_stands_for_text_is_taken() -> None:
    view, sink = new_view()

    class Widget:
        def __html__(self) -> str:
            return "<w>"

    await view.stream_text("s", mark_safe("<safe>"))
    await view.stream_text("s", lazystr("lazy"))
    await view.stream_insert("s", Widget())
    await view.stream_done("s")
    assert shown(sink) == "<safe>lazy<w>"


async def test_without_a_connection_nothing_happens() -> None:
    view = View()
    await view.stream_start("s")
    await view.stream_text("s", "a")
    await view.stream_markdown("s", "a")
    await view.stream_to("s", html="<p>")
    await view.stream_done("s")
    await view.start_stream("s", Answering().answer, 1)
    await view.stop_stream("s")
    assert view._djust_streams is None


async def test_a_closed_connection_ends_quietly() -> None:
    view, sink = new_view()
    await view.stream_text("s", "a")
    view.stream_detach()
    view.stream_detach()
    for _ in range(1000):
        await view.stream_text("s", "x" * 1000)
        await view.stream_markdown("t", "x" * 1000)
    await view.stream_done("s")
    assert sink.text("s") == "a"
    assert view._djust_streams == {}


async def test_a_new_connection_begins_afresh() -> None:
    view, old = new_view()
    await view.stream_text("s", "a")
    new = Consumer()
    view._ws_consumer = new
    view._ws_consumer = new
    await view.stream_text("s", "b")
    await view.stream_done("s")
    assert (old.text("s"), new.sink.text("s")) == ("a", "b")
    assert new.sink.seqs("s")[0] == 1


async def test_tasks_of_single_calls_work() -> None:
    """As ``asyncio.create_task(view.stream_text(…))``, which djust's coroutines allow."""
    view, sink = new_view()
    tasks = [asyncio.create_task(view.stream_text("s", str(number))) for number in range(10)]
    await asyncio.gather(*tasks)
    await asyncio.create_task(view.stream_done("s"))
    assert sink.text("s") == "0123456789"


def test_async_to_sync_works() -> None:
    view = View()
    sink = MemorySink()
    view._ws_consumer = Consumer(sink)  # outside of any loop
    for number in range(5):
        async_to_sync(view.stream_text)("s", str(number))
    async_to_sync(view.stream_done)("s")
    assert sink.text("s") == "01234"
    assert sink.ops("s")[-1]["op"] == "done"


async def test_a_synchronous_handler_in_a_thread() -> None:
    view, sink = new_view()

    def handler() -> None:
        assert threading.current_thread() is not threading.main_thread()
        view.stream_start("s")
        for number in range(500):
            view.stream_text("s", f"{number} ")
        async_to_sync(view.stream_text)("s", "x")
        view.stream_done("s")

    await sync_to_async(handler)()
    await asyncio.sleep(0.02)
    assert sink.text("s") == "".join(f"{number} " for number in range(500)) + "x"
    assert sink.ops("s")[-1]["op"] == "done"


async def test_a_view_is_freed_without_the_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        view, _ = new_view()
        await view.stream_text("s", "a")
        await view.stream_done("s")
        await asyncio.sleep(0.06)
        view.stream_detach()
        gone = weakref.ref(view)
        del view
        assert gone() is None
    finally:
        gc.enable()


async def test_the_interval_comes_from_the_settings() -> None:
    with override_settings(DJUST_STREAM={"INTERVAL_S": 5}):
        view, sink = new_view()
        await view.stream_text("s", "a")
        await view.stream_text("s", "b")
        await asyncio.sleep(0.05)
        assert sink.text("s") == "a"
        await view.stream_done("s")
        assert sink.text("s") == "ab"


# -- start_stream, stop_stream ------------------------------------------------------------------


class Answering(StreamingMixin):
    """Streams in the background."""

    ended = ""

    async def answer(self, tokens: int, gap_s: float = 0.001, fail_at: int = -1) -> None:
        try:
            for number in range(tokens):
                if number == fail_at:
                    raise ValueError("key=sk-secret is not valid")
                await self.stream_text("s", f"{number} ")
                await asyncio.sleep(gap_s)
            self.ended = "returned"
        except asyncio.CancelledError:
            self.ended = "cancelled"
            raise


async def idle(view: Any) -> None:
    """Until what start_stream runs has ended."""
    await asyncio.gather(*view._djust_tasks.values(), return_exceptions=True)


@pytest.mark.parametrize("awaited", [True, False])
async def test_a_started_stream_runs_beside_its_caller(awaited: bool) -> None:
    view, sink = new_view(cls=Answering)
    started = view.start_stream("s", view.answer, 30, gap_s=0.001)
    if awaited:
        await started
    assert view.ended == ""
    await idle(view)
    assert view.ended == "returned"
    assert sink.text("s") == "".join(f"{number} " for number in range(30))
    kinds = [op["op"] for op in sink.ops("s")]
    assert (kinds[0], kinds[-1], kinds.count("done")) == ("start", "done", 1)


async def test_an_exception_is_told_fit_for_a_reader(caplog: pytest.LogCaptureFixture) -> None:
    view, sink = new_view(cls=Answering)
    view.start_stream("s", view.answer, 30, fail_at=10)
    await idle(view)
    assert sink.text("s") == "".join(f"{number} " for number in range(10))
    last = sink.ops("s")[-1]
    assert last["op"] == "error"
    assert last["error"] == "Something went wrong. The answer may be incomplete."
    assert "sk-secret" not in "".join(sink.messages)
    assert "sk-secret" in caplog.text
    assert {record.name for record in caplog.records} == {"djust_stream"}


async def test_the_words_of_an_error_are_the_views() -> None:
    class Polite(Answering):
        def stream_error_message(self, stream_name: str, error: Exception) -> str:
            return f"{stream_name}: {type(error).__name__}"

    view, sink = new_view(cls=Polite)
    view.start_stream("s", view.answer, 3, fail_at=1)
    await idle(view)
    assert sink.ops("s")[-1]["error"] == "s: ValueError"


@pytest.mark.parametrize("awaited", [True, False])
async def test_stop_keeps_the_text_and_cancels(awaited: bool) -> None:
    view, sink = new_view(cls=Answering)
    view.start_stream("s", view.answer, 1000, gap_s=0.001)
    await asyncio.sleep(0.02)
    stopped = view.stop_stream("s")
    if awaited:
        await stopped
        assert sink.ops("s")[-1]["op"] == "done"  # told when the call is back
    await asyncio.sleep(0.01)
    assert view.ended == "cancelled"
    assert sink.ops("s")[-1] == {"op": "done", "target": ROOT, "reason": "stopped"}
    assert 2 <= len(sink.text("s").split()) < 1000
    assert not view._djust_tasks
    await view.stop_stream("s")
    await view.stop_stream("unknown")
    assert [op["op"] for op in sink.ops("s")].count("done") == 1


async def test_stop_before_the_first_step() -> None:
    view, sink = new_view(cls=Answering)
    view.start_stream("s", view.answer, 10)
    await view.stop_stream("s")
    await asyncio.sleep(0.01)
    assert [op["op"] for op in sink.ops("s")] == ["start", "done"]


async def test_a_retry_stops_the_first_and_follows_it() -> None:
    view, sink = new_view(cls=Answering)
    view.start_stream("s", view.answer, 1000)
    await asyncio.sleep(0.02)
    view.start_stream("s", view.answer, 5)
    await idle(view)
    kinds = [op["op"] for op in sink.ops("s") if op["op"] != "text"]
    assert kinds == ["start", "done", "start", "done"]
    ops = sink.ops("s")
    again = len(ops) - 1 - [op["op"] for op in reversed(ops)].index("start")
    assert "".join(op.get("text", "") for op in ops[again:]) == "0 1 2 3 4 "


async def test_a_coroutine_that_goes_on_after_stop_is_heard_no_more() -> None:
    class Stubborn(StreamingMixin):
        refused: Any = None

        async def answer(self) -> None:
            await self.stream_text("s", "a")
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                try:
                    await self.stream_text("s", "b")
                except StreamClosedError as error:
                    self.refused = error

    view, sink = new_view(cls=Stubborn)
    view.start_stream("s", view.answer)
    await asyncio.sleep(0.01)
    await view.stop_stream("s")
    await asyncio.sleep(0.01)
    assert sink.text("s") == "a"
    assert view.refused is not None


async def test_a_coroutine_may_end_its_stream_itself() -> None:
    class Own(StreamingMixin):
        async def answer(self) -> None:
            await self.stream_text("s", "a")
            await self.stream_error("s", "my own words")

    view, sink = new_view(cls=Own)
    view.start_stream("s", view.answer)
    await idle(view)
    assert [op["op"] for op in sink.ops("s")] == ["start", "text", "error"]


async def test_a_disconnect_cancels() -> None:
    view, _ = new_view(cls=Answering)
    view.start_stream("s", view.answer, 1000)
    await asyncio.sleep(0.01)
    view.stream_detach()
    await asyncio.sleep(0.01)
    assert view.ended == "cancelled"


async def test_a_connection_found_closed_cancels(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody calls stream_detach: the failing send does it."""
    caplog.set_level(logging.INFO, "djust_stream")
    view, sink = new_view(cls=Answering)
    view.start_stream("s", view.answer, 1000)
    await asyncio.sleep(0.01)
    sink.fails_with = ConnectionResetError()
    await asyncio.sleep(0.06)
    assert view.ended == "cancelled"
    assert len(caplog.records) == 1


async def test_start_and_stop_from_a_thread() -> None:
    view, sink = new_view(cls=Answering)

    def start() -> None:
        view.start_stream("s", view.answer, 1000)

    def stop() -> None:
        view.stop_stream("s")

    await sync_to_async(start)()
    await asyncio.sleep(0.02)
    await sync_to_async(stop)()
    await asyncio.sleep(0.02)
    assert view.ended == "cancelled"
    assert sink.ops("s")[-1]["reason"] == "stopped"


async def test_push_state_needs_a_template() -> None:
    view, _ = new_view()
    with pytest.raises(RuntimeError, match="stream_to"):
        await view.push_state()
    with pytest.raises(TypeError, match="html="):
        await view.stream_to("s")
