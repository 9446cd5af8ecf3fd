"""The client's ops in Chromium: the wire, the nodes that stay, hostile names, events, states, scrolling.

Law: tests/spec/wire.md, whose examples all run here. The connection: tests/test_client_connection.py.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import OpenPage
from page import CLIENT, Browser, Page, compact, djust, record_events

ROOT = '<div dj-stream="s">{}</div>'
HOSTILE = [
    "constructor",
    "__proto__",
    "toString",
    "x'] , body [y='",
    'a"b\\c',
    "</div><img src=x onerror=alert(1)>",
    "",
    " ",
    "\n",
    "é🙂",
]

WIRE = Path(__file__).parent / "spec" / "wire.md"
EXAMPLES = re.findall(
    r"^`{8} example\n(.*?)\n?\.\n(.*?)\n\.\n(.*?)\n?^`{8}$", WIRE.read_text("utf-8"), re.M | re.S
)


@pytest.fixture(scope="module")
def plain(browser: Browser) -> Iterator[Page]:
    """One page for the tests that only look at content; each sets its own."""
    page = browser.page(ROOT.format(""))
    yield page
    page.close()


def after(page: Page, before: str, *frames: dict[str, Any], attributes: str = "") -> str:
    """The content of stream s after the frames, from `before`."""
    page.eval(
        "([html]) => { document.body.innerHTML = html }", [f'<div dj-stream="s"{attributes}>{before}</div>']
    )
    page.apply(frames)
    return page.html()


# ---- The wire ----


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == WIRE.read_text("utf-8").count("```````` example") >= 15


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example[1][:40])
def test_wire(plain: Page, example: tuple[str, str, str]) -> None:
    before, frame, expected = example
    assert after(plain, before, json.loads(frame)) == expected


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example[1][:40])
def test_a_text_node_is_never_split(plain: Page, example: tuple[str, str, str]) -> None:
    before, frame, _ = example
    after(plain, before, json.loads(frame))
    split = """() => {
        const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        for (let node; (node = walk.nextNode());)
            if (!node.data || node.nextSibling instanceof Text) return node.data;
        return null;
    }"""
    assert plain.eval(split) is None


DJUST_FORM = [
    ("a", [{"op": "text", "text": "<b>", "mode": "append"}], "a&lt;b&gt;"),
    ("a", [{"op": "text", "text": "b", "mode": "replace"}], "b"),
    ("a", [{"op": "text", "text": "b", "mode": "prepend"}], "ba"),
    ("a", [{"op": "append", "html": "b<i>c</i>"}], "ab<i>c</i>"),
    ("a", [{"op": "prepend", "html": "<i>c</i>b"}], "<i>c</i>ba"),
    ("a", [{"op": "replace", "html": "<i>c</i>"}], "<i>c</i>"),
    ("a<b id=x></b>", [{"op": "delete", "target": "#x"}], "a"),
    ("<p>1</p>a<p>2</p><p>3</p>", [{"op": "prune", "limit": 2, "edge": "top"}], "a<p>2</p><p>3</p>"),
    ("<p>1</p><p>2</p>", [{"op": "prune", "limit": 0, "edge": "bottom"}], ""),
    (
        "<ul><li>a</li><li>b</li></ul>",
        [{"op": "append", "target": "[dj-stream='s']>:last-child>:last-child", "html": "c<em>d</em>"}],
        "<ul><li>a</li><li>bc<em>d</em></li></ul>",
    ),
]


@pytest.mark.parametrize(("before", "ops", "expected"), DJUST_FORM)
def test_djust_form(plain: Page, before: str, ops: list[dict[str, Any]], expected: str) -> None:
    assert after(plain, before, djust(*ops)) == expected


def test_on_names_another_element_until_the_root_is_named_again(plain: Page) -> None:
    frame = compact(["on", "#x"], ["ta", "1"], ["a", "<i></i>"], [1, "2"], ["on", ""], ["ta", "3"])
    assert after(plain, '<p id="x"></p>', frame) == (
        '<p id="x" data-stream-active="true" aria-busy="true">1<i>2</i></p>3'
    )


@pytest.mark.parametrize(
    ("attributes", "ops", "expected"),
    [
        ("", ["b", "c"], "abc"),
        (' dj-stream-mode="append"', ["b", "c"], "abc"),
        (' dj-stream-mode="replace"', ["b", "c"], "c"),
        (' dj-stream-mode="prepend"', ["b", "c"], "cba"),
        (' dj-stream-mode="constructor"', ["b", "c"], "abc"),
        (' dj-stream-mode="replace"', [["ta", "b"]], "ab"),
        (' dj-stream-mode="append"', [["tp", "b"]], "ba"),
        (' dj-stream-mode="prepend"', [["tr", "b"]], "b"),
    ],
)
def test_the_mode_of_the_page_holds_where_the_caller_named_none(
    plain: Page, attributes: str, ops: list[Any], expected: str
) -> None:
    assert after(plain, "a", compact(*ops), attributes=attributes) == expected


def test_text_is_text(plain: Page) -> None:
    text = "<script>alert(1)</script>&amp;\r\n\0 "
    after(plain, "", compact(["ta", text]))
    assert plain.eval("document.querySelector('[dj-stream]').textContent") == text.replace("\0", "\ufffd")


def test_a_long_text_in_html_is_one_node(plain: Page) -> None:
    """`cut` counts on it; there were parsers that cut text nodes at 65,536 units."""
    after(plain, "", compact(["a", "<p>" + "x" * 200_000 + "&amp;</p>"], ["x", 1, 0, 100_000]))
    assert plain.eval("document.querySelector('p').textContent.length") == 100_001


BOX_HTML = '<input type="checkbox" disabled="">'


@pytest.mark.parametrize(
    ("tight", "loose"),
    [
        (
            "<li>a<pre>b</pre></li><li></li><li><h1>c</h1></li>",
            "<li><p>a</p><pre>b</pre></li><li></li><li><h1>c</h1></li>",
        ),
        (f"<li>{BOX_HTML} a <strong>c</strong></li>", f"<li>{BOX_HTML}<p>a <strong>c</strong></p></li>"),
        (
            "<li><h1>a</h1>b<pre>c</pre>d <em>e</em></li>",
            "<li><h1>a</h1><p>b</p><pre>c</pre><p>d <em>e</em></p></li>",
        ),
        (f"<li>{BOX_HTML} a<ul><li>b</li></ul></li>", f"<li>{BOX_HTML}<p>a</p><ul><li>b</li></ul></li>"),
    ],
)
def test_a_list_turns_loose_and_back(plain: Page, tight: str, loose: str) -> None:
    assert after(plain, f"<ul>{tight}</ul>", compact(["l", 1, 1])) == f"<ul>{loose}</ul>"
    assert plain.apply([compact(["l", 1, 0])]) == [f"<ul>{tight}</ul>"]
    auto = after(plain, f'<ul dir="auto">{tight}</ul>', compact(["l", 1, 1]))
    assert auto == f'<ul dir="auto">{loose}</ul>'.replace("<p>", '<p dir="auto">')


def test_a_path_counts_blocks_as_markdown_has_them(plain: Page) -> None:
    """The text of a tight item is a block like any other, however many elements it has."""
    before = "<ul><li>a <em>b</em> <em>c</em><ul><li>d</li></ul>e</li></ul>"
    frame = compact(["@", [0, 0, 1, 0, 0], "D"], ["@", [0, 0, 2], "<em>E</em>"], ["@", [0, 0, 0], "A"])
    assert after(plain, before, frame) == "<ul><li>A<ul><li>D</li></ul><em>E</em></li></ul>"
    head, body = "<thead><tr><th>a</th></tr></thead>", "<tbody><tr><td>b</td></tr><tr><td>c</td></tr></tbody>"
    table = f"<table>{head}{body}</table>"
    frame = compact(
        ["@", [0, 1, 1, 0], "C"], ["@", [0, 0, 0, 0], "A"], ["@", [0, 7, 1], "X"], ["@", [5], "X"]
    )
    assert after(plain, table, frame) == table.replace("a</th>", "A</th>").replace("c</td>", "C</td>")


def test_a_path_does_not_count_what_was_there_before(plain: Page) -> None:
    grow, patch = [0, "<p>[x]</p>"], ["@", [0], "x"]
    html = after(plain, "a<p>b</p>", compact(["start"], "0", grow), compact(patch, ["done"], n=2))
    assert html == "a<p>b</p>0<p>x</p>"
    assert plain.apply([compact(["start"], grow), compact(patch, n=2)]) == [
        html + "<p>[x]</p>",
        html + "<p>x</p>",
    ]


def test_a_head_stands_before_text_and_alone(plain: Page) -> None:
    head, checked = ["h", 2, BOX_HTML + " "], ["h", 2, BOX_HTML.replace(" ", " checked ", 1) + " "]
    assert (
        after(plain, "<ul><li>a</li></ul>", compact(head), compact(head)) == f"<ul><li>{BOX_HTML} a</li></ul>"
    )
    assert after(plain, "<ul><li></li></ul>", compact(head), compact(checked)).count("checkbox") == 1
    loose = after(
        plain, "<ul><li><p>a</p></li></ul>", compact(["h", 2, BOX_HTML]), compact(["h", 2, BOX_HTML])
    )
    assert loose == f"<ul><li>{BOX_HTML}<p>a</p></li></ul>"


def test_a_patch_keeps_the_checkbox(plain: Page) -> None:
    frame = compact(["@", [0, 0, 0], "<i>x</i>"], ["@", [0, 1, 0], "y"], ["@", [0, 2, 0], "z"])
    before = (
        f"<li>{BOX_HTML} [x]<ul></ul></li><li>{BOX_HTML} <em>[y]</em></li><li>{BOX_HTML} <pre>[z]</pre></li>"
    )
    after_it = f"<li>{BOX_HTML} <i>x</i><ul></ul></li><li>{BOX_HTML} y</li><li>{BOX_HTML} <pre>z</pre></li>"
    assert after(plain, f"<ul>{before}</ul>", frame) == f"<ul>{after_it}</ul>"


# ---- Nodes stay ----


def test_growing_keeps_the_text_node_and_a_selection_in_it(plain: Page) -> None:
    for grow in (["ta", " more"], [0, " more"], [0, " more <b>x</b>"], ["a", " &amp; more"]):
        after(plain, "some text")
        plain.eval("""() => {
            window.node = document.querySelector("[dj-stream]").firstChild;
            getSelection().setBaseAndExtent(node, 5, node, 9);
        }""")
        plain.apply([compact(grow)])
        assert plain.eval("node === document.querySelector('[dj-stream]').firstChild"), grow
        assert plain.eval("getSelection().toString()") == "text", grow
        assert plain.eval("node.data.startsWith('some text ')"), grow


def test_a_deep_text_node_grows_in_place(plain: Page) -> None:
    after(plain, "<ul><li>a <em>b</em></li></ul>")
    plain.eval("() => { window.node = document.querySelector('em').firstChild }")
    plain.apply([compact([3, "c"], [3, " &lt;d <b>e</b>"])])
    assert plain.eval("node.data") == "bc <d "


def test_settled_elements_stay(plain: Page) -> None:
    after(plain, "<p>1</p>")
    plain.eval("() => { window.kept = [...document.querySelectorAll('p')] }")
    plain.apply([compact([0, "<p>2</p>"], [1, "3"], ["tp", "0"], ["prune", 9, "top"], ["done"])])
    assert plain.eval("kept.every((p, i) => p === document.querySelectorAll('p')[i])")


def test_scripts_and_handlers_of_html_do_not_run_under_the_policy(open_page: OpenPage) -> None:
    page = open_page(ROOT.format(""))
    page.apply([compact(["a", "<script>window.ran = 1</script><img src=x onerror='window.ran = 2'>"])])
    assert page.eval("new Promise((done) => setTimeout(() => done(window.ran ?? null), 100))") is None


# ---- Names ----


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_only_a_name(open_page: OpenPage, name: str) -> None:
    page = open_page("<main></main>")
    page.eval(
        """(name) => {
        const root = document.createElement("div");
        root.setAttribute("dj-stream", name);
        document.querySelector("main").append(root);
    }""",
        name,
    )
    assert page.apply([compact(["start"], "x", [0, "<p>y</p>"], ["done"], stream=name)]) == ["x<p>y</p>"]
    assert page.eval("document.querySelectorAll('img').length") == 0
    assert page.console == []


@pytest.mark.parametrize(
    "name", ["constructor", "__proto__", "hasOwnProperty", "no such op", 7.5, None, [], {}]
)
def test_an_unknown_op_is_told_and_skipped(open_page: OpenPage, name: Any) -> None:
    page = open_page(ROOT.format(""))
    assert page.apply([djust({"op": name}, {"op": "text", "text": "x"})]) == ["x"]
    if not isinstance(name, float):  # a number is a depth there
        assert page.apply([compact([name, "a"], "y")]) == ["xy"]
    assert page.console and all(line.startswith("warning: djust_stream: unknown op") for line in page.console)


@pytest.mark.parametrize("frame", ["", "{", "null", "1", "[]", "{}", '{"ops":1}', '{"o":{}}'])
def test_what_is_no_frame_is_told(open_page: OpenPage, frame: str) -> None:
    page = open_page(ROOT.format("x"))
    assert page.apply([frame]) == ["x"]
    assert len(page.console) == 1 and "not a frame" in page.console[0]


def test_odd_ops_do_not_throw_and_the_next_one_counts(open_page: OpenPage) -> None:
    page = open_page(ROOT.format(""))
    page.apply(
        [
            compact(
                None,
                1,
                [],
                ["on"],
                ["on", "((("],
                ["ta", "lost"],
                ["on", ""],
                ["@", 1, 2],
                ["x", 9, 1, 1],
                "x",
            )
        ]
    )
    assert page.html() == "x"


def test_a_missing_target_is_no_error(open_page: OpenPage) -> None:
    page = open_page("<p></p>")
    record_events(page)
    frames = [
        compact(["start"], "x", [3, "y"], ["done"]),
        djust({"op": "text", "target": "#none", "text": "x"}),
    ]
    assert page.apply(frames) == [None, None]
    assert page.eval("seen") == [] and page.console == []


# ---- Events and state ----


def test_events_are_djusts(open_page: OpenPage) -> None:
    page = open_page('<main><div dj-stream="s" id="root"><p id="p">1</p></div></main>')
    record_events(page)
    page.apply(
        [
            compact(["start"], ["ta", "x"], ["a", "<i></i>"], ["p", "<b></b>"], ["prune", 3, "top"]),
            compact(["delete", "#p"], ["r", ""], ["error", "oh"], n=2),
            compact(["done", "stopped"], n=3),
        ]
    )
    assert [row for row in page.eval("seen") if row[0] != "block"] == [
        ["start", "root", {"stream": "s"}],
        ["text", "root", {"text": "x", "mode": "append", "stream": "s"}],
        ["update", "root", {"op": "append", "stream": "s"}],
        ["update", "root", {"op": "prepend", "stream": "s"}],
        ["prune", "root", {"limit": 3, "edge": "top", "stream": "s"}],
        ["remove", "p", {"stream": "s"}],
        ["update", "root", {"op": "replace", "stream": "s"}],
        ["error", "root", {"error": "oh", "stream": "s"}],
        ["done", "root", {"reason": "stopped", "stream": "s"}],
    ]


def test_the_djust_form_fires_the_same_events(open_page: OpenPage) -> None:
    page = open_page('<div dj-stream="s" id="root"></div>')
    record_events(page)
    page.apply([djust({"op": "start"}, {"op": "text", "text": "x", "mode": "append"}, {"op": "done"})])
    assert page.eval("seen") == [
        ["start", "root", {"stream": "s"}],
        ["text", "root", {"text": "x", "mode": "append", "stream": "s"}],
        ["done", "root", {"stream": "s"}],
    ]


def test_a_block_is_told_when_it_is_settled(open_page: OpenPage) -> None:
    page = open_page('<div dj-stream="s"><p id="old"></p></div>')
    record_events(page)

    def blocks() -> list[str]:
        return page.eval("seen.splice(0).filter(([name]) => name === 'block').map(([, id]) => id)")

    page.apply([compact([0, '<p id="a">'])])
    assert blocks() == []
    page.apply([compact([1, "text"], [0, '<pre id="b">'], [0, '<p id="c">'], n=2)])
    assert blocks() == ["a", "b"]
    page.apply([compact([1, "text"], n=3)])
    assert blocks() == []
    page.apply([compact(["x", 0, 1, 0], [1, "more"], n=4)])  # c goes, b turns out to be unfinished
    assert blocks() == []
    page.apply([compact([0, '<p id="d">'], ["done"], n=5)])
    assert blocks() == ["b", "d"]
    page.apply([compact(["start"], [0, '<p id="e">'], n=6)])
    assert blocks() == []
    page.apply([compact(["error", "oh"], n=7)])
    assert blocks() == ["e"]
    page.apply([compact(["start"], [0, '<p id="f">'], ["done"], n=8)])
    assert blocks() == ["f"]


def test_blocks_of_the_djust_form(open_page: OpenPage) -> None:
    page = open_page(ROOT.format(""))
    record_events(page)
    last = "[dj-stream='s']>:last-child"
    page.apply([djust({"op": "append", "html": '<p id="a">'}, {"op": "append", "target": last, "html": "x"})])
    assert page.eval("seen.filter(([name]) => name === 'block').length") == 0
    page.apply([djust({"op": "append", "html": '<p id="b">'}, {"op": "done"})])
    assert page.eval("seen.filter(([name]) => name === 'block').map(([, id]) => id)") == ["a", "b"]


def test_busy_while_active_and_told_once(open_page: OpenPage) -> None:
    page = open_page(ROOT.format(""))
    state = """() => {
        const root = document.querySelector("[dj-stream]");
        return [root.getAttribute("aria-busy"), root.dataset.streamActive ?? null,
            [...document.querySelectorAll("[role=status]")].map((el) => el.textContent)];
    }"""
    page.apply([compact(["start"])])
    assert page.eval(state) == ["true", "true", ["Answer is being written"]]
    page.apply([compact("x", n=2)])
    assert page.eval(state) == ["true", "true", ["Answer is being written"]]
    page.apply([compact(["done"], n=3)])
    assert page.eval(state) == [None, None, ["Answer complete"]]
    page.apply([compact(["start"], ["done", "stopped"], n=4)])
    assert page.eval(state) == [None, None, ["Answer stopped"]]
    page.eval("() => document.documentElement.setAttribute('data-stream-say-start', 'Es schreibt')")
    page.apply([compact(["start"], n=5)])
    assert page.eval(state) == ["true", "true", ["Es schreibt"]]
    box = page.eval("document.querySelector('[role=status]').getBoundingClientRect().toJSON()")
    assert box["width"] <= 1 and box["height"] <= 1, "hidden from view, also under a strict policy"
    assert page.console == []


def test_an_error_is_an_alert_and_keeps_the_text(open_page: OpenPage) -> None:
    page = open_page(ROOT.format(""))
    alert = '<div class="dj-stream-error" role="alert">&lt;b&gt;</div>'
    frames = [
        compact(["start"], [0, "<p>half an ans"], ["error", "<b>"]),
        compact(["error", "<b>"], n=2),
        compact(["start"], [1, "wer"], n=3),
    ]
    assert page.apply(frames) == [
        f"<p>half an ans</p>{alert}",
        f"<p>half an ans</p>{alert}",
        "<p>half an answer</p>",
    ]
    page.apply([compact(["error", "x"], n=4)])
    assert page.eval("""() => {
        const root = document.querySelector("[dj-stream]");
        const { streamError, streamActive } = root.dataset;
        return [streamError, streamActive ?? null, root.getAttribute("aria-busy")];
    }""") == ["true", None, None]
    for op in (["start"], ["ta", ""], ["a", "<i></i>"], ["p", "<i></i>"], ["r", ""], [1, "x"]):
        page.apply([compact(["error", "x"]), compact(op)])
        assert page.eval("document.querySelector('[role=alert], [data-stream-error]')") is None, op


def test_without_a_connection_of_ours_there_is_no_retry_to_press(open_page: OpenPage) -> None:
    """On a page of djust's the application has its own way to ask again."""
    page = open_page(ROOT.format(""))
    record_events(page)
    frames = [
        compact(["error", "x", 0]),
        djust({"op": "error", "error": "x", "retry": 3}) | {"seq": 2},
    ]
    alert = '<div class="dj-stream-error" role="alert">x</div>'
    assert page.apply(frames) == [alert, alert]
    told = [detail["retry"] for name, _, detail in page.eval("seen") if name == "error"]
    assert told == [0, 3]


