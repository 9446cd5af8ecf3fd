"""The demo as a visitor meets it: a real server, a real browser.

The law: every page of these tests ends without an error in its console, which is where a violation of the
demo's Content-Security-Policy would show. Screenshots go to artefacts/, which git ignores.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from page import Page

from djust_stream import render_markdown
from djust_stream.demo import model

ROOT = Path(__file__).resolve().parent.parent
ARTEFACTS = ROOT / "artefacts"
QUESTIONS = list(model.QUESTIONS)
[FAILING] = [question for question, name in model.QUESTIONS.items() if name == model.FAILS]
LONG = next(question for question, name in model.QUESTIONS.items() if name == "debounce")

TURN = "document.querySelector('.turn:last-child')"
ANSWER = f"{TURN}.querySelector('.answer')"
STATE = f"{TURN}?.dataset.state"

# The answer without what the page itself has put into it, and the same of a whole rendering.
COMPARE = """(html) => {
    const shown = document.querySelector('.turn:last-child .answer').cloneNode(true);
    for (const extra of shown.querySelectorAll('.copy')) extra.remove();
    const template = document.createElement('template');
    template.innerHTML = html;
    return [shown.innerHTML, template.innerHTML];
}"""

SET_RATE = """(rate) => {
    const slider = document.querySelector('#rate');
    slider.value = rate;
    slider.dispatchEvent(new Event('input'));
}"""

Visit = Callable[..., Page]


@contextmanager
def serve() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The demo as a process of its own, and the address it prints."""
    command = [sys.executable, "-m", "djust_stream.demo", "--port", "0"]
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, cwd=ROOT, text=True, **pipes) as process:
        assert process.stdout is not None
        addresses = (re.search(r"http://\S+", line) for line in process.stdout)
        address = next(filter(None, addresses), None)
        assert address, "the demo ended without printing its address"
        yield process, address[0]
        process.terminate()


@pytest.fixture(scope="module")
def demo() -> Iterator[str]:
    """The demo's address."""
    with serve() as (_, address):
        yield address


@pytest.fixture
def visit(demo: str, open_page: Visit) -> Iterator[Visit]:
    """Open the demo, connected; at the end no page may have had anything to complain about."""
    pages: list[Page] = []

    def visit(rate: int = 500, **context: Any) -> Page:
        page = open_page(url=demo, **context)
        pages.append(page)
        page.wait("document.querySelector('#state').dataset.state === 'open'")
        set_rate(page, rate)
        return page

    yield visit
    complaints = [line for page in pages for line in page.console if line.startswith(("error", "warning"))]
    assert complaints == []


def set_rate(page: Page, rate: int) -> None:
    page.eval(SET_RATE, rate)


def choose(page: Page, question: str) -> None:
    page.do(lambda p: p.get_by_role("button", name=question, exact=True).click())


def ended(page: Page) -> str:
    page.wait(f"{STATE} !== undefined && {STATE} !== 'streaming'", timeout_s=30)
    return str(page.eval(STATE))


def shot(page: Page, name: str) -> None:
    ARTEFACTS.mkdir(exist_ok=True)
    page.do(lambda p: p.screenshot(path=ARTEFACTS / f"demo-{name}.png"))


def assert_complete(page: Page, question: str) -> None:
    shown, whole = page.eval(COMPARE, render_markdown(model.text_of(question)))
    assert shown == whole


@pytest.mark.parametrize("question", [question for question in QUESTIONS if question != FAILING])
def test_answer_ends_as_the_whole_rendered_at_once(visit: Visit, question: str) -> None:
    page = visit()
    choose(page, question)
    page.wait(f"{ANSWER}.children.length > 2")
    assert page.eval(f"{ANSWER}.getAttribute('aria-busy')") == "true"
    assert ended(page) == "done"
    assert page.eval(f"{ANSWER}.hasAttribute('aria-busy')") is False
    assert_complete(page, question)
    shot(page, model.QUESTIONS[question])


