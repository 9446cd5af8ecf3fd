"""What does streaming Markdown cost, in instructions, beside rendering it once with cmark-gfm?

    python benchmarks/cost.py                                   plain and hostile shapes
    python benchmarks/cost.py --shapes plain --size 80000 --pieces 4,16,64
    python benchmarks/cost.py answer.md other.md                your own documents

Counted by valgrind's callgrind, so the figures are the same on a busy machine. The unit is one parse and
render by cmark-gfm as it is published, with tables, strikethrough, autolinks and task lists, compiled with
the flags of the extension. Beside it our engine, without Python: `once`, one render; `4 B`, a stream with a
frame after each 4 bytes; `growth`, the exponent by which the cost of such a stream grows from half the size
to twice the size (1: linear); `payload`, the HTML in its edits beside the final HTML. What an empty document
costs is subtracted from all. The figure that each should not exceed stands behind it; `inf` is what took
over 6 seconds of processor time under callgrind.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from programs import ONESHOT, STREAM, build
from shapes import KINDS, documents
from targets import Lines, number

VALGRIND = ["valgrind", "--tool=callgrind", "--toggle-collect=measured"]

#: The most that may be: what a kind of document allows, then what single shapes do.
TARGETS: dict[str, dict[str, float]] = {
    "plain": {"once": 1, "4": 2.5, "16": 1.8, "growth": 1.05, "payload": 1.25},
    "hostile": {"4": 10, "growth": 1.10},
    "file": {"once": 1, "4": 3, "16": 1.8},
    "fence": {"4": 3},
    "references": {"payload": 1.6},
    "quote_deep": {"4": 20},
}


@dataclass(frozen=True)
class Job:
    """One call to be counted. piece: bytes per frame, or 0 for one shot."""

    program: Path
    piece: int
    document: Path


@dataclass(frozen=True)
class Count:
    instructions: float  # infinite where the program lost its patience
    html: int  # bytes, of all edits together


def count_some(jobs: list[Job]) -> list[Count]:
    """Counts jobs of one program, in one run of valgrind."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = [word for job in jobs for word in (str(job.piece), str(job.document))]
        command = [*VALGRIND, f"--callgrind-out-file={folder}/%p", str(jobs[0].program), *arguments]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            sys.exit("valgrind is missing: tools/debian.sh valgrind")
        if done.returncode:
            sys.exit(f"{jobs[0].program.name} failed.\n{done.stderr[-2000:]}")
        found = []
        for line in done.stdout.splitlines():
            process, html = line.split()
            if process == "0":
                found.append(Count(math.inf, 0))
                continue
            totals = re.search(r"^totals: (\d+)", (Path(folder) / process).read_text(), re.MULTILINE)
            assert totals is not None
            found.append(Count(int(totals[1]), int(html)))
    assert len(found) == len(jobs)
    return found


def count(jobs: list[Job]) -> dict[Job, Count]:
    """Counts all jobs, on all processors."""
    shares: list[list[Job]] = []
    workers = os.cpu_count() or 1
    for program in {job.program for job in jobs}:
        own = [job for job in jobs if job.program == program]
        shares += [own[first :: 4 * workers] for first in range(4 * workers)]
    shares = [share for share in shares if share]
    with ThreadPoolExecutor(workers) as pool:
        return {
            job: found
            for share, counts in zip(shares, pool.map(count_some, shares), strict=True)
            for job, found in zip(share, counts, strict=True)
        }


@dataclass(frozen=True)
class Document:
    """What is measured: a file, and for shapes the same at half and at twice the size."""

    name: str
    kind: str
    path: Path
    half: Path | None = None
    twice: Path | None = None

    def target(self, column: str) -> float | None:
        return {**TARGETS[self.kind], **TARGETS.get(self.name, {})}.get(column)


def measure(found: list[Document], pieces: list[int], folder: Path) -> dict[str, dict[str, float]]:
    """By document: the figure of each column."""
    empty = folder / "empty"
    empty.write_bytes(b"")
    first = pieces[0]
    jobs = {Job(ONESHOT, 0, empty), Job(STREAM, 0, empty), *(Job(STREAM, piece, empty) for piece in pieces)}
    for document in found:
        jobs |= {Job(ONESHOT, 0, document.path), Job(STREAM, 0, document.path)}
        jobs |= {Job(STREAM, piece, document.path) for piece in pieces}
        jobs |= {Job(STREAM, first, path) for path in (document.half, document.twice) if path}
    counts = count(sorted(jobs, key=lambda job: (str(job.document), job.piece)))

    def cost(program: Path, piece: int, path: Path) -> float:
        return (
            counts[Job(program, piece, path)].instructions - counts[Job(program, piece, empty)].instructions
        )

    rows = {}
    for document in found:
        path = document.path
        unit = cost(ONESHOT, 0, path)
        row = {"cmark_gfm": unit, "once": cost(STREAM, 0, path) / unit}
        row |= {str(piece): cost(STREAM, piece, path) / unit for piece in pieces}
        if document.half and document.twice:
            small, large = (cost(STREAM, first, path) for path in (document.half, document.twice))
            grown = large / small if small < math.inf else math.inf
            row["growth"] = math.log(grown, document.twice.stat().st_size / document.half.stat().st_size)
        html = counts[Job(STREAM, 0, path)].html
        edits = counts[Job(STREAM, first, path)].html
        if edits and html > path.stat().st_size / 10:  # definitions alone have none
            row["payload"] = edits / html
        rows[document.name] = row
    return rows


