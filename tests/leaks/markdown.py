"""Streams that end, fail or are dropped leave nothing; one that goes on keeps nothing that has settled."""

import contextlib

from memory import growth, resident

from djust_stream import MarkdownStream, render_markdown

TEXT = (
    "> [!TIP]\n> x\n\n# A **b** [c](d)\n\n"
    "- [x] e\n  - f\n\n| g |\n|---|\n| h |\n\n```py\ni\n```\n\n[j] k@l.m\n\n[j]: /n\n" * 3
)
OPTIONS = {
    "alerts": True,
    "heading_ids": "doc-",
    "images": ("a.b", "c.d"),
    "links": {"mailto": lambda url: url + "x", "*.b": lambda url: None},
}


def step(number: int) -> None:
    options = OPTIONS if number % 5 == 0 else {}
    stream = MarkdownStream(max_bytes=1000, fill=number % 3 == 0, **options)
    for at in range(0, len(TEXT), 40):
        with contextlib.suppress(OverflowError):
            stream.feed(TEXT[at : at + 40])
        stream.edits()
    if number % 2:
        stream.finish()
    render_markdown(TEXT, partial=number % 2 == 0, **options)


grown = growth(step, 3_000)
assert grown < 256 * 1024, f"{grown:,} bytes more after 3,000 streams"

stream, paragraph, before, most = (
    MarkdownStream(),
    "word **bold** and `code` text here. " * 6 + "\n\n",
    resident(),
    0,
)
for _ in range(10_000_000 // len(paragraph)):
    stream.feed(paragraph)
    stream.edits()
    most = max(most, resident() - before)
assert most < 256 * 1024, f"{most:,} bytes for a stream of 10 MB of paragraphs"

before = resident()
idle = [MarkdownStream() for _ in range(10_000)]
each = (resident() - before) / len(idle)
assert each < 8 * 1024, f"{each:,.0f} bytes for an idle stream"
