"""Pace: when the text of a source that comes in bursts is shown. Its clock is the caller's; it never sleeps.

    pacer = Pacer("word", max_lag_s=1.0)
    pacer.feed("The sky is blue, because", now)
    pacer.take(now)                  # "The "
    pacer.take(now + 1 / 60)         # what has become due since then, "" at times
    pacer.end(now, within_s=0.25)    # no more will come
    pacer.rest()                     # what is left, at once

The law: what was taken is what was fed, in order, whole segments (segment.py) but where the source stalls
within one; nothing is left ``max_lag_s`` after it was fed, as far as take is called. In

    fed at 0 s: 150 characters    at 0.5 s: 150    at 1 s: 150    (a relay that collects what a model says)

a fixed delay per word either falls behind for good or runs dry before the next burst. Here each burst lasts
as long as the time to the next one is going to be, going by those before, and a little more; a steady source
is behind by a token. The first segment after a pause is due at once.

Checked by tests/test_pace.py.
"""

from __future__ import annotations

from collections import deque

from .segment import ends

#: What comes within this time of the first of it is one burst.
_BURST_S = 1 / 60
#: A burst lasts so much longer than the time to the next one is thought to be: they are not regular.
_SPARE = 1.25
#: How much of the time a burst may last at first is taken, before anything is known.
_FIRST = 0.3
#: How fast a shorter time between bursts is believed; a longer one is at once.
_SHORTER = 0.2


class Pacer:
    """One text on its way."""

    def __init__(self, unit: str, max_lag_s: float) -> None:
        """unit: "word" or "grapheme"."""
        self._unit = unit
        self._max_lag_s = max_lag_s
        self._text = ""  # not taken yet
        self._taken = 0  # positions count from the first character ever fed
        self._whole: deque[int] = deque()  # where whole segments end
        self._tail = 0  # where the last one begins, of which more may come
        self._tail_due = 0.0
        self._due: deque[tuple[float, int]] = deque()  # bursts: when the last of it is due, and where it ends
        self._line = 0.0  # how far an even pace would be by now
        self._line_at = 0.0
        self._burst_at: float | None = None
        self._gap_s = max_lag_s * _FIRST
        self._last_gap_s = 0.0

    @property
    def pending(self) -> int:
        """Characters that were fed and not taken."""
        return len(self._text)

    def feed(self, text: str, now: float) -> None:
        """The next text."""
        if not text:
            return
        self._move(now)
        if self._tail == self._taken + len(self._text):
            self._tail_due = now + self._max_lag_s
        open_text = self._text[self._tail - self._taken :] + text
        self._text += text
        *whole, _ = ends(open_text, self._unit)
        if whole:
            self._whole.extend(self._tail + end for end in whole)
            self._tail += whole[-1]
            self._tail_due = now + self._max_lag_s
        self._note_burst(now)

    def take(self, now: float) -> str:
        """What is due, "" when nothing is."""
        self._move(now)
        upto = self._taken
        while self._whole and upto <= self._line:
            upto = self._whole.popleft()
        if not self._whole and now >= self._tail_due:
            upto = self._tail = self._taken + len(self._text)  # the source stalls, or has ended
        return self._cut(upto)

    def end(self, now: float, within_s: float) -> None:
        """No more text will come; the rest is due in ``within_s``, if not before."""
        self._move(now)
        end = self._taken + len(self._text)
        if self._tail < end:
            self._whole.append(end)
            self._tail = end
        last = now + within_s
        self._due = deque((min(due, last), upto) for due, upto in self._due)

    def rest(self) -> str:
        """All that is left, due or not."""
        end = self._taken + len(self._text)
        self._whole.clear()
        self._due.clear()
        self._tail, self._line = end, float(end)
        return self._cut(end)

    def _cut(self, upto: int) -> str:
        size = upto - self._taken
        text, self._text = self._text[:size], self._text[size:]
        self._taken = upto
        return text

    def _note_burst(self, now: float) -> None:
        end = self._taken + len(self._text)
        if self._burst_at is not None and now - self._burst_at < _BURST_S and self._due:
            self._due[-1] = (self._due[-1][0], end)
            return
        if self._burst_at is not None:
            self._learn(now - self._burst_at)
        self._burst_at = now
        self._due.append((now + min(self._max_lag_s, self._gap_s * _SPARE), end))

    def _learn(self, gap_s: float) -> None:
        """How long it takes from a burst to the next one."""
        before, self._last_gap_s = self._last_gap_s, gap_s
        if gap_s > self._max_lag_s and before < self._max_lag_s / 2:
            return  # a pause, not a rhythm: nothing can bridge it
        gap_s = min(gap_s, self._max_lag_s)
        self._gap_s = gap_s if gap_s > self._gap_s else self._gap_s + (gap_s - self._gap_s) * _SHORTER

    def _move(self, now: float) -> None:
        """Bring the even pace up to now: as fast as the most urgent burst asks for."""
        since, self._line_at = self._line_at, now
        line = self._line
        speed = 0.0
        while self._due and self._due[0][1] <= self._taken:
            self._due.popleft()
        for due, upto in self._due:
            if due <= now:
                line = max(line, upto)
            else:
                speed = max(speed, (upto - self._line) / (due - since))
        self._line = min(max(line, self._line + speed * (now - since)), float(self._taken + len(self._text)))
