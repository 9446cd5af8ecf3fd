"""The server side of the chat: everything that streams is in this class."""

from __future__ import annotations

from typing import Any

from djust_stream import Fragment, StreamConsumer

from . import model

LINE = Fragment('<div class="line {level}">{text}</div>')


class Chat(StreamConsumer):
    """One visitor's connection. The page sends ``ask``, ``tail`` and ``rate``; Stop needs no code here."""

    rate = 80  # tokens a second; the slider changes it while an answer runs

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        match content:
            case {"type": "ask", "stream": str(stream), "question": str(question), "attempt": int(attempt)}:
                await self.start_stream(stream, self.answer, stream, question, attempt)
            case {"type": "tail"}:
                await self.start_stream("log", self.tail)
            case {"type": "tail.stop"}:
                await self.stop_stream("log")
            case {"type": "rate", "tokens_per_s": int(rate)}:
                self.rate = min(max(rate, 20), 500)

    async def answer(self, stream: str, question: str, attempt: int) -> None:
        """Stream one answer. An exception ends it: the page keeps the text and shows the error."""
        used = 0
        async for token in model.answer(question, attempt, lambda: self.rate):
            await self.stream_markdown(stream, token)
            used += 1
            if used % 10 == 0:
                await self.send_json({"type": "usage", "stream": stream, "tokens": used})
        await self.send_json({"type": "usage", "stream": stream, "tokens": used})

    def stream_error_message(self, stream_name: str, error: Exception) -> str:
        """What the reader sees of an exception: the model's own words, and of any other error nothing."""
        if isinstance(error, model.ModelError):
            return str(error)
        return super().stream_error_message(stream_name, error)

    async def tail(self) -> None:
        """A live log: lines are escaped, and the page keeps the last 200."""
        async for level, line in model.log_lines(lambda: self.rate / 5):
            await self.stream_insert("log", LINE(level=level, text=line))
            await self.stream_prune("log", 200)
