"""What tests, and a person at the demo, steer the server by: /_control/...

A page in a browser could send requests here: the header X-Demo-Control must be there, which no foreign page may set.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from copilot.demo.microsoft365.call import Answer
from copilot.demo.microsoft365.refusals import bad_request, forbidden, not_found

if TYPE_CHECKING:
    from copilot.demo.microsoft365.fake import FakeGraph, Request

PREFIX = "/_control/"
HEADER = "x-demo-control"
#: A page whose name was led here (DNS rebinding) comes with another.
_HERE = ("127.0.0.1", "localhost", "testserver")


def answer(fake: FakeGraph, request: Request) -> Answer:
    """Answer a request to /_control/. Raises the 403 without the header, the 400 and the 404."""
    if urlsplit(request.base).hostname not in _HERE:
        raise forbidden("This is for this machine only.")
    if HEADER not in request.headers:
        raise forbidden(f"The header {HEADER} is missing.")
    do = _DOINGS.get((request.method, request.path.removeprefix(PREFIX)))
    if do is None:
        raise not_found("There is: " + ", ".join(f"{m} {PREFIX}{p}" for m, p in _DOINGS))
    try:
        return Answer(200, do(fake, json.loads(request.body or b"{}")))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise bad_request(f"{type(error).__name__}: {error}") from None


def _add_faults(fake: FakeGraph, given: Any) -> Any:
    for rule in given if isinstance(given, list) else [given]:
        fake.faults.add(**rule)
    return _faults(fake, given)


def _clear_faults(fake: FakeGraph, given: Any) -> Any:
    fake.faults.clear()
    return _faults(fake, given)


def _faults(fake: FakeGraph, given: Any) -> Any:
    return {"rules": [asdict(rule) for rule in fake.faults.rules], "met": fake.faults.met}


def _issue(fake: FakeGraph, given: Mapping[str, Any]) -> Any:
    about = {k: given[k] for k in ("seconds", "calls") if k in given}
    token = fake.tokens.issue(given.get("user"), given.get("scopes", ()), **about)
    return {"token_type": "Bearer", "access_token": token, "expires_in": fake.tokens.lifetime}


def _change_tokens(fake: FakeGraph, given: Mapping[str, Any]) -> Any:
    """`revoked`, `scopes`, `seconds` from now on, `calls` that are left; of `token`, or of all."""
    fields: dict[str, Any] = {}
    if "revoked" in given:
        fields["revoked"] = str(given["revoked"])
    if "scopes" in given:
        fields["scopes"] = frozenset(given["scopes"])
    if "seconds" in given:
        fields["expires"] = fake.state.now() + timedelta(seconds=given["seconds"])
    if "calls" in given:
        fields["left"] = given["calls"]
    fake.tokens.change(given.get("token"), **fields)
    return {"changed": sorted(fields)}


def _advance(fake: FakeGraph, given: Mapping[str, Any]) -> Any:
    fake.state.advance(given["seconds"])
    return {"now": fake.state.stamp()}


def _log(fake: FakeGraph, given: Any) -> Any:
    return [asdict(line) for line in fake.log]


_DOINGS: Mapping[tuple[str, str], Callable[[FakeGraph, Any], Any]] = {
    ("GET", "faults"): _faults,
    ("POST", "faults"): _add_faults,
    ("DELETE", "faults"): _clear_faults,
    ("POST", "tokens"): _issue,
    ("PATCH", "tokens"): _change_tokens,
    ("POST", "clock"): _advance,
    ("GET", "log"): _log,
}
