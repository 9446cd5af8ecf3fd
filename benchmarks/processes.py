"""What does Redis between a producer and its readers cost? 100 streams of 50 tokens/s, two uvicorn processes.

    python benchmarks/processes.py [--streams 100] [--rate 50] [--seconds 8] [--json]

Each stream is begun by a page in the first process and read by a page in the second one, which has its
token. Then the first page goes, but for every tenth stream. A token of a stream carries the time at which
it was due; one program reads all pages. "Added" is the time between its arrival at a page in the first
process and at the one in the second. Redis's own count of commands is taken over the same seconds. Other
work on the machine shows in the latency, not in the count.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import sys
from collections import Counter
from pathlib import Path
from time import monotonic
from typing import Any

import uvloop
from targets import Lines

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

TOKEN = re.compile(rb"\^(\d+)@(\d+)")
STAYS = 10
LATENCY_MS = 30
COMMANDS = 70


def make_application() -> Any:
    """A consumer that streams tokens at a pace, each with its number and the microsecond it was due."""
    import django
    from django.conf import settings

    settings.configure(
        SECRET_KEY="benchmark",
        ALLOWED_HOSTS=["*"],
        INSTALLED_APPS=["channels", "djust_stream"],
        DJUST_STREAM={"STORE": os.environ["STORE"]},
    )
    django.setup()
    from djust_stream import StreamConsumer

    class Consumer(StreamConsumer):
        async def receive_json(self, content: Any, **kwargs: Any) -> None:
            if "pid" in content:
                await self.send_json({"pid": os.getpid()})
            else:
                self.start_stream(content["name"], self.produce, **content)

        async def produce(self, name: str, rate: float, tokens: int) -> None:
            due = monotonic()
            for number in range(tokens):
                await asyncio.sleep(max(0.0, due - monotonic()))
                await self.stream_text(name, f"^{number}@{int(due * 1e6)} ")
                due += 1 / rate

    return Consumer.as_asgi()


HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Page(asyncio.Protocol):
    """One connection; notes when each token came. By hand: a library costs more than what is measured."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.open, self.ready, self.token, self.done = (loop.create_future() for _ in range(4))
        self.came: dict[int, tuple[float, float]] = {}  # number -> (due, when it came)
        self.doubled = 0
        self._rest = b""

    @classmethod
    async def connect(cls, port: int) -> Page:
        _, page = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        await page.open
        page.send({"type": "stream.hello", "form": "compact", "resume": True})
        await page.ready
        return page

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(HANDSHAKE)

    def send(self, message: object) -> None:
        payload = json.dumps(message).encode()
        size = (
            bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2, "big")
        )
        self.transport.write(b"\x81" + size + bytes(4) + payload)

    def data_received(self, data: bytes) -> None:
        now = monotonic()
        data = self._rest + data
        if not self.open.done():
            _, _, data = data.partition(b"\r\n\r\n")
            self.open.set_result(None)
        at = 0
        while len(data) - at >= 2:
            size, begin = data[at + 1], at + 2
            if size >= 126:
                width = 2 if size == 126 else 8
                size, begin = int.from_bytes(data[begin : begin + width], "big"), begin + width
            if len(data) < begin + size:
                break
            self._message(data[begin : begin + size], now)
            at = begin + size
        self._rest = data[at:]

    def _message(self, message: bytes, now: float) -> None:
        for number, due in TOKEN.findall(message):
            self.doubled += int(number) in self.came
            self.came.setdefault(int(number), (int(due) / 1e6, now))
        if b'"stream.welcome"' in message:
            self.ready.set_result(None)
        elif b'"token"' in message and not self.token.done():
            self.token.set_result(json.loads(message)["token"])
        elif b'"done"' in message:
            self.done.set_result(None)


def percentile(values: list[float], part: float) -> float:
    """In ms."""
    return round(sorted(values)[int((len(values) - 1) * part)] * 1000, 2)


async def measure(options: argparse.Namespace) -> dict[str, Any]:
    from chaos import Web
    from redis_server import RedisServer, free_port

    with RedisServer() as redis:
        webs = [Web(free_port(), redis.url, "processes:application") for _ in range(2)]
        try:
            for web in webs:
                web.start()
            await asyncio.gather(*(web.answers() for web in webs))
            tokens = int(options.rate * (options.seconds + 4))
            pairs = []
            for number in range(options.streams):
                name = f"s{number}"
                near = await Page.connect(webs[0].port)
                near.send({"name": name, "rate": options.rate, "tokens": tokens})
                token = await near.token
                far = await Page.connect(webs[1].port)
                far.send({"type": "stream.resume", "stream": name, "token": token, "seq": 0})
                await far.token
                if number % STAYS:
                    near.transport.abort()
                pairs.append((near, far))
            begin = monotonic() + 0.5
            await asyncio.sleep(0.5)
            before = Counter(redis.calls())
            await asyncio.sleep(options.seconds)
            end = monotonic()
            calls = Counter(redis.calls()) - before
            await asyncio.wait([far.done for _, far in pairs], timeout=60)
            for page in [page for pair in pairs for page in pair]:
                page.transport.abort()
        finally:
            for web in webs:
                web.kill()
    late = [came - due for _, far in pairs for due, came in far.came.values() if begin < due < end]
    added = [
        far.came[number][1] - came
        for near, far in pairs[::STAYS]
        for number, (due, came) in near.came.items()
        if number in far.came and begin < due < end
    ]
    calls.pop("info", None)
    return {
        "streams": options.streams,
        "rate": options.rate,
        "tokens": options.streams * tokens,
        "lost": options.streams * tokens - sum(len(far.came) for _, far in pairs),
        "doubled": sum(far.doubled for _, far in pairs),
        "added_p50_ms": percentile(added, 0.5),
        "added_p99_ms": percentile(added, 0.99),
        "p50_ms": percentile(late, 0.5),
        "p99_ms": percentile(late, 0.99),
        "commands_per_stream_s": round(sum(calls.values()) / options.streams / (end - begin), 1),
        "commands": {name: count for name, count in calls.most_common(6)},
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--rate", type=float, default=50, help="tokens per second and stream")
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    options = parser.parse_args()
    loop = uvloop.new_event_loop()
    found = loop.run_until_complete(measure(options))
    loop.close()
    lines = Lines()
    lines.all("tokens read in the other process", found["tokens"] - found["lost"], found["tokens"])
    lines.at_most(
        "added latency, p99", found["added_p99_ms"], LATENCY_MS, " ms", f"p50 {found['added_p50_ms']} ms"
    )
    lines.at_most(
        "Redis commands per stream and second", found["commands_per_stream_s"], COMMANDS,
        note=", ".join(f"{name} {count}" for name, count in found["commands"].items()),
    )  # fmt: skip
    print(f"from when a token was due until it was read: p50 {found['p50_ms']} ms, p99 {found['p99_ms']} ms")
    if options.json:
        print(json.dumps(found))
    return 1 if found["lost"] or found["doubled"] else 0


def __getattr__(name: str) -> Any:
    """``application``, when uvicorn asks for it."""
    if name == "application":
        return make_application()
    raise AttributeError(name)


if __name__ == "__main__":
    sys.exit(main())