def test_message_is_streamed_back_safely(visit: Visit) -> None:
    page = visit()
    message = 'Some **bold** text, <script>alert(1)</script> and [a link](javascript:alert(2)) by "me"'
    page.do(lambda p: (p.fill("#question", message), p.press("#question", "Enter")))
    assert ended(page) == "done"
    assert_complete(page, message)
    assert page.eval(f"{ANSWER}.querySelectorAll('script, a[href^=javascript]').length") == 0


def test_stop_keeps_the_text_and_retry_runs_again(visit: Visit) -> None:
    page = visit(rate=100)
    choose(page, LONG)
    page.wait(f"{ANSWER}.textContent.length > 100")
    page.do(lambda p: p.get_by_role("button", name="Stop", exact=True).first.click())
    assert ended(page) == "stopped"
    kept = page.eval(f"{ANSWER}.textContent")
    assert len(kept) > 100
    assert page.eval(f"{TURN}.querySelector('.note').textContent") == "Stopped"
    page.eval("new Promise((resolve) => setTimeout(resolve, 200))")
    assert page.eval(f"{ANSWER}.textContent") == kept, "text came after Stop"

    set_rate(page, 500)
    page.do(lambda p: p.get_by_role("button", name="Retry").click())
    assert ended(page) == "done"
    assert_complete(page, LONG)
    assert page.eval("document.querySelectorAll('.turn').length") == 1


def test_failing_answer_shows_an_alert_and_keeps_its_text(visit: Visit) -> None:
    page = visit()
    choose(page, FAILING)
    assert ended(page) == "failed"
    assert page.eval(f"{ANSWER}.querySelector('h1').textContent") == "Incident report, draft"
    assert "closed the connection" in page.eval(f"{ANSWER}.querySelector('[role=alert]').textContent")
    shot(page, "failed")

    page.do(lambda p: p.get_by_role("button", name="Retry").click())
    assert ended(page) == "done"
    assert page.eval(f"{ANSWER}.querySelector('[role=alert]')") is None
    assert_complete(page, FAILING)


def test_log_grows_is_escaped_and_pruned(visit: Visit) -> None:
    page = visit(viewport={"width": 1280, "height": 800})
    lines = "document.querySelectorAll('#log > .line')"
    page.do(lambda p: p.click("#tail"))
    page.wait(f"{lines}.length > 20")
    first = page.eval(f"{lines}[0].textContent")
    page.wait(f"{lines}.length === 200", timeout_s=20)
    page.wait(f"(first) => {lines}[0].textContent !== first", first)
    assert page.eval(f"{lines}.length") == 200
    assert page.eval("document.querySelector('#log').textContent.includes('<script>alert(1)</script>')")
    assert page.eval("document.querySelectorAll('#log script').length") == 0
    page.do(lambda p: p.click("#tail"))
    page.wait("!document.querySelector('#log').hasAttribute('data-stream-active')")
    assert page.eval("document.querySelector('#tail').textContent") == "Start"


