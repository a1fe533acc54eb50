"""What Prometheus is told. Labels have few values each: nothing that a stranger sends becomes one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from copilot.errors import SettingsError
from copilot.hosts.bot.activities import HANDLED

_REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_TURN_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640)


class Metrics:
    """The counters of one app. Raises SettingsError without prometheus-client."""

    def __init__(self) -> None:
        try:
            from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
        except ImportError as error:
            raise SettingsError("The bot needs prometheus-client.", hint='Run: pip install "everpilot[bot]"') from error
        self.registry = CollectorRegistry()
        given: dict[str, Any] = {"registry": self.registry}
        name = "everpilot_bot_{}".format
        self._activities = Counter(name("activities"), "Activities that were let in.", ["type", "outcome"], **given)
        self._refused = Counter(name("refused"), "Requests that were not let in.", ["reason"], **given)
        self._requests = Histogram(name("request_seconds"), "Until answered.", buckets=_REQUEST_SECONDS, **given)
        self._turns = Counter(name("turns"), "Turns that ended.", ["outcome"], **given)
        self._turn_seconds = Histogram(name("turn_seconds"), "Of a whole turn.", buckets=_TURN_SECONDS, **given)
        self._in_flight = Gauge(name("turns_in_flight"), "Turns that run in this replica.", **given)
        self._replies = Counter(name("replies"), "Activities that were sent.", ["outcome"], **given)
        self._retries = Counter(name("retries"), "Attempts to send that were repeated.", ["why"], **given)
        self.waiting = Gauge(name("waiting"), "Activities that are kept and not begun.", **given)
        self.draining = Gauge(name("draining"), "1 while it is told to stop.", **given)

    def activity(self, type: str, outcome: str) -> None:
        """Count one that was let in: "new", "known", "full", "stopped", "ignored", "answered"."""
        self._activities.labels(type if type in HANDLED else "other", outcome).inc()

    def refused(self, reason: str) -> None:
        """Count one that was not; the reason is one of ours, not the sender's words."""
        self._refused.labels(reason).inc()

    def request(self, seconds: float) -> None:
        """Count how long a request took."""
        self._requests.observe(seconds)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Count a turn that runs inside, by how it ended."""
        began, outcome = time.perf_counter(), "failed"
        self._in_flight.inc()
        try:
            yield
            outcome = "done"
        finally:
            self._in_flight.dec()
            self._turns.labels(outcome).inc()
            self._turn_seconds.observe(time.perf_counter() - began)

    def reply(self, outcome: str) -> None:
        """Count an activity that was "sent", or "refused"."""
        self._replies.labels(outcome).inc()

    def retry(self, why: str) -> None:
        """Count an attempt that is repeated: an HTTP status, or "connection"."""
        self._retries.labels(why).inc()

    def text(self) -> tuple[bytes, str]:
        """Return all of it in Prometheus' format, and the content type of that."""
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        return generate_latest(self.registry), CONTENT_TYPE_LATEST
