"""StreamConsumer: streams over a plain Channels WebSocket.

    class Chat(StreamConsumer):
        async def receive_json(self, content):
            self.start_stream("reply", self.answer, content["text"])

        async def answer(self, text):
            async for token in model(text):
                await self.stream_markdown("reply", token)

The page's script says hello, and gets the compact form; it may stop a stream that start_stream
runs, and have one run again that has ended, where ``stream_may_retry`` allows it. These are
answered here; every other message is the application's.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlparse

from django.conf import settings

from ._core import FORM_COMPACT
from .mixin import StreamingMixin
from .sinks.channels import ChannelsSink
from .streams import Streams

try:
    from channels.generic.websocket import AsyncJsonWebsocketConsumer
    from channels.security.websocket import OriginValidator
except ImportError as error:
    raise ImportError(
        f"StreamConsumer needs Channels ({error}): pip install djust-stream[channels]"
    ) from error

log = logging.getLogger("djust_stream")

# Private codes, as WebSocket's own 1003 and 1007: daphne lets an application send no others.
_UNSUPPORTED_DATA = 4003
_INVALID_DATA = 4007


async def _to_nobody(message: Any) -> None:
    """The send of a connection that is gone."""


class StreamConsumer(StreamingMixin, AsyncJsonWebsocketConsumer):  # type: ignore[misc]
    """A WebSocket consumer whose page shows streams."""

    #: Whose pages may connect: as ALLOWED_HOSTS, or origins such as "https://example.com:8443"; ["*"]: all,
    #: also programs that send no origin. None: ALLOWED_HOSTS.
    allowed_origins: Sequence[str] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._djust_consumer = self

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection; its streams end with it, however it ends."""
        self._attach(ChannelsSink(self), scope)
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.stream_detach()
            self._djust_consumer = None
            self.base_send = _to_nobody  # what goes on without a reader may send messages of its own

    async def websocket_connect(self, message: Any) -> None:
        """Refuse a page of another site: browsers send its cookies along."""
        if not self._is_allowed_origin():
            await self.close()
            return
        await super().websocket_connect(message)

    def _is_allowed_origin(self) -> bool:
        allowed = self.allowed_origins
        if allowed is None:
            allowed = settings.ALLOWED_HOSTS
            if settings.DEBUG and not allowed:
                allowed = ["localhost", "127.0.0.1", "[::1]"]
        sent = dict(self.scope["headers"]).get(b"origin")
        origin = None if sent is None else urlparse(sent.decode("latin-1"))
        if OriginValidator(None, allowed).valid_origin(origin):
            return True
        log.warning(
            "a WebSocket for a page of %.200r is refused: ALLOWED_HOSTS does not have it, nor does "
            "allowed_origins of %s",
            sent,
            type(self).__name__,
        )
        return False

    async def receive(
        self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any
    ) -> None:
        """Answer the page's script; hand everything else to ``receive_json``."""
        if not text_data:
            log.info("a message that is not text: the connection is closed")
            await self.close(code=_UNSUPPORTED_DATA)
            return
        try:
            content = await self.decode_json(text_data)
        except (ValueError, RecursionError) as error:
            log.info("a message that is not JSON (%s): the connection is closed", error)
            await self.close(code=_INVALID_DATA)
            return
        kind = content.get("type") if isinstance(content, dict) else None
        if kind == "stream.hello":
            await self._hello(content)
        elif kind == "stream.ping":
            await self.send('{"type":"stream.pong"}')
        elif kind in ("stream.resume", "stream.follow", "stream.stop"):
            if self._djust_visit is not None:
                await self._djust_visit.handle(content)
        elif kind == "stream.retry":
            self._retry(content.get("stream"))
        else:
            await self.receive_json(content, **kwargs)

    async def _hello(self, content: dict[str, Any]) -> None:
        streams: Streams | None = self._djust_streams
        if streams is None:
            return
        sink = streams.reader.sink
        assert isinstance(sink, ChannelsSink)
        # Once compact, always compact: a document that has begun so may hold edits djust's form cannot say.
        if content.get("form") == "compact":
            sink.form = FORM_COMPACT
        form = "compact" if sink.form == FORM_COMPACT else "djust"
        resumes = content.get("resume") is True and form == "compact" and self._djust_visit is not None
        answer = {"type": "stream.welcome", "form": form}
        await self.send_json({**answer, "resume": True} if resumes else answer)
        if resumes and self._djust_visit is not None:
            self._djust_visit.hello()

    def _retry(self, name: Any) -> None:
        if not isinstance(name, str) or not self.stream_may_retry(name):
            log.info("a retry of %.80r, which stream_may_retry does not allow", name)
            return
        stream = None if self._djust_streams is None else self._djust_streams.get(name)
        if stream is None or stream.ended is not None:  # a second click must not ask the model twice
            self.stream_retry(name)
