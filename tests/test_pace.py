"""Pacing by a clock of the test's own: nothing lost, nothing late, no pause that the source does not make."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_segment import TEXTS

from djust_stream.sources.pace import Pacer
from djust_stream.sources.segment import ends

STEP_S = 1 / 60
LAG_S = 1.0

Shown = list[tuple[float, str]]
bursts = st.lists(
    st.tuples(
        st.floats(0, 3), st.sampled_from(TEXTS) | st.text(max_size=30) | st.text("ab \n", max_size=200)
    ),
    max_size=12,
)


def play(bursts: Shown, unit: str = "word", max_lag_s: float = LAG_S) -> Shown:
    """What is shown and when; a burst is (seconds since the last one, text)."""
    pacer, shown, now, at = Pacer(unit, max_lag_s), [], 0.0, 0.0
    for gap_s, text in bursts:
        at += gap_s
        while now + STEP_S < at:
            now += STEP_S
            shown.append((now, pacer.take(now)))
        now = at
        pacer.feed(text, at)
        shown.append((at, pacer.take(at)))
    pacer.end(now, 0.25)
    while pacer.pending:
        now += STEP_S
        shown.append((now, pacer.take(now)))
        assert now - at < 0.25 + 2 * STEP_S
    return [(at, text) for at, text in shown if text]


def arrivals(bursts: list[tuple[float, str]]) -> list[float]:
    """When each character came."""
    at, found = 0.0, []
    for gap_s, text in bursts:
        at += gap_s
        found += [at] * len(text)
    return found


@given(bursts, st.sampled_from(["word", "grapheme"]), st.sampled_from([0.1, 0.5, 1.0, 5.0]))
def test_nothing_is_lost_nothing_is_late(
    bursts: list[tuple[float, str]], unit: str, max_lag_s: float
) -> None:
    shown = play(bursts, unit, max_lag_s)
    assert "".join(text for _, text in shown) == "".join(text for _, text in bursts)
    came = arrivals(bursts)
    upto = 0
    for at, text in shown:
        assert all(
            -1e-9 <= at - begin <= max_lag_s + STEP_S + 1e-6 for begin in came[upto : upto + len(text)]
        )
        upto += len(text)


@given(bursts, st.sampled_from(["word", "grapheme"]))
def test_it_is_shown_in_segments_where_the_source_does_not_stall(
    bursts: list[tuple[float, str]], unit: str
) -> None:
    steady = [(gap_s / 50, text) for gap_s, text in bursts]
    text = "".join(text for _, text in steady)
    upto = 0
    # A segment's end is one of the text whole, or of the text before what came later.
    at, sofar, allowed = 0.0, "", set(ends(text, unit))
    for gap_s, piece in steady:
        at, sofar = at + gap_s, sofar + piece
        allowed |= set(ends(sofar, unit)[:-1])
    for _, piece in play(steady, unit):
        upto += len(piece)
        assert upto in allowed


@pytest.mark.parametrize(("gap_s", "size"), [(0.55, 150), (0.2, 40), (0.9, 600), (0.05, 12)])
def test_no_pause_between_bursts(gap_s: float, size: int) -> None:
    """A relay that collects: after the first bursts the text flows, and evenly."""
    rng = random.Random(1)
    text = "the sky is blue as it was " * 400
    bursts = []
    for _ in range(30):
        bursts.append((gap_s * rng.uniform(0.85, 1.15), text[:size]))
        text = text[size:] + text[:size]
    shown = play(bursts)
    begin = 6 * gap_s
    end = sum(gap_s for gap_s, _ in bursts)
    times = [at for at, _ in shown if begin < at < end]
    word_s = gap_s / size * 6  # the longest word at the source's own pace
    assert max(later - at for at, later in pairwise(times)) < 2 * word_s + 2 * STEP_S
    per_step = [len(piece) for at, piece in shown if begin < at < end]
    assert max(per_step) < 3 * (size / gap_s * STEP_S) + 2 * 5


def test_a_steady_source_is_a_token_behind() -> None:
    tokens = [(0.02, f" word{n}") for n in range(200)]
    shown = play(tokens)
    came, upto, lags = arrivals(tokens), 0, []
    for at, text in shown:
        upto += len(text)
        lags.append(at - came[upto - 1])
    assert max(lags[40:]) < 0.02 + 2 * STEP_S


def test_a_slow_source_is_shown_as_it_comes() -> None:
    shown = play([(0.3, "The "), (0.3, "sky "), (0.3, "is "), (0.3, "blue")], "grapheme")
    assert round(shown[0][0], 3) == 0.3


def test_a_pause_is_no_rhythm() -> None:
    """After a tool has run for ten seconds the text is not slower than before."""
    steady = [(0.05, "word ") for _ in range(40)]
    shown = play([*steady, (10, "word "), *steady])
    came, upto, late = arrivals([*steady, (10, "word "), *steady]), 0, []
    for at, text in shown:
        upto += len(text)
        late.append(at - came[upto - 1])
    assert max(late[45:-1]) < 0.15


def test_a_source_that_stalls_within_a_segment() -> None:
    pacer = Pacer("word", LAG_S)
    pacer.feed("The s", 0)
    assert pacer.take(0) == "The " and pacer.take(0.9) == "" and pacer.take(1.0) == "s"
    pacer.feed("ky is", 2)
    assert pacer.take(2) == "ky "
    assert pacer.rest() == "is" and pacer.pending == 0 and pacer.rest() == ""


def test_rest_and_more() -> None:
    pacer = Pacer("grapheme", LAG_S)
    pacer.feed("abc", 0)
    assert pacer.rest() == "abc"
    pacer.feed("de", 0.1)
    assert pacer.take(0.1) == "d"
    pacer.end(0.2, 0.25)
    assert pacer.take(0.5) == "e"
