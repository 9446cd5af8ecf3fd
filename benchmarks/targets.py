"""Lines that say what was measured, what it should be, and whether it is.

    lines = Lines()
    lines.at_most("cost of a fence, 4 bytes a frame", 2.91, 3)
    # ok    cost of a fence, 4 bytes a frame: 2.91, at most 3

A miss does not end a benchmark with an error: the figures of a busy machine are no reason to stop, and the
line says MISS for all to see.
"""

from __future__ import annotations

from typing import Any


def number(value: float) -> str:
    """1,234, 12.3 or 1.23: three figures are enough."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 20 else f"{value:.2f}"


class Lines:
    """Prints each line; `rows` has them for --json."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def at_most(self, what: str, value: float, target: float, unit: str = "", note: str = "") -> None:
        self.add(
            what, value <= target, value, f"{number(value)}{unit}, at most {target:g}{unit}", target, note
        )

    def all(self, what: str, count: int, total: int, note: str = "") -> None:
        self.add(what, count == total, count, f"{count} of {total}", total, note)

    def add(self, what: str, ok: bool, value: float, said: str, target: float, note: str) -> None:
        self.rows.append({"what": what, "value": value, "target": target, "ok": ok, "note": note})
        print(f"{'ok  ' if ok else 'MISS'}  {what}: {said}{f' ({note})' if note else ''}", flush=True)
