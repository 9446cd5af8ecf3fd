"""Ids: what the ``id:`` of an event says, and a reader that comes back sends as Last-Event-ID.

    ids = Ids(stream_id, owner)
    ids.of(12)                            # "12.Vd3….k8s…": the seq, the stream, a signature
    Ids.read("12.Vd3….k8s…", owner)       # (stream_id, 12); None: not ours, or not this owner's

The law: an id works for the user or session that it was made for, and no other, or, where there was neither,
for who holds it; none can be made without the SECRET_KEY. It expires with the log of its stream. (A token
of access.py says more, and is too long for every event: an EventSource keeps nothing but the last id.)
"""

from __future__ import annotations

import re
from typing import Any

from django.core.signing import Signer
from django.utils.crypto import constant_time_compare

from .. import access

#: The id of an event after which nothing comes: who comes back with it is told so.
END = "end"

_ID = re.compile(r"(\d{1,12})\.([\w-]{22})\.([\w-]{43})", re.ASCII)


class Ids:
    """The ids of one stream's events."""

    def __init__(self, stream_id: str, owner: str) -> None:
        signature = Signer(salt="djust_stream.sse").signature(f"{stream_id} {owner}")
        self._suffix = f".{stream_id}.{signature}"

    def of(self, seq: int) -> str:
        return f"{seq}{self._suffix}"

    @classmethod
    def read(cls, text: str, owner: str) -> tuple[str, int] | None:
        match = _ID.fullmatch(text)
        if match is None:
            return None
        seq, stream_id = int(match[1]), match[2]
        for made_for in dict.fromkeys((owner, "")):  # "": as in access.read
            if constant_time_compare(cls(stream_id, made_for).of(seq), text):
                return stream_id, seq
        return None


def owner_of(request: Any) -> str:
    """Whose request it is: the user's, else the session's; "": nobody's in particular.

    Never asks the database: a view that wants users told apart has asked for its user (login_required).
    """
    user = next(
        (getattr(request, name) for name in ("_acached_user", "_cached_user") if hasattr(request, name)),
        vars(request).get("user"),
    )
    if type(user).__name__ == "SimpleLazyObject":
        user = None
    return access.owner_of({"user": user, "session": getattr(request, "session", None)})
