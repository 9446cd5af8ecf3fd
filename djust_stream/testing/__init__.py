"""For your tests of streams: a page without a browser."""

from .page import Page

__all__ = ["Page"]
