"""What the views and consumers of the test project stream: numbered tokens at a pace."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any


async def produce(view: Any, name: str, tokens: int, gap_s: float) -> None:
    """start, ``tokens`` numbered tokens ``gap_s`` apart, done."""
    await view.stream_start(name)
    start = monotonic()
    for number in range(tokens):
        await view.stream_text(name, f"{name}.{number} ")
        if gap_s:
            wait = start + (number + 1) * gap_s - monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
    await view.stream_done(name)


async def produce_all(view: Any, streams: int, tokens: int, gap_s: float) -> None:
    """``streams`` of them at a time, on one connection."""
    await asyncio.gather(*(produce(view, f"s{number}", tokens, gap_s) for number in range(streams)))
