"""One timer per event loop: when it runs, when it does not, and with which loops."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable, Coroutine
from itertools import pairwise
from time import monotonic
from typing import Any

import pytest
from sinks import MemorySink

from djust_stream import ops
from djust_stream.clock import _SLICE_S, Clock, clock_of
from djust_stream.limits import Limits
from djust_stream.reader import Reader
from djust_stream.stream import Stream

INTERVAL_S = 0.01


class Counter:
    """A member that counts its ticks and leaves after ``stays`` of them."""

    def __init__(self, stays: int, block_s: float = 0, raises: bool = False) -> None:
        self.ticks: list[float] = []
        self.stays = stays
        self.block_s = block_s
        self.raises = raises

    def tick(self, now: float) -> bool:
        self.ticks.append(now)
        if self.raises:
            raise RuntimeError("a member's own fault")
        until = monotonic() + self.block_s
        while monotonic() < until:
            pass
        return len(self.ticks) < self.stays


def loops() -> list[Any]:
    import uvloop

    makers = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
    return [pytest.param(make, id=name) for name, make in makers.items()]


def run(make: Callable[[], asyncio.AbstractEventLoop], main: Coroutine[Any, Any, None]) -> None:
    loop = make()
    try:
        loop.run_until_complete(main)
    finally:
        loop.close()


@pytest.mark.parametrize("make", loops())
def test_a_loop_has_one_clock_and_one_timer(make: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        clock = clock_of(loop, INTERVAL_S)
        assert clock_of(loop, INTERVAL_S) is clock
        members = [Counter(stays=3) for _ in range(50)]
        for member in members:
            clock.add(member)
            clock.add(member)
        assert len(clock) == 50
        await asyncio.sleep(INTERVAL_S * 8)
        assert {len(member.ticks) for member in members} == {3}
        assert len(clock) == 0
        assert clock._timer is None  # nobody there: no timer

    run(make, main())


async def test_a_late_tick_stretches_itself() -> None:
    clock = Clock(asyncio.get_running_loop(), INTERVAL_S)
    slow = Counter(stays=4, block_s=INTERVAL_S * 2)
    clock.add(slow)
    await asyncio.sleep(INTERVAL_S * 16)
    gaps = [later - earlier for earlier, later in zip(slow.ticks, slow.ticks[1:], strict=False)]
    assert len(slow.ticks) == 4
    assert min(gaps) >= INTERVAL_S * 2.9  # its own two intervals, then a whole one; no catching up


@pytest.mark.parametrize("make", loops())
def test_a_long_tick_lets_others_have_their_turn(make: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """Each of the members holds the loop longer than a slice: between two of them there is a turn."""
    turns: list[str] = []

    class Busy(Counter):
        def tick(self, now: float) -> bool:
            turns.append("tick")
            return super().tick(now)

    async def other() -> None:
        while True:
            turns.append("other")
            await asyncio.sleep(0)

    async def main() -> None:
        clock = Clock(asyncio.get_running_loop(), INTERVAL_S)
        members = [Busy(stays=3, block_s=INTERVAL_S / 2) for _ in range(5)]
        for member in members:
            clock.add(member)
        task = asyncio.create_task(other())
        while len(clock):  # noqa: ASYNC110
            await asyncio.sleep(INTERVAL_S)
        task.cancel()
        assert [len(member.ticks) for member in members] == [3] * 5
        assert "tick tick" not in " ".join(turns)
        gaps = [later - earlier for earlier, later in pairwise(members[0].ticks)]
        assert min(gaps) >= INTERVAL_S * 3.4  # an interval after the end of a tick of two and a half

    run(make, main())


@pytest.mark.parametrize("make", loops())
def test_who_waits_for_a_tick_goes_on_right_before_it(make: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """What it does then comes with that tick; and those of other members are not woken yet."""
    turns: list[str] = []

    class Named(Counter):
        def __init__(self, name: str) -> None:
            super().__init__(stays=2, block_s=_SLICE_S * 1.5)
            self.name = name

        def tick(self, now: float) -> bool:
            turns.append("tick " + self.name)
            return super().tick(now)

    async def main() -> None:
        clock = Clock(asyncio.get_running_loop(), INTERVAL_S)
        members = [Named(name) for name in "abcd"]

        async def producer(member: Named) -> None:
            await clock.until_tick(member)
            turns.append("woken " + member.name)

        for member in members:
            clock.add(member)
        await asyncio.gather(*map(producer, members))
        for member in members:
            at = turns.index("woken " + member.name)
            assert turns.index("tick " + member.name) > at, turns
        assert turns.index("tick a") < turns.index("woken d"), turns
        assert not clock._waiting
        while len(clock):  # noqa: ASYNC110
            await asyncio.sleep(INTERVAL_S)

    run(make, main())


async def test_what_a_tick_adds_takes_no_tick_from_the_others() -> None:
    """As a smoothed text does whose stream was idle: the members behind it get theirs, on a busy loop too."""
    clock = Clock(asyncio.get_running_loop(), INTERVAL_S)

    class Adds(Counter):
        def tick(self, now: float) -> bool:
            clock.add(Counter(stays=1))
            return super().tick(now)

    members = [Adds(stays=99), *(Counter(stays=99, block_s=_SLICE_S * 5) for _ in range(5))]
    for member in members:
        clock.add(member)
    while len(members[0].ticks) < 4:  # noqa: ASYNC110
        await asyncio.sleep(0)
    assert min(len(member.ticks) for member in members) >= 3
    for member in members:
        clock.discard(member)


async def test_a_pause_without_members_does_not_make_the_loop_busy() -> None:
    clock = Clock(asyncio.get_running_loop(), INTERVAL_S * 5)
    for pause_s in (0, INTERVAL_S * 20):
        await asyncio.sleep(pause_s)
        member = Counter(stays=1)
        clock.add(member)
        while not member.ticks:
            assert clock.busy_s == 0
            await asyncio.sleep(INTERVAL_S / 2)
        assert clock.busy_s < INTERVAL_S * 15  # 0, but for other programs


async def test_nobody_waits_for_a_tick_that_does_not_come() -> None:
    clock = Clock(asyncio.get_running_loop(), INTERVAL_S)
    leaves, bad, cancelled, good = Counter(9), Counter(9, raises=True), Counter(9), Counter(9)
    await clock.until_tick(good)  # no member: a turn of the loop
    for member in (leaves, bad, cancelled, good):
        clock.add(member)
    waiting = [
        asyncio.create_task(clock.until_tick(member)) for member in (leaves, bad, cancelled, good, good)
    ]
    await asyncio.sleep(0)
    waiting[2].cancel()
    clock.discard(leaves)
    await asyncio.sleep(0)
    assert waiting[0].done()
    assert waiting[4].done()  # the second one who waits for a member: a turn
    done, _ = await asyncio.wait(waiting, timeout=INTERVAL_S * 20)
    assert len(done) == 5 and not clock._waiting
    assert [task.cancelled() for task in waiting] == [False, False, True, False, False]
    for member in (cancelled, good):
        clock.discard(member)


async def test_members_come_and_go_during_a_long_tick() -> None:
    clock = Clock(asyncio.get_running_loop(), INTERVAL_S)
    first, second, third = (Counter(stays=2, block_s=_SLICE_S * 1.5) for _ in range(3))
    for member in (first, second):
        clock.add(member)
    while not first.ticks:  # noqa: ASYNC110
        await asyncio.sleep(0)
    assert not second.ticks
    clock.discard(second)
    clock.add(third)
    while len(clock):  # noqa: ASYNC110
        await asyncio.sleep(0)
    assert [len(member.ticks) for member in (first, second, third)] == [2, 0, 2]
    assert clock._timer is None


async def test_a_member_that_raises_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock(asyncio.get_running_loop(), INTERVAL_S)
    bad, good = Counter(stays=9, raises=True), Counter(stays=3)
    clock.add(bad)
    clock.add(good)
    await asyncio.sleep(INTERVAL_S * 6)
    assert len(bad.ticks) == 1
    assert len(good.ticks) == 3
    assert "failed at its tick" in caplog.text


async def test_a_member_can_leave() -> None:
    clock = Clock(asyncio.get_running_loop(), INTERVAL_S)
    member = Counter(stays=9)
    clock.add(member)
    clock.discard(member)
    clock.discard(member)
    await asyncio.sleep(INTERVAL_S * 3)
    assert member.ticks == []


@pytest.mark.parametrize("make", loops())
def test_several_loops_in_threads(make: Callable[[], asyncio.AbstractEventLoop]) -> None:
    texts: dict[int, str] = {}
    clocks: set[int] = set()

    async def main(number: int) -> None:
        sink = MemorySink()
        stream = Stream("s", Reader(sink), Limits(interval_s=INTERVAL_S))
        clocks.add(id(clock_of(asyncio.get_running_loop(), INTERVAL_S)))
        for token in range(300):
            await stream.push(ops.TEXT, f"{number}.{token} ")
            if token % 50 == 0:
                await asyncio.sleep(INTERVAL_S / 2)
        await stream.end(ops.DONE)
        texts[number] = sink.text("s")

    threads = [threading.Thread(target=run, args=(make, main(number))) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(clocks) == 4
    assert texts == {number: "".join(f"{number}.{token} " for token in range(300)) for number in range(4)}


@pytest.mark.parametrize("make", loops())
def test_a_loop_that_closes_with_ops_pending(make: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """Nothing hangs or raises; the next loop goes on where the old one stopped."""
    sink = MemorySink()
    kept: list[Stream] = []

    async def first() -> None:
        stream = Stream("s", Reader(sink), Limits(interval_s=INTERVAL_S))
        kept.append(stream)
        await stream.push(ops.TEXT, "a")
        await stream.push(ops.TEXT, "b")  # waits for a tick that never comes

    async def second() -> None:
        await asyncio.sleep(INTERVAL_S * 3)
        await kept[0].push(ops.TEXT, "c")
        await kept[0].end(ops.DONE)

    run(make, first())
    assert sink.text("s") == "a"
    run(make, second())
    assert sink.text("s") == "abc"
    assert [op["op"] for op in sink.ops("s")][-1] == "done"


def test_a_closed_loop_takes_its_clock_along() -> None:
    loop = asyncio.new_event_loop()
    clock = weakref.ref(clock_of(loop, INTERVAL_S))
    assert clock() is not None
    loop.close()
    del loop
    gc.collect()
    assert clock() is None
