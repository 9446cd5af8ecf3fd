"""Conversation: the turns of a chat, bounded, as JSON, and what of them a model is sent.

    class Chat(StreamingMixin, LiveView):
        chat = Conversation.state()                       # one for each view; djust saves it, too

        @event_handler()
        async def ask(self, question="", **kwargs):
            self.chat.ask(question)
            await self.start_stream("reply", self.reply)

        async def reply(self):                            # Retry runs this again
            messages = self.chat.messages(system="Be brief.")
            source = client.chat.completions.create(model=MODEL, messages=messages, stream=True)
            await self.stream_from("reply", source, prompt=messages, on_end=self.chat.answering())

A turn is a dict: ``id`` (the number of the question, and of its answer), ``role`` ("user" or "assistant"),
``text``, and for an answer its ``state``: "done", "stopped" or "failed". A conversation is a list of turns:
JSON, which ``Conversation(saved)`` takes back.

The laws: turns begin with a question and alternate. An answer belongs to the question before it, and one that
comes again (Retry) takes its place; what a stopped or failed answer has brought stays, marked. One that ends
late, when another is being written, takes no place: a connection may be slow to close. What is sent
ends with the last question. At most ``max_turns`` turns and ``max_chars`` characters are kept, the last ones;
no question is cut. Checked by tests/test_conversation.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Generic, TypeVar, overload

from .sources import StreamResult, estimate_tokens

Turn = dict[str, Any]
C = TypeVar("C", bound="Conversation")

ROLES = ("user", "assistant")
STATES = ("done", "stopped", "failed")


class Conversation(list[Turn]):
    """The turns of a chat. Other limits are a subclass's: ``class Short(Conversation): max_turns = 10``."""

    max_turns: ClassVar[int] = 200
    max_chars: ClassVar[int] = 400_000
    _writing: object = None  # stands for the answer that is being written

    def __init__(self, turns: Iterable[Mapping[str, Any]] = ()) -> None:
        """turns: of a saved one. Raises TypeError or ValueError for what is no turn, or not in order."""
        super().__init__()
        for turn in turns:
            self._add(_checked(turn, self[-1] if self else None))

    @classmethod
    def state(cls: type[C]) -> ConversationState[C]:
        """For a class body: each view or consumer has its own; djust saves it with the view's state."""
        return ConversationState(cls)

    # -- what happens -------------------------------------------------------------------------------

    def ask(self, text: str) -> Turn:
        """The user's next turn; a question that was never answered gives way to it.

        Raises ValueError, in words for the user, when it is empty or longer than max_chars.
        """
        if not isinstance(text, str):
            raise TypeError(f"a question is a str, not {text!r:.80}")
        if not text.strip():
            raise ValueError("Type a question first.")
        if len(text) > self.max_chars:
            raise ValueError(f"That is too long: {len(text):,} characters; at most {self.max_chars:,} fit.")
        turn = {"id": self.next_id, "role": "user", "text": text}
        if self and self[-1]["role"] == "user":
            self.pop()
        return self._add(turn)

    def answer(self, result: StreamResult | str) -> Turn:
        """The answer to the last question, whole or not; one that was there gives way to it.

        result: a StreamResult, also of a stopped or failed stream; or the text of a whole answer.
        Raises LookupError when nothing was asked.
        """
        if not self:
            raise LookupError("an answer without a question: ask(text) comes before answer(result)")
        if isinstance(result, str):
            text, state = result, "done"
        else:
            text = result.text
            state = "done" if result.complete else "stopped" if result.stopped else "failed"
        turn = {"id": self[-1]["id"], "role": "assistant", "text": text[: self.max_chars], "state": state}
        if self[-1]["role"] == "assistant":
            self.pop()
        return self._add(turn)

    def answering(self) -> Callable[[StreamResult], None]:
        """What keeps the answer to the last question: an ``on_end`` for stream_from, made when it is called.

        It drops an answer for which it is too late: another question was asked meanwhile, or the same again.
        Raises LookupError when nothing was asked.
        """
        question = self.question
        if question is None:
            raise LookupError("an answer without a question: ask(text) comes before answering()")
        current = self._writing = object()

        def keep(result: StreamResult) -> None:
            if self._writing is current and self.question is question:
                self.answer(result)

        return keep

    # -- what there is ------------------------------------------------------------------------------

    @property
    def question(self) -> Turn | None:
        """The last question."""
        return next((turn for turn in reversed(self) if turn["role"] == "user"), None)

    @property
    def next_id(self) -> int:
        """The id that the next question will have: never one that was there before."""
        last: int = self[-1]["id"] if self else 0
        return last + 1

    def messages(self, *, system: str = "", max_tokens: int | None = None) -> list[dict[str, Any]]:
        """What to send: the turns up to the last question, whose answer is to come (again).

        In the format of OpenAI, which Anthropic, Mistral, Ollama, OpenRouter and litellm take as well.
        system: goes first; Anthropic has a parameter of its own for it.
        max_tokens: when they are more, by estimate, the oldest are left out; the last question stays.
        """
        first = [{"role": "system", "content": system}] if system else []
        return first + [{"role": turn["role"], "content": turn["text"]} for turn in self._asked(max_tokens)]

    def contents(self, *, max_tokens: int | None = None) -> list[dict[str, Any]]:
        """The same in Google's format: ``contents=`` of google-genai."""
        roles = {"user": "user", "assistant": "model"}
        turns = self._asked(max_tokens)
        return [{"role": roles[turn["role"]], "parts": [{"text": turn["text"]}]} for turn in turns]

    def _asked(self, max_tokens: int | None) -> list[Turn]:
        """Questions with an answer that says something, as far back as they fit, and the last question."""
        last = self.question
        if last is None:
            return []
        left = 1e18 if max_tokens is None else max_tokens - estimate_tokens(last["text"])
        asked = [last]
        at = len(self) - 1 - (self[-1] is not last)
        for n in range(at - 2, -1, -2):
            question, answer = self[n], self[n + 1]
            left -= estimate_tokens(question["text"]) + estimate_tokens(answer["text"])
            if left < 0:
                break
            if answer["text"]:
                asked += (answer, question)
        return asked[::-1]

    # -- inside -------------------------------------------------------------------------------------

    def _add(self, turn: Turn) -> Turn:
        self.append(turn)
        chars = sum(len(turn["text"]) for turn in self)
        while len(self) > 2 and (len(self) > self.max_turns or chars > self.max_chars):
            chars -= len(self[0]["text"]) + len(self[1]["text"])
            del self[:2]  # a question and its answer
        return turn


