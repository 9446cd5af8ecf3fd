"""A late reader joins an answer of 40 KB: what it costs, and whether its page is the one of all the others.

    python benchmarks/resume.py [--json] [--points 20]

At each of the points of the answer one reader joins anew, and one that has seen its first frame, from a log
that reaches back. Cost: the server's time from the question to the messages, the best of three, with one
shot of the whole answer by ``render_markdown`` as the unit. A frame's record: what a stream pays for being
resumable.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from readers import ResumingPage  # noqa: E402

from djust_stream import ops, render_markdown  # noqa: E402
from djust_stream._core import FORM_COMPACT, OPS  # noqa: E402
from djust_stream.limits import Limits  # noqa: E402
from djust_stream.reader import Nowhere, Reader  # noqa: E402
from djust_stream.record import Record  # noqa: E402
from djust_stream.stores import Piece  # noqa: E402
from djust_stream.stores.memory import MemoryStore  # noqa: E402
from djust_stream.stream import Stream  # noqa: E402

KB40 = 40_000
TOKEN = 4
PAGES = ("docs/markdown.md", "docs/sources.md", "docs/load.md", "docs/fragments.md", "README.md")


def answer() -> str:
    return "\n\n".join((ROOT / page).read_text(encoding="utf-8") for page in PAGES)[:KB40]


def message(piece: Piece) -> str:
    """What the page gets; as cursor.py says it."""
    if piece.kind == "snapshot":
        return '{"type":"stream","snapshot":' + piece.texts[0] + "}"
    return '{"type":"stream","frames":[' + ",".join(piece.texts) + "]}"


class Late:
    """A reader that joins now, with the frames that it has, and follows to the end."""

    def __init__(self, store: MemoryStore, record: Record, *frames: str) -> None:
        self.page = ResumingPage()
        for frame in frames:
            self.page.receive(frame)
        self.pieces: AsyncIterator[Piece] = store.follow(record.id, self.page.seq)

    async def join(self) -> float:
        """Seconds until the messages are made that show all there is."""
        start = time.perf_counter()
        text = message(await anext(self.pieces))
        seconds = time.perf_counter() - start
        self.page.receive(text)
        return seconds

    async def follow(self) -> str:
        async with aclosing(self.pieces):  # type: ignore[type-var]
            async for piece in self.pieces:
                if piece.texts:
                    self.page.receive(message(piece))
        assert self.page.ended
        return self.page.html


async def stream(points: int, kind: str) -> tuple[list[float], set[str]]:
    """Seconds of each join, and the pages at the end."""
    text, store = answer(), MemoryStore(1 << 24)
    record = Record("s", store, window_s=30)
    made = Stream("s", Reader(Nowhere(FORM_COMPACT)), Limits(interval_s=10), record=record)
    joins = {len(text) * point // points // TOKEN * TOKEN for point in range(1, points + 1)}
    late, seconds = [], []
    made.push(ops.START)
    await made.flush()
    first = (await anext(store.follow(record.id, 0))).texts if kind == "log" else ()
    for at in range(0, len(text), TOKEN):
        made.push_markdown(text[at : at + TOKEN])
        await made.flush()
        if at + TOKEN in joins or at + TOKEN >= len(text):
            readers = [Late(store, record, *first) for _ in range(3)]
            seconds.append(min([await reader.join() for reader in readers]))
            late += readers
    await made.end(ops.DONE)
    return seconds, {await one.follow() for one in late}


def best(call: Any, rounds: int = 30) -> float:
    """The median of the seconds of a call."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def frame_ns() -> float:
    """What a record adds to a frame of one token."""
    record, rounds = Record("s", MemoryStore(), window_s=30), 20_000
    batch = record.batch()
    batch.push(OPS["text_append"], "token ")
    frame = batch.encode(1, FORM_COMPACT)

    async def add() -> float:
        record.open()
        start = time.perf_counter()
        for seq in range(1, rounds + 1):
            record.add(seq, frame, batch)
        return time.perf_counter() - start

    return asyncio.run(add()) / rounds * 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--points", type=int, default=20)
    options = parser.parse_args()
    shot_s = best(lambda: render_markdown(answer()))
    found: dict[str, Any] = {"one_shot_ms": shot_s * 1e3, "frame_ns": frame_ns()}
    pages: set[str] = set()
    for kind in ("snapshot", "log"):
        seconds, shown = asyncio.run(stream(options.points, kind))
        pages |= shown
        found[kind] = {
            "joins": len(seconds),
            "median": statistics.median(seconds) / shot_s,
            "most": max(seconds) / shot_s,
        }
    found["pages"] = len(pages)
    if options.json:
        print(json.dumps(found))
        return
    print(f"one shot of {KB40:,} bytes: {shot_s * 1e3:.2f} ms; a frame's record: {found['frame_ns']:.0f} ns")
    for kind in ("snapshot", "log"):
        row = found[kind]
        print(
            f"{row['joins']} joins by the {kind}: {row['median']:.2f} shots each, {row['most']:.2f} at most"
        )
    print(f"different pages at the end: {found['pages'] - 1}")


if __name__ == "__main__":
    main()
