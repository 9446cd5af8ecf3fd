"""What a reader sees while an answer streams: one recording per document, as JSON lines on stdout.

    python benchmarks/record.py tok answer.md > answer.jsonl        one frame per model token
    python benchmarks/record.py 4 --gzip *.md > all.jsonl.gz        one frame per 4 bytes

Each chunk goes through the Markdown engine and the batch into one frame of the compact form, which the
shipped client applies to a page in Chromium. Lines:

    {"meta": {"impl": …, "doc": …, "split": …}, "oneshot": HTML, "gfm": HTML}     begins a recording
    {"chunk": text, "html": what the page holds after it, "wire": bytes}          per chunk; the last: the end

wire: the message with its WebSocket header; 0 for a chunk that changed nothing. oneshot: our own render of
the whole. gfm: cmark-gfm's under our safety rules, made without our engine (c/gfm.c); null where cmark-gfm
writes invalid UTF-8.
"""

from __future__ import annotations

import argparse
import codecs
import gzip
import json
import re
import sys
import unicodedata
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from programs import gfm

from djust_stream import __version__, render_markdown

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from page import Browser, Page, markdown_frames

NAME = "answer"
ROOT = f'<div dj-stream="{NAME}"></div>'
CLEAR = f"""async () => {{ document.body.innerHTML = '{ROOT}' }}"""

# ---- Chunks: where a model would have cut the text ----

NUMBER = "".join(c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(c)[0] == "N")
SPACE = r"\t\n\v\f\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"  # as JavaScript has it
LETTER = rf"[^\W_{NUMBER}]"
TOKEN = re.compile(
    rf"'(?:(?i:[sdmt]|ll|ve|re))"
    rf"|(?:(?![\r\n{NUMBER}])(?!{LETTER})[\s\S])?{LETTER}+"
    rf"|[{NUMBER}]{{1,3}}"
    rf"| ?(?:(?![{SPACE}{NUMBER}])(?!{LETTER})[\s\S])+[\r\n]*"
    rf"|[{SPACE}]*[\r\n]"
    rf"|[{SPACE}]+(?![^{SPACE}])"
    rf"|[{SPACE}]+"
)
UNSPACED = re.compile("[\u0e00-\u0e7f\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uff00-\uffef]")
LONG_WORD = re.compile(rf"(?:(?![\r\n{NUMBER}])(?!{LETTER})[\s\S])?{LETTER}{{13,}}\Z")
HAS_LETTER = re.compile(LETTER)


def tokens(text: str) -> Iterator[str]:
    """The pieces of GPT-4's pre-tokeniser pattern: a word and the space before it, 3 digits, a run of marks.

    Words over 12 letters are cut by 6, Chinese, Japanese, Korean and Thai by 2, other runs over 16 by 16.
    """
    for match in TOKEN.finditer(text):
        piece = match.group()
        if UNSPACED.search(piece):
            size = 2
        elif LONG_WORD.match(piece):
            size = 6
        elif len(piece.encode("utf-16-le")) > 2 * 16 and not HAS_LETTER.search(piece):
            size = 16
        else:
            size = len(piece)
        for start in range(0, len(piece), size):
            yield piece[start : start + size]


def byte_runs(text: str, size: int) -> Iterator[str]:
    """Every `size` bytes of UTF-8; a character that is cut comes with its last byte."""
    data, decoder = text.encode(), codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(data), size):
        yield decoder.decode(data[start : start + size])


def chunks(text: str, split: str) -> list[str]:
    """The chunks of a text. split: "tok", or a number of bytes."""
    return list(tokens(text) if split == "tok" else byte_runs(text, int(split)))


# ---- One document ----


def wire_bytes(message: str) -> int:
    """Bytes of the message in a WebSocket frame from a server."""
    size = len(message.encode())
    header = 2 if size < 126 else 4 if size < 65536 else 10
    return size + header if size else 0


def record(page: Page, name: str, text: str, split: str) -> Iterator[dict[str, Any]]:
    """The lines of one recording."""
    yield {
        "meta": {
            "impl": f"djust_stream {__version__}",
            "doc": name,
            "split": split,
            "cmarkgfm": version("cmarkgfm"),
        },
        "oneshot": str(render_markdown(text)),
        "gfm": gfm(text),
    }
    pieces = chunks(text, split)
    messages = list(markdown_frames(pieces, NAME))
    page.eval(CLEAR)
    shown = iter(page.apply([message for message in messages if message]))
    html = ""
    for piece, message in zip([*pieces, ""], messages, strict=True):
        if message:
            html = next(shown)
        yield {"chunk": piece, "html": html, "wire": wire_bytes(message)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Record what a reader sees of Markdown documents that stream."
    )
    parser.add_argument("split", help='"tok" (model tokens) or a number of bytes of UTF-8')
    parser.add_argument("documents", nargs="+", type=Path, metavar="FILE.md")
    parser.add_argument("--gzip", action="store_true", help="compress the output")
    options = parser.parse_args()
    if options.split != "tok" and not (options.split.isdecimal() and int(options.split)):
        parser.error(f'split is "tok" or a number of bytes, not {options.split!r}')

    out = gzip.GzipFile(fileobj=sys.stdout.buffer, mode="wb", mtime=0) if options.gzip else sys.stdout.buffer
    with Browser() as browser:
        page = browser.page(ROOT)
        for path in options.documents:
            text = path.read_bytes().decode("utf-8")
            for line in record(page, path.name, text, options.split):
                out.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        if problems := page.errors + page.console:
            sys.exit("\n".join(problems))
    if options.gzip:
        out.close()


if __name__ == "__main__":
    main()
