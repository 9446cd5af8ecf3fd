"""Are all tokens shown, in order, with "done" last? Ours beside djust's own streaming, in the same run.

    python benchmarks/tokens.py [--tokens 1000] [--streams 4] [--gaps 0,1,5,10,20] [--server daphne] [--json]

A real server, a real WebSocket client. On one connection each, side by side: a djust LiveView and a plain
Channels consumer, over djust_stream and over djust.streaming. Four streams at a time send 1,000 numbered
tokens each, so many ms apart. Counted from what the connection brought: tokens lost, doubled, out of order,
and streams whose last op was "done". Exit status 1 when djust_stream lost anything.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import sys
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

from rig import serve

KINDS = ("LiveView", "Channels")
MIXINS = ("djust_stream", "djust")


# -- the server: this file, served ------------------------------------------------------------------


def make_application() -> Any:
    """The ASGI application with the four subjects."""
    from django.conf import settings

    settings.configure(
        SECRET_KEY="benchmark",
        ALLOWED_HOSTS=["*"],
        INSTALLED_APPS=[
            "django.contrib.contenttypes",
            "django.contrib.auth",
            "django.contrib.sessions",
            "channels",
            "djust",
            "djust_stream",
        ],
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
        CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}},
        LIVEVIEW_ALLOWED_MODULES=[__name__],
        LIVEVIEW_CONFIG={"rate_limit": {"max_connections_per_ip": 1000}},
        ROOT_URLCONF=__name__,
        LOGGING_CONFIG=None,
    )
    import django

    django.setup()
    from channels.generic.websocket import AsyncJsonWebsocketConsumer
    from channels.routing import ProtocolTypeRouter, URLRouter
    from channels.sessions import SessionMiddlewareStack
    from django.core.asgi import get_asgi_application
    from django.urls import path
    from djust import LiveView
    from djust.decorators import event_handler
    from djust.streaming import StreamingMixin as DjustStreamingMixin
    from djust.websocket import LiveViewConsumer

    from djust_stream import StreamConsumer, StreamingMixin

    class Ask:
        template = "<div dj-root></div>"

        @event_handler()
        async def produce(self, streams: int = 1, tokens: int = 1, gap_ms: int = 0, **kwargs: Any) -> None:
            await produce_all(self, streams, tokens, gap_ms)

    def view(name: str, *bases: type) -> None:
        globals()[name] = type(name, (Ask, *bases), {"__module__": __name__})

    view("LiveView_djust_stream", StreamingMixin, LiveView)
    view("LiveView_djust", LiveView)

    class Receive:
        async def receive_json(self, content: Any, **kwargs: Any) -> None:
            self._ws_consumer = self
            self.task = asyncio.create_task(produce_all(self, **content))

    class OursPlain(Receive, StreamConsumer):
        pass

    class TheirsPlain(Receive, DjustStreamingMixin, AsyncJsonWebsocketConsumer):
        pass

    sockets = [
        path("LiveView/<mixin>/", LiveViewConsumer.as_asgi()),
        path("Channels/djust_stream/", OursPlain.as_asgi()),
        path("Channels/djust/", TheirsPlain.as_asgi()),
    ]
    return ProtocolTypeRouter(
        {"http": get_asgi_application(), "websocket": SessionMiddlewareStack(URLRouter(sockets))}
    )


urlpatterns: list[Any] = []


async def produce_all(view: Any, streams: int, tokens: int, gap_ms: float) -> None:
    """So many streams at a time; each token at its time."""

    async def produce(name: str) -> None:
        await view.stream_start(name)
        start = time.monotonic()
        for number in range(tokens):
            await view.stream_text(name, f"{number} ")
            wait = start + (number + 1) * gap_ms / 1000 - time.monotonic()
            if gap_ms and wait > 0:
                await asyncio.sleep(wait)
        await view.stream_done(name)

    await asyncio.gather(*(produce(f"s{number}") for number in range(streams)))


# -- the client: reads and counts ----------------------------------------------------------------------


async def measure(port: int, subject: tuple[str, str], arguments: dict[str, Any]) -> dict[str, Any]:
    """One connection's count."""
    import websockets

    kind, mixin = subject
    streams, tokens, gap_ms = arguments["streams"], arguments["tokens"], arguments["gap_ms"]
    texts: dict[str, list[str]] = {f"s{number}": [] for number in range(streams)}
    last: dict[str, str] = {}
    frames = sent_bytes = 0
    async with websockets.connect(f"ws://127.0.0.1:{port}/{kind}/{mixin}/", max_size=None) as connection:
        if kind == "LiveView":
            view = f"{Path(__file__).stem}.LiveView_{mixin}"
            await connection.recv()
            await connection.send(json.dumps({"type": "mount", "view": view, "url": "/", "params": {}}))
            mounted = {"type": "stream"}  # what ours says of itself before
            while mounted["type"] == "stream":
                mounted = json.loads(await connection.recv())
            assert mounted["type"] == "mount", mounted
            arguments = {"type": "event", "event": "produce", "params": arguments, "ref": 1}
        start = time.monotonic()
        await connection.send(json.dumps(arguments))
        ended_at = None
        while True:
            # djust sends tokens even after "done": wait a while for what may still come.
            quiet_s = 60 if ended_at is None else 0.3
            try:
                message = await asyncio.wait_for(connection.recv(), quiet_s)
            except asyncio.TimeoutError:
                break
            content = json.loads(message)
            if content.get("type") != "stream":
                continue
            frames += 1
            sent_bytes += len(message.encode())
            for op in content["ops"]:
                last[content["stream"]] = op["op"]
                if op["op"] == "text":
                    texts[content["stream"]].append(op["text"])
                if op["op"] == "done" and list(last.values()).count("done") == streams:
                    ended_at = ended_at or time.monotonic() - start
    counts = Counter[str]()
    for name, pieces in texts.items():
        numbers = [int(number) for number in "".join(pieces).split()]
        counts["shown"] += len(set(numbers))
        counts["lost"] += tokens - len(set(numbers))
        counts["doubled"] += len(numbers) - len(set(numbers))
        counts["out_of_order"] += sum(later < earlier for earlier, later in pairwise(numbers))
        counts["done_last"] += last.get(name) == "done"
    return {
        "host": kind,
        "mixin": mixin,
        "gap_ms": gap_ms,
        "streams": streams,
        "tokens": streams * tokens,
        **{key: counts[key] for key in ("shown", "lost", "doubled", "out_of_order", "done_last")},
        "frames": frames,
        "bytes": sent_bytes,
        "seconds": round(ended_at or 0, 2),
    }