def print_table(found: list[Document], rows: dict[str, dict[str, float]], pieces: list[int]) -> None:
    columns = ["once", *map(str, pieces), "growth", "payload"]
    heads = ["once", *(f"{piece} B" for piece in pieces), "growth", "payload"]
    width = max(len(document.name) for document in found)
    print(f"{'':{width}}  cmark-gfm  " + "".join(f"{head:<14}" for head in heads))
    for document in found:
        row, cells, missed = rows[document.name], [], False
        for column in columns:
            value, target = row.get(column), document.target(column)
            missed |= value is not None and target is not None and value > target
            cell = "" if value is None else f"{value:.3f}" if column == "growth" else number(value)
            cells.append(f"{cell:<6} {'' if target is None else f'≤ {target:g}':<7}")
        unit = f"{row['cmark_gfm'] / 1e6:7.2f} M"
        print(f"{document.name:{width}}  {unit}  {''.join(cells)}{'MISS' if missed else ''}")
    print()


def say(lines: Lines, found: list[Document], rows: dict[str, dict[str, float]], pieces: list[int]) -> None:
    """One line for each kind of document and column: the worst of those with the same target."""
    words = {"once": "one render", "growth": "growth exponent", "payload": "payload ÷ final HTML"}
    words |= {str(piece): f"streaming ÷ one render by cmark-gfm, {piece} bytes a frame" for piece in pieces}
    whose = {"plain": "plain shapes", "hostile": "hostile shapes", "file": "documents"}
    for column, what in words.items():
        groups: dict[tuple[str, float], list[Document]] = {}
        for document in found:
            target = document.target(column)
            if target is not None and column in rows[document.name]:
                own = column in TARGETS.get(document.name, {})
                groups.setdefault((document.name if own else whose[document.kind], target), []).append(
                    document
                )
        for (name, target), members in groups.items():
            worst = max(members, key=lambda member: rows[member.name][column])
            note = f"worst: {worst.name}" if len(members) > 1 else ""
            lines.at_most(f"{what}, {name}", rows[worst.name][column], target, note=note)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--shapes", choices=("none", *KINDS), help="default: all; with files none")
    parser.add_argument("--only", default="", help="names of shapes, with commas")
    parser.add_argument("--size", type=int, default=40_000, help="bytes of a shape, about")
    parser.add_argument(
        "--pieces", default="4,16", help="bytes per frame; growth and payload are of the first"
    )
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="without growth, which is most of the work")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    options = parser.parse_args()
    pieces = [int(piece) for piece in options.pieces.split(",")]
    only = set(options.only.split(",")) - {""}
    build()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = [Document(path.name, "file", path) for path in options.files]
        for kind in KINDS.get(options.shapes or ("none" if options.files else "all"), ()):
            for size in (
                (options.size,) if options.quick else (options.size // 2, options.size, options.size * 2)
            ):
                for shape, text in documents(kind, size, options.seed).items():
                    (folder / f"{shape}.{size}").write_bytes(text.encode())
            for shape in documents(kind, 0):
                if not only or shape in only:
                    half, full, twice = (
                        folder / f"{shape}.{size}"
                        for size in (options.size // 2, options.size, options.size * 2)
                    )
                    found.append(
                        Document(shape, kind, full)
                        if options.quick
                        else Document(shape, kind, full, half, twice)
                    )
        if not found:
            parser.error("nothing to measure")
        rows = measure(found, pieces, folder)
    print(f"Instructions as multiples of cmark-gfm's render; shapes of {options.size:,} bytes.\n")
    print_table(found, rows, pieces)
    lines = Lines()
    say(lines, found, rows, pieces)
    if options.json:  # JSON knows no infinity
        result: dict[str, Any] = {"size": options.size, "documents": rows, "lines": lines.rows}
        print(json.dumps(result).replace("Infinity", "null"))


if __name__ == "__main__":
    main()
