"""A text source that behaves like a language model: it answers in tokens, and now and then it breaks.

    async for token in answer("Plan a sourdough weekend", 0, lambda: 80): ...

What it says is in answers/*.md; a question it does not know is streamed back as it came.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timezone
from itertools import count
from pathlib import Path
from time import monotonic

ANSWERS = Path(__file__).parent / "answers"
QUESTIONS = {
    "How does a token reach my screen?": "token",
    "Write a debounce in three languages": "debounce",
    "Plan a sourdough weekend": "bread",
    "Say good morning around the world": "morning",
    "Draft an incident report, and fail half way": "report",
}
FAILS = "report"

TOKEN = re.compile(r"\s*\w{1,6}|\s*[^\w\s]{1,3}|\s+")


class ModelError(Exception):
    """The model gave up; its message is shown to the reader."""


def text_of(question: str) -> str:
    """The whole answer, as Markdown."""
    name = QUESTIONS.get(question)
    if name is None:
        return (ANSWERS / "echo.md").read_text(encoding="utf-8") + question
    return (ANSWERS / f"{name}.md").read_text(encoding="utf-8")


async def answer(question: str, attempt: int, rate: Callable[[], float]) -> AsyncIterator[str]:
    """Yield the answer's tokens at `rate()` a second.

    attempt: 0 for the first; one answer fails half way in its first.
    Raises ModelError then.
    """
    tokens = TOKEN.findall(text_of(question))
    fails = QUESTIONS.get(question) == FAILS and attempt == 0
    async for n in ticks(rate):
        if fails and n == len(tokens) // 2:
            raise ModelError("The model closed the connection. What it had written so far is kept.")
        if n == len(tokens):
            return
        yield tokens[n]


async def log_lines(rate: Callable[[], float]) -> AsyncIterator[tuple[str, str]]:
    """Yield (level, line) of a shop that is open all night, `rate()` a second, without end."""
    async for n in ticks(rate):
        level, what = next_event(n)
        now = datetime.now(timezone.utc)
        yield level.lower(), f"{now:%H:%M:%S}  {level:<5}  {what}"


def next_event(n: int) -> tuple[str, str]:
    """What the shop reports as its n-th line."""
    if n % 47 == 23:
        return "ERROR", "payments: upstream timed out after 10 s, the order is kept and tried again"
    if n % 31 == 12:
        return "WARN", 'agent "<script>alert(1)</script>" refused: not a browser'
    if n % 13 == 7:
        return "INFO", f"cache: {random.randint(90, 99)}% hits, {random.randint(2, 9)} keys expired"
    order = f"GET /orders/{random.randint(1000, 9999)}"
    request = random.choice(["GET /", "GET /cart", "GET /search?q=café", "POST /cart", order])
    return "INFO", f"{request} 200 {random.randint(1, 80)} ms"


async def ticks(rate: Callable[[], float]) -> AsyncIterator[int]:
    """Count from 0, `rate()` times a second on average; a late turn is caught up with."""
    due = monotonic()
    for n in count():
        yield n
        due = max(due + 1 / rate(), monotonic() - 0.1)
        await asyncio.sleep(max(0, due - monotonic()))
