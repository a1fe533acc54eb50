"""Foreign errors by class. The transport and status cases of the installed clients run in test_router_faults.py."""

from __future__ import annotations

import json
import socket
import ssl
from typing import Any

import httpx
import pytest
from google.genai.errors import ClientError, ServerError
from ollama import ResponseError

from copilot.errors import SettingsError
from copilot.models.failures import RULES, AttemptFailed, Failure
from copilot.models.foreign import classify, retry_after


def _http(status: int, body: Any = None, headers: dict[str, str] | None = None) -> httpx.HTTPStatusError:
    request = httpx.Request("POST", "https://api.mistral.ai/v1/chat/completions")
    text = body if isinstance(body, str) else json.dumps(body or {})
    response = httpx.Response(status, text=text, headers=headers, request=request)
    return httpx.HTTPStatusError(
        f"Error response {status} while fetching {request.url}: {text}", request=request, response=response
    )


def _google(status: int, reason: str, message: str, *details: dict[str, Any]) -> Exception:
    kind = ClientError if status < 500 else ServerError
    return kind(status, {"error": {"code": status, "status": reason, "message": message, "details": list(details)}})


class SdkError(Exception):
    """The shape of the OpenAI and Anthropic SDKs' errors: a body, and a status where there is one."""

    def __init__(self, body: Any, status: int | None = None) -> None:
        super().__init__(str(body))
        self.body = body
        if status is not None:
            self.status_code = status


class BotoError(Exception):
    response = {"ResponseMetadata": {"HTTPStatusCode": 503}, "Error": {"Code": "ServiceUnavailable"}}  # noqa: RUF012


def _because(outer: Exception, inner: BaseException) -> Exception:
    outer.__cause__ = inner
    return outer


