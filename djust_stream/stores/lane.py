"""A lane: what one event loop does with the keys of one tag. A writer, a reader, and questions now and then.

    lane.write(log)                           # it has changed: that leaves with the next round trip
    follow = lane.follow(key, inbox)          # what comes for the key is brought to the inbox
    replies = await lane.ask(("EXISTS", key))

There is one tag, or some, which a cluster spreads over its nodes. All frames of a lane leave in one round
trip, one at a time and at most two for each interval; one XREAD BLOCK waits for all streams that are
followed, and for what other processes ask of streams here. Tasks and connections are there while there is
something to do.

The law: what was sent counts as written when Redis has answered. Over each new connection the writer first
looks at what Redis has of its streams, so one that has come back with less, or with nothing, is noticed
before a frame makes a hole.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any

from .follower import MOST_ENTRIES, PATIENCE_S, RETRY_S, Follow, Inbox
from .link import Command, Link, LinkError, Origin

if TYPE_CHECKING:
    from .redis import RedisLog, RedisStore

log = logging.getLogger("djust_stream")

#: A stream whose process has not been heard of for so long is gone.
LEASE_S = 15.0
#: A stream that brings nothing for so long is looked at: it may be gone.
QUIET_S = 5.0
#: A mark that somebody follows holds so long; it is renewed three times in it.
MARK_S = 9.0
#: A lane with nothing to do lets go of its connections.
LINGER_S = 10.0
#: XREAD waits so long; a connection that stays silent for longer than that and link.TIMEOUT_S is dead.
_BLOCK_S = 2.0
#: Bytes in one round trip to Redis, more or less, so that it is done in time.
_MOST_BYTES = 1 << 20
_MOST_REQUESTS = 10_000


class Outage:
    """Redis is away: said once when it goes and once when it is back, however many connections notice."""

    def __init__(self) -> None:
        self._away: set[Link] = set()
        self._since = 0.0

    def begin(self, link: Link, error: LinkError, streams: int) -> None:
        """The link has failed."""
        if not self._away:
            self._since = monotonic()
            log.error(
                "Redis does not serve (%s): %d streams of this process go on, and readers of other processes "
                "wait; what Redis lacks is written when it is back",
                error,
                streams,
            )
        self._away.add(link)

    def over(self, link: Link) -> None:
        """The link works, or is needed no more."""
        if link in self._away:
            self._away.discard(link)
            if not self._away:
                log.warning("Redis serves again, after %.1f s", monotonic() - self._since)


class Lane:
    """What one event loop does with the keys of one tag: a writer, a reader, and questions now and then."""

    def __init__(self, store: RedisStore, origin: Origin, tag: int) -> None:
        self.name = secrets.token_urlsafe(12)
        self._store = store
        self._prefix = f"djust_stream:{{{tag}}}:"
        self._here = self._prefix + "to:" + self.name
        self._links = self._writes, self._reads, self._asks = [Link(origin, self._here) for _ in range(3)]
        self._asking = asyncio.Lock()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.closed = False
        # The writer's.
        self._logs: dict[RedisLog, None] = {}  # live, and ended ones while Redis must have them
        self._dirty: dict[RedisLog, None] = {}
        self._due = asyncio.Event()
        self._checked = 0  # the connection over which it was seen what Redis has
        self._renew_at = self._forget_at = 0.0
        # The reader's.
        self._follows: dict[str, Follow] = {}
        self._mark_at = 0.0
        self._asked_at = "0-0"  # how far what others ask has been read

    def key(self, stream_id: str) -> str:
        """Of the stream's entries; ":state" and ":read" follow it."""
        return self._prefix + stream_id

    @property
    def most_bytes(self) -> int:
        """What may wait for one follower."""
        return self._store.log_bytes

    async def aclose(self) -> None:
        """Write what is left, let go of everything; who follows is told "gone"."""
        self.closed = True
        for follow in self._follows.values():
            follow.nudge()
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await self._flush()
        for link in self._links:
            await self._let_go(link)

    def _begin(self, name: str, work: Callable[[], Awaitable[None]], link: Link) -> None:
        """Have a task that works while there is something to do."""
        task = self._tasks.get(name)
        if (task is None or task.done()) and not self.closed:
            self._tasks[name] = asyncio.get_running_loop().create_task(self._work(work, link))

    async def _work(self, work: Callable[[], Awaitable[None]], link: Link) -> None:
        idle_since: float | None = None
        try:
            # To be cancelled is not enough: wait_for returns what has come meanwhile, and forgets it.
            while not self.closed and (idle_since is None or monotonic() - idle_since < LINGER_S):
                try:
                    await work()
                    self._store.outage.over(link)
                except LinkError as error:
                    self._store.outage.begin(link, error, len(self._store))
                    await asyncio.sleep(RETRY_S)
                except Exception:
                    log.exception("a fault of ours in the Redis store; it goes on")
                    await asyncio.sleep(RETRY_S)
                idle_since = None if self._logs or self._follows else idle_since or monotonic()
        finally:
            if link is self._writes:  # the loop may be about to close: what is there goes out
                await self._flush()
            if link is self._reads:
                await self._let_go(self._asks)
            await self._let_go(link)

    async def _flush(self) -> None:
        with suppress(LinkError):
            while self._dirty:
                await self._write_round()

    async def _let_go(self, link: Link) -> None:
        await link.close()
        self._store.outage.over(link)

    async def ask(self, *commands: Command) -> list[Any]:
        """The replies, over a connection of its own. Raises LinkError."""
        self._begin("read", self._read_round, self._reads)  # which tells of an outage
        async with self._asking:
            await self._asks.open()
            return await self._asks.call(commands)

    # -- the writer --------------------------------------------------------------------------------

    def add(self, entry: RedisLog) -> None:
        """A stream of this process begins."""
        self._logs[entry] = None
        self._begin("read", self._read_round, self._reads)
        self.write(entry)

    def write(self, entry: RedisLog) -> None:
        """Something of the log has changed: it leaves with the next round trip."""
        self._dirty[entry] = None
        self._due.set()
        self._begin("write", self._write_when_due, self._writes)

    async def _write_when_due(self) -> None:
        if not self._dirty:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._due.wait(), min(1.0, LEASE_S / 6))
        self._due.clear()
        began = monotonic()
        if began >= self._forget_at:  # also when Redis is away
            self._forget_at = began + 1
            self._logs = {entry: None for entry in self._logs if entry.until is None or began < entry.until}
        try:
            await self._write_round()
        except LinkError:
            self._due.set()
            raise
        # Streams whose ticks are apart share a round trip.
        await asyncio.sleep(max(0.0, began + self._store.interval_s / 2 - monotonic()))

    async def _write_round(self) -> None:
        """One round trip: what the logs have for Redis."""
        await self._writes.open()
        if self._checked != self._writes.connections:
            await self._check()
        now = monotonic()
        commands: list[Command] = []
        parts: list[tuple[RedisLog, list[Command]]] = []
        size = 0
        for entry in list(self._dirty):
            if size > _MOST_BYTES:
                break
            del self._dirty[entry]
            part = self._commands_of(entry)
            if part:
                parts.append((entry, part))
                commands += part
                size += sum(len(str(command[-1])) for command in part)
        renewed: list[RedisLog] = []
        if now >= self._renew_at:
            self._renew_at = now + LEASE_S / 3
            renewed = [entry for entry in self._logs if entry.until is None and entry.known]
            commands += [command for entry in renewed for command in entry.renewal()]
        if not commands:
            return
        try:
            replies = await self._writes.call(commands)
        except BaseException:
            self._dirty |= {entry: None for entry, _ in parts}
            raise
        at = 0
        for entry, part in parts:
            entry.written(part, replies[at : at + len(part)])
            at += len(part)
        for entry in renewed:
            entry.renewed(*replies[at : at + 2])
            at += 2
        for entry in (*renewed, *(entry for entry, _ in parts)):
            if entry.behind:
                self._dirty[entry] = None

    def _commands_of(self, entry: RedisLog) -> list[Command]:
        try:
            return entry.commands() if entry in self._logs and entry.behind else []
        except Exception:
            log.exception(
                "stream %s cannot be kept in Redis; its readers in other processes lose it", entry.key
            )
            del self._logs[entry]
            return []

    async def _check(self) -> None:
        """A new connection: see what Redis has; what it lacks is written anew."""
        connection, logs = self._writes.connections, [entry for entry in self._logs if entry.known]
        commands: list[Command] = []
        for entry in logs:
            commands += [("XINFO", "STREAM", entry.key), ("EXISTS", entry.key + ":state")]
        replies = await self._writes.call(commands) if commands else []
        for entry, stream, state in zip(logs, replies[::2], replies[1::2], strict=True):
            entry.found(stream, state)
        self._dirty |= {entry: None for entry in self._logs if entry.behind}
        self._checked = connection

    async def is_followed(self, key: str) -> bool:
        """Has a reader in another process left its mark? Yes, when Redis cannot be asked."""
        try:
            return bool((await self.ask(("EXISTS", key + ":read")))[0])
        except LinkError:
            return True

    # -- the reader --------------------------------------------------------------------------------

    async def _read_round(self) -> None:
        """Wait for entries of all streams that are followed, and for what others ask."""
        link, connections = self._reads, self._reads.connections
        await link.open()
        if link.connections != connections:
            await link.call([("EXISTS", self._here)])  # it may be loading what it had
            self._store.outage.over(link)
            self._asked_at = "0-0"  # another server may count otherwise; what was asked twice does no harm
            self._mark_at = 0.0
            self._checked = 0  # what Redis has of streams that are silent just now
            self._due.set()
        now = monotonic()
        for follow in self._follows.values():
            if now - follow.heard_at > QUIET_S:
                follow.heard_at = now
                follow.nudge()
        marks: list[Command] = []
        if now >= self._mark_at:
            self._mark_at = now + MARK_S / 3
            marks = [mark(key) for key in self._follows]
        places = {self._here: self._asked_at}
        places |= {key: f"{follow.seq}-0" for key, follow in self._follows.items() if follow.seq is not None}
        wait = ("COUNT", MOST_ENTRIES, "BLOCK", int(_BLOCK_S * 1000))
        replies = await link.call([*marks, ("XREAD", *wait, "STREAMS", *places, *places.values())], _BLOCK_S)
        for key, entries in replies[-1] or ():
            if key == self._here:
                self._asked_at = entries[-1][0]
                for _, fields in entries:
                    await self._answer(*fields)
            elif key in self._follows:
                self._follows[key].bring(entries)

    async def _answer(self, what: str, stream_id: str) -> None:
        """What another process asks of a stream here."""
        entry = self._store.find(stream_id)
        if entry is None:
            return
        if what == "stop":
            await self._store.stop(stream_id)
        elif what == "lost" and entry in self._logs:
            entry.known = False
            self.write(entry)
        elif what == "follow" and entry.on_follow is not None:
            entry.call(entry.on_follow)

    def _request(self, lane: str, what: str, stream_id: str) -> list[Command]:
        key = self._prefix + "to:" + lane
        return [
            ("XADD", key, "MAXLEN", "~", _MOST_REQUESTS, "*", what, stream_id),
            ("PEXPIRE", key, int(LEASE_S * 1000)),
        ]

    async def stop(self, stream_id: str) -> bool:
        """Ask the lane of the producer; False: there is none, or Redis cannot be reached."""
        give_up_at = monotonic() + PATIENCE_S
        while True:
            try:
                lane, last = await self.ask(
                    ("HGET", self.key(stream_id) + ":state", "lane"),
                    ("XREVRANGE", self.key(stream_id), "+", "-", "COUNT", 1),
                )
                if lane is None or (last and last[0][0].endswith("-1")):
                    return False
                await self.ask(*self._request(lane, "stop", stream_id))
                return True
            except LinkError:
                if monotonic() > give_up_at or self.closed:
                    return False
                await asyncio.sleep(RETRY_S)

    def follow(self, key: str, inbox: Inbox) -> Follow:
        """Bring what comes for the key to the inbox, from the seq on that the follow is given."""
        follow = self._follows.setdefault(key, Follow())
        follow.inboxes.append(inbox)
        return follow

    def unfollow(self, key: str, inbox: Inbox) -> None:
        """And no longer."""
        self._follows[key].inboxes.remove(inbox)
        if not self._follows[key].inboxes:
            del self._follows[key]

    async def announce(self, stream_id: str, producer: str) -> None:
        """Somebody here follows: tell the producer, and have the reader look at what is followed now."""
        with suppress(LinkError):
            await self.ask(
                mark(self.key(stream_id)),
                *self._request(producer, "follow", stream_id),
                *self._request(self.name, "wake", stream_id),
            )

    async def complain(self, stream_id: str, producer: str) -> None:
        """Redis no longer has the stream: tell the producer, which may not have noticed."""
        with suppress(LinkError):
            await self.ask(*self._request(producer, "lost", stream_id))


def mark(key: str) -> Command:
    """Leaves the mark that somebody follows."""
    return ("SET", key + ":read", "", "PX", int(MARK_S * 1000))
