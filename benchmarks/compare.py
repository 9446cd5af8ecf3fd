"""Streaming Markdown, ours and others': cost, bytes, what a reader sees. The table of docs/markdown.md.

    python benchmarks/compare.py                            prints the table
    python benchmarks/compare.py --write docs/markdown.md   puts it between that page's two marks
    python benchmarks/compare.py FILE.md ...                your own documents instead of the corpus

Each document of the corpus that somebody wrote (no shape_*.md) comes one model token at a time, with a frame
after each. Compared: this package; djust's
render_markdown of the text so far; cmark-gfm's (the package cmarkgfm) of the text so far; in node remend +
marked, the same in the browser, and streaming-markdown, a parser in the browser that never goes back. Without
node those two are left out, and without the scorer of fidelity.py what a reader sees. Without a corpus the
plain shapes are the documents.

`CPU`: the processor's time of all frames as a multiple of one render by cmark-gfm. `sent`: HTML to the
browser, or source where the browser renders, as a multiple of the final HTML; without the envelope that a
message has. The other columns: fidelity.py. Documents in which a definition came late count for CPU, sent and
equal only.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cmarkgfm.cmark import Options, markdown_to_html_with_extensions
from djust import render_markdown as djust_render
from fidelity import CORPUS, SCORER, defines_late, score, together
from programs import gfm
from record import Browser, chunks, record
from shapes import documents
from targets import number

from djust_stream import MarkdownStream, __version__, render_markdown

NPM = Path(__file__).resolve().parent / "npm"
EXTENSIONS = ["table", "strikethrough", "autolink", "tasklist"]
START, END = "<!-- compare.py writes from here", "<!-- to here -->"


@dataclass
class Run:
    """One document through one renderer."""

    frames: list[str]  # what is shown after each piece, and after the end
    oneshot: str
    gfm: str | None
    seconds: float
    sent: int
    final: int = field(init=False)

    def __post_init__(self) -> None:
        self.final = len(self.frames[-1].encode())


def cmark(text: str, options: int = Options.CMARK_OPT_DEFAULT) -> str:
    return str(markdown_to_html_with_extensions(text, options, EXTENSIONS))


def seconds(act: Callable[[], object], rounds: int) -> float:
    """The quickest of so many calls."""
    took = []
    for _ in range(rounds):
        start = time.process_time()
        act()
        took.append(time.process_time() - start)
    return min(took)


# ---- The renderers: a document and its pieces in, a Run out ----


def again(
    render: Callable[[str], str], last: Callable[[str], str], pieces: list[str]
) -> tuple[list[str], float]:
    """Everything so far is rendered for each piece. The frames and the time."""

    def run(keep: Callable[[str], object]) -> None:
        text = ""
        for piece in pieces:
            text += piece
            keep(render(text))
        keep(last(text))

    frames: list[str] = []
    run(frames.append)
    return frames, seconds(lambda: run(len), 3)


def with_cmark(text: str, pieces: list[str]) -> Run:
    frames, took = again(cmark, cmark, pieces)
    return Run(frames, frames[-1], cmark(text), took, sum(len(frame.encode()) for frame in frames))


def with_djust(text: str, pieces: list[str]) -> Run:
    def last(text: str) -> str:
        return str(djust_render(text, provisional=False, task_lists=True))

    frames, took = again(lambda so_far: str(djust_render(so_far, task_lists=True)), last, pieces)
    sent = sum(len(frame.encode()) for frame in frames)
    return Run(frames, last(text), gfm(text, images=True), took, sent)


class Ours:
    """This package; the page is Chromium with the client that it ships."""

    def __init__(self, browser: Browser) -> None:
        self.page = browser.page('<div dj-stream="answer"></div>')

    def __call__(self, text: str, pieces: list[str]) -> Run:
        lines = [line["html"] for line in record(self.page, "", text, "tok") if "html" in line]
        payload = 0

        def stream() -> None:
            markdown = MarkdownStream()
            for piece in pieces:
                markdown.feed(piece)
                markdown.edits()
            markdown.finish()

        markdown = MarkdownStream()
        for piece in [*pieces, None]:
            if piece is not None:
                markdown.feed(piece)
            edits = markdown.edits() if piece is not None else markdown.finish()
            payload += sum(len(edit[-1].encode()) for edit in edits if isinstance(edit[-1], str))
        return Run(lines, str(render_markdown(text)), gfm(text), seconds(stream, 5), payload)


class InNode:
    """A renderer of clients.mjs."""

    def __init__(self, name: str, reference: Callable[[str], str | None]) -> None:
        self.name, self.reference = name, reference

    def __call__(self, text: str, pieces: list[str]) -> Run:
        command = ["node", NPM / "clients.mjs", self.name]
        done = subprocess.run(command, input=json.dumps(pieces), check=True, capture_output=True, text=True)
        found = json.loads(done.stdout)
        sent = len(text.encode())
        return Run(found["frames"], found["oneshot"], self.reference(text), found["cpu_ms"] / 1000, sent)


def node_is_ready() -> bool:
    """Is there node, with the packages? Installs them once."""
    if not (shutil.which("node") and shutil.which("npm")):
        return False
    if not (NPM / "node_modules").is_dir():
        command = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"]
        return subprocess.run(command, cwd=NPM, check=False).returncode == 0
    return True


# ---- The table ----


def lines_of(name: str, pieces: list[str], run: Run) -> Iterator[dict[str, Any]]:
    """The recording that the scorer reads."""
    yield {"meta": {"doc": name}, "oneshot": run.oneshot, "gfm": run.gfm}
    for piece, html in zip([*pieces, ""], run.frames, strict=True):
        yield {"chunk": piece, "html": html}


def figures(
    run: Callable[[str, list[str]], Run], found: dict[str, str], late: set[str], units: dict[str, float]
) -> dict[str, float]:
    """The row of one renderer."""
    runs = {name: (chunks(text, "tok"), run(text, chunks(text, "tok"))) for name, text in found.items()}
    row = {
        "cpu": sum(one.seconds for _, one in runs.values()) / sum(units.values()),
        "sent": sum(one.sent for _, one in runs.values()) / sum(one.final for _, one in runs.values()),
    }
    if not SCORER.is_file():
        return row
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recordings.jsonl"
        with path.open("w", encoding="utf-8") as file:
            for name, (pieces, one) in runs.items():
                for line in lines_of(name, pieces, one):
                    file.write(json.dumps(line) + "\n")
        scores = score(path)
    calm = together([one for one in scores if one["doc"] not in late] or scores)
    return row | calm | {"gfm": sum(one["gfm_same"] is True for one in scores)}


def table(rows: dict[str, dict[str, float]], count: int) -> list[str]:
    heads = {
        "cpu": "CPU",
        "sent": "sent",
        "retract": "taken back",
        "deleted": "gone",
        "leakChars": "leaked",
        "styleChars": "restyled",
        "lag": "held back",
        "p95": "p95",
        "gfm": f"equal, of {count}",
    }
    columns = [key for key in heads if all(key in row for row in rows.values())]
    lines = [
        "| | " + " | ".join(heads[key] for key in columns) + " |",
        "|:--|" + "--:|" * len(columns),
    ]
    for name, row in rows.items():
        cells = [f"{row[key]:.0f}" if key in ("gfm", "p95") else number(row[key]) for key in columns]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def write(path: Path, lines: list[str]) -> None:
    """Put the lines between the two marks of a page."""
    page = path.read_text(encoding="utf-8")
    if START not in page or END not in page:
        sys.exit(f"{path} has no lines that begin with {START!r} and {END!r}.")
    before, rest = page.split(START, 1)
    mark, after = rest.split("\n", 1)[0], rest.split(END, 1)[1]
    path.write_text(f"{before}{START}{mark}\n\n{chr(10).join(lines)}\n\n{END}{after}", encoding="utf-8")


def about_machine() -> str:
    try:
        names = [
            line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")
        ]
        return names[0].split(":", 1)[1].strip()
    except (OSError, IndexError):
        return platform.machine()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--write", type=Path, metavar="PAGE.md")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    options = parser.parse_args()
    files = options.files or sorted(path for path in CORPUS.glob("*.md") if path.name[:6] != "shape_")
    found = {path.name: path.read_text(encoding="utf-8") for path in files} or documents("plain", 6000)
    late = {name for name, text in found.items() if defines_late(text)}
    units = {name: seconds(lambda text=text: cmark(text), 9) for name, text in found.items()}
    rows = {}
    with Browser() as browser:
        renderers: dict[str, Callable[[str, list[str]], Run]] = {
            f"djust_stream {__version__}": Ours(browser),
            f"djust {version('djust')}, rendered again per token": with_djust,
            f"cmarkgfm {version('cmarkgfm')}, rendered again per token": with_cmark,
        }
        node = node_is_ready()
        if node:
            pinned = json.loads((NPM / "package.json").read_text())["dependencies"]
            renderers |= {
                f"remend {pinned['remend']} + marked {pinned['marked']}, in the browser": InNode(
                    "remend-marked", lambda text: cmark(text, Options.CMARK_OPT_UNSAFE)
                ),
                f"streaming-markdown {pinned['streaming-markdown']}, in the browser": InNode(
                    "streaming-markdown", lambda text: gfm(text, images=True)
                ),
            }
        for name, run in renderers.items():
            rows[name] = figures(run, found, late, units)
    size = sum(len(text.encode()) for text in found.values())
    runtimes = f"CPython {platform.python_version()}"
    if node:
        runtimes += f", node {subprocess.check_output(['node', '--version'], text=True).strip().lstrip('v')}"
    lines = table(rows, len(found))
    kind = "documents" if files else "plain shapes"
    apart = f"; in {len(late)} a definition comes late" if late else ""
    lines += ["", f"{len(found)} {kind}, {size:,} bytes{apart}. {about_machine()}, {runtimes}."]
    if not node:
        lines.append("There was no node, so the two renderers that run in a browser are missing.")
    if not SCORER.is_file():
        lines.append("There was no scorer, so what a reader sees is missing.")
    print("\n".join(lines))
    if options.write:
        write(options.write, lines)
    if options.json:
        print(json.dumps({"rows": rows}))


if __name__ == "__main__":
    main()
