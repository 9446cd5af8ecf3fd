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
        row = {"what": what, "value": value, "target": target, "ok": value <= target}
        self.add(row, f"{number(value)}{unit}, at most {target:g}{unit}", note)

    def at_least(self, what: str, value: float, target: float, unit: str = "", note: str = "") -> None:
        row = {"what": what, "value": value, "target": target, "ok": value >= target}
        self.add(row, f"{number(value)}{unit}, at least {target:g}{unit}", note)

    def all(self, what: str, count: int, total: int, note: str = "") -> None:
        row = {"what": what, "value": count, "target": total, "ok": count == total}
        self.add(row, f"{count} of {total}", note)

    def add(self, row: dict[str, Any], said: str, note: str) -> None:
        self.rows.append(row)
        mark, why = ("ok  " if row["ok"] else "MISS"), (f" ({note})" if note else "")
        print(f"{mark}  {row['what']}: {said}{why}", flush=True)
