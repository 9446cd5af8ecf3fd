"""On a busy loop a producer with a pace of its own waits for its frame and brings the rest in one go.

Nobody else does, nothing is lost, and it is let go when its stream is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from time import monotonic

import pytest
from sinks import MemorySink, document

from djust_stream import ops
from djust_stream.clock import Clock, clock_of
from djust_stream.limits import Limits
from djust_stream.markdown import render_markdown
from djust_stream.reader import Reader
from djust_stream.stream import Stream

INTERVAL_S = 0.02
LIMITS = Limits(interval_s=INTERVAL_S)


class Burden:
    """A member whose tick holds the loop, and which sees whether that, or another program, makes it busy."""

    def __init__(self, clock: Clock, hold_s: float) -> None:
        self.clock, self.hold_s, self.busy = clock, hold_s, False

    def tick(self, now: float) -> bool:
        self.busy |= self.clock.busy_s > 0
        until = monotonic() + self.hold_s
        while monotonic() < until:
            pass
        return True


@pytest.fixture(params=[INTERVAL_S * 1.2, 0], ids=["busy", "free"])
async def burden(request: pytest.FixtureRequest) -> AsyncIterator[Burden]:
    clock = clock_of(asyncio.get_running_loop(), INTERVAL_S)
    burden = Burden(clock, request.param)
    clock.add(burden)
    yield burden
    clock.discard(burden)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How busy the loop was whenever somebody waited for a tick."""
    busy: list[float] = []
    until_tick = Clock.until_tick

    async def counting(clock: Clock, member: Stream) -> None:
        busy.append(clock.busy_s)
        await until_tick(clock, member)

    monkeypatch.setattr(Clock, "until_tick", counting)
    return busy


async def produce(push: Callable[[int], object], count: int, gap_s: float) -> None:
    """Tokens that are due at times of their own, as those of a model are: the late ones come at once."""
    began = monotonic()
    for number in range(count):
        wait_s = began + number * gap_s - monotonic()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        await push(number)  # type: ignore[misc]


async def test_a_producer_with_a_pace_waits_for_its_frame_on_a_busy_loop(
    burden: Burden, waits: list[float]
) -> None:
    sink = MemorySink()
    stream = Stream("s", Reader(sink), LIMITS)
    await produce(lambda number: stream.push(ops.TEXT, f"{number} "), 150, 0.004)
    await stream.end(ops.DONE)
    assert sink.text("s") == "".join(f"{number} " for number in range(150))
    assert sink.ops("s")[-1]["op"] == "done"
    assert len(waits) >= 2 if burden.hold_s else not waits or burden.busy


async def test_markdown_too(burden: Burden, waits: list[float]) -> None:
    sink = MemorySink()
    stream = Stream("s", Reader(sink), LIMITS)
    pieces = [f"**{number}** and\n\n" if number % 5 == 0 else f"`{number}` " for number in range(120)]
    await produce(lambda number: stream.push_markdown(pieces[number]), len(pieces), 0.004)
    await stream.end(ops.DONE)
    assert document(sink.frames) == str(render_markdown("".join(pieces)))
    assert len(waits) >= 2 if burden.hold_s else not waits or burden.busy


async def test_one_that_never_sleeps_and_a_slow_one_do_not_wait(burden: Burden, waits: list[float]) -> None:
    sink = MemorySink()
    quick, slow = (Stream(name, Reader(sink), LIMITS) for name in ("quick", "slow"))

    async def produce_quickly() -> None:
        for number in range(60_000):
            await quick.push(ops.TEXT, f"{number},")
            if number % 1000 == 0:
                await asyncio.sleep(0)

    task = asyncio.create_task(produce(lambda number: slow.push(ops.TEXT, f"{number},"), 8, 0.06))
    await produce_quickly()
    await task
    await quick.end(ops.DONE)
    await slow.end(ops.DONE)
    assert sink.text("quick") == "".join(f"{number}," for number in range(60_000))
    assert sink.text("slow") == "0,1,2,3,4,5,6,7,"
    assert len(waits) < 10  # a frame or two at the beginning and the end had few of the tokens


@pytest.mark.parametrize("how", ["drop", "end", "cancel"])
async def test_who_waits_is_let_go(how: str) -> None:
    """When the connection goes or another task ends the stream; one that is cancelled takes nobody along."""
    clock = clock_of(asyncio.get_running_loop(), INTERVAL_S)
    burden = Burden(clock, INTERVAL_S * 1.2)
    clock.add(burden)
    sink = MemorySink()
    stream = Stream("s", Reader(sink), LIMITS)
    task = asyncio.create_task(produce(lambda number: stream.push(ops.TEXT, "x"), 10_000, 0.004))
    while stream not in clock._waiting:  # noqa: ASYNC110
        await asyncio.sleep(0)
    if how == "cancel":
        task.cancel()
        await asyncio.wait([task])
        await stream.push(ops.TEXT, "y")
        await stream.end(ops.DONE)
        assert sink.text("s").endswith("xy")
    elif how == "end":
        await stream.end(ops.DONE)
        with pytest.raises(RuntimeError, match="has ended"):
            await asyncio.wait_for(task, 5)
    else:
        stream.reader.close()
        stream.drop()
        assert stream not in clock._waiting
        task.cancel()
    clock.discard(burden)
    await asyncio.sleep(INTERVAL_S * 3)
    assert not clock._waiting
    assert clock._timer is None
