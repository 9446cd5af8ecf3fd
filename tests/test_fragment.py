"""escape, Fragment and html.

The laws: ``escape`` is Django's, for any text. Whatever the values, a page parsed by a browser's rules has
the structure of the template and shows the values in it. What cannot be safe is refused, with its place.
"""

from __future__ import annotations

import copy
import gc
import os
import pickle
import re
import sys
import threading
import types
from decimal import Decimal
from pathlib import Path
from typing import Any

import html5lib
import project  # noqa: F401  sets Django up
import pytest
from django.utils.functional import lazy
from django.utils.html import conditional_escape, format_html
from django.utils.html import escape as django_escape
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy
from hypothesis import given
from hypothesis import strategies as st

from djust_stream import Fragment, escape, html

ROW = '<li class="{kind}"><a href="{url}">{text}</a></li>'

# Text that is as hostile as text can be, of every width.
PIECES = [
    *('"', "'", ">", "<", "&", "&quot", "</a>", "</textarea >", "<script>", "-->", "{text}", " onload=f() "),
    *("javascript:", "\ud800", "x" * 70, "'" * 70),
]
hostile = st.lists(
    st.one_of(
        st.text(st.characters(max_codepoint=0x7F), max_size=40),
        st.text(st.characters(max_codepoint=0xFF), max_size=20),
        st.text(st.characters(exclude_categories=[]), max_size=20),
        st.sampled_from(PIECES),
    ),
    max_size=6,
).map("".join)


# ---- escape ----


@given(hostile)
def test_escape_is_django_s(text: str) -> None:
    assert escape(text) == django_escape(text)
    assert type(escape(text)) is SafeString


@pytest.mark.parametrize("c", ["&", "<", ">", '"', "'", "é", "€", "😀", "\0", "x"])
def test_escape_at_every_offset(c: str) -> None:
    for wide in ("", "é", "€", "😀"):
        for n in range(0, 200, 7):
            text = "x" * n + c + "y" * (n % 37) + wide
            assert escape(text) == django_escape(text)


class Html:
    def __html__(self) -> str:
        return "<i>x & y</i>"


class Name(str):
    pass


@pytest.mark.parametrize(
    "value",
    [
        *(
            None,
            True,
            0,
            -7,
            10**40,
            1.5,
            float("nan"),
            Decimal("1.50"),
            b"<b>",
            [1, "<"],
            ValueError("<"),
            "",
        ),
        *(Name("a<b"), Html(), SafeString("<b>"), format_html("<b>{}</b>", "<"), gettext_lazy("a < b")),
        *(lazy(lambda: "<", str)(), lazy(lambda: SafeString("<b>"), SafeString)()),
        lazy(lambda: "<", str, SafeString)(),
    ],
    ids=repr,
)
def test_values_are_taken_as_django_takes_them(value: Any) -> None:
    assert escape(value) == conditional_escape(value)
    assert type(escape(value)) is SafeString
    assert Fragment("<p>{x}</p>")(value) == f"<p>{conditional_escape(value)}</p>"


def test_a_safe_string_is_returned_itself() -> None:
    safe = SafeString("<b>")
    assert escape(safe) is safe


def test_the_result_is_a_string_like_any_other() -> None:
    for text in ("a<b", "é<b", "€<b", "😀<b", "", "x" * 1000):
        got, want = escape(text), SafeString(django_escape(text))
        assert (hash(got), got.encode(), got + "<", got[1:], len(got)) == (
            hash(want), want.encode(), want + "<", want[1:], len(want))  # fmt: skip
        assert {got: 1}[want] == 1
        assert pickle.loads(pickle.dumps(got)) == want
        assert f"{got}".isascii() == want.isascii()
        assert sys.getsizeof(got) == sys.getsizeof(SafeString(str.__str__(got)))


# ---- structure ----


def shape(node: Any) -> Any:
    """Elements and the names of their attributes, without their text."""
    return [node.tag, sorted(node.attrib), [shape(child) for child in node]]


def parsed(text: str, root: str = "div") -> Any:
    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    return parser.parseFragment(text, container=root)


