"""examples/chat as a visitor meets it: both flavours, a real browser, the real SDK, a server on its wire.

The law: both flavours show and do the same. Screenshots go to artefacts/, which git ignores.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from model_server import ANSWER, ENDLESS, KEY, ModelServer
from page import Page
from proxy import Proxy

from djust_stream import render_markdown

ROOT = Path(__file__).resolve().parent.parent
CHAT = ROOT / "examples/chat"
ARTEFACTS = ROOT / "artefacts"
FLAVOURS = ("live", "plain")

TURN = "[...document.querySelectorAll('.turn')].filter((el) => el.checkVisibility()).at(-1)"
REPLY = f"{TURN}.querySelector('.answer')"
PROMPT = "document.querySelector('#prompt')"
BUSY = f"{REPLY}.getAttribute('aria-busy') === 'true'"
IDLE = "document.querySelector('#send')?.checkVisibility() && !document.querySelector('#send').disabled"

Visit = Callable[..., Page]


@contextmanager
def serve(flavour: str, **environment: str) -> Iterator[str]:
    """The example as a process of its own, started as its first line says; the address it prints."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
    command = [sys.executable, str(CHAT / f"{flavour}.py"), "--port", "0"]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=kept | environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        assert process.stdout is not None
        output: list[str] = []
        address = None
        for line in process.stdout:
            output.append(line)
            if address := re.search(r"http://\S+", line):
                break
        assert address, "".join(output)
        # Read on, so that a pipe that is full holds nobody.
        rest = threading.Thread(target=lambda: output.extend(process.stdout or ()))
        rest.start()
        try:
            yield address[0]
        finally:
            process.terminate()
            rest.join(10)
        said = "".join(output)
        assert KEY not in said
        told = [line for line in re.findall(r"^\w+(?:\.\w+)*(?:Error|Exception)\b.*", said, re.MULTILINE)]
        assert all("openai." in line or "sources.errors." in line for line in told), said


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture(scope="module", params=FLAVOURS)
def chat(request: pytest.FixtureRequest, model: ModelServer) -> Iterator[str]:
    """The chat's address; its SDK asks ``model``."""
    with serve(request.param, OPENAI_API_KEY=KEY, OPENAI_BASE_URL=f"{model.url}/text/v1") as address:
        yield address


@pytest.fixture
def visit(chat: str, model: ModelServer, open_page: Visit) -> Visit:
    model.scenario = "text"
    return lambda **context: opened(open_page(url=chat, **context))


def opened(page: Page) -> Page:
    page.wait("window.djust?.liveViewInstance?.viewMounted === true || document.querySelector('#refused')")
    page.wait("document.activeElement.id === 'prompt'")
    return page


def ask(page: Page, question: str) -> None:
    page.do(lambda p: (p.fill("#prompt", question), p.press("#prompt", "Enter")))
    page.wait(f"{TURN}?.querySelector('.question').textContent === {question!r}")


def shot(page: Page, name: str) -> None:
    ARTEFACTS.mkdir(exist_ok=True)
    page.do(lambda p: p.screenshot(path=ARTEFACTS / f"chat-{name}.png"))


def flavour_of(page: Page) -> str:
    return "plain" if page.eval("document.querySelector('#refused') !== null") else "live"


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_it_reads_as_documentation(flavour: str) -> None:
    source = (CHAT / f"{flavour}.py").read_text(encoding="utf-8")
    assert len(source.splitlines()) < 60


def test_two_turns(visit: Visit, model: ModelServer) -> None:
    page = visit()
    ask(page, "Why is the sky blue?")
    page.wait(f"{IDLE} && !({BUSY}) && {REPLY}.textContent !== ''")
    assert page.eval(f"{REPLY}.innerHTML").strip() == render_markdown(ANSWER).strip()
    assert page.eval(f"{PROMPT}.value") == ""
    ask(page, "And at night?")
    page.wait(f"{IDLE} && !({BUSY}) && {REPLY}.textContent !== ''")
    answers = page.eval("[...document.querySelectorAll('.answer')].map((el) => el.textContent.trim())")
    assert [text for text in answers if text] == [page.eval(f"{REPLY}.textContent").strip()] * 2
    sent = [message["content"] for message in model.bodies[-1]["messages"]]
    assert sent[1:] == ["Why is the sky blue?", ANSWER, "And at night?"]
    assert page.eval("document.activeElement.id") == "prompt"