async def measure_all(port: int, streams: int, tokens: int, gaps: list[float]) -> list[dict[str, Any]]:
    rows = []
    for gap_ms in gaps:
        subjects = [(kind, mixin) for kind in KINDS for mixin in MIXINS]
        arguments = {"streams": streams, "tokens": tokens, "gap_ms": gap_ms}
        rows += await asyncio.gather(*(measure(port, subject, arguments) for subject in subjects))
    return sorted(rows, key=lambda row: (row["host"], row["mixin"] == "djust", row["gap_ms"]))


def print_table(rows: list[dict[str, Any]]) -> None:
    columns = [
        "host",
        "mixin",
        "gap_ms",
        "shown",
        "lost",
        "doubled",
        "out_of_order",
        "done_last",
        "frames",
        "bytes",
    ]
    texts = [columns] + [
        [f"{row['shown']:,} of {row['tokens']:,}" if key == "shown" else f"{row[key]}" for key in columns]
        for row in rows
    ]
    widths = [max(len(line[index]) for line in texts) for index in range(len(columns))]
    for line in texts:
        print("  ".join(text.ljust(width) if index < 2 else text.rjust(width)
                        for index, (text, width) in enumerate(zip(line, widths, strict=True))))  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tokens", type=int, default=1000, help="per stream")
    parser.add_argument("--streams", type=int, default=4, help="at a time, on one connection")
    parser.add_argument("--gaps", default="0,1,5,10,20", help="ms between two tokens")
    parser.add_argument("--server", choices=("uvicorn", "daphne"), default="uvicorn")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    options = parser.parse_args()
    gaps = [int(gap) for gap in options.gaps.split(",")]
    with serve(Path(__file__).stem, options.server) as (_, port):
        rows = asyncio.run(measure_all(port, options.streams, options.tokens, gaps))
    print_table(rows)
    if options.json:
        about = {"server": options.server, "python": platform.python_version(), "cpu": platform.processor()}
        print(json.dumps({**about, "rows": rows}))
    ours = [row for row in rows if row["mixin"] == "djust_stream"]
    whole = all(
        not (row["lost"] or row["doubled"] or row["out_of_order"]) and row["done_last"] == row["streams"]
        for row in ours
    )
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())
else:
    application = make_application()
