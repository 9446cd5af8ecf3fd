"""Slots: how many streams there are at a time, in this process and of one user.

    slot = take("user 7")           # raises Full
    slot.free()                     # once more: nothing

The law: no more than MAX_STREAMS and, of one owner, MAX_STREAMS_PER_USER are taken; a slot that nobody holds
any more is free, also when nobody has said so.
"""

from __future__ import annotations

import threading
import weakref
from collections import Counter

from .. import conf

#: Seconds after which it is worth asking again.
RETRY_AFTER_S = 5

_lock = threading.RLock()  # a collection of garbage may free a slot while one is being taken
_of_owner: Counter[str] = Counter()  # and of all, under ""


class Full(Exception):
    """No slot is free. status: of HTTP; str(): for the reader."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Slot:
    """One stream's place."""

    def __init__(self, owner: str) -> None:
        self._free = weakref.finalize(self, _give_back, owner)

    def free(self) -> None:
        self._free()


def take(owner: str) -> Slot:
    """A slot. owner: whose stream it is; "": nobody's in particular."""
    with _lock:
        if _of_owner[""] >= conf.get("MAX_STREAMS"):
            raise Full(503, "Too many answers are being written. Please try again in a moment.")
        if owner and _of_owner[owner] >= conf.get("MAX_STREAMS_PER_USER"):
            raise Full(429, "You have too many answers open. Please close one, or wait for its end.")
        for counted in {"", owner}:
            _of_owner[counted] += 1
        return Slot(owner)


def taken() -> int:
    """How many are taken in this process."""
    return _of_owner[""]


def _give_back(owner: str) -> None:
    with _lock:
        for counted in {"", owner}:
            _of_owner[counted] -= 1
            if not _of_owner[counted]:
                del _of_owner[counted]
