"""Resident memory, as the system counts it: what gc cannot see, every leaked str and buffer, is in it."""

from collections.abc import Callable
from pathlib import Path


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def growth(step: Callable[[int], object], rounds: int) -> int:
    """How much so many more rounds take, after a tenth of them to warm up."""
    for number in range(rounds // 10):
        step(number)
    before = resident()
    for number in range(rounds):
        step(number)
    return resident() - before
