"""Markdown from the engine through batch and wire into Chromium: the page ends as the one-shot render.

The law: byte for byte the same inner HTML, no text node in two pieces, and a block that was told as settled
is still the same node at the end.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import OpenPage
from fetch_spec import commonmark_examples
from page import CLIENT_URL, markdown_frames
from streaming import examples

from djust_stream import MarkdownOptions, render_markdown

TEXTS = [example["markdown"] for example in commonmark_examples()]
TEXTS += [markdown for markdown, _ in examples(str(Path(__file__).parent / "spec" / "markdown.md"))]
TEXTS_PER_CALL = 100
OPTIONS: MarkdownOptions = {"alerts": True, "heading_ids": "doc-", "breaks": True}
OPTION_TEXTS = [
    "> [!TIP]\n> a *b*\n> [l]\n>\n> - [l]\n> - c\n>\n>   [l]\n\n> [!TIP]\n\n[l]: /u\n",
    "# a [l]\n\n- # a\n\n  [l]\n\na [l]\nb\n===\n\n> [!NOTE]\n>\n> # a\n> [l]\n\n[l]: /u\n",
]

STREAM = """async ([url, streams]) => {
    const { applyFrame } = await import(url);
    const fault = ([frames, oneshot]) => {
        document.body.innerHTML = '<div dj-stream="s"></div>';
        const root = document.body.firstChild, told = [], expected = document.createElement("div");
        root.addEventListener("stream:block", ({ target }) => told.push(target));
        for (const frame of frames) applyFrame(frame);
        const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
        for (let node; (node = walk.nextNode());)
            if (!node.data || node.nextSibling instanceof Text) return `a text node in pieces: ${node.data}`;
        if (told.some((block) => block.parentNode !== root)) return "a settled block is gone";
        if ([...root.children].some((block) => !told.includes(block))) return "a block was not told";
        expected.innerHTML = oneshot;
        return root.innerHTML === expected.innerHTML ? null : root.innerHTML;
    };
    return streams.map(fault);
}"""


@pytest.mark.parametrize("size", [1, 3, 16, 1000])
def test_options_on_the_page(open_page: OpenPage, size: int) -> None:
    page = open_page()
    streams = []
    for text in OPTION_TEXTS:
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        frames = [frame for frame in markdown_frames(pieces, **OPTIONS) if frame]
        streams.append([frames, str(render_markdown(text, **OPTIONS))])
    assert page.eval(STREAM, [CLIENT_URL, streams]) == [None] * len(streams)


@pytest.mark.parametrize("size", [1, 3, 16])
def test_the_page_ends_as_the_one_shot_render(open_page: OpenPage, size: int) -> None:
    page = open_page()
    for start in range(0, len(TEXTS), TEXTS_PER_CALL):
        texts = TEXTS[start : start + TEXTS_PER_CALL]
        cut = [[text[at : at + size] for at in range(0, len(text), size)] for text in texts]
        streams = [
            [[f for f in markdown_frames(pieces) if f], str(render_markdown("".join(pieces)))]
            for pieces in cut
        ]
        faults = page.eval(STREAM, [CLIENT_URL, streams])
        assert {text: fault for text, fault in zip(texts, faults, strict=True) if fault} == {}
    assert page.console == []
