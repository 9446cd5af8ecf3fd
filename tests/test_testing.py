"""djust_stream.testing: its page is the client's, its source is cut anywhere, its clock only jumps."""

from __future__ import annotations

import asyncio
import json
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import project  # noqa: F401  (sets Django up)
import pytest
from django.test import override_settings
from djust import LiveView
from djust.decorators import event_handler
from page import Browser, djust, markdown_frames
from page import Page as BrowserPage
from test_client import DJUST_FORM, EXAMPLES, ROOT
from test_client_markdown import TEXTS

from djust_stream import StreamConsumer, StreamingMixin, render_markdown
from djust_stream.sources import SourceError, collect_stream
from djust_stream.testing import Page, ScriptedSource, assert_same_page, play
from djust_stream.testing.clock import VirtualLoop, run
from djust_stream.testing.source import SHAPES

SELECTORS = [
    "p",
    "#x",
    ".a.b",
    "[data-part]",
    '[data-part="2"] > b',
    "div :empty",
    "div > :last-child",
    ":is(p, div)>:last-child",
    ":is([dj-stream='s'] > [data-part=\"1\"])>:first-child",
    "[dj-stream='a\\27 b']",
    "*",
    "li>:last-child>:last-child",
    "nothing",
]
MARKUP = (
    '<p id="x" class="b a">1<i></i></p><div dj-stream="s"><div data-part="1"><b>x</b><i>y</i></div>'
    '<p data-part="2"><b>&amp;</b></p></div><ul dj-stream="a\'b"><li><i>1</i><p>a<em>z</em></p></li></ul>'
)


@pytest.fixture(scope="module")
def client(browser: Browser) -> Iterator[BrowserPage]:
    page = browser.page(ROOT.format(""))
    yield page
    page.close()


# -- the page -----------------------------------------------------------------------------------------


#: Not what a page is sent that comes back: these pages never leave.
FRAMES = [example for example in EXAMPLES if "o" in json.loads(example[1])]


@pytest.mark.parametrize("example", FRAMES, ids=lambda example: str(json.loads(example[1])["o"][0]))
def test_wire(example: tuple[str, str, str]) -> None:
    before, frame, after = example
    assert Page(ROOT.format(before)).apply(frame).html("s") == after


@pytest.mark.parametrize(("before", "ops", "after"), DJUST_FORM)
def test_djust_form(before: str, ops: list[dict[str, Any]], after: str) -> None:
    assert Page(ROOT.format(before)).apply(djust(*ops)).html("s") == after


def test_markdown_ends_as_the_one_shot_render() -> None:
    for text in TEXTS:
        page = Page()
        for frame in markdown_frames([text[at : at + 7] for at in range(0, len(text), 7)]):
            if frame:
                page.apply(frame)
        assert page.html("s") == Page(ROOT.format(render_markdown(text))).html("s"), text
        assert (page.ended, page.gaps, page.unknown, page.active) == ({"s": "done"}, [], [], [])


OPS: list[Any] = [
    ["start"],
    "a",
    ["ta", "c\0"],
    ["tr", ""],
    ["tp", "d&"],
    ["a", "<p>e</p>f"],
    ["p", "<i>g</i>h"],
    ["r", '<ul dir="auto"><li><input type="checkbox"> i</li><li>j<p>k</p></li></ul>'],
    ["delete", "[dj-stream='s'] > p"],
    ["prune", 1, "top"],
    ["prune", 2, "bottom"],
    ["error", "no"],
    ["done"],
    ["done", "stopped"],
    [0, "<p>l</p>"],
    [0, "m"],
    [1, "n<b>o</b>"],
    [2, "p"],
    ["x", 0, 1, 0],
    ["x", 0, 0, 1],
    ["x", 1, 1, 1],
    ["l", 1, 1],
    ["l", 1, 0],
    ["h", 1, '<input type="checkbox"> '],
    ["h", 2, '<input type="checkbox" checked=""> '],
    ["@", [0], "q"],
    ["@", [1, 0], "<em>r</em>"],
    ["@", [0, 1, 0], "s"],
    ["on", "p"],
    ["on", ""],
    ["nonsense"],
]


def test_any_ops_leave_the_page_that_the_client_shows(client: BrowserPage) -> None:
    rng = random.Random(11)
    for _ in range(60):
        ops = [rng.choice(OPS) for _ in range(rng.randint(1, 12))]
        client.eval("html => { document.body.innerHTML = html }", ROOT.format("<p>0</p>1"))
        frames = [{"s": "s", "n": n + 1, "o": [op]} for n, op in enumerate(ops)]
        page = Page(ROOT.format("<p>0</p>1"))
        for frame, theirs in zip(frames, client.apply(frames, "body"), strict=True):
            assert page.apply(frame).root.inner() == theirs.partition('<div class="dj-stream-ann')[0], ops


