"""What a model's stream says, the same for every provider: events, usage, the result.

Event("text", "Hello")                  Event("thinking", "The user greets…")
Event("tool_call", '{"city"', {"index": 0, "id": "call_1", "name": "weather"})
Event("finish", "stop")                 Event("usage", data=Usage(12, 34))
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from .errors import SourceError


class Event(NamedTuple):
    """One thing that a chunk says.

    kind: "text"; "refusal" (text as well: the model's own words when it declines); "thinking";
    "tool_call" (text: the next piece of the arguments' JSON; data: index, and id and name when they are
    told); "citation" (text: its address, data: what the provider says); "usage" (data: Usage);
    "finish" (text: the reason, of FINISH's words); "error" (data: the provider's error).
    """

    kind: str
    text: str = ""
    data: Any = None


@dataclass(slots=True)
class Usage:
    """Tokens, as the provider counts them; estimated when it has not told."""

    input_tokens: int = 0
    output_tokens: int = 0
    thinking_tokens: int = 0  # part of output_tokens, or beside them: as the provider has it
    cached_tokens: int = 0  # part of input_tokens, or beside them: as the provider has it
    estimated: bool = False

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    def update(self, later: Usage) -> None:
        """What a later chunk tells stands; Anthropic tells input at the start and output at the end."""
        for name in ("input_tokens", "output_tokens", "thinking_tokens", "cached_tokens"):
            setattr(self, name, getattr(later, name) or getattr(self, name))


@dataclass(slots=True)
class ToolCall:
    """A call that the model asks for; arguments is JSON, whole once the stream has finished."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(slots=True)
class StreamResult:
    """What a source has brought, also when it was stopped or has failed.

    finish_reason: "stop", "length", "tool_calls", "content_filter" or the provider's own word;
    "stopped" (by stop_stream), "cancelled" (its task, or the page closed), "error"; None for a source that
    tells no reason, such as an iterator of str.
    """

    text: str = ""
    thinking: str = ""
    tool_calls: list[ToolCall] = field(default_factory=list)
    citations: list[str] = field(default_factory=list)
    usage: Usage = field(default_factory=lambda: Usage(estimated=True))
    finish_reason: str | None = None
    error: SourceError | None = None
    chunks: int = 0
    first_token_s: float | None = None
    duration_s: float = 0.0

    @property
    def stopped(self) -> bool:
        return self.finish_reason in ("stopped", "cancelled")

    @property
    def complete(self) -> bool:
        """The source has come to its end by itself."""
        return self.error is None and not self.stopped and self.finish_reason != "error"

    @property
    def tokens_per_s(self) -> float:
        return self.usage.output_tokens / self.duration_s if self.duration_s else 0.0


def estimate_tokens(text: str) -> int:
    """About how many tokens a text is: an estimate, for budgets and displays, never for a bill.

    Four characters of an alphabet to a token; of other scripts (CJK, Thai, emoji) two tokens to three.
    """
    wide = 0 if text.isascii() else sum(character > "\u0dff" for character in text)
    return -(-(len(text) - wide) // 4) + -(-wide * 2 // 3)


def estimate_prompt(prompt: Any) -> int:
    """About how many tokens a prompt is: a text, or messages in any provider's format."""
    if isinstance(prompt, str):
        return estimate_tokens(prompt)
    if isinstance(prompt, Mapping):
        return sum(estimate_prompt(prompt.get(name)) for name in ("content", "parts", "text"))
    if isinstance(prompt, list | tuple):
        return sum(estimate_prompt(part) for part in prompt)
    return 0
