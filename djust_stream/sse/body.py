"""Body: what one response sends: a log's frames as events, from a place in it on, then live.

The law: each frame once, in order, under an id from which a reader goes on; a byte at least every
HEARTBEAT_S; and within half a second of the reader's leaving, as far as the server lets us see it, the body
ends. The last id says that it was the last: an EventSource that nobody has closed comes back, gets "no
content", and stays away.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from time import monotonic
from typing import Any

from ..sources.sse import sse_comment, sse_format, usage_data
from ..stores import Piece
from .ids import END
from .writer import Writer

#: How often to look whether the reader is still there, where the server does not say so by itself.
_LOOK_S = 0.4

GONE = {
    "message": "The connection was lost. The answer may be incomplete.",
    "code": "gone",
    "retryable": False,
    "retry_after_s": None,
}


#: What comes after a frame, that frame's seq, and the id for a seq.
Place = tuple[AsyncIterator[Piece], int, Callable[[int], str]]


class Body:
    """See above. writer: the stream's, when this is its first reader."""

    def __init__(
        self,
        *,
        writer: Writer | None,
        frames: bool,
        retry_ms: int,
        heartbeat_s: float,
        reader_gone: Callable[[], bool] | None,
    ) -> None:
        self._writer = writer
        self._frames, self._retry_ms, self._heartbeat_s = frames, retry_ms, heartbeat_s
        self._gone = reader_gone

    async def events(self, begin: Callable[[], Place]) -> AsyncGenerator[str, None]:
        """The text of the response. begin: called in the event loop in which the writer is to run."""
        writer = self._writer
        pieces, seq, id_of = begin()
        given_up: asyncio.Future[Any] | None = None
        if writer is not None:
            given_up = asyncio.ensure_future(writer.pipe.given_up.wait())
        following: asyncio.Future[Piece] | None = None
        try:
            yield sse_format(None, None, id=id_of(seq), retry=self._retry_ms)
            sent_at = monotonic()
            while True:
                following = following or asyncio.ensure_future(anext(pieces))
                await self._wait(following, given_up, sent_at + self._heartbeat_s)
                if (given_up is not None and given_up.done()) or (self._gone is not None and self._gone()):
                    return
                if following.done():
                    piece, following = following.result(), None
                    yield self._text(piece, id_of)
                    if writer is not None:
                        writer.pipe.taken(sum(map(len, piece.texts)))
                    if piece.kind in ("end", "gone"):
                        return
                elif monotonic() - sent_at >= self._heartbeat_s:
                    yield sse_comment()
                else:
                    continue
                sent_at = monotonic()
        finally:
            if given_up is not None:
                given_up.cancel()
            if following is not None:
                following.cancel()
                await asyncio.wait({following})
            await pieces.aclose()  # type: ignore[attr-defined]
            if writer is not None:
                await writer.leave()

    async def _wait(
        self, following: asyncio.Future[Piece], given_up: asyncio.Future[Any] | None, until: float
    ) -> None:
        """For the next piece, or until it is time to look or to send something."""
        wait_s = max(0.0, until - monotonic())
        await asyncio.wait(
            {following} if given_up is None else {following, given_up},
            timeout=wait_s if self._gone is None else min(wait_s, _LOOK_S),
            return_when=asyncio.FIRST_COMPLETED,
        )

    def _text(self, piece: Piece, id_of: Callable[[int], str]) -> str:
        if piece.kind == "gone":
            return sse_format("error", GONE, id=END)
        if piece.kind == "end":
            if not self._frames:
                return sse_format(None, None, id=END)
            result = None if self._writer is None else self._writer.result
            usage = {} if result is None else usage_data(result)
            return sse_format("end", piece.texts[0] if piece.texts else usage, id=END)
        if piece.kind == "snapshot":
            return f'id: {id_of(piece.seq)}\ndata: {{"type":"stream","snapshot":{piece.texts[0]}}}\n\n'
        first = piece.seq - len(piece.texts) + 1
        return "".join(
            f"id: {id_of(seq)}\n" + (f"data: {text}\n\n" if self._frames else text)
            for seq, text in enumerate(piece.texts, first)
        )
