"""A Channels consumer as a sink; imports nothing of Channels.

    sink = ChannelsSink(consumer)          # StreamConsumer, djust's consumer, or one of your own

djust's consumer lets every message pass one place that knows when the socket is closed; ours go the
same way. The form is djust's until the page says hello and asks for another.

A server whose send returns at once (daphne) would take a producer's whole output for a reader that reads
nothing: there a message counts as sent when the server has little left to write.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from .._core import FINISHED, FORM_DJUST, websocket_message
from ..outbox import write
from .transport import (
    abort,
    is_gone,
    is_unlimited,
    kernel_bytes,
    open_state,
    protocol_of,
    sends_as_channels_does,
    transport_of,
    unsent_bytes,
)

#: As asyncio's high-water mark: more unsent bytes, and the next frame waits.
_HIGH_BYTES = 64 * 1024
_LOOK_AGAIN_S = 0.02


class ChannelsSink:
    """The WebSocket of one consumer."""

    __slots__ = ("_consumer", "_extended", "_forward", "_open", "_protocol", "_transport", "form", "send")

    def __init__(self, consumer: Any, form: int = FORM_DJUST) -> None:
        """consumer: has ``send(text_data=…)`` as Channels' consumers have, or ``send_json(object)``.

        Raises TypeError for anything else.
        """
        self._consumer = consumer
        self.form = form
        self._forward = _sender(consumer)
        self._transport: Any = None
        self._protocol: Any = None
        self._open: Any = None
        self._extended = False  # has the handshake agreed on an extension?
        self.send: Callable[[str], Awaitable[object]] = self._send_first

    def _send_first(self, text: str) -> Awaitable[object]:
        """By now the consumer has the server's send, and the handshake is over."""
        self._transport = transport_of(getattr(self._consumer, "base_send", None))
        self._protocol = protocol_of(self._consumer)
        self._open = None if self._protocol is None else open_state()
        self._extended = self._protocol is not None and bool(self._protocol.conn.extensions)
        if is_unlimited(self._transport):
            self.send = self._send_slowly
        else:
            self.send = self._forward if self._protocol is None else self._send_at_once
        return self.send(text)

    def _send_at_once(self, text: str) -> Awaitable[object]:
        """What the server's send does when it need not wait; written with the others of a tick."""
        server = self._protocol
        if server.disconnected or server.conn.state is not self._open or not server.writable.is_set():
            return self._forward(text)
        if self._extended:  # compression
            server.conn.send_text(text.encode())
            message = b"".join(server.conn.data_to_send())
        else:
            message = websocket_message(text)  # the same, at a tenth of the cost
        write(server.transport, message)
        return FINISHED

    async def _send_slowly(self, text: str) -> None:
        try:
            await self._forward(text)
        except Exception as error:
            if type(error).__name__ != "PayloadExceededError":
                raise
            raise ValueError(
                f"daphne sends no message of {len(text.encode()):,} bytes: stream less at a time, "
                "or lower MAX_PENDING_BYTES of DJUST_STREAM"
            ) from error
        # To be told, we would have to be the transport's producer, and daphne's HTTP channel is that.
        while unsent_bytes(self._transport) > _HIGH_BYTES and not is_gone(self._transport):  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_AGAIN_S)

    @property
    def unsent_bytes(self) -> int:
        """What waits on this machine, in the server and in the kernel; 0 when that is not known."""
        if self._transport is None:
            return 0
        return unsent_bytes(self._transport) + kernel_bytes(self._transport)

    def abort(self) -> None:
        """Close the connection without what waits in it."""
        if self._transport is not None:
            abort(self._transport)

    @property
    def closed(self) -> bool:
        """True when djust's consumer has seen the socket close."""
        return bool(getattr(self._consumer, "_ws_close_sent", False))


def _sender(consumer: Any) -> Callable[[str], Awaitable[object]]:
    if sends_as_channels_does(consumer):
        return lambda text: consumer.base_send({"type": "websocket.send", "text": text})
    send = getattr(consumer, "_send_frame", None) or getattr(consumer, "send", None)
    if send is not None:
        return lambda text: send(text_data=text)
    send_json = getattr(consumer, "send_json", None)
    if send_json is not None:
        return lambda text: send_json(json.loads(text))
    raise TypeError(
        f"{consumer!r} cannot carry streams: it has neither send(text_data=…) nor send_json(…). "
        "Pass a Channels consumer."
    )
