"""docs/markdown.md is true: its Python runs, and its table of unfinished texts is what is shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from djust_stream import render_markdown

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs/markdown.md").read_text(encoding="utf-8")


def test_python_runs() -> None:
    for code in re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        exec(compile(code, "docs/markdown.md", "exec"), {})


def rows() -> list[tuple[str, str]]:
    """The texts and what is shown, from code spans in a table: ⏎ is a line end, a vertical bar is escaped."""
    section = PAGE.split("| the text so far ends in |")[1].split("\n\n")[0]
    spans = [re.findall(r"`` (.+?) ``|`(.+?)`", line) for line in section.splitlines()[2:]]
    texts = [[two + one for two, one in line] + [""] for line in spans]
    said = [[text.replace("\\|", "|").replace("⏎", "\n") for text in line] for line in texts]
    return [(line[0], line[1]) for line in said]


@pytest.mark.parametrize(("text", "expected"), rows())
def test_unfinished(text: str, expected: str) -> None:
    html = str(render_markdown(text, partial=True, dir_auto=False))
    shown = html.removeprefix("<p>").removesuffix("</p>").rstrip()
    first, _, last = expected.partition("…")
    assert (shown.startswith(first) and shown.endswith(last)) if last else shown == expected


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        assert target.startswith("http") or (ROOT / "docs" / target).exists(), target
