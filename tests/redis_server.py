"""A redis-server of the test's own: on a free port, in a folder of its own, in one process after another.

    with RedisServer() as server:
        server.url                     # redis://127.0.0.1:PORT/0
        server.kill(); server.start()  # it comes back empty; with RedisServer(aof=True), with what it had
        server.freeze(); server.thaw()

A missing redis-server is an error that says how to install it, never a skipped test.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

START_TIMEOUT_S = 20


def free_port() -> int:
    """One whose number plus 10,000 is a port, too: there nodes of a cluster talk to each other."""
    while True:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port: int = free.getsockname()[1]
        try:
            with socket.socket() as low, socket.socket() as bus:
                low.bind(("127.0.0.1", port - 20_000))
                bus.bind(("127.0.0.1", port - 10_000))
                return port - 20_000
        except (OSError, OverflowError):
            continue


class RedisServer:
    """One server; ``options`` go to it as they are."""

    def __init__(self, *options: str, aof: bool = False, sentinel: str = "") -> None:
        """sentinel: the configuration of one; else it is a server."""
        if shutil.which("redis-server") is None:
            raise RuntimeError("redis-server is not installed: tools/debian.sh redis")
        self.port = free_port()
        self._folder = tempfile.TemporaryDirectory(prefix="redis-")
        flags = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", self._folder.name]
        flags += ["--appendonly", "yes" if aof else "no", "--appendfsync", "always"]
        self._command = ["redis-server", *flags, *options]
        if sentinel:
            file = self.folder / "sentinel.conf"
            file.write_text(sentinel + f"\nport {self.port}\n")
            self._command = ["redis-server", str(file), "--sentinel"]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def folder(self) -> Path:
        return Path(self._folder.name)

    def start(self) -> RedisServer:
        with open(self.folder / "log", "ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.ask("PING").startswith((b"+PONG", b"-NOAUTH")):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"redis-server did not start:\n{(self.folder / 'log').read_text()}")
            time.sleep(0.02)
        return self

    def kill(self) -> None:
        """As a machine that loses its power."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()

    def freeze(self) -> None:
        """Half-open: connections stand, nothing answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def calls(self) -> dict[str, int]:
        """How often each command has been called."""
        lines = self.ask("INFO commandstats").decode().splitlines()
        found = (line.partition(":calls=") for line in lines if ":calls=" in line)
        return {name.removeprefix("cmdstat_"): int(rest.split(",")[0]) for name, _, rest in found}

    def ask(self, command: str) -> bytes:
        """The raw reply to a command; nothing, when there is nobody."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(command.encode() + b"\r\n")
                data = connection.recv(1 << 20)
                if data.startswith(b"$"):
                    size = int(data[1 : data.index(b"\r\n")])
                    while len(data) < size:
                        data += connection.recv(1 << 20)
                return data
        except OSError:
            return b""

    def __enter__(self) -> RedisServer:
        return self.start()

    def __exit__(self, *exc: Any) -> None:
        self.kill()
        self._folder.cleanup()
