"""The README runs: each of its code blocks is executed, in order, and does what the text around it says."""

from __future__ import annotations

import asyncio
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Any

import project  # noqa: F401  sets Django up
import pytest
from channels.testing import WebsocketCommunicator
from django.template import Context, Engine
from page import Browser
from sinks import Consumer

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)

ANSWER = ["The sky", " is **bl", "ue** ", "because…"]


def blocks(language: str) -> list[str]:
    return [code for word, code in BLOCKS if word == language]


def test_every_language_is_run_here() -> None:
    assert {language for language, _ in BLOCKS} == {"sh", "python", "html", "javascript"}


@pytest.fixture
def llm(monkeypatch: pytest.MonkeyPatch) -> None:
    """The module the README calls ``myapp.llm``."""

    async def tokens(question: str) -> AsyncIterator[str]:
        for token in ANSWER:
            yield token

    module = ModuleType("myapp.llm")
    module.tokens = tokens  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "myapp", ModuleType("myapp"))
    monkeypatch.setitem(sys.modules, "myapp.llm", module)


def run_block(naming: str) -> dict[str, Any]:
    """Execute the one Python block that contains `naming`."""
    [code] = [code for code in blocks("python") if naming in code]
    namespace: dict[str, Any] = {"__name__": "readme"}
    exec(compile(code, "README.md", "exec"), namespace)
    return namespace


async def test_view_streams_the_answer(llm: None) -> None:
    view = run_block("LiveView")["Chat"]()
    view._ws_consumer = consumer = Consumer()
    await view.ask(question="Why is the sky blue?")
    for _ in range(500):
        if '"done"' in "".join(consumer.sink.messages[-1:]):
            break
        await asyncio.sleep(0.01)
    ops = consumer.sink.ops("answer")
    assert [ops[0]["op"], ops[-1]["op"]] == ["start", "done"]
    assert "<strong>blue</strong>" in "".join(op.get("html", "") for op in ops)


async def test_consumer_streams_the_answer(llm: None) -> None:
    socket = WebsocketCommunicator(run_block("StreamConsumer")["Chat"].as_asgi(), "/ws/chat/")
    await socket.connect()
    await socket.send_json_to({"question": "Why is the sky blue?"})
    ops: list[Any] = []
    while not ops or ops[-1]["op"] != "done":
        ops += (await socket.receive_json_from(timeout=10))["ops"]
    await socket.disconnect()
    assert ops[0]["op"] == "start"
    assert "<strong>blue</strong>" in "".join(op.get("html", "") for op in ops)


def test_rendering() -> None:
    run_block("render_markdown")


def test_page_is_a_django_template() -> None:
    [source] = blocks("html")
    engine = Engine(libraries={"djust_stream": "djust_stream.templatetags.djust_stream"})
    html = engine.from_string(source).render(Context({}))
    assert 'type="module"' in html and 'data-url="/ws/chat/"' in html


def test_javascript_runs(browser: Browser) -> None:
    [source] = blocks("javascript")
    source = source.replace("/static/djust_stream/djust-stream.js", "/djust-stream.js")
    page = browser.page(head='<script type="module" src="/readme.js"></script>', files={"/readme.js": source})
    page.eval("document.dispatchEvent(new CustomEvent('stream:done', {detail: {stream: 'answer'}}))")
    page.wait("performance.getEntriesByName(location.origin + '/readme.js').length === 1")
    assert "log: answer is complete" in page.console
    assert page.errors == []
    page.close()


COMMANDS = [line.split("#")[0].strip() for code in blocks("sh") for line in code.splitlines()]


@pytest.mark.parametrize("command", COMMANDS)
def test_command_exists(command: str) -> None:
    program, *arguments = shlex.split(command)
    if program == "make":
        assert shutil.which("make")
        dry_run = ["make", "--dry-run", "--silent", *arguments]
        subprocess.run(dry_run, cwd=ROOT, check=True, capture_output=True)
    else:
        assert (program, arguments[0]) == ("pip", "install")
        [extra] = re.findall(r"^\.\[(\w+)\]$", arguments[1])
        assert f"\n{extra} = [" in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert target.startswith("https://") or (ROOT / target).exists(), target
    for pattern in re.findall(r"`(tests/[^`]+)`", README):
        assert list(ROOT.glob(pattern)), pattern


def test_fragments() -> None:
    run_block("Fragment")


def test_every_setting_is_named() -> None:
    from djust_stream.conf import SETTINGS

    assert set(re.findall(r'^\| `"(\w+)"`', README, re.MULTILINE)) == set(SETTINGS)