TEMPLATES = [
    ROW,
    "<p title='{a}' lang=\"{b}\">{c}<br>{a}</p>",
    '<form action="{a}" data-x="{b}"><textarea name="{c}">{a}</textarea><input value="{b}"></form>',
    '<img src="{a}" alt="{b}"><!-- {{c}} --><b id="{c}">{b}{c}</b>',
    '<a href="{a}{b}" title="x{c}y">{a}</a><style>b{{}}</style><script>if (a<b) f()</script>{b}',
    '<svg viewBox="{a}"><path d="{b}"/><title>{c}</title></svg>{c}',
    '<svg><desc><p title="{a}">{b}</p></desc></svg><math><mi>{a}<b>{c}</b></mi></math>',
    '<select title="{a}"><option value="{b}">{c}</option></select>',
]


@pytest.mark.parametrize("template", TEMPLATES)
@given(values=st.tuples(hostile, hostile, hostile))
def test_no_value_leaves_its_place(template: str, values: tuple[str, str, str]) -> None:
    fragment = Fragment(template)
    got = parsed(fragment(*values))
    assert shape(got) == shape(parsed(fragment("x", "x", "x")))
    for node in got.iter():
        for name in ("href", "src", "action"):
            url = "".join(c for c in node.attrib.get(name, "") if c > " ").lower()
            assert not url.startswith(("javascript:", "data:"))


@given(hostile.map(lambda text: text.replace("\r", "").replace("\0", "").encode("utf-8", "replace").decode()))
def test_values_are_shown_as_they_are(text: str) -> None:
    fragment = Fragment('<b title="{text}">-{text}</b><textarea>-{text}</textarea>')
    for value in (text, escape(text)):
        page = parsed(fragment(value))
        assert [page[0].attrib["title"], page[0].text, page[1].text] == [text, f"-{text}", f"-{text}"]


@given(st.lists(st.tuples(hostile, hostile, hostile), max_size=30))
def test_join_is_the_rows_one_by_one(rows: list[tuple[str, str, str]]) -> None:
    fragment = Fragment(ROW)
    want = "".join(fragment(*row) for row in rows)
    dicts = [dict(zip(fragment.names, row, strict=True)) for row in rows]
    assert fragment.join(rows) == fragment.join(iter(dicts)) == want
    assert type(fragment.join(rows)) is SafeString


@pytest.mark.parametrize("literal", ["", "é", "€", "😀"])
@given(st.lists(st.tuples(hostile, hostile.map(SafeString)), max_size=40))
def test_rows_are_written_as_python_would(literal: str, rows: list[tuple[str, SafeString]]) -> None:
    """Also as narrow: a str that is wider than its characters is equal to none, and in no dict."""
    text = f'<p title="{{a}}">{literal}{{b}}</p>'
    want = "".join(text.format(a=django_escape(a), b=b) for a, b in rows)
    got = Fragment(text).join(rows)
    assert (got, hash(got), got.isascii()) == (want, hash(want), want.isascii())
    assert sys.getsizeof(got) == sys.getsizeof(SafeString(want))


def test_html_stays_html_in_text_and_is_text_in_an_attribute() -> None:
    inner = Fragment("<b>{x}</b>")("a & 'b'")
    page = Fragment('<p title="{x}">{x}</p>')(inner)
    assert page == ('<p title="&lt;b&gt;a &amp; &#x27;b&#x27;&lt;/b&gt;"><b>a &amp; &#x27;b&#x27;</b></p>')
    assert Fragment('<p title="{x}"></p>')(SafeString('" onclick="f()')) == (
        '<p title="&quot; onclick=&quot;f()"></p>'
    )


# ---- addresses ----


@pytest.mark.parametrize(
    "url",
    [
        "/",
        "#a",
        "?a=b&c",
        "a/b:c",
        "//host/x",
        "https://x/",
        "HTTP://x",
        "mailto:a@b",
        "",
        "é:x",
        "./x:y",
        "5",
    ],
)
def test_addresses_that_pass(url: str) -> None:
    assert Fragment('<a href="{u}"></a>')(url) == f'<a href="{django_escape(url)}"></a>'


