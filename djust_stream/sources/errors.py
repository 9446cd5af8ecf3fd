"""Errors of a source: why a model did not answer, the same for every provider.

    try: …
    except RateLimitedError as error: await asyncio.sleep(error.retry_after_s or 1)

    error.code             "rate_limited"
    error.retryable        might the same request succeed later?
    error.retry_after_s    how long the provider asks to wait, if it says
    error.message          for a reader, without a name, a key or a path
    str(error)             for a log, keys blanked
    error.__cause__        what the SDK raised

``classify`` reads any SDK's exception without importing the SDK: by what it holds (status, body, headers) and
by the names of its classes. The tables below are all there is to know; the more particular comes first.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
import traceback
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar


class SourceError(Exception):
    """Why a source failed. Its subclasses have one code each."""

    code: ClassVar[str] = "provider"
    retryable: bool = False
    message: str = "The model could not answer. The answer may be incomplete."

    def __init__(
        self,
        detail: str = "",
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
        retryable: bool | None = None,
    ) -> None:
        super().__init__(redact(detail) or self.message)
        self.status = status
        self.retry_after_s = retry_after_s
        if retryable is not None:
            self.retryable = retryable

    @property
    def log_text(self) -> str:
        """Everything for the log, the traceback included, with keys blanked."""
        cause = self.__cause__ or self
        told = f"{self.code}{f' (HTTP {self.status})' if self.status else ''}: {self}"
        return redact(f"{told}\n{''.join(traceback.format_exception(cause))}")


class ProviderError(SourceError):
    """The provider failed, or said what is not known here."""


class RateLimitedError(SourceError):
    code, retryable = "rate_limited", True
    message = "The model is being asked too often. Please try again in a moment."


class AuthError(SourceError):
    code = "auth"
    message = "The model refuses this site's access. Its operator has to look at it."


class SourceTimeoutError(SourceError):
    code, retryable = "timeout", True
    message = "The model took too long. The answer may be incomplete."


class OverloadedError(SourceError):
    code, retryable = "overloaded", True
    message = "The model is overloaded. Please try again in a moment."


class ContentFilterError(SourceError):
    code = "content_filter"
    message = "The provider's content filter has stopped this answer."


class ContextTooLongError(SourceError):
    code = "context_too_long"
    message = "This conversation is longer than the model can read. Please shorten it or begin a new one."


class NetworkError(SourceError):
    code, retryable = "network", True
    message = "The connection to the model was lost. The answer may be incomplete."


class BadRequestError(SourceError):
    code = "bad_request"
    message = "The model could not work with this request."


#: By code, as the tables below name them.
ERRORS: dict[str, type[SourceError]] = {cls.code: cls for cls in SourceError.__subclasses__()}

#: What a provider writes about its error -> our code, also where the HTTP status says less.
_SAID = (
    (
        "context_too_long",
        r"context_length_exceeded|context window|maximum context length|prompt is too long"
        r"|input is too long|token count .{0,40}exceeds|exceeds? the (?:available )?context|too many tokens",
    ),
    ("content_filter", r"content_filter|content_policy|content management policy|\bmoderation\b|blocked by"),
    ("rate_limited", r"rate_limit|rate limit|resource_exhausted|insufficient_quota|too_many_requests"),
    ("overloaded", r"overloaded|engine_overloaded|server is busy|\bunavailable\b|slow_down"),
    ("auth", r"authentication_error|invalid_api_key|api key not valid|permission_error|unauthenticated"),
    ("timeout", r"timeout_error|deadline_exceeded"),
    ("bad_request", r"invalid_request_error|not_found_error|invalid_argument|request_too_large"),
    ("provider", r"server_error|api_error|\binternal\b"),
)
_SAID_RE = tuple((code, re.compile(pattern, re.IGNORECASE)) for code, pattern in _SAID)

#: HTTP status -> our code; of the others 4xx are the request's fault and 5xx the provider's.
_STATUS = {
    **{401: "auth", 402: "rate_limited", 403: "auth", 408: "timeout", 429: "rate_limited"},
    **{502: "overloaded", 503: "overloaded", 504: "timeout", 529: "overloaded"},
}

#: Names of exception classes, of any SDK and of the HTTP clients below -> our code.
_NAMES = {
    **dict.fromkeys(("ContextWindowExceededError", "RequestTooLargeError"), "context_too_long"),
    **dict.fromkeys(("ContentPolicyViolationError", "ContentFilterFinishReasonError"), "content_filter"),
    **dict.fromkeys(("RateLimitError", "BudgetExceededError"), "rate_limited"),
    **dict.fromkeys(("AuthenticationError", "PermissionDeniedError", "DefaultCredentialsError"), "auth"),
    **dict.fromkeys(("APITimeoutError", "Timeout", "TimeoutException", "TimeoutError"), "timeout"),
    **dict.fromkeys(("ServerTimeoutError", "ReadTimeoutError", "DeadlineExceededError"), "timeout"),
    **dict.fromkeys(("OverloadedError", "ServiceUnavailableError"), "overloaded"),
    **dict.fromkeys(("APIConnectionError", "TransportError", "ClientConnectionError", "OSError"), "network"),
    **dict.fromkeys(("ClientPayloadError", "ProtocolError", "IncompleteRead", "NoResponseError"), "network"),
    **dict.fromkeys(("BadRequestError", "NotFoundError", "UnprocessableEntityError"), "bad_request"),
}


def classify(error: BaseException) -> SourceError:
    """The SourceError that says what an exception means; the exception becomes its ``__cause__``."""
    if isinstance(error, SourceError):
        return error
    # litellm and the SDKs wrap what they have caught; the first that says anything is heard.
    said: list[tuple[str, int | None]] = [_read(inner) for inner in _chain(error)]
    code, status = next((pair for pair in said if pair[0] != "provider"), said[0])
    result = _make(
        code, _text_of(error), status, next(filter(None, map(_retry_after_s, _chain(error))), None)
    )
    result.__cause__ = error
    return result


def from_body(body: Any) -> SourceError:
    """The same for an error that came as a chunk of the stream."""
    said = body if isinstance(body, str) else _as_json(body)
    inner = body if isinstance(body, Mapping) else getattr(body, "__dict__", {})
    number = inner.get("code", inner.get("status"))
    status = number if isinstance(number, int) and 400 <= number < 600 else None
    code = _code_said(said, status) or _code_of_status(status) or "provider"
    return _make(code, said, status, None)


def _make(code: str, detail: str, status: int | None, retry_after_s: float | None) -> SourceError:
    retryable = None
    if code == "rate_limited" and (status == 402 or re.search("insufficient_quota|billing", detail)):
        retryable = False  # waiting does not fill an account
    elif code == "provider" and (status is None or status >= 500):
        retryable = True
    return ERRORS[code](detail, status=status, retry_after_s=retry_after_s, retryable=retryable)


def _chain(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    inner: BaseException | None = error
    while inner is not None and inner not in found and len(found) < 8:
        found.append(inner)
        inner = getattr(inner, "original_exception", None) or inner.__cause__ or inner.__context__
    return found


def _read(error: BaseException) -> tuple[str, int | None]:
    """(code, HTTP status) of one exception."""
    status = _status_of(error)
    names = [cls.__name__ for cls in type(error).__mro__]
    if isinstance(error, asyncio.TimeoutError):
        names.append("TimeoutError")
    by_name = next((_NAMES[name] for name in names if name in _NAMES), None)
    if by_name in ("timeout", "network") and (status is None or by_name == "timeout"):
        return by_name, None
    if by_name in ("context_too_long", "content_filter"):
        return by_name, status
    if status is None and not _is_api_error(error, names):
        return by_name or "provider", None
    said = _code_said(_text_of(error), status)
    return said or _code_of_status(status) or by_name or "provider", status


def _is_api_error(error: BaseException, names: list[str]) -> bool:
    """Does its text quote the provider?"""
    return hasattr(error, "body") or any(name in ("APIError", "ResponseError") for name in names)


#: What the text may make of a status that says little.
_OF_400 = ("context_too_long", "content_filter")


def _code_said(text: str, status: int | None) -> str | None:
    """What the text says; where the status is clear, only what is more particular than it."""
    heard = {400: _OF_400, 413: _OF_400, 422: _OF_400, 500: (*_OF_400, "overloaded", "rate_limited")}.get(
        status or 0
    )
    if status is not None and heard is None:
        return None
    for code, pattern in _SAID_RE:
        if (heard is None or code in heard) and pattern.search(text):
            return code
    return "auth" if status == 400 and re.search("api key not valid|API_KEY_INVALID", text) else None


def _code_of_status(status: int | None) -> str | None:
    if status is None:
        return None
    return _STATUS.get(status) or ("bad_request" if 400 <= status < 500 else "provider")


def _status_of(error: BaseException) -> int | None:
    response = _response_of(error)
    for status in (
        getattr(error, "status_code", None),
        getattr(error, "code", None),
        getattr(response, "status_code", None),
    ):
        if isinstance(status, int) and 400 <= status < 600:
            return status
    return None


def _response_of(error: BaseException) -> Any:
    return getattr(error, "response", None) or getattr(error, "raw_response", None)


def _text_of(error: BaseException) -> str:
    parts = [_as_text(error)]
    for name in ("type", "code", "body", "details"):
        value = getattr(error, name, None)
        if value and not callable(value):
            parts.append(value if isinstance(value, str) else _as_json(value))
    if not hasattr(error, "body"):
        with contextlib.suppress(Exception):  # not read yet, or not a text
            parts.append(str(_response_of(error).text)[:4000])
    return " ".join(dict.fromkeys(part for part in parts if part)) or type(error).__name__


def _as_json(value: Any) -> str:
    with contextlib.suppress(Exception):
        dump = getattr(value, "model_dump", None)
        return json.dumps(dump() if dump else value, ensure_ascii=False, default=str)
    return _as_text(value)


def _as_text(value: Any) -> str:
    """Its text; its class where asking for that fails."""
    with contextlib.suppress(Exception):
        return str(value)
    return type(value).__name__


_DELAY = re.compile(r"retryDelay\W{1,8}(\d+(?:\.\d+)?)s")


def _retry_after_s(error: BaseException) -> float | None:
    """How long the provider asks to wait: its headers, or Google's RetryInfo."""
    headers = getattr(_response_of(error), "headers", None) or getattr(error, "headers", None)
    headers = headers or getattr(error, "litellm_response_headers", None) or {}
    try:
        if isinstance(headers, dict):  # the others do not mind how a name is spelled
            headers = {str(name).lower(): value for name, value in headers.items()}
        if value := headers.get("retry-after-ms"):
            return max(0.0, float(value) / 1000)
        if value := headers.get("retry-after"):
            if re.fullmatch(r"\s*\d+(\.\d+)?\s*", value):
                return float(value)
            return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except Exception:
        return None  # headers of another kind than those we know
    found = _DELAY.search(_text_of(error))
    return float(found[1]) if found else None


_KEYS = re.compile(
    r"(?P<keep>\b(?:bearer|basic)\s+|authorization\W{1,6}(?:bearer\s+)?|://[^/\s:@]*:(?=[^/\s@]+@)"
    r"|(?:key|token|password|secret)[\"']{0,2}\s*[:=]\s*[\"']?)[\w\-.~+/=*]{6,}"
    r"|\b(?:sk|pk|rk|gsk|xai|hf|AIza|ya29|ghp)[-_.]?[\w\-*.]{10,}",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """The text with everything that looks like a key blanked."""
    return _KEYS.sub(lambda match: (match["keep"] or "") + "[key]", text)
