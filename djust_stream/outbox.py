"""What a tick has to write, written together.

    hold()                          # from here on, in this thread
    write(transport, data)          # ... kept
    release()                       # ... and written, in the order in which it came

A write to a socket wakes its reader. When one follows the other without a pause, a reader of many, such as a
proxy in front of the server, is awake for the next ones; waking it for each costs as much as the write.

The law: hold and release are called in one turn of the event loop, so nothing else can write in between.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

log = logging.getLogger("djust_stream")


class _Here(threading.local):
    waiting: list[Any] | None = None


_here = _Here()


def hold() -> None:
    """Keep what this thread writes, until release()."""
    _here.waiting = []


def write(transport: Any, data: bytes) -> None:
    """Write, or keep it when the thread has called hold()."""
    waiting = _here.waiting
    if waiting is None:
        transport.write(data)
    else:
        waiting += (transport, data)


def release() -> None:
    """Write what was kept."""
    waiting, _here.waiting = _here.waiting or [], None
    for at in range(0, len(waiting), 2):
        try:
            waiting[at].write(waiting[at + 1])
        except Exception as error:
            # The server is told by its event loop, and tells us.
            log.info("a connection has gone with a frame: %r", error)
