"""The spec runner over a folder of documents: CORPUS=FOLDER, Markdown files and lists of examples in JSON.

Run by `make corpus`; without the folder there is nothing to run, and it says so.
"""

import json
import os
from pathlib import Path

import pytest
from streaming import one_shot, sizes, streamed
from test_markdown_spec import cmark, dom, with_our_links

FOLDER = Path(os.environ.get("CORPUS", Path(__file__).parents[2] / "shared" / "corpus"))


def documents() -> "list[tuple[str, str]]":
    found = [(path.name, path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.md"))]
    for path in sorted(FOLDER.glob("*examples.json")):
        found += [
            (f"{path.stem}-{number}", example["markdown"])
            for number, example in enumerate(json.loads(path.read_text()), 1)
        ]
    return found


pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"there is no folder {FOLDER}: set CORPUS")


@pytest.mark.parametrize(("name", "text"), documents(), ids=[name for name, _ in documents()])
def test_document(name: str, text: str) -> None:
    expected = one_shot(text)
    for size in (1, 4, 7, 1 << 30):
        if size > 1 or len(text) < 2000:
            assert streamed(text, lambda size=size: size) == expected, f"pieces of {size}"
    for seed in range(3):
        assert streamed(text, sizes(seed, 40)) == expected, f"random pieces, seed {seed}"
    if "raw HTML omitted" not in cmark(text) and "footnote" not in name:
        assert dom(with_our_links(one_shot(text, images="show"))) == dom(with_our_links(cmark(text)))