CASES: list[tuple[BaseException, str]] = [
    # Mistral's client raises httpx's own error.
    (_http(401, {"message": "Unauthorized"}), "auth"),
    (_http(422, {"message": "tool_call_id must be 9 characters"}), "rejected"),
    (
        _http(400, {"message": "Prompt contains 40000 tokens, too large for model with 32768 maximum context length"}),
        "too_long",
    ),
    (_http(429, {"message": "Requests rate limit exceeded"}), "rate"),
    (_http(302), "config"),
    # Google
    (
        _google(
            429, "RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan and billing details."
        ),
        "quota",
    ),
    (
        _google(
            429,
            "RESOURCE_EXHAUSTED",
            "You exceeded your current quota, please check your plan and billing details.",
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "37s"},
        ),
        "rate",
    ),
    (_google(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."), "auth"),
    (
        _google(
            400, "INVALID_ARGUMENT", "The input token count (2097153) exceeds the maximum number of tokens allowed"
        ),
        "too_long",
    ),
    (_google(404, "NOT_FOUND", "models/gemini-9 is not found for API version v1beta"), "config"),
    (_google(503, "UNAVAILABLE", "The model is overloaded. Please try again later."), "dead"),
    (_because(RuntimeError("Error calling model"), _google(403, "PERMISSION_DENIED", "no")), "auth"),
    # Ollama
    (ResponseError("model 'nope' not found", 404), "config"),
    (ResponseError("registry.ollama.ai/library/gemma:2b does not support tools", 400), "unable"),
    (ResponseError("an error was encountered while running the model", -1), "dead"),
    # OpenAI and Anthropic, also in the middle of a stream, where there is no status
    (SdkError({"code": "insufficient_quota", "type": "insufficient_quota"}, 429), "quota"),
    (SdkError({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, 200), "dead"),
    (SdkError({"type": "error", "error": {"type": "rate_limit_error"}}), "rate"),
    (SdkError({"code": "context_length_exceeded", "type": "invalid_request_error"}), "too_long"),
    (
        SdkError(
            {"type": "error", "error": {"message": "Your credit balance is too low", "type": "invalid_request_error"}},
            400,
        ),
        "quota",
    ),
    (SdkError({"code": "content_filter", "message": "The response was filtered"}, 400), "soft"),
    (SdkError({"code": "DeploymentNotFound"}, 404), "config"),
    (SdkError({"message": "Unsupported parameter: 'stream_options'"}, 400), "rejected"),
    (SdkError({"message": "The model `gpt-9` does not exist"}, 400), "config"),
    (SdkError({}, 413), "too_long"),
    (SdkError({}, 402), "quota"),
    (SdkError({}, 408), "dead"),
    (SdkError({}, 529), "dead"),
    (BotoError(), "dead"),
    # The transport
    (_because(RuntimeError("Connection error."), ConnectionRefusedError(111, "refused")), "dead"),
    (httpx.ConnectTimeout("late"), "slow"),
    (httpx.ReadTimeout("late"), "slow"),
    (TimeoutError(), "slow"),
    (httpx.RemoteProtocolError("peer closed connection"), "dead"),
    (_because(httpx.ConnectError("all failed"), ssl.SSLCertVerificationError("self-signed")), "config"),
    (
        _because(httpx.ConnectError("all failed"), socket.gaierror(socket.EAI_NONAME, "Name or service not known")),
        "config",
    ),
    (OSError(101, "Network is unreachable"), "dead"),
    (ExceptionGroup("several", [ConnectionResetError()]), "dead"),
    # What is no answer
    (json.JSONDecodeError("Expecting value", "<html>", 0), "dead"),
    (AttributeError("'str' object has no attribute 'model_dump'"), "dead"),
    (NotImplementedError(), "unable"),
    (TypeError("AsyncMessages.create() got an unexpected keyword argument 'frobnicate'"), "config"),
    (TypeError("'NoneType' object is not iterable"), "dead"),
    (SettingsError("models: 'x' has no key"), "config"),
    (_because(RuntimeError(), AttemptFailed(Failure("slow", "stalled"))), "slow"),
]


@pytest.mark.parametrize(("error", "kind"), CASES, ids=lambda v: v if isinstance(v, str) else type(v).__name__)
def test_class(error: BaseException, kind: str) -> None:
    failure = classify(error)
    assert failure.kind == kind, failure
    assert failure.text
    assert failure.kind in RULES


def test_a_resolver_that_can_not_be_asked_opens_the_circuit_for_seconds_only() -> None:
    offline = classify(socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"))
    assert (offline.kind, offline.open_seconds(1)) == ("config", 10)


def test_an_error_that_is_its_own_cause_ends() -> None:
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    assert classify(one).kind == "dead"


@pytest.mark.parametrize(
    "error",
    [
        _google(400, "INVALID_ARGUMENT", "Top-k must be positive"),
        SdkError(
            {"type": "error", "error": {"type": "invalid_request_error", "message": "Top-k must be positive"}}, 400
        ),
        _because(SdkError({"message": "Top-k must be positive"}, 400), _http(400)),
    ],
    ids=["google", "anthropic", "openai"],
)
def test_the_reason_is_what_the_vendor_says(error: Exception) -> None:
    assert classify(error).text == "refused the request: Top-k must be positive (400)"


def test_no_key_and_no_line_break_in_the_reason() -> None:
    text = classify(SdkError({"message": "Bad\n\x1b[31mrequest for sk-proj-abcdef123456"}, 400)).text
    assert "sk-proj" not in text
    assert text.isprintable()


@pytest.mark.parametrize(
    ("headers", "said", "seconds"),
    [
        ({"retry-after": "3600"}, "", 3600),
        ({"retry-after": "0.5"}, "", 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, "", 0.25),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:30 GMT"}, "", 30),
        ({"retry-after": "Wed, 21 Oct 2015 07:27:00 GMT"}, "", 0),
        ({"retry-after": "soon"}, "", None),
        ({"retry-after": "-1"}, "", None),
        ({"retry-after": "nan"}, "", None),
        ({}, '{"retryDelay": "37s"}', 37),
        ({}, "Please retry after 26 seconds.", 26),
        ({}, "Please try again in 6ms. Visit ...", 0.006),
        ({}, "Please try again in 2m.", 120),
        ({}, "no idea", None),
    ],
)
def test_retry_after(headers: dict[str, str], said: str, seconds: float | None) -> None:
    assert retry_after(headers, said, now=1445412480.0) == (seconds if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (Failure("dead", ""), [5, 10, 20, 40, 80, 160, 300, 300]),
        (Failure("slow", ""), [10, 20, 40]),
        (Failure("rate", ""), [5, 5]),
        (Failure("rate", "", retry_after=3600), [3600]),
        (Failure("rate", "", retry_after=1), [5]),
        (Failure("dead", "", retry_after=120), [120]),
        (Failure("rate", "", retry_after=1e9), [86400]),
        (Failure("auth", ""), [300]),
        (Failure("config", ""), [300]),
        (Failure("quota", ""), [600]),
        (Failure("soft", ""), [0]),
        (Failure("too_long", ""), [0]),
        (Failure("rejected", ""), [0]),
    ],
)
def test_for_how_long_a_circuit_opens(failure: Failure, expected: list[float]) -> None:
    assert [failure.open_seconds(row) for row in range(1, len(expected) + 1)] == expected
