"""stream_text in C: FINISHED and TURN, and a method that nobody can tell from its function."""

from __future__ import annotations

import asyncio
import gc
import inspect
import sys
import threading
from collections.abc import Coroutine
from time import monotonic
from typing import Any

import project  # noqa: F401  (sets Django up)
import pytest
from django.test import override_settings
from django.utils.functional import lazystr
from hypothesis import given, settings
from hypothesis import strategies as st
from sinks import Consumer, MemorySink

from djust_stream import StreamClosedError, StreamingMixin
from djust_stream._core import FINISHED, TURN, Batch, TextMethod

TEXT_FUNCTION = StreamingMixin.stream_text.__wrapped__  # type: ignore[attr-defined]


class View(StreamingMixin):
    pass


class Slow(StreamingMixin):
    """The same without the short way."""

    stream_text = TEXT_FUNCTION


# -- FINISHED and TURN -------------------------------------------------------------------------


@pytest.mark.parametrize("awaitable", [FINISHED, TURN])
async def test_awaited_once_twice_and_never(awaitable: Any) -> None:
    references = sys.getrefcount(awaitable)
    assert await awaitable is None
    assert await awaitable is None
    assert await asyncio.wait_for(awaitable, 1) is None
    await asyncio.gather(awaitable, awaitable)
    assert await asyncio.ensure_future(awaitable) is None
    assert await asyncio.create_task(awaitable, name="t") is None
    assert await asyncio.shield(awaitable) is None
    assert asyncio.iscoroutine(awaitable)
    assert isinstance(awaitable, Coroutine)
    awaitable.close()
    assert await awaitable is None
    await asyncio.sleep(0)
    assert abs(sys.getrefcount(awaitable) - references) <= 2


@pytest.mark.parametrize("awaitable", [FINISHED, TURN])
def test_a_coroutine_by_hand(awaitable: Any) -> None:
    with pytest.raises(StopIteration) as stopped:
        awaitable.send(None)
    assert stopped.value.value is None
    error = ValueError("x")
    for arguments in ((error,), (ValueError, error), (ValueError, error, None)):
        with pytest.raises(ValueError, match="x") as raised:
            awaitable.throw(*arguments)
        assert raised.value is error
    with pytest.raises(asyncio.CancelledError):
        awaitable.throw(asyncio.CancelledError)
    with pytest.raises(ValueError, match="told"):
        awaitable.throw(ValueError, "told")
    with pytest.raises(TypeError):
        awaitable.throw("no error")
    with pytest.raises(TypeError):
        awaitable.throw()
    with pytest.raises(TypeError):
        type(awaitable)()


async def test_what_is_finished_takes_no_turn_and_a_turn_takes_one() -> None:
    turns: list[str] = []
    asyncio.get_running_loop().call_soon(turns.append, "turn")
    await FINISHED
    assert turns == []
    await TURN
    assert turns == ["turn"]


async def test_inside_a_cancelled_task() -> None:
    async def wait() -> None:
        while True:
            await TURN

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# -- the method --------------------------------------------------------------------------------


def test_signature_and_marks_are_the_functions() -> None:
    method: Any = View.stream_text
    assert list(inspect.signature(method).parameters)[:3] == ["self", "stream_name", "text"]
    assert list(inspect.signature(View().stream_text).parameters)[:2] == ["stream_name", "text"]
    assert method.__name__ == "stream_text"
    assert method.__module__ == "djust_stream.mixin"
    assert method.__doc__ == TEXT_FUNCTION.__doc__
    assert inspect.ismethod(View().stream_text)
    assert asyncio.iscoroutinefunction(method)
    assert asyncio.iscoroutinefunction(View().stream_text)


def test_a_method_that_is_collected() -> None:
    for _ in range(10):

        def function(self: Any, name: str, text: str) -> None: ...

        method: Any = TextMethod(function)
        method.itself = method
        del method, function
    gc.collect()
    assert not any(
        type(thing).__name__ == "TextMethod" and hasattr(thing, "itself") for thing in gc.get_objects()
    )


def test_a_function_that_is_none() -> None:
    with pytest.raises(TypeError):
        TextMethod()  # type: ignore[call-arg]
    method: Any = TextMethod(5)  # type: ignore[type-var]
    with pytest.raises(TypeError):
        method(1, 2, 3)


class Odd:
    """Where a view's streams should be."""

    def __init__(self, streams: object) -> None:
        self._djust_streams = streams


class Raising:
    @property
    def _djust_streams(self) -> object:
        raise RuntimeError("no streams")


@pytest.mark.parametrize(
    "view",
    [None, 5, object(), Odd(None), Odd({}), Odd({"s": None}), Odd({"s": 5}), Odd([("s", 1)]),
     Odd({"s": Batch("s", "x")}), Raising()],
)  # fmt: skip
def test_what_is_no_stream_is_the_functions_business(view: object) -> None:
    method: Any = TextMethod(lambda self, name, text: (self, name, text))
    assert method(view, "s", "text") == (view, "s", "text")
    assert method(view, "s", text="text") == (view, "s", "text")
    with pytest.raises(TypeError):
        method(view, "s")


async def test_a_token_that_only_queues_is_finished_and_runs_no_python() -> None:
    view = View()
    view._ws_consumer = Consumer()
    with override_settings(DJUST_STREAM={"INTERVAL_S": 1}):
        view = View()
        view._ws_consumer = Consumer()
    await view.stream_text("s", "a")
    await view.stream_text("s", "b")
    calls: list[object] = []
    sys.setprofile(lambda frame, event, arg: calls.append(event) if event == "call" else None)
    try:
        for _ in range(10):
            assert view.stream_text("s", "c") is FINISHED
    finally:
        sys.setprofile(None)
    assert calls == []
    assert view.stream_text("s", "d", "append") is FINISHED  # a mode: the function
    assert view.stream_text(stream_name="s", text="e") is FINISHED


