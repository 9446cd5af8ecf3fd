"""Conversation: what stays true whatever is asked, answered, stopped and asked again."""

from __future__ import annotations

import json
from typing import Any

import project  # noqa: F401  (sets Django up)
import pytest
from hypothesis import given
from hypothesis import strategies as st

from djust_stream import Conversation, StreamResult, estimate_tokens
from djust_stream.sources import OverloadedError


class Small(Conversation):
    max_turns = 6
    max_chars = 60


def result(text: str, end: str = "stop") -> StreamResult:
    error = OverloadedError("busy") if end == "error" else None
    return StreamResult(text=text, finish_reason=end, error=error)


texts = st.text(st.sampled_from("ab é漢"), max_size=30)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), texts),
        st.tuples(st.just("answer"), texts, st.sampled_from(["stop", "stopped", "cancelled", "error", None])),
    ),
    max_size=40,
)


def play(chat: Conversation, steps: list[Any]) -> list[str]:
    """Do what can be done; the texts of all questions."""
    questions = []
    for kind, text, *end in steps:
        if kind == "ask" and text.strip():
            chat.ask(text)
            questions.append(text)
        elif kind == "answer" and chat:
            chat.answer(result(text, *end))
    return questions


@given(steps)
def test_turns_alternate_are_bounded_and_come_back_from_json(steps: list[Any]) -> None:
    chat = Small()
    questions = play(chat, steps)
    assert [turn["role"] for turn in chat] == (["user", "assistant"] * len(chat))[: len(chat)]
    assert len(chat) <= 6
    assert len(chat) <= 2 or sum(len(turn["text"]) for turn in chat) <= 60
    ids = [turn["id"] for turn in chat[::2]]
    assert ids == sorted(set(ids)) and chat.next_id == (ids[-1] if ids else 0) + 1
    assert [turn["id"] for turn in chat[1::2]] == ids[: len(chat) // 2]
    assert all(turn["state"] in ("done", "stopped", "failed") for turn in chat if turn["role"] == "assistant")
    assert Small(json.loads(json.dumps(chat))) == chat
    assert (chat.question or {"text": None})["text"] == (questions[-1] if questions else None)


@given(steps, st.one_of(st.none(), st.integers(0, 40)))
def test_messages_alternate_fit_and_end_with_the_last_question(steps: list[Any], most: int | None) -> None:
    chat = Conversation()
    questions = play(chat, steps)
    messages = chat.messages(max_tokens=most)
    assert bool(messages) == bool(questions)
    if not questions:
        return
    assert messages[-1] == {"role": "user", "content": questions[-1]}
    assert [message["role"] for message in messages[::-1]] == (["user", "assistant"] * 50)[: len(messages)]
    assert all(message["content"] for message in messages)
    spent = sum(estimate_tokens(message["content"]) for message in messages)
    assert most is None or len(messages) == 1 or spent <= most
    assert chat.messages(system="s", max_tokens=most) == [{"role": "system", "content": "s"}, *messages]
    spoken = [(content["role"], content["parts"][0]["text"]) for content in chat.contents(max_tokens=most)]
    roles = {"user": "user", "assistant": "model"}
    assert spoken == [(roles[message["role"]], message["content"]) for message in messages]


def test_stop_and_retry() -> None:
    chat = Conversation()
    chat.ask("Why?")
    chat.answer(result("Because of", "stopped"))
    assert chat[-1] == {"id": 1, "role": "assistant", "text": "Because of", "state": "stopped"}
    assert chat.messages() == [{"role": "user", "content": "Why?"}]  # asked again, not from where it stopped
    chat.answer(result("Because.", "error"))
    assert [turn["text"] for turn in chat] == ["Why?", "Because."] and chat[-1]["state"] == "failed"
    chat.ask("And?")
    assert [message["content"] for message in chat.messages()] == ["Why?", "Because.", "And?"]
    chat.answer("So.")
    assert chat[-1]["state"] == "done"


def test_an_answer_that_ends_late_takes_no_place() -> None:
    chat = Conversation()
    chat.ask("One?")
    first = chat.answering()
    again = chat.answering()  # Retry
    again(result("Yes."))
    first(result("Ye", "stopped"))
    assert [turn["text"] for turn in chat] == ["One?", "Yes."]
    chat.ask("Two?")
    second = chat.answering()
    chat.ask("Three?")
    third = chat.answering()
    second(result("No", "stopped"))
    assert [turn["text"] for turn in chat] == ["One?", "Yes.", "Three?"]
    third(result("Maybe."))
    third(result("Maybe."))
    assert [turn["text"] for turn in chat] == ["One?", "Yes.", "Three?", "Maybe."]
    assert [message["content"] for message in chat.messages()] == ["One?", "Yes.", "Three?"]
    with pytest.raises(LookupError, match="ask"):
        Conversation().answering()


def test_an_answer_without_a_word_is_not_sent() -> None:
    chat = Conversation()
    chat.ask("One?")
    chat.answer(result("", "error"))
    chat.ask("Two?")
    assert chat.messages() == [{"role": "user", "content": "Two?"}]


@pytest.mark.parametrize("text", ["", " \n", None, 5, b"x"])
def test_a_question_that_is_none(text: Any) -> None:
    with pytest.raises((ValueError, TypeError), match=r"Type a question|a question is a str"):
        Conversation().ask(text)


def test_a_question_that_is_too_long_is_refused_and_nothing_changes() -> None:
    chat = Small([{"role": "user", "text": "a"}])
    with pytest.raises(ValueError, match="61 characters; at most 60 fit"):
        chat.ask("x" * 61)
    assert [turn["text"] for turn in chat] == ["a"]


def test_an_answer_to_nothing() -> None:
    with pytest.raises(LookupError, match="ask"):
        Conversation().answer("yes")


@pytest.mark.parametrize(
    "turns",
    [
        ["hello"],
        [{}],
        [{"role": "assistant", "text": "a"}],
        [{"role": "user", "text": None}],
        [{"role": "system", "text": "a"}],
        [{"role": "user", "text": "a"}, {"role": "user", "text": "b"}],
        [{"role": "user", "text": "a"}, {"role": "assistant", "text": "b", "state": "x"}],
        [{"id": 0, "role": "user", "text": "a"}],
        [{"id": True, "role": "user", "text": "a"}],
        [{"id": 2, "role": "user", "text": "a"}, {"id": 3, "role": "assistant", "text": "b"}],
        [
            {"role": "user", "text": "a"},
            {"role": "assistant", "text": "b"},
            {"id": 1, "role": "user", "text": "c"},
        ],
    ],
)
def test_what_was_saved_is_checked(turns: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"turn|role|ids|state"):
        Conversation(turns)


def test_every_view_has_its_own_and_djust_saves_it() -> None:
    from djust import LiveView
    from djust.live_view import _descriptor_fields

    from djust_stream import StreamingMixin

    class Chat(StreamingMixin, LiveView):
        template = "<div dj-root>{{ chat|length }}</div>"
        chat = Small.state()

    one, two = Chat(), Chat()
    one.chat.ask("Why?")
    assert one.chat is one.chat and len(one.chat) == 1 and two.chat == []
    assert _descriptor_fields(Chat) == {"chat": ("state", "_state_chat")}
    saved = json.loads(json.dumps(one.get_context_data()["chat"]))
    two.chat = saved  # as djust restores it
    assert isinstance(two.chat, Small) and two.chat == one.chat and two.chat is not one.chat
    vars(two)["_state_chat"] = saved
    two.chat.answer("Because.")
    assert len(two.chat) == 2
