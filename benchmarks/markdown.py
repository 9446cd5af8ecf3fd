"""What does streaming Markdown cost, beside rendering it once and beside rendering it for every token?

    python benchmarks/markdown.py [--size 40000] [--piece 4] [--json]

For documents of one shape each: the time of one render by cmark-gfm (the package cmarkgfm) and by us;
streaming the document in pieces of so many bytes with a frame after each, as a multiple of cmark-gfm's one
render; the payload of all edits as a multiple of the final HTML; and what djust does instead, its
render_markdown of the whole text so far for every piece, as the same multiples (measured at each 50th piece).
Times are the best of several, in one process; the multiples are what a noisy machine leaves standing.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable
from typing import Any

import cmarkgfm.cmark
from djust import render_markdown as djust_render

from djust_stream import MarkdownStream, render_markdown

WORDS = [
    "every",
    "token",
    "reaches",
    "its",
    "page",
    "once",
    "in",
    "order",
    "while",
    "the",
    "reader",
    "watches",
]
EXTENSIONS = ["table", "strikethrough", "autolink", "tasklist"]


def documents(size: int) -> dict[str, str]:
    """Plain shapes, as models write them, of about so many bytes."""
    rng = random.Random(7)

    def words(count: int) -> str:
        return " ".join(rng.choice(WORDS) for _ in range(count))

    def prose(count: int) -> str:
        spans = ("**{}**", "`{}`", "[{}](https://example.org/x)", "*{}*", "{}")
        return " ".join(f"{words(6)} {spans[i % 5].format(words(2))}" for i in range(count))

    def until(part: Callable[[int], str], head: str = "") -> str:
        parts, length, number = [head], len(head), 0
        while length < size:
            parts.append(part(number))
            length += len(parts[-1])
            number += 1
        return "".join(parts)

    return {
        "paragraphs": until(lambda _: prose(8) + "\n\n"),
        "one paragraph": until(lambda _: prose(8) + " "),
        "tight list": until(lambda _: f"- **{words(2)}**: {words(12)}\n"),
        "loose list": until(lambda i: f"{i + 1}. {prose(2)}\n\n   {words(12)}\n\n"),
        "table": until(
            lambda i: f"| {words(4)} | `{words(1)}` | **{i}** |\n", "| a | b | c |\n|---|---|---|\n"
        ),
        "fence": until(lambda i: f"def f{i}(x):\n    return x < {i}\n", "```python\n"),
        "quote": until(lambda _: f"> {prose(2)}\n"),
        "mixed": until(
            lambda i: (
                f"## {words(4)}\n\n{prose(6)}\n\n- {words(8)}\n- {words(6)}\n\n```js\nlet a{i};\n```\n\n"
            )
        ),
    }


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
    for name, text in documents(options.size).items():
        row = rows[name] = measure(text, options.piece)
        print(
            f"| {name} | {row['cmark_ms']:.2f} ms | {row['once']:.2f} | {row['stream']:.1f} "
            f"| {row['payload']:.2f} | {row['again']:,.0f} | {row['again_payload']:,.0f} |"
        )
    if options.json:
        print(json.dumps({"size": options.size, "piece": options.piece, "documents": rows}))


if __name__ == "__main__":
    main()