def test_a_hole_is_told(open_page: OpenPage) -> None:
    page = open_page('<div dj-stream="s" id="root"></div>')
    record_events(page)
    frames = [compact(str(n), n=n) for n in (1, 2, 5, 6, 1, 2)] + [compact("x", n=4, stream="none")]
    assert page.apply(frames)[-1] == "125612"
    assert [row for row in page.eval("seen") if row[0] == "gap"] == [
        ["gap", "root", {"stream": "s", "expected": 3, "seq": 5}],
        ["gap", "", {"stream": "none", "expected": 1, "seq": 4}],
    ]
    assert [line.split(":")[0] for line in page.console] == ["warning", "warning"]


# ---- Scrolling ----

BOX_STYLE = """
#box { height: 200px; overflow-y: auto }
p { height: 50px; margin: 0 }
.smooth { scroll-behavior: smooth }
"""
STYLES = {"/box.css": BOX_STYLE}
TALL = "".join(f"<p>{n}</p>" for n in range(20))  # 1,000 px
LINK = '<link rel="stylesheet" href="/box.css"><script type="module" src="/djust-stream.js"></script>'
BOX = f'<div id="box" class="smooth"><main><div dj-stream="s">{TALL}</div></main></div>'
SCROLL = """(px) => {
    const box = document.querySelector("#box") ?? document.scrollingElement;
    box.scrollTo({ top: box.scrollHeight - box.clientHeight - px, behavior: "instant" });
}"""
WHERE = """() => {
    const box = document.querySelector("#box") ?? document.scrollingElement;
    return box.scrollHeight - box.scrollTop - box.clientHeight;
}"""


