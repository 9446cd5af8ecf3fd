"""How much memory does a stream hold?

    python benchmarks/memory.py [--json]

Counted by the heap, in a program without Python (c/memory.c): the worst moment, also within a call, of
streaming 10 MB of paragraphs in pieces of 16 bytes; and what each of 10,000 streams holds that wait for more
in the middle of an answer. Beside it the resident memory of a Python process per stream of the same kind.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from programs import MEMORY, build
from shapes import Writer, documents
from targets import Lines

COUNT = 10_000
KB = 1024

RESIDENT = """
import sys
from pathlib import Path
from djust_stream import MarkdownStream

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

def idle():
    stream = MarkdownStream()
    for at in range(0, len(text), 4):
        stream.feed(text[at : at + 4])
        stream.edits()
    return stream

text = Path(sys.argv[1]).read_text()
count = int(sys.argv[2])
warm = [idle() for _ in range(10)]
before = resident()
streams = [idle() for _ in range(count)]
print((resident() - before) // count)
"""


def heap(*arguments: object) -> int:
    return int(subprocess.check_output([MEMORY, *map(str, arguments)], text=True))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    options = parser.parse_args()
    build()
    lines = Lines()
    with tempfile.TemporaryDirectory() as name:
        long, answer = Path(name) / "long", Path(name) / "answer"
        long.write_text(documents("plain", 1_000_000)["paragraphs"])
        answer.write_text(Writer(2000, "7").prose(20) + "\n\n- **An item** that has only")
        held = heap("held", 16, long, 10_000_000) / KB
        lines.at_most("heap of a stream of 10 MB of paragraphs", held, 256, " KB")
        lines.at_most(
            f"heap of each of {COUNT:,} idle streams", heap("idle", 4, answer, COUNT) / KB, 8, " KB"
        )
        command = [sys.executable, "-c", RESIDENT, answer, str(COUNT)]
        resident = int(subprocess.check_output(command, text=True)) / KB
        lines.at_most(f"resident memory of each of {COUNT:,} idle streams in Python", resident, 8, " KB")
    if options.json:
        print(json.dumps({"lines": lines.rows}))


if __name__ == "__main__":
    main()
