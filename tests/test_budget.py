"""Budgets: no interleaving of answers, in tasks or processes, lets a user have more than the limits say."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import project  # noqa: F401  (sets Django up)
import pytest
from django.core import checks
from django.core.cache import caches
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings
from hypothesis import given, settings
from hypothesis import strategies as st
from test_mixin import new_view
from test_source_run import endless, until

from djust_stream import Budget, BudgetError, StreamResult, collect_stream
from djust_stream import budget as module
from djust_stream.sources import OverloadedError, Usage


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    caches["default"].clear()
    yield
    caches["default"].clear()


async def tokens(count: int, chars: int = 4) -> AsyncIterator[str]:
    for _ in range(count):
        await asyncio.sleep(0)
        yield "x" * chars


def used(tokens: int) -> StreamResult:
    return StreamResult(text="x", first_token_s=0.1, finish_reason="stop", usage=Usage(0, tokens))


# -- the limits ------------------------------------------------------------------------------------


async def test_answers_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.0)
    budget = Budget("ann", streams=2)
    one, _ = await budget.open(), await budget.open()
    with pytest.raises(BudgetError) as caught:
        await budget.open()
    assert (caught.value.what, caught.value.limit, caught.value.retryable) == ("streams", 2, True)
    assert caught.value.code == "budget" and "still being written" in caught.value.message
    await Budget("bob", streams=2).open()  # another one's places
    await one.close(used(1))
    await budget.open()


async def test_a_place_that_is_just_being_given_back_is_waited_for() -> None:
    budget = Budget("ann", streams=1)
    first = await budget.open()
    second = asyncio.create_task(budget.open())
    await asyncio.sleep(0.1)
    await first.close(used(1))
    assert await second


async def test_the_place_of_a_process_that_died_is_free_after_its_lease(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 5.0)
    monkeypatch.setattr(module, "LEASE_S", 1)
    budget = Budget("ann", streams=1)
    dead = await budget.open()
    assert dead._renewal is not None
    dead._renewal.cancel()
    begin = time.monotonic()
    alive = await budget.open()
    assert time.monotonic() - begin > 0.5
    await dead.close(used(1))  # gives back nothing that is another one's
    assert caches["default"].get(budget.place(0)) == alive._token
    monkeypatch.setattr(module, "PATIENCE_S", 1.5)
    with pytest.raises(BudgetError):  # renewed meanwhile
        await budget.open()


async def test_answers_in_a_while() -> None:
    budget = Budget("ann", answers="2/day")
    for _ in range(2):
        await (await budget.open()).close(used(1))
    assert await budget.left() == {"answers": 0}
    with pytest.raises(BudgetError) as caught:
        await budget.open()
    assert caught.value.what == "answers" and 0 < (caught.value.retry_after_s or 0) <= 86400


async def test_an_answer_that_failed_before_its_first_word_is_none() -> None:
    budget = Budget("ann", answers="1/day", tokens="100/day")
    grant = await budget.open(10)
    await grant.close(StreamResult(error=OverloadedError("busy"), finish_reason="error"))
    assert await budget.left() == {"answers": 1, "tokens": 100}


async def test_tokens_are_those_the_provider_tells() -> None:
    budget = Budget("ann", tokens="100/day")
    grant = await budget.open(30)
    assert await budget.left() == {"tokens": 70}  # by estimate, until they are told
    await grant.close(used(99))
    assert await budget.left() == {"tokens": 1}
    await (await budget.open()).close(used(50))  # the one that passes the limit
    assert await budget.left() == {"tokens": 0}
    with pytest.raises(BudgetError, match="100 tokens"):
        await budget.open()


async def test_reserved_tokens_keep_the_limit_and_come_back() -> None:
    budget = Budget("ann", tokens="100/day", reserve=60)
    grant = await budget.open()
    with pytest.raises(BudgetError):
        await budget.open()
    await grant.close(used(10))
    await budget.open()
    with pytest.raises(BudgetError) as caught:
        await Budget("bob", tokens="100/day", reserve=60).open(41)
    assert caught.value.retryable is False  # it will not fit tomorrow, either
    assert await Budget("bob", tokens="100/day").left() == {"tokens": 100}


async def test_a_new_while_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000_000_000.0
    monkeypatch.setattr(module.time, "time", lambda: now)
    budget = Budget("ann", tokens="10/minute")
    grant = await budget.open()
    now += 60
    await grant.close(used(10))  # counts for when it began
    assert await budget.left() == {"tokens": 10}
    await budget.open()


# -- the law, over interleavings ------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 3),
    st.integers(1, 12),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=30),
)
def test_no_interleaving_passes_the_limits(streams: int, answers: int, asks: list[tuple[int, int]]) -> None:
    """Many tasks at once; each takes some turns of the loop over its answer."""
    caches["default"].clear()
    budget = Budget("ann", streams=streams, answers=f"{answers}/day", tokens="20/day", reserve=5)
    running = peak = begun = 0

    async def ask(turns: int, cost: int) -> None:
        nonlocal running, peak, begun
        try:
            grant = await budget.open()
        except BudgetError:
            return
        running, begun = running + 1, begun + 1
        peak = max(peak, running)
        for _ in range(turns):
            await asyncio.sleep(0)
        running -= 1
        await grant.close(used(min(cost, 5)))

    async def all_of_them() -> dict[str, int]:
        await asyncio.gather(*(ask(*step) for step in asks))
        return await budget.left()

    patience, module.PATIENCE_S = module.PATIENCE_S, 0.05
    try:
        left = asyncio.run(all_of_them())
    finally:
        module.PATIENCE_S = patience
    assert peak <= streams and begun <= answers
    assert left["answers"] == answers - begun
    assert 0 <= left["tokens"] <= 20
    assert not [n for n in range(streams) if caches["default"].get(budget.place(n))]


RACE = """
import asyncio, json, sys
from django.conf import settings
settings.configure(CACHES={{"default": {{"BACKEND": "django.core.cache.backends.redis.RedisCache",
                                        "LOCATION": "{url}"}}}})
