"""Held: the HTTP responses that a stream reads from, however deep libraries have wrapped them.

    found = responses_of(stream)      # before it is closed: closing clears what leads to them
    close the stream, then what was found

The law: a stream that was stopped leaves no response open. In

    wrapper.completion_stream → openai.Stream.response      (litellm's sync wrapper has no close)
    generator → generator → generator → response            (google-genai, aiohttp)

closing the outermost closes nothing: a wrapper may have no way to be closed, and a generator that waits at
its ``yield`` lets go of the inner one, which ends when it is collected, some time. Only what leads on is
followed: the variables of suspended generators, and attributes by the names below; never ``self``, a client
or a container, where responses of others may be. Bounded. Checked by tests/test_source_wire.py, with the
SDKs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

#: What the SDKs call what they read from.
_NAMES = (
    *("response", "_response", "http_response", "raw_response"),
    *("response_stream", "streaming_response", "completion_stream"),
    *("stream", "_stream", "raw_stream", "_raw_stream", "iterator", "_iterator"),
)
_MOST = 100


def responses_of(stream: Any) -> list[Any]:
    """The responses, of httpx, aiohttp, requests or urllib3, that a stream holds; outermost first."""
    found: list[Any] = []
    seen = {id(stream)}
    waiting = deque([stream])
    while waiting and len(seen) < _MOST:
        thing = waiting.popleft()
        if _is_response(thing):
            found.append(thing)
            continue
        for inner in _held_by(thing):
            if id(inner) not in seen:
                seen.add(id(inner))
                waiting.append(inner)
    return found


def _held_by(thing: Any) -> Iterator[Any]:
    for name in ("gi_frame", "ag_frame"):
        frame = getattr(type(thing), name, None) and getattr(thing, name)
        if frame is not None:
            for variable, value in frame.f_locals.items():
                if variable != "self" or _is_response(value):
                    yield value
            return
    fields = getattr(thing, "__dict__", None)
    if isinstance(fields, dict):
        for name in _NAMES:
            if (value := fields.get(name)) is not None:
                yield value


def _is_response(thing: Any) -> bool:
    """By what its class has, so that nothing of a stranger's is set off."""
    cls = type(thing)
    return (hasattr(cls, "aclose") or hasattr(cls, "close")) and (
        hasattr(cls, "iter_bytes")  # httpx
        or hasattr(cls, "iter_content")  # requests
        or hasattr(cls, "release_conn")  # urllib3
        or (hasattr(cls, "release") and hasattr(cls, "raise_for_status"))  # aiohttp
    )
