"""The reader of a WSGI response: is it still there?

WSGI tells it to nobody who does not write; ASGI cancels. Where the server gives us its socket (gunicorn) or a
function (waitress) we look; elsewhere the next heartbeat finds out.
"""

from __future__ import annotations

import _socket
import socket
from collections.abc import Callable, Mapping
from typing import Any

_ESTABLISHED = 1


def gone(environ: Mapping[str, Any]) -> Callable[[], bool] | None:
    """A function that says whether the client of a WSGI request has closed its connection, or None."""
    if "waitress.client_disconnected" in environ:
        told: Callable[[], bool] = environ["waitress.client_disconnected"]
        return told
    connection = environ.get("gunicorn.socket")
    if connection is None:
        return None
    return lambda: _is_closed(connection)


def _is_closed(connection: Any) -> bool:
    try:
        if hasattr(socket, "TCP_INFO") and connection.family in (socket.AF_INET, socket.AF_INET6):
            # One system call that reads nothing: also right below TLS, or with bytes that wait to be read.
            info: bytes = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)
            return info[0] != _ESTABLISHED
        # Python's own socket: gevent's would wait.
        peeked = _socket.socket(fileno=connection.fileno())
        try:
            return peeked.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        finally:
            peeked.detach()
    except (BlockingIOError, InterruptedError):
        return False
    except OSError:
        return True
