"""Foreign errors mapped to our classes, by what they carry and not by their types: no vendor's SDK is imported.

An error is looked at together with its causes: status code, headers, body, and the names of its types.
"""

from __future__ import annotations

import email.utils
import json
import re
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from copilot._redaction import one_line
from copilot.errors import SettingsError
from copilot.models.failures import AttemptFailed, Failure, FailureClass

_FLAGS = re.IGNORECASE
_TOO_LONG = re.compile(
    r"context[_ ]length|context[_ ]window|maximum context|prompt is too long|too many (input )?tokens|"
    r"exceeds? the (maximum|"
    r"available|model'?s?) (number of tokens|context|input)|(input|request|prompt)[_ ](is )?too[_ ](long|large)|"
    r"input tokens exceed|exceeds? model maximum|"
    r"token limit|reduce the length|string_above_max_length|request_too_large|payload too large",
    _FLAGS,
)
_QUOTA = re.compile(
    r"insufficient[_ ]quota|billing|credit balance|out of credits?|insufficient (balance|credits?|funds)|"
    r"payment required|payment instrument|spend(ing)? limit|usage limit|quota exceeded|exceeded your current quota|"
    r"budget has been",
    _FLAGS,
)
_DAILY = re.compile(r"too many tokens per day", _FLAGS)
_KEY = re.compile(
    r"api[_ ]?key (not valid|is invalid|expired)|invalid[_ ]api[_ ]key|API_KEY_INVALID|incorrect api key", _FLAGS
)
_FILTER = re.compile(
    r"content[_ ]?(management )?(filter|policy)|ResponsibleAIPolicyViolation|safety (system|filter)|content moderation",
    _FLAGS,
)
_NO_MODEL = re.compile(
    r"model[_ ]not[_ ]found|model .{0,80}(not found|does not exist|not available|not supported)|DeploymentNotFound|"
    r"unknown model|no such model|invalid model|model identifier is invalid",
    _FLAGS,
)
#: Amazon Bedrock serves some models only by a name that begins with where they may be processed: "eu.anthropic...".
_NO_PROFILE = re.compile(r"with on-demand throughput isn.t supported", _FLAGS)
_NO_TOOLS = re.compile(
    r"does(n't| not) support (tools?\b|function)|tool (use|calling).{0,40}not (supported|enabled)", _FLAGS
)
_OVERLOADED = re.compile(r"overloaded|over capacity|at capacity|no capacity|unavailable", _FLAGS)
_BROKE_OFF = re.compile(r"incomplete \w* ?response stream", _FLAGS)
_UNKNOWN_OPTION = re.compile(r"unexpected keyword argument ('[^']{1,60}')")
_RETRY_TEXT = re.compile(
    r"(?:retry|try again) (?:after|in) (\d+(?:\.\d+)?) ?(ms|milliseconds?|m(?:in)?|s|sec)?\b", _FLAGS
)
_RETRY_DELAY = re.compile(r"retry_?delay[\"']?\s*[:=]\s*[\"']?(\d+(?:\.\d+)?)s", _FLAGS)

