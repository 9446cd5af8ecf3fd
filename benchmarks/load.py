"""How many streams does one core hold? Ours beside djust's and a plain-Python batcher, in the same run.

    python benchmarks/load.py [--only 50,200,gc,poisson,markdown] [--streams 100,200,400,800] [--seconds 4]
                              [--server daphne] [--loop asyncio] [--quick] [--json]

A real server (uvicorn unless told otherwise, no compression) on the first core, and a client. On each of so
many WebSockets one stream of numbered tokens of 16 bytes, so many a second; each token carries the time at
which it was due. The number of streams grows until the 99th percentile of a token's latency has passed 100 ms
twice (Markdown: the 90th, because some is held back until it can be told what it is), or the list ends.
Counted by the client, from what the sockets brought: tokens lost, doubled, out of order, streams whose last
op was "done"; latency; bytes. From /proc, of the server: CPU time for each token, memory for each connection
before its stream began and while it ran.

50, 200      that many tokens a second, evenly spaced
gc           50 a second with tune_gc(): what it does is done for the opponent, too
poisson      50 a second at random times: evenly spaced tokens flatter who loses what comes close together
markdown     paragraphs of 20 KB, 50 pieces a second, by stream_markdown; djust: by
             stream_to(html=render_markdown(buffer)). Only latency and bytes count: markup takes tokens in.

"compact" is djust_stream in the form its own client asks for. Exit status 1 when djust_stream lost anything.
Other work on the machine shows in the latency, hardly in the CPU time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from time import monotonic
from typing import Any

from rig import PlainBatcher, serve
from targets import Lines

LIMIT_MS = 100
RAMP_S = 1.0
PIECE = 4  # characters of Markdown before each token
PAD = "tok "  # after ^, four hex digits of the number and eight of the time


@dataclass(frozen=True)
class Scenario:
    """What all subjects of a climb are given."""

    title: str
    subjects: tuple[str, ...]
    rate: float = 50
    poisson: bool = False
    tuned: bool = False
    markdown: bool = False
    streams: tuple[int, ...] = (
        100,
        200,
        400,
        500,
        600,
        700,
        800,
        900,
        1000,
        1150,
        1300,
        1500,
        1750,
        2000,
        2300,
    )


SCENARIOS = {
    "50": Scenario("50 tokens/s", ("djust_stream", "compact", "plain", "djust")),
    "200": Scenario(
        "200 tokens/s",
        ("djust_stream", "compact", "plain", "djust"),
        rate=200,
        streams=(100, 200, 300, 350, 400, 450, 500, 550, 600, 700, 800),
    ),
    "gc": Scenario("50 tokens/s, the collector tuned", ("djust_stream", "plain"), tuned=True),
    "poisson": Scenario("50 tokens/s at random times", ("djust_stream", "plain", "djust"), poisson=True),
    "markdown": Scenario(
        "Markdown of 20 KB, 50 pieces/s",
        ("djust_stream", "compact", "djust"),
        markdown=True,
        streams=(5, 10, 20, 30, 40, 50, 60, 80, 100, 150, 200, 300, 400, 500, 600, 700, 800),
    ),
}


# -- the server: this file, served ------------------------------------------------------------------


def make_application() -> Any:
    """A Channels consumer for each connection, with a mixin of the subject's beside it."""
    import django
    from django.conf import settings

    settings.configure(SECRET_KEY="benchmark", ALLOWED_HOSTS=["*"], INSTALLED_APPS=["channels"])
    django.setup()
    from channels.generic.websocket import AsyncJsonWebsocketConsumer

    subject = os.environ["SUBJECT"]
    if subject == "djust":
        from djust.streaming import StreamingMixin as Mixin
    elif subject == "plain":
        Mixin = PlainBatcher
    else:
        from djust_stream import StreamingMixin as Mixin
        from djust_stream._core import FORM_COMPACT

    class View(Mixin):  # type: ignore[misc,valid-type]
        pass

    class Consumer(AsyncJsonWebsocketConsumer):  # type: ignore[misc]
        view = task = None

        async def receive_json(self, content: Any, **kwargs: Any) -> None:
            self.view = View()
            self.view._ws_consumer = self
            if subject == "compact":
                self.view._djust_streams.reader.sink.form = FORM_COMPACT
            show = show_markdown if content.pop("markdown") else View.stream_text
            self.task = asyncio.create_task(produce(self.view, show, **content))

        async def disconnect(self, code: int) -> None:
            if self.task is not None:
                self.task.cancel()
            if hasattr(self.view, "stream_detach"):
                self.view.stream_detach()

    if os.environ["TUNED"]:
        from djust_stream import tune_gc

        tune_gc()
    return Consumer.as_asgi()


