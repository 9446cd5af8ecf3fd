"""Plain Channels consumers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

from channels.generic.websocket import AsyncJsonWebsocketConsumer
from djust.streaming import StreamingMixin as DjustStreamingMixin

from djust_stream import StreamConsumer
from djust_stream.sources import OverloadedError

from .producers import produce_all


class Plain(StreamConsumer):
    """Does what each test's message says."""

    task: asyncio.Task[None] | None = None

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        if not isinstance(content, dict) or "do" not in content:
            await self.send_json({"echo": content})
            return
        arguments = {key: value for key, value in content.items() if key != "do"}
        try:
            await getattr(self, f"do_{content['do']}")(**arguments)
        except Exception as error:
            await self.send_json({"raised": type(error).__name__, "message": str(error)})

    async def do_produce(self, streams: int, tokens: int, gap_s: float) -> None:
        self.task = asyncio.create_task(produce_all(self, streams, tokens, gap_s))

    async def do_call(self, method: str, args: list[Any], kwargs: dict[str, Any] | None = None) -> None:
        """One of the mixin's methods, with arguments as a test names them."""
        await getattr(self, method)(*args, **(kwargs or {}))
        await self.send_json({"called": method})

    async def do_answer(self, name: str, tokens: int = 1000, gap_s: float = 0.005, fail_at: int = -1) -> None:
        self.start_stream(name, self.answer, name, tokens, gap_s, fail_at)

    async def answer(self, name: str, tokens: int, gap_s: float, fail_at: int) -> None:
        ANSWERS[name] = "runs"
        try:
            for number in range(tokens):
                if number == fail_at:
                    raise ValueError("key=sk-secret is not valid")
                await self.stream_text(name, f"{name}.{number} ")
                await asyncio.sleep(gap_s)
        except asyncio.CancelledError:
            ANSWERS[name] = "cancelled"
            raise
        ANSWERS[name] = "returned"

    async def do_model(self, name: str, fails: int, gap_s: float = 0) -> None:
        """An answer by stream_from whose model is overloaded the first times."""
        self.start_stream(name, self.ask_model, name, [fails], gap_s)

    async def ask_model(self, name: str, fails: list[int], gap_s: float) -> None:
        async def source() -> AsyncIterator[str]:
            yield "half "
            if fails[0]:
                fails[0] -= 1
                raise OverloadedError("key=the model is busy", retry_after_s=1.2)
            await asyncio.sleep(gap_s)
            yield "an answer"

        await self.stream_from(name, source, markdown=False)

    async def do_document(self, name: str, text: str, gap_s: float) -> None:
        self.start_stream(name, self.document, name, text, gap_s)

    async def document(self, name: str, text: str, gap_s: float) -> None:
        """Markdown, seven characters at a time."""
        for at in range(0, len(text), 7):
            await self.stream_markdown(name, text[at : at + 7])
            await asyncio.sleep(gap_s)

    async def do_parts(self, name: str, parts: list[str]) -> None:
        """Markdown in pieces."""
        self.start_stream(name, self.parts, name, parts)

    async def parts(self, name: str, parts: list[str]) -> None:
        for part in parts:
            await self.stream_markdown(name, part)
            await asyncio.sleep(0)

    async def do_flood(self, name: str, megabytes: int) -> None:
        """A producer at full speed; says how far it got when asked."""
        self.start_stream(name, self.flood, name, megabytes)

    async def flood(self, name: str, megabytes: int) -> None:
        try:
            for number in range(megabytes * 64):
                ANSWERS[name] = str(number)
                await self.stream_text(name, "x" * 16384)
        except asyncio.CancelledError:
            ANSWERS[name] = "cancelled"
            raise

    def stream_window_s(self, stream_name: str) -> float:
        return WINDOWS_S.get(stream_name.partition(" ")[0]) or super().stream_window_s(stream_name)

    def can_follow(self, user: Any, stream: str) -> bool:
        return stream in SHARED

    async def can_stop(self, user: Any, stream: str) -> bool:
        return SHARED[stream] == "stop"

    async def do_share(self, name: str, rights: str) -> None:
        stream = self.stream_id(name)
        assert stream is not None
        SHARED[stream] = rights
        await self.send_json({"shared": stream})

    async def do_how(self, name: str) -> None:
        await self.send_json({"how": ANSWERS.get(name)})

    async def do_pid(self) -> None:
        await self.send_json({"pid": os.getpid()})

    async def do_crash(self) -> None:
        raise SystemExit("the consumer dies")


#: The windows of streams, by the first word of their name.
WINDOWS_S = {"short": 0.4}
#: Which streams anybody may follow, or "stop".
SHARED: dict[str, str] = {}

#: How start_stream's coroutines ended, by stream; asked for over a second connection.
ANSWERS: dict[str, str] = {}


class Strict(Plain):
    """Only for pages of one site."""

    allowed_origins = ("https://good.example",)


class DjustPlain(DjustStreamingMixin, AsyncJsonWebsocketConsumer):
    """The same over djust's own mixin, for comparison."""

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        self._ws_consumer = self
        self.task = asyncio.create_task(
            produce_all(self, content["streams"], content["tokens"], content["gap_s"])
        )


class Handmade(AsyncJsonWebsocketConsumer):
    """A consumer that has a mixin object beside it and knows nothing of ours."""

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        from djust_stream import StreamingMixin

        class View(StreamingMixin):
            pass

        view = View()
        view._ws_consumer = self
        self.task = asyncio.create_task(
            produce_all(view, content["streams"], content["tokens"], content["gap_s"])
        )
