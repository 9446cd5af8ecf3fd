"""An event loop for one response of a WSGI server: the server's own thread runs it, piece by piece.

    loop = ResponseLoop()
    piece = loop.run(anext(pieces))        # while this waits, other greenlets run
    loop.leave(task)                       # goes on with the task in a thread of its own, then closes
    loop.close()

Under gevent all greenlets of a process share the one thread whose running loop asyncio remembers, and that of
one response must not be seen by the others: Django would refuse them the database. The law: while our loop waits
the running loop is the one there was before, none as a rule.
"""

from __future__ import annotations

import asyncio
import selectors
import sys
import threading
from collections.abc import Coroutine
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")


@cache
def _unseen(base: Any) -> Any:
    """A selector whose loop is not the running one while it waits. base: gevent's, where that has patched."""

    class Unseen(base):  # type: ignore[misc]
        other: tuple[Any, Any] = (None, (None, None))  # the running loop, and its hooks, while ours waits

        def select(self, timeout: float | None = None) -> Any:
            ours = _swap(self.other)
            try:
                return super().select(timeout)
            finally:
                self.other = _swap(ours)

    return Unseen


def _swap(now: tuple[Any, Any]) -> tuple[Any, Any]:
    """Make this the running loop; the one before."""
    before = asyncio._get_running_loop(), sys.get_asyncgen_hooks()
    asyncio._set_running_loop(now[0])
    sys.set_asyncgen_hooks(*now[1])
    return before


class ResponseLoop:
    """See above; used in one thread at a time."""

    def __init__(self) -> None:
        self._selector = _unseen(selectors.DefaultSelector)()
        self._loop = asyncio.SelectorEventLoop(self._selector)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run it to its end, in this thread."""
        self._selector.other = _swap((None, (None, None)))
        try:
            return self._loop.run_until_complete(coroutine)
        finally:
            _swap(self._selector.other)

    def leave(self, task: asyncio.Task[Any]) -> None:
        """Run the task to its end in a thread of its own, then close."""

        def finish() -> None:
            try:
                self.run(_wait(task))
            finally:
                self.close()

        threading.Thread(target=finish, name="djust_stream left", daemon=True).start()

    def close(self) -> None:
        """Cancel what still runs and close the loop; once more: nothing."""
        loop = self._loop
        if loop.is_closed():
            return
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self.run(_wait(*tasks))
        self.run(loop.shutdown_asyncgens())
        loop.close()


async def _wait(*tasks: asyncio.Task[Any]) -> None:
    await asyncio.wait(tasks)
