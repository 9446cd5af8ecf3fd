"""DJUST_STREAM, the start-up checks, and what ``import djust_stream`` brings in."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import project  # noqa: F401  (sets Django up)
import pytest
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

import djust_stream
from djust_stream import conf
from djust_stream.limits import Limits


def found(**settings: Any) -> list[tuple[str, str, str]]:
    """What the checks say: (id, message, hint) each."""
    with override_settings(**settings):
        messages = checks.run_checks(tags=["djust_stream"])
    return [
        (str(message.id), str(message.msg), str(message.hint))
        for message in messages
        if message.id != "djust_stream.W001"
    ]


def test_the_test_project_is_clean() -> None:
    assert found() == []


def test_asgi_application_is_asked_for() -> None:
    [(code, message, hint)] = found(ASGI_APPLICATION=None)
    assert code == "djust_stream.E001"
    assert "ASGI_APPLICATION" in message
    assert "asgi.application" in hint


def test_channels_is_asked_for_where_the_consumer_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert djust_stream.StreamConsumer is not None
    [(code, message, hint)] = found(INSTALLED_APPS=["djust_stream"])
    assert (code, hint) == ("djust_stream.E003", 'INSTALLED_APPS += ["channels"]')
    assert "StreamConsumer" in message
    monkeypatch.setattr("djust_stream.checks.find_spec", lambda name: None)
    [(code, message, hint)] = found()
    assert (code, hint) == ("djust_stream.E002", "pip install djust-stream[channels]")
    monkeypatch.delitem(sys.modules, "djust_stream.consumer")
    monkeypatch.setattr("djust_stream._asked", set())
    assert found(INSTALLED_APPS=["djust_stream"]) == []


def test_a_stream_that_djust_would_empty_is_told() -> None:
    from djust import LiveView

    class Careless(djust_stream.StreamingMixin, LiveView):
        template = (
            """<div dj-root><p dj-stream='a' class="x"></p><p dj-stream="b" dj-update="ignore"></p></div>"""
        )

    class Careful(djust_stream.StreamingMixin, LiveView):
        template = """<div dj-root><p dj-update='ignore' id="a" dj-stream="a"></p></div>"""

    told = [
        message for message in checks.run_checks(tags=["djust_stream"]) if message.id == "djust_stream.W001"
    ]
    [careless] = [message for message in told if message.obj is Careless]
    assert """<p dj-stream='a' class="x">""" in careless.msg
    assert 'dj-update="ignore"' in str(careless.hint)
    assert not [message for message in told if message.obj is Careful]


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("INTERVAL", "INTERVAL_S"),
        ("interval_s", "INTERVAL_S"),
        ("MAX_PENDING", "MAX_PENDING_BYTES"),
        ("MAX_PAYLOAD_BYTE", "MAX_PAYLOAD_BYTES"),
        ("IMAGE", "IMAGES"),
    ],
)
def test_an_unknown_key_is_told_its_neighbour(key: str, near: str) -> None:
    [(code, message, hint)] = found(DJUST_STREAM={key: 1})
    assert code == "djust_stream.E004"
    assert repr(key) in message
    assert repr(near) in hint


@pytest.mark.parametrize(
    ("name", "near"), [("break", "breaks"), ("ALERTS", "alerts"), ("zzz", "heading_ids"), ("max_bytes", "")]
)
def test_an_unknown_option_of_markdown(name: str, near: str) -> None:
    [(code, message, hint)] = found(DJUST_STREAM={"MARKDOWN": {name: True}})
    assert code == "djust_stream.E004"
    assert message == f"DJUST_STREAM['MARKDOWN'] has no option {name!r}."
    assert near in hint
    with (
        override_settings(DJUST_STREAM={"MARKDOWN": {name: True}}),
        pytest.raises(ImproperlyConfigured, match="no option"),
    ):
        conf.limits()


def test_a_key_without_neighbours() -> None:
    for key in ("zzzzzz", 5, None):
        [(code, _, hint)] = found(DJUST_STREAM={key: 1})
        assert code == "djust_stream.E004"
        assert "INTERVAL_S" in hint


@pytest.mark.parametrize(
    "value",
    [
        {"INTERVAL_S": 0},
        {"INTERVAL_S": -1},
        {"INTERVAL_S": "0.1"},
        {"INTERVAL_S": None},
        {"INTERVAL_S": True},
        {"INTERVAL_S": float("nan")},
        {"MAX_PENDING_BYTES": 0},
        {"MAX_PENDING_BYTES": 1e6},
        {"MAX_PAYLOAD_BYTES": 1 << 60},
        {"MAX_STREAM_BYTES": -5},
        {"ERROR_MESSAGE": ""},
        {"ERROR_MESSAGE": 5},
        {"USER_STREAMS": -1},
        {"USER_STREAMS": 1.5},
        {"USER_ANSWERS": "100"},
        {"USER_ANSWERS": "1.5/day"},
        {"USER_TOKENS": "0/day"},
        {"USER_TOKENS": "5/fortnight"},
        {"USER_TOKENS": 100},
        {"USER_CACHE": ""},
        {"IMAGES": "hide"},
        {"MARKDOWN": None},
        {"MARKDOWN": "breaks"},
        {"MARKDOWN": {"breaks": "yes"}},
        {"MARKDOWN": {"images": ("https://x.y",)}},
        {"MARKDOWN": {"heading_ids": "doc"}},
        [],
        "INTERVAL_S",
        None,
    ],
    ids=repr,
)
def test_a_bad_value_is_an_error_at_start_and_at_use(value: Any) -> None:
    [(code, message, hint)] = found(DJUST_STREAM=value)
    assert code == "djust_stream.E005"
    assert message.startswith("DJUST_STREAM")
    assert hint
    with override_settings(DJUST_STREAM=value), pytest.raises(ImproperlyConfigured, match="DJUST_STREAM"):
        conf.limits()


def test_every_fault_is_told() -> None:
    codes = [
        code for code, _, _ in found(DJUST_STREAM={"INTERVAL_S": 0, "X": 1, "IMAGES": 5}, ASGI_APPLICATION="")
    ]
    assert sorted(codes) == [
        "djust_stream.E001",
        "djust_stream.E004",
        "djust_stream.E005",
        "djust_stream.E005",
    ]


def test_settings_reach_the_limits() -> None:
    assert conf.limits() == Limits()
    given = {
        "INTERVAL_S": 1,
        "MAX_PENDING_BYTES": 2048,
        "MAX_PAYLOAD_BYTES": 4096,
        "MAX_STREAM_BYTES": 8192,
        "IMAGES": "show",
        "MARKDOWN": {"breaks": True},
    }
    with override_settings(DJUST_STREAM=given):
        assert conf.limits() == Limits(1, 2048, 4096, 8192, "show", markdown={"breaks": True})
        assert conf.limits().markdown_options() == {"images": "show", "breaks": True}
    with override_settings(DJUST_STREAM={"MARKDOWN": {"images": ("x.y",)}}):
        assert conf.limits().markdown_options() == {"images": ("x.y",)}
    assert conf.limits() == Limits()


# -- the package -----------------------------------------------------------------------------------


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_an_import_brings_in_nothing_optional() -> None:
    heavy = ["channels", "djust", "redis", "litellm", "openai", "anthropic", "google.genai", "mistralai"]
    heavy += ["ollama", "httpx", "pydantic", "daphne", "uvicorn"]
    code = f"import sys, djust_stream; print([name for name in {heavy} if name in sys.modules])"
    assert run(code).strip() == "[]"
    names = sorted(set(djust_stream.__all__) - {"StreamConsumer"})
    code = f"from djust_stream import {', '.join(names)}; {code}"
    assert run(code).strip() == "[]", "nor does any name but the consumer"


def test_without_channels_the_consumer_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['channels'] = None\n"
        "import djust_stream\n"
        "try: djust_stream.StreamConsumer\n"
        "except ImportError as error: print(error)\n"
    )
    assert "pip install djust-stream[channels]" in run(code)


def test_the_public_names() -> None:
    for name in djust_stream.__all__:
        assert getattr(djust_stream, name) is not None
        assert name in dir(djust_stream)
    with pytest.raises(AttributeError, match="nonsense"):
        djust_stream.nonsense  # noqa: B018
