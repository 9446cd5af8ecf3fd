"""Python's garbage collector, set for a server that holds thousands of connections.

    from djust_stream import tune_gc
    tune_gc()                                  # once, at the end of asgi.py

With its default thresholds the collector looks through every object of the process again and again; at 1,000
connections that is a pause of 50 ms each second, in which nobody gets a token. Opt-in, because the setting is
the process's: cycles are found later, and what is there at the call is never looked at again.
"""

from __future__ import annotations

import gc


def tune_gc(young: int = 50_000, middle: int = 20, old: int = 100) -> None:
    """Collect now, leave what survives alone from then on, and collect seldom.

    young: objects made, less those gone, before the youngest are looked at; middle, old: how many such looks
    before the older ones are (``gc.set_threshold``).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(young, middle, old)
