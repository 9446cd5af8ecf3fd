"""Segments: Unicode's own tests, Chromium's segmenter, and any cut."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import OpenPage
from hypothesis import given
from hypothesis import strategies as st

from djust_stream.sources import segment
from djust_stream.sources.segment import MOST, ends

UNICODE = Path("/usr/share/unicode/auxiliary")  # Debian's unicode-data: tools/debian.sh unicode
TEXTS = [
    "The sky is blue, because: 3.14 m\r\n\r\n- **bold** `code`\ttab",
    "ที่นี่ไม่มีขนมปังเลย น้ำแข็ง ๑๒๓",
    "天空是蓝色的。「東京タワー」へ行きたいです、ヶ月",
    "ສະບາຍດີ ខ្មែរ မြန်မာစာ",
    "한국어 텍스트와 각",
    "नमस्ते क्षत्रिय বাংলা க்ஷ",
    "👨‍👩‍👧 👍🏽🇨🇭🇩🇪🇫 ❤️‍🔥 e\u0301\u0323 a\u200db \u0600١",
    "שלום עולם \u200eab\u00ad-c مرحبا",
]
characters = st.sampled_from(sorted(set("".join(TEXTS)) | set("a \n")))
mixed = st.text(characters, max_size=120) | st.text(max_size=40)


def pieces(text: str, unit: str) -> list[str]:
    cuts = ends(text, unit)
    return [text[begin:end] for begin, end in zip([0, *cuts], cuts, strict=False)]


def cases(name: str) -> Iterator[tuple[str, list[int]]]:
    """The texts of one of Unicode's files, and where they may be broken."""
    for line in (UNICODE / name).read_text(encoding="utf-8").splitlines():
        text, breaks = "", []
        for token in line.partition("#")[0].split():
            if token == "÷":
                breaks.append(len(text))
            elif token != "×":
                text += chr(int(token, 16))
        if text:
            yield text, breaks[1:]


def test_unicodes_grapheme_clusters() -> None:
    found = list(cases("GraphemeBreakTest.txt"))
    assert len(found) > 600
    for text, breaks in found:
        assert ends(text, "grapheme") == breaks, ascii(text)


def test_no_word_ends_where_unicode_has_no_boundary() -> None:
    found = list(cases("WordBreakTest.txt"))
    assert len(found) > 1800
    for text, breaks in found:
        assert set(ends(text, "word")) <= set(breaks), ascii(text)


def test_clusters_are_chromiums(open_page: OpenPage) -> None:
    rng = random.Random(7)
    alphabet = sorted(set("".join(TEXTS)))
    texts = TEXTS + ["".join(rng.choices(alphabet, k=40)) for _ in range(500)]
    script = """texts => {
        const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });
        return texts.map((text) => [...segmenter.segment(text)].map(({ segment }) => segment));
    }"""
    for text, clusters in zip(texts, open_page().eval(script, texts), strict=True):
        ours = pieces(text, "grapheme")
        # Unicode 17 joins in more scripts: theirs may be finer there, ours nowhere.
        assert set(ends(text, "grapheme")) <= set(ends_of(clusters)), ascii(text)
        assert ours == clusters or any("\u1000" <= character <= "\u1aff" for character in text), ascii(text)


def ends_of(parts: list[str]) -> list[int]:
    return [len("".join(parts[: n + 1])) for n in range(len(parts))]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, world  and\nmore", ["Hello, ", "world  ", "and\n", "more"]),
        (" a", [" ", "a"]),
        ("天空是。React です", ["天", "空", "是", "。React ", "で", "す"]),
        ("コーヒーを飲む", ["コーヒー", "を", "飲", "む"]),
        ("ที่นี่", ["ที่", "นี่"]),
        ("น้ำ", ["น้ำ"]),
        ("한국어 텍스트", ["한국어 ", "텍스트"]),
        ("👨‍👩‍👧 x", ["👨‍👩‍👧 ", "x"]),
        ("", []),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert pieces(text, "word") == words


@given(mixed, st.sampled_from(["word", "grapheme"]))
def test_segments_are_the_text_and_no_cluster_is_cut(text: str, unit: str) -> None:
    found = pieces(text, unit)
    assert "".join(found) == text and all(0 < len(piece) <= MOST for piece in found)
    clusters = set(segment._clusters(text))
    assert set(ends(text, unit)) <= clusters or max(map(len, pieces(text, "grapheme"))) == MOST


@given(mixed, mixed, st.sampled_from(["word", "grapheme"]))
def test_what_follows_changes_the_last_segment_only(text: str, more: str, unit: str) -> None:
    assert ends(text + more, unit)[: max(0, len(ends(text, unit)) - 1)] == ends(text, unit)[:-1]


@pytest.mark.parametrize(
    "text", ["a" * 1000, "a" + "\u0301" * 1000, "क" + "्क" * 1000, "👍\u200d" * 1000, "ア" * 999]
)
@pytest.mark.parametrize("unit", ["word", "grapheme"])
def test_no_segment_is_endless(text: str, unit: str) -> None:
    assert max(map(len, pieces(text, unit))) <= MOST and "".join(pieces(text, unit)) == text


def test_what_is_remembered_is_bounded() -> None:
    ends("".join(map(chr, range(0x10000, 0x10000 + 3 * segment._BREAKS.MOST))), "grapheme")
    assert len(segment._BREAKS) <= segment._BREAKS.MOST
