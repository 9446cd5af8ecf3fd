"""Segments: where a text that is still being written may be shown up to, by word or by grapheme.

    ends("Hello, wor", "word")       # [7, 10]: "Hello, " is whole, of "wor" nobody knows yet
    ends("e\\u0301a", "grapheme")     # [2, 3]

A grapheme is an extended grapheme cluster of Unicode's UAX 29: what a reader takes for one character. A word
is a run of characters and the spaces after it; where a script has no spaces (Chinese, Japanese, Thai, Lao,
Khmer, Burmese, …) each cluster is one, but for katakana, which stay together. No dictionary is asked.

The law: the segments are the text; none ends within a cluster, nor where UAX 29 has no word boundary. In

    consonant, vowel sign, tone mark        (Thai: one cluster)
    man, joiner, woman, joiner, girl        (an emoji of a family: one cluster)

a cut by code points shows a vowel without its consonant, or three people, then a family. Limit: a segment
ends after MOST code points, so an endless "word" (an address, base64) goes on by clusters, and a thousand
accents on one letter keep nobody waiting.

The classes come from ``unicodedata`` of this Python; the properties that it has not are ranges here, those of
Unicode 17, which joins the consonants of more scripts than 16. Checked by tests/test_segment.py against
Unicode's own GraphemeBreakTest and WordBreakTest, and against Chromium.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from unicodedata import category

#: Code points of the longest segment.
MOST = 64


def ends(text: str, unit: str) -> list[int]:
    """Where each "word" or "grapheme" of the text ends; the last end is the text's, whole or not."""
    if text.isascii() and "\r" not in text:
        if unit == "grapheme":
            return list(range(1, len(text) + 1))
        clusters = None
    else:
        clusters = _clusters(text)
    found = clusters if unit == "grapheme" and clusters is not None else _words(text, clusters)
    return found if len(text) <= MOST else _limited(found, clusters)


def _clusters(text: str) -> list[int]:
    return [match.end() for match in _CLUSTER.finditer(text.translate(_BREAKS))]


def _words(text: str, clusters: list[int] | None) -> list[int]:
    if clusters is None:
        found = [match.end() for match in _ASCII_WORD.finditer(text)]
    else:
        whole = set(clusters)
        words = _WORD.finditer(text.translate(_WORDS))
        found = [end for match in words if (end := match.end()) in whole]
    if text and (not found or found[-1] != len(text)):
        found.append(len(text))
    return found


def _limited(found: list[int], clusters: list[int] | None) -> list[int]:
    """The ends, with more of them in what is longer than MOST: at clusters, or within one that long."""
    limited: list[int] = []
    begin = 0
    for end in found:
        while end - begin > MOST:
            cut = begin + MOST
            if clusters is not None:
                at = bisect_right(clusters, cut)
                cut = clusters[at - 1] if at and clusters[at - 1] > begin else cut
            limited.append(cut)
            begin = cut
        limited.append(end)
        begin = end
    return limited


# -- grapheme clusters: a letter for each class, and UAX 29's table 1c as a pattern over the letters -------


def _ranges(spelled: str) -> tuple[list[int], list[int]]:
    """ "61-63 66" as the first and the last code points."""
    pairs = [pair.partition("-") for pair in spelled.split()]
    return [int(first, 16) for first, _, _ in pairs], [int(last or first, 16) for first, _, last in pairs]


def _within(ranges: tuple[list[int], list[int]], code: int) -> bool:
    at = bisect_right(ranges[0], code) - 1
    return at >= 0 and code <= ranges[1][at]


