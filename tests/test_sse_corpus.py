"""A document by server-sent events shows the page that it shows by a WebSocket, in Chromium.

A few documents always; those of CORPUS=FOLDER with `make corpus`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import OpenPage
from page import Page
from streaming import one_shot

sys.path.insert(0, str(Path(__file__).parent / "django"))
from server import Server

FOLDER = Path(os.environ.get("CORPUS", ""))
LIST = "- one\n- two\n\n- three, *loose*\n\n1. a\n   ```py\n   x < 1\n   ```\n\n[late]\n\n[late]: https://example.org\n"
TABLE = (
    "# Head & <b>\n\n| a | b |\n|:-:|--|\n| 1 | **2** |\n\n> quote\n> - [x] task\n\n文字 🙂 `code` ~~gone~~\n"
)
DOCUMENTS = {"list": LIST, "table": TABLE, "long": LIST * 40 + TABLE * 40}
if "CORPUS" in os.environ:
    DOCUMENTS |= {path.name: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.md"))}

SHOW = """async ([way, text]) => {
    const { connect, connectSse } = await import("/static/djust_stream/djust-stream.js");
    const root = document.querySelector("[dj-stream]");
    root.replaceChildren();
    const done = new Promise((resolve) => document.addEventListener("stream:done", resolve, { once: true }));
    const parts = text.match(/[^]{1,400}/gu);
    if (way === "socket") {
        const page = connect("/ws/plain/");
        page.send({ do: "parts", name: "reply", parts });
        await done;
        page.close();
    } else {
        connectSse("/sse/document/", { body: new URLSearchParams({ text }), ...way });
        await done;
    }
    return root.innerHTML;
}"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server("uvicorn") as server:
        yield server


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_same_page(open_page: OpenPage, server: Server, name: str) -> None:
    text = DOCUMENTS[name]
    page: Page = open_page(url=server.url("/sse/page/"))
    shown = [page.eval(SHOW, [way, text]) for way in ("socket", {})]
    assert shown[0] == shown[1]
    expected = one_shot(text)
    parse = "(html) => Object.assign(document.createElement('template'), { innerHTML: html }).innerHTML"
    assert shown[1] == page.eval(parse, expected)
