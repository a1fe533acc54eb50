"""Budgets: the most that models may cost, looked at before every attempt, also of the model that is failed over to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from copilot.models.catalog import cost
from copilot.models.ledger import Ledger, Spent, day_begins
from copilot.models.occasion import Occasion
from copilot.models.roster import Candidate
from copilot.settings import BudgetSettings

_NONE = BudgetSettings()
#: Tokens of an answer that is counted with before it is known.
EXPECTED_OUTPUT = 500


@dataclass(frozen=True)
class Budgets:
    """What may still be spent on one occasion."""

    settings: BudgetSettings
    ledger: Ledger
    occasion: Occasion = field(default_factory=Occasion)

    def problem(self, candidate: Candidate, tokens: int) -> str:
        """Return which budget an answer to `tokens` tokens of input would break, or ""."""
        if candidate.is_builtin or (candidate.local and candidate.facts.price is None):
            return ""
        expected = expected_cost(candidate, tokens)
        limits = list(self._limits(candidate, expected or 0.0))
        if not limits:
            return ""
        if expected is None:
            return "its price is not known, and there is a budget (give it a price)"
        return next((why for limit, spent, why in limits if spent + expected > limit), "")

    def _limits(self, candidate: Candidate, expected: float) -> Iterator[tuple[float, float, str]]:
        """Yield each limit that applies, what is spent of it, and its words."""
        budgets, on, spent = self.settings, self.occasion, self.ledger.spent
        if budgets == _NONE and candidate.settings.budget is None and on.allowance is None:
            return
        if on.allowance is not None and on.thread:
            used = spent(thread=on.thread)
            allowed = on.allowance
            if on.more is not None and used + expected > allowed:
                allowed = on.more(used + expected)
            yield allowed, used, _words(allowed, "this document", "the run's budget")
        today = day_begins(self.ledger.clock())
        if budgets.turn is not None and on.turn:
            yield budgets.turn, spent(thread=on.thread, turn=on.turn), _words(budgets.turn, "the turn", "budgets.turn")
        if budgets.thread is not None and on.thread:
            yield budgets.thread, spent(thread=on.thread), _words(budgets.thread, "the thread", "budgets.thread")
        if budgets.day is not None:
            yield budgets.day, spent(since=today), _words(budgets.day, "the day", "budgets.day")
        if budgets.user is not None:
            yield budgets.user, spent(since=today, user=on.user), _words(budgets.user, "the user", "budgets.user")
        own = candidate.settings.budget
        if own is not None:
            used = spent(since=today, identity=candidate.identity)
            yield own, used, _words(own, "this model and day", f"budget of {candidate.name!r}")

    def expected(self, candidate: Candidate, tokens: int) -> Spent:
        """Return what an attempt is counted with while it is under way."""
        on = self.occasion
        return Spent(
            time=self.ledger.clock(),
            model=candidate.name,
            identity=candidate.identity,
            provider=candidate.settings.provider,
            vendor_model=candidate.model,
            outcome="",
            thread=on.thread,
            turn=on.turn,
            user=on.user,
            step=on.step,
            skill=on.skill,
            cost=expected_cost(candidate, tokens),
        )


def expected_cost(candidate: Candidate, tokens: int) -> float | None:
    """Return the US dollars that an answer to `tokens` tokens will cost about, or None: the price is not known."""
    return cost(candidate.facts.price, tokens, EXPECTED_OUTPUT)


def _words(limit: float, what: str, setting: str) -> str:
    return f"the budget of ${limit:.4g} for {what} is used up ({setting})"