async def produce(view: Any, show: Any, tokens: int, gap_s: float, poisson: bool) -> None:
    await view.stream_start("s")
    due = monotonic()
    for number in range(tokens):
        now = monotonic()
        if due > now + 0.0005:
            await asyncio.sleep(due - now)
        await show(view, "s", f"^{number:04x}{int(due * 1e6) & 0xFFFFFFFF:08x}{PAD}")
        due += random.expovariate(1 / gap_s) if poisson else gap_s
    await view.stream_done("s")


@cache
def document() -> str:
    from shapes import documents

    return documents("plain", 20_000)["paragraphs"][:20_000]


async def show_markdown(view: Any, name: str, token: str) -> None:
    """The next piece of a document, with the token; streams are at different places of it."""
    from djust import render_markdown

    if not hasattr(view, "document"):
        view.document, view.at = document(), random.randrange(20_000)
    begin, view.at = view.at % 20_000, view.at % 20_000 + PIECE
    if hasattr(view, "stream_markdown"):
        await view.stream_markdown(name, view.document[begin : view.at] + token)
    else:
        await view.stream_to(name, html=render_markdown(view.document[: view.at]) + token)


# -- the client -------------------------------------------------------------------------------------

TOKEN = re.compile(rb"\^([0-9a-f]{4})([0-9a-f]{8})")
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Reader(asyncio.Protocol):
    """One connection; keeps the account of its stream."""

    def __init__(self, latencies: list[int]) -> None:
        loop = asyncio.get_running_loop()
        self.open, self.ended = loop.create_future(), loop.create_future()
        self.latencies = latencies
        self.rest = b""
        self.expected = self.shown = self.lost = self.doubled = self.out_of_order = self.after_done = 0
        self.frames = self.bytes = 0
        self.seen: set[int] = set()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(HANDSHAKE)

    def connection_lost(self, exc: BaseException | None) -> None:
        for future in (self.open, self.ended):
            if not future.done():
                future.set_result(None)

    def send(self, message: object) -> None:
        payload = json.dumps(message).encode()
        self.transport.write(bytes([0x81, 0x80 | len(payload), 0, 0, 0, 0]) + payload)

    def data_received(self, data: bytes) -> None:
        data = self.rest + data
        if not self.open.done():
            head, mark, data = data.partition(b"\r\n\r\n")
            if not mark:
                self.rest = head
                return
            self.open.set_result(None)
        at = 0
        while len(data) - at >= 2:
            size, begin = data[at + 1], at + 2
            if size == 126:
                size, begin = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
            elif size == 127:
                size, begin = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
            if len(data) < begin + size:
                break
            if data[at] & 15 == 1:
                self.message(data[begin : begin + size], begin - at)
            at = begin + size
        self.rest = data[at:]

    def message(self, message: bytes, header: int) -> None:
        self.frames += 1
        self.bytes += header + len(message)
        now = int(monotonic() * 1e6)
        for number_hex, due_hex in TOKEN.findall(message):
            number = int(number_hex, 16)
            self.after_done += self.ended.done()
            if number in self.seen:
                self.doubled += 1
                continue
            self.shown += 1
            self.out_of_order += number < self.expected
            self.seen.add(number)
            self.expected = max(self.expected, number + 1)
            late_us = (now - int(due_hex, 16)) & 0xFFFFFFFF
            self.latencies.append(late_us if late_us < 1 << 31 else 0)  # a token may come 0.5 ms early
        if b'"done"' in message and not self.ended.done():
            self.ended.set_result(None)