def scrolled(page: Page, px_from_end: int, *ops: list[Any]) -> float:
    """Scroll to that far from the end, apply the ops; how far from the end it is then."""
    page.eval(SCROLL, px_from_end)
    page.apply([compact(*ops)])
    return float(page.eval(WHERE))


@pytest.mark.parametrize(
    "body", [BOX, f'<div dj-stream="s">{TALL}</div>', f'<div id="box" dj-stream="s">{TALL}</div>']
)
def test_the_end_is_followed_from_near_it_and_only_then(open_page: OpenPage, body: str) -> None:
    page = open_page(body, head=LINK, files=STYLES)
    grow = [0, "<p>new</p>" * 10]  # 500 px in one frame: near is what was near before
    assert scrolled(page, 0, grow) <= 1
    assert scrolled(page, 90, grow) <= 1
    assert scrolled(page, 120, grow) == pytest.approx(620, abs=2)
    assert scrolled(page, 0, "x") <= 1
    assert scrolled(page, 0, ["error", "x"]) <= 1


def test_the_page_follows_when_the_inner_box_does_not_overflow(open_page: OpenPage) -> None:
    page = open_page(
        f'<div id="inner"><div dj-stream="s">{TALL}</div></div>',
        head=LINK,
        files={"/box.css": BOX_STYLE + "#inner { overflow-x: auto }"},
    )
    assert scrolled(page, 0, [0, "<p>new</p>" * 10]) <= 1


def test_a_whole_replaced_outside_a_stream_does_not_scroll(open_page: OpenPage) -> None:
    page = open_page('<div id="box"><div dj-stream="s"></div></div>', head=LINK, files=STYLES)
    assert scrolled(page, 0, ["r", TALL]) == pytest.approx(800, abs=2)
    page.apply([compact(["r", ""])])
    assert scrolled(page, 0, ["p", TALL]) == pytest.approx(800, abs=2)
    page.apply([compact(["start"], ["r", ""])])
    assert scrolled(page, 0, ["r", TALL]) <= 1


# ---- Types ----


def test_types(tmp_path: Path) -> None:
    """tsc --checkJs, where npm's typescript is installed."""
    tsc = shutil.which("tsc")
    if tsc is None:
        pytest.skip("npm's typescript is not installed")
    options = (
        "--noEmit --allowJs --checkJs --strict --target es2023 --lib es2023,dom,dom.iterable --module esnext"
    )
    subprocess.run([tsc, *options.split(), str(CLIENT)], check=True, cwd=tmp_path)
