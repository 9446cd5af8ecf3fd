"""Cursor: a reader's place in the log of a stream; sends what lies after it.

    cursor = Cursor(store, reader, stream_id, "reply", seq=7)
    cursor.start()                            # frames 8, 9, … and live from there on
    cursor.close()

The law: the reader gets what the store's ``follow`` brings, in order, and the next piece is asked for when
the one before is on its way: a slow reader waits for itself alone. One send in flight for a connection, its
own streams and all of its cursors together: a cursor takes turns in its Reader as a stream does.

tests/spec/wire.md has the messages; tests/test_resume.py checks.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import aclosing
from typing import TYPE_CHECKING

from .record import EPOCH
from .stores import Piece, Store

if TYPE_CHECKING:
    from .reader import Reader

log = logging.getLogger("djust_stream")


def gone(name: str, epoch: str) -> str:
    """The message for a reader that cannot be shown the rest."""
    return json.dumps({"type": "stream", "gone": name, "e": epoch}, separators=(",", ":"))


class Cursor:
    """One reader of a stream that is not the producer's own, or not any more."""

    __slots__ = (
        "_message",
        "_reader",
        "_room",
        "_store",
        "_task",
        "epoch",
        "greeting",
        "id",
        "name",
        "on_end",
        "seq",
    )

    def __init__(self, store: Store, reader: Reader, stream_id: str, name: str, seq: int) -> None:
        """seq: of the last frame that the reader has; 0: none."""
        self._store = store
        self._reader = reader
        self.id = stream_id
        self.name = name
        self.epoch = stream_id[:EPOCH]
        self.seq = seq
        self.greeting: str | None = None
        self.on_end: Callable[[Cursor], None] | None = None
        self._message: str | None = None
        self._room = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Follow, in the reader's event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"follow {self.name}")

    def close(self) -> None:
        """Send nothing more."""
        self._message = None
        self._reader.discard(self)
        if self._task is not None:
            self._task.cancel()

    def take(self) -> str | None:
        """The reader's call: the next message."""
        message, self._message = self._message, None
        self._room.set()
        return message

    def fail(self) -> str:
        """The last message when there could be none made; take makes none, so this does not happen."""
        return gone(self.name, self.epoch)

    async def _run(self) -> None:
        try:
            async with aclosing(self._store.follow(self.id, self.seq)) as pieces:  # type: ignore[type-var]
                async for piece in pieces:
                    for message in self._messages(piece):
                        await self._send(message)
                    self.seq = piece.seq
        except Exception:
            log.exception("stream %r cannot be followed any more; its reader is told so", self.name)
            await self._send(gone(self.name, self.epoch))
        finally:
            if self.on_end is not None:
                self.on_end(self)

    async def _send(self, message: str) -> None:
        self._message = message
        self._room.clear()
        self._reader.send(self)
        await self._room.wait()

    def _messages(self, piece: Piece) -> Iterator[str]:
        if piece.kind == "frames":
            frames = ",".join(piece.texts)
            # djust's client hands a message on by its type.
            bare = len(piece.texts) == 1 and not self._reader.typed
            yield frames if bare else '{"type":"stream","frames":[' + frames + "]}"
        elif piece.kind == "snapshot":
            yield '{"type":"stream","snapshot":' + piece.texts[0] + "}"
        elif piece.kind == "gone":
            yield gone(self.name, self.epoch)
