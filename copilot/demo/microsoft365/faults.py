"""Trouble, by share or by script: throttling, failures before and after the work was done, broken answers, proxies.

Rules are asked in order; the first that applies to a request is met. The same seed gives the same trouble.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Literal

from copilot.demo.microsoft365.call import Answer
from copilot.demo.microsoft365.refusals import Refusal, conflict, forbidden, locked, no_room, resync, stale

#: When a fault is met: in place of the work, after it, or while the answer is sent.
When = Literal["before", "after", "sending"]

_PROXY = b"<!DOCTYPE html><html><head><title>Sign in to the network</title></head><body>Please accept.</body></html>"
_REVOKED = (
    'Bearer realm="", error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwi'
    'dmFsdWUiOiIxNjA0MTA2NjUxIn19fQ=="'
)


@dataclass(frozen=True)
class Rule:
    """One kind of trouble, and when: for a `share` of the requests, or for `count` of them after `after` have passed.

    `method` and `path` (a regular expression, with the version) narrow which requests are meant. `seconds` is
    Retry-After, or how long it takes; negative ones send no Retry-After. `date` sends it as a date (RFC 9110, 10.2.3),
    so many seconds from now.
    """

    kind: str
    share: float = 1.0
    count: int | None = None
    after: int = 0
    method: str = ""
    path: str = ""
    seconds: float = 1
    date: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no fault {self.kind!r}; there are {', '.join(KINDS)}")

    def meant(self, method: str, path: str) -> bool:
        """Whether a request is one of those."""
        return (not self.method or method in self.method.split()) and re.search(self.path, path) is not None


@dataclass(frozen=True)
class Kind:
    """A kind of trouble: when it is met, and what is answered then (None: the connection is cut, or the answer)."""

    when: When
    answer: Callable[[Rule], Answer | Refusal] | None = None


def _refusal(make: Callable[[], Refusal]) -> Callable[[Rule], Refusal]:
    return lambda rule: make()


def _busy(status: int, code: str, message: str) -> Callable[[Rule], Refusal]:
    def made(rule: Rule) -> Refusal:
        moment = datetime.now(UTC) + timedelta(seconds=rule.seconds)
        after = format_datetime(moment, usegmt=True) if rule.date else f"{rule.seconds:g}"
        headers = {"Retry-After": after} if rule.seconds >= 0 else {}
        return Refusal(status, code, message, headers)

    return made


def _page(status: int) -> Callable[[Rule], Answer]:
    return lambda rule: Answer(status, _PROXY, {"Content-Type": "text/html; charset=utf-8"})


def _denied(header: str) -> Callable[[Rule], Refusal]:
    message = "Lifetime validation failed, the token is expired."
    return lambda rule: Refusal(401, "InvalidAuthenticationToken", message, {"WWW-Authenticate": header})


KINDS: Mapping[str, Kind] = {
    "throttle": Kind("before", _busy(429, "TooManyRequests", "Please retry again later.")),
    "unavailable": Kind("before", _busy(503, "serviceNotAvailable", "The service is temporarily unavailable.")),
    "error": Kind("before", _busy(500, "generalException", "An unspecified error has occurred.")),
    "timeout": Kind("before", _busy(504, "timeout", "The request timed out.")),
    "unavailable_after": Kind("after", _busy(503, "serviceNotAvailable", "The service is temporarily unavailable.")),
    "error_after": Kind("after", _busy(500, "generalException", "An unspecified error has occurred.")),
    "gateway": Kind("before", _page(502)),
    "html": Kind("before", _page(200)),
    "reset": Kind("before"),
    "reset_after": Kind("after"),
    "truncate": Kind("sending"),
    "slow": Kind("sending"),
    "changed": Kind("before", _refusal(stale)),
    "clash": Kind("before", _refusal(conflict)),
    "locked": Kind("before", _refusal(locked)),
    "full": Kind("before", _refusal(no_room)),
    "resync": Kind("before", _refusal(resync)),
    "forbidden": Kind("before", _refusal(forbidden)),
    "expired": Kind("before", _denied('Bearer realm="", error="invalid_token"')),
    "claims": Kind("before", _denied(_REVOKED)),
}


@dataclass
class Faults:
    """The rules that hold, and how often each was met."""

    seed: int = 0
    rules: list[Rule] = field(default_factory=list)
    met: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """No trouble any more, and the same beginning as ever."""
        self._random = random.Random(self.seed)
        self._seen: dict[int, int] = {}
        self.rules.clear()
        self.met.clear()

    def add(self, kind: str, **about: Any) -> None:
        """Add a rule; see `Rule`. Raises ValueError for a kind that there is not."""
        self.rules.append(Rule(kind, **about))

    def next(self, kind: str, **about: Any) -> None:
        """The next request (that fits) meets this, once."""
        self.add(kind, count=1, **about)

    def mixed(self, shares: Iterable[tuple[str, float]], **about: Any) -> None:
        """Each kind for its share of the requests."""
        for kind, share in shares:
            self.add(kind, share=share, **about)

    def pick(self, method: str, path: str) -> Rule | None:
        """Return the trouble that a request meets, None for none."""
        for number, rule in enumerate(self.rules):
            if rule.meant(method, path) and self._applies(number, rule):
                self.met[rule.kind] = self.met.get(rule.kind, 0) + 1
                return rule
        return None

    def _applies(self, number: int, rule: Rule) -> bool:
        seen = self._seen.get(number, 0)
        if rule.share < 1 and self._random.random() >= rule.share:
            return False
        self._seen[number] = seen + 1
        return seen >= rule.after and (rule.count is None or seen < rule.after + rule.count)