#: Error types that vendors name in a body, also in the middle of a stream, where there is no status.
_BODY_TYPES: dict[str, tuple[FailureClass, str]] = {
    "authentication_error": ("auth", "key refused"),
    "permission_error": ("auth", "access denied"),
    "billing_error": ("quota", "out of credit"),
    "insufficient_quota": ("quota", "out of credit"),
    "rate_limit_error": ("rate", "rate limited"),
    "rate_limit_exceeded": ("rate", "rate limited"),
    "RESOURCE_EXHAUSTED": ("rate", "rate limited"),
    "not_found_error": ("config", "model not found"),
    "model_not_found": ("config", "model not found"),
    "request_too_large": ("too_long", "the request is too long for it"),
    "context_length_exceeded": ("too_long", "the request is too long for it"),
    "content_filter": ("soft", "blocked by its content filter"),
    "overloaded_error": ("dead", "overloaded"),
    "UNAVAILABLE": ("dead", "overloaded"),
    "api_error": ("dead", "server error"),
    "server_error": ("dead", "server error"),
    "internal_server_error": ("dead", "server error"),
    "timeout_error": ("dead", "timed out on its side"),
    "invalid_request_error": ("rejected", "refused the request"),
    # Amazon Web Services: "ThrottlingException" as an answer, "throttlingException" in the middle of a stream.
    "UnrecognizedClientException": ("auth", "key refused"),
    "InvalidSignatureException": ("auth", "key refused"),
    "SignatureDoesNotMatch": ("auth", "key refused"),
    "IncompleteSignature": ("auth", "key refused"),
    "MissingAuthenticationTokenException": ("auth", "key refused"),
    "ExpiredTokenException": ("auth", "key has run out"),
    "ExpiredToken": ("auth", "key has run out"),
    "AccessDeniedException": ("auth", "access denied"),
    "ServiceQuotaExceededException": ("quota", "over the quota of its account"),
    "ThrottlingException": ("rate", "rate limited"),
    "ModelNotReadyException": ("rate", "model is not ready yet"),
    "ResourceNotFoundException": ("config", "model not found"),
    "ModelTimeoutException": ("dead", "timed out on its side"),
    "ServiceUnavailableException": ("dead", "overloaded"),
    "InternalServerException": ("dead", "server error"),
    "ModelStreamErrorException": ("dead", "server error"),
    "ModelErrorException": ("dead", "server error"),
    "ValidationException": ("rejected", "refused the request"),
}

#: Statuses whose meaning needs no look at the body.
_STATUSES: dict[int, tuple[FailureClass, str]] = {
    401: ("auth", "key refused"),
    402: ("quota", "out of credit"),
    403: ("auth", "access denied"),
    404: ("config", "model or address not found"),
    405: ("config", "wrong address"),
    408: ("dead", "timed out on its side"),
    409: ("dead", "busy"),
    410: ("config", "model is gone"),
    413: ("too_long", "the request is too long for it"),
    424: ("dead", "server error"),
    425: ("dead", "busy"),
    429: ("rate", "rate limited"),
    499: ("dead", "connection closed"),
    503: ("dead", "overloaded"),
    529: ("dead", "overloaded"),
}