def test_stop_and_ask_again(visit: Visit, model: ModelServer) -> None:
    page = visit()
    model.scenario = ENDLESS
    ask(page, "Tell me a story")
    page.wait(f"{REPLY}.textContent.length > 50 && {BUSY}")
    caret = f"getComputedStyle({REPLY}.querySelector('p'), '::after')"
    assert page.eval(f"{caret}.animationName") == "cursor-blink"
    page.do(lambda p: p.keyboard.press("Escape"))
    assert model.closed.wait(5), "Stop closes the connection to the model"
    page.wait(f"{IDLE} && !({BUSY})")
    kept = page.eval(f"{REPLY}.textContent")
    assert len(kept) > 50
    page.wait("document.activeElement.id === 'prompt'")
    model.scenario = "text"
    page.do(lambda p: p.get_by_role("button", name="Ask again").click())
    page.wait(f"{REPLY}.textContent.trim().startsWith('The sky') && !({BUSY}) && {IDLE}")
    assert [message["content"] for message in model.bodies[-1]["messages"]][1:] == ["Tell me a story"]
    page.wait("![...document.querySelectorAll('.again')].some((el) => el.checkVisibility())")


def test_a_new_turn_comes_into_view(visit: Visit, model: ModelServer) -> None:
    page = visit(viewport={"width": 360, "height": 420})
    field = "document.querySelector('.field').getBoundingClientRect()"
    below = f"{REPLY}.lastElementChild.getBoundingClientRect().bottom - {field}.top"
    for n, scenario in enumerate(("text", "thinking", "tool", "429", "error")):
        model.scenario = scenario
        ask(
            page,
            f"Question {n}, which takes many lines: " + "what is to be said of it on a narrow page? " * 5,
        )
        page.wait(f"{IDLE} && !({BUSY}) && {REPLY}.textContent !== ''")
        page.wait(f"{below} <= 0")
        assert page.eval(f"{REPLY}.getBoundingClientRect().bottom > 0")


def test_a_second_click_changes_nothing(visit: Visit, model: ModelServer) -> None:
    page = visit()
    model.scenario = "error"
    ask(page, "Tell me a story")
    page.wait(f"{REPLY}.querySelector('.dj-stream-retry') !== null && {IDLE}")
    model.scenario = ENDLESS
    asked = len(model.requests)
    page.eval(f"((retry) => {{ retry.click(); retry.click() }})({REPLY}.querySelector('.dj-stream-retry'))")
    page.wait(f"{REPLY}.textContent.length > 50 && {BUSY}")
    assert page.eval("document.querySelector('#stop').checkVisibility()")
    assert len(model.requests) == asked + 1
    page.do(lambda p: p.keyboard.press("Escape"))
    page.wait(f"{IDLE} && !({BUSY})")


def test_a_stopped_answer_is_part_of_what_is_sent_next(visit: Visit, model: ModelServer) -> None:
    page = visit()
    model.scenario = ENDLESS
    ask(page, "Tell me a story")
    page.wait(f"{REPLY}.textContent.length > 50")
    page.do(lambda p: p.get_by_role("button", name="Stop").click())
    page.wait(f"{IDLE} && !({BUSY})")
    model.scenario = "text"
    ask(page, "Shorter, please")
    page.wait(f"{IDLE} && !({BUSY}) && {REPLY}.textContent !== ''")
    _, question, partial, last = model.bodies[-1]["messages"]
    assert (question["content"], last["content"]) == ("Tell me a story", "Shorter, please")
    assert partial["role"] == "assistant" and partial["content"].startswith("word word ")


def test_an_error_that_may_pass_is_asked_again_in_time(visit: Visit, model: ModelServer) -> None:
    page = visit()
    model.scenario = "429"
    ask(page, "Why?")
    retry = f"{REPLY}.querySelector('.dj-stream-retry')"
    page.wait(f"/^Retry \\([1-7] s\\)$/.test({retry}?.textContent) && {retry}.disabled", timeout_s=30)
    assert "too often" in page.eval(f"{REPLY}.querySelector('[role=alert]').textContent")
    shot(page, f"{flavour_of(page)}-error")
    model.scenario = "text"
    page.wait(f"{retry}.textContent === 'Retry' && !{retry}.disabled")
    page.do(lambda p: p.get_by_role("button", name="Retry", exact=True).click())
    page.wait(f"{REPLY}.textContent.trim().startsWith('The sky') && !({BUSY}) && {IDLE}")
    assert page.eval(f"{REPLY}.querySelector('[role=alert], .dj-stream-retry')") is None


def test_an_error_that_will_not_pass_offers_nothing(visit: Visit, model: ModelServer) -> None:
    page = visit()
    model.scenario = "401"
    ask(page, "Why?")
    page.wait(f"{REPLY}.querySelector('[role=alert]') !== null && {IDLE}")
    assert page.eval(f"{REPLY}.querySelector('.dj-stream-retry')") is None