#: Spacing marks (Mc) that are Grapheme_Extend all the same, and others that are no marks.
_EXTEND = _ranges(
    "9BE 9D7 B3E B57 BBE BD7 CC0 CC2 CC7-CC8 CCA-CCB CD5-CD6 D3E D57 DCF DDF 1715 1734 1B35 1B3B 1B3D"
    " 1B43-1B44 1BAA 1BF2-1BF3 200C 302E-302F A953 A9C0 FF9E-FF9F 111C0 11235 1133E 1134D 11357 113B8"
    " 113C2 113C5 113C7-113C9 113CF 114B0 114BD 115AF 116B6 11930 1193D 11F41 16FF0-16FF1 1D165-1D166"
    " 1D16D-1D172 1F3FB-1F3FF E0020-E007F"
)
#: Spacing marks that begin a cluster.
_NOT_SPACING = _ranges(
    "102B-102C 1038 1062-1064 1067-106D 1083 1087-108C 108F 109A-109C 1A61 1A63-1A64 AA7B AA7D 11720-11721"
)
_PREPEND = _ranges(
    "600-605 6DD 70F 890-891 8E2 D4E 110BD 110CD 111C2-111C3 113D1 1193F 11941 11A3A 11A84-11A89 11D46 11F02"
)
_PICTOGRAPHIC = _ranges(
    "A9 AE 203C 2049 2122 2139 2194-2199 21A9-21AA 231A-231B 2328 2388 23CF 23E9-23F3 23F8-23FA 24C2"
    " 25AA-25AB 25B6 25C0 25FB-25FE 2600-2605 2607-2612 2614-2685 2690-2705 2708-2712 2714 2716 271D"
    " 2721 2728 2733-2734 2744 2747 274C 274E 2753-2755 2757 2763-2767 2795-2797 27A1 27B0 27BF"
    " 2934-2935 2B05-2B07 2B1B-2B1C 2B50 2B55 3030 303D 3297 3299 1F000-1F0FF 1F10D-1F10F 1F12F"
    " 1F16C-1F171 1F17E-1F17F 1F18E 1F191-1F19A 1F1AD-1F1E5 1F201-1F20F 1F21A 1F22F 1F232-1F23A"
    " 1F23C-1F23F 1F249-1F3FA 1F400-1F53D 1F546-1F64F 1F680-1F6FF 1F774-1F77F 1F7D5-1F7FF 1F80C-1F80F"
    " 1F848-1F84F 1F85A-1F85F 1F888-1F88F 1F8AE-1F8FF 1F90C-1F93A 1F93C-1F945 1F947-1FAFF 1FC00-1FFFD"
)
#: Consonants that a virama joins, and the viramas: of Indic scripts, Burmese, Khmer and their neighbours.
_CONSONANT = _ranges(
    "915-939 958-95F 978-97F 995-9A8 9AA-9B0 9B2 9B6-9B9 9DC-9DD 9DF 9F0-9F1 A95-AA8 AAA-AB0 AB2-AB3"
    " AB5-AB9 AF9 B15-B28 B2A-B30 B32-B33 B35-B39 B5C-B5D B5F B71 C15-C28 C2A-C39 C58-C5A D15-D3A"
    " 1000-102A 103F 1050-1055 105A-105D 1061 1065-1066 106E-1070 1075-1081 108E 1780-17B3 1A20-1A54"
    " 1B0B-1B0C 1B13-1B33 1B45-1B4C 1B83-1BA0 1BAE-1BAF 1BBB-1BBD A989-A98B A98F-A9B2 A9E0-A9E4"
    " A9E7-A9EF A9FA-A9FE AA60-AA6F AA71-AA73 AA7A AA7E-AA7F AAE0-AAEA ABC0-ABDA 10A00 10A10-10A13"
    " 10A15-10A17 10A19-10A35 11103-11126 11144 11147 11380-11389 1138B 1138E 11390-113B5 11900-11906"
    " 11909 1190C-11913 11915-11916 11918-1192F 11A00 11A0B-11A32 11A50 11A5C-11A83 11B0A 11DF1"
    " 11F04-11F10 11F12-11F33"
)
_VIRAMA = _ranges(
    "94D 9CD ACD B4D C4D D4D 1039 17D2 1A60 1B44 1BAB A9C0 AAF6 10A3F 11133 113D0 1193E 11A3A 11A47"
    " 11A99 11F42"
)
#: Ignorable and not assigned yet.
_IGNORABLE = _ranges("2065 FFF0-FFF8 E0000 E0002-E001F E0080-E00FF E01F0-E0FFF")