#: Names of error types, by what they mean; the first that any cause's class or base class bears wins.
_NAMES: tuple[tuple[FailureClass, str, frozenset[str]], ...] = (
    (
        "config",
        "no secure connection (TLS)",
        frozenset({"SSLError", "SSLCertVerificationError", "CertificateError"}),
    ),
    ("dead", "connection refused", frozenset({"ConnectionRefusedError"})),
    # urllib3 derives it from its timeout.
    ("dead", "can't be reached", frozenset({"NewConnectionError"})),
    (
        "slow",
        "can't be reached in time",
        frozenset({"ConnectTimeout", "ConnectTimeoutError", "ConnectionTimeoutError"}),
    ),
    ("dead", "connection lost", frozenset({"ConnectionResetError", "BrokenPipeError", "ConnectionAbortedError"})),
    ("too_long", "the request is too long for it", frozenset({"ContextOverflowError"})),
    ("auth", "key refused", frozenset({"ModelAuthenticationError", "AuthenticationError", "RefreshError"})),
    (
        "auth",
        "its sign-in can't be read, or has run out",
        frozenset(
            {
                "NoCredentialsError",
                "PartialCredentialsError",
                "CredentialRetrievalError",
                "NoAuthTokenError",
                "TokenRetrievalError",
                "SSOError",
                "ProfileNotFound",
            }
        ),
    ),
    ("auth", "access denied", frozenset({"ModelPermissionDeniedError", "PermissionDeniedError"})),
    ("config", "model not found", frozenset({"ModelNotFoundError"})),
    ("rate", "rate limited", frozenset({"ModelRateLimitError"})),
    ("rejected", "refused the request", frozenset({"ModelInvalidRequestError", "ParamValidationError"})),
    ("soft", "cut at its output limit", frozenset({"LengthFinishReasonError"})),
    ("soft", "blocked by its content filter", frozenset({"ContentFilterFinishReasonError"})),
    (
        "slow",
        "took too long",
        frozenset(
            {"TimeoutError", "TimeoutException", "APITimeoutError", "ModelTimeoutError", "Timeout", "ReadTimeoutError"}
        ),
    ),
    (
        "dead",
        "connection lost",
        frozenset(
            {
                "ReadError",
                "WriteError",
                "CloseError",
                "RemoteProtocolError",
                "ProtocolError",
                "ConnectionClosedError",
                "ResponseStreamingError",
            }
        ),
    ),
    (
        "dead",
        "can't be reached",
        frozenset({"ConnectError", "NetworkError", "APIConnectionError", "ModelConnectionError"}),
    ),
    ("dead", "broken answer", frozenset({"JSONDecodeError", "APIResponseValidationError", "UnknownApiResponseError"})),
    (
        "dead",
        "broken answer",
        frozenset({"DecodingError", "UnicodeDecodeError", "ValidationError", "ParserError", "ResponseParserError"}),
    ),
    ("unable", "can't use tools", frozenset({"NotImplementedError"})),
    ("config", "its client is not installed", frozenset({"ImportError"})),
    ("dead", "can't be reached", frozenset({"ConnectionError", "OSError"})),
)


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What an error and its causes carry. `said` is their text and body, for patterns and never for the person.

    `words` is what the vendor says in its body, or else the error itself.
    """

    status: int | None
    headers: Mapping[str, str]
    said: str
    types: tuple[str, ...]
    words: str


def classify(error: BaseException) -> Failure:
    """Return what an error out of a vendor's client means. Every error has a class; unknown ones are `dead`."""
    chain = list(_chain(error))
    if ours := next((e.failure for e in chain if isinstance(e, AttemptFailed)), None):
        return ours
    if isinstance(error, SettingsError):
        return Failure("config", str(error), opens=0.0)  # found on this machine: it may be mended at any moment
    if isinstance(error, TypeError) and (unknown := _UNKNOWN_OPTION.search(str(error))):
        # LangChain hands options that it does not know on to the SDK, which refuses them when it is asked.
        return Failure("config", f"its client knows no option {unknown[1]}", opens=0.0)
    found = _evidence(chain)
    failure = _by_status(found) if found.status else None
    if failure is None and any(_BROKE_OFF.search(str(e)) for e in chain):
        failure = Failure("dead", "ended without a finish reason")
    failure = failure or _by_body(found) or _by_words(found) or _by_host_name(chain) or _by_names(chain)
    failure = failure or Failure("dead", f"broken answer ({type(error).__name__})")
    return replace(failure, retry_after=retry_after(found.headers, found.said))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the error, then what caused it, each once."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        if isinstance(error, BaseExceptionGroup) and error.exceptions:
            error = error.exceptions[0]
        else:
            # httpcore says `raise ... from None`, which drops the cause that says most: the context still has it.
            error = error.__cause__ or error.__context__


def _evidence(chain: list[BaseException]) -> _Evidence:
    status = next((code for e in chain if (code := _status(e))), None)
    headers = next((h for e in chain if (h := _headers(e))), {})
    bodies = [body for e in chain if (body := _body(e)) is not None]
    types = tuple(name for body in bodies for name in _types(body))
    said = " ".join([*(str(e) for e in chain), *(_text(body) for body in bodies)])[:20_000]
    words = next((found for body in bodies if (found := _message(body))), str(chain[0]))
    return _Evidence(status, headers, said, types, words)


