"""What every test may ask for: a Chromium page that runs the shipped client.

A missing Chromium is an error that says how to install it, never a skipped test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from page import Browser, Page

pytest_plugins = ["pytester"]

OpenPage = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Open pages as ``Browser.page`` does; closed after the test, and not one of them may have thrown."""
    pages: list[Page] = []

    def open_page(*args: Any, **kwargs: Any) -> Page:
        pages.append(browser.page(*args, **kwargs))
        return pages[-1]

    yield open_page
    errors = [error for page in pages for error in page.errors]
    for page in pages:
        page.close()
    assert errors == []
