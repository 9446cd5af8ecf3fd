"""What does Redis between a producer and its readers cost? 100 streams of 50 tokens/s, two uvicorn processes.

    python benchmarks/processes.py [--streams 100] [--rate 50] [--seconds 8] [--json]

Each stream is begun by a page in the first process and read by a page in the second one, which has its token.
A token of a stream carries the time at which it was due; one program reads both pages. "Added" is the time
between its arrival at the producer's page and at the other one. Redis's own count of commands is taken over
the same seconds. Other work on the machine shows in the latency, not in the count.
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

from targets import Lines

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

TOKEN = re.compile(r"\^(\d+)@(\d+)")
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


class Page:
    """Notes when each token came."""

    def __init__(self, connected: Any, name: str) -> None:
        self.connected, self.name = connected, name
        self.came: dict[int, tuple[float, float]] = {}  # number -> (due, when it came)
        self.doubled = 0
        self.token: str | None = None

    async def hello(self) -> None:
        await self.connected.send('{"type": "stream.hello", "form": "compact", "resume": true}')
        await self.connected.recv()

    async def read(self, until_token: bool = False) -> None:
        while not (until_token and self.token):
            message = await self.connected.recv()
            now = monotonic()
            for number, due in TOKEN.findall(message):
                self.doubled += int(number) in self.came
                self.came.setdefault(int(number), (int(due) / 1e6, now))
            if '"token"' in message:
                self.token = json.loads(message)["token"]
            if '"done"' in message:
                return


def percentile(values: list[float], part: float) -> float:
    """In ms."""
    return round(sorted(values)[int((len(values) - 1) * part)] * 1000, 2)


async def measure(options: argparse.Namespace) -> dict[str, Any]:
    from chaos import Web, connection
    from redis_server import RedisServer, free_port

    with RedisServer() as redis:
        webs = [Web(free_port(), redis.url, "processes:application") for _ in range(2)]
        try:
            for web in webs:
                web.start()
            await asyncio.gather(*(web.answers() for web in webs))
            near, far = [], []
            tokens = int(options.rate * (options.seconds + 3))
            for number in range(options.streams):
                one = Page(await connection(webs[0].port), f"s{number}")
                await one.hello()
                await one.connected.send(
                    json.dumps({"name": one.name, "rate": options.rate, "tokens": tokens})
                )
                await one.read(until_token=True)
                near.append(asyncio.ensure_future(one.read()))
                other = Page(await connection(webs[1].port), one.name)
                await other.hello()
                asks = {"type": "stream.resume", "stream": one.name, "token": one.token, "seq": 0}
                await other.connected.send(json.dumps(asks))
                far.append((one, other, asyncio.ensure_future(other.read())))
            begin = monotonic()
            before = Counter(redis.calls())
            await asyncio.sleep(options.seconds)
            end = monotonic()
            calls = Counter(redis.calls()) - before
            await asyncio.wait([*near, *(task for _, _, task in far)], timeout=60)
        finally:
            for web in webs:
                web.kill()
    rows = [
        (came, came - due, came - one.came[number][1])
        for one, other, _ in far
        for number, (due, came) in other.came.items()
        if number in one.came and begin < due < end
    ]
    calls.pop("info", None)
    return {
        "streams": options.streams,
        "rate": options.rate,
        "tokens": options.streams * tokens,
        "lost": options.streams * tokens - sum(len(other.came) for _, other, _ in far),
        "doubled": sum(other.doubled for _, other, _ in far),
        "added_p50_ms": percentile([added for _, _, added in rows], 0.5),
        "added_p99_ms": percentile([added for _, _, added in rows], 0.99),
        "p50_ms": percentile([late for _, late, _ in rows], 0.5),
        "p99_ms": percentile([late for _, late, _ in rows], 0.99),
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
    found = asyncio.run(measure(options))
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
