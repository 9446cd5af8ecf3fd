"""Findings hold no secret.

The law: whatever is written into a finding, no password of the settings and no key comes out, and of a URL
neither user nor query.
"""

from __future__ import annotations

from typing import Any

import project  # noqa: F401  (sets Django up)
import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from djust_stream.doctor.finding import error, masked, ok, warning

#: What a word of the text around is never made of.
PASSWORDS = st.text("01258!$%&+-:=@^_~", min_size=4, max_size=20)
WORDS = st.text("abc /\n()<>'", max_size=20)


@given(PASSWORDS, WORDS, WORDS)
def test_no_password_comes_out(password: str, before: str, after: str) -> None:
    url = f"redis://{password}:{password}@redis.example:6379/0?password={password}"
    host: dict[str, Any] = {"address": "redis.example", "password": password}
    layers = {"default": {"BACKEND": "x", "CONFIG": {"hosts": [url, host]}}}
    for given_settings, text in [
        ({}, url),
        ({"CHANNEL_LAYERS": layers}, f"{host}"),
        ({"CHANNEL_LAYERS": layers}, f"AUTH {password} was refused"),
        ({"SECRET_KEY": password}, f"the key is {password}"),
        ({"SECRET_KEY_FALLBACKS": [password], "DJUST_STREAM": {"STORE": url}}, f"{url} {password}"),
    ]:
        with override_settings(**given_settings):
            for make in (error, warning):
                finding = make("redis", before + text + after, text)
                assert password not in finding.says + finding.remedy
            assert password not in ok("redis", text).says


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://user:pa@ss@host:1/0", "redis://***@host:1/0"),
        ("https://h/a?token=b@c", "https://h/a"),
        ("https://example.org/a?b=c#d is up", "https://example.org/a is up"),
        ("two: http://a/?x, http://u@b/?y", "two: http://a/, http://***@b/"),
        ("me@example.org writes", "me@example.org writes"),
    ],
)
def test_the_rest_is_left(text: str, shown: str) -> None:
    assert masked(text) == shown