def _status(error: BaseException) -> int | None:
    """Return the HTTP status that an error carries, under whichever name its library keeps it."""
    response = getattr(error, "response", None)
    places = [getattr(error, n, None) for n in ("status_code", "code", "status", "http_status")]
    places.append(getattr(response, "status_code", None))
    # botocore gives 400 to every error in the middle of a stream, whatever it is.
    if isinstance(response, Mapping) and type(error).__name__ != "EventStreamError":
        places.append(response.get("ResponseMetadata", {}).get("HTTPStatusCode"))
    # An error event in a stream that began with 200 has no status of its own.
    return next((int(str(p)) for p in places if re.fullmatch(r"[345]\d\d", str(p))), None)


def _headers(error: BaseException) -> Mapping[str, str]:
    for owner in (error, getattr(error, "response", None)):
        headers = getattr(owner, "headers", None)
        if isinstance(headers, Mapping):
            return {str(k).lower(): str(v) for k, v in headers.items()}
    told = _answer(error).get("ResponseMetadata")
    headers = told.get("HTTPHeaders") if isinstance(told, Mapping) else None
    return {str(k).lower(): str(v) for k, v in headers.items()} if isinstance(headers, Mapping) else {}


def _answer(error: BaseException) -> Mapping[str, Any]:
    """Return the parsed answer that botocore's errors carry; {} for those of others."""
    response = getattr(error, "response", None)
    return response if isinstance(response, Mapping) else {}


def _body(error: BaseException) -> Any:
    if isinstance(told := _answer(error).get("Error"), Mapping):
        return {str(key).lower(): value for key, value in told.items()}
    found = (getattr(error, name, None) for name in ("body", "details", "error"))
    return next((body for body in found if isinstance(body, (dict, list, str))), None)


def _message(body: Any) -> str:
    """Return the message in an error's body, the inner one where there are two."""
    if isinstance(body, list):
        return next((found for item in body[:3] if (found := _message(item))), "")
    if not isinstance(body, dict):
        return ""
    message = body.get("message")
    return _message(body.get("error")) or (message if isinstance(message, str) else "")


def _text(body: Any) -> str:
    return body if isinstance(body, str) else json.dumps(body, default=str, ensure_ascii=False)


def _types(body: Any) -> Iterator[str]:
    """Yield the error types and codes named in a body, the inner ones first."""
    if isinstance(body, list):
        for item in body[:3]:
            yield from _types(item)
    if not isinstance(body, dict):
        return
    if isinstance(body.get("error"), (dict, list)):
        yield from _types(body["error"])
    yield from (value for key in ("code", "type", "status") if isinstance(value := body.get(key), str))


def _by_status(found: _Evidence) -> Failure | None:
    status = found.status or 0
    if status == 429:
        return _too_many(found)
    if status in (400, 404, 413, 422, 500) and (failure := _bad_request(found)):
        return failure
    if status == 403 and _QUOTA.search(found.said):
        return Failure("quota", "out of credit (403)")
    if status in (400, 403) and (failure := _by_body(found)) and failure.kind != "rejected":
        return replace(failure, text=f"{failure.text} ({status})")
    if known := _STATUSES.get(status):
        kind, text = known
    elif status >= 500:
        kind, text = "dead", "overloaded" if _OVERLOADED.search(found.said) else "server error"
    elif status >= 400:
        kind, text = "rejected", f"refused the request: {_plain(found)}"
    else:
        kind, text = "config", "wrong address"
    return Failure(kind, f"{text} ({status})")


def _too_many(found: _Evidence) -> Failure:
    wait = retry_after(found.headers, found.said)
    # Google words its per-minute limits like an empty account; a wait that is named tells them apart.
    spent = "insufficient_quota" in found.types or (_QUOTA.search(found.said) and wait is None)
    if _DAILY.search(found.said):
        return Failure("quota", "its tokens for today are used up (429)")
    if spent:
        return Failure("quota", "out of credit (429)")
    return Failure("rate", "rate limited (429)" + (f", again in {_duration(wait)}" if wait and wait > 1 else ""))


