"""Does a page that is cut off again and again show in the end what it would have shown without a cut?

    python benchmarks/chaos.py [--streams 200] [--tokens 500] [--rate 100] [--every 4] [--doomed 10]
                               [--seed 1] [--json]

So many streams of numbered tokens, half of them Markdown, over Redis and three uvicorn processes. Each stream
is begun by a page in the first process. From then on its readers, with every other stream a second tab that
joins late, lose their connections at random, each one every so many seconds, and come back to any process:

    reset       the connection is reset (TCP RST)          reload   and the page begins again, empty
    half-open   nothing comes any more, no word of it      swap     the new connection is there before the old
    close       the page closes it                                  one is gone: frames come over both

Meanwhile the other two processes, which share a port, are killed (kill -9) and started again; Redis is
killed, comes back empty, and is frozen for a second.

The first process is not killed: what a process produces ends with it, for nobody else has the connection to
the model. That is what the doomed streams are for, which are begun in the other two and not counted with the
rest: their readers must be told, after the 15 s in which a process may be only slow.

Printed: readers, pages that are equal to the page without cuts, tokens lost and shown twice, cuts, resumes,
snapshots. Exit status 1 when a page is not equal or a doomed reader was told nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import html
import json
import os
import random
import re
import socket
import struct
import subprocess
import sys
from collections import Counter
from pathlib import Path
from time import monotonic
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from readers import ResumingPage
from redis_server import RedisServer, free_port
from streaming import one_shot
from websockets import ConnectionClosed, InvalidHandshake, connect

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent / "tests"
TOKEN = re.compile(r"w\d{5}")
RAMP_S = 1.0
SILENT_S = 0.5  # after which a reader takes a connection for half-open
OVERLAP_S = 0.1  # of two connections
RESTART_S = 0.5  # between the end of a process and the next one
LOST = (OSError, ConnectionClosed, InvalidHandshake, asyncio.TimeoutError)  # how a connection fails

INLINE = ["{} ", "{} ", "{} ", "**{}** ", "`{}` ", "[{}](/x) ", "*{},* "]
BLOCKS = {  # what begins a block, its tokens, what ends it
    "paragraph": ("\n\n", INLINE, ""),
    "list": ("\n\n", ["- {}\n", "- **{}**\n", "- `{}`\n"], ""),
    "loose": ("\n\n", ["- {}\n\n", "- *{}*\n\n", "  1. {}\n"], ""),
    "table": ("\n\n| a | b |\n|---|---|\n", ["| {} | x |\n", "| **{}** | |\n"], ""),
    "code": ("\n\n```py\n", ["{} = 1\n", "f({})\n", "\n# {}\n"], "```\n"),
    "quote": ("\n\n> ", INLINE, ""),
    "heading": ("\n\n## ", INLINE, ""),
}


def tokens_of(name: str, count: int) -> list[str]:
    """A stream's tokens, each with its number in it; those of "m…" are Markdown."""
    rng = random.Random(name)
    out: list[str] = []
    while len(out) < count:
        size = min(rng.randint(2, 25), count - len(out))
        start, forms, end = BLOCKS[rng.choice(list(BLOCKS))] if name[0] == "m" else ("\n<b>&", ["{} "], "")
        block = [rng.choice(forms).format(f"w{len(out) + number:05d}") for number in range(size)]
        block[0] = start + block[0]
        block[-1] += end
        out += block
    return out


# -- the servers: this file, served -------------------------------------------------------------------


def make_application() -> Any:
    """A consumer that streams what its page asks for."""
    import django
    from django.conf import settings

    settings.configure(
        SECRET_KEY="benchmark",
        ALLOWED_HOSTS=["*"],
        INSTALLED_APPS=["channels", "djust_stream"],
        # So little that who reads a stream from its beginning, or missed a second, needs a snapshot.
        DJUST_STREAM={"STORE": os.environ["STORE"], "LOG_BYTES": 8192},
    )
    django.setup()
    from djust_stream import StreamConsumer

    class Consumer(StreamConsumer):
        async def receive_json(self, content: Any, **kwargs: Any) -> None:
            if "pid" in content:
                await self.send_json({"pid": os.getpid()})
            else:
                self.start_stream(content["name"], self.produce, **content)

        async def produce(self, name: str, tokens: int, rate: float) -> None:
            push = self.stream_markdown if name[0] == "m" else self.stream_text
            due = monotonic()
            for token in tokens_of(name, tokens):
                await push(name, token)
                due += 1 / rate
                await asyncio.sleep(max(0.0, due - monotonic()))

    return Consumer.as_asgi()


