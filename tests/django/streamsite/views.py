"""djust LiveViews."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

from asgiref.sync import async_to_sync, sync_to_async
from djust import LiveView
from djust.decorators import event_handler

from djust_stream import StreamingMixin

from .producers import produce_all

PAGE = """<!DOCTYPE html><html><head><meta charset="utf-8"><title>t</title></head><body>
<div dj-view="%s" dj-root>
  <p id="status">{{ status }}</p>
  %s
  <button id="ask" dj-click="ask">ask</button>
  <button id="stop" dj-click="stop">stop</button>
  <button id="render" dj-click="again">render</button>
  <button id="whole" dj-click="whole">whole</button>
</div>
%s
</body></html>"""


#: The ``tokens`` of the answers that were cancelled, on any connection.
CANCELLED: list[int] = []


class Actions:
    """What the tests ask of a view; over djust's mixin or ours."""

    status = ""
    renders = 0

    def mount(self, request: Any, **kwargs: Any) -> None:
        self.status = "ready"
        self.renders = 0

    @event_handler()
    async def produce(self, streams: int = 1, tokens: int = 10, gap_ms: int = 0, **kwargs: Any) -> None:
        """In the handler, as djust's documentation does it."""
        await produce_all(self, streams, tokens, gap_ms / 1000)

    @event_handler()
    def again(self, **kwargs: Any) -> None:
        """Change what the template shows: djust sends a patch."""
        self.renders += 1
        self.status = f"rendered {self.renders}"

    @event_handler()
    def whole(self, **kwargs: Any) -> None:
        """Have djust send the whole page's HTML."""
        self.renders += 1
        self.status = f"whole {self.renders}"
        self._force_full_html = True


class Chat(Actions, StreamingMixin, LiveView):
    """Our mixin; the page has no djust-stream script: djust's stock client applies the frames."""

    template = PAGE % ("streamsite.views.Chat", '<div dj-stream="reply" id="reply"></div>', "")

    @event_handler()
    async def ask(self, tokens: int = 60, gap_ms: int = 5, **kwargs: Any) -> None:
        self.status = "asked"
        self.start_stream("reply", self.answer, tokens, gap_ms / 1000)

    async def answer(self, tokens: int, gap_s: float) -> None:
        try:
            for number in range(tokens):
                if number == tokens // 2:
                    self.status = "half way"
                    await self.push_state()
                await self.stream_text("reply", f"{number} ")
                await asyncio.sleep(gap_s)
        except asyncio.CancelledError:
            CANCELLED.append(tokens)
            raise
        finally:
            self.status = "ended"

    @event_handler()
    def ask_in_thread(self, **kwargs: Any) -> None:
        """A synchronous handler starts it; it renders and uses threads long after the handler's is gone."""
        self.start_stream("reply", self.answer_by_threads)

    async def answer_by_threads(self) -> None:
        await sync_to_async(time.sleep)(0.01)
        await self.stream_text("reply", "slept")
        self.status = "half way"
        await self.push_state()
        self.status = "ended"

    @event_handler()
    async def stop(self, **kwargs: Any) -> None:
        await self.stop_stream("reply")

    @event_handler()
    async def cancelled(self, **kwargs: Any) -> None:
        self.renders += 1
        self.status = f"{self.renders}: cancelled {CANCELLED}"

    @event_handler()
    async def fail(self, **kwargs: Any) -> None:
        self.start_stream("reply", self.failing)

    async def failing(self) -> None:
        await self.stream_text("reply", "partial")
        raise ValueError("key=sk-secret")

    @event_handler()
    async def markdown(self, **kwargs: Any) -> None:
        await self.stream_start("reply")
        for piece in ("# He", "ad\n\n- o", "ne\n- **tw", "o**\n"):
            await self.stream_markdown("reply", piece)
            await asyncio.sleep(0.03)
        await self.stream_done("reply")

    @event_handler()
    def from_thread(self, **kwargs: Any) -> None:
        """A synchronous handler: djust runs it in a thread; nothing to await."""
        assert threading.current_thread() is not threading.main_thread()
        self.stream_start("reply")
        for number in range(500):
            self.stream_text("reply", f"{number} ")
        self.stream_done("reply")

    @event_handler()
    def from_async_to_sync(self, **kwargs: Any) -> None:
        async_to_sync(self.produce)(1, 200, 0)

    @event_handler()
    def in_background(self, **kwargs: Any) -> None:
        self.start_async(self.work, name="work")

    def work(self) -> None:
        self.from_thread()
        self.status = "worked"

    @event_handler()
    def collect(self, **kwargs: Any) -> None:
        """djust's collections: three methods with the names of ours."""
        self.stream("rows", [{"id": 1}, {"id": 2}], dom_id=lambda row: f"row-{row['id']}")
        self.stream_insert("rows", {"id": 3})
        self.stream_insert("rows", {"id": 0}, at=0)
        self.stream_delete("rows", {"id": 2})
        self.stream_prune("rows", 2, "bottom")
        self.status = ",".join(str(row["id"]) for row in self._streams["rows"].items)

    @event_handler()
    async def refill(self, **kwargs: Any) -> None:
        """stream_to without html renders the template's fragment."""
        self.status = "from the template"
        await self.stream_to("status", target="#status")


class Kept(Chat):
    """The element is the stream's: djust leaves it alone when it renders."""

    template = PAGE % (
        "streamsite.views.Kept",
        '<div dj-stream="reply" id="reply" dj-update="ignore"></div>',
        "",
    )


class Scripted(Chat):
    """With our script: its page can come back to a stream."""

    template = PAGE % (
        "streamsite.views.Scripted",
        '<div dj-stream="reply" id="reply" dj-update="ignore"></div>',
        '<script type="module" src="/static/djust_stream/djust-stream.js"></script>',
    )

    @event_handler()
    async def ask(self, **kwargs: Any) -> None:
        await super().ask(tokens=1000, gap_ms=10)


class DjustChat(Actions, LiveView):
    """djust's own mixin, for comparison."""

    template = PAGE % ("streamsite.views.DjustChat", '<div dj-stream="reply" id="reply"></div>', "")