@pytest.mark.parametrize(
    "url",
    ["javascript:f()", " \tJaVa\nScript:f()", "data:text/html,x", "vbscript:x", "blob:x", "\x00javascript:x",
     SafeString("javascript&colon;f()"), SafeString("&#106;avascript:f()"), Name("javascript:f()"), "file:x"],
)  # fmt: skip
def test_addresses_that_do_not(url: str) -> None:
    assert Fragment('<a href="{u}">{u}</a>')(url).startswith('<a href="#">')
    for name in ("src", "action", "formaction", "poster", "cite", "ping", "data", "SRC", "srcset"):
        assert Fragment(f'<b {name}="{{u}}"></b>')(url) == f'<b {name}=""></b>'
    assert Fragment('<svg><use xlink:href="{u}"/></svg>')(url) == '<svg><use xlink:href="#"/></svg>'


def test_an_address_is_checked_as_a_whole() -> None:
    fragment = Fragment('<a href="{a}{b}">{b}</a>')
    assert fragment("java", "script:f()") == '<a href="#">script:f()</a>'
    assert fragment("/java", "script:f()") == '<a href="/javascript:f()">script:f()</a>'
    assert Fragment('<a href="java{b}"></a>')("script:f()") == '<a href="#"></a>'
    assert Fragment('<a href="{b}:x"></a>')("javascript") == '<a href="#"></a>'
    assert Fragment('<a href="/x?{b}"></a>')("javascript:") == '<a href="/x?javascript:"></a>'
    assert Fragment('<a href="https://x/{b}"></a>')("a:b") == '<a href="https://x/a:b"></a>'


def test_a_refused_address_leaves_no_trace_in_the_width() -> None:
    got = Fragment('<a href="{u}/€">x</a>')("javascript:😀")
    assert got == '<a href="#">x</a>'
    assert hash(got) == hash('<a href="#">x</a>') and got.isascii()


# ---- what is refused ----