class Web:
    """One uvicorn process, on a port that others may share."""

    def __init__(self, port: int, store: str, application: str = "chaos:application") -> None:
        self.port = port
        self.application = application
        paths = [str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH", "")]
        self._environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "STORE": store}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-W", "ignore", str(TESTS / "django" / "shared_port.py")]
        self.process = subprocess.Popen(
            [*command, str(self.port), self.application], env=self._environment, stderr=subprocess.DEVNULL
        )

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    async def answers(self) -> None:
        """Wait for it: others may listen on the port already."""
        assert self.process is not None
        give_up_at = monotonic() + 30
        while monotonic() < give_up_at:
            with contextlib.suppress(OSError, ConnectionClosed, InvalidHandshake):
                async with connection(self.port) as connected:
                    await connected.send('{"pid": true}')
                    if json.loads(await connected.recv())["pid"] == self.process.pid:
                        return
            await asyncio.sleep(0.05)
        raise RuntimeError("uvicorn did not start")


def connection(port: int) -> connect:
    return connect(
        f"ws://127.0.0.1:{port}/", compression=None, max_size=None, ping_interval=None, close_timeout=1
    )


# -- the readers --------------------------------------------------------------------------------------


class Reader:
    """A page that wants to show one stream to its end."""

    def __init__(self, chaos: Chaos, name: str, seed: str) -> None:
        self.chaos, self.name = chaos, name
        self.rng = random.Random(seed)
        self.page = ResumingPage()
        self.has_token = asyncio.Event()
        self.snapshots = self.gaps = 0
        self._next_cut_at = float("inf")

    @property
    def over(self) -> bool:
        return bool(self.page.ended or self.page.gone)

    async def begin(self, port: int) -> None:
        """The first tab: start the stream, and read."""
        options = self.chaos.options
        connected = await self._connect(port)
        await connected.send(json.dumps({"name": self.name, "tokens": options.tokens, "rate": options.rate}))
        while self.page.token is None:
            self.page.receive(await connected.recv())
        self.has_token.set()
        self._plan()
        with contextlib.suppress(*LOST):
            await self._read(connected)
        await self._come_back()

    async def join(self, first: Reader) -> None:
        """The second tab, which has the token of the first."""
        await asyncio.sleep(self.rng.uniform(0, self.chaos.options.tokens / self.chaos.options.rate))
        await first.has_token.wait()
        self.page.token = first.page.token
        self._plan()
        await self._come_back()

    async def _come_back(self) -> None:
        """Until there is nothing more to come."""
        while not self.over:
            await asyncio.sleep(self.rng.uniform(0, 0.2))
            with contextlib.suppress(*LOST):
                connected = await self._connect(self.chaos.any_port(self.rng))
                await self._resume(connected)
                await self._read(connected)

    async def _connect(self, port: int) -> Any:
        connected = await connection(port)
        await connected.send('{"type": "stream.hello", "form": "compact", "resume": true}')
        assert json.loads(await asyncio.wait_for(connected.recv(), 10))["resume"] is True
        return connected

    async def _resume(self, connected: Any) -> None:
        page = self.page
        asks = {"type": "stream.resume", "stream": self.name, "e": page.epoch, "token": page.token}
        await connected.send(json.dumps(asks | {"seq": page.seq}))
        self.chaos.counts["resumes"] += 1

    def _plan(self) -> None:
        self._next_cut_at = monotonic() + self.rng.expovariate(1 / self.chaos.options.every)

    async def _read(self, connected: Any) -> None:
        """Until the end, or a cut."""
        try:
            await asyncio.wait_for(self._receive(connected), max(0.001, self._next_cut_at - monotonic()))
            await connected.close()
        except asyncio.TimeoutError:
            self._plan()
            cut = self.rng.choice([self._reset, self._half_open, self._close, self._reload, self._swap])
            self.chaos.count_cut(cut.__name__.lstrip("_").replace("_", "-"))
            await cut(connected)
        except ConnectionClosed:
            self.chaos.count_cut("end of a process")

    async def _receive(self, connected: Any) -> None:
        while not self.over:
            self.page.receive(await connected.recv())

    async def _reset(self, connected: Any) -> None:
        raw = connected.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connected.transport.abort()

    async def _half_open(self, connected: Any) -> None:
        connected.transport.pause_reading()
        self.chaos.forgotten.append(connected)
        await asyncio.sleep(SILENT_S)

    async def _close(self, connected: Any) -> None:
        await connected.close()

    async def _reload(self, connected: Any) -> None:
        await self._reset(connected)
        token, epoch = self.page.token, self.page.epoch
        self._account()
        self.page = ResumingPage()
        self.page.token, self.page.epoch = token, epoch

    async def _swap(self, connected: Any) -> None:
        """Goes on over another connection, while this one brings what it brings."""
        other = await self._connect(self.chaos.any_port(self.rng))
        await self._resume(other)
        both = [asyncio.ensure_future(self._receive(one)) for one in (connected, other)]
        await asyncio.wait(both, timeout=OVERLAP_S)
        for task in both:
            task.cancel()
        await asyncio.gather(*both, return_exceptions=True)
        await self._reset(connected)
        await self._read(other)

    def _account(self) -> None:
        self.snapshots += self.page.snapshots
        self.gaps += self.page.gaps
        self.page.snapshots = self.page.gaps = 0

    def result(self) -> dict[str, int]:
        """What the page shows, beside what it should."""
        self._account()
        tokens = tokens_of(self.name, self.chaos.options.tokens)
        shown = Counter(TOKEN.findall(self.page.html))
        return {
            "pages_equal": self.page.html == uncut(self.name, tokens) and self.page.ended == ["done"],
            "lost": len(tokens) - len(shown),
            "twice": sum(shown.values()) - len(shown),
            "snapshots": self.snapshots,
            "gaps": self.gaps,
        }

    def is_told(self) -> bool:
        """Of a doomed stream: its page shows a beginning, and that there is no more."""
        numbers = [int(word[1:]) for word in TOKEN.findall(self.page.html)]
        return self.over and numbers == list(range(len(numbers)))


