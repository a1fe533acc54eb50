"""Whether a model may and can be given a request: the hard filters, looked at again before every attempt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from copilot.models.budget import Budgets
from copilot.models.failures import Failure
from copilot.models.request import Request
from copilot.models.roster import Candidate
from copilot.settings import Level, TrustSettings
from copilot.trust.labels import Confidentiality

T = TypeVar("T")


@dataclass(frozen=True)
class Filters:
    """What the settings say about who may be asked."""

    trust: TrustSettings
    budgets: Budgets

    def unfit(self, candidate: Candidate, request: Request) -> Failure | None:
        """Return why a model must not or can't be given this request, or None. What it may see comes first."""
        return next((found for check in self._checks() if (found := check(candidate, request))), None)

    def _checks(self) -> tuple[Callable[[Candidate, Request], Failure | None], ...]:
        return (self._may_see, _is_set_up, _has_room, _is_able, self._is_affordable)

    def _may_see(self, candidate: Candidate, request: Request) -> Failure | None:
        problem = barred(candidate, request.confidentiality, self.trust)
        return Failure("label", problem) if problem else None

    def _is_affordable(self, candidate: Candidate, request: Request) -> Failure | None:
        problem = self.budgets.problem(candidate, request.tokens)
        return Failure("budget", problem) if problem else None


def barred(candidate: Candidate, level: Confidentiality, trust: TrustSettings) -> str:
    """Return why a model may not be given data of this confidentiality, or "".

    A rule for some confidentiality holds for all that is more confidential, too. What is not declared is not allowed.
    """
    data = f"{level.name.lower()} data"
    if level > candidate.clearance:
        return f"may not see {data}"
    if candidate.stays:
        return ""
    region, kept = candidate.settings.region, candidate.settings.retention_days
    if any(region not in allowed for allowed in _rules(trust.regions, level)):
        where = f"its region {region!r} is" if region else "it has no region, which is"
        return f"may not see {data}: {where} not among trust.regions"
    if any(kept is None or kept > most for most in _rules(trust.retention_days, level)):
        how_long = "for an unknown time" if kept is None else f"for {kept} days"
        return f"may not see {data}: its vendor keeps it {how_long}, which is more than trust.retention_days"
    return ""


def _rules(by_level: Mapping[Level, T], level: Confidentiality) -> list[T]:
    return [rule for name, rule in by_level.items() if Confidentiality.parse(name) <= level]


def _is_set_up(candidate: Candidate, request: Request) -> Failure | None:
    return Failure("config", str(candidate.trouble)) if candidate.trouble is not None else None


def _has_room(candidate: Candidate, request: Request) -> Failure | None:
    window = candidate.facts.window
    if window is None or request.tokens <= window:
        return None
    return Failure("too_long", f"the request is too long for it (about {request.tokens} of {window} tokens)")


def _is_able(candidate: Candidate, request: Request) -> Failure | None:
    facts = candidate.facts
    if request.tools.tools and (candidate.without_tools or not facts.tools):
        return Failure("unable", "can't use tools")
    if request.has_images and facts.vision is False:
        return Failure("unable", "can't see images")
    if request.wants_schema and (facts.json_schema is False or not candidate.terms.schema):
        return Failure("unable", "can't hold its answer to a schema")
    return None
