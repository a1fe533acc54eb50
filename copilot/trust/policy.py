"""What may be done: one table of rules, read from the top, decided outside the model.

Whoever adds a sink adds rows; the code below the table only looks a request up. Nothing that a model says is an input:
the effect is declared by the tool, the label is joined from what was read, the mode is the person's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from copilot.trust.labels import Confidentiality, Label

Decision = Literal["allow", "ask", "deny"]

EFFECTS = frozenset({"read", "write", "send", "delete"})
#: ask: a person decides; yes: the person approved beforehand (`--yes`); dry-run: show only; read-only: no edits at all.
MODES = frozenset({"ask", "yes", "dry-run", "read-only"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the policy says about one call: the decision, the rule that made it, and why, in words for a person."""

    verdict: Decision
    rule: str
    why: str


@dataclass(frozen=True, slots=True)
class Request:
    """What the policy looks at. `overwrites`: a whole file that exists would be replaced by a new one."""

    effect: str
    label: Label
    mode: str
    overwrites: bool
    inside_roots: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: it applies when everything that it names holds; what is left out (None, empty) holds always."""

    name: str
    verdict: Decision
    why: str
    effects: frozenset[str] = frozenset()
    modes: frozenset[str] = frozenset()
    overwrites: bool | None = None
    inside_roots: bool | None = None
    tainted: bool | None = None
    at_least: Confidentiality | None = None

    def matches(self, request: Request) -> bool:
        """Return whether the rule applies to the request."""
        return (
            (not self.effects or request.effect in self.effects)
            and (not self.modes or request.mode in self.modes)
            and self.overwrites in (None, request.overwrites)
            and self.inside_roots in (None, request.inside_roots)
            and self.tainted in (None, request.label.tainted)
            and (self.at_least is None or request.label.confidentiality >= self.at_least)
        )


def _only(*names: str) -> frozenset[str]:
    return frozenset(names)


_ON_FILES = _only("write", "delete")

RULES: tuple[Rule, ...] = (
    Rule("outside-roots", "deny", "It leads out of the folders that you opened.", _ON_FILES, inside_roots=False),
    Rule("read", "allow", "Reading changes nothing.", _only("read"), MODES),
    Rule("read-only", "deny", "This session may only read.", modes=_only("read-only")),
    Rule("dry-run", "deny", "A dry run only shows what would be done.", modes=_only("dry-run")),
    Rule("send-tainted", "ask", "It leaves this computer; documents had a part in it.", _only("send"), tainted=True),
    Rule("send", "ask", "It leaves this computer and can't be undone.", _only("send")),
    Rule("approved-beforehand", "allow", "You allowed changes to files beforehand.", _ON_FILES, _only("yes")),
    Rule("delete", "ask", "It removes a file.", _only("delete"), _only("ask")),
    Rule("overwrite", "ask", "It replaces a file that exists.", _only("write"), _only("ask"), overwrites=True),
    Rule("write", "ask", "It changes a file.", _only("write"), _only("ask")),
)


def decide(
    effect: str,
    label: Label,
    mode: str = "ask",
    *,
    overwrites: bool = False,
    inside_roots: bool = True,
    rules: Sequence[Rule] = RULES,
) -> Verdict:
    """Return the verdict on a call with this effect, on data with this (joined) label.

    Fails closed: an effect or mode that is not known, a missing label, no matching rule, or an error in the policy
    itself is a denial that says so.
    """
    try:
        return _decided(Request(effect, label, mode, overwrites, inside_roots), rules)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong in here, the answer is no
        return Verdict("deny", "policy-error", f"The policy failed ({type(error).__name__}: {error}).")


def _decided(request: Request, rules: Sequence[Rule]) -> Verdict:
    if request.effect not in EFFECTS:
        return Verdict("deny", "unknown-effect", f"The policy knows no effect {request.effect!r}.")
    if request.mode not in MODES:
        return Verdict("deny", "unknown-mode", f"The policy knows no mode {request.mode!r}.")
    if not isinstance(request.label, Label):
        return Verdict("deny", "no-label", "Nothing says where the data comes from and who may see it.")
    for rule in rules:
        if rule.matches(request):
            return Verdict(rule.verdict, rule.name, rule.why)
    return Verdict("deny", "no-rule", f"No rule allows {request.effect!r} in mode {request.mode!r}.")
