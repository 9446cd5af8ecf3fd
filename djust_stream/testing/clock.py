"""An event loop whose time passes at once: what waits a second is there in no time, in the same order.

    run(main())          # as asyncio.run, by a clock that only jumps

The law: a timer fires when nothing else is left to do, the earliest first, and loop.time() is then its time.
While another thread is at work (a synchronous source, sync_to_async) nobody can tell what it will still do,
so time passes as it does elsewhere until it has ended. What only waits for something that nothing here will
do is an error after ``limit_s`` real seconds. time.sleep and time.monotonic() are as ever.
"""

from __future__ import annotations

import asyncio
import concurrent.futures.thread as thread_pools
import selectors
import sys
import threading
from collections.abc import Coroutine
from types import FrameType
from typing import Any, TypeVar

#: Real seconds for a pool's thread between two things that it does.
_PICK_UP_S = 0.002

Result = TypeVar("Result")


class _Selector(selectors.DefaultSelector):
    """Waits for no time that can be skipped."""

    def __init__(self, limit_s: float) -> None:
        super().__init__()
        self.skipped_s = 0.0
        self._limit_s = limit_s
        self._threads = set(threading.enumerate())
        self._pools = False

    def select(self, timeout: float | None = None) -> Any:
        """As asyncio calls it: the timeout is the time to the next timer."""
        if timeout is not None and timeout <= 0:
            return super().select(timeout)
        if timeout is not None and not self._is_watched():
            found = super().select(_PICK_UP_S if self._pools else 0)
            if not found and not self._is_watched():
                self.skipped_s += timeout
            return found
        found = super().select(self._limit_s if timeout is None else min(timeout, self._limit_s))
        if timeout is None and not found:
            raise TimeoutError(f"nothing has happened for {self._limit_s:g} s, and nothing is due to happen")
        return found

    def _is_watched(self) -> bool:
        """Is a thread of a pool at work, or one that was not there when the loop was made?"""
        frames = sys._current_frames()
        self._pools = False
        for thread in threading.enumerate():
            frame = frames.get(thread.ident or 0)
            if thread is threading.current_thread() or frame is None:
                continue
            if worker := _pool_frame(frame):
                self._pools = True
                if frame is not worker or _has_work(worker):
                    return True
            elif thread not in self._threads:
                return True
        return False


def _pool_frame(frame: FrameType | None) -> FrameType | None:
    """The frame of a pool's thread that fetches what it is given to do."""
    while frame is not None:
        if frame.f_code.co_name == "_worker" and frame.f_code.co_filename == thread_pools.__file__:
            return frame
        frame = frame.f_back
    return None


def _has_work(worker: FrameType) -> bool:
    """Has it, or has its pool, something to do? Also before it has taken it up."""
    queue, item = worker.f_locals.get("work_queue"), worker.f_locals.get("work_item")
    return item is not None or (queue is not None and not queue.empty())


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop by that clock."""

    def __init__(self, limit_s: float = 10.0) -> None:
        self._skipping = _Selector(limit_s)
        super().__init__(self._skipping)

    def time(self) -> float:
        """Seconds: those that have passed and those that were skipped."""
        return super().time() + self._skipping.skipped_s


def run(main: Coroutine[Any, Any, Result], limit_s: float = 10.0) -> Result:
    """What the coroutine returns, run in a loop of its own whose time passes at once."""
    loop = VirtualLoop(limit_s)
    try:
        asyncio.set_event_loop(loop)
        return loop.run_until_complete(main)
    finally:
        try:
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            if tasks:
                loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            asyncio.set_event_loop(None)
            loop.close()
