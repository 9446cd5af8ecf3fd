"""Who may follow: whatever can_follow is and does, its answer counts, and no answer is a no."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Callable
from typing import Any

import project  # noqa: F401  (sets Django up)
import pytest
from sinks import Consumer, MemorySink

from djust_stream import StreamingMixin, ops
from djust_stream._core import FORM_COMPACT


async def allows(user: Any, stream: str) -> bool:
    return True


async def refuses(user: Any, stream: str) -> bool:
    return False


async def fails(user: Any, stream: str) -> bool:
    raise LookupError("no such build")


def hidden(function: Callable[..., Any]) -> Callable[..., Any]:
    """As a decorator that knows nothing of coroutine functions leaves it."""

    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return function(*args)

    return wrapper


def plain(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda user, stream: asyncio.run(function(user, stream))


@pytest.mark.parametrize("kind", [lambda function: function, hidden, plain], ids=["async", "hidden", "sync"])
@pytest.mark.parametrize(("answer", "allowed"), [(allows, True), (refuses, False), (fails, False)])
async def test_the_answer_counts(
    kind: Callable[..., Any], answer: Any, allowed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    class Page(StreamingMixin):
        can_follow = can_stop = staticmethod(kind(answer))

    owner, guest = Page(), Page()
    sink = MemorySink(FORM_COMPACT)
    owner._ws_consumer = Consumer()
    guest._ws_consumer = Consumer(sink)
    await owner.stream_text("build", "secret")
    visit = guest._djust_visit
    assert visit is not None
    await visit.handle(
        {"type": "stream.follow", "stream": "build", "id": owner.stream_id("build"), "e": "here"}
    )
    await owner.stream_done("build")
    await asyncio.sleep(0.05)
    shown = "".join(sink.messages)
    assert ("secret" in shown) is allowed
    assert ('"gone":"build"' in shown) is not allowed
    assert ("LookupError" in caplog.text) is (answer is fails)
    guest.stream_detach()


async def test_nothing_of_the_old_stream_follows_the_token_of_the_new_one() -> None:
    """A page follows a stream, and begins another one of that name as a frame of the first has just come."""

    class Page(StreamingMixin):
        def can_follow(self, user: Any, stream: str) -> bool:
            return True

    first, page, sink = Page(), Page(), MemorySink(FORM_COMPACT)
    first._ws_consumer = Consumer()
    page._ws_consumer = Consumer(sink)
    await first.stream_text("reply", "old")
    visit = page._djust_visit
    assert visit is not None and first._djust_streams is not None
    visit.hello()
    await visit.handle({"type": "stream.follow", "stream": "reply", "id": first.stream_id("reply")})
    await asyncio.sleep(0.1)
    assert "old" in "".join(sink.messages)
    first._djust_streams["reply"].push(ops.TEXT, "older")  # its frame is taken here and now
    page.stream_start("reply")
    await page.stream_text("reply", "new")
    await page.stream_done("reply")
    await asyncio.sleep(0.05)
    messages = map(json.loads, sink.messages)
    epochs = [m.get("e") or m.get("epoch") or m["snapshot"]["e"] for m in messages]
    assert len(set(epochs)) == 2
    assert epochs == sorted(epochs, key=epochs.index), sink.messages
    first.stream_detach()


async def test_a_synchronous_handler_knows_the_stream_that_it_has_started() -> None:
    """It runs in a thread; the stream begins in the connection's loop."""

    class Page(StreamingMixin):
        async def answer(self) -> None:
            await go_on.wait()
            await self.stream_text("reply", "b")

        def handler(self) -> str | None:
            self.start_stream("reply", self.answer)
            self.stream_text("reply", "a")
            return self.stream_id("reply")

    page, sink, go_on = Page(), MemorySink(), asyncio.Event()
    page._ws_consumer = Consumer(sink)
    ids = []
    for _ in range(3):
        go_on.clear()
        ids.append(await asyncio.to_thread(page.handler))
        go_on.set()
        await asyncio.sleep(0.05)
    assert None not in ids and len(set(ids)) == 3
    assert sink.text("reply") == "ababab"
    page.stream_detach()
