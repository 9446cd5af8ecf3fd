"""An SSE response read from a raw socket, piece by piece, and parsed as the HTML standard has it.

with Response(port, "/sse/sync/text/sync/") as response:
    response.status, response.headers
    event = response.event()         # Event(type, data, id), when it arrives
"""

from __future__ import annotations

import json
import re
import socket
import urllib.request
from collections.abc import Iterator
from typing import Any, NamedTuple


class Event(NamedTuple):
    """A dispatched event."""

    type: str
    data: str
    id: str

    @property
    def json(self) -> Any:
        return json.loads(self.data)


class Parser:
    """The standard's algorithm, one step after the other."""

    def __init__(self) -> None:
        self.last_id = ""
        self.retry_ms: int | None = None
        self.comments = 0
        self._rest = ""
        self._type, self._data = "", ""

    def feed(self, text: str) -> Iterator[Event]:
        self._rest += text
        while match := re.search(r"\r\n|\n|\r(?!\Z)", self._rest):
            line, self._rest = self._rest[: match.start()], self._rest[match.end() :]
            if line:
                self._field(line)
                continue
            if self._data:
                yield Event(self._type or "message", self._data.removesuffix("\n"), self.last_id)
            self._type, self._data = "", ""

    def _field(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not name:
            self.comments += 1
        elif name == "event":
            self._type = value
        elif name == "data":
            self._data += value + "\n"
        elif name == "id" and "\0" not in value:
            self.last_id = value
        elif name == "retry" and re.fullmatch("[0-9]+", value):
            self.retry_ms = int(value)


def parse(text: str) -> list[Event]:
    return list(Parser().feed(text))


class Response:
    """One request on a connection of its own."""

    def __init__(
        self, port: int, path: str, headers: dict[str, str] | None = None, method: str = "GET", body: str = ""
    ) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 10)
        lines = {"Host": f"127.0.0.1:{port}", **(headers or {})}
        if body:
            lines |= {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._socket.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n{body}".encode())
        self._file = self._socket.makefile("rb")
        self.status = int(self._file.readline().split()[1])
        self.headers: dict[str, str] = {}
        while line := self._file.readline().strip():
            name, _, value = line.decode().partition(": ")
            self.headers[name.lower()] = value
        self.parser = Parser()
        self._events: list[Event] = []
        self.text = ""

    def __enter__(self) -> Response:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def piece(self) -> str:
        """What arrives next; "" at the end. Raises TimeoutError."""
        if self.status == 204:
            return ""
        if self.headers.get("transfer-encoding") == "chunked":
            size = int(self._file.readline() or b"0", 16)
            data = self._file.read(size)
            self._file.readline()
        elif "content-length" in self.headers:
            data = self._file.read(int(self.headers.pop("content-length")))
        else:
            data = self._file.read1(1 << 16)
        text = data.decode()
        self.text += text
        return text

    def event(self) -> Event | None:
        """The next event, when it is there; None at the end."""
        while not self._events:
            piece = self.piece()
            if not piece:
                return None
            self._events += self.parser.feed(piece)
        return self._events.pop(0)

    def events(self) -> list[Event]:
        """All that follow, to the end."""
        return list(iter(self.event, None))

    def reset(self) -> None:
        """Cut the connection as a network does."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.close()

    def close(self) -> None:
        self._file.close()
        self._socket.close()


def get(port: int, path: str) -> Any:
    """A small JSON or text answer."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        text = answer.read().decode()
    return json.loads(text) if text.startswith("{") else text
