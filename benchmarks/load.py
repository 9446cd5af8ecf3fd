"""How many streams does one core hold? Ours beside djust's and a plain-Python batcher, in the same run.

    python benchmarks/load.py [--rate 50] [--streams 100,200,400,800] [--seconds 4] [--poisson]
                              [--server daphne] [--loop asyncio] [--quick] [--json]

A real server (uvicorn unless told otherwise) on the first core, and a client. On each of so many WebSockets
one stream of numbered tokens of 16 bytes, so many a second; each token carries the time at which it was due.
The number of streams grows until the 99th percentile of a token's latency passes 100 ms, or the list ends.
Counted by the client, from what the sockets brought: tokens lost, doubled, out of order, streams whose last
op was "done"; latency; bytes. From /proc, of the server: CPU time for each token, memory for each connection
before its stream began and while it ran. "compact" is djust_stream in the form its own client asks for.
Exit status 1 when djust_stream lost anything. Other work on the machine shows in the latency, hardly in the
CPU time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from time import monotonic
from typing import Any

HERE = Path(__file__).resolve().parent
SUBJECTS = ("djust_stream", "compact", "plain", "djust")
LIMIT_MS = 100
RAMP_S = 1.0
PAD = "tok "  # after ^, four hex digits of the number and eight of the time


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
        from calls import PlainBatcher as Mixin
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
            self.task = asyncio.create_task(produce(self.view, **content))

        async def disconnect(self, code: int) -> None:
            if self.task is not None:
                self.task.cancel()
            if hasattr(self.view, "stream_detach"):
                self.view.stream_detach()

    return Consumer.as_asgi()


async def produce(view: Any, tokens: int, gap_s: float, poisson: bool) -> None:
    await view.stream_start("s")
    due = monotonic()
    for number in range(tokens):
        now = monotonic()
        if due > now + 0.0005:
            await asyncio.sleep(due - now)
        await view.stream_text("s", f"^{number:04x}{int(due * 1e6) & 0xFFFFFFFF:08x}{PAD}")
        due += random.expovariate(1 / gap_s) if poisson else gap_s
    await view.stream_done("s")


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
            self.shown += number not in self.seen
            self.doubled += number in self.seen
            self.out_of_order += number < self.expected and number not in self.seen
            self.seen.add(number)
            self.expected = max(self.expected, number + 1)
            self.after_done += self.ended.done()
            late_us = (now - int(due_hex, 16)) & 0xFFFFFFFF
            self.latencies.append(late_us if late_us < 1 << 31 else 0)  # a token may come 0.5 ms early
        if b'"done"' in message and not self.ended.done():
            self.ended.set_result(None)


async def step(port: int, pid: int, streams: int, options: argparse.Namespace) -> dict[str, Any]:
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
    tokens = int(options.rate * options.seconds)
    cpu_s = cpu_seconds(pid)
    for number, reader in enumerate(readers):
        begin = monotonic()
        reader.send({"tokens": tokens, "gap_s": 1 / options.rate, "poisson": options.poisson})
        wait_s = begin + RAMP_S / streams - monotonic()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        if number == streams // 2:
            del latencies[:]  # of the ramp
    await asyncio.sleep(options.seconds / 2)
    busy = resident_kb(pid)
    await asyncio.wait([reader.ended for reader in readers], timeout=options.seconds * 4 + 10)
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


def serve(subject: str, options: argparse.Namespace) -> tuple[subprocess.Popen[bytes], int]:
    """Start the server on a free port and the first core."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    application = f"{Path(__file__).stem}:application"
    if options.server == "daphne":
        command = ["daphne", "-v", "0", "-b", "127.0.0.1", "-p", str(port), application]
    else:
        flags = ["--log-level", "error", "--lifespan", "off", "--backlog", "4096"]
        flags += ["--loop", options.loop, "--ws-per-message-deflate", "false"]
        command = ["uvicorn", "--port", str(port), *flags, application]
    paths = os.pathsep.join([str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", *command],
        env=os.environ | {"PYTHONPATH": paths, "SUBJECT": subject},
        stderr=subprocess.DEVNULL,
    )
    os.sched_setaffinity(process.pid, {min(os.sched_getaffinity(0))})
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return process, port
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.1)
    process.kill()
    sys.exit(f"{options.server} did not start; try: {' '.join(command)}")


def measure(subject: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    import uvloop

    rows = []
    process, port = serve(subject, options)
    loop = uvloop.new_event_loop()
    try:
        for streams in options.streams:
            row = {"subject": subject, **loop.run_until_complete(step(port, process.pid, streams, options))}
            rows.append(row)
            print_row(row)
            if row["p99_ms"] is None or row["p99_ms"] > LIMIT_MS:
                break
    finally:
        loop.close()
        process.terminate()
        process.wait()
    return rows


COLUMNS = ("subject", "streams", "lost", "doubled", "out_of_order", "done_last", "p50_ms", "p99_ms",
           "cpu_us_per_token", "bytes_per_token", "idle_kb", "busy_kb")  # fmt: skip


def print_row(row: dict[str, Any]) -> None:
    print("  ".join(f"{row[name]}".rjust(max(len(name), 12)) for name in COLUMNS), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=50, help="tokens per second and stream")
    parser.add_argument("--streams", default="100,200,400,600,800,1000,1300,1600,2000,2500,3000")
    parser.add_argument("--seconds", type=float, default=4, help="of each stream")
    parser.add_argument(
        "--poisson", action="store_true", help="tokens at random times instead of evenly spaced"
    )
    parser.add_argument("--server", choices=("uvicorn", "daphne"), default="uvicorn")
    parser.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    parser.add_argument("--quick", action="store_true", help="100 and 200 streams, 2 s each")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    options = parser.parse_args()
    if options.quick:
        options.streams, options.seconds = "100,200", 2.0
    options.streams = [int(count) for count in options.streams.split(",")]
    cores = os.sched_getaffinity(0)
    print_row({name: name for name in COLUMNS})
    rows = []
    for subject in SUBJECTS:
        os.sched_setaffinity(0, cores)
        rows += measure(subject, options)
    held = {
        subject: max(
            (row["streams"] for row in rows
             if row["subject"] == subject and not row["lost"] and (row["p99_ms"] or 1e9) <= LIMIT_MS),
            default=0,
        )
        for subject in SUBJECTS
    }  # fmt: skip
    print(
        "streams held without loss, p99 within 100 ms:", *(f"{name} {count}" for name, count in held.items())
    )
    if options.json:
        about = {name: getattr(options, name) for name in ("server", "loop", "rate", "poisson")}
        about |= {"python": platform.python_version(), "cpu": platform.processor()}
        print(json.dumps({**about, "held": held, "rows": rows}))
    ours = [row for row in rows if row["subject"] in ("djust_stream", "compact")]
    bad = sum(
        row["lost"] + row["doubled"] + row["out_of_order"] + row["streams"] - row["done_last"] for row in ours
    )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
else:
    application = make_application()
