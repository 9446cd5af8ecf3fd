"""HTML from values: escape, fragments with holes, template strings.

The law: whatever the values, the page has the elements and attributes that the template shows, and no more,
but for what values that are HTML (``__html__``) bring along in text. csrc/core/fragment.c has the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Protocol

from django.utils.safestring import SafeString

from ._core import Fragment, cut_fragment, escape

__all__ = ["Fragment", "escape", "html"]


class Interpolation(Protocol):
    """A hole of a template string and its value, as ``string.templatelib.Interpolation``."""

    @property
    def value(self) -> Any: ...
    @property
    def expression(self) -> str: ...
    @property
    def conversion(self) -> str | None: ...
    @property
    def format_spec(self) -> str: ...


class Template(Protocol):
    """What ``t"..."`` makes in Python 3.14 and later, as ``string.templatelib.Template``."""

    @property
    def strings(self) -> tuple[str, ...]: ...
    @property
    def interpolations(self) -> Sequence[Any]: ...


_CONVERSIONS: dict[str, Callable[[object], str]] = {"r": repr, "s": str, "a": ascii}

# A template string that stands in the code is compiled once; what a program makes up is forgotten in time.
_compiled = lru_cache(maxsize=1024)(cut_fragment)


def _value(hole: Interpolation) -> Any:
    value = hole.value
    if hole.conversion:
        value = _CONVERSIONS[hole.conversion](value)
    if hole.format_spec:
        value = format(value, hole.format_spec)
    return html(value) if hasattr(value, "interpolations") and hasattr(value, "strings") else value


def html(template: Template) -> SafeString:
    """Render a template string (PEP 750) by the rules of ``Fragment``.

        html(t'<a href="{url}">{text}</a>')

    template: a ``t"..."`` of Python 3.14, or any object with its ``strings`` and ``interpolations``.
        ``{x!r}`` and ``{x:.2f}`` are applied first, and their result is text. A template string as a value
        is HTML.
    Returns a SafeString. Raises ValueError with the reason and the column, counted as if every hole were
    ``{expression}``, where no value is safe; TypeError for anything else than a template string.
    """
    try:
        strings, holes = template.strings, template.interpolations
    except AttributeError:
        message = f'html() takes a template string, t"...", not {type(template).__name__}: see escape()'
        raise TypeError(message) from None
    return _compiled(strings, tuple([hole.expression for hole in holes]))(*map(_value, holes))
