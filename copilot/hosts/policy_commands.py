"""`everpilot policy`: what is allowed and why, and what is always allowed."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot.cli import DONE
from copilot.errors import EverpilotError, ToolInputError
from copilot.hosts import render
from copilot.hosts.once import open_copilot
from copilot.hosts.output import as_json
from copilot.trust.sanitise import safe_text

if TYPE_CHECKING:
    from copilot.agent.copilot import Copilot
    from copilot.agent.requests import Asked
    from copilot.plugins.tools import Tool
    from copilot.trust.guard import Step
    from copilot.trust.policy import Request, Verdict


def policy(parsed: argparse.Namespace) -> int:
    """Show, explain, allow, list or revoke."""
    actions = {"show": _show, "explain": _explain, "allow": _allow, "list": _list, "revoke": _revoke}
    return actions[parsed.action](parsed)


def _show(parsed: argparse.Namespace) -> int:
    copilot = open_copilot(parsed)
    trust, rows = copilot.settings.trust, copilot.guard.table()
    if parsed.json:
        as_json({"mode": copilot.mode, "hosts": trust.hosts, "readers": trust.readers, "rules": rows})
        return DONE
    print(f"Mode: {copilot.mode}. Hosts: {', '.join(trust.hosts) or 'none'}.")
    heads = ("From", "Rule", "Verdict", "If", "Why")
    cells = [(row["where"], row["rule"], row["verdict"], _words(row["if"]), row["why"]) for row in rows]
    render.console().print(render.table(heads, cells))
    return DONE


def _words(conditions: dict[str, Any]) -> str:
    """Return the conditions of a rule in words."""
    told = []
    for name, value in conditions.items():
        if isinstance(value, bool):
            told.append(name if value else f"not {name}")
        else:
            told.append(f"{name} {' or '.join(value) if isinstance(value, list) else value}")
    return "; ".join(told)


# --- always allow -------------------------------------------------------------------------------------------------


def _list(parsed: argparse.Namespace) -> int:
    grants = open_copilot(parsed).guard.grants.all()
    if parsed.json:
        as_json([asdict(grant) for grant in grants])
        return DONE
    rows = [(g.number, g.tool, g.folder or "everywhere", g.time[:16].replace("T", " ")) for g in grants]
    heads = ("N", "Tool", "Below", "Since (UTC)")
    render.console().print(render.table(heads, rows) if rows else "Nothing is always allowed.")
    return DONE


def _allow(parsed: argparse.Namespace) -> int:
    copilot = open_copilot(parsed)
    tool = _tool(copilot, parsed)
    if tool.effect.value in ("delete", "move"):
        raise ToolInputError(f"{tool.name} is always asked: it declares the effect {tool.effect.value}.", code="usage")
    folder = "" if parsed.folder is None else str(_folder(copilot, parsed.folder))
    grant = copilot.guard.grants.allow(tool.name, folder)
    if parsed.json:
        as_json(asdict(grant))
    else:
        where = f" below {safe_text(grant.folder)}" if grant.folder else ""
        print(
            f"{safe_text(grant.tool)} is always allowed{where}. To take it back: everpilot policy revoke {grant.number}"
        )
    return DONE


def _folder(copilot: Copilot, given: str) -> Path:
    place = Path(given).expanduser()
    found = place if place.is_absolute() else copilot.folder / place
    if not found.is_dir():
        raise ToolInputError(f"There is no folder {given}.", hint="Name one that exists.", code="usage")
    return found.resolve()


def _revoke(parsed: argparse.Namespace) -> int:
    copilot = open_copilot(parsed)
    if not (parsed.what or "").isdecimal():
        raise ToolInputError(
            "Say which grant: everpilot policy revoke N.", hint="`policy list` shows them.", code="usage"
        )
    grant = copilot.guard.grants.revoke(int(parsed.what))
    print(f"{safe_text(grant.tool)} is asked about again.")
    return DONE


# --- explain ------------------------------------------------------------------------------------------------------


def _explain(parsed: argparse.Namespace) -> int:
    copilot = open_copilot(parsed)
    request = _request(copilot, _asked(copilot, parsed))
    verdict, steps = copilot.guard.explain(request)
    if parsed.json:
        as_json({**asdict(verdict), "request": _facts(request), "steps": [asdict(step) for step in steps]})
        return DONE
    _print_explanation(request, verdict, steps)
    return DONE


def _asked(copilot: Copilot, parsed: argparse.Namespace) -> Asked:
    from copilot.agent.requests import Asked
    from copilot.agent.step import By
    from copilot.trust.labels import USER, Confidentiality, Integrity, Label
    from copilot.trust.typed import Typed

    level = Confidentiality.parse(parsed.label or copilot.settings.trust.default_confidentiality)
    label = Label(USER.integrity if parsed.untainted else Integrity.UNTRUSTED, level)
    by = By(typed=Typed(tuple(parsed.said)))
    return Asked(_tool(copilot, parsed), _arguments(parsed.args), label, parsed.mode or copilot.mode, by)


def _request(copilot: Copilot, asked: Asked) -> Request:
    """Return what the policy would be asked, from what the call would do: it is staged, never done."""
    from copilot.agent.plan import Call
    from copilot.agent.requests import Requests

    request = Requests(copilot.workspace, copilot.guard).before(asked)
    if request.effect in ("read", "fetch"):
        return request
    call = Call("explain", asked.tool.name, dict(asked.args))
    (step,) = copilot.runner.stage([call], mode=asked.mode, label=asked.label, by=asked.by)
    if step.request is not None:
        return step.request
    code = (step.error or {}).get("code", "")
    if code not in ("effect", "outside_roots"):
        raise ToolInputError(step.text, code="usage")
    return replace(request, declared=code != "effect", inside_roots=code != "outside_roots")


def _facts(request: Request) -> dict[str, Any]:
    return {**asdict(request), "label": request.label.to_dict(), "paths": list(request.paths)}


def _print_explanation(request: Request, verdict: Verdict, steps: list[Step]) -> None:
    label = request.label
    kind = "documents had a part in it" if label.tainted else "from your words alone"
    typed = "typed by you" if request.endorsed else "not typed by you"
    print(f"{safe_text(request.tool)} ({request.effect}), mode {request.mode}: {verdict.verdict}.")
    print(f"Rule {safe_text(verdict.rule)}: {safe_text(verdict.why)}")
    print(f"Data: {label.confidentiality.name.lower()}, {kind}; its targets are {typed}.\n")
    rows = [(step.where, step.rule, "applies" if step.applies else "", step.says) for step in steps]
    render.console().print(render.table(("From", "Rule", "", "What it says"), rows))


def _tool(copilot: Copilot, parsed: argparse.Namespace) -> Tool:
    from copilot.plugins.tools import public_name

    if not parsed.what:
        raise ToolInputError(f"Say which tool: everpilot policy {parsed.action} TOOL.", code="usage")
    tools = copilot.skills.tools()
    found = tools.get(public_name(parsed.what)) or tools.get(parsed.what)
    if found is None:
        raise ToolInputError.unknown("tool", parsed.what, tools)
    return found


def _arguments(given: str) -> dict[str, Any]:
    try:
        text = Path(given[1:]).expanduser().read_text("utf-8-sig") if given.startswith("@") else given
        parsed = json.loads(text)
    except (OSError, ValueError) as error:
        raise EverpilotError(f"--args can't be read as JSON: {error}.", code="usage") from None
    if not isinstance(parsed, dict):
        raise EverpilotError('--args must be a JSON object, like {"path": "contract.docx"}.', code="usage")
    return parsed
