"""When to send: one timer per event loop, however many streams.

    clock = clock_of(asyncio.get_running_loop(), interval_s=1 / 60)
    clock.add(stream)             # stream.tick(now) is called once an interval, until it returns False

The law: while a member is there, the timer is armed; with none, there is no timer. A late tick stretches
itself: the next one is an interval after the end of this one, or half of one while somebody waits for it,
so a busy loop gets fewer and larger frames and never a backlog of ticks. A tick of many members takes
several turns of the loop: what came meanwhile, producers and sockets, has its turn between them. In one go,
a thousand frames would hold the loop for 20 ms; all that falls due in that time wakes at once, and the
objects of so many wakings in a row make Python's collector run, in the end over the whole process, for 100
ms.

Who waits for a member's tick (``until_tick``) goes on a turn of the loop before it, so that what it does
then comes with that tick: a few at a time, for the same reason. It goes on in any case when the member has
had its tick, or is no member any more.

Loops in several threads have a clock each. A loop that closes takes its timer and its clock along.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import weakref
from time import monotonic
from typing import Protocol

from ._core import Deadline
from .counts import count
from .outbox import hold, release

log = logging.getLogger("djust_stream")

#: For so long, at least and at most, a tick keeps the event loop for itself; what is left of it goes on at
#: the next turn of the loop.
_SLICE_S, _MOST_S = 0.0005, 0.002
#: More intervals from one tick to the next: the loop is busy.
_BUSY = 1.5
#: Intervals after which a tick is late: whoever pushes then gives the event loop a turn.
_LATE = 1.5


class Member(Protocol):
    """What a clock calls."""

    def tick(self, now: float) -> bool:
        """Do what is due at ``now`` (time.monotonic); False: nothing more to come, forget me."""


class Clock:
    """The ticks of one event loop; used in its thread only."""

    __slots__ = (
        "__weakref__",
        "_began",
        "_due",
        "_left",
        "_loop",
        "_members",
        "_paused",
        "_timer",
        "_waiting",
        "busy_s",
        "interval_s",
        "late",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, interval_s: float) -> None:
        # Weak: this clock is a value in a dict whose weak key is the loop.
        self._loop = weakref.ref(loop)
        self._members: dict[Member, None] = {}
        self._left: list[Member] = []  # of a tick that is under way
        self._timer: asyncio.Handle | None = None
        self._waiting: dict[Member, asyncio.Future[None]] = {}  # for its tick
        self._began = self._paused = 0.0  # the last tick; when the others got the loop in it
        self.busy_s = 0.0  # how long it takes from one tick to the next, while the loop is busy; else 0
        self._due = 0.0  # when the timer should fire
        self.late = Deadline()  # from then on the loop has not had the turn it was due
        self.interval_s = interval_s

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop, while it is there and open."""
        loop = self._loop()
        return None if loop is None or loop.is_closed() else loop

    def is_of(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Are these the ticks of that loop?"""
        return self._loop() is loop

    def add(self, member: Member, wait_s: float | None = None) -> None:
        """Call the member's tick, first with the next tick that there is, or else in ``wait_s``."""
        self._members[member] = None
        if self._timer is None:
            self._arm(self.interval_s if wait_s is None else wait_s)
            self._began = self._due - self.interval_s  # it was idle: that makes no tick late

    def discard(self, member: Member) -> None:
        """Forget the member."""
        self._members.pop(member, None)
        self._let_go(member)

    async def until_tick(self, member: Member) -> None:
        """Wait until the member's next tick is near. Of several who wait for one the first does, the others
        get a turn of the loop."""
        if member not in self._members or member in self._waiting:
            await asyncio.sleep(0)
        else:
            waiting = self._waiting[member] = asyncio.get_running_loop().create_future()
            await waiting

    def __len__(self) -> int:
        return len(self._members)

    def _arm(self, wait_s: float) -> None:
        loop = self.loop
        if loop is not None:
            wait_s = max(0.0, min(wait_s, self.interval_s))
            self._due = monotonic() + wait_s
            self.late.at = self._due + (_LATE - 1) * self.interval_s
            self._timer = loop.call_later(wait_s, self._tick)

    def _tick(self) -> None:
        now = monotonic()
        if now > self.late.at:
            count("late_ticks")
        since_s, self._began = now - self._began, now
        self.busy_s = since_s if since_s > _BUSY * self.interval_s else 0.0
        self._left = list(self._members)
        self._left.reverse()
        self._paused = now
        if self._waiting:
            self._pause(1)
        else:
            self._go_on()

    def _go_on(self) -> None:
        """Tick those that are left, for a while."""
        members, left, waiting = self._members, self._left, self._waiting
        before = len(left)
        now = monotonic()
        # As long as the others did before: with less, busy producers would stretch the tick. But those who
        # wait for it are busy because of it.
        until = now + (_SLICE_S if waiting else max(_SLICE_S, min(now - self._paused, _MOST_S)))
        self.late.at = now + _LATE * self.interval_s
        hold()
        while left and monotonic() < until:
            member = left.pop()
            try:
                stays = member not in members or member.tick(now)
            except Exception:
                # One member's fault must not stop the others' frames.
                log.exception("a stream failed at its tick and is left out of the next ones")
                stays = False
            if not stays:
                members.pop(member, None)
            if waiting:
                self._let_go(member)
        release()
        # Not before: what a tick adds must not arm the timer anew, and leave the rest without theirs.
        self._timer = None
        if left:
            self._pause(before - len(left) + 1)
        elif members:
            self._arm(self.interval_s / 2 if waiting else self.interval_s)

    def _pause(self, following: int) -> None:
        """Let the others have a turn, with those who wait for the ticks of the next so many members."""
        loop = self.loop
        if loop is None:
            return
        if self._waiting:
            for member in self._left[-following:]:
                self._let_go(member)
        self._paused = monotonic()
        self._timer = loop.call_soon(self._go_on)

    def _let_go(self, member: Member) -> None:
        waiting = self._waiting.pop(member, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)


_clocks: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[float, Clock]]
_clocks = weakref.WeakKeyDictionary()
_clocks_lock = threading.Lock()


def clock_of(loop: asyncio.AbstractEventLoop, interval_s: float) -> Clock:
    """The loop's clock of that interval (one setting: one clock)."""
    by_interval = _clocks.get(loop)
    if by_interval is None:
        with _clocks_lock:  # two loops of two threads may be new at the same time
            by_interval = _clocks.setdefault(loop, {})
    clock = by_interval.get(interval_s)
    if clock is None:
        clock = by_interval.setdefault(interval_s, Clock(loop, interval_s))
    return clock
