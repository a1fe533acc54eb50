"""What may be done: one table of rules, read from the top, decided outside the model.

Whoever adds a sink adds rows; the code below the table only looks a request up. Nothing that a model says is an input:
the effect is declared by the tool, the label is joined from what was read, the mode is the person's, and `endorsed` is
what the person typed. Rules of the settings and grants ("always allow") come in between; see guard.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from copilot.trust.labels import Confidentiality, Label

Decision = Literal["allow", "ask", "deny"]

#: fetch: asks another machine for something; upload: sends data to a host rather than to somebody; move: also
#: permissions; alter: changes or removes what lies elsewhere and can't be undone here; remember: writes into memory
#: that later threads believe; run: runs a program that a skill brought.
EFFECTS = frozenset({"read", "write", "send", "delete", "fetch", "move", "upload", "alter", "remember", "run"})
#: ask: a person decides; auto: this table decides, and asks where something untrusted had a part in it or something
#: leaves; yes: the person approved changes to files beforehand (`--yes`); dry-run: show only; read-only: no edits.
MODES = frozenset({"ask", "auto", "yes", "dry-run", "read-only"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the policy says about one call: the decision, the rule that made it, and why, in words for a person.

    `grantable` says that "always allow" may answer this ask.
    """

    verdict: Decision
    rule: str
    why: str
    grantable: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """What the policy looks at.

    `label` is the join of everything that goes into the sink. `overwrites`: a whole file that exists would be replaced
    by a new one; `creates`: only new files are written. `endorsed`: every target is a value that the person typed;
    `verbatim`: and so is everything else; `unasked`: what a body holds beyond what was asked ("link": one that nobody
    typed, "source": a document that nobody named, "again": a further message to somebody named once, "words": nobody
    asked to send). `outsider`: a recipient is not among the readers. `host` is the rule of hosts.py that an address
    breaks, `declared` whether the tool says what its parameters matter. `cleared`: it is asked of a service that may be
    given data of this confidentiality; `own`: all that is untrusted in it came from that very service; `combined`: a
    plugin that is not to be combined with others would work on what came from them. `tool` and `paths` (absolute) are
    for the rules of the settings.
    """

    effect: str
    label: Label
    mode: str = "ask"
    overwrites: bool = False
    inside_roots: bool = True
    creates: bool = False
    endorsed: bool = False
    verbatim: bool = False
    unasked: str = ""
    outsider: bool = False
    host: str = ""
    declared: bool = True
    cleared: bool = False
    own: bool = False
    combined: bool = False
    tool: str = ""
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: it applies when everything that it names holds; what is left out (None, empty) holds always.

    `grantable` marks an ask that "always allow" and the settings may turn into an allow.
    """

    name: str
    verdict: Decision
    why: str
    effects: frozenset[str] = frozenset()
    modes: frozenset[str] = frozenset()
    overwrites: bool | None = None
    inside_roots: bool | None = None
    tainted: bool | None = None
    at_least: Confidentiality | None = None
    creates: bool | None = None
    endorsed: bool | None = None
    verbatim: bool | None = None
    unasked: str | None = None
    outsider: bool | None = None
    host: str | None = None
    declared: bool | None = None
    cleared: bool | None = None
    own: bool | None = None
    combined: bool | None = None
    grantable: bool = False

    def matches(self, request: Request) -> bool:
        """Return whether the rule applies to the request."""
        return not self.misses(request)

    def misses(self, request: Request) -> str:
        """Return the first thing that the rule names and that does not hold, "" when it applies."""
        if self.effects and request.effect not in self.effects:
            return "effect"
        if self.modes and request.mode not in self.modes:
            return "mode"
        if self.tainted not in (None, request.label.tainted):
            return "tainted"
        if self.at_least is not None and request.label.confidentiality < self.at_least:
            return "at_least"
        return next((n for n in _FACTS if getattr(self, n) not in (None, getattr(request, n))), "")

    def conditions(self) -> dict[str, Any]:
        """Return what the rule names, as JSON types."""
        named = {f.name: getattr(self, f.name) for f in fields(self)[3:-1]}
        plain = {k: sorted(v) if isinstance(v, frozenset) else v for k, v in named.items()}
        plain["at_least"] = None if self.at_least is None else self.at_least.name.lower()
        return {k: v for k, v in plain.items() if v not in (None, [])}


#: Conditions that are the same word in a rule and in a request.
_FACTS = (
    *("overwrites", "inside_roots", "creates", "endorsed", "verbatim"),
    *("unasked", "outsider", "host", "declared", "cleared", "own", "combined"),
)


def _only(*names: str) -> frozenset[str]:
    return frozenset(names)


_ON_FILES = _only("write", "delete", "move")
_LEAVES = _only("send", "upload", "alter")
_OUT = _only("send", "upload", "fetch")
_SENDS = _only("send", "upload")
_ASKING, _DECIDING = _only("ask", "auto"), _only("auto", "yes")
_RESTRICTED, _INTERNAL = Confidentiality.RESTRICTED, Confidentiality.INTERNAL
_COMBINED = "The plugin does not say that it may work on what other plugins gave."

RULES: tuple[Rule, ...] = (
    # What is never done, whoever asks
    Rule("outside-roots", "deny", "It leads out of the folders that you opened.", _ON_FILES, inside_roots=False),
    Rule("undeclared", "deny", "The tool does not say what its parameters matter.", _OUT | _LEAVES, declared=False),
    Rule("private-host", "deny", "It leads into a private network, or to this machine.", _OUT, host="private-host"),
    Rule("redirector", "deny", "The address sends on to any other one.", _OUT, host="redirector"),
    Rule("unlisted-host", "deny", "The host is not among trust.hosts.", _OUT, host="unlisted-host"),
    Rule("host", "deny", "That is no address that can be checked.", _OUT, host="host"),
    Rule(
        *(
            "leaks-to-host",
            "deny",
            "Documents had a part in what the address or the upload would carry.",
            _only("fetch", "upload"),
        ),
        tainted=True,
        at_least=_INTERNAL,
        cleared=False,
        own=False,
    ),
    Rule(
        *(
            "outside-readers",
            "deny",
            "It is restricted, and somebody it would go to is not among its readers.",
            _LEAVES,
        ),
        at_least=_RESTRICTED,
        outsider=True,
    ),
    Rule("memory-tainted", "deny", "What documents had a part in is not remembered.", _only("remember"), tainted=True),
    # Modes that allow less
    Rule("read", "allow", "Reading changes nothing.", _only("read"), MODES),
    Rule("combined", "ask", _COMBINED, _only("fetch"), combined=True),
    Rule(
        *("fetch-cleared", "ask", "Documents had a part in what the service is asked.", _only("fetch")),
        tainted=True,
        at_least=_INTERNAL,
        own=False,
        grantable=True,
    ),
    Rule("fetch", "allow", "The host is allowed, and nothing of your documents is in the address.", _only("fetch")),
    Rule("read-only", "deny", "This session may only read.", modes=_only("read-only")),
    Rule("dry-run", "deny", "A dry run only shows what would be done.", modes=_only("dry-run")),
    Rule("remember", "allow", "It is kept for later threads.", _only("remember")),
    # What leaves
    Rule("combined-send", "ask", _COMBINED, _LEAVES, combined=True),
    Rule("alter", "ask", "It changes something elsewhere and can't be undone.", _only("alter")),
    Rule("run", "ask", "It runs a program that a skill brought, in a sandbox.", _only("run")),
    Rule(
        *("send-restricted", "ask", "It leaves this computer, and is restricted.", _SENDS),
        at_least=_RESTRICTED,
    ),
    Rule("send-to-outsider", "ask", "Somebody it goes to is not among its readers.", _SENDS, outsider=True),
    Rule("send-link", "ask", "It holds a link that you did not type.", _SENDS, unasked="link", tainted=True),
    Rule("send-source", "ask", "It draws on a document you did not name.", _SENDS, unasked="source"),
    Rule("send-again", "ask", "You named this recipient for one message.", _SENDS, unasked="again"),
    Rule("send-unasked", "ask", "Your message does not ask to send anything.", _SENDS, unasked="words"),
    Rule("send-as-typed", "allow", "You typed whom it goes to.", _SENDS, _DECIDING, endorsed=True),
    Rule("send-tainted", "ask", "It leaves this computer; documents had a part in it.", _SENDS, tainted=True),
    Rule("send", "ask", "It leaves this computer and can't be undone.", _SENDS, grantable=True),
    # Changes to files
    Rule("approved-beforehand", "allow", "You allowed changes to files beforehand.", _ON_FILES, _only("yes")),
    Rule("delete", "ask", "It removes a file.", _only("delete"), _ASKING),
    Rule("move", "ask", "It moves a file, or changes who may use it.", _only("move"), _ASKING),
    Rule("overwrite", "ask", "It replaces a file that exists.", _only("write"), _ASKING, overwrites=True),
    Rule("write", "ask", "It changes a file.", _only("write"), _only("ask"), grantable=True),
    Rule("write-untainted", "allow", "It comes from your words alone.", _only("write"), _only("auto"), tainted=False),
    Rule(
        "write-link", "ask", "It writes a link that you did not type.", _only("write"), unasked="link", grantable=True
    ),
    Rule("write-as-typed", "allow", "You typed all of it.", _only("write"), endorsed=True, verbatim=True),
    Rule("write-new", "allow", "You named the new file.", _only("write"), endorsed=True, creates=True),
    Rule("write-tainted", "ask", "It changes a file; documents had a part in it.", _only("write"), grantable=True),
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
    """Return the table's verdict on a call with this effect, on data with this (joined) label; see `judge`."""
    return judge(Request(effect, label, mode, overwrites, inside_roots), rules)


