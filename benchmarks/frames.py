"""How long does a frame take: through Python, and at worst?

    python benchmarks/frames.py [--size 40000] [--piece 4] [--json]

Python: one `feed` and one `edits` for each piece (a str) of a document, less the loop around them and less
what the engine itself costs. In instructions: callgrind counts a Python process with that loop, one with a
loop that does nothing, and one in which only the engine's functions are counted. In time: the quickest of
many such loops, less that of an empty one and of a C program that does the same (c/stream.c), in turns.

The longest frame: one paragraph of 1 MB in pieces of 16 bytes, in C. The document is streamed five times, and
of each frame the shortest time stands: the work is the same each time, what else the machine does is not.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from programs import STREAM, build
from shapes import documents
from targets import Lines

from djust_stream import MarkdownStream

ENGINE = ["djs_markdown_feed", "djs_markdown_frame"]


def stream(pieces: list[str]) -> None:
    markdown = MarkdownStream()
    feed, edits = markdown.feed, markdown.edits
    for piece in pieces:
        feed(piece)
        edits()


def nothing(pieces: list[str]) -> None:
    for _ in pieces:
        pass


def cut(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


# ---- In instructions ----


def instructions(act: str, path: Path, piece: int, *options: str) -> int:
    """Of a Python process that calls stream or nothing."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", *options, sys.executable]
        command += [__file__, "--act", act, "--piece", str(piece), "--file", str(path)]
        done = subprocess.run(
            command, env=os.environ | {"PYTHONHASHSEED": "0"}, capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(done.stderr[-2000:])
        totals = re.search(r"^totals: (\d+)", out.read_text(), re.MULTILINE)
        assert totals is not None
        return int(totals[1])


def overhead_in_instructions(path: Path, piece: int, frames: int) -> tuple[float, float]:
    """Per frame: Python's, and the engine's."""
    collect = [f"--toggle-collect={name}" for name in ENGINE]
    jobs = [("stream", path, piece), ("nothing", path, piece), ("stream", path, piece, *collect)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        loop, empty, engine = pool.map(lambda job: instructions(*job), jobs)
    if not engine:
        sys.exit(f"callgrind saw no call of {ENGINE}.")
    return (loop - empty - engine) / frames, engine / frames


# ---- In time ----


def quickest(act: object, pieces: list[str], seconds: float) -> float:
    """Seconds of the quickest call."""
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        act(pieces)  # type: ignore[operator]
        best = min(best, time.perf_counter() - start)
    return best


def overhead_in_time(path: Path, pieces: list[str], piece: int, rounds: int) -> tuple[float, float]:
    """Microseconds per frame: Python's, and the engine's."""
    loop = engine = empty = float("inf")
    for _ in range(rounds):
        loop = min(loop, quickest(stream, pieces, 0.5))
        empty = min(empty, quickest(nothing, pieces, 0.1))
        spoken = subprocess.check_output([STREAM, "time", str(piece), path], text=True)
        engine = min(engine, int(spoken) / 1e9)
    scale = 1e6 / len(pieces)
    return (loop - empty - engine) * scale, engine * scale


def longest(path: Path, piece: int) -> tuple[float, float]:
    """Milliseconds: the longest frame, and what 1 in 1,000 frames exceeds."""
    worst, high = subprocess.check_output([STREAM, "longest", str(piece), path]).split()
    return int(worst) / 1e6, int(high) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=40_000)
    parser.add_argument("--piece", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--act", choices=("stream", "nothing"), help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.act:
        {"stream": stream, "nothing": nothing}[options.act](cut(options.file.read_text(), options.piece))
        return
    build()
    lines = Lines()
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "paragraphs"
        text = documents("plain", options.size)["paragraphs"]
        path.write_text(text)
        pieces = cut(text, options.piece)
        extra, engine = overhead_in_instructions(path, options.piece, len(pieces))
        print(f"      instructions of a frame: the engine {engine:,.0f}, Python {extra:,.0f} more")
        took, engine_took = overhead_in_time(path, pieces, options.piece, options.rounds)
        note = f"the engine {engine_took:.2f} µs"
        lines.at_most("feed and edits beside the engine, per frame", took, 0.35, " µs", note)
        path.write_text(documents("plain", 1_000_000)["one_paragraph"])
        worst, high = longest(path, 16)
        note = f"1 in 1,000 took over {high * 1000:.0f} µs"
        lines.at_most("longest frame of one paragraph of 1 MB, 16 bytes a frame", worst, 1, " ms", note)
    if options.json:
        print(json.dumps({"instructions": {"engine": engine, "python": extra}, "lines": lines.rows}))


if __name__ == "__main__":
    main()