async def step(port: int, pid: int, streams: int, scenario: Scenario, seconds: float) -> dict[str, Any]:
    """So many streams at a time, from their first token to their done."""
    loop = asyncio.get_running_loop()
    latencies: list[int] = []
    before = resident_kb(pid)
    readers = []
    for _ in range(streams):
        _, reader = await loop.create_connection(lambda: Reader(latencies), "127.0.0.1", port)
        await reader.open
        readers.append(reader)
    idle = resident_kb(pid)
    tokens = int(scenario.rate * seconds)
    cpu_s = cpu_seconds(pid)
    for number, reader in enumerate(readers):
        begin = monotonic()
        reader.send(
            {
                "tokens": tokens,
                "gap_s": 1 / scenario.rate,
                "poisson": scenario.poisson,
                "markdown": scenario.markdown,
            }
        )
        wait_s = begin + RAMP_S / streams - monotonic()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        if number == streams // 2:
            del latencies[:]  # of the ramp
    await asyncio.sleep(seconds / 2)
    busy = resident_kb(pid)
    await asyncio.wait([reader.ended for reader in readers], timeout=seconds * 4 + 10)
    cpu_s = cpu_seconds(pid) - cpu_s
    await asyncio.sleep(0.1)
    for reader in readers:
        reader.transport.close()
    shown = sum(reader.shown for reader in readers)
    latencies.sort()
    size = sum(reader.bytes for reader in readers)
    return {
        "streams": streams,
        "tokens": streams * tokens,
        "lost": streams * tokens - shown,
        "doubled": sum(reader.doubled for reader in readers),
        "out_of_order": sum(reader.out_of_order for reader in readers),
        "done_last": sum(reader.ended.done() and not reader.after_done for reader in readers),
        "frames": sum(reader.frames for reader in readers),
        "p50_ms": round(latencies[len(latencies) // 2] / 1000, 1) if latencies else None,
        "p90_ms": round(latencies[int(len(latencies) * 0.9)] / 1000, 1) if latencies else None,
        "p99_ms": round(latencies[int(len(latencies) * 0.99)] / 1000, 1) if latencies else None,
        "cpu_us_per_token": round(cpu_s * 1e6 / (streams * tokens), 1),
        "bytes_per_token": round(size / max(shown, 1), 1),
        "idle_kb": round((idle - before) / streams, 1),
        "busy_kb": round((busy - before) / streams, 1),
    }


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_kb(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1])


# -- the run ----------------------------------------------------------------------------------------


def climb(subject: str, scenario: Scenario, options: argparse.Namespace) -> list[dict[str, Any]]:
    """More and more streams, until the latency says stop."""
    import uvloop

    rows: list[dict[str, Any]] = []
    flags = ("--backlog", "4096", "--loop", options.loop, "--ws-per-message-deflate", "false")
    environment = {"SUBJECT": subject, "TUNED": "1" if scenario.tuned else ""}
    core = min(os.sched_getaffinity(0))
    loop = uvloop.new_event_loop()
    with serve(Path(__file__).stem, options.server, flags, core, **environment) as (server, port):
        for streams in options.streams or scenario.streams:
            row = loop.run_until_complete(step(port, server.pid, streams, scenario, options.seconds))
            rows.append({"subject": subject, **row})
            print_row(rows[-1])
            if len([row for row in rows if not in_time(row, scenario.markdown)]) == 2:
                break
    loop.close()
    return rows


def in_time(row: dict[str, Any], markdown: bool) -> bool:
    """Of Markdown one token in ten may be late: what might become a link or a marker is held back."""
    late_ms = row["p90_ms" if markdown else "p99_ms"]
    return late_ms is not None and late_ms <= LIMIT_MS


COLUMNS = ("subject", "streams", "lost", "doubled", "out_of_order", "done_last", "p50_ms", "p90_ms", "p99_ms",
           "cpu_us_per_token", "bytes_per_token", "idle_kb", "busy_kb")  # fmt: skip


def print_row(row: dict[str, Any]) -> None:
    print("  ".join(f"{row[name]}".rjust(max(len(name), 12)) for name in COLUMNS), flush=True)


def most(rows: list[dict[str, Any]], subject: str, markdown: bool) -> dict[str, Any]:
    """The row with the most streams that the subject held, or one of none."""
    held = [row for row in rows if row["subject"] == subject and in_time(row, markdown)]
    lossless = [row for row in held if (markdown and subject != "djust") or not row["lost"]]
    return max(lossless, key=lambda row: row["streams"], default={"streams": 0})


def compare(name: str, rows: list[dict[str, Any]], lines: Lines) -> None:
    """What was promised of a scenario, and whether it is so."""
    title = SCENARIOS[name].title
    subjects = {row["subject"]: None for row in rows}
    held = {subject: most(rows, subject, name == "markdown")["streams"] for subject in subjects}
    print("streams held within 100 ms:", *(f"{subject} {count}" for subject, count in held.items()))
    if name != "markdown":
        ours = [row for row in rows if row["subject"] in ("djust_stream", "compact")]
        what = f"{title}: steps without a token lost, doubled, misplaced or after done"
        lines.all(what, sum(map(whole, ours)), len(ours))
    for opponent, factor in {"50": (("plain", 1.4), ("djust", 1.7)), "200": (("plain", 1.35),),
                             "gc": (("plain", 1.8),), "markdown": (("djust", 8),)}.get(name, ()):  # fmt: skip
        if held[opponent]:
            times = held["djust_stream"] / held[opponent]
            lines.at_least(f"{title}: streams, as a multiple of {opponent}'s", times, factor)
    compact = most(rows, "compact", name == "markdown")
    if name == "markdown" and compact["streams"]:
        theirs = next(row for row in rows if row["subject"] == "djust")
        times = theirs["bytes_per_token"] / compact["bytes_per_token"]
        lines.at_least(f"{title}: djust's bytes, as a multiple of the compact form's", times, 200)


def whole(row: dict[str, Any]) -> bool:
    bad = row["lost"] or row["doubled"] or row["out_of_order"] or row["done_last"] != row["streams"]
    return not bad


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default=",".join(SCENARIOS), help="some of these")
    parser.add_argument("--streams", default="", help="numbers of streams, in place of the scenario's own")
    parser.add_argument("--seconds", type=float, default=4, help="of each stream")
    parser.add_argument("--server", choices=("uvicorn", "daphne"), default="uvicorn")
    parser.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    parser.add_argument("--quick", action="store_true", help="100 and 200 streams, 2 s each")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    options = parser.parse_args()
    if options.quick:
        options.streams, options.seconds = options.streams or "100,200", 2.0
    options.streams = [int(count) for count in options.streams.split(",") if count]
    lines, found, lost = Lines(), {}, 0
    for name in options.only.split(","):
        print(f"\n{SCENARIOS[name].title}")
        print_row({column: column for column in COLUMNS})
        rows = [
            row for subject in SCENARIOS[name].subjects for row in climb(subject, SCENARIOS[name], options)
        ]
        compare(name, rows, lines)
        found[name] = rows
        if name != "markdown":
            lost += sum(not whole(row) for row in rows if row["subject"] in ("djust_stream", "compact"))
    if options.json:
        about = {"server": options.server, "loop": options.loop}
        about |= {"python": platform.python_version(), "cpu": platform.processor()}
        print(json.dumps({**about, "lines": lines.rows, "scenarios": found}))
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
elif "SUBJECT" in os.environ:
    application = make_application()
