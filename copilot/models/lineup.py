"""Who is asked for one answer, and in which order: hard filters, then health, then the policy.

The first are the model that the caller prefers and those that `[routing.skills]` and `[routing.steps]` name for the
work at hand. Within a turn the vendor that serves it goes on; the next turn begins with the preferred one again, as
soon as that is healthy. With a policy that measures, a thread stays where it was at home.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from copilot.models.failures import RULES, Failure
from copilot.models.fitness import Filters
from copilot.models.health import Health
from copilot.models.ledger import Ledger
from copilot.models.request import Request
from copilot.models.roster import Candidate
from copilot.settings import RoutingSettings

_NOWHERE = 99  # the place of models that nothing puts before others
_MARGIN = 5.0  # seconds beyond its deadline for which a probe keeps others away
_LAST_TRIES = 3  # failures in a row after which an open circuit is believed before the builtin planner is asked


@dataclass(frozen=True, slots=True)
class Failed:
    """A model that was tried or passed over. `seconds` is 0 where it was not asked."""

    candidate: Candidate
    failure: Failure
    seconds: float = 0.0
    tried: bool = True

    @property
    def reason(self) -> str:
        """One line for a person: "Anthropic: overloaded (529)"."""
        return f"{self.candidate.provider.title}: {self.failure.text}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return {
            "model": self.candidate.name,
            "failure": self.failure.kind,
            "reason": self.reason,
            "seconds": round(self.seconds, 3),
        }


@dataclass
class Lineup:
    """The models for one answer.

    `failed` is the record of those that failed or were passed over, in order; `home` is where the thread belongs: the
    first one that may and can serve it, whether it is healthy or not.
    """

    request: Request
    health: Health
    filters: Filters
    ledger: Ledger
    routing: RoutingSettings
    prefer: str = ""
    failed: list[Failed] = field(default_factory=list)
    last: Candidate | None = None
    waiting: list[Candidate] = field(default_factory=list)
    home: str = ""
    _left_alone: list[Candidate] = field(default_factory=list)

    def fill(self, candidates: Sequence[Candidate]) -> None:
        """Line up the candidates, which come in the user's order; the planner at their end is the last resort."""
        if self.prefer and (alone := [c for c in candidates if c.is_builtin and c.name == self.prefer]):
            candidates = alone  # who asks for the planner wants no vendor to see the words
        fit = []
        for candidate in self._in_order(candidates):
            if candidate.is_builtin and self.prefer != candidate.name and candidate is candidates[-1]:
                self.last = candidate
            elif failure := self.filters.unfit(candidate, self.request):
                self.failed.append(Failed(candidate, failure, tried=False))
            else:
                fit.append(candidate)
        self.waiting = [c for c in fit if self.health.remaining(c.identity) == 0]
        self._left_alone = [c for c in fit if c not in self.waiting]
        names = [c.name for c in fit if not c.is_builtin]
        self.home = self.request.home if self.request.home in names else next(iter(names), "")

    def _in_order(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        ranked = self._ranked(candidates)
        first = {name: place for place, name in reversed(list(enumerate(self._first())))}
        return sorted(
            ranked, key=lambda c: _NOWHERE if c.is_builtin and not self.prefer else first.get(c.name, _NOWHERE)
        )

    def _first(self) -> Iterator[str]:
        """Yield the names of models that go before the policy's order, the first one first."""
        if self.prefer:
            yield self.prefer
        on = self.request.occasion
        yield from filter(None, (self.routing.skills.get(on.skill), self.routing.steps.get(on.step)))  # type: ignore[call-overload]
        if self.request.in_turn:
            yield self.request.served_last
        if self.routing.policy != "fixed":
            yield self.request.home

    def _ranked(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Return the candidates as the policy wants them; equals keep the user's order, the planner its place."""
        value = _VALUES.get(self.routing.policy)
        if value is None:
            return list(candidates)
        models = sorted((c for c in candidates if not c.is_builtin), key=lambda c: value(c, self.ledger))
        return [*models, *(c for c in candidates if c.is_builtin)]

    def next(self) -> Candidate | None:
        """Return whom to ask next, or None: there is nobody left who may, can and is healthy.

        A half-open circuit lets only this caller through then.
        """
        if sum(f.failure.kind == "rejected" for f in self._last_of_each()) > 1:
            return None
        self.waiting = [c for c in self.waiting if self._is_large_enough(c)]
        while self.waiting:
            candidate = self.waiting.pop(0)
            if failure := self.filters.unfit(candidate, self.request):
                self.failed.append(Failed(candidate, failure, tried=False))  # the budget went with the last attempt
            elif self.claim(candidate):
                return candidate
            else:
                self._left_alone.append(candidate)  # somebody else found it dead, or probes it, since we lined up
        return self._first_to_heal()

    def claim(self, candidate: Candidate, *, force: bool = False) -> bool:
        """Return whether its circuit lets us through, and keep others away meanwhile; `force` asks it in any case."""
        return self.health.begin(candidate.identity, candidate.attempt_seconds + _MARGIN, force=force)

    def has_more(self) -> bool:
        """Return whether somebody waits who could still be asked."""
        return any(self._is_large_enough(c) for c in self.waiting)

    def put_back(self, candidate: Candidate) -> None:
        """Let a model wait again that was called off without having failed."""
        self.waiting.insert(0, candidate)

    def _last_of_each(self) -> list[Failed]:
        return list({f.candidate.name: f for f in self.failed if f.tried}.values())

    def _is_large_enough(self, candidate: Candidate) -> bool:
        failed = [f.candidate.facts.window for f in self.failed if f.failure.kind == "too_long" and f.tried]
        window = candidate.facts.window
        return not failed or window is None or all(known is None or known < window for known in failed)

    def _first_to_heal(self) -> Candidate | None:
        """Return the model whose open circuit closes first, when it is worth trying before we give up."""
        able = [c for c in self._left_alone if self._is_large_enough(c) and self._is_worth_a_try(c)]
        if not able:
            return None
        first = min(able, key=lambda c: self.health.remaining(c.identity))
        self._left_alone = [c for c in self._left_alone if c is not first]
        self.pass_over()
        self.claim(first, force=True)
        return first

    def _is_worth_a_try(self, candidate: Candidate) -> bool:
        if self.last is None:
            return True
        circuit = self.health.circuit(candidate.identity)
        if circuit is None:
            return True
        if self.request.served_last == self.last.name:
            return False  # the planner serves this thread: it goes on until a circuit has closed
        heals_fast = RULES[circuit.kind].last_try and circuit.row <= _LAST_TRIES and circuit.probing_until == 0
        return heals_fast and not any(f.tried for f in self.failed)

    def pass_over(self) -> None:
        """Put everybody on record whose open circuit kept them from being asked."""
        for candidate in self._left_alone:
            circuit = self.health.circuit(candidate.identity)
            if circuit is not None:
                self.failed.append(Failed(candidate, Failure(circuit.kind, circuit.reason), tried=False))
        self._left_alone = []


def _dearness(candidate: Candidate, _: Ledger) -> float:
    """Return what a million tokens cost, three of four of them read; local models cost nothing, unknown prices most."""
    price = candidate.facts.price
    if price is None:
        return 0.0 if candidate.local else float("inf")
    return 0.75 * price.input + 0.25 * price.output


def _slowness(candidate: Candidate, ledger: Ledger) -> float:
    """Return the seconds to the first words; a model that was not measured lately is tried, so that it is."""
    return ledger.standing(candidate.identity).first or 0.0


def _badness(candidate: Candidate, ledger: Ledger) -> float:
    return -ledger.standing(candidate.identity).quality


_VALUES: dict[str, Callable[[Candidate, Ledger], float]] = {
    "cheap": _dearness,
    "fast": _slowness,
    "quality": _badness,
}