REFUSED = [
    ("<p {x}>", 1, 4, "name of an attribute"),
    ("<p a{x}='1'>", 1, 5, "name of an attribute"),
    ('<p a="1"{x}>', 1, 9, "name of an attribute"),
    ("<{x}>", 1, 2, "name of a tag"),
    ("<p{x}>", 1, 3, "name of a tag"),
    ("<p></{x}>", 1, 6, "name of a tag"),
    ("<p></p {x}>", 1, 8, "name of a tag"),
    ("<p a={x}>", 1, 6, "without quotes"),
    ("<p a=b{x}>", 1, 7, "without quotes"),
    ('<p style="color: {x}">', 1, 18, "attribute style: its value is CSS"),
    ('<p STYLE="{x}">', 1, 11, "attribute style"),
    ('<p onclick="f({x})">', 1, 15, "attribute onclick: its value is run as a script"),
    ('<p @click="{x}">', 1, 12, "attribute @click"),
    ('<p hx-on:click="{x}">', 1, 17, "attribute hx-on:click"),
    ('<p hx-vars="{x}">', 1, 13, "attribute hx-vars"),
    ('<p x-init="{x}">', 1, 12, "attribute x-init"),
    ('<p v-html="{x}">', 1, 12, "attribute v-html"),
    ('<p :class="{x}">', 1, 12, "attribute :class"),
    ('<p _="{x}">', 1, 7, "attribute _: its value is run"),
    ('<iframe srcdoc="{x}">', 1, 17, "attribute srcdoc: its value is a page of its own"),
    ('<meta http-equiv="{x}">', 1, 19, "attribute http-equiv"),
    ('<meta content="{x}" http-equiv="refresh">', 1, 16, "<meta http-equiv>"),
    ('<script src="{x}"></script>', 1, 14, "attribute src: it decides what script is run"),
    ('<base href="{x}">', 1, 13, "attribute href: it moves every address"),
    ('<svg><set attributeName="href" to="{x}"/></svg>', 1, 36, "attribute to: an animation"),
    ("<script>{x}</script>", 1, 9, "inside <script>"),
    ("<style>\n{x}</style>", 2, 1, "inside <style>"),
    ("<svg><style>{x}</style></svg>", 1, 13, "inside <style>"),
    ("<noscript>{x}</noscript>", 1, 11, "inside <noscript>"),
    ("<textarea></{x}", 1, 13, "name of a tag"),
    ("<!-- {x} -->", 1, 6, "comment"),
    ("<!{x}>", 1, 3, "comment"),
    ("<!doctype {x}>", 1, 11, "doctype"),
    ('<a href="javascript:{x}"></a>', 1, 21, "another scheme than http, https and mailto"),
    ('<a href="data:{x}"></a>', 1, 15, "another scheme"),
    ('<a href="&#106;{x}"></a>', 1, 16, "another scheme"),
    ("<p>{x}", 1, 1, "<p> is never closed"),
    ("<p>\n <b>{x}</p>", 2, 8, "</p> stands where <b> is still to be closed"),
    ("{x}</p>", 1, 4, "</p> closes nothing"),
    ("<br></br>", 1, 5, "<br> has no end tag"),
    ("<div/>{x}", 1, 1, "<div/> does not close the element: write <div></div>"),
    ("<svg><foreignObject><div/></foreignObject></svg>", 1, 21, "<div/> does not close"),
    ("<svg><p><script/>{x}</p></svg><script></script>", 1, 6, "<p> ends the <svg> or <math>"),
    ("<svg><g><FONT color='{x}'></font></g></svg>", 1, 9, "<font> ends the <svg>"),
    ("<math><mi><mglyph><style><a title='</style>{x}'>", 1, 11, "<mglyph> is HTML here"),
    ("<math><annotation-xml><style><a title='</style>{x}'>", 1, 23, "<style> in an <annotation-xml>"),
    ("<select><xmp><option title='</xmp>{x}'></select>", 1, 9, "<xmp> is not read in a <select>"),
    ("<select><option><title>{x}</title></option></select>", 1, 17, "<title> is not read in a <select>"),
    ('<p a="{x}>', 1, 6, "quote that is never closed"),
    ('<p a="{x}"b="y">', 1, 11, "a space between two attributes"),
    ('<p a="x>{x}</p><p b="y">', 1, 22, "a space between two attributes"),
    ('<p a"{x}">', 1, 5, 'name with " in it'),
    ('<p "{x}">', 1, 4, "quote that belongs to no attribute"),
    ('<p a=b"{x}">', 1, 7, 'without quotes with " in it'),
    ('<p a="1" A="{x}">', 1, 11, "attribute a is given twice"),
    ("<p <b>", 1, 4, "not closed by >"),
    ("<p", 1, 1, "a tag that no > ends"),
    ("a < {x}", 1, 3, "write &lt;"),
    ("<!-- x", 1, 1, "never closed"),
    ("<!-->{x}-->", 1, 5, "a browser ends here"),
    ("<!--->{x}-->", 1, 6, "a browser ends here"),
    ("<!-- --!>{x}-->", 1, 8, "--! ends no comment"),
    ("<![CDATA[{x}]]>", 1, 1, "neither a comment nor a doctype"),
    ("<?php {x} ?>", 1, 1, "write &lt;"),
    ("<script><!-- </script>", 1, 10, "<! in a script"),
    ("<plaintext>{x}", 1, 1, "never ends"),
    ("{}", 1, 1, "{ begins no hole"),
    ("é{0}", 1, 2, "{ begins no hole"),
    ("{a.b}", 1, 1, "{ begins no hole"),
    ("{a!r}", 1, 1, "{ begins no hole"),
    ("{a:>3}", 1, 1, "{ begins no hole"),
    ("{é}", 1, 1, "{ begins no hole"),
    ("{{{", 1, 3, "{ begins no hole"),
    ("{x", 1, 1, "{ begins no hole"),
    ("x}", 1, 2, "} without {"),
    ("{x}}", 1, 4, "} without {"),
    ("a\0{x}", 1, 2, "a NUL character"),
    ("".join(f"{{x{i}}}" for i in range(65)), 1, 311, "more than 64 holes"),
]


