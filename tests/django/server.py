"""A real server for a test: uvicorn, daphne or gunicorn with the test project, on a free port.

with Server("daphne") as server:
    async with server.connect("/ws/plain/") as socket: ...
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import websockets

HERE = Path(__file__).parent
START_TIMEOUT_S = 20
KINDS = ("uvicorn", "daphne")
#: Servers without WebSockets: gunicorn with one worker process of a kind.
WSGI_KINDS = ("gthread", "gevent")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


class Server:
    """The server in a process of its own; stopped at the end, its output kept for a failure's message."""

    def __init__(self, kind: str = "uvicorn", port: int = 0, **environment: str) -> None:
        """port: one that several servers share ("shared"); 0: a free one."""
        self.kind = kind
        self.port = port or _free_port()
        self._environment = environment
        self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._process: subprocess.Popen[bytes] | None = None

    def _command(self) -> list[str]:
        application = "streamsite.asgi:application"
        if self.kind == "daphne":
            return ["-m", "daphne", "-b", "127.0.0.1", "-p", str(self.port), application]
        if self.kind in WSGI_KINDS:
            flags = ["--threads", "32"] if self.kind == "gthread" else ["--worker-connections", "100"]
            flags += ["--log-level", "warning", "--graceful-timeout", "1", "--worker-class", self.kind]
            flags += ["--worker-tmp-dir", tempfile.gettempdir(), "--bind", f"127.0.0.1:{self.port}"]
            return ["-m", "gunicorn", *flags, "streamsite.wsgi:application"]
        if self.kind == "shared":
            return [str(HERE / "shared_port.py"), str(self.port), application]
        flags = ["--log-level", "warning", "--lifespan", "off", "--timeout-graceful-shutdown", "1"]
        return ["-m", "uvicorn", "--host", "127.0.0.1", "--port", str(self.port), *flags, application]

    def __enter__(self) -> Server:
        path = os.pathsep.join([str(HERE), *map(str, HERE.parents[:2]), os.environ.get("PYTHONPATH", "")])
        self._process = subprocess.Popen(
            [sys.executable, *self._command()],
            env=os.environ | {"PYTHONPATH": path} | self._environment,
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.__exit__()
                    raise RuntimeError(f"{self.kind} did not start:\n{self.output()}") from None
                time.sleep(0.05)

    def __exit__(self, *exc: object) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def output(self) -> str:
        """What the server has written so far."""
        self._output.seek(0)
        return self._output.read()

    def faults(self) -> int:
        """How many tracebacks it has written that no test has asked for (those speak of a key, or of a name).

        daphne refuses what is sent to a page that has just closed; where djust sends it, that is djust's.
        """
        tracebacks = self.output().split("Traceback (most recent call last)")[1:]
        return sum(
            "Error: key=" not in text
            and "Error: a stream's name has" not in text
            and not ("closed protocol" in text and "/djust_stream/" not in text.split("closed protocol")[0])
            for text in tracebacks
        )

    def kill(self) -> None:
        """As a machine that loses its power."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def connect(self, path: str, **options: Any) -> websockets.connect:
        return websockets.connect(f"ws://127.0.0.1:{self.port}{path}", max_size=None, **options)


class Received:
    """The frames of one connection, sorted by stream."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.other: list[Any] = []

    def add(self, message: str | bytes) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(message)
        is_frame = isinstance(content, dict) and ("o" in content or "ops" in content)
        if is_frame or not (isinstance(content, dict) and content.get("type") == "stream"):
            (self.frames if is_frame else self.other).append(content)
        return content

    async def until_ended(self, connection: Any, streams: int, timeout_s: float = 30) -> Received:
        """Read until so many streams have ended, and a moment longer, for what should not come."""
        ended: set[str] = set()
        deadline = time.monotonic() + timeout_s
        while len(ended) < streams:
            content = self.add(await asyncio.wait_for(connection.recv(), deadline - time.monotonic()))
            for op in content.get("ops") or content.get("o") or ():
                kind = op["op"] if isinstance(op, dict) else "text" if isinstance(op, str) else op[0]
                if kind in ("done", "error"):
                    ended.add(content.get("stream") or content["s"])
        return await self.for_a_moment(connection, 0.08)

    async def for_a_moment(self, connection: Any, seconds: float) -> Received:
        """Read what comes in so many seconds."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                self.add(await asyncio.wait_for(connection.recv(), left))
            except asyncio.TimeoutError:
                break
        return self

    def ops(self, stream: str) -> list[dict[str, Any]]:
        """The stream's ops, in the djust form."""
        return [op for frame in self.frames if frame["stream"] == stream for op in frame["ops"]]

    def kinds(self, stream: str) -> list[str]:
        return [op["op"] for op in self.ops(stream)]

    def text(self, stream: str) -> str:
        return "".join(op["text"] for op in self.ops(stream) if op["op"] == "text")

    def seqs(self, stream: str) -> list[int]:
        return [frame["seq"] for frame in self.frames if frame["stream"] == stream]

    def assert_whole(self, stream: str, tokens: int) -> None:
        """Each token once, in order; start first, done last and once; seq without a gap."""
        assert self.text(stream) == "".join(f"{stream}.{number} " for number in range(tokens))
        kinds = self.kinds(stream)
        assert (kinds[0], kinds[-1], kinds.count("start"), kinds.count("done")) == ("start", "done", 1, 1)
        assert self.seqs(stream) == list(range(1, len(self.seqs(stream)) + 1))
