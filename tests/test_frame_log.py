"""FrameLog: what is asked for is what was appended, from any thread; nothing for the collector."""

from __future__ import annotations

import gc
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from djust_stream._core import FrameLog

MOST = 4096


@given(st.lists(st.text(max_size=200) | st.integers(0, 3000).map("x".__mul__), max_size=120))
def test_the_frames_after_any_seq_are_those_appended(frames: list[str]) -> None:
    log = FrameLog(MOST)
    assert (log.first, log.last, log.after(0)) == (1, 0, [])
    for seq, frame in enumerate(frames, 1):
        log.append(seq, frame)
        assert log.last == seq and log.first <= seq
    kept = frames[log.first - 1 :]
    assert sum(len(frame.encode()) for frame in kept[:-1]) <= MOST
    assert log.first == 1 or sum(len(frame.encode()) + 4 for frame in frames[log.first - 2 : -1]) > MOST / 2
    for seq in range(len(frames) + 1):
        assert log.after(seq) == (None if seq + 1 < log.first else frames[seq:])
    assert log.after(len(frames) + 1) == []


def test_a_lone_surrogate_has_become_what_a_frame_can_carry() -> None:
    log = FrameLog(MOST)
    log.append(1, "a\ud800b")
    assert log.after(0) == ["a\ufffdb"]


def test_bad_arguments_say_what_is_wrong() -> None:
    log = FrameLog(MOST)
    with pytest.raises(TypeError, match="frame must be str, not bytes"):
        log.append(1, b"frame")  # type: ignore[arg-type]
    log.append(3, "frame")
    for wrong in (0, 2, 3):
        with pytest.raises(ValueError, match=f"frame {wrong} comes after frame 3"):
            log.append(wrong, "frame")
    for call in (log.after, lambda seq: log.append(seq, "frame")):
        with pytest.raises(OverflowError):
            call(-1)
    with pytest.raises(TypeError):
        log.after("1")  # type: ignore[arg-type]
    for wrong in (-1, 2 << 30):
        with pytest.raises(ValueError, match="most_bytes must be from 0 to 1 GiB"):
            FrameLog(wrong)
    assert log.after(2) == ["frame"]


def test_after_a_gap_those_before_are_gone() -> None:
    log = FrameLog(MOST)
    log.append(1, "a")
    log.append(2, "b")
    assert log.after(0) == ["a", "b"]
    log.append(5, "e")
    assert (log.first, log.last) == (5, 5)
    assert (log.after(1), log.after(3), log.after(4), log.after(5)) == (None, None, ["e"], [])


def test_a_seq_that_no_stream_reaches_has_nothing_after_it() -> None:
    log = FrameLog(MOST)
    log.append(1, "frame")
    assert log.after(2**64 - 1) == [] == log.after(2**53)


def test_the_collector_never_sees_it() -> None:
    log = FrameLog(MOST)
    log.append(1, "frame")
    assert not gc.is_tracked(log)
    before = len(gc.get_objects())
    for number in range(2, 1000):
        log.append(number, f"frame {number}")
    assert len(gc.get_objects()) <= before + 10


def test_a_thread_may_ask_while_another_appends() -> None:
    log = FrameLog(MOST)
    wrong: list[object] = []
    done = threading.Event()

    def follow() -> None:
        seq = 0
        while not done.is_set() or seq < log.last:
            frames = log.after(seq)
            if frames is None:
                seq = log.first - 1
                continue
            if frames != [f"frame {number}" for number in range(seq + 1, seq + 1 + len(frames))]:
                wrong.append((seq, frames))
            seq += len(frames)

    threads = [threading.Thread(target=follow) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(1, 20_001):
        log.append(number, f"frame {number}")
    done.set()
    for thread in threads:
        thread.join()
    assert not wrong and log.last == 20_000
