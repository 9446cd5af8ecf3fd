"""The C programs of the benchmarks: benchmarks/c.

build() makes them, when they are older than their sources.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent / "c"
ONESHOT, STREAM, GFM, MEMORY = (FOLDER / "build" / name for name in ("oneshot", "stream", "gfm", "memory"))


def build() -> None:
    done = subprocess.run(
        ["make", "--no-print-directory", "-C", str(FOLDER)],
        check=False,
        stdout=subprocess.DEVNULL,
        env=os.environ | {"WITH": sys.executable},
    )
    if done.returncode:
        sys.exit("The C programs of the benchmarks could not be built.")


def gfm(text: str, *, images: bool = False) -> str | None:
    """cmark-gfm's render under our safety rules, made without our engine; None where it is no UTF-8.

    images: they stay images.
    """
    build()
    done = subprocess.run(
        [GFM, *(["images"] if images else [])], input=text.encode(), stdout=subprocess.PIPE, check=True
    )
    try:
        return done.stdout.decode()
    except UnicodeDecodeError:
        return None
