"""Do the providers' own SDKs work as sources, and how fast is Stop? Real SDKs, a server on 127.0.0.1.

    python benchmarks/providers.py [--stops 200] [--json]

One row per SDK, async and sync; a cell is "pass" or what was wrong. Then, with --stops: milliseconds from
stop() until the server sees its connection closed. Then what stream_from adds to a bare loop over
stream_markdown, per chunk. Exit status 1 when a cell fails. The server is tests/model_server.py.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import project  # noqa: F401  (sets Django up)
from model_clients import LITELLM, PROVIDERS
from model_server import ANSWER, ANSWER_TOKENS, ENDLESS, THOUGHTS, ModelServer
from sinks import Consumer

from djust_stream import StreamingMixin
from djust_stream.sources import Run, StreamResult


def code(result: StreamResult) -> str | None:
    return None if result.error is None else result.error.code


#: Case -> the server's scenario, and what the result must be.
CASES: dict[str, tuple[str, Callable[[StreamResult], bool]]] = {
    "text": ("text", lambda result: result.text == ANSWER and result.complete),
    "usage": (
        "text",
        lambda result: result.usage.output_tokens == ANSWER_TOKENS and not result.usage.estimated,
    ),
    "thinking": ("thinking", lambda result: result.thinking == "".join(THOUGHTS)),
    "tool call": ("tool", lambda result: [call.name for call in result.tool_calls] == ["weather"]),
    "stop": (ENDLESS, lambda result: result.stopped and bool(result.text)),
    "timeout": ("slow", lambda result: code(result) == "timeout"),
    "429": ("429", lambda result: code(result) == "rate_limited" and result.error.retry_after_s == 7),
    "mid-stream error": (
        "error",
        lambda result: code(result) in ("provider", "overloaded") and bool(result.text),
    ),
    "cut": ("cut", lambda result: code(result) == "network" and bool(result.text)),
}


async def stopped(server: ModelServer, ask: Any, sync: bool) -> tuple[StreamResult, float]:
    """The result of a stopped run, and the milliseconds until the server saw it."""
    run = Run(ask(server.url, ENDLESS, sync), timeout_s=30)
    task = asyncio.create_task(run.finish())
    while run.result.first_token_s is None and not task.done():  # noqa: ASYNC110
        await asyncio.sleep(0.002)
    began = time.monotonic()
    run.stop()
    result = await task
    seen = await asyncio.to_thread(server.closed.wait, 5)
    return result, (server.closed_at - began) * 1000 if seen else float("inf")


async def cell(server: ModelServer, ask: Any, sync: bool, case: str) -> str:
    scenario, is_right = CASES[case]
    try:
        if case == "stop":
            result, waited_ms = await stopped(server, ask, sync)
            if waited_ms > 100:
                return f"closed after {waited_ms:.0f} ms"
        else:
            limit_s = 0.3 if case == "timeout" else 30
            result = await Run(ask(server.url, scenario, sync), first_token_timeout_s=limit_s).finish()
        return "pass" if is_right(result) else f"{result.finish_reason}: {result.error or result.text}"
    except Exception as error:
        return repr(error)


async def overhead_us(chunks: int = 20_000) -> float:
    """Microseconds per chunk: stream_from less a bare loop, the best of five each."""

    async def source() -> AsyncIterator[dict[str, Any]]:
        for _ in range(chunks):
            yield {"choices": [{"delta": {"content": "word "}, "finish_reason": None}]}
        yield {"choices": [{"delta": {}, "finish_reason": "stop"}]}

    class View(StreamingMixin):
        pass

    async def bare() -> float:
        view: Any = View()
        view._ws_consumer = Consumer()
        began = time.perf_counter()
        async for chunk in source():
            if text := chunk["choices"][0]["delta"].get("content"):
                await view.stream_markdown("s", text)
        await view.stream_done("s")
        return time.perf_counter() - began

    async def ours() -> float:
        view: Any = View()
        view._ws_consumer = Consumer()
        began = time.perf_counter()
        await view.stream_from("s", source())
        return time.perf_counter() - began

    times = [(await ours(), await bare()) for _ in range(5)]
    return (min(time for time, _ in times) - min(time for _, time in times)) / chunks * 1e6


async def main() -> int:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--stops", type=int, default=0, help="so many stops of each row")
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    logging.disable(logging.CRITICAL)
    table: dict[str, dict[str, str]] = {}
    stops: dict[str, float] = {}
    with ModelServer(piece=7) as server:
        for name, ask in (PROVIDERS | LITELLM).items():
            for sync in (False, True):
                row = f"{name} ({'sync' if sync else 'async'})"
                table[row] = {case: await cell(server, ask, sync, case) for case in CASES}
                if given.stops:
                    waits = sorted([(await stopped(server, ask, sync))[1] for _ in range(given.stops)])
                    stops[row] = round(waits[min(len(waits) - 1, int(len(waits) * 0.99))], 1)
    overhead = round(await overhead_us(), 2)
    if given.json:
        print(json.dumps({"table": table, "stop_p99_ms": stops, "overhead_us": overhead}))
    else:
        show(table, stops)
        print(f"\nstream_from adds {overhead} µs per chunk to a bare loop over stream_markdown")
    return int(any(cell != "pass" for row in table.values() for cell in row.values()))


def show(table: dict[str, dict[str, str]], stops: dict[str, float]) -> None:
    print(f"| provider | {' | '.join(CASES)} | stop p99 |")
    print(f"|:--|{':--|' * len(CASES)}--:|")
    for row, cells in table.items():
        p99 = f"{stops[row]} ms" if row in stops else ""
        print(f"| {row} | {' | '.join(cells.values())} | {p99} |")


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