class ConversationState(Generic[C]):
    """What Conversation.state() leaves in a class body."""

    _djust_state_field = True  # how djust knows a state() field: it saves, restores and compares the value

    def __init__(self, kind: type[C]) -> None:
        self._kind = kind
        self.attr_name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.attr_name = f"_state_{name}"

    @overload
    def __get__(self, view: None, owner: type) -> ConversationState[C]: ...

    @overload
    def __get__(self, view: object, owner: type) -> C: ...

    def __get__(self, view: object | None, owner: type) -> ConversationState[C] | C:
        if view is None:
            return self
        value = vars(view).get(self.attr_name, ())
        if not isinstance(value, self._kind):
            value = self._kind(value)  # the first time, or a list that djust has restored
            vars(view)[self.attr_name] = value
        return value

    def __set__(self, view: object, turns: Iterable[Mapping[str, Any]]) -> None:
        vars(view)[self.attr_name] = turns if isinstance(turns, self._kind) else self._kind(turns)


def _checked(turn: object, before: Turn | None) -> Turn:
    """A copy of the turn, if it may follow the one before."""
    if not isinstance(turn, Mapping):
        raise TypeError(f"a turn is a dict such as {{'role': 'user', 'text': 'Hello'}}, not {turn!r:.80}")
    role, text, state = turn.get("role"), turn.get("text"), turn.get("state", "done")
    answers = before is not None and before["role"] == "user"
    least = 1 if before is None else before["id"] if answers else before["id"] + 1
    number = turn.get("id", least)
    if role != ("assistant" if answers else "user"):
        raise ValueError(f"turns alternate, a question first; the role here is {role!r:.80}")
    if not isinstance(text, str):
        raise TypeError(f"the text of a turn is a str, not {text!r:.80}")
    if (
        isinstance(number, bool)
        or not isinstance(number, int)
        or number < least
        or (answers and number > least)
    ):
        raise ValueError(f"the ids of questions grow, and an answer has its question's, not {number!r:.80}")
    if role == "user":
        return {"id": number, "role": role, "text": text}
    if state not in STATES:
        raise ValueError(f"the state of an answer is one of {', '.join(STATES)}, not {state!r:.80}")
    return {"id": number, "role": role, "text": text, "state": state}
