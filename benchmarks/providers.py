"""Do the providers' own SDKs work as sources, and how fast is Stop? Real SDKs, a server on 127.0.0.1.

    python benchmarks/providers.py [--stops 200] [--json]

One row per SDK, async and sync; a cell is "pass" or what was wrong. With --stops, the last column:
milliseconds from stop() until the server sees its connection closed, the p99 of so many. Then what
stream_from adds to a bare loop over stream_markdown, per chunk, and what ``import djust_stream`` takes after
Django. MISS marks what is not as it should be; the exit status is 1 when there is any. With --json all is
one object, ``{"table": {provider: {case: "pass" or what was wrong}}, …}``. How far it is goes to
stderr. The server: tests/model_server.py.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import subprocess
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


#: What should be: milliseconds from Stop to the closed socket, µs per chunk, ms of the import.
STOP_MS, OVERHEAD_US, IMPORT_MS = 100, 10, 60
#: What ``import djust_stream`` and its StreamingMixin bring in of others' packages: nothing.
OPTIONAL = (
    "openai",
    "anthropic",
    "google",
    "mistralai",
    "ollama",
    "litellm",
    "httpx",
    "channels",
    "redis",
    "djust",
)

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
    """Microseconds per chunk: stream_from less a bare loop, the best of nine each."""

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

    times = [(await ours(), await bare()) for _ in range(9)]
    return (min(time for time, _ in times) - min(time for _, time in times)) / chunks * 1e6


def import_ms(names: str = "pass") -> tuple[float, list[str]]:
    """Milliseconds of the import in a fresh interpreter that has set Django up, the best of five; and what
    optional packages it brought in."""
    code = (
        "import sys, time; import django; from django.conf import settings; "
        "settings.configure(); django.setup(); before = set(sys.modules); began = time.perf_counter(); "
        f"import djust_stream; {names}; "
        "print((time.perf_counter() - began) * 1000, "
        f"*[name for name in {OPTIONAL} if name in set(sys.modules) - before])"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.split()
        for _ in range(5)
    ]
    return round(min(float(time) for time, *_ in runs), 1), runs[0][1:]


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
    # The table's answers come in pieces of 7 bytes; those that are stopped as providers send them, by events.
    with (
        ModelServer(piece=7) as server,
        ModelServer() as events,
        contextlib.redirect_stdout(sys.stderr),  # litellm prints
    ):
        for name, ask in (PROVIDERS | LITELLM).items():
            for sync in (False, True):
                row = f"{name} ({'sync' if sync else 'async'})"
                table[row] = {case: await cell(server, ask, sync, case) for case in CASES}
                note(f"{row}: {' '.join('.' if cell == 'pass' else 'F' for cell in table[row].values())}")
                if given.stops:
                    waits = sorted([(await stopped(events, ask, sync))[1] for _ in range(given.stops)])
                    stops[row] = round(waits[min(len(waits) - 1, int(len(waits) * 0.99))], 1)
                    note(f", stop p99 {stops[row]} ms, at most {waits[-1]:.1f}")
                note("\n")
    note("overhead and import\n")
    overhead = round(await overhead_us(), 2)
    (package_ms, package_has), (mixin_ms, mixin_has) = import_ms(), import_ms("djust_stream.StreamingMixin")
    brought = package_has + mixin_has
    if given.json:
        times = {"overhead_us": overhead, "import_ms": package_ms, "import_mixin_ms": mixin_ms}
        print(json.dumps({"table": table, "stop_p99_ms": stops, **times, "imports_optional": brought}))
    else:
        show(table, stops)
        print(
            f"\nstream_from adds {overhead} µs per chunk to a bare loop over stream_markdown"
            f"{miss(overhead >= OVERHEAD_US)}\nimport djust_stream: {package_ms} ms after Django, with "
            f"StreamingMixin {mixin_ms} ms{miss(mixin_ms >= IMPORT_MS)}; optional packages it brings in: "
            f"{', '.join(brought) or 'none'}{miss(bool(brought))}"
        )
    failed = any(cell != "pass" for row in table.values() for cell in row.values())
    late = any(p99 >= STOP_MS for p99 in stops.values())
    return int(failed or late or overhead >= OVERHEAD_US or mixin_ms >= IMPORT_MS or bool(brought))


def note(text: str) -> None:
    print(text, end="", file=sys.stderr, flush=True)


def miss(is_one: bool) -> str:
    return "  MISS" if is_one else ""


def show(table: dict[str, dict[str, str]], stops: dict[str, float]) -> None:
    print(f"| provider | {' | '.join(CASES)} | stop p99 |")
    print(f"|:--|{':--|' * len(CASES)}--:|")
    for row, cells in table.items():
        p99 = f"{stops[row]} ms{miss(stops[row] >= STOP_MS)}" if row in stops else ""
        print(f"| {row} | {' | '.join(cells.values())} | {p99} |")


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
