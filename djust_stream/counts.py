"""What all streams of this process have done so far: numbers to look at, and a word at each stream's end.

    stats()                       # Stats(streams=3, frames=1042, bytes=98211, merged_ops=20877, ...)
    on_end.append(report)         # report(Ended(name="reply", ended="done", first_chunk_s=0.4, ...))

The law: stats() is O(1) and costs a token nothing. Frames, bytes and merged ops are counted in C where a
frame is made; the rest happens seldom and is counted under a lock. prometheus.py, telemetry.py read here.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from ._core import frame_counts

log = logging.getLogger("djust_stream")


@dataclass(frozen=True, slots=True)
class Stats:
    """Totals since the process began, but for ``streams``."""

    streams: int
    """Streams that are open now."""
    streams_opened: int
    frames: int
    bytes: int
    """Of frames, as UTF-8, before the server's framing and compression."""
    merged_ops: int
    """Calls that needed no op of their own in a frame."""
    late_ticks: int
    """Ticks that came half an interval late or more: the event loop is busy."""
    waits: int
    """Times that a send or a producer had to wait for a reader."""
    dropped_readers: int
    """Connections given up after SLOW_READER_TIMEOUT_S."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A stream that has ended."""

    name: str
    ended: str
    """"done", "error", or "gone" when its connection went first."""
    seconds: float
    """Since the stream was opened."""
    first_chunk_s: float | None
    """From its opening to the first frame with content; None without one."""
    tokens: int
    """Calls that brought content."""

    @property
    def tokens_per_s(self) -> float:
        """After the first chunk; 0.0 when there was no time to speak of."""
        seconds = self.seconds - (self.first_chunk_s or 0.0)
        return self.tokens / seconds if seconds > 0 else 0.0


#: Called with each stream's Ended, in its event loop or in the thread that ends it; must not block.
on_end: list[Callable[[Ended], None]] = []

_names = ("opened", "ended", "late_ticks", "waits", "dropped_readers")
_counts = dict.fromkeys(_names, 0)
_lock = threading.Lock()


def count(name: str) -> None:
    """One more."""
    with _lock:
        _counts[name] += 1


def tell(ended: Ended) -> None:
    """Call whom a stream's end concerns."""
    for hook in on_end:
        try:
            hook(ended)
        except Exception:
            log.exception("a hook of djust_stream.counts.on_end failed")


def stats() -> Stats:
    """What all streams of this process have done so far."""
    frames, size, merged_ops = frame_counts()
    with _lock:
        now = dict(_counts)
    return Stats(
        streams=now["opened"] - now["ended"],
        streams_opened=now["opened"],
        frames=frames,
        bytes=size,
        merged_ops=merged_ops,
        late_ticks=now["late_ticks"],
        waits=now["waits"],
        dropped_readers=now["dropped_readers"],
    )
