"""The policy in force: the table, the rules of the settings, and what a person always allows, in one decision.

A rule of the settings or a grant changes what the table says in two directions only: deny and ask make it stricter;
allow opens an ask that the table calls grantable. What is always asked, denied, or tainted and sent stays so.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from copilot.settings import ToolRule, TrustSettings
from copilot.trust.grants import Grants
from copilot.trust.labels import Confidentiality
from copilot.trust.once import Once
from copilot.trust.policy import RULES, Request, Rule, Verdict, considered, judge, unknown

FOLDER = "trust"


@dataclass(frozen=True, slots=True)
class Step:
    """One rule on the way to a decision: where it stands, its name, whether it applied, and what it says of it."""

    where: str
    rule: str
    applies: bool
    says: str


class Guard:
    """Decides on every call. `state` is the state folder, where grants and used approvals are kept; `roots` the opened
    folders, which relative folders of rules are below."""

    def __init__(
        self, settings: TrustSettings, state: Path, roots: Sequence[Path] = (), rules: Sequence[Rule] = RULES
    ) -> None:
        self.settings = settings
        self.once = Once(state / FOLDER / "once.sqlite")
        self.grants = Grants(state / FOLDER / "grants.json")
        self._roots = tuple(roots)
        self._rules = rules

    @property
    def denies(self) -> bool:
        """Whether the settings deny anything, so that it must be looked at before a tool runs."""
        return any(rule.verdict == "deny" for rule in self.settings.tools)

    def judge(self, request: Request) -> Verdict:
        """Return the verdict on a request; whatever goes wrong on the way is a denial."""
        try:
            return self._judged(request)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in here, the answer is no
            return Verdict("deny", "policy-error", f"The policy failed ({type(error).__name__}: {error}).")

    def forbids(self, request: Request) -> Verdict | None:
        """Return the denial by a rule of the settings, before a tool runs; None when there is none."""
        try:
            found = self._set(request, "deny")
        except Exception as error:  # noqa: BLE001 - as above
            return Verdict("deny", "policy-error", f"The policy failed ({type(error).__name__}: {error}).")
        return _denied(found) if found else None

    def explain(self, request: Request) -> tuple[Verdict, list[Step]]:
        """Return the verdict on a request, and every rule that was looked at on the way to it."""
        verdict = self.judge(request)
        if (refused := unknown(request)) is not None:
            return verdict, [Step("policy", refused.rule, True, refused.why)]
        steps = [_step(f"trust.tools[{n}]", r, self._fits(r, request)) for n, r in enumerate(self.settings.tools)]
        for rule, missed in considered(request, self._rules):
            says = f"not: {missed}" if missed else f"{rule.verdict}: {rule.why}"
            steps.append(Step("table", rule.name, not missed, says))
        steps += [
            Step("grants", f"grant {g.number}", self._granted_by(g.tool, g.folder, request), f"allow {g.tool}")
            for g in self.grants.all()
        ]
        return verdict, steps

    def table(self) -> list[dict[str, Any]]:
        """Return everything in force as JSON types, in the order in which it is looked at."""
        rows = [
            {
                "where": f"trust.tools[{n}]",
                "rule": r.tool,
                "verdict": r.verdict,
                "if": _named(r),
                "why": "Your settings.",
            }
            for n, r in enumerate(self.settings.tools)
        ]
        rows += [
            {"where": "table", "rule": r.name, "verdict": r.verdict, "if": r.conditions(), "why": r.why}
            for r in self._rules
        ]
        rows += [
            {
                "where": "grants",
                "rule": f"grant {g.number}",
                "verdict": "allow",
                "if": {"tool": g.tool, "folder": g.folder},
                "why": f"Always allowed since {g.time}.",
            }
            for g in self.grants.all()
        ]
        return rows

    def _judged(self, request: Request) -> Verdict:
        if (refused := unknown(request)) is not None:
            return refused
        if (denied := self._set(request, "deny")) is not None:
            return _denied(denied)
        verdict = judge(request, self._rules)
        if verdict.verdict == "deny":
            return verdict
        if (asked := self._set(request, "ask")) is not None:
            return Verdict("ask", f"trust.tools: {asked.tool}", "Your settings say that it is asked.")
        if verdict.verdict == "ask" and verdict.grantable and request.effect not in ("delete", "move", "alter"):
            return self._opened(request, verdict)
        return verdict

    def _opened(self, request: Request, verdict: Verdict) -> Verdict:
        if (allowed := self._set(request, "allow")) is not None:
            return Verdict("allow", f"trust.tools: {allowed.tool}", "Your settings allow it.")
        for grant in self.grants.all():
            if self._granted_by(grant.tool, grant.folder, request):
                return Verdict("allow", f"grant {grant.number}", "You always allow it.")
        return verdict

    def _set(self, request: Request, decision: str) -> ToolRule | None:
        return next((r for r in self.settings.tools if r.verdict == decision and self._fits(r, request)), None)

    def _fits(self, rule: ToolRule, request: Request) -> bool:
        if not fnmatchcase(request.tool, rule.tool) or rule.effect not in ("", request.effect):
            return False
        if rule.label is not None:
            level = Confidentiality.parse(rule.label)
            data = request.label.confidentiality
            if (data > level) if rule.verdict == "allow" else (data < level):
                return False
        if not rule.folder:
            return True
        inside = [self._is_in(path, rule.folder) for path in request.paths]
        return bool(inside) and all(inside) if rule.verdict == "allow" else any(inside)

    def _granted_by(self, tool: str, folder: str, request: Request) -> bool:
        if tool != request.tool:
            return False
        return not folder or (bool(request.paths) and all(self._is_in(path, folder) for path in request.paths))

    def _is_in(self, path: str, folder: str) -> bool:
        bases = [Path(folder)] if os.path.isabs(folder) else [root / folder for root in self._roots]
        return any(Path(path).is_relative_to(os.path.realpath(base)) for base in bases)


def _denied(rule: ToolRule) -> Verdict:
    return Verdict("deny", f"trust.tools: {rule.tool}", "Your settings deny it.")


def _named(rule: ToolRule) -> dict[str, Any]:
    return {k: v for k, v in rule.model_dump(exclude={"verdict"}).items() if v}


def _step(where: str, rule: ToolRule, applies: bool) -> Step:
    return Step(where, rule.tool, applies, f"{rule.verdict} {rule.tool}")
