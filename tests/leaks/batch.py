"""Frames, refused calls and dropped batches leave nothing behind."""

import contextlib

from memory import growth

from djust_stream._core import FORM_COMPACT, FORM_DJUST, OPS, Batch


def step(number: int) -> None:
    batch = Batch(f"s{number}", "#s")
    for op in OPS.values():
        batch.push(op, "" if op == OPS["prune"] else f"text {number} \ud800 é", "#a" if number % 2 else "", 3)
    batch.encode(number, FORM_DJUST)
    batch.encode(number, FORM_COMPACT)
    for wrong in ((99, "x"), (OPS["prune"], "left"), (OPS["text"], 3)):
        with contextlib.suppress(TypeError, ValueError):
            batch.push(*wrong)  # type: ignore[arg-type]


grown = growth(step, 20_000)
assert grown < 256 * 1024, f"{grown:,} bytes more after 20,000 batches"
