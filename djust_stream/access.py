"""Access: who may read a stream again, and who may stop it.

    token = issue(scope, stream_id, "reply", may_stop=True)       # handed to a reader with its stream
    grant = read(scope, token, max_age_s=86400)                   # what a page brings back; None: refused

The law: a grant comes out only for a token that ``issue`` made with this site's SECRET_KEY, at most max_age_s
ago, for the same user; where nobody was signed in, for the same session; where there was no session either,
for who holds the token. A stream's id has 128 random bits, and a token is signed: neither can be guessed.

Checked by tests/test_access.py, also with 10,000 forged and expired tokens.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from django.core import signing

_SALT = "djust_stream.access"
#: No token of ours is longer: a name has 200 characters.
_LONGEST = 4096


class Grant(NamedTuple):
    """What a token allows."""

    stream_id: str
    name: str
    may_stop: bool


def issue(scope: Mapping[str, Any], stream_id: str, name: str, *, may_stop: bool) -> str:
    """A token for the reader of that scope."""
    token: str = signing.dumps([stream_id, name, owner_of(scope), may_stop], salt=_SALT)
    return token


def read(scope: Mapping[str, Any], token: object, max_age_s: float) -> Grant | None:
    """What the token allows the reader of that scope; None for any that is not good."""
    if not isinstance(token, str) or len(token) > _LONGEST:
        return None
    try:
        stream_id, name, owner, may_stop = signing.loads(token, salt=_SALT, max_age=max_age_s)
    except (signing.BadSignature, ValueError, UnicodeError):
        return None
    # Handed out where there was neither: a session may have begun since, and anybody can come without one.
    return Grant(stream_id, name, may_stop) if owner in ("", owner_of(scope)) else None


def owner_of(scope: Mapping[str, Any]) -> str:
    """Whose scope it is: a digest of the user, else of the session; "" where there is neither."""
    user, session = scope.get("user"), scope.get("session")
    if user is not None and user.is_authenticated:
        return _digest(f"user {user.pk}")
    # The key of a session that is a cookie is the cookie: another one with each change.
    lasting = not getattr(session, "__class__", object).__module__.endswith("signed_cookies")
    key = getattr(session, "session_key", None) if lasting else None
    return _digest(f"session {key}") if key else ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
