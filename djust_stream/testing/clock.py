"""An event loop whose time passes at once: what waits a second is there in no time, in the same order.

    run(main())          # as asyncio.run, by a clock that only jumps

The law: a timer fires when nothing else is left to do, the earliest first, and loop.time() is then its time.
While another thread is at work (a synchronous source, sync_to_async) nobody can tell what it will still do,
so time passes as it does elsewhere until it has ended. What only waits for something that nothing here will
do is an error after ``limit_s`` real seconds. time.sleep and time.monotonic() are as ever.
"""

from __future__ import annotations

import asyncio
import selectors
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class _Selector(selectors.DefaultSelector):
    """Waits for no time that can be skipped."""

    def __init__(self, limit_s: float) -> None:
        super().__init__()
        self.skipped_s = 0.0
        self._limit_s = limit_s
        self._threads = set(threading.enumerate())

    def select(self, timeout: float | None = None) -> Any:
        """As asyncio calls it: the timeout is the time to the next timer."""
        if timeout is not None and timeout <= 0:
            return super().select(timeout)
        if timeout is not None and not self._is_watched():
            found = super().select(0)
            if not found:
                self.skipped_s += timeout
            return found
        found = super().select(self._limit_s if timeout is None else min(timeout, self._limit_s))
        if timeout is None and not found:
            raise TimeoutError(f"nothing has happened for {self._limit_s:g} s, and nothing is due to happen")
        return found

    def _is_watched(self) -> bool:
        """Is there a thread that was not there when the loop was made?"""
        return any(thread not in self._threads for thread in threading.enumerate())


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