def judge(request: Request, rules: Sequence[Rule] = RULES) -> Verdict:
    """Return the table's verdict on a request.

    Fails closed: an effect or mode that is not known, a missing label, no matching rule, or an error in the policy
    itself is a denial that says so.
    """
    try:
        return _decided(request, rules)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong in here, the answer is no
        return Verdict("deny", "policy-error", f"The policy failed ({type(error).__name__}: {error}).")


def unknown(request: Request) -> Verdict | None:
    """Return the denial of a request that names what the policy does not know, or None."""
    if request.effect not in EFFECTS:
        return Verdict("deny", "unknown-effect", f"The policy knows no effect {request.effect!r}.")
    if request.mode not in MODES:
        return Verdict("deny", "unknown-mode", f"The policy knows no mode {request.mode!r}.")
    if not isinstance(request.label, Label):
        return Verdict("deny", "no-label", "Nothing says where the data comes from and who may see it.")
    return None


def considered(request: Request, rules: Sequence[Rule] = RULES) -> Iterator[tuple[Rule, str]]:
    """Yield the rules down to the one that decides, each with what does not hold of it ("" for the one that does)."""
    for rule in rules:
        missed = rule.misses(request)
        yield rule, missed
        if not missed:
            return


def _decided(request: Request, rules: Sequence[Rule]) -> Verdict:
    if (refused := unknown(request)) is not None:
        return refused
    for rule in rules:
        if rule.matches(request):
            return Verdict(rule.verdict, rule.name, rule.why, rule.grantable)
    return Verdict("deny", "no-rule", f"No rule allows {request.effect!r} in mode {request.mode!r}.")
