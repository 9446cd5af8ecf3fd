"""Short texts that would become long pages: past a limit the rest is text, and one warning says so."""

import logging

import pytest
from streaming import one_shot, sizes, streamed

from djust_stream import MarkdownStream, render_markdown


def definitions(count: int, address: str = "/u") -> str:
    return "".join(f"[x{number}]: {address}\n" for number in range(count))


LONG = "https://x.org/" + "y" * 10_000
CAPPED = {
    "quotes": ">" * 200_000 + " a",
    "missing cells": ("|a" * 250 + "|\n" + "|-" * 250 + "|\n" + "|b\n" * 400 + "\n") * 3,
    "definitions": definitions(100_000) + "\n[x1] [x19999] [x20000] [x99999]",
    "bytes of definitions": definitions(300, LONG) + "\n[x1] [x209] [x299]",
    "one long address": f"[x]: {LONG}\n\n" + "[x]\n" * 100_000,
    "one long address, late": "[x] y\n\n" * 2_000 + f"[x]: {LONG}\n",
}
FREE = {
    "far too many columns, which are text": "|a" * 60_000 + "|\n" + "|-" * 60_000 + "|\n" + "|\n" * 1000,
    "columns": "|a" * 200 + "|\n" + "|-" * 200 + "|\n" + "|b\n" * 200,
    "definitions": definitions(15_000) + "\n" + "[x1] [x14999]\n" * 5000,
    "one long address": f"[x]: {LONG[:2000]}\n\n" + "[x] and more\n" * 1000,
    "entities": "&amp;&lt;&quot;&nbsp;" * 20_000,
    "nesting": "*a **b " * 5000 + "[" * 5000 + "![" * 5000,
}


@pytest.mark.parametrize("name", CAPPED)
def test_past_a_limit_it_is_text(name: str, caplog: pytest.LogCaptureFixture) -> None:
    text = CAPPED[name]
    with caplog.at_level(logging.WARNING, "djust_stream"):
        html = render_markdown(text)
    assert len(caplog.records) == 1 and "Markdown past a limit" in caplog.text
    assert len(html) < 40 * len(text) + (16 << 20)
    caplog.clear()
    page, expected = streamed(text, lambda: 65_536), one_shot(text)
    assert page == expected
    assert len(caplog.records) == 2, "one for the stream, one for the one-shot"


@pytest.mark.parametrize("name", FREE)
def test_what_people_write_meets_no_limit(name: str, caplog: pytest.LogCaptureFixture) -> None:
    render_markdown(FREE[name])
    assert not caplog.records


def test_the_limits_are_where_they_are_said_to_be() -> None:
    html = render_markdown(definitions(20_001) + "\n[x1] [x19999] [x20000]", dir_auto=False)
    assert html.count("<a ") == 2 and html.endswith(" [x20000]</p>")
    for columns, tables in ((255, 1), (256, 0)):
        html = render_markdown("|a" * columns + "|\n" + "|-" * columns + "|\n")
        assert html.count("<table") == tables
    html = render_markdown("|a|b|\n|-|-|\n" + "|c\n" * 70_000)
    assert html.count("<td></td>") == 1 << 16 and html.count("<tr>") == 70_001


def test_any_cut_meets_the_same_limit() -> None:
    text = f"[x]: {LONG}\n\n" + "[x] [y]\n[x]\n\n" * 700 + f"[y]: {LONG[:500]}\n"
    expected = one_shot(text)
    assert 100 < expected.count("<a ") < 2100
    for seed in range(3):
        assert streamed(text, sizes(seed, 400)) == expected
    text = "|a|b|\n|-|-|\n" + "|c\n" * 66_000 + "\n[z]"
    assert streamed(text, sizes(1, 40_000)) == one_shot(text)


def test_a_stream_that_meets_a_limit_twice_warns_once(caplog: pytest.LogCaptureFixture) -> None:
    stream = MarkdownStream()
    for _ in range(3):
        stream.feed(">" * 300 + " a\n\n")
        stream.edits()
    stream.finish()
    assert len(caplog.records) == 1