def test_an_empty_question_is_refused_in_words(visit: Visit) -> None:
    page = visit()
    page.do(lambda p: (p.fill("#prompt", "  "), p.press("#prompt", "Enter")))
    page.wait("document.querySelector('.refused')?.textContent === 'Type a question first.'")
    assert page.eval(f"{TURN} === undefined")


def test_labels_states_and_what_is_announced(visit: Visit, model: ModelServer) -> None:
    page = visit()
    model.scenario = ENDLESS
    said = "document.querySelector('.dj-stream-announcer').textContent"
    ask(page, "Tell me a story")
    page.wait(f"{said} === 'Answer is being written' && {BUSY}")
    page.do(lambda p: p.get_by_label("Your question").wait_for())
    controls = "[...document.querySelectorAll('button, textarea')].filter((el) => el.checkVisibility())"
    unnamed = f"{controls}.filter((el) => !(el.labels?.length || el.innerText.trim())).length"
    assert page.eval(unnamed) == 0
    page.do(lambda p: p.keyboard.press("Escape"))
    page.wait(f"{said} === 'Answer stopped' && {IDLE}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1100])
def test_it_fits_and_can_be_read(visit: Visit, model: ModelServer, scheme: str, width: int) -> None:
    page = visit(color_scheme=scheme, viewport={"width": width, "height": 740})
    background = page.eval("getComputedStyle(document.documentElement).backgroundColor")
    channels = [int(number) for number in re.findall(r"\d+", background)[:3]]
    assert (sum(channels) < 200) == (scheme == "dark")
    ask(page, "x" * 300)
    page.wait(f"{IDLE} && !({BUSY}) && {REPLY}.textContent !== ''")
    assert page.eval("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
    shot(page, f"{flavour_of(page)}-{scheme}-{width}")


def test_plain_a_page_that_was_cut_off_goes_on(open_page: Visit, model: ModelServer) -> None:
    model.scenario = "text"
    with serve("plain", OPENAI_API_KEY=KEY, OPENAI_BASE_URL=f"{model.url}/text/v1") as address:
        port = urlsplit(address).port
        assert port
        with Proxy(port) as proxy:
            page = opened(open_page(url=f"http://127.0.0.1:{proxy.port}/"))
            ask(page, "First")
            page.wait(f"{IDLE} && !({BUSY}) && {REPLY}.textContent !== ''")
            model.scenario = ENDLESS
            ask(page, "Second")
            page.wait(f"{REPLY}.textContent.length > 50")
            accepted = proxy.accepted
            proxy.cut()
            page.wait(f"{BUSY} && {REPLY}.textContent.length > 50")
            while proxy.accepted == accepted:
                page.do(lambda p: p.wait_for_timeout(50))
            more = page.eval(f"{REPLY}.textContent.length") + 50
            page.wait(f"{REPLY}.textContent.length > {more}")
            page.do(lambda p: p.keyboard.press("Escape"))
            assert model.closed.wait(5)
            page.wait(f"{IDLE} && !({BUSY})")
            model.scenario = "text"
            ask(page, "Third")
            page.wait(f"{IDLE} && !({BUSY}) && {REPLY}.textContent !== ''")
    sent = [message["content"] for message in model.bodies[-1]["messages"]][1:]
    assert sent[:3] + sent[4:] == ["First", ANSWER, "Second", "Third"] and sent[3].startswith("word word")


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_without_a_key_a_pretend_model_answers(flavour: str, open_page: Visit) -> None:
    with serve(flavour) as address:
        page = opened(open_page(url=address, viewport={"width": 360, "height": 740}, color_scheme="dark"))
        ask(page, "Hello")
        page.wait(f"{BUSY} && {REPLY}.querySelector('ol') !== null", timeout_s=30)
        shot(page, f"{flavour}-pretend-writing")
        page.wait(f"{REPLY}.querySelector('table') !== null && !({BUSY}) && {IDLE}", timeout_s=30)
        assert page.eval("document.documentElement.scrollWidth") <= 360
        code = f"{REPLY}.querySelector('pre code')"
        assert page.eval(f"{code}.scrollWidth > {code}.clientWidth"), "a code block scrolls by itself"
        shot(page, f"{flavour}-pretend")
        ask(page, "Now break")
        page.wait(f"{REPLY}.querySelector('.dj-stream-retry') !== null && {IDLE}", timeout_s=30)
        page.eval("scrollTo(0, 1e6)")
        shot(page, f"{flavour}-pretend-broken")
