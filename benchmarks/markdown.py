"""What does streaming Markdown cost, beside rendering it once and beside rendering it for every token?

    python benchmarks/markdown.py [--size 40000] [--piece 4] [--json]

For documents of one shape each: the time of one render by cmark-gfm (the package cmarkgfm) and by us;
streaming the document in pieces of so many bytes with a frame after each, as a multiple of cmark-gfm's one
render; the payload of all edits as a multiple of the final HTML; and what djust does instead, its
render_markdown of the whole text so far for every piece, as the same multiples (measured at each 50th piece).
Times are the best of several, in one process; the multiples are what a noisy machine leaves standing.
benchmarks/cost.py counts instructions instead.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import cmarkgfm.cmark
from djust import render_markdown as djust_render
from shapes import documents

from djust_stream import MarkdownStream, render_markdown

EXTENSIONS = ["table", "strikethrough", "autolink", "tasklist"]


def best(call: Callable[[], object], rounds: int) -> float:
    """Seconds of the quickest of so many calls."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def stream(source: bytes, piece: int) -> int:
    """Stream the source; returns the bytes of HTML in all edits."""
    markdown, payload = MarkdownStream(), 0
    for at in range(0, len(source), piece):
        markdown.feed(source[at : at + piece])
        for edit in markdown.edits():
            if isinstance(edit[-1], str):
                payload += len(edit[-1])
    for edit in markdown.finish():
        if isinstance(edit[-1], str):
            payload += len(edit[-1])
    return payload


def measure(text: str, piece: int) -> dict[str, float]:
    source = text.encode()
    html = len(render_markdown(text))
    cmark = best(lambda: cmarkgfm.cmark.markdown_to_html_with_extensions(text, extensions=EXTENSIONS), 7)
    prefixes = [source[:end].decode(errors="ignore") for end in range(piece, len(source), piece * 50)]
    again = best(lambda: [djust_render(prefix, provisional=True) for prefix in prefixes], 1) * 50
    again_bytes = sum(len(djust_render(prefix, provisional=True)) for prefix in prefixes) * 50
    return {
        "cmark_ms": cmark * 1000,
        "once": best(lambda: render_markdown(text), 7) / cmark,
        "stream": best(lambda: stream(source, piece), 3) / cmark,
        "payload": stream(source, piece) / html,
        "again": again / cmark,
        "again_payload": again_bytes / html,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--size", type=int, default=40_000)
    parser.add_argument("--piece", type=int, default=4)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows: dict[str, Any] = {}
    print(
        f"{options.size} bytes in pieces of {options.piece}; multiples of cmark-gfm's render, of the HTML\n"
    )
    print("| document | cmark-gfm | we, once | we, streaming | payload | djust, per token | its payload |")
    print("|:--|--:|--:|--:|--:|--:|--:|")
    for name, text in documents("plain", options.size).items():
        row = rows[name] = measure(text, options.piece)
        print(
            f"| {name} | {row['cmark_ms']:.2f} ms | {row['once']:.2f} | {row['stream']:.1f} "
            f"| {row['payload']:.2f} | {row['again']:,.0f} | {row['again_payload']:,.0f} |"
        )
    if options.json:
        print(json.dumps({"size": options.size, "piece": options.piece, "documents": rows}))


if __name__ == "__main__":
    main()
