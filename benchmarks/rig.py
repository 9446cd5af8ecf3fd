"""What the benchmarks with a server or an opponent share.

with serve("load", server="daphne", SUBJECT="plain") as (process, port): ...
PlainBatcher()            # the honest alternative: lossless, in plain Python
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

HERE = Path(__file__).resolve().parent


@contextlib.contextmanager
def serve(
    module: str,
    server: str = "uvicorn",
    flags: tuple[str, ...] = (),
    core: int | None = None,
    **environment: str,
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The module's ``application`` behind a real server on a free port; flags: for uvicorn.

    core: the processor it runs on. Yields the process and its port; ends it afterwards.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    application = f"{module}:application"
    if server == "daphne":
        command = ["daphne", "-v", "0", "-b", "127.0.0.1", "-p", str(port), application]
    else:
        command = [
            "uvicorn",
            "--port",
            str(port),
            "--log-level",
            "error",
            "--lifespan",
            "off",
            *flags,
            application,
        ]
    paths = os.pathsep.join([str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", *command],
        env=os.environ | {"PYTHONPATH": paths} | environment,
        stderr=subprocess.DEVNULL,
    )
    try:
        if core is not None:
            os.sched_setaffinity(process.pid, {core})
        wait_for(port, process, command)
        yield process, port
    finally:
        process.terminate()
        process.wait()


def wait_for(port: int, process: subprocess.Popen[bytes], command: list[str]) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    sys.exit(f"{command[0]} did not start; try: {' '.join(command)}")


class PlainBatcher:
    """Lossless, in plain Python: ops merged in a list, one timer for each connection."""

    INTERVAL_S = 1 / 60

    def __init__(self) -> None:
        self._ws_consumer: Any = None
        self._waiting: dict[str, list[dict[str, Any]]] = {}
        self._last = 0.0
        self._timer: asyncio.TimerHandle | None = None

    async def stream_start(self, name: str) -> None:
        await self._op(name, "start")

    async def stream_done(self, name: str) -> None:
        await self._op(name, "done")

    def stream_detach(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._waiting.clear()

    async def _op(self, name: str, op: str) -> None:
        self._waiting.setdefault(name, []).append({"op": op, "target": f"[dj-stream='{name}']"})
        await self._flush()

    async def stream_text(
        self, name: str, text: str, mode: str = "append", target: str | None = None
    ) -> None:
        target = target or f"[dj-stream='{name}']"
        ops = self._waiting.setdefault(name, [])
        last = ops[-1] if ops else {}
        if last.get("op") == "text" and last["mode"] == mode and last["target"] == target:
            last["text"].append(text)
        else:
            ops.append({"op": "text", "target": target, "mode": mode, "text": [text]})
        if self._timer is None:
            since_s = monotonic() - self._last
            if since_s >= self.INTERVAL_S:
                await self._flush()
            else:
                loop = asyncio.get_running_loop()
                self._timer = loop.call_later(self.INTERVAL_S - since_s, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._task = asyncio.ensure_future(self._flush())

    async def _flush(self) -> None:
        waiting, self._waiting = self._waiting, {}
        self._last = monotonic()
        for name, ops in waiting.items():
            for op in ops:
                if op["op"] == "text":
                    op["text"] = "".join(op["text"])
            await self._ws_consumer.send_json({"type": "stream", "stream": name, "ops": ops})
