"""How calm is a page to read while Markdown streams, and is it right at the end?

    python benchmarks/fidelity.py                     the documents of the corpus, one frame per model token
    python benchmarks/fidelity.py --split 4 FILE.md   your own, one frame per 4 bytes

Records what a reader sees in Chromium (record.py) and hands it to a scorer, which needs node. Per 1,000
characters of source: `retract`, characters shown and then moved or taken back; `deleted`, those that
disappeared; `leak`, those of them that were markers; `style` and `block`, characters and events whose format
or block changed while they stood there. `lag`: characters that had arrived and were not shown yet, as the
average over frames and the 95th percentile. `final`: the last frame is our one-shot render. `gfm`: it reads
as cmark-gfm's render under our safety rules, which c/gfm.c makes without our engine. Documents in which a
definition came after its label was used are counted apart.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from targets import Lines

from djust_stream import MarkdownStream

HERE = Path(__file__).resolve().parent
SHARED = HERE.parents[1] / "shared"
CORPUS = Path(os.environ.get("CORPUS", SHARED / "corpus"))
SCORER = Path(os.environ.get("FIDELITY_SCORER", SHARED / "tools/fidelity/score"))

Score = dict[str, Any]

#: What the scorer counts, per 1,000 characters, and the most that should be.
TARGETS = {"retract": 1.0, "deleted": None, "leakChars": 0, "styleChars": 0.1, "blockEvents": 0.05}
WORDS = {
    "retract": "characters taken back",
    "leakChars": "markers that leaked",
    "styleChars": "characters whose style changed",
    "blockEvents": "blocks that became another block",
}


def score(recordings: Path) -> list[Score]:
    """The figures of each recording in a file. Raises OSError without a scorer."""
    done = subprocess.run([SCORER, "--json", recordings], check=True, stdout=subprocess.PIPE, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def record(split: str, documents: list[Path], out: Path) -> None:
    with out.open("wb") as file:
        command = [sys.executable, HERE / "record.py", split, *documents]
        subprocess.run(command, check=True, stdout=file)


def defines_late(text: str) -> bool:
    """Is a label used before it is defined?"""
    stream = MarkdownStream()
    for line in text.splitlines(keepends=True):
        stream.feed(line)
        if any(edit[0] == "patch" for edit in stream.edits()):
            return True
    return any(edit[0] == "patch" for edit in stream.finish())


def together(scores: list[Score]) -> dict[str, float]:
    """One document of them all: sums per 1,000 characters, lag per frame, the median of p95."""
    characters = sum(row["src_chars"] for row in scores)
    rates = {key: 1000 * sum(row["_raw"][key] for row in scores) / characters for key in TARGETS}
    frames = sum(row["frames"] for row in scores)
    return {
        **rates,
        "lag": sum(row["_raw"]["lagSum"] for row in scores) / frames,
        "p95": statistics.median(row["lag_p95"] for row in scores),
        "worst_p95": max(row["lag_p95"] for row in scores),
        "final": sum(row["final_equal"] is True for row in scores),
        "gfm": sum(row["gfm_same"] is True for row in scores),
        "documents": len(scores),
    }


def print_rows(rows: dict[str, dict[str, float]]) -> None:
    heads = ["retract", "deleted", "leak", "style", "block", "lag", "p95", "final", "gfm"]
    width = max(map(len, rows))
    print(" " * width + "".join(f"{head:>9}" for head in heads))
    for name, row in rows.items():
        figures = "".join(f"{row[key]:9.2f}" for key in (*TARGETS, "lag"))
        same = "".join(f"{row[key]:.0f}/{row['documents']:.0f}".rjust(9) for key in ("final", "gfm"))
        print(f"{name:{width}}{figures}{row['p95']:9.0f}{same}")
    print()


def say(lines: Lines, calm: dict[str, float], every: dict[str, float]) -> None:
    for key, what in WORDS.items():
        target = TARGETS[key]
        assert target is not None
        lines.at_most(f"{what} per 1,000", calm[key], target)
    lines.at_most("characters held back, on average", calm["lag"], 1.0)
    note = f"median of the documents; the largest is {calm['worst_p95']:.0f}"
    lines.at_most("characters held back, 95th percentile", calm["p95"], 15, note=note)
    lines.all(
        "documents whose last frame is the one-shot render", int(every["final"]), int(every["documents"])
    )
    lines.all("documents that read as cmark-gfm's", int(every["gfm"]), int(every["documents"]))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help=f"default: {CORPUS}/*.md")
    parser.add_argument("--split", default="tok", help='"tok" (model tokens) or a number of bytes')
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    options = parser.parse_args()
    files = options.files or sorted(CORPUS.glob("*.md"))
    if not files:
        print(f"There are no documents in {CORPUS}: name some, or set CORPUS.")
        return
    if not SCORER.is_file():
        print(f"There is no scorer at {SCORER}: set FIDELITY_SCORER.")
        return
    with tempfile.TemporaryDirectory() as folder:
        recordings = Path(folder) / "recordings.jsonl"
        record(options.split, files, recordings)
        scores = score(recordings)
    late = {path.name for path in files if defines_late(path.read_text(encoding="utf-8"))}
    rows = {row["doc"]: together([row]) for row in scores}
    calm = together([row for row in scores if row["doc"] not in late] or scores)
    rows["together, without late definitions"] = calm
    if late:
        rows["late definitions"] = together([row for row in scores if row["doc"] in late])
    print_rows(rows)
    lines = Lines()
    say(lines, calm, together(scores))
    if options.json:
        print(json.dumps({"split": options.split, "documents": rows, "lines": lines.rows}))


if __name__ == "__main__":
    main()