def test_keyboard_alone(visit: Visit) -> None:
    page = visit(rate=100)
    assert page.eval("document.activeElement.id") == "question"
    page.do(lambda p: (p.keyboard.type("one"), p.keyboard.press("Shift+Enter"), p.keyboard.type("two")))
    assert page.eval("document.querySelector('#question').value") == "one\ntwo"
    page.do(lambda p: (p.keyboard.press("Control+a"), p.keyboard.type(LONG), p.keyboard.press("Enter")))
    page.wait(f"{ANSWER}?.textContent.length > 20")
    page.do(lambda p: p.keyboard.press("Escape"))
    assert ended(page) == "stopped"

    # From the field on: what has the focus shows it, and the skip link, the first of all, leads back.
    page.do(lambda p: p.keyboard.press("Tab"))
    assert page.eval("document.activeElement.id") == "send"
    assert page.eval("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert page.eval("document.querySelector('a, button, input, textarea').className") == "skip"
    page.do(lambda p: (p.focus(".skip"), p.keyboard.press("Enter")))
    page.wait("document.activeElement.id === 'question'")

    controls = "[...document.querySelectorAll('button, input, textarea, [tabindex]')]"
    visible = f"{controls}.filter((el) => el.checkVisibility())"
    assert (
        page.eval(f"{visible}.filter((el) => !(el.labels?.length || el.ariaLabel || el.innerText)).length")
        == 0
    )


def test_view_follows_unless_scrolled_away(visit: Visit) -> None:
    page = visit(rate=300, viewport={"width": 1280, "height": 600})
    gap = "document.documentElement.scrollHeight - scrollY - innerHeight"
    choose(page, LONG)
    page.wait("scrollY > 400")
    page.eval("scrollBy(0, -300)")
    left = page.eval("scrollY")
    page.wait(f"{gap} > 600")
    assert page.eval("scrollY") == left
    page.do(lambda p: p.get_by_role("button", name="Latest").click())
    assert ended(page) == "done"
    page.wait(f"{gap} < 2")


def test_light_and_dark(visit: Visit) -> None:
    background = "getComputedStyle(document.documentElement).backgroundColor"
    dark, light = (visit(color_scheme=scheme) for scheme in ("dark", "light"))
    colours = dark.eval(background), light.eval(background)
    assert colours[0] != colours[1]
    shot(dark, "dark")
    light.do(lambda p: p.click("#theme"))
    assert light.eval(background) == colours[0]
    light.do(lambda p: p.reload())
    assert light.eval(background) == colours[0], "the choice was forgotten"


def test_small_screen_and_reduced_motion(visit: Visit) -> None:
    page = visit(rate=100, viewport={"width": 360, "height": 640}, reduced_motion="reduce")
    choose(page, LONG)
    page.wait(f"{ANSWER}.querySelector('pre') !== null")
    caret = "(selector) => getComputedStyle(document.querySelector(selector), '::after').animationName"
    assert page.eval(caret, ".answer pre:last-child > code") == "none"
    page.do(lambda p: p.keyboard.press("Escape"))
    ended(page)
    assert page.eval("document.documentElement.scrollWidth") <= 360, "the page scrolls sideways"
    shot(page, "narrow")


def test_code_can_be_copied(visit: Visit) -> None:
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    choose(page, LONG)
    assert ended(page) == "done"
    page.do(lambda p: p.get_by_role("button", name="Copy", exact=True).first.click())
    page.wait(f"{ANSWER}.querySelector('.copy').textContent === 'Copied'")
    assert page.eval("navigator.clipboard.readText()").startswith("import asyncio\n")


def test_meter_counts(visit: Visit) -> None:
    page = visit()
    choose(page, QUESTIONS[0])
    assert ended(page) == "done"
    tokens = len(model.TOKEN.findall(model.text_of(QUESTIONS[0])))
    page.wait(f"{TURN}.querySelector('[data-meter=tokens]').textContent === '{tokens}'")
    frames = int(page.eval(f"{TURN}.querySelector('[data-meter=frames]').textContent"))
    assert 10 < frames < tokens


def test_port_that_is_taken_is_told(demo: str) -> None:
    port = demo.rsplit(":", 1)[1].strip("/")
    command = [sys.executable, "-m", "djust_stream.demo", "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 1
    assert done.stderr.startswith(f"Cannot listen on 127.0.0.1:{port}")


def test_ctrl_c_ends_it_quietly(open_page: Visit) -> None:
    with serve() as (process, address):
        page = open_page(url=address)
        choose(page, LONG)
        page.wait(f"{ANSWER}.textContent.length > 20")
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=10)
        assert (process.returncode, output.strip()) == (0, "")
        page.wait("document.querySelector('#state').dataset.state === 'closed'")
        assert ended(page) == "failed"
        assert page.eval(f"{ANSWER}.textContent.length") > 20


def test_consumer_reads_as_documentation() -> None:
    source = (ROOT / "djust_stream/demo/consumer.py").read_text(encoding="utf-8")
    assert len(source.splitlines()) < 60
