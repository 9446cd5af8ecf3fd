"""Documents of one shape each, of any size: what models write (plain) and what an attacker would (hostile).

documents("plain", 40_000)["table"]                         Markdown; the same for the same seed

python benchmarks/shapes.py 40000 FOLDER [--seed 7]         writes them all, as files
python benchmarks/shapes.py 40000 FOLDER table quote_deep   only these
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from pathlib import Path

LINE = "every token reaches its page once in order while a reader watches it and nothing that settled moves"
WORDS = LINE.split()


class Writer:
    """Writes one document of at least so many characters."""

    def __init__(self, size: int, seed: str) -> None:
        self.size = size
        self.rng = random.Random(seed)

    def words(self, count: int) -> str:
        return " ".join(self.rng.choice(WORDS) for _ in range(count))

    def prose(self, count: int) -> str:
        """Six words and a span of two, so many times: bold, code, link, emphasis and plain in turn."""
        spans = ("**{}**", "`{}`", "[{}](https://example.org/{})", "*{}*", "{}")
        return " ".join(f"{self.words(6)} {spans[i % 5].format(self.words(2), i)}" for i in range(count))

    def until(self, part: Callable[[int], str], head: str = "") -> str:
        """head, then part(0), part(1), ... until the size is reached."""
        parts, length = [head], len(head)
        while length < self.size:
            parts.append(part(len(parts) - 1))
            length += len(parts[-1])
        return "".join(parts)

    def after(self, head: str) -> str:
        """head, then one line of text with bold and code in it."""
        return self.until(lambda _: f"{self.words(5)} **{self.words(1)}** `{self.words(1)}` ", head)


Shape = Callable[[Writer], str]


def references(w: Writer) -> str:
    text = w.until(lambda i: f"Read [{w.words(2)}][r{i}], then {w.words(10)}.\n\n")
    return text + "".join(f"[r{i}]: https://example.org/{i}\n" for i in range(text.count("][r")))


def section(w: Writer, i: int) -> str:
    """A bit of everything."""
    return (
        f"## {w.words(4)}\n\n{w.prose(7)}\n\n- {w.words(8)}\n- {w.words(6)}\n\n"
        f"```js\nlet a{i} = {i} < 4;\n```\n\n"
        f"| x | y |\n|---|---|\n| {i} | {w.words(3)} |\n\n> {w.words(9)}\n\n"
    )


PLAIN: dict[str, Shape] = {
    "paragraphs": lambda w: w.until(lambda _: w.prose(7) + "\n\n"),
    "one_paragraph": lambda w: w.until(lambda _: w.prose(5) + " "),
    "list_tight": lambda w: w.until(lambda _: f"- **{w.words(2)}**: {w.words(12)}\n"),
    "list_loose": lambda w: w.until(lambda i: f"{i + 1}. {w.prose(2)}\n\n   {w.words(12)}\n\n"),
    "list_nested": lambda w: w.until(lambda i: f"{'  ' * (i % 5)}- {w.prose(2)}\n"),
    "table": lambda w: w.until(
        lambda i: f"| {w.words(4)} | `{w.words(1)}` | **{i}** |\n", "| a | b | c |\n|---|:-:|--:|\n"
    ),
    "fence": lambda w: (
        w.until(
            lambda i: f"def f{i}(x):\n    if 0 < x < {i}:\n        return x & {i}\n",
            "The code:\n\n```python\n",
        )
        + "```\n"
    ),
    "quote": lambda w: w.until(lambda i: f"> {w.prose(2)}\n" + (">\n" if i % 4 == 3 else "")),
    "references": references,
    "mixed": lambda w: w.until(lambda i: section(w, i)),
}

HOSTILE: dict[str, Shape] = {
    # Opened, and never closed.
    "open_star": lambda w: w.after("*"),
    "open_bracket": lambda w: w.after("["),
    "open_ticks": lambda w: w.after("a `` "),
    "open_tag": lambda w: w.after("a <b "),
    "open_link": lambda w: w.after("a [b](c d e "),
    "stars": lambda w: w.until(lambda _: "*a "),
    "strong_or_not": lambda w: w.until(lambda _: "**a *b "),
    "underscores": lambda w: w.until(lambda _: "_a_b "),
    "tildes": lambda w: w.until(lambda _: "~~a b~~ c ~d~ "),
    "brackets": lambda w: w.until(lambda _: "[a ![b "),
    "links_begun": lambda w: w.until(lambda _: "[a]("),
    "ticks_growing": lambda w: w.until(lambda i: f"a {'`' * (1 + i % 60)} "),
    # Lines that may yet be something else.
    "dash_lines": lambda w: w.until(lambda _: f"-{w.words(8)}\n"),
    "equals_lines": lambda w: w.until(lambda _: f"= {w.words(8)}\n", "a\n"),
    "pipe_lines": lambda w: w.until(lambda _: f"a | b | {w.words(3)}\n"),
    "hash_line": lambda w: w.after("# a # b "),
    "one_letter_lines": lambda w: w.until(lambda _: "a\n"),
    "blank_lines": lambda w: w.until(lambda _: "\n", "- a\n"),
    "carriage_returns": lambda w: w.until(lambda _: f"- {w.words(6)}\r\n\r\nand {w.words(9)}\r\n"),
    # HTML.
    "tag_line": lambda w: w.after("<b> "),
    "autolink_lines": lambda w: w.until(lambda i: f"<https://example.org/{i}> {w.words(8)}\n"),
    "html_line": lambda w: w.after("<div>"),
    "html_block": lambda w: w.until(lambda _: f"<p>{w.words(8)}</p>\n", "<div>\n"),
    "comment_open": lambda w: w.until(lambda _: f"{w.words(8)}\n\n", "<!--\n"),
    # Containers.
    "quote_deep": lambda w: w.until(lambda _: f"{'>' * 60} {w.words(6)}\n"),
    "list_deep": lambda w: w.until(lambda i: f"{'  ' * (i % 60)}- {w.words(6)}\n"),
    "list_late_loose": lambda w: w.until(lambda _: f"- {w.words(8)}\n") + "\n- end\n",
    "lists_and_rules": lambda w: w.until(lambda _: f"- {w.words(3)}\n- {w.words(3)}\n\n---\n\n"),
    "row_long": lambda w: w.until(lambda _: "| a ", "| a |\n|---|\n"),
    "cell_long": lambda w: w.after("| a |\n|---|\n| ") + "|\n",
    # Code.
    "code_and_blanks": lambda w: w.until(lambda _: f"    {w.words(6)}\n\n\n"),
    "fence_of_ticks": lambda w: w.until(lambda _: "``\n`` a\n", "```\n"),
    # Labels.
    "no_definitions": lambda w: w.until(lambda i: f"[{i}]: https://example.org/{i} and text\n"),
    "definitions": lambda w: w.until(lambda i: f'[{i}]: /u{i}\n  "title {i}"\n'),
    "label_late": lambda w: w.until(lambda _: f"see [note] {w.words(5)}\n\n") + "[note]: /u\n",
    "label_late_in_one": lambda w: w.until(lambda _: f"see [note] {w.words(5)}\n") + "\n[note]: /u\n",
    "labels_unknown": lambda w: w.until(lambda i: f"see [a{i}] and [b{i}][c{i}].\n\n"),
    # Text.
    "urls": lambda w: w.until(lambda i: f"https://example.org/{i}?q=a_b&c=d "),
    "url_long": lambda w: w.until(lambda _: "a.b_c/", "http://"),
    "emails": lambda w: w.until(lambda _: "a.b@c.de "),
    "entities": lambda w: w.until(lambda _: "&amp; &copy; &bogus &#35; a "),
    "backslashes": lambda w: w.until(lambda _: "\\* a \\_ b \\\\ "),
    "chinese": lambda w: w.until(lambda _: f"汉字**粗体**和`代码`、😀 {w.words(2)}。"),
}

KINDS = {"plain": ("plain",), "hostile": ("hostile",), "all": ("plain", "hostile")}
SHAPES = {"plain": PLAIN, "hostile": HOSTILE}


def documents(kind: str, size: int, seed: int = 7) -> dict[str, str]:
    """The documents of a kind, "plain" or "hostile", by name. Each has `size` bytes or a bit more."""
    return {name: shape(Writer(size, f"{seed} {name}")) for name, shape in SHAPES[kind].items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("size", type=int, help="bytes of each document, about")
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    found = {
        **documents("plain", options.size, options.seed),
        **documents("hostile", options.size, options.seed),
    }
    if unknown := set(options.names) - set(found):
        parser.error(f"no such shape: {', '.join(sorted(unknown))}; there are {', '.join(found)}")
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in options.names or found:
        (options.folder / f"{name}.md").write_bytes(found[name].encode())


if __name__ == "__main__":
    main()
