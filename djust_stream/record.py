"""Record: what a stream keeps of itself for readers that come back, join late or are slow.

    record = Record("reply", store, window_s=30)
    record.add(1, frame, batch)              # as each frame is taken
    record.end()                             # the last one was

The law: at any time the snapshot, applied to the page as it was before the stream, leaves it as frames 1 to
seq would have. It is the ops of all frames merged into one by the laws of the batch (csrc/core/batch.c), so
it is right by construction for text, HTML and Markdown, whatever has been cut, patched or superseded on the
way:

    frame 1: start, text "a"    frame 2: text "b"    frame 3: replace "<p>c</p>"
    snapshot 3: start, text "", replace "<p>c</p>"

It takes a copy of each payload, about what the page holds, and is given up past ``max_bytes``: from then on a
reader that is behind the log is told that what it lacks is gone. Encoded when it is asked for.

Checked by tests/test_resume.py.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from time import monotonic

from . import ops
from ._core import FORM_COMPACT, Batch
from .stores import ASK_S, Log, Store

log = logging.getLogger("djust_stream")

#: So much of the id says in every frame which of the streams of its name it is.
EPOCH = 6


async def abandoned(log: Log, window_s: float) -> None:
    """Returns when nobody has followed the stream for so long."""
    since = monotonic()
    while (left_s := since + window_s - monotonic()) > 0:
        await asyncio.sleep(min(left_s, ASK_S))
        since = max(since, await log.followed_at())


class Record:
    """One stream's past."""

    __slots__ = (
        "_log",
        "_max_bytes",
        "_merged",
        "_over",
        "_store",
        "epoch",
        "handed",
        "id",
        "name",
        "note",
        "on_follow",
        "on_stop",
        "seq",
        "window_s",
    )

    def __init__(self, name: str, store: Store, window_s: float, max_bytes: int = 16 << 20) -> None:
        """window_s: for how long the log is there after the end. max_bytes: of the snapshot."""
        self.name = name
        self.id = secrets.token_urlsafe(16)
        self.epoch = self.id[:EPOCH]
        self.seq = 0
        self.handed = False  # has anybody what it takes to come back?
        self.note: Callable[[], str] | None = None  # what every reader gets with the end, asked for then
        self.on_stop: Callable[[], None] | None = None
        self.on_follow: Callable[[], None] | None = None
        self._store = store
        self.window_s = window_s
        self._max_bytes = max_bytes
        self._merged: Batch | None = self.batch()
        self._over = False
        self._log: Log | None = (
            None  # a log belongs to an event loop, and a stream may be made before there is one
        )

    def batch(self) -> Batch:
        """A batch of the stream."""
        return Batch(self.name, ops.root_selector(self.name), self.epoch)

    def open(self) -> Log:
        """The log, in the stream's event loop."""
        if self._log is None:
            self._log = self._store.open(self.id, self.name, self.snapshot, keep_s=self.window_s)
            self._log.on_stop = self._stop
            self._log.on_follow = self._follow
        return self._log

    def add(self, seq: int, frame: str, batch: Batch) -> None:
        """Keep a frame, and the batch that it was made from."""
        self.seq = seq
        if (merged := self._merged) is not None:
            try:
                if merged.absorb(batch) > self._max_bytes:
                    self._outgrow()
            except (OverflowError, MemoryError):
                self._outgrow()
        (self._log or self.open()).append(seq, frame, self.handed)

    def _outgrow(self) -> None:
        self._merged = None
        log.warning(
            "stream %r is longer than %s bytes (MAX_STREAM_BYTES of DJUST_STREAM): a reader that comes back "
            "is shown what LOG_BYTES holds, and nothing when it lacks more",
            self.name,
            f"{self._max_bytes:,}",
        )

    def snapshot(self) -> tuple[int, str] | None:
        """What stands for every frame so far, or None; see stores.Snapshot."""
        merged = self._merged
        return None if merged is None else (self.seq, merged.encode(self.seq, FORM_COMPACT))

    def end(self) -> None:
        """The last frame was added. What nobody can come back to is forgotten at once."""
        self._over = True
        self.on_stop = self.on_follow = None
        self.open().end(keep=self.handed, note="" if self.note is None else self.note())
        self.note = None

    def drop(self) -> None:
        """The stream is given up: its end will not come, if it has not."""
        if self._log is not None and not self._over:
            self._over = True
            self._merged = self.note = self.on_stop = self.on_follow = None
            self._log.end(keep=False)

    def _stop(self) -> None:
        if self.on_stop is not None:
            self.on_stop()

    def _follow(self) -> None:
        self.handed = True
        if self.on_follow is not None:
            self.on_follow()
