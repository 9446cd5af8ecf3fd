"""The fixtures of djust_stream.testing.

def test_chat(scripted_source):
    source = scripted_source("myapp.llm.tokens", "Hello **world**")      # in its place until the test ends
    assert_same_page(Chat, source, ask={"question": "Hi"})
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .page import Page
from .source import ScriptedSource


@pytest.fixture
def scripted_source(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ScriptedSource]:
    """Puts a ScriptedSource where your code looks for the function that asks a model.

    ``scripted_source("myapp.llm.tokens", *script, shape=None)`` returns it.
    """

    def put(place: str, *script: Any, **options: Any) -> ScriptedSource:
        source = ScriptedSource(*script, **options)
        monkeypatch.setattr(place, source)
        return source

    return put


@pytest.fixture
def stream_page() -> Page:
    """A page without a browser, for frames of your own: ``stream_page.apply(message)``."""
    return Page()