def uncut(name: str, tokens: list[str]) -> str:
    """The page that nobody cuts."""
    text = "".join(tokens)
    return one_shot(text) if name[0] == "m" else html.escape(text, quote=False)


# -- the run ------------------------------------------------------------------------------------------


class Chaos:
    """Servers, readers, and what happens to them."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.rng = random.Random(options.seed)
        self.counts: Counter[str] = Counter()
        self.forgotten: list[Any] = []  # half-open connections
        self.redis = RedisServer()
        safe, shared = free_port(), free_port()
        self.producers = Web(safe, self.redis.url)
        self.webs = [Web(shared, self.redis.url) for _ in range(2)]

    def any_port(self, rng: random.Random) -> int:
        """Where a page comes back to."""
        return rng.choice([web.port for web in (self.producers, *self.webs)])

    def count_cut(self, kind: str) -> None:
        self.counts["cuts"] += 1
        self.counts[kind] += 1

    async def run(self) -> dict[str, Any]:
        """The whole of it."""
        webs = [self.producers, *self.webs]
        try:
            self.redis.start()
            for web in webs:
                web.start()
            await asyncio.gather(*(web.answers() for web in webs))
            return await self._readers()
        finally:
            for web in webs:
                web.kill()
            self.redis.__exit__()

    async def _readers(self) -> dict[str, Any]:
        options, seed = self.options, self.options.seed
        readers: list[Reader] = []
        doomed: list[Reader] = []
        tasks: list[asyncio.Task[None]] = []
        began = monotonic()
        disasters = asyncio.ensure_future(self._disasters())
        for number in range(options.streams):
            name = f"{'tm'[number % 2]}{seed}-{number}"
            readers.append(Reader(self, name, f"{seed} {number} first"))
            tasks.append(asyncio.ensure_future(readers[-1].begin(self.producers.port)))
            if number % 4 < 2:
                readers.append(Reader(self, name, f"{seed} {number} second"))
                tasks.append(asyncio.ensure_future(readers[-1].join(readers[-2])))
            if number < options.doomed:
                doomed.append(Reader(self, f"td{seed}-{number}", f"{seed} {number} doomed"))
                tasks.append(asyncio.ensure_future(doomed[-1].begin(self.webs[0].port)))
            await asyncio.sleep(RAMP_S / options.streams)
        done, waiting = await asyncio.wait(tasks, timeout=options.timeout)
        for task in (disasters, *waiting):
            task.cancel()
        await asyncio.gather(disasters, *waiting, return_exceptions=True)
        for fault in [task.exception() for task in done if task.exception()][:3]:
            print(f"a reader failed: {fault!r}", file=sys.stderr)
        total: Counter[str] = Counter()
        for reader in readers:
            total.update(reader.result())
        return {
            "readers": len(readers),
            **{name: int(total[name]) for name in ("pages_equal", "lost", "twice")},
            **{name: self.counts.pop(name, 0) for name in ("cuts", "resumes")},
            **{name: int(total[name]) for name in ("snapshots", "gaps")},
            "doomed": len(doomed),
            "told": sum(reader.is_told() for reader in doomed),
            "ended_by_a_kill": sum(reader.page.gone for reader in doomed),
            "seconds": round(monotonic() - began, 1),
            "seed": seed,
            "what": dict(sorted(self.counts.items())),
        }

    async def _disasters(self) -> None:
        """One after the other, for as long as somebody reads."""
        while True:
            kinds = [self._kill_web, self._kill_redis, self._kill_web, self._freeze_redis]
            self.rng.shuffle(kinds)
            for disaster in kinds:
                await asyncio.sleep(self.rng.uniform(0.5, 2))
                self.counts[disaster.__name__.lstrip("_").replace("_", " ")] += 1
                await disaster()

    async def _kill_web(self) -> None:
        web = self.rng.choice(self.webs)
        web.kill()
        await asyncio.sleep(RESTART_S)
        web.start()
        await web.answers()

    async def _kill_redis(self) -> None:
        self.redis.kill()
        await asyncio.sleep(RESTART_S)
        await asyncio.to_thread(self.redis.start)

    async def _freeze_redis(self) -> None:
        self.redis.freeze()
        await asyncio.sleep(1)
        self.redis.thaw()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--tokens", type=int, default=500, help="of each stream")
    parser.add_argument("--rate", type=float, default=100, help="tokens per second and stream")
    parser.add_argument("--every", type=float, default=4, help="seconds between two cuts of a reader")
    parser.add_argument("--doomed", type=int, default=10, help="streams of processes that are killed")
    parser.add_argument("--timeout", type=float, default=180, help="seconds for the whole run")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    options = parser.parse_args()
    found = asyncio.run(Chaos(options).run())
    print(
        f"{found['readers']} readers of {options.streams} streams, {found['seconds']} s: "
        f"{found['pages_equal']} pages equal, {found['lost']} tokens lost, {found['twice']} twice"
    )
    print(f"{found['cuts']} cuts, {found['resumes']} resumes, {found['snapshots']} snapshots;", end=" ")
    print(*(f"{kind} {count}" for kind, count in found["what"].items()), sep=", ")
    print(
        f"{found['doomed']} streams in processes that are killed: {found['ended_by_a_kill']} ended by that,",
        f"{found['told']} readers know how theirs ended",
    )
    if options.json:
        print(json.dumps(found))
    right = found["pages_equal"] == found["readers"] and found["told"] == found["doomed"]
    return 0 if right else 1


def __getattr__(name: str) -> Any:
    """``application``, when uvicorn asks for it."""
    if name == "application":
        return make_application()
    raise AttributeError(name)


if __name__ == "__main__":
    sys.exit(main())
