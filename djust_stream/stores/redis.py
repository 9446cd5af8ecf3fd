"""RedisStore: streams that the processes of a site share, over Redis Streams (Redis 6.2 or newer).

    store = RedisStore("redis://localhost:6379/0")     # or redis+sentinel://…, redis+cluster://…: link.py

The law is the store's (stores/__init__.py), for readers in any process, and through an outage of Redis: its
producers go on, and what Redis lacks when it is back, be it everything, is written again from what the
producer's process holds anyway: its log of ``log_bytes`` and the stream's own snapshot.

    djust_stream:{TAG}:ID          a Redis stream: frame N is the entry N-0; "end" or "gone" is the entry N-1
    djust_stream:{TAG}:ID:state    a hash: the lane of the producer, and a snapshot with its seq
    djust_stream:{TAG}:ID:read     there while somebody in another process follows
    djust_stream:{TAG}:to:LANE     a Redis stream: what others ask of a lane: "stop", "follow", "lost"

The seq in an entry's id makes a reader's cursor a place in Redis, lets no frame in twice when nobody knows
what became of the last command, and shows every hole: where entries do not follow each other a snapshot
stands for what is missing, or soon will. Nothing is kept for ever: the keys of a stream expire ``keep_s``
after its end, or when its process is no more.

lane.py moves it all, follower.py reads. Checked by tests/test_redis.py, with real servers that are stopped,
killed and emptied.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any
from weakref import WeakKeyDictionary

from . import Piece, Snapshot
from .follower import Follower
from .lane import LEASE_S, Lane, Outage
from .link import Command, Origin, origin_of
from .memory import MemoryLog, MemoryStore

#: So long at least an ended stream is there: its last frame is still on its way to readers.
LEAST_KEPT_S = 5.0
#: What an entry takes beyond its text.
_ENTRY_BYTES = 40


class RedisStore(MemoryStore):
    """The store of several processes."""

    def __init__(self, url: str, log_bytes: int = 64 << 10, interval_s: float = 1 / 60) -> None:
        """log_bytes: what the newest frames of one stream may take, here and in Redis.

        interval_s: of the frames. Raises ValueError for a URL that is none.
        """
        super().__init__(log_bytes)
        self.interval_s = interval_s
        self.outage = Outage()
        self._origins: WeakKeyDictionary[asyncio.AbstractEventLoop, Origin] = WeakKeyDictionary()
        self._lanes: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[int, Lane]] = WeakKeyDictionary()
        self._url = url
        origin_of(url)

    def lane(self, stream_id: str) -> Lane:
        """Where the stream's keys are written and read, in the running event loop."""
        loop = asyncio.get_running_loop()
        origin = self._origins.get(loop)
        if origin is None:
            origin = self._origins[loop] = origin_of(self._url)
        tag = zlib.crc32(stream_id.encode()) % origin.tags
        lanes = self._lanes.setdefault(loop, {})
        if tag not in lanes:
            lanes[tag] = Lane(self, origin, tag)
        return lanes[tag]

    def open(self, stream_id: str, name: str, snapshot: Snapshot, *, keep_s: float) -> RedisLog:
        """Begin a log; see Store."""
        self._sweep()
        opened = self._logs[stream_id] = RedisLog(self, stream_id, snapshot, keep_s)
        return opened

    async def follow(self, stream_id: str, seq: int) -> AsyncIterator[Piece]:
        """What comes after frame seq; see Store."""
        here = stream_id in self._logs
        pieces = (
            super().follow(stream_id, seq) if here else Follower(self.lane(stream_id), stream_id).pieces(seq)
        )
        try:
            async for piece in pieces:
                yield piece
        finally:
            await pieces.aclose()  # type: ignore[attr-defined]

    def find(self, stream_id: str) -> RedisLog | None:
        """The log of a stream of this process."""
        found = self._logs.get(stream_id)
        assert found is None or isinstance(found, RedisLog)
        return found

    def __len__(self) -> int:
        """How many streams of this process there are."""
        return len(self._logs)

    async def stop(self, stream_id: str) -> bool:
        """Ask the producer, wherever it is, to stop; see Store. False also when Redis cannot be reached."""
        if stream_id in self._logs:
            return await super().stop(stream_id)
        return await self.lane(stream_id).stop(stream_id)

    async def aclose(self) -> None:
        """Tell who follows that the streams of this process are gone; let go of connections and tasks."""
        await super().aclose()
        loop = asyncio.get_running_loop()
        for lane in self._lanes.pop(loop, {}).values():
            await lane.aclose()
        origin = self._origins.pop(loop, None)
        if origin is not None:
            await origin.aclose()


