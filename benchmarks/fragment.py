"""Text to HTML: djust_stream beside markupsafe, Django and Jinja2, in one run.

    python benchmarks/fragment.py [--json] [--seconds 0.2]

Each figure is the median of rounds in which all subjects take turns, so that a slow moment of the machine
meets all of them. All make the same HTML, which is checked first. Documents: 40 KB of this project's README,
in ASCII or wider, and of HTML; a token: six letters. At the end, what should be. Needs ``pip install
markupsafe jinja2``.
"""

from __future__ import annotations

import argparse
import html
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jinja2
import markupsafe
from django.conf import settings
from django.utils.html import escape as django_escape
from django.utils.html import format_html, format_html_join
from targets import Lines

from djust_stream import Fragment, escape

Subjects = dict[str, Callable[[], str]]

README = (Path(__file__).resolve().parent.parent / "README.md").read_text(encoding="utf-8")
KB40 = 40_000


def fill(text: str) -> str:
    return (text * (KB40 // len(text) + 1))[:KB40]


DOCUMENTS = {
    "README": fill(README.encode("ascii", "ignore").decode()),
    "README with ’ and —": fill(README[:2000].replace("'", "’") + " — " + README[2000:]),
    "HTML": fill('<li class="new"><a href="/a/b?c=1&d=2">Some words of text, and a few more</a></li>\n'),
    "nothing to escape": "x" * KB40,
    "emoji": fill(README + "😀"),
}
ROW = '<li class="{kind}"><a href="{url}">{text}</a></li>'
TWO = '<a href="{url}">{text}</a>'
ROWS = [{"kind": "new", "url": f"/log/{i}", "text": f"line {i} of the log"} for i in range(1000)]


def measure(subjects: Subjects, seconds: float) -> dict[str, float]:
    """Nanoseconds of a call, median of interleaved rounds."""
    results = {name: str(call()) for name, call in subjects.items()}
    assert len({html.unescape(result) for result in results.values()}) == 1, results
    took: dict[str, list[float]] = {name: [] for name in subjects}
    repeats = {}
    for name, call in subjects.items():
        start = time.perf_counter()
        call()
        repeats[name] = max(1, int(seconds / 20 / (time.perf_counter() - start)))
    for _ in range(21):
        for name, call in subjects.items():
            rounds = range(repeats[name])
            start = time.perf_counter_ns()
            for _ in rounds:
                call()
            took[name].append((time.perf_counter_ns() - start) / len(rounds))
    return {name: statistics.median(values) for name, values in took.items()}


def cases() -> dict[str, Subjects]:
    """By what is done: who does it. Every call is a lambda, which costs all the same 30 ns or so."""
    token = "tokens"
    found: dict[str, Subjects] = {
        "escape, a token of 6 letters": {
            "djust_stream": lambda: escape(token),
            "markupsafe": lambda: markupsafe.escape(token),
            "Django": lambda: django_escape(token),
        }
    }
    for name, text in DOCUMENTS.items():
        found[f"escape, 40 KB: {name}"] = {
            "djust_stream": lambda text=text: escape(text),  # type: ignore[misc]
            "markupsafe": lambda text=text: markupsafe.escape(text),  # type: ignore[misc]
            "Django": lambda text=text: django_escape(text),  # type: ignore[misc]
        }
    two, percent = Fragment(TWO), markupsafe.Markup(TWO.format(url="%s", text="%s"))
    template = jinja2.Environment(autoescape=True).from_string(TWO.replace("{", "{{").replace("}", "}}"))
    braces = TWO.format(url="{}", text="{}")
    found["fragment of two fields"] = {
        "djust_stream": lambda: two("/a?b=1&c", "1 < 2"),
        "djust_stream, by name": lambda: two(url="/a?b=1&c", text="1 < 2"),
        "markupsafe %": lambda: percent % ("/a?b=1&c", "1 < 2"),
        "Django format_html": lambda: format_html(braces, "/a?b=1&c", "1 < 2"),
        "Jinja2 template": lambda: template.render(url="/a?b=1&c", text="1 < 2"),
    }
    row = Fragment(ROW)
    rows, tuples = ROWS, [tuple(one.values()) for one in ROWS]
    loop = jinja2.Environment(autoescape=True).from_string(
        "{% for row in rows %}" + ROW.replace("{", "{{ row.").replace("}", " }}") + "{% endfor %}"
    )
    row_percent = markupsafe.Markup(ROW.format(kind="%s", url="%s", text="%s"))
    found["1,000 rows of three fields"] = {
        "djust_stream join": lambda: row.join(rows),
        "djust_stream join of tuples": lambda: row.join(tuples),
        "djust_stream one by one": lambda: "".join([row(**one) for one in rows]),
        "djust_stream tuples one by one": lambda: "".join([row(*one) for one in tuples]),
        "markupsafe %": lambda: "".join([row_percent % one for one in tuples]),
        "Django format_html_join": lambda: format_html_join(
            "", ROW.format(kind="{}", url="{}", text="{}"), tuples
        ),
        "Jinja2 loop": lambda: loop.render(rows=rows),
    }
    return found


def promises(report: dict[str, dict[str, float]]) -> Lines:
    """What is promised of the report, measured."""
    lines = Lines()

    def times(what: str, case: str, ours: str, other: str, target: float) -> None:
        lines.at_least(what, report[case][other] / report[case][ours], target, " x")

    ours, two, rows = "djust_stream", "fragment of two fields", "1,000 rows of three fields"
    times("escape a token, markupsafe's time", "escape, a token of 6 letters", ours, "markupsafe", 3)
    for name in DOCUMENTS:
        times(f"escape 40 KB: {name}, markupsafe's time", f"escape, 40 KB: {name}", ours, "markupsafe", 4)
    times("a fragment of two fields, time of Markup %", two, ours, "markupsafe %", 4)
    times("... of Django's format_html", two, ours, "Django format_html", 10)
    times("join of 1,000 dicts, one by one", rows, "djust_stream join", "djust_stream one by one", 2)
    join, one_by_one = "djust_stream join of tuples", "djust_stream tuples one by one"
    times("join of 1,000 tuples, one by one", rows, join, one_by_one, 2)
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--seconds", type=float, default=0.2, help="for each figure, about")
    options = parser.parse_args()
    settings.configure()
    report: dict[str, dict[str, float]] = {}
    for name, subjects in cases().items():
        report[name] = took = measure(subjects, options.seconds)
        first = next(iter(took.values()))
        print(name)
        for subject, ns in took.items():
            amount = f"{ns:,.0f} ns" if ns < 10_000 else f"{ns / 1000:,.1f} µs"
            print(f"    {subject:32}{amount:>12}{'' if ns == first else f'{ns / first:10.1f} x'}")
    lines = promises(report)
    if options.json:
        about = {"python": platform.python_version(), "cpu": platform.processor() or platform.machine()}
        print(json.dumps({**about, "ns": report, "lines": lines.rows}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