import django
django.setup()
from djust_stream import Budget, BudgetError, StreamResult
from djust_stream.sources import Usage
budget = Budget("ann", streams=4, answers="100/day", tokens="1000/day", reserve=9)
async def ask():
    try:
        grant = await budget.open()
    except BudgetError as error:
        return error.what
    await grant.close(StreamResult(text="x", first_token_s=0.1, usage=Usage(0, 7)))
    return "begun"
async def main():
    told = []
    for _ in range(10):
        told += await asyncio.gather(*(ask() for _ in range(8)))
    return told
print(json.dumps(asyncio.run(main())))
"""


def test_processes_share_a_budget(tmp_path: Any) -> None:
    import json
    import socket

    assert shutil.which("redis-server"), "apt-get install -y redis-server"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        "redis-server",
        "--port",
        str(port),
        "--save",
        "",
        "--dir",
        str(tmp_path),
        "--bind",
        "127.0.0.1",
    ]
    url = f"redis://127.0.0.1:{port}/0"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as redis:
        try:
            for _ in range(200):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.05)
            code = RACE.format(url=url)
            racers = [
                subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(3)
            ]
            told = [what for racer in racers for what in json.loads(racer.communicate(timeout=120)[0])]
        finally:
            redis.terminate()
    assert told.count("begun") == 100  # of 240; each refusal named its limit
    assert set(told) <= {"begun", "streams", "answers", "tokens"}


# -- with sources and pages ---------------------------------------------------------------------------


async def test_a_refused_source_is_never_asked() -> None:
    asked = []

    def source() -> AsyncIterator[str]:
        asked.append(1)
        return tokens(3)

    budget = Budget("ann", answers="1/day")
    result = await collect_stream(source, budget=budget, prompt="four" * 4)
    assert (result.usage.input_tokens, result.usage.output_tokens, result.usage.estimated) == (4, 3, True)
    with pytest.raises(BudgetError):
        await collect_stream(source, budget=budget, prompt="four" * 4)
    assert asked == [1]


async def test_settings_limit_what_a_page_asks() -> None:
    ends: list[StreamResult] = []
    with override_settings(DJUST_STREAM={"USER_TOKENS": "8/hour"}):
        view, sink = new_view()
        first = await view.stream_from("reply", lambda: tokens(8), prompt="x", on_end=ends.append)
        assert first.complete
        second = await view.stream_from("reply", lambda: tokens(8), on_end=ends.append)
        assert isinstance(second.error, BudgetError) and second.usage.total_tokens == 0
        [op] = [op for op in sink.ops("reply") if op["op"] == "error"]
        assert "used up" in op["error"] and 0 < op["retry"] <= 3600
        assert ends == [first, second]


async def test_a_stopped_answer_counts_with_its_prompt() -> None:
    with override_settings(DJUST_STREAM={"USER_TOKENS": "1000/hour", "USER_STREAMS": 1}):
        view, sink = new_view()
        prompt = [{"role": "user", "content": "x" * 400}]
        await view.start_stream(
            "reply", view.stream_from, "reply", lambda: endless([]), markdown=False, prompt=prompt
        )
        await until(lambda: sink.text("reply"))
        await view.stop_stream("reply")
        again = await view.stream_from("reply", lambda: tokens(1))  # its place comes free
        assert again.complete
        left = (await view.stream_budget("reply").left())["tokens"]
        assert 100 < 1000 - left < 1000


async def test_the_user_is_who_is_logged_in_or_an_address() -> None:
    class User:
        is_authenticated = True
        pk = 5

    view, _ = new_view()
    assert view.stream_user() == "address:unknown"
    view._ws_consumer.scope = scope = {"client": ["10.0.0.9", 1234], "user": None}
    assert view.stream_user() == "address:10.0.0.9"
    scope["user"] = User()
    assert view.stream_user() == "user:5"


# -- bad input --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        {"user": ""},
        {"user": 5},
        {"streams": -1},
        {"streams": 1.5},
        {"answers": "many"},
        {"answers": 5},
        {"tokens": "0/day"},
        {"tokens": "5/year"},
        {"reserve": -1},
        {"reserve": True},
    ],
    ids=repr,
)
def test_what_is_no_budget(arguments: dict[str, Any]) -> None:
    [value] = arguments.values()
    with pytest.raises((TypeError, ValueError)) as caught:
        Budget(**({"user": "ann"} | arguments))
    assert repr(value) in str(caught.value)


async def test_a_cache_that_keeps_nothing_is_told() -> None:
    dummy = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    with override_settings(CACHES=dummy), pytest.raises(ImproperlyConfigured, match="USER_CACHE"):
        await Budget("ann", tokens="5/day").open()


@pytest.mark.parametrize(
    ("backend", "told"),
    [
        ("dummy.DummyCache", True),
        ("db.DatabaseCache", True),
        ("filebased.FileBasedCache", True),
        ("locmem.LocMemCache", False),
        ("redis.RedisCache", False),
    ],
)
def test_a_cache_that_loses_counts_is_told_at_start(backend: str, told: bool) -> None:
    cache = {"BACKEND": f"django.core.cache.backends.{backend}", "LOCATION": "x"}
    with override_settings(CACHES={"default": cache}, DJUST_STREAM={"USER_STREAMS": 1}):
        ids = [message.id for message in checks.run_checks(tags=["djust_stream"])]
    assert ("djust_stream.W010" in ids) is told


def test_a_cache_that_is_not_there_is_told_at_start() -> None:
    with override_settings(DJUST_STREAM={"USER_STREAMS": 1, "USER_CACHE": "nowhere"}):
        [message] = [m for m in checks.run_checks(tags=["djust_stream"]) if m.id == "djust_stream.E010"]
    assert "'nowhere'" in message.msg and "CACHES" in str(message.hint)