_CLUSTER = re.compile(
    "rn|[rnx]"  # CR LF; controls stand alone
    "|P*(?:"
    "L*(?:V+|AV*|B)T*|L+|T+"  # a syllable of Hangul
    "|II"  # a flag
    "|E(?:[evw]*ZE)*"  # emoji joined to one
    "|C(?:[eZ]*v[evZ]*C)+"  # consonants joined by a virama
    "|[^rnx]"
    ")[evwZS]*"
    "|P+"
)


#: The first that has the code point. ZWNJ is "w": it extends, and no virama joins over it.
_BREAK_RANGES = (
    ("r", _ranges("D")),
    ("n", _ranges("A")),
    ("Z", _ranges("200D")),
    ("w", _ranges("200C")),
    ("P", _PREPEND),
    ("v", _VIRAMA),
    ("e", _EXTEND),
    ("S", _ranges("E33 EB3")),  # Thai and Lao AM: letters, and part of the syllable before
    ("o", _NOT_SPACING),
    ("x", _IGNORABLE),
    ("C", _CONSONANT),
    ("I", _ranges("1F1E6-1F1FF")),
    ("E", _PICTOGRAPHIC),
)
_BREAK_CATEGORIES = {"Mn": "e", "Me": "e", "Mc": "S", "Zl": "x", "Zp": "x", "Cc": "x", "Cf": "x"}


def _break_class(code: int) -> str:
    for found, ranges in _BREAK_RANGES:
        if _within(ranges, code):
            return found
    return _BREAK_CATEGORIES.get(category(chr(code))) or _hangul_class(code)


def _hangul_class(code: int) -> str:
    if 0xAC00 <= code <= 0xD7A3:
        return "B" if (code - 0xAC00) % 28 else "A"
    if 0x1100 <= code <= 0x115F or 0xA960 <= code <= 0xA97C:
        return "L"
    if 0x1160 <= code <= 0x11A7 or 0xD7B0 <= code <= 0xD7C6:
        return "V"
    return "T" if 0x11A8 <= code <= 0x11FF or 0xD7CB <= code <= 0xD7FB else "o"


# -- words ------------------------------------------------------------------------------------------------

#: Han, Hiragana, Tangut and Nushu; Thai, Lao, Burmese, Khmer and their neighbours.
_UNSPACED = _ranges(
    "E01-E4E E81-EDF 1000-109F 1780-17DD 1950-19DF 1A20-1AAD 2E80-2FD5 3006-3007 3021-3029 3041-3096"
    " 309D-309F 3400-4DBF 4E00-9FFF A9E0-A9FE AA60-AADF F900-FAFF 11700-11746 17000-18CFF 1B000-1B16F"
    " 1B170-1B2FB 20000-3FFFD"
)
_ASCII_WORD = re.compile(r"\s+|\S+\s*")
_WORD = re.compile("m*(?:um*|om*(?:om*)*|(?=s))(?:sm*)*|m+")


def _word_class(code: int) -> str:
    kind = category(chr(code))
    if kind[0] == "M" or kind == "Cf":
        return "m"  # goes with what it follows
    if chr(code).isspace() and code != 0x202F:
        return "s"
    return "u" if kind in ("Lo", "Lm", "Nl") and _within(_UNSPACED, code) else "o"


class _Classes(dict[int, str]):
    """Code point -> class, as far as text has asked for it."""

    MOST = 20_000

    def __init__(self, class_of: Callable[[int], str]) -> None:
        super().__init__()
        self._class_of = class_of

    def __missing__(self, code: int) -> str:
        found = self._class_of(code)
        if len(self) < self.MOST:
            self[code] = found
        return found


_BREAKS = _Classes(_break_class)
_WORDS = _Classes(_word_class)
