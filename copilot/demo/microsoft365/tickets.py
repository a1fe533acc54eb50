"""Pre-authenticated URLs: what they lead to stands in them, signed, and is good for a while."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import timedelta
from typing import Any

from copilot.demo.microsoft365.call import Call
from copilot.demo.microsoft365.odata import read_token, token_of
from copilot.demo.microsoft365.refusals import Refusal
from copilot.demo.microsoft365.state import read_moment, written

_KEY = secrets.token_bytes(32)


def make(call: Call, kind: str, *what: str, seconds: float = 3600) -> str:
    """Return the URL of a kind ("content", "upload", "monitor") that leads to what the words say."""
    expires = written(call.state.now() + timedelta(seconds=seconds))
    text = token_of([*what, expires])
    return call.link_root(f"/_{kind}/{text}", tempauth=_signed(kind, text))


def read(call: Call, kind: str) -> list[str]:
    """Return the words of the URL that was called.

    Raises the 401 for a wrong signature or one that has expired, and also when a token was sent along: who does that
    gives it to a stranger ("do not include the Authorization header", createUploadSession).
    """
    text = call.params["ticket"]
    if "authorization" in call.headers:
        raise Refusal(401, "unauthenticated", "A pre-authenticated URL must not be given an Authorization header.")
    if not hmac.compare_digest(call.query.get("tempauth", ""), _signed(kind, text)):
        raise Refusal(401, "unauthenticated", "The URL is not valid.")
    words: Any = read_token(text)
    if not isinstance(words, list) or read_moment(words[-1]) <= call.state.now():
        raise Refusal(401, "unauthenticated", "The URL has expired.")
    return [str(word) for word in words[:-1]]


def _signed(kind: str, text: str) -> str:
    return hmac.new(_KEY, f"{kind}/{text}".encode(), hashlib.sha256).hexdigest()[:32]
