"""Streams Markdown through the engine into a Dom: what the Markdown tests share."""

import random
from collections.abc import Callable

from dom import Dom, inner, parse

from djust_stream import MarkdownStream, render_markdown


def one_shot(text: str | bytes, **options: object) -> str:
    """The whole text at once, as a DOM would write it."""
    return inner(parse(render_markdown(text, **options)))


def streamed(
    text: str | bytes,
    size: Callable[[], int],
    on_frame: Callable[[bytes, str], None] | None = None,
    **options: object,
) -> str:
    """The page after text was fed in pieces of size() bytes, a frame after each."""
    source = text.encode() if isinstance(text, str) else text
    stream, page, at = MarkdownStream(**options), Dom(), 0
    while at < len(source):
        piece = source[at : at + size()]
        at += len(piece)
        stream.feed(piece)
        page.apply(stream.edits())
        if on_frame:
            on_frame(source[:at], page.html())
    page.apply(stream.finish())
    return page.html()


def sizes(seed: int, largest: int = 17) -> Callable[[], int]:
    rng = random.Random(seed)
    return lambda: 1 + rng.randrange(largest)


def examples(path: str) -> "list[tuple[str, str]]":
    """The (Markdown, HTML) pairs of a file in the format of CommonMark's spec.txt."""
    pairs = []
    with open(path, encoding="utf-8") as file:
        for part in file.read().split("`" * 8 + " example\n")[1:]:
            markdown, html = part.split("\n" + "`" * 8)[0].split("\n.\n")
            pairs.append((markdown.replace("→", "\t") + "\n", html.replace("→", "\t")))
    return pairs
