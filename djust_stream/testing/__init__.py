"""For your tests: a source cut anywhere, a page without a browser, "any chunking shows the same page".

    from djust_stream.testing import ScriptedSource, assert_same_page

    def test_chat(monkeypatch):
        source = ScriptedSource("Hello **world**")
        monkeypatch.setattr("myapp.llm.tokens", source)
        assert_same_page(Chat, source, ask={"question": "Hi"})

With ``pytest_plugins = ["djust_stream.testing"]`` in your conftest.py there are two fixtures as well. It is
no plugin that pytest finds by itself: that would be imported at the start of every run in every environment
that has this package, before Django is set up and before coverage counts. See docs/testing.md.
"""

from __future__ import annotations

from .clock import VirtualLoop, run
from .page import Page
from .same import assert_same_page, play
from .source import ScriptedSource

__all__ = ["Page", "ScriptedSource", "VirtualLoop", "assert_same_page", "play", "run"]

try:
    from .fixtures import scripted_source as scripted_source
    from .fixtures import stream_page as stream_page
except ModuleNotFoundError as error:  # without pytest all but the fixtures is there
    if error.name != "pytest":
        raise