def test_selectors(client: BrowserPage) -> None:
    from djust_stream.testing.dom import find, parse

    root = parse(MARKUP)
    assert root.inner() == MARKUP
    client.eval("html => { document.body.innerHTML = html }", MARKUP)
    for selector in SELECTORS:
        theirs = client.eval("selector => document.body.querySelector(selector)?.outerHTML", selector)
        found = find(root, selector)
        assert (found and found[0].html()) == theirs, selector
    for unknown in ("a:hover", "p + p", "p ~ p", "::before", "[a^=b]", ">", "a,b"):
        with pytest.raises(ValueError, match="selector"):
            find(root, unknown)


def test_what_else_a_page_tells() -> None:
    page = Page()
    page.apply('{"type":"stream.welcome","form":"compact"}').apply({"s": "a", "n": 1, "o": [["start"], "x"]})
    assert page.messages == [{"type": "stream.welcome", "form": "compact"}]
    assert page.active == page.streams == ["a"]
    page.apply({"s": "a", "n": 3, "o": [["error", "no"], ["new", 1]]})
    assert (page.gaps, page.errors, page.ended) == ([("a", 2, 3)], {"a": "no"}, {"a": "error"})
    assert page.unknown == ["new"] and page.shown() == {"a": page.html("a")} and page.text("a") == "xno"
    with pytest.raises(LookupError, match=r"'b'.*'a'"):
        page.html("b")


# -- the source ---------------------------------------------------------------------------------------

TEXT = "# The *sky*\n\n- is `blue`\n- 天空 👨‍👩‍👧\n\n| a | b |\n|--|--|\n| [x](/y) | z |\n"


@pytest.mark.parametrize("shape", [None, "bytes", "sse", *SHAPES])
def test_a_source_in_any_shape_and_pieces_is_the_text(shape: str | None) -> None:
    source = ScriptedSource(TEXT, 0.5, TEXT, shape=shape)
    cuts = set()
    for seed in (None, *range(30)):
        result = run(collect_stream(source.cut(seed)))
        assert result.text == source.text == TEXT * 2 and result.error is None
        assert result.duration_s >= 0.5
        assert [str(piece) for piece in source.pieces()] == [str(piece) for piece in source.pieces()]
        cuts.add(str(source.pieces()))
    assert len(cuts) > 25
    assert b"".join(p for p in ScriptedSource(TEXT, shape="bytes", seed=3).pieces()).decode() == TEXT


def test_a_source_stands_in_for_the_function_that_asks() -> None:
    source = ScriptedSource("Hello", shape="openai", seed=1)

    async def ask() -> list[str]:
        texts = ["".join([c["choices"][0]["delta"].get("content", "") for c in source("model", stream=True)])]
        texts.append("".join([c.choices[0].delta.get("content", "") async for c in await source()]))
        async with source() as entered:
            texts.append("".join([c.choices[0].delta.get("content", "") async for c in entered]))
        return texts

    assert run(ask()) == ["Hello"] * 3
    assert source.calls == [(("model",), {"stream": True}), ((), {}), ((), {})]
    with pytest.raises(ValueError, match="shape is"):
        ScriptedSource("a", shape="other")


def test_a_source_that_fails() -> None:
    with pytest.raises(SourceError) as raised:
        run(collect_stream(ScriptedSource("half an ", ConnectionResetError(), shape="anthropic")))
    assert raised.value.code == "network"
    source = ScriptedSource("a", 30, "b")
    with pytest.raises(SourceError) as raised:
        run(collect_stream(source, idle_timeout_s=20))
    assert raised.value.code == "timeout"


# -- the clock ------------------------------------------------------------------------------------------


def test_time_only_jumps() -> None:
    async def main() -> list[tuple[str, float]]:
        loop = asyncio.get_running_loop()
        began, seen = loop.time(), []

        async def wait(name: str, seconds: float) -> None:
            await asyncio.sleep(seconds)
            seen.append((name, round(loop.time() - began)))

        await asyncio.gather(wait("b", 3600), wait("a", 60), wait("c", 86400))
        return seen

    began = time.monotonic()
    assert run(main()) == [("a", 60), ("b", 3600), ("c", 86400)]
    assert time.monotonic() - began < 60


def test_a_thread_at_work_is_waited_for() -> None:
    done = threading.Event()

    async def main() -> str:
        def work() -> str:
            done.wait(0.2)
            return "worked"

        return await asyncio.wait_for(asyncio.to_thread(work), 100)

    assert run(main()) == "worked" and run(main()) == "worked"


def test_what_waits_for_nothing_is_an_error() -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(TimeoutError, match="nothing"):
        run(main(), limit_s=0.05)
    loop = VirtualLoop()
    loop.close()


# -- the assertion --------------------------------------------------------------------------------------

tokens = ScriptedSource(TEXT)


class Chat(StreamConsumer):
    """Asks ``tokens``, as an application asks its model."""

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        if content.get("do") == "close":
            await self.close()
        elif content.get("do") != "nothing":
            await self.start_stream("answer", self.answer, content["question"])

    async def answer(self, question: str) -> None:
        async for token in tokens(question):
            await self.stream_markdown("answer", token)