def _bad_request(found: _Evidence) -> Failure | None:
    """Return what a refused request was really about: vendors use 400 for nearly everything."""
    meanings: tuple[tuple[re.Pattern[str], FailureClass, str], ...] = (
        (_TOO_LONG, "too_long", "the request is too long for it"),
        (_KEY, "auth", "key refused"),
        (_FILTER, "soft", "blocked by its content filter"),
        (_NO_TOOLS, "unable", "can't use tools"),
        (_NO_PROFILE, "config", "its model is asked for by an inference profile, such as eu.anthropic..."),
        (_NO_MODEL, "config", "model not found"),
        (_QUOTA, "quota", "out of credit"),
    )
    for pattern, kind, text in meanings:
        if pattern.search(found.said):
            return Failure(
                kind, f"{text} ({found.status})" if found.status else text, again=kind != "soft", refused=kind == "soft"
            )
    return None


def _by_body(found: _Evidence) -> Failure | None:
    """Return what an error without a status says about itself: an error event in the middle of a stream."""
    names = (name[:1].upper() + name[1:] if name.endswith("Exception") else name for name in found.types)
    known = next((_BODY_TYPES[name] for name in names if name in _BODY_TYPES), None)
    if known and known[0] == "rejected":
        return _bad_request(found) or Failure("rejected", f"{known[1]}: {_plain(found)}")
    return Failure(*known) if known else None


def _by_words(found: _Evidence) -> Failure | None:
    """Return what an error without a status or body is about: a client's own for an answer that was filtered."""
    filtered = found.status is None and not found.types and _FILTER.search(found.said)
    return Failure("soft", "blocked by its content filter", again=False, refused=True) if filtered else None


def _by_host_name(chain: list[BaseException]) -> Failure | None:
    lookup = next((e for e in chain if isinstance(e, socket.gaierror)), None)
    unknown = re.compile(r"getaddrinfo failed|name or service not known|nodename nor servname|name resolution", _FLAGS)
    if lookup is None and not any(unknown.search(str(e)) for e in chain):
        return None
    # A resolver that can't be asked right now is a laptop without a network: not a reason to wait for five minutes.
    offline = lookup is not None and lookup.errno == socket.EAI_AGAIN
    return Failure("config", "host name not found", opens=10.0 if offline else None)


def _by_names(chain: list[BaseException]) -> Failure | None:
    # In the table's order, not the chain's: "connection refused" says more than the "connection error" around it.
    borne = {base.__name__ for error in chain for base in type(error).__mro__}
    return next((Failure(kind, text) for kind, text, names in _NAMES if names & borne), None)


def retry_after(headers: Mapping[str, str], said: str = "", *, now: float | None = None) -> float | None:
    """Return the seconds that a vendor asked us to wait, or None.

    Read from `retry-after-ms`, `retry-after` (seconds or an HTTP date, RFC 9110 section 10.2.3), Google's retryDelay,
    or the words of the message. `now` is the wall clock in seconds.
    """
    if (ms := _number(headers.get("retry-after-ms"))) is not None:
        return ms / 1000
    value = headers.get("retry-after")
    if (seconds := _number(value)) is not None:
        return seconds
    if value and (date := _date(value)) is not None:
        return max(0.0, date - (time.time() if now is None else now))
    if match := _RETRY_DELAY.search(said):
        return float(match[1])
    if match := _RETRY_TEXT.search(said):
        unit = (match[2] or "s").lower()
        scale = 0.001 if unit.startswith(("ms", "mil")) else 60.0 if unit.startswith("m") else 1.0
        return float(match[1]) * scale
    return None


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None


def _date(value: str) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(value).timestamp()
    except (ValueError, TypeError):
        return None


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def _plain(found: _Evidence) -> str:
    """Return the start of the vendor's words as one line, with anything that could be a secret taken out."""
    return one_line("".join(c if c.isprintable() else " " for c in found.words), most=160)