@pytest.mark.parametrize(
    ("template", "line", "column", "reason"), REFUSED, ids=[row[0][:40] for row in REFUSED]
)
def test_refused_with_place_and_reason(template: str, line: int, column: int, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        Fragment(template)
    message = str(caught.value)
    assert message.startswith(f"line {line}, column {column}: ")
    assert reason in message


MARKUP = [
    *(
        "<",
        ">",
        "</",
        "/>",
        "p",
        "a",
        "script",
        "style",
        "textarea",
        "svg",
        "select",
        "/>",
        "br",
        " ",
        "=",
        '"',
        "'",
        "&",
        "\n",
    ),
    *("{x}", "{y}", "{", "}", "href", "onclick", "<!--", "-->", "<p>", "</p>", '<a href="', '">', "é"),
    "javascript:",
]


@given(st.lists(st.sampled_from(MARKUP), max_size=14).map("".join), hostile)
def test_any_template_is_refused_or_keeps_its_structure(template: str, value: str) -> None:
    try:
        fragment = Fragment(template)
    except ValueError as error:
        assert str(error).startswith("line ")
        return
    values = [value] * len(fragment.names)
    assert shape(parsed(fragment(*values))) == shape(parsed(fragment(*["x"] * len(values))))


# ---- calls ----


def test_values_by_name_and_by_place() -> None:
    fragment = Fragment(ROW)
    want = '<li class="a"><a href="b">c</a></li>'
    assert fragment.names == ("kind", "url", "text")
    assert (
        fragment("a", "b", "c")
        == fragment("a", text="c", url="b")
        == fragment(text="c", url="b", kind="a")
        == want
    )
    assert fragment(**{"".join(["te", "xt"]): "c", "kind": "a", "url": "b"}) == want
    assert Fragment("x{{}}")() == "x{}"
    assert repr(fragment) == f"Fragment({ROW!r})"
    assert copy.deepcopy(fragment).template == pickle.loads(pickle.dumps(fragment)).template == ROW


@pytest.mark.parametrize(
    ("args", "named", "message"),
    [
        ((), {"kind": 1, "url": 2}, "no value for 'text': "),
        ((1, 2), {}, "no value for 'text': "),
        ((1, 2, 3), {"more": 4}, "no hole is named 'more': "),
        ((1,), {"kind": 1, "url": 2, "text": 3}, "two values for 'kind': "),
        ((1, 2, 3, 4), {}, "4 values for 3 holes: "),
    ],
)
def test_wrong_values(args: tuple[Any, ...], named: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError) as caught:
        Fragment(ROW)(*args, **named)
    assert str(caught.value) == message + "this fragment has ('kind', 'url', 'text')"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"kind": 1, "url": 2}, "row 1: no value for 'text'"),
        ({"kind": 1, "url": 2, "text": 3, "more": 4}, "row 1: no hole is named 'more'"),
        ({"kind": 1, "url": 2, "text": 3, 4: 4}, "row 1: no hole is named 4"),
        ((1, 2), "row 1: 2 values for 3 holes"),
        ("abc", "row 1 must be a dict or a tuple, not str"),
    ],
)
def test_wrong_rows(row: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        Fragment(ROW).join([(1, 2, 3), row])
    with pytest.raises(TypeError, match="not iterable"):
        Fragment(ROW).join(3)  # type: ignore[arg-type]


class Broken:
    def __html__(self) -> str:
        raise LookupError("broken")


class NotText:
    def __html__(self) -> Any:
        return 3


class Nameless:
    def __str__(self) -> str:
        raise LookupError("broken")


def test_a_value_that_raises_passes_its_exception_on() -> None:
    fragment = Fragment(ROW)
    for value in (Broken(), Nameless()):
        for call in (escape, lambda v: fragment("a", "b", v), lambda v: fragment.join([("a", "b", v)] * 2)):
            with pytest.raises(LookupError, match="broken"):
                call(value)
    with pytest.raises(TypeError, match="__html__ of NotText gave int, not str"):
        escape(NotText())

    def rows() -> Any:
        yield ("a", "b", "c")
        raise LookupError("broken")

    with pytest.raises(LookupError, match="broken"):
        fragment.join(rows())


def test_a_value_may_use_the_fragment_it_is_in() -> None:
    fragment = Fragment("<b>{x}{y}</b>")

    class Nested:
        def __html__(self) -> str:
            return fragment("<", fragment.join([("&", 1)]))

    assert fragment(Nested(), Nested()) == "<b>" + "<b>&lt;<b>&amp;1</b></b>" * 2 + "</b>"


def test_many_threads_use_one_fragment() -> None:
    fragment, wrong = Fragment(ROW), []

    def work(name: str) -> None:
        for i in range(3000):
            if (
                fragment(name, f"/{i}", "<" + name)
                != f'<li class="{name}"><a href="/{i}">&lt;{name}</a></li>'
            ):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "é", "€", "😀")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# ---- template strings ----


