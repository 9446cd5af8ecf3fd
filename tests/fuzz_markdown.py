"""Random Markdown, cut at random: the end of the stream must be the one-shot render.

    python tests/fuzz_markdown.py SEED COUNT     prints each wrong document and its seed; exit status 1 if any

Documents are built from pieces of syntax rather than letters, so that most of them mean something odd.
"""

import random
import sys

from streaming import one_shot, streamed

# Pieces parted by | and line ends, spelled as in a Python string.
PLAIN = r"""
a|b c|word |the |*|**|_|__|~~|~|`|``|```|```\n|~~~\n|\n|\n|\n|\n\n|\n\n|  |    |\t|- |- |* |+ |1. |2) 
- [ ] |- [x] 
> |>|# |## |#
"""
ODD = r"""
---|===|***|- - -|[foo]|[foo]: /u\n|[foo]: /v "t"\n|[b c]|[b c]: <x y>\n|[a](b)|[a](|![|](u "t")|)|]|[
<b>|</b>
<div>|</div>|<!--|-->|<a href="x">|<http://a.b>|<|&amp;|&|&#35;|;|\\|\x7c|\x7c a \x7c b \x7c\n
\x7c---\x7c:-:\x7c\n
\x7c-\x7c\n| \x7c |http://x.y/z|www.a.b|a@b.c|@|:|://|w|ww|!|\r\n|\r|\xe9|\u6f22|\U0001f600|\u3002|"|'|(
> [!NOTE]\n|> [!tip]|[!WARNING]|>\n|> |# [foo]\n|<http://c.d/e>|![i](https://a.b/i)
.|1|10000000000. [ ] x|\\\x7c|=|-|+
</p>|<pre>|</pre>|<?|?>|<![CDATA[|]]>|[^1]|[^1]: x\n|  \n|\\\n|&#65534;|\0|&#64;|javascript:|<script>
$|$$|\\(|\\)|\\[|\\]|$$\n|$$\n|\\[\n|\n\\]\n|$x$|$5 and |$$ x = |\\begin{
\ufe00|\U000e0100|\uff08|\u201d|\uac00
"""


NOTES = r"""
[^a]|[^a]|[^b]|[^1]|[^A]|[^c d]|[^nope]|\n[^a]: |\n[^b]: |\n[^1]: |\n\n[^a]: x\n|\n[^b]: y\n\n    |\n\n|\n
    |    |[^|]: |]:|^|word |word\n|[^a][x]|[^b](u)|[x]|[x]: /u\n|[^c d]: /v\n|![^a]|[[^a]]|> |- |*|`
```\n|\\|\n\n[^1]: *z* [^a]\n
"""


def pieces_of(table: str) -> "list[str]":
    spelled = "|".join(line for line in table.split("\n") if line).split("|")
    return [piece.encode("ascii").decode("unicode_escape") for piece in spelled]


PLAIN_PIECES, ALL_PIECES = pieces_of(PLAIN), pieces_of(PLAIN + ODD)
NOTE_PIECES = pieces_of(NOTES)


def document(seed: int, footnotes: bool = False) -> str:
    rng = random.Random(seed)
    pieces = PLAIN_PIECES if rng.randrange(3) == 0 else ALL_PIECES
    if footnotes:
        pieces = NOTE_PIECES if rng.randrange(2) else NOTE_PIECES * 2 + pieces
    return "".join(rng.choice(pieces) for _ in range(3 + rng.randrange(60)))


def elsewhere(url: str) -> "str | None":
    """Where the links of random documents lead: to another place, to none, to one that is not allowed."""
    return (url + "?x", None, "javascript:x", "/&<>'")[len(url) & 3]


def drawn(seed: int) -> "dict[str, object]":
    """Options of Markdown, each with a chance of its own; a third of the documents has none."""
    rng = random.Random(f"options {seed}")
    if rng.random() < 0.3:
        return {}
    return {
        "alerts": rng.random() < 0.5,
        "breaks": rng.random() < 0.5,
        "cjk_emphasis": rng.random() < 0.3,
        "footnotes": rng.choice((False, False, True, "doc-")),
        "heading_ids": rng.choice((None, "doc-")),
        "images": rng.choice(("link", "show", ("a.b", "*.d"))),
        "links": rng.choice((None, {"http": elsewhere, "www.a.b": elsewhere, "mailto": elsewhere})),
        "math": rng.random() < 0.4,
    }


def wrong(seed: int, **options: object) -> "tuple[str, str, str] | None":
    """None, or (document, expected, got)."""
    text, rng = document(seed, bool(options.get("footnotes"))), random.Random(~seed)
    size = (lambda: 1, lambda: 4, lambda: 2, lambda: 1 + rng.randrange(17))[seed & 3]
    expected = one_shot(text, **{key: value for key, value in options.items() if key not in ("mode", "fill")})
    got = streamed(text, size, **options)
    return None if got == expected else (text, expected, got)


def main(seed: int, count: int) -> int:
    found = 0
    for number in range(seed, seed + count):
        mode = ("raw", "hold", "complete", "complete", "complete")[number % 5]
        problem = wrong(number, mode=mode, fill=number % 7 == 0, **drawn(number))
        if problem:
            found += 1
            print("seed {}\n  document {!r}\n  expected {}\n  got      {}".format(number, *problem))
    print(f"{count} documents from seed {seed}: {found} wrong")
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
