"""cjk_emphasis: the examples at every cut, the table against this Python's Unicode, all else as without."""

import unicodedata
from pathlib import Path

import pytest
from streaming import examples, one_shot, sizes, streamed
from test_markdown_spec import ALL

EXAMPLES = examples(str(Path(__file__).parent / "spec" / "cjk.md"))


@pytest.mark.parametrize(("markdown", "html"), EXAMPLES)
def test_examples(markdown: str, html: str) -> None:
    assert one_shot(markdown, dir_auto=False, cjk_emphasis=True).removesuffix("\n") == html
    expected = one_shot(markdown, cjk_emphasis=True)
    for size in (1, 4, 7, 1 << 30):
        assert streamed(markdown, lambda size=size: size, cjk_emphasis=True) == expected, size
    for seed in range(20):
        assert streamed(markdown, sizes(seed), cjk_emphasis=True) == expected, seed


@pytest.mark.parametrize(("name", "markdown"), ALL, ids=[name for name, _ in ALL])
def test_other_text_is_as_without(name: str, markdown: str) -> None:
    assert one_shot(markdown, cjk_emphasis=True) == one_shot(markdown)


def is_strong_before(characters: "list[str]") -> "list[bool]":
    html = one_shot("\n\n".join(f"**a.**{character}" for character in characters), cjk_emphasis=True)
    blocks = html.split("<p")[1:]
    assert len(blocks) == len(characters)
    return ["<strong>" in block for block in blocks]


def test_the_table_is_unicodes() -> None:
    """Letters of every script, and marks: CJK if they are wide or half-width, or Hangul."""
    characters = [chr(code) for code in range(0xA1, 0x32000) if unicodedata.category(chr(code))[0] in "LM"]
    for character, strong in zip(characters, is_strong_before(characters), strict=True):
        wide = unicodedata.east_asian_width(character) in "WFH"
        assert strong == (wide or "HANGUL" in unicodedata.name(character)), hex(ord(character))


def test_a_checkpoint_before_a_variation_selector() -> None:
    """What is parsed again begins after a character; the rule may ask for the one before that."""
    text = "漢字。" * 200 + "終。\ufe00**「中」**文 " + "終。\ufe00" * 50 + "**「中」**文 **続" * 50
    expected = one_shot(text, cjk_emphasis=True)
    assert expected.count("<strong>") == 51
    for size in (1, 3, 5, 64):
        assert streamed(text, lambda size=size: size, cjk_emphasis=True) == expected


def test_while_it_is_open() -> None:
    pages: list[str] = []

    def see(_: bytes, page: str) -> None:
        pages.append(page.removeprefix("<p>").removesuffix("</p>"))

    streamed("**あ。**い".encode(), lambda: 1, see, dir_auto=False, cjk_emphasis=True)
    bold = "<strong>あ。</strong>"
    assert list(dict.fromkeys(pages)) == ["", "<strong>あ</strong>", bold, bold + "い"]
