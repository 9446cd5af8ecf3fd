"""A day's work in seconds: 10,000 streams opened and closed, 200 tokens each, nothing lost, nothing left.

Every connection is dropped without a collection in between: no stream, reader or method is part of a cycle.
"""

import asyncio
import gc
from typing import Any

from django.conf import settings
from memory import growth

from djust_stream import StreamingMixin, stats

settings.configure(SECRET_KEY="x")
STREAMS, TOKENS = 10_000, 200


class Consumer:
    """A connection that counts what it is sent."""

    tokens = ends = 0

    async def send(self, text_data: str) -> None:
        Consumer.tokens += text_data.count("token")
        Consumer.ends += text_data.count('"done"')


async def one_stream(number: int) -> None:
    view: Any = StreamingMixin()
    view._ws_consumer = Consumer()
    await view.stream_start("s")
    for token in range(TOKENS):
        await view.stream_text("s", "token ")
        if token == number % TOKENS:
            await asyncio.sleep(0)
    await view.stream_done("s")
    view.stream_detach()


loop = asyncio.new_event_loop()
gc.disable()
grown = growth(lambda number: loop.run_until_complete(one_stream(number)), STREAMS)
assert grown < 5 << 20, f"{grown:,} bytes more after {STREAMS:,} streams"
done = STREAMS + STREAMS // 10
assert (Consumer.tokens, Consumer.ends) == (done * TOKENS, done)
assert stats().streams == 0
