"""The server's transport beneath an ASGI ``send``: how much waits in it, and how to give it up.

    transport = transport_of(send)             # once, with the connection's first frame
    unsent_bytes(transport)                    # what the server has taken and the network not
    abort(transport)

ASGI has no word for either, and needs them: daphne's ``send`` returns at once and buffers without end, so a
reader that reads nothing costs what the producer makes; and no server closes a connection politely while
what was sent before cannot leave. So we look for the protocol object of daphne or uvicorn, through what the
``send`` was wrapped in on its way to us: channels' sessions, functools.partial, closures of middleware.

The law: only those servers' own objects are touched. What is not found is None, and then the server's own
flow control must do. asyncio and uvloop: ``get_write_buffer_size``; Twisted, which is daphne: its buffers by
name, TLS included. Checked against the real servers by tests/test_slow_reader.py.
"""

from __future__ import annotations

import sys
from functools import partial
from struct import unpack
from types import CellType
from typing import Any

_SERVERS = {"daphne", "uvicorn"}
_MOST_LOOKED_AT = 64
_SANS_IO = "uvicorn.protocols.websockets.websockets_sansio_impl"
_SANS_IO_NAMES = ("close_sent", "conn", "disconnected", "transport", "writable")


def transport_of(send: Any) -> Any:
    """The asyncio or Twisted transport that a server's send writes to, or None."""
    queue, seen = [send], set[int]()
    while queue and len(seen) < _MOST_LOOKED_AT:
        thing = queue.pop(0)
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if type(thing).__module__.partition(".")[0] in _SERVERS and hasattr(thing, "transport"):
            return thing.transport
        queue += _beneath(thing)
    return None


def sends_as_channels_does(consumer: Any) -> bool:
    """Is its send Channels' own, all the way? That only forwards, and each step is a coroutine."""
    channels = sys.modules.get("channels.generic.websocket")
    if channels is None or hasattr(consumer, "_send_frame"):
        return False
    websocket, base = channels.AsyncWebsocketConsumer, channels.AsyncConsumer
    if not isinstance(consumer, websocket):
        return False
    sends = [vars(kind)["send"] for kind in type(consumer).__mro__ if "send" in vars(kind)]
    return "send" not in vars(consumer) and sends[:2] == [websocket.send, base.send]


def protocol_of(consumer: Any) -> Any:
    """uvicorn's protocol, if it is websockets' sans-I/O one and nothing lies between us and its send."""
    send = getattr(consumer, "base_send", None)
    protocol: Any = getattr(send, "__self__", None)
    kind: Any = type(protocol)
    if kind.__module__ != _SANS_IO or kind.__name__ != "WebSocketsSansIOProtocol":
        return None
    if send != kind.send.__get__(protocol) or not all(hasattr(protocol, name) for name in _SANS_IO_NAMES):
        return None
    return protocol if sends_as_channels_does(consumer) else None


def open_state() -> Any:
    """What the websockets package calls a connection that messages may be sent on."""
    return getattr(sys.modules.get("websockets.protocol"), "OPEN", None)


def _beneath(thing: Any) -> list[Any]:
    """What a callable may forward to."""
    if isinstance(thing, partial):
        return [*thing.args, thing.func]
    if isinstance(thing, CellType):
        try:
            return [thing.cell_contents]
        except ValueError:  # not filled yet
            return []
    owner = getattr(thing, "__self__", None)
    cells = getattr(thing, "__closure__", None) or ()
    # A wrapper object keeps the next send under some name: of its attributes, what can be called.
    kept = [value for value in getattr(owner, "__dict__", {}).values() if callable(value)]
    return [owner, *cells, getattr(thing, "__wrapped__", None), *kept]


def is_unlimited(transport: Any) -> bool:
    """Does its server take whatever it is given, without a pause?"""
    return transport is not None and not hasattr(transport, "get_write_buffer_size")


def unsent_bytes(transport: Any) -> int:
    """The bytes that wait to be written; 0 when that is not known."""
    size = getattr(transport, "get_write_buffer_size", None)
    if size is not None:
        return 0 if transport.is_closing() else int(size())
    total = 0
    while transport is not None:
        total += len(getattr(transport, "dataBuffer", b"")) - getattr(transport, "offset", 0)
        total += getattr(transport, "_tempDataLen", 0)
        total += sum(map(len, getattr(transport, "_appSendBuffer", ())))
        transport = getattr(transport, "transport", None)  # beneath TLS
    return total


def kernel_bytes(transport: Any) -> int:
    """The bytes that the kernel has taken and the reader's has not acknowledged; 0 where it does not say."""
    info = getattr(transport, "get_extra_info", None)
    socket = transport if info is None else info("socket")
    try:
        from fcntl import ioctl
        from termios import TIOCOUTQ

        waiting: int = unpack("i", ioctl(socket.fileno(), TIOCOUTQ, b"    "))[0]
        return waiting
    except (ImportError, OSError, ValueError, AttributeError):
        return 0


def is_gone(transport: Any) -> bool:
    """Has a Twisted transport lost its connection?"""
    return not getattr(transport, "connected", True)


def abort(transport: Any) -> None:
    """Close the connection without what waits in it."""
    give_up = getattr(transport, "abort", None) or getattr(transport, "abortConnection", None)
    if give_up is not None:
        give_up()