class BadChat(Chat):
    async def answer(self, question: str) -> None:
        async for token in tokens(question):
            await self.stream_markdown("answer", token.strip())


class View(StreamingMixin, LiveView):
    template = '<div dj-root><div dj-stream="answer" dj-update="ignore" id="answer"></div></div>'

    @event_handler()
    async def ask(self, question: str = "", **kwargs: Any) -> None:
        await self.start_stream("answer", self.answer, question)

    async def answer(self, question: str) -> None:
        await self.stream_from("answer", tokens(question))


@pytest.fixture
def patched(monkeypatch: pytest.MonkeyPatch) -> ScriptedSource:
    source = ScriptedSource(TEXT)
    monkeypatch.setattr(sys.modules[__name__], "tokens", source)
    return source


def test_any_chunking_of_a_consumer(patched: ScriptedSource) -> None:
    page = assert_same_page(Chat, patched, ask={"question": "Why?"})
    assert page.html("answer") == Page(ROOT.format(render_markdown(TEXT))).html("s")
    assert patched.calls[0] == (("Why?",), {}) and len(patched.calls) == 21


def test_without_djangos_test_environment(patched: ScriptedSource) -> None:
    with override_settings(ALLOWED_HOSTS=["example.org"]):
        assert play(Chat, patched, ask={"question": "Hi"}).ended == {"answer": "done"}


def test_a_consumer_that_does_not_show_the_same_is_told(patched: ScriptedSource) -> None:
    with pytest.raises(AssertionError, match=r"seed \d+ shows another page") as raised:
        assert_same_page(BadChat, patched, ask={"question": "Why?"})
    assert "pieces:" in str(raised.value)


@override_settings(LIVEVIEW_ALLOWED_MODULES=[__name__])
def test_any_chunking_of_a_djust_view(patched: ScriptedSource) -> None:
    page = assert_same_page(View, patched, ask=("ask", {"question": "Why?"}), seeds=range(4))
    assert page.html("answer") == Page(ROOT.format(render_markdown(TEXT))).html("s")


@pytest.mark.parametrize("smooth", ["off", "word", "grapheme"])
def test_any_chunking_of_a_function(smooth: str) -> None:
    async def answer(view: Any, source: Any) -> None:
        await view.stream_from("answer", source, smooth=smooth)

    page = assert_same_page(answer, TEXT)
    assert page.ended == {"answer": "done"} and "<h1" in page.html("answer")
    page = assert_same_page(answer, ScriptedSource("a *b", 2, "c*", TimeoutError(), shape="openai"))
    assert page.ended == {"answer": "error"} and "<em>bc</em>" in page.html("answer")


def test_what_does_not_end_is_told(patched: ScriptedSource) -> None:
    with pytest.raises(TimeoutError, match="no stream has come"):
        play(Chat, patched, ask={"do": "nothing"})
    with pytest.raises(ConnectionError, match="closes"):
        play(Chat, patched, ask={"do": "close"})
    with pytest.raises(TypeError, match="not a consumer"):
        play(7, patched)


def test_a_consumer_that_raises(patched: ScriptedSource) -> None:
    with pytest.raises(KeyError):
        play(Chat, patched, ask={"other": 1})


def test_the_plugin(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")
    pytester.makeconftest('pytest_plugins = ["djust_stream.testing"]')
    pytester.makepyfile(llm="async def tokens(): yield 'real'")
    pytester.makepyfile(
        """
        import llm
        from djust_stream.testing import assert_same_page

        async def answer(view, source):
            await view.stream_from("s", llm.tokens())

        def test_same(scripted_source, stream_page):
            source = scripted_source("llm.tokens", "Hello **world**")
            assert "<strong>world</strong>" in assert_same_page(answer, source, seeds=range(3)).html("s")
            assert len(source.calls) == 4 and stream_page.streams == []

        def test_restored():
            assert llm.tokens.__name__ == "tokens"
        """
    )
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=2)


def test_it_works_without_pytest_and_is_loaded_by_nobody_else() -> None:
    code = "import sys; sys.modules['pytest'] = None; from djust_stream.testing import Page; Page()"
    subprocess.run([sys.executable, "-c", code], check=True)
    code = "import sys, djust_stream.mixin; sys.exit('djust_stream.testing' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_documentation_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/testing.md: each block in turn, then each test that it defines."""
    page = (Path(__file__).resolve().parent.parent / "docs/testing.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {"__name__": "docs"}
    for code in re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        exec(compile(code, "docs/testing.md", "exec"), names)

    def scripted_source(place: str, *script: Any) -> ScriptedSource:
        assert place == "myapp.llm.tokens"
        monkeypatch.setitem(names, "tokens", source := ScriptedSource(*script))
        return source

    tests = {name: test for name, test in names.items() if name.startswith("test_")}
    assert len(tests) == 4
    for name, test in tests.items():
        test(scripted_source) if name.endswith("fixture") else test()