TEXTS = st.sampled_from(["x" * 700, "\ud800", "é🙂", "", b"bytes", 5, None, lazystr("lazy"), "x" * 2000])
NAMES = st.sampled_from(["", 5, "a\0", None, "x" * 201])
S, TEXT = st.just("s"), st.just("stream_text")
CALLS = st.lists(
    st.one_of(
        st.tuples(TEXT, S, st.text(max_size=5)),
        st.tuples(TEXT, S, TEXTS),
        st.tuples(TEXT, st.just("other"), st.just("y"), st.sampled_from(["append", "prepend", None])),
        st.tuples(TEXT, S, st.just("z"), st.none(), st.sampled_from(["#a", None])),
        st.tuples(TEXT, NAMES, st.just("y")),
        st.tuples(st.sampled_from(["stream_start", "stream_done"]), S),
        st.tuples(st.just("stream_markdown"), S, st.just("*m*")),
        st.tuples(st.just("stream_to"), S, st.none(), st.just("<p>h</p>")),
        st.tuples(st.just("stream_error"), S, st.just("e")),
        st.tuples(st.sampled_from(["pause", "detach"])),
    ),
    max_size=25,
)


@settings(max_examples=150, deadline=None)
@given(calls=CALLS)
def test_nobody_can_tell_it_from_its_function(calls: list[tuple[Any, ...]]) -> None:
    """The same calls on the method and on its function: the same ops, the same exceptions."""
    limits = {"INTERVAL_S": 0.002, "MAX_PAYLOAD_BYTES": 1024, "MAX_PENDING_BYTES": 1024}

    async def run(cls: type[Any]) -> tuple[list[Any], list[str]]:
        sink, told = MemorySink(), []
        view = cls()
        with override_settings(DJUST_STREAM=limits):
            view._ws_consumer = Consumer(sink)
        for method, *arguments in calls:
            if method == "pause":
                await asyncio.sleep(0.003)
            elif method == "detach":
                await flush(view)  # what waits then is forgotten, and how much that is only time tells
                view.stream_detach()
            else:
                try:
                    await getattr(view, method)(*arguments)
                except (TypeError, ValueError, OverflowError, StreamClosedError) as error:
                    told.append(f"{type(error).__name__}: {error}")
        await flush(view)
        keys = ("op", "target", "html", "error", "mode", "text")
        ops = [(frame["stream"], *map(op.get, keys)) for frame in sink.frames for op in frame["ops"]]
        return joined(ops), told

    assert asyncio.run(run(View)) == asyncio.run(run(Slow))


async def flush(view: Any) -> None:
    if not view._djust_streams.reader.closed:
        await view._djust_streams.flush()


def joined(ops: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Each stream's ops, without regard to how they fell into frames: texts side by side are one, and what
    a replace came after, perhaps in its frame, is gone."""
    result: list[tuple[Any, ...]] = []
    for op in sorted(ops, key=lambda op: op[0]):
        if op[1] == "replace" or op[5] == "replace":
            content = 0  # so many ops of content are last
            while content < len(result) and result[-1 - content][:1] == op[:1]:
                if result[-1 - content][1] not in ("text", "append", "prepend", "replace"):
                    break
                content += 1
            begin = len(result) - content
            result[begin:] = [one for one in result[begin:] if one[2] != op[2]]
        *same, mode, text = op
        last = result[-1] if result else ("",) * len(op)
        if op[1] == "text" and last[:-1] == op[:-1] and mode == "append":
            result[-1] = (*same, mode, last[-1] + text)
        elif op[1] == "text" and last[:-1] == op[:-1] and mode == "prepend":
            result[-1] = (*same, mode, text + last[-1])
        elif op[3] in (None, "<p>h</p>") and ">" not in op[2]:  # not Markdown: cut as time would have it
            result.append(op)
    return result


async def test_a_late_tick_ends_the_short_way() -> None:
    """A producer that never waits: the clock's tick cannot come, so the call must notice."""
    view = View()
    view._ws_consumer = Consumer()
    await view.stream_text("s", "a")
    await view.stream_text("s", "b")
    until = monotonic() + 0.5
    while (given := view.stream_text("s", "c")) is FINISHED:
        assert monotonic() < until
    await given
    assert monotonic() < until


async def test_threads_lose_nothing() -> None:
    sink = MemorySink()
    view = View()
    view._ws_consumer = Consumer(sink)
    await view.stream_text("s", "")

    def produce(letter: str) -> None:
        for _ in range(3000):
            view.stream_text("s", letter)

    threads = [threading.Thread(target=produce, args=(letter,)) for letter in "abcd"]
    for thread in threads:
        thread.start()
    await asyncio.gather(*(asyncio.to_thread(thread.join) for thread in threads))
    await view.stream_done("s")
    text = sink.text("s")
    assert [text.count(letter) for letter in "abcd"] == [3000] * 4


@pytest.mark.skipif(sys.version_info < (3, 12), reason="subinterpreters have a GIL each from 3.12 on")
def test_in_a_subinterpreter() -> None:
    try:
        import _interpreters as interpreters
    except ImportError:
        import _xxsubinterpreters as interpreters
    interpreter = interpreters.create()
    interpreters.run_string(
        interpreter, "from djust_stream._core import FINISHED, TextMethod; FINISHED.close()"
    )
    interpreters.destroy(interpreter)
