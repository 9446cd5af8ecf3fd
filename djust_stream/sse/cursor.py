"""Cursor: what an event's ``id:`` says, and a reader that comes back sends as Last-Event-ID.

    cursor = Cursor("Vd3…", owner)
    cursor.id(12)                                 # "12.Vd3….k8s…": the seq, the stream, a signature
    Cursor.read("12.Vd3….k8s…", owner)            # (cursor, 12); None: not ours, or not this owner's

The law: an id works for the user or session that it was made for, and no other; none can be made without the
SECRET_KEY. It expires with the log of its stream.
"""

from __future__ import annotations

import re
import secrets
from typing import Any

from django.conf import settings
from django.core.signing import Signer
from django.utils.crypto import constant_time_compare

#: The id of an event after which nothing comes: who comes back with it is told so.
END = "end"

_ID = re.compile(r"(\d{1,12})\.([\w-]{22})\.([\w-]{43})", re.ASCII)


class Cursor:
    """A reader's hold on one stream."""

    def __init__(self, stream_id: str, owner: str) -> None:
        self.stream_id = stream_id
        self._suffix = f".{stream_id}.{_signer().signature(f'{stream_id} {owner}')}"

    @classmethod
    def new(cls, owner: str) -> Cursor:
        return cls(secrets.token_urlsafe(16), owner)

    def id(self, seq: int) -> str:
        return f"{seq}{self._suffix}"

    @classmethod
    def read(cls, text: str, owner: str) -> tuple[Cursor, int] | None:
        match = _ID.fullmatch(text)
        if match is None:
            return None
        cursor = cls(match[2], owner)
        return (cursor, int(match[1])) if constant_time_compare(cursor.id(int(match[1])), text) else None


def _signer() -> Signer:
    return Signer(salt="djust_stream.sse")


def owner_of(request: Any) -> str:
    """Whose request it is: the user's, else the session's; "": nobody's in particular.

    Never asks the database: a view that wants users told apart has asked for its user before (login_required).
    """
    user = next(
        (getattr(request, name) for name in ("_acached_user", "_cached_user") if hasattr(request, name)),
        vars(request).get("user"),
    )
    if type(user).__name__ != "SimpleLazyObject" and getattr(user, "is_authenticated", False):
        return f"user {user.pk}"
    session = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    return f"session {session}" if session else ""
