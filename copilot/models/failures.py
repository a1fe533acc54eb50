"""How models fail: the classes, and what the router does about each, as one table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: The classes of failure; also what `attempts[].failure` says. "label", "unable" and "budget" were not asked at all.
FailureClass = Literal[
    "auth", "config", "quota", "rate", "dead", "slow", "too_long", "rejected", "soft", "label", "unable", "budget"
]


@dataclass(frozen=True, slots=True)
class Rule:
    """What is done about one class of failure.

    same       whether the same model is asked again: "never"; "last": once, when nobody else is left; "soon": the same,
               if it said to come back within a second; "repaired": once, with a plainer history;
               "once": once
    others     how many further models are asked: "all", "one", or "larger" windows only
    opens      seconds for which the circuit opens; 0: it stays closed
    most       seconds that it opens at most, doubling with every failure in a row; equal to `opens`: it does not double
    last_try   with every circuit open, it may be tried before the builtin planner is: it fails fast and heals fast
    """

    same: Literal["never", "last", "soon", "repaired", "once"] = "never"
    others: Literal["all", "one", "larger"] = "all"
    opens: float = 0.0
    most: float = 0.0
    last_try: bool = False


RULES: dict[FailureClass, Rule] = {
    "auth": Rule(opens=300, most=3600),
    "config": Rule(opens=300, most=300),
    "quota": Rule(opens=600, most=600),
    "rate": Rule(same="soon", opens=5, most=5),
    "dead": Rule(same="last", opens=5, most=300, last_try=True),
    "slow": Rule(opens=10, most=300),
    "too_long": Rule(others="larger"),
    "rejected": Rule(same="repaired", others="one"),
    "soft": Rule(same="once"),
    "label": Rule(),
    "unable": Rule(),
    "budget": Rule(),
}

#: No circuit stays open longer than this, whatever a Retry-After says.
LONGEST_OPEN = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a model did not answer.

    `text` goes behind the vendor's name in one human line ("key refused (401)"). `retry_after` is seconds, where the
    vendor said so; `opens` overrides the rule's time. `again` is False where asking the same model again is pointless.
    `refused` is True where the model did not want to answer, or its vendor's filter did not let it.
    """

    kind: FailureClass
    text: str
    retry_after: float | None = None
    opens: float | None = None
    again: bool = True
    refused: bool = False

    @property
    def rule(self) -> Rule:
        """The row of the table."""
        return RULES[self.kind]

    def open_seconds(self, row: int) -> float:
        """Return how long the circuit opens at the `row`-th failure in a row (from 1); 0: not at all."""
        rule = self.rule
        if rule.opens == 0:
            return 0.0
        doubled = min(rule.opens * 2.0 ** min(row - 1, 30), max(rule.most, rule.opens))
        base = doubled if self.opens is None else self.opens
        return min(max(base, self.retry_after or 0.0), LONGEST_OPEN)


class AttemptFailed(Exception):
    """One attempt failed in a way that we saw ourselves; the mapping of foreign errors is in foreign.py."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.text)
        self.failure = failure
