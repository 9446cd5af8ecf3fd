"""What one queued token costs its caller: ours, djust's and a plain-Python batcher's, in the same run.

    python benchmarks/calls.py [--rounds 60] [--burst 500] [--quick] [--json]

The call is ``await self.stream_text("s", token)`` in a coroutine, where the token only joins what waits for
the next frame: the stream has just sent one, and a burst of calls is over before the next is due. The
subjects take turns; a row is the median over all bursts, without what an empty loop costs. Lost: what the
sink had not been sent at the end; djust's own streaming keeps one op in its batch. Then the bytes of the
message that carries one token of five letters, ours in the form that our client asks for.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import statistics
import sys
from time import perf_counter_ns
from typing import Any

from rig import PlainBatcher
from targets import Lines

from djust_stream._core import FORM_COMPACT, OPS, Batch

TOKEN = "token "


class Consumer:
    """A connection that takes every message at once."""

    def __init__(self) -> None:
        self.received = 0
        self.last = ""

    async def send(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        self.last = text_data or ""
        self.received += (text_data or "").count(TOKEN.strip())

    async def send_json(self, data: Any) -> None:
        await self.send(text_data=json.dumps(data))


class Nothing:
    """What the loop itself costs: a call that is not made."""


async def burst(view: Any, count: int) -> float:
    """Nanoseconds for each call, all of them while the stream's next frame waits for its time."""
    if isinstance(view, Nothing):
        begin = perf_counter_ns()
        for _ in range(count):
            pass
        return (perf_counter_ns() - begin) / count
    await view.stream_text("s", TOKEN)  # the first one is sent at once
    await view.stream_text("s", TOKEN)  # the second one sets the timer
    begin = perf_counter_ns()
    for _ in range(count):
        await view.stream_text("s", TOKEN)
    return (perf_counter_ns() - begin) / count


async def measure(rounds: int, count: int) -> list[dict[str, Any]]:
    from django.conf import settings

    if not settings.configured:
        settings.configure(SECRET_KEY="benchmark")
    from djust.streaming import StreamingMixin as DjustMixin

    from djust_stream import StreamingMixin

    views = {"djust_stream": StreamingMixin(), "plain": PlainBatcher(), "djust": DjustMixin()}
    for view in views.values():
        view._ws_consumer = Consumer()
    times: dict[str, list[float]] = {name: [] for name in [*views, "loop"]}
    for _ in range(rounds):
        for name, view in [*views.items(), ("loop", Nothing())]:
            times[name].append(await burst(view, count))
            await asyncio.sleep(0.02)  # its frame goes
    await asyncio.sleep(0.1)
    loop_ns = statistics.median(times.pop("loop"))
    pushed = rounds * (count + 2)
    djust_ns = statistics.median(times["djust"]) - loop_ns
    return [
        {
            "subject": name,
            "ns": round(statistics.median(times[name]) - loop_ns, 1),
            "of_djust": round((statistics.median(times[name]) - loop_ns) / djust_ns, 3),
            "pushed": pushed,
            "lost": pushed - view._ws_consumer.received,
        }
        for name, view in views.items()
    ]


async def message_bytes() -> tuple[int, int]:
    """Of one token: in our compact form, and as djust sends it."""
    from djust.streaming import StreamingMixin as DjustMixin

    batch = Batch("answer", "[dj-stream='answer']")
    batch.push(OPS["text"], "token")
    view: Any = DjustMixin()
    view._ws_consumer = Consumer()
    await view.stream_text("answer", "token")
    await asyncio.sleep(0.1)
    return len(batch.encode(1000, FORM_COMPACT)), len(view._ws_consumer.last)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=60, help="bursts of each subject")
    parser.add_argument("--burst", type=int, default=500, help="calls in a burst")
    parser.add_argument("--quick", action="store_true", help="10 rounds")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    options = parser.parse_args()
    rows = asyncio.run(measure(10 if options.quick else options.rounds, options.burst))
    print(f"{'':14} {'ns a call':>10} {'of djust':>9} {'pushed':>9} {'lost':>9}")
    for row in rows:
        figures = f"{row['ns']:>10,.0f} {row['of_djust']:>9.2f} {row['pushed']:>9,} {row['lost']:>9,}"
        print(f"{row['subject']:14} {figures}")
    lines = Lines()
    lines.at_most("a call that only queues, of djust's", rows[0]["of_djust"], 0.2)
    ours, theirs = asyncio.run(message_bytes())
    lines.at_most("a message of one token, of djust's", ours / theirs, 0.4, note=f"{ours} and {theirs} bytes")
    if options.json:
        print(json.dumps({"python": platform.python_version(), "rows": rows, "lines": lines.rows}))
    return 0 if rows[0]["lost"] == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
