"""Random Markdown, cut at random: the end of the stream must be the one-shot render.

    python tests/fuzz_markdown.py SEED COUNT       prints each wrong document with its seed; exit status 1 if any

Documents are built from pieces of syntax rather than letters, so that most of them mean something odd.
"""

import random
import sys

from streaming import one_shot, streamed

PLAIN = (
    "a;b c;word ;the ;*;**;_;__;~~;~;`;``;```;```\n;~~~\n;\n;\n;\n;\n\n;\n\n;  ;    ;\t;- ;- ;* ;+ ;1. ;2) ;- [ ] ;- [x] ;> ;>;# ;## ;#"
).split(";")
ODD = (
    "---;===;***;- - -;[foo];[foo]: /u\n;[foo]: /v \"t\"\n;[b c];[b c]: <x y>\n;[a](b);[a](;![;](u \"t\"););];[;<b>;</b>;<div>;</div>;<!--;"
    "-->;<a href=\"x\">;<http://a.b>;<;&amp;&lt;;&;&#35;\\;|;| a | b |\n;|---|:-:|\n;|-|\n; | ;http://x.y/z;www.a.b;a@b.c;@;:;://;w;ww;!;"
    "\r\n;\r;é;漢;😀;。;\";';(;.;1;10000000000. [ ] x;\\|;=;-;+;</p>;<pre>;</pre>;<?;?>;<![CDATA[;]]>;[^1];[^1]: x\n;  \n;\\\n;&#65534\\;;\0;"
    "&#64\\;;javascript:;<script>"
).replace("\\;", "\1").split(";")
ODD = [piece.replace("\1", ";") for piece in ODD]


def document(seed: int) -> str:
    rng = random.Random(seed)
    pieces = PLAIN if rng.randrange(3) == 0 else PLAIN + ODD
    return "".join(rng.choice(pieces) for _ in range(3 + rng.randrange(60)))


def wrong(seed: int, **options: object) -> "tuple[str, str, str] | None":
    """None, or (document, expected, got)."""
    text, rng = document(seed), random.Random(~seed)
    size = (lambda: 1, lambda: 4, lambda: 2, lambda: 1 + rng.randrange(17))[seed & 3]
    expected = one_shot(text, **{key: value for key, value in options.items() if key not in ("mode", "fill")})
    got = streamed(text, size, **options)
    return None if got == expected else (text, expected, got)


def main(seed: int, count: int) -> int:
    found = 0
    for number in range(seed, seed + count):
        problem = wrong(number, mode=("complete", "raw")[number % 5 == 0], fill=number % 7 == 0)
        if problem:
            found += 1
            print("seed {}\n  document {!r}\n  expected {}\n  got      {}".format(number, *problem))
    print(f"{count} documents from seed {seed}: {found} wrong")
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
