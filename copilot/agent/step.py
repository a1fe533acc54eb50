"""A tool call and what became of it, and how that is told to the model and the person."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from copilot.plugins.tools import Outcome, Tool
from copilot.trust.labels import Label
from copilot.trust.outgoing import Outgoing
from copilot.trust.policy import Request, Verdict
from copilot.trust.typed import Typed
from copilot.workspace.change import Change

Status = Literal["done", "failed", "ask", "denied", "rejected", "dry-run"]


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call of a model: `key` names it for ever, so that it is committed at most once."""

    id: str
    name: str
    args: dict[str, Any]
    key: str = ""

    def hash(self) -> str:
        """Return the SHA-256 of the arguments as canonical JSON."""
        text = json.dumps(self.args, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=repr)
        return hashlib.sha256(text.encode("ascii")).hexdigest()


@dataclass(frozen=True)
class By:
    """Who is behind a plan, for the policy and the audit log.

    `typed` is what the person typed in the thread, `actor` the signed-in person, `model` who made the calls ("" where
    no model did); `turn` names what the person said that led to it. `moment` is when the calls were made: the same
    when they are staged again later (None where it is not known). `leads` are the addresses that search engines gave in
    the thread.
    """

    thread: str = ""
    actor: str = ""
    model: str = ""
    typed: Typed = field(default_factory=Typed)
    turn: str = ""
    moment: datetime | None = None
    leads: frozenset[str] = frozenset()


@dataclass
class Step:
    """What became of one call.

    `label` is what the call read, `carried` everything that goes into its sink: that, and what the model had seen when
    it made the call, `request` what the policy was asked. `run` does what waits for a person and is not
    staged: a read or a fetch that is asked about.
    """

    call: Call
    status: Status
    text: str
    tool: Tool | None = None
    changes: list[Change] = field(default_factory=list)
    shown: list[dict[str, Any]] = field(default_factory=list)
    data: Any = None
    sources: tuple[str, ...] = ()
    leads: tuple[str, ...] = ()
    label: Label = field(default_factory=Label)
    verdict: Verdict | None = None
    request: Request | None = None
    error: dict[str, str] | None = None
    carried: Label | None = None
    outgoing: Outgoing | None = None
    run: Callable[[], Outcome] | None = None
    written: list[tuple[str | None, str | None]] = field(default_factory=list)

    def told(self, tool: str) -> dict[str, Any]:
        """Return it as JSON types, as `Copilot.call` does; `tool` is what was called where there is no such tool."""
        return {
            "tool": self.tool.name if self.tool else tool,
            "status": self.status,
            "text": self.text,
            "data": self.data,
            "sources": list(self.sources),
            "changes": self.shown,
            "error": self.error,
        }

    def refuse(self, verdict: Verdict) -> Step:
        """Make it a denial, and return it."""
        self.status, self.verdict = "denied", verdict
        self.text = f"Not allowed: {verdict.why} Nothing was written or sent.{_way_out(verdict, self.tool)}"
        self.error = {"code": verdict.rule, "message": self.text}
        return self


#: What the person may do about a refusal of a tool of the web.
_ON_WEB = {
    "unlisted-host": " Pages may come from the hosts under [trust] hosts in copilot.toml.",
    "leaks-to-host": " What the person typed may go out, word for word; or begin a new thread.",
}


def _way_out(verdict: Verdict, tool: Tool | None) -> str:
    """Return which setting of the person would let a service be asked with such data."""
    if tool is not None and tool.on_web:
        return _ON_WEB.get(verdict.rule, "")
    if verdict.rule != "leaks-to-host" or tool is None or tool.service is None:
        return ""
    name = tool.service.name
    return f' To allow it, set max_confidentiality = "internal" under [plugins.services.{name}] in copilot.toml.'


@dataclass(frozen=True)
class Settled:
    """A change that is on disk: how it is shown, and the journal's number that undoes it; None: it can't be undone."""

    change: dict[str, Any]
    entry: int | None


def key_of(call: Call, index: int | None) -> str:
    """Return the key of a call's change number `index`; None is the last, which says that all are there."""
    return f"{call.key}:{'last' if index is None else index}"


def declined(words: str) -> str:
    """Return what the model is told of a call that the person did not approve."""
    said = f" They said: {words}" if words else ""
    return f"The user did not approve this call; nothing was written.{said}"


def partly(settled: list[Settled]) -> str:
    """Return how much of a call that failed was written."""
    return f"Before that, {len(settled)} change(s) of this call were written." if settled else "Nothing was written."


def told(shown: list[dict[str, Any]]) -> str:
    """Return saved changes in short: the person has seen them whole, and the model asked for them."""
    lines = []
    for change in shown:
        places = len(change["hunks"])
        lines.append(f"{change['path']}: {change['summary']}" + (f" ({places} places)" if places > 1 else ""))
        lines += [f"- note: {w}" for w in change["warnings"]]
    return "\n".join(lines)


def described(shown: list[dict[str, Any]], most: int = 12) -> str:
    """Return changes in words for the model and the person: summary, hunks, warnings."""
    lines = []
    for change in shown:
        lines.append(": ".join(part for part in (change["path"], change["summary"]) if part))
        hunks = change["hunks"]
        lines += [f"- {h['where']}: {_short(h['before'])} → {_short(h['after'])}" for h in hunks[:most]]
        if len(hunks) > most:
            lines.append(f"- and {len(hunks) - most} more places")
        lines += [f"- note: {w}" for w in change["warnings"]]
    return "\n".join(lines)


def _short(text: str, most: int = 160) -> str:
    text = " ".join(text.split())
    return "(nothing)" if not text else text if len(text) <= most else text[: most - 1] + "…"
