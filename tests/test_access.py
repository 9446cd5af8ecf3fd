"""Tokens: who may come back to a stream."""

from __future__ import annotations

import random
import time
from typing import Any
from unittest.mock import patch

import project  # noqa: F401  (sets Django up)
import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.backends.cache import SessionStore
from django.contrib.sessions.backends.signed_cookies import SessionStore as CookieSession
from django.core import signing
from django.test import override_settings

from djust_stream.access import Grant, issue, owner_of, read

DAY_S = 86400.0
SCOPES: list[dict[str, Any]] = [
    {},
    {"user": AnonymousUser()},
    {"user": User(pk=1)},
    {"user": User(pk=2)},
    {"session": SessionStore("a" * 32)},
    {"session": SessionStore("b" * 32)},
    {"user": AnonymousUser(), "session": SessionStore("c" * 32)},
    {"user": User(pk=3), "session": SessionStore("d" * 32)},
]


def token(scope: dict[str, Any], stream_id: str = "id") -> str:
    return issue(scope, stream_id, "reply", may_stop=True)


@pytest.mark.parametrize("mine", SCOPES)
def test_a_token_is_good_for_its_reader_alone(mine: dict[str, Any]) -> None:
    for scope in SCOPES:
        good = owner_of(mine) in ("", owner_of(scope))  # nobody's: anybody may come as nobody
        assert read(scope, token(mine), DAY_S) == (Grant("id", "reply", True) if good else None)
    same = sum(owner_of(scope) == owner_of(mine) for scope in SCOPES)
    assert same == (2 if owner_of(mine) == "" else 1)


def test_a_user_is_known_in_every_session() -> None:
    assert read({"user": User(pk=3)}, token(SCOPES[-1]), DAY_S) is not None


def test_a_session_that_is_a_cookie_is_none() -> None:
    assert owner_of({"session": CookieSession("x")}) == ""


def test_nothing_of_user_or_session_can_be_read_in_it() -> None:
    scope = {"session": SessionStore("secretsessionkey" * 2)}
    assert "secretsessionkey" not in str(signing.b64_decode(token(scope).split(":")[0].encode()))


def test_ten_thousand_forged_or_expired_tokens() -> None:
    rng = random.Random(6)
    scope = {"user": User(pk=1)}
    good = token(scope)
    alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_:."
    now = time.time()
    with override_settings(SECRET_KEY="another"):
        foreign = token(scope)
    others = [
        foreign,
        signing.dumps(["id", "reply", owner_of(scope), True]),  # our key, another salt
        signing.dumps(["id", "reply", owner_of(scope), True], salt="djust_stream"),
        token({"user": User(pk=2)}),
        token({"session": SessionStore("c" * 32)}),
    ]
    with patch("django.core.signing.time.time", return_value=now - DAY_S - 1):
        expired = [token(scope, f"id{number}") for number in range(2000)]
    forged = list(others)
    while len(forged) < 10_000 - len(expired):
        chars, kind = list(rng.choice([good, *others])), rng.randrange(5)
        at = rng.randrange(len(chars))
        if kind == 0:
            chars[at] = rng.choice(alphabet)
        elif kind == 1:
            del chars[at]
        elif kind == 2:
            chars.insert(at, rng.choice(alphabet))
        elif kind == 3:  # another payload before a good signature
            body = signing.b64_encode(
                f'["id{rng.random()}","reply","{owner_of(scope)}",true]'.encode()
            ).decode()
            chars = list(":".join([body, *good.split(":")[1:]]))
        else:
            chars = rng.choices(alphabet, k=rng.randrange(200))
        if "".join(chars) != good:
            forged.append("".join(chars))
    accepted = [text for text in forged + expired if read(scope, text, DAY_S) is not None]
    # Base64 has spare bits in its last character: another spelling of the same signature is the same token.
    assert [text for text in accepted if text[:-1] != good[:-1]] == []
    assert accepted == []
    assert read(scope, good, DAY_S) == Grant("id", "reply", True)
