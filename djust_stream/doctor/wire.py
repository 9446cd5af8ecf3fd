"""What a browser would get: streams with the second of each arrival, and WebSockets, over http.client.

The law: nothing outlasts its deadline, and an end is told apart from a cut: a body that stops before its
length, a reset, a WebSocket that ends without a close frame.

No HTTP library, so that the doctor needs nothing installed, and none that reads ahead.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import os
import socket
import ssl
import time
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import SplitResult, urlsplit

CONNECT_TIMEOUT_S = 10.0
MAX_BODY_BYTES = 2 << 20
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_PIECE = 1 << 16


class CutError(Exception):
    """The connection ended before the response did. at_s: seconds since the request."""

    def __init__(self, at_s: float) -> None:
        super().__init__(f"cut after {at_s:.1f} s")
        self.at_s = at_s


class SlowError(Exception):
    """The deadline has passed."""


class Event(NamedTuple):
    """One event of a stream: seconds since the request, and its lines."""

    at_s: float
    text: str


def origin_of(url: str) -> str:
    """``https://host:port`` as a browser writes it into Origin; a WebSocket's is its page's."""
    parts = urlsplit(url)
    secure = parts.scheme in ("https", "wss")
    port = parts.port if parts.port not in (None, 443 if secure else 80) else None
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{'https' if secure else 'http'}://{host}{f':{port}' if port else ''}"


class Response:
    """An open response; a context manager."""

    def __init__(self, url: str, headers: dict[str, str], timeout_s: float) -> None:
        """Send a GET and read the head.

        Raises OSError, http.client.HTTPException, or SlowError past the deadline.
        """
        self._began = time.monotonic()
        self._deadline = self._began + timeout_s
        parts = urlsplit(url)
        self._connection = _connection(parts, min(timeout_s, CONNECT_TIMEOUT_S))
        try:
            self._connection.connect()
            assert self._connection.sock is not None
            self._socket: socket.socket = self._connection.sock
            self._socket.settimeout(max(0.01, self._deadline - time.monotonic()))
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            self._connection.putrequest("GET", path, skip_accept_encoding=True)
            for name, value in headers.items():
                self._connection.putheader(name, value)
            self._connection.endheaders()
            self._response = self._connection.getresponse()
        except TimeoutError:
            self.close()
            raise SlowError from None
        except BaseException:
            self.close()
            raise
        self.status = self._response.status
        self.inflate = Inflate(self.header("Content-Encoding"))

    def header(self, name: str) -> str:
        """The value; "" where there is none, ", " between several."""
        return ", ".join(self._response.headers.get_all(name, []))

    def __enter__(self) -> Response:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def elapsed_s(self) -> float:
        return time.monotonic() - self._began

    def pieces(self) -> Iterator[bytes]:
        """The body as it arrives. Raises CutError, SlowError."""
        while True:
            left_s = self._deadline - time.monotonic()
            if left_s <= 0:
                raise SlowError
            self._socket.settimeout(left_s)
            try:
                piece = self._response.read1(_PIECE)
            except TimeoutError:
                raise SlowError from None
            except (http.client.HTTPException, OSError):
                raise CutError(self.elapsed_s()) from None
            if not piece:
                if self._response.length:  # read1 does not mind a body that is shorter than its length
                    raise CutError(self.elapsed_s())
                return
            yield piece

    def body(self) -> str:
        """The whole body, up to MAX_BODY_BYTES."""
        whole = bytearray()
        for piece in self.pieces():
            whole += piece
            if len(whole) > MAX_BODY_BYTES:
                break
        return self.inflate.feed(bytes(whole)).decode("utf-8", "replace")

    def events(self) -> Iterator[Event]:
        """The events of an event stream, each when its last byte has come; comments are left out."""
        waiting = ""
        for piece in self.pieces():
            waiting += self.inflate.feed(piece).decode("utf-8", "replace").replace("\r\n", "\n")
            *whole, waiting = waiting.split("\n\n")
            for text in whole:
                if any(line and not line.startswith(":") for line in text.split("\n")):
                    yield Event(self.elapsed_s(), text)
            if len(waiting) > MAX_BODY_BYTES:
                return


class Inflate:
    """Undoes gzip as it comes; several members after each other are one text."""

    def __init__(self, encoding: str) -> None:
        self.members = 0
        self._zlib: Any = None
        self._compressed = encoding.strip().lower() in ("gzip", "x-gzip", "deflate")

    def feed(self, data: bytes) -> bytes:
        """What these bytes bring. Raises CutError for what is not gzip."""
        if not self._compressed:
            return data
        plain = bytearray()
        while data:
            if self._zlib is None or self._zlib.eof:
                self._zlib = zlib.decompressobj(47)
                self.members += 1
            plain += self._zlib.decompress(data)
            data = self._zlib.unused_data
        return bytes(plain)


def _connection(parts: SplitResult, timeout_s: float) -> http.client.HTTPConnection:
    if parts.scheme in ("https", "wss"):
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(
            parts.hostname or "", parts.port, timeout=timeout_s, context=context
        )
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout_s)


def speaks_http2(url: str) -> bool:
    """Whether the server of an https URL chooses HTTP/2. Raises OSError."""
    parts = urlsplit(url)
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    address = (parts.hostname or "", parts.port or 443)
    with (
        socket.create_connection(address, CONNECT_TIMEOUT_S) as plain,
        context.wrap_socket(plain, server_hostname=parts.hostname) as secure,
    ):
        return secure.selected_alpn_protocol() == "h2"


class WebSocket(Response):
    """A WebSocket's opening: ``status`` is 101 where it has been opened."""

    def __init__(self, url: str, origin: str, timeout_s: float) -> None:
        key = base64.b64encode(os.urandom(16))
        super().__init__(
            url,
            {
                "Connection": "Upgrade",
                "Upgrade": "websocket",
                "Sec-WebSocket-Key": key.decode(),
                "Sec-WebSocket-Version": "13",
                "Origin": origin,
            },
            timeout_s,
        )
        accept = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest()).decode()
        self.opened = self.status == 101 and self.header("Sec-WebSocket-Accept") == accept

    def __enter__(self) -> WebSocket:
        return self

    def hold(self, seconds: float) -> str:
        """Listen: ``"ping"`` when the server has sent one, ``"closed"`` when it has said goodbye, ``"held"``.

        Raises CutError when the connection ends without a goodbye.
        """
        until = min(time.monotonic() + seconds, self._deadline)
        try:
            while (left_s := until - time.monotonic()) > 0:
                self._socket.settimeout(left_s)
                kind = self._frame()
                if kind in (8, 9):
                    return "closed" if kind == 8 else "ping"
        except TimeoutError:
            pass
        except OSError:
            raise CutError(self.elapsed_s()) from None
        return "held"

    def _frame(self) -> int:
        """The opcode of the next frame; what it carries is thrown away."""
        kind, length = self._read(2)
        size = length & 127
        if size > 125:
            size = int.from_bytes(self._read(2 if size == 126 else 8), "big")
        while size:
            size -= len(self._read(min(size, _PIECE)))
        return kind & 15

    def _read(self, count: int) -> bytes:
        data = self._response.fp.read(count)
        if len(data) < count:
            raise CutError(self.elapsed_s())
        return data