def hole(value: Any, expression: str = "x", conversion: str | None = None, format_spec: str = "") -> Any:
    return types.SimpleNamespace(
        value=value, expression=expression, conversion=conversion, format_spec=format_spec
    )


def template(*parts: Any) -> Any:
    """A stand-in of the shape of string.templatelib.Template: strings and holes in turn."""
    return types.SimpleNamespace(strings=parts[::2], interpolations=parts[1::2])


def test_template_strings_follow_the_same_rules() -> None:
    row = template(
        '<a href="', hole("javascript:f()", "url"), '">{', hole("<b>"), "}", hole(SafeString("<i>")), "</a>"
    )
    assert html(row) == '<a href="#">{&lt;b&gt;}<i></a>'
    assert type(html(row)) is SafeString
    assert html(template("<p>plain</p>")) == "<p>plain</p>"
    assert html(template("<p>", hole(3.14159, format_spec=".2f"), "", hole("<", conversion="r"), "</p>")) == (
        "<p>3.14&#x27;&lt;&#x27;</p>"
    )
    assert html(template("<p>", hole(row), "</p>")) == f"<p>{html(row)}</p>"


def test_template_strings_are_refused_with_the_column_in_the_string() -> None:
    bad = template("<p>", hole("x", "user['name']"), "</p><b a=", hole("y", "value"), "></b>")
    with pytest.raises(ValueError, match=r"^line 1, column 27: .*without quotes"):
        html(bad)
    with pytest.raises(TypeError, match="html\\(\\) takes a template string"):
        html("<p>")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="64 is the limit"):
        html(template(*[part for i in range(65) for part in ("", hole(i))], ""))


@pytest.mark.skipif(sys.version_info < (3, 14), reason="t-strings are new in Python 3.14")
def test_real_template_strings() -> None:
    namespace: dict[str, Any] = {"html": html, "x": "<", "url": "javascript:f()"}
    exec("got = html(t'<a href=\"{url}\">{x}{x!r}{3.14159:.2f}</a>')", namespace)
    assert namespace["got"] == '<a href="#">&lt;&#x27;&lt;&#x27;3.14</a>'


# ---- the page about it ----


def test_the_documentation_runs() -> None:
    page = (Path(__file__).resolve().parent.parent / "docs/fragments.md").read_text(encoding="utf-8")
    namespace: dict[str, Any] = {"__name__": "fragments"}
    for code in re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        exec(compile(code, "docs/fragments.md", "exec"), namespace)
    log = namespace["LINE"].join([{"level": "info", "at": "9:41", "text": "<up>"}])
    assert log == '<li class="info"><time>9:41</time> &lt;up&gt;</li>'


# ---- leaks ----


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="resident memory is read from /proc")
@pytest.mark.skipif("asan" in os.environ.get("LD_PRELOAD", ""), reason="ASan keeps what is freed")
def test_resident_memory_does_not_grow() -> None:
    def resident() -> int:
        gc.collect()
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    def rounds(n: int) -> None:
        for i in range(n):
            fragment = Fragment(ROW.replace("li", f"l{i % 9}"))
            fragment(kind=f"é{i}", url=f"/{i}", text=escape(f"<€{i}" * 20))
            fragment.join([(i, Html(), "😀" * 9), {"kind": None, "url": 1.5, "text": gettext_lazy("<")}])
            html(template("<p>", hole(i, f"x{i}"), "</p>"))
            for wrong in ("<p {x}>" + "y" * 99, ROW[:-4]):
                with pytest.raises(ValueError):
                    Fragment(wrong)
            for value in (Broken(), NotText()):
                with pytest.raises((LookupError, TypeError)):
                    fragment.join([(1, 2, "x" * 99), (1, 2, value)])
            with pytest.raises(TypeError):
                fragment(nothing=i)

    rounds(2000)
    before = resident()
    rounds(20_000)
    assert resident() - before < 1 << 20
