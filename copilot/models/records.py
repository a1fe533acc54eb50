"""What is written down of each attempt: a row of usage, a line of JSON, a span. None of it holds text of messages."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata

from copilot._redaction import redacted_json
from copilot.models.catalog import cost
from copilot.models.ledger import Ledger, Spent
from copilot.models.occasion import Occasion
from copilot.models.roster import Candidate
from copilot.models.watching import tell
from copilot.settings import RecordSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from copilot.models.telemetry import Span

log = logging.getLogger(__name__)

#: How an attempt ended that was called off because another model was faster, or the person cancelled.
CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a vendor counted; `cached` and `cache_write` are among `read`, `reasoning` is among `written`."""

    read: int = 0
    written: int = 0
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0

    @classmethod
    def of(cls, usage: UsageMetadata | None) -> Tokens:
        """Return the counts of a message, or zeros where there are none."""
        if not usage:
            return cls()
        read: Any = usage.get("input_token_details") or {}
        written: Any = usage.get("output_token_details") or {}
        kept = (read.get(n) or 0 for n in ("cache_creation", "ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens"))
        return cls(
            read=usage.get("input_tokens") or 0,
            written=usage.get("output_tokens") or 0,
            cached=read.get("cache_read") or 0,
            cache_write=sum(kept),
            reasoning=written.get("reasoning") or 0,
        )

    def cost(self, candidate: Candidate) -> float | None:
        """Return the US dollars, or None: no price is known, or a count is missing.

        No request is without tokens: some servers leave the input out of a streamed count, and half a cost is wrong.
        """
        if not self.read:
            return None
        if candidate.facts.price is None and candidate.stays:
            return 0.0
        kinds = {"cached": self.cached, "cache_write": self.cache_write, "reasoning": self.reasoning}
        return cost(candidate.facts.price, self.read, self.written, **kinds)


@dataclass
class Attempt:
    """One attempt while it is under way, and how it ended. `seconds` and `first` are as in `ledger.Spent`.

    `messages` is what was asked, or None where no record may hold it, or the answer.
    """

    candidate: Candidate
    messages: Sequence[BaseMessage] | None = None
    answer: AIMessage | None = None
    outcome: str = CANCELLED
    tokens: Tokens = field(default_factory=Tokens)
    cost: float | None = None
    seconds: float = 0.0
    first: float | None = None

    def count(self, usage: UsageMetadata | None) -> None:
        """Take over what the vendor counted."""
        self.tokens = Tokens.of(usage)
        self.cost = self.tokens.cost(self.candidate)


@dataclass
class Records:
    """Writes attempts down, on one occasion."""

    settings: RecordSettings
    ledger: Ledger
    occasion: Occasion = field(default_factory=Occasion)
    label: str = ""  # how confidential the request is

    @contextmanager
    def attempt(self, candidate: Candidate, messages: Sequence[BaseMessage] | None) -> Iterator[Attempt]:
        """Hand out the attempt to be filled in, and write it down when it has ended, however it did."""
        attempt = Attempt(candidate, messages)
        if candidate.is_builtin:
            yield attempt
            return
        began = self.ledger.clock()
        with self._span(attempt) as span:
            try:
                yield attempt
            finally:
                self._write(attempt, began)
                if span is not None:
                    span.end(attempt)

    @contextmanager
    def _span(self, attempt: Attempt) -> Iterator[Span | None]:
        if not self.settings.otel:
            yield None
            return
        from copilot.models import telemetry

        content = self.settings.content and attempt.messages is not None
        with telemetry.span(attempt, self.occasion, content=content) as span:
            yield span

    def _write(self, attempt: Attempt, began: float) -> None:
        spent = self._spent(attempt, began)
        self.ledger.add(spent)
        if log.isEnabledFor(logging.INFO):
            log.info("%s: %s in %.2f s", spent.model, spent.outcome, spent.seconds, extra={"everpilot": asdict(spent)})
        tell({**_watched(spent), "confidentiality": self.label, "region": attempt.candidate.settings.region})
        if self.settings.log:
            append(Path(self.settings.log).expanduser(), asdict(spent))

    def _spent(self, attempt: Attempt, began: float) -> Spent:
        candidate, tokens, on = attempt.candidate, attempt.tokens, self.occasion
        return Spent(
            time=began,
            model=candidate.name,
            identity=candidate.identity,
            provider=candidate.settings.provider,
            vendor_model=candidate.model,
            outcome=attempt.outcome,
            thread=on.thread,
            turn=on.turn,
            user=on.user,
            step=on.step,
            skill=on.skill,
            input=tokens.read,
            output=tokens.written,
            cached=tokens.cached,
            cache_write=tokens.cache_write,
            reasoning=tokens.reasoning,
            cost=attempt.cost,
            seconds=round(attempt.seconds, 4),
            first=attempt.first,
        )


def _watched(spent: Spent) -> dict[str, Any]:
    names = ("model", "provider", "vendor_model", "outcome", "thread", "turn", "user", "step", "skill")
    return {"event": "model", **{n: getattr(spent, n) for n in names}, "input": spent.input, "output": spent.output}


_log_lock = threading.Lock()


def append(path: Path, record: dict[str, Any]) -> None:
    """Add one line of JSON to a log; a log that can't be written costs the line, not the answer."""
    line = json.dumps(redacted_json(record), ensure_ascii=False, default=str) + "\n"
    try:
        with _log_lock, open(path, "a", encoding="utf-8", opener=_private) as file:
            file.write(line)
    except OSError as error:
        log.warning("The log %s can't be written: %s", path, error)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
