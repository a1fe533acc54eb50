"""When a call is sent again, and after how long.

A call that Graph declined (429, a connection that never came about) is sent again whatever it does. One that may have
been done (a reset, a timeout, 5xx) is sent again only where twice is like once. 503 is among them: a front door answers
it for what lies behind, which may have done its work.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal, Protocol

from .errors import GraphError
from .requests import Reply

#: Whether the service did what it was asked: "lost" is a yes whose answer did not arrive.
Done = Literal["yes", "lost", "no", "maybe"]

#: Statuses that say that nothing was done, and that it may be asked again ("Microsoft Graph throttling guidance").
THROTTLED = frozenset({429, 509})
_TROUBLE = frozenset({408, 500, 502, 503, 504})


class Clock(Protocol):
    """The time, and waiting for it."""

    def monotonic(self) -> float:
        """Return seconds that only grow."""
        ...

    def now(self) -> datetime:
        """Return the time of day, with its zone."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The machine's clock."""

    def monotonic(self) -> float:
        """Return seconds that only grow."""
        return time.monotonic()

    def now(self) -> datetime:
        """Return the time in UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one sending of a call came to: a reply, or the trouble.

    `passing` says that it may go better next time, `wait` after how many seconds at least, if the service said so.
    """

    reply: Reply | None = None
    trouble: GraphError | None = None
    done: Done = "yes"
    passing: bool = False
    wait: float | None = None

    @property
    def throttled(self) -> bool:
        """Whether the service asks for fewer calls."""
        return self.trouble is not None and self.trouble.status in THROTTLED


@dataclass(frozen=True)
class Backoff:
    """How often a call is sent at most, and the seconds between: `first`, doubled each time, at most `longest`.

    The wait is between half of that and all of it, as `jitter` says (0 to 1), so that calls that failed together don't
    come back together.
    """

    attempts: int = 6
    first: float = 0.5
    longest: float = 20.0
    jitter: Callable[[], float] = field(default=random.random, repr=False)

    def pause(self, attempt: int, asked: float | None) -> float:
        """Return the seconds to wait after the attempt of this number, from 1; what the service asked is kept to."""
        own = float(min(self.first * 2 ** min(attempt - 1, 32), self.longest)) * (0.5 + self.jitter() / 2)
        return own if asked is None else asked + own / 10


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds of Retry-After, which is a number or a date (RFC 9110, section 10.2.3); None without it."""
    text = (headers.get("retry-after") or "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max((when.replace(tzinfo=when.tzinfo or UTC) - now).total_seconds(), 0.0)


def judged(status: int) -> tuple[Done, bool]:
    """Return whether what was refused with this status may have been done, and whether it may go better later."""
    if status in THROTTLED:
        return "no", True
    return ("maybe", True) if status in _TROUBLE else ("no", False)
