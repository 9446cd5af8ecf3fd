"""A follower: one reader of a stream that another process produces.

    async for piece in Follower(lane, stream_id).pieces(7): ...

The law: a frame is handed on when it is the next one, and nothing else is. Whatever looks odd (a hole, a
reader so slow that its inbox is full, a stream that has been silent for long) is met by asking Redis what
there is after the reader's own seq. So what the lane brings may be late, double or incomplete: no reader
sees it.

A stream that is not there may be about to be: its process has not written it yet, or Redis has come back
without it. It is "gone" when it has not been found for PATIENCE_S.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from . import Piece
from .link import LinkError

if TYPE_CHECKING:
    from .lane import Lane

#: So long a stream is looked for before it is "gone": its producer writes it when Redis is back.
PATIENCE_S = 3.0
#: Between two attempts to reach Redis again.
RETRY_S = 0.25
#: Entries of one stream in one reply.
MOST_ENTRIES = 500


class Entry(NamedTuple):
    """An entry of a stream: name is "f" for a frame, or "end", or "gone"."""

    seq: int
    name: str
    text: str


class Inbox:
    """What came for one follower since it last looked; not more than ``most_bytes`` of it."""

    __slots__ = ("_bytes", "_entries", "_most_bytes", "_nudged", "_waiting")

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._entries: list[Entry] = []
        self._bytes = 0
        self._nudged = False
        self._waiting: asyncio.Future[None] | None = None

    def put(self, entries: list[Entry], size: int) -> None:
        """Add what came; size: its bytes."""
        if self._nudged:
            return
        if self._bytes + size > self._most_bytes and self._entries:
            self.nudge()
            return
        self._entries += entries
        self._bytes += size
        self._wake()

    def nudge(self) -> None:
        """Forget what came: the follower shall ask Redis."""
        self.clear()
        self._nudged = True
        self._wake()

    def clear(self) -> None:
        """Forget what came: the follower is about to ask Redis."""
        self._entries, self._bytes, self._nudged = [], 0, False

    async def get(self) -> list[Entry]:
        """Wait for what comes; empty: ask Redis."""
        if not self._entries and not self._nudged:
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None
        entries = self._entries
        self.clear()
        return entries

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


class Follow:
    """All who follow one stream in a lane."""

    __slots__ = ("heard_at", "inboxes", "seq")

    def __init__(self) -> None:
        self.inboxes: list[Inbox] = []
        self.seq: int | None = None  # XREAD asks for what comes after it; None: for nothing
        self.heard_at = monotonic()

    def bring(self, found: list[Any]) -> None:
        """Entries that XREAD has found."""
        entries = [_entry(*one) for one in found]
        self.heard_at = monotonic()
        # The last entry of all is found again by whoever asks for what comes after the last frame.
        self.seq = None if entries[-1].name != "f" else entries[-1].seq
        size = sum(len(entry.text) for entry in entries)
        for inbox in self.inboxes:
            inbox.put(entries, size)

    def nudge(self) -> None:
        """Have all of them ask Redis."""
        for inbox in self.inboxes:
            inbox.nudge()


def _entry(id: str, fields: list[str]) -> Entry:
    return Entry(int(id.partition("-")[0]), *fields)


class _Found(NamedTuple):
    """What Redis has after a seq."""

    piece: Piece | None = None  # there may be more after it
    producer: str | None = None  # its lane; None without a piece: there is no such stream, or no such seq yet


class Follower:
    """One reader's way through a stream."""

    def __init__(self, lane: Lane, stream_id: str) -> None:
        self._lane = lane
        self._id = stream_id
        self._key = lane.key(stream_id)

    async def pieces(self, seq: int) -> AsyncGenerator[Piece, None]:
        """What comes after frame seq; see Store.follow."""
        lane = self._lane
        inbox = Inbox(lane.most_bytes)
        follow = lane.follow(self._key, inbox)
        announced_to = None
        missing_since: float | None = None
        try:
            while not lane.closed:
                inbox.clear()
                try:
                    found = await self._look(seq)
                except LinkError:
                    await asyncio.sleep(RETRY_S)
                    continue
                if found.piece is not None:
                    yield found.piece
                    if found.piece.kind in ("end", "gone"):
                        return
                    seq, missing_since = found.piece.seq, None
                elif found.producer is None:
                    if missing_since is None:
                        missing_since = monotonic()
                        if announced_to is not None:
                            await lane.complain(self._id, announced_to)
                    if monotonic() - missing_since > PATIENCE_S:
                        break
                    await asyncio.sleep(RETRY_S / 4)
                else:
                    missing_since = None
                    if follow.seq is None or announced_to != found.producer:
                        follow.seq = seq if follow.seq is None else follow.seq
                        announced_to = found.producer
                        await lane.announce(self._id, announced_to)
                    async for texts in _in_order(inbox, seq):
                        seq += len(texts)
                        yield Piece("frames", seq, texts)
            yield Piece("gone", seq)
        finally:
            lane.unfollow(self._key, inbox)

    async def _look(self, seq: int) -> _Found:
        """Ask Redis what there is after seq. Raises LinkError."""
        state = self._key + ":state"
        # In this order: the producer may write in between.
        last, (producer, snapshot_at), found = await self._lane.ask(
            ("XREVRANGE", self._key, "+", "-", "COUNT", 1),
            ("HMGET", state, "lane", "seq"),
            ("XRANGE", self._key, f"{seq}-1", "+", "COUNT", MOST_ENTRIES),
        )
        entries = [_entry(*one) for one in found]
        texts = _next(entries, seq)
        if texts:
            return _Found(Piece("frames", seq + len(texts), texts))
        if entries and entries[0].seq == seq:
            last_one = entries[0]
            note = (last_one.text,) if last_one.text else ()
            return _Found(Piece("end", seq, note) if last_one.name == "end" else Piece("gone", seq))
        if snapshot_at is not None and int(snapshot_at) > seq:
            [(at, text)] = await self._lane.ask(("HMGET", state, "seq", "snapshot"))
            return _Found(Piece("snapshot", int(at), (text,)) if text is not None and int(at) > seq else None)
        reached = max(int(snapshot_at or 0), *(_entry(*one).seq for one in last), 0)
        return _Found(None, producer if reached == seq else None)


async def _in_order(inbox: Inbox, seq: int) -> AsyncIterator[list[str]]:
    """The frames after seq, as they come; to the first thing that is odd."""
    while entries := await inbox.get():
        entries = [entry for entry in entries if entry.seq > seq or entry.name != "f"]
        texts = _next(entries, seq)
        if texts:
            seq += len(texts)
            yield texts
        if len(texts) < len(entries):
            return


def _next(entries: list[Entry], seq: int) -> list[str]:
    """The texts of the frames at the beginning that follow seq without a hole."""
    texts: list[str] = []
    for entry in entries:
        if entry.name != "f" or entry.seq != seq + 1 + len(texts):
            break
        texts.append(entry.text)
    return texts
