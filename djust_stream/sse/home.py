"""Home: the event loop of a process whose server has none, in a thread of its own.

    for piece in Bridge(pieces()): ...       # an async generator, run at home, read in the server's thread

Under gevent a thread is a greenlet, and all greenlets share the one thread whose running loop asyncio
remembers: seen by the others it would make Django refuse them the database. The law: the running loop is the
home loop in its own thread or greenlet, and nowhere else, also when something in it blocks and others run.
"""

from __future__ import annotations

import asyncio
import os
import queue
import selectors
import sys
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from functools import cache
from typing import Any


class Bridge:
    """What an async generator yields, for another thread, one at a time: the generator goes on when the next
    is asked for. Closed, it is cancelled where it waits."""

    def __init__(self, pieces: AsyncGenerator[bytes, None]) -> None:
        self._pieces = pieces
        # Small and of this thread's kind: gevent's where it has patched.
        self._given: queue.Queue[bytes | BaseException | None] = queue.Queue()
        self._loop = home()
        self._task: asyncio.Task[None] | None = None
        self._wanted: asyncio.Event | None = None
        self._ended = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._ended:
            raise StopIteration
        self._loop.call_soon_threadsafe(self._go_on)
        piece = self._given.get()
        if isinstance(piece, bytes):
            return piece
        self._ended = True
        raise StopIteration if piece is None else piece

    def close(self) -> None:
        """Whoever read it is gone."""
        if not self._ended:
            self._ended = True
            self._loop.call_soon_threadsafe(self._cancel)

    def _go_on(self) -> None:
        if self._task is None:
            self._wanted = asyncio.Event()
            self._task = self._loop.create_task(self._run(self._wanted), name="StreamResponse")
        elif self._wanted is not None:
            self._wanted.set()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _run(self, wanted: asyncio.Event) -> None:
        end: BaseException | None = None
        try:
            async with aclosing(self._pieces) as pieces:
                async for piece in pieces:
                    self._given.put_nowait(piece)
                    await wanted.wait()
                    wanted.clear()
        except asyncio.CancelledError:
            pass
        except Exception as error:
            end = error
        self._given.put_nowait(end)


def home() -> asyncio.AbstractEventLoop:
    """This process's loop; a child of a fork has its own."""
    return _home(os.getpid())


@cache
def _home(pid: int) -> asyncio.AbstractEventLoop:
    with _lock:
        if pid not in _loops:
            # Not as the policy has it: uvloop would not let other greenlets run.
            loop = _loops[pid] = asyncio.SelectorEventLoop(selectors.DefaultSelector())
            threading.Thread(target=_run, args=[loop], name="djust_stream home", daemon=True).start()
        return _loops[pid]


_loops: dict[int, asyncio.AbstractEventLoop] = {}
_lock = threading.Lock()


def _run(loop: asyncio.AbstractEventLoop) -> None:
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None and monkey.is_module_patched("threading"):
        _keep_to_this_greenlet()
    loop.run_forever()


def _keep_to_this_greenlet() -> None:
    """Let asyncio have one running loop in this greenlet, and another, or none, in all others."""
    from greenlet import getcurrent, gettrace, settrace

    home, before = getcurrent(), gettrace()
    away: tuple[Any, Any] = (None, (None, None))

    def trace(event: str, switch: tuple[Any, Any]) -> None:
        nonlocal away
        if home in switch:
            now = asyncio._get_running_loop(), sys.get_asyncgen_hooks()
            asyncio._set_running_loop(away[0])
            sys.set_asyncgen_hooks(*away[1])
            away = now
        if before is not None:
            before(event, switch)

    settrace(trace)