class RedisLog(MemoryLog):
    """The newest frames of one stream, here and on their way to Redis."""

    __slots__ = ("_bytes_there", "_filled", "_kept_s", "_lane", "_plan", "_snapshot_at", "_there", "finished",
                 "key", "known", "over", "until")  # fmt: skip

    def __init__(self, store: RedisStore, stream_id: str, snapshot: Snapshot, keep_s: float) -> None:
        super().__init__(store, stream_id, snapshot, keep_s)
        self._lane = store.lane(stream_id)
        self._kept_s = keep_s
        self.key = self._lane.key(stream_id)
        self.known = False  # Redis has the stream,
        self._filled = False  # and it has had an entry;
        self._there = 0  # the last frame that it has, or that its snapshot stands for;
        self._snapshot_at = 0  # the seq of that;
        self._bytes_there = 0  # what the frames since then take.
        self._plan = (0, 0, 0, "")  # the last three and ``over``, when what was sent last is there
        self.over = ""  # "end" or "gone": nothing more will come,
        self.finished = False  # and Redis knows;
        self.until: float | None = None  # when the lane forgets it
        self._lane.add(self)

    @property
    def stream_id(self) -> str:
        return self._id

    def append(self, seq: int, frame: str, handed: bool = True) -> None:
        """Keep frame seq; see Log. Who follows in another process is not known here: all are kept."""
        super().append(seq, frame)
        self._lane.write(self)

    def end(self, *, keep: bool = True, note: str = "") -> None:
        """The last frame is in; see Log."""
        super().end(keep=keep, note=note)
        self._finish("end" if keep else "gone")

    def forget(self) -> None:
        """Nobody finds the stream any more."""
        self._finish("gone")
        super().forget()

    async def followed_at(self) -> float:
        """When somebody, in any process, followed the stream last: now, when Redis cannot be asked."""
        here = await super().followed_at()
        return here if self._followers or not await self._lane.is_followed(self.key) else monotonic()

    def _finish(self, how: str) -> None:
        if not self.over:
            self.over = how
            self.until = monotonic() + max(self._kept_s if how == "end" else 0.0, LEAST_KEPT_S)
            self._lane.write(self)

    # -- what the lane asks ------------------------------------------------------------------------

    def commands(self) -> list[Command]:
        """What brings Redis up to date; ``written`` follows when it has."""
        out: list[Command] = []
        if not self.known:
            self._filled, self._there, self._snapshot_at, self._bytes_there = False, 0, 0, 0
            out += [
                ("DEL", self.key, self.key + ":state"),
                ("HSET", self.key + ":state", "lane", self._lane.name),
            ]
        first = self.frames.first
        snapshot_at, size = self._snapshot_at, self._bytes_there
        if self._there + 1 < first or size > self._store.log_bytes // 2:
            # Frames since the last snapshot stay: readers in other processes are some frames behind, and need
            # not be shown all anew. Unless some are missing: what precedes a hole is of no use.
            below = max(snapshot_at + 1, first if self._there + 1 < first else 0)
            made = self._snapshot()
            if made is not None:
                out.append(("HSET", self.key + ":state", "seq", made[0], "snapshot", made[1]))
            out.append(("XTRIM", self.key, "MINID", f"{below}-0"))
            snapshot_at, size = self.seq, 0
        must_be = ("NOMKSTREAM",) if self._filled else ()
        behind = max(self._there, first - 1)
        for seq, text in enumerate(self.frames.after(behind) or (), behind + 1):
            size += len(text) + _ENTRY_BYTES
            out.append(("XADD", self.key, *must_be, f"{seq}-0", "f", text))
        if self.over and not self.finished:
            out.append(("XADD", self.key, f"{self.seq}-1", self.over, self.note))
            if self.over == "gone":
                out.append(("DEL", self.key + ":state"))
        if self.over or not self._filled:
            out += self.renewal()
        self._plan = (self.seq, snapshot_at, size, self.over)
        return out

    def written(self, commands: list[Command], replies: list[Any]) -> None:
        """Redis has answered what ``commands`` returned."""
        entered = [reply for command, reply in zip(commands, replies, strict=True) if command[0] == "XADD"]
        if None in entered:  # NOMKSTREAM: it has lost the stream
            self.known = self.finished = False
            return
        self.known = True
        self._filled = self._filled or bool(entered)
        self._there, self._snapshot_at, self._bytes_there, over = self._plan
        self.finished = bool(over)

    @property
    def behind(self) -> bool:
        """Is there something that Redis has not got?"""
        return not self.known or self._there < self.seq or (bool(self.over) and not self.finished)

    def found(self, stream: Any, state: int) -> None:
        """What Redis has of it, after some doubt: the reply of XINFO STREAM, and whether its state is there.

        A stream with a hole, and one that has lost what is gone here, are written anew.
        """
        if not self.known or (self.finished and self.over == "gone"):
            return
        if isinstance(stream, Exception):
            self.known = not self._filled and bool(state)
            return
        facts = dict(zip(stream[::2], stream[1::2], strict=True))
        last, minor = map(int, facts["last-generated-id"].split("-"))
        entry = facts["first-entry"]
        whole = not entry or int(entry[0].split("-")[0]) + facts["length"] - minor - 1 == last
        gone_here = last < self._there and last + 1 < self.frames.first
        if not whole or not state or gone_here or (minor and not self.over):
            self.known = self.finished = False
        else:
            self._there, self.finished = last, bool(minor)

    def renewal(self) -> list[Command]:
        """What keeps its keys from expiring."""
        keep_s = max(LEASE_S, self._kept_s) if self.until is None else max(1.0, self.until - monotonic())
        return [("PEXPIRE", key, int(keep_s * 1000)) for key in (self.key, self.key + ":state")]

    def renewed(self, stream: int, state: int) -> None:
        """Redis has answered what ``renewal`` returned."""
        if not state or (self._filled and not stream):  # it has lost the stream
            self.known = False
