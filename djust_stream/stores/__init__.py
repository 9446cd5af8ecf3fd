"""Stores: where the frames of a stream wait for readers that come back, join late or are slow.

    log = store.open(stream_id, "reply", snapshot, keep_s=30)      # the producer
    log.append(1, frame)                                           # each frame, as it is sent
    log.end()                                                      # the last one is in

    async for piece in store.follow(stream_id, 7):                 # a reader that has seen frame 7
        ...                                                        # frames 8, 9, … and live from there on

The law: what ``follow`` brings, applied in order, leaves the page as every frame of the stream from 1 on
would have: no frame is missing, none comes twice. Where the log no longer reaches back to the reader, one
snapshot stands for all the frames before it; where that is not there either, the reader is told "gone", never
nothing.

A stream id is random (``secrets.token_urlsafe(16)``) and made when a stream is opened, so a name that is
started again has a new one, whose frames count from 1. Frames and snapshots are texts, without lone
surrogates, that a store does not look into. Checked by tests/test_resume.py and tests/test_redis.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Literal, NamedTuple, Protocol

__all__ = ["Log", "Piece", "Snapshot", "Store"]

#: The mark of a reader in another process outlasts it by more than that.
ASK_S = 4.0

#: What stands for all frames appended so far: (seq of the last of them, text); None: there is no such text
#: any more, the stream has outgrown its limit. To be called in the event loop in which ``append`` is called.
Snapshot = Callable[[], "tuple[int, str] | None"]


class Piece(NamedTuple):
    """Something for a reader.

    "frames": texts are frames, the last one is seq, no gap between them nor before the first.
    "snapshot": texts is one text that stands for everything up to and including seq.
    "end": the stream has ended and the reader has all of it; nothing follows. texts: the log's note, if any.
    "gone": what comes next cannot be had any more, or never was; nothing follows.
    """

    kind: Literal["frames", "snapshot", "end", "gone"]
    seq: int
    texts: Sequence[str] = ()


class Log(Protocol):
    """The producer's side of one stream. Every method is called in the stream's event loop and returns at
    once."""

    on_stop: Callable[[], None] | None
    """Called, in that loop, when somebody in any process has asked to stop the stream."""
    on_follow: Callable[[], None] | None
    """Called, in that loop, when somebody begins to follow: from then on the stream's own reader is one of
    several and must not hold the others. A store that learns of it late, or never, calls late or never."""

    def append(self, seq: int, frame: str, handed: bool = True) -> None:
        """Keep frame seq, which is the last one's plus 1, and give it to those who follow.

        handed: has anybody who has seen the frames before it what it takes to come back? If not, and nobody
        follows, whoever comes needs all of them: a snapshot. The frame itself need not be kept then.

        Never waits and never raises: what a store cannot keep is gone for its readers, not for the producer.
        """

    def end(self, *, keep: bool = True, note: str = "") -> None:
        """The last frame is in: forget the stream after ``keep_s``; keep=False: now, whoever follows is
        told "gone" unless it has all. note: what every reader gets with the end. Once; nothing is appended
        afterwards."""

    async def followed_at(self) -> float:
        """When somebody, in any process, was last seen to follow the stream, by ``monotonic()``: now, while
        somebody does; -inf: never.

        Asked before a stream without a reader of its own is given up, every ASK_S at least.
        """


class Store(Protocol):
    """All streams of one process, and those of other processes where the store reaches them."""

    def open(self, stream_id: str, name: str, snapshot: Snapshot, *, keep_s: float) -> Log:
        """Begin a log. In the stream's event loop.

        snapshot: asked for when frames have to go, or when a reader is further back than they reach.
        keep_s: seconds for which the log is there after its end.
        """

    def follow(self, stream_id: str, seq: int) -> AsyncIterator[Piece]:
        """What comes after frame seq; 0: everything. From the log, or a snapshot and what follows it; then
        live. An async generator, to be closed (``aclose``) when its reader goes.

        Not asked for the next piece, it may skip frames, with a snapshot: a slow reader holds nobody up. A
        seq that the stream has not reached is "gone": the reader means another stream.
        """

    async def stop(self, stream_id: str) -> bool:
        """Ask the producer, wherever it is, to stop; False: there is no such stream that still runs."""

    async def aclose(self) -> None:
        """Let go of connections and tasks; who follows is told "gone"."""
