"""Body: what one response sends: a log's frames as events, from a place in it on, then live.

The law: each frame once, in order, under an id from which a reader goes on; a byte at least every HEARTBEAT_S; and
within half a second of the reader's leaving, as far as the server lets us see it, the body ends. After the last
event the id says so: an EventSource that nobody has closed comes back, is told "no content", and stays away.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from time import monotonic

from ..sources.sse import sse_comment, sse_format, usage_data
from .cursor import END, Cursor
from .store import Piece, Store
from .writer import Writer

#: How often to look whether the reader is still there, where the server does not say so by itself.
_LOOK_S = 0.4

GONE = {
    "message": "The connection was lost. The answer may be incomplete.",
    "code": "gone",
    "retryable": False,
    "retry_after_s": None,
}


class Body:
    """See above. writer: of a new stream; None: one that is followed again, after frame ``seq``."""

    def __init__(
        self,
        store: Store,
        cursor: Cursor,
        seq: int = 0,
        *,
        writer: Writer | None = None,
        frames: bool,
        retry_ms: int,
        heartbeat_s: float,
        reader_gone: Callable[[], bool] | None = None,
    ) -> None:
        self._store, self._seq = store, seq
        self._stream_id = cursor.stream_id
        # Where nobody can come back an id only says so: it is no cursor.
        self._id = cursor.id if writer is None or writer.window_s else str
        self.writer = writer
        self._frames, self._retry_ms, self._heartbeat_s = frames, retry_ms, heartbeat_s
        self._gone = reader_gone

    async def events(self) -> AsyncGenerator[str, None]:
        """The text of the response, piece by piece; in the event loop in which the writer may run."""
        writer = self.writer
        if writer is not None:
            writer.start()
        pieces = self._store.follow(self._stream_id, self._seq)
        waiting: set[asyncio.Future[Piece | bool]] = set()
        gave_up = None if writer is None else asyncio.ensure_future(writer.flow.given_up.wait())
        try:
            yield sse_format(None, None, id=self._id(self._seq), retry=self._retry_ms)
            sent_at = monotonic()
            while True:
                if not waiting:
                    waiting = {asyncio.ensure_future(anext(pieces))}
                rest_s = sent_at + self._heartbeat_s - monotonic()
                wait_s = rest_s if self._gone is None else min(rest_s, _LOOK_S)
                await asyncio.wait(
                    waiting | ({gave_up} if gave_up else set()), timeout=max(0.0, wait_s),
                    return_when=asyncio.FIRST_COMPLETED,
                )  # fmt: skip
                if (gave_up and gave_up.done()) or (self._gone is not None and self._gone()):
                    return
                [task] = waiting
                if task.done():
                    waiting = set()
                    piece: Piece = task.result()
                    yield self._text(piece)
                    if writer is not None:
                        writer.flow.taken(sum(map(len, piece.texts)))
                    if piece.kind in ("end", "gone"):
                        return
                elif monotonic() - sent_at < self._heartbeat_s:
                    continue
                else:
                    yield sse_comment()
                sent_at = monotonic()
        finally:
            for task in waiting | ({gave_up} if gave_up else set()):
                task.cancel()
            if waiting:
                await asyncio.wait(waiting)
            await pieces.aclose()  # type: ignore[attr-defined]
            if writer is not None:
                writer.leave()
                if not writer.window_s:
                    await writer.ended()

    def _text(self, piece: Piece) -> str:
        if piece.kind == "gone":
            return sse_format("error", GONE, id=END)
        if piece.kind == "end":
            if not self._frames:
                return sse_format(None, None, id=END)
            result = None if self.writer is None else self.writer.result
            return sse_format("end", {} if result is None else usage_data(result), id=END)
        first = piece.seq - len(piece.texts) + 1
        return "".join(
            f"id: {self._id(seq)}\n" + (f"data: {text}\n\n" if self._frames else text)
            for seq, text in enumerate(piece.texts, first)
        )
