"""The commands beside chat and `-p`. Each takes the parsed arguments and returns an exit code."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from copilot import settings
from copilot.cli import DONE, FAILED, NEEDS_APPROVAL, USAGE
from copilot.errors import DocumentError
from copilot.hosts import render
from copilot.hosts.account_commands import accounts as accounts
from copilot.hosts.account_commands import login as login
from copilot.hosts.account_commands import logout as logout
from copilot.hosts.agent_commands import agents as agents
from copilot.hosts.audit_commands import audit as audit
from copilot.hosts.history_commands import history as history
from copilot.hosts.history_commands import redo as redo
from copilot.hosts.history_commands import restore as restore
from copilot.hosts.history_commands import undo as undo
from copilot.hosts.model_commands import cost as cost
from copilot.hosts.model_commands import models as models
from copilot.hosts.once import again, last_thread, make_copilot, open_copilot, reaching, show
from copilot.hosts.output import agreed, as_json, remarks, say
from copilot.hosts.page_commands import pages as pages
from copilot.hosts.place_commands import sync as sync
from copilot.hosts.policy_commands import policy as policy
from copilot.hosts.trust_commands import trust as trust
from copilot.plugins.skill import Skills
from copilot.trust.sanitise import safe_text

_USAGE_CODES = frozenset({"unknown_tool", "arguments"})


def tools(parsed: argparse.Namespace) -> int:
    """List the tools."""
    found = open_copilot(parsed).offered
    if parsed.json:
        as_json([_described(tool) for tool in found.tools().values()])
        _say_problems(found)
        return DONE
    rows = [(tool.name, tool.effect.value, tool.description.splitlines()[0]) for tool in found.tools().values()]
    render.console().print(render.table(("Tool", "Effect", "What it does"), rows))
    _say_problems(found)
    return DONE


def _say_problems(found: Skills) -> None:
    """Say on stderr what is not loaded, and why; what is printed stays what a script reads."""
    for remark in remarks(found.problems):
        say(remark)


def _described(tool: Any) -> dict[str, Any]:
    return {
        "name": tool.name,
        "skill": tool.skill,
        "effect": tool.effect.value,
        "description": tool.description,
        "parameters": tool.arguments.json_schema(),
        "examples": list(tool.examples),
    }


def call(parsed: argparse.Namespace) -> int:
    """Run one tool."""
    arguments = _arguments(parsed.args)
    if arguments is None:
        return USAGE
    copilot = open_copilot(parsed)
    outcome = copilot.call(parsed.tool, arguments, decide=None if parsed.json else _decide())
    if parsed.json:
        as_json(outcome)
    else:
        _print_outcome(outcome)
    if (outcome["error"] or {}).get("code") == "unknown_tool":
        _say_problems(copilot.offered)  # it may be one of what is not loaded
    if outcome["status"] == "ask":
        return NEEDS_APPROVAL
    if outcome["error"]:
        return USAGE if outcome["error"]["code"] in _USAGE_CODES else FAILED
    return DONE


def _decide() -> Callable[[list[dict[str, Any]]], bool] | None:
    """Return what asks a person at the terminal, None where nobody sits."""
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout.isatty()):
        return None

    def ask(shown: list[dict[str, Any]]) -> bool:
        render.console().print(render.changes(shown, most=None))
        return agreed("Do it?")

    return ask


def _arguments(given: str) -> dict[str, Any] | None:
    try:
        text = Path(given[1:]).expanduser().read_text("utf-8-sig") if given.startswith("@") else given
        parsed = json.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        print(f"everpilot call: {safe_text(given[1:])} can't be read: {safe_text(str(error))}.", file=sys.stderr)
        return None
    except ValueError as error:
        print(f"everpilot call: --args is no JSON: {safe_text(str(error))}.", file=sys.stderr)
        return None
    if not isinstance(parsed, dict):
        print('everpilot call: --args must be a JSON object, like {"path": "contract.docx"}.', file=sys.stderr)
        return None
    return parsed


def _print_outcome(outcome: dict[str, Any]) -> None:
    out, asked = render.console(), _decide() is not None
    goes_out = any(not change["path"] for change in outcome["changes"])
    if outcome["error"]:
        say(outcome["error"]["message"])
    elif outcome["status"] == "ask" and asked:
        print("Nothing was done.")  # they saw it a moment ago, and said no
        return
    elif outcome["changes"]:
        out.print(
            render.changes([{**c, "hunks": [] if asked and goes_out else c["hunks"]} for c in outcome["changes"]])
        )
    if outcome["text"] and not outcome["error"] and (goes_out or not outcome["changes"]):
        render.show_markdown(out, outcome["text"])  # what was answered is not in the change
    if outcome["status"] == "ask":
        how = "run it in a terminal: this is asked each time" if goes_out else "run the same command with --yes"
        print(f"\nNothing was {'done' if goes_out else 'written'}. To do it, {how}.")
    if outcome["status"] == "dry-run":
        print("\nDry run: nothing was written.")


def mcp(parsed: argparse.Namespace) -> int:
    """Offer the skills to other assistants, or answer what they asked for."""
    from copilot.hosts.mcp_server.command import mcp as served

    return served(parsed)


def demo(parsed: argparse.Namespace) -> int:
    """Serve a made-up company."""
    from copilot.demo.command import demo as served

    return served(parsed)


def inspect(parsed: argparse.Namespace) -> int:
    """Show what a model would be given of a file."""
    from copilot.documents import inspect as inspecting

    found = _inspected(Path(parsed.file).expanduser())
    if parsed.json:
        as_json(found)
    elif found["status"] == "refused":
        say(found["message"])
    else:
        render.show_markdown(render.console(), inspecting.render(found))
    return USAGE if found["status"] == "refused" else DONE


def _inspected(path: Path) -> dict[str, Any]:
    """Read the file in a child process with limits: what is inspected is what nobody trusts yet."""
    from copilot.documents import inspect as inspecting
    from copilot.documents.guarded import read_guarded
    from copilot.documents.labels import sensitivity
    from copilot.trust.sensitivity import label_of
    from copilot.workspace.reading import read_file

    try:
        content = read_file(path)
        reading = read_guarded(content, path.name)
    except DocumentError as error:
        return inspecting.refused(error)
    chosen = settings.load(Path.cwd())
    labelled = any(label.active for label in sensitivity(content))
    level = label_of(content, path.name, chosen.trust).confidentiality.name.lower() if labelled else "default"
    return inspecting.described(reading, confidentiality=level)


def approve(parsed: argparse.Namespace) -> int:
    """Answer what a thread waits for."""
    copilot = open_copilot(parsed)
    thread = copilot.threads.find(parsed.thread or last_thread(copilot))
    if Path(thread.folder) != copilot.folder and not parsed.dir:
        parsed.dir = thread.folder
        copilot = make_copilot(parsed)
    waiting = copilot.pending(thread.id)
    if waiting is None:
        print(f"Thread {thread.id} waits for no approval.", file=sys.stdout if parsed.show else sys.stderr)
        return DONE if parsed.show else FAILED
    if parsed.show:
        _show_card(waiting.card, parsed.output_format)
        return NEEDS_APPROVAL
    answer = False if parsed.reject else _only(parsed.only, waiting.card) if parsed.only else True
    copilot = reaching(copilot, thread.id)
    events = copilot.stream_resume(thread.id, approve=answer, card=waiting.card["digest"])
    return show(events, parsed.output_format, again(parsed))


def _show_card(card: dict[str, Any], output: str) -> None:
    if output == "text":
        render.console().print(render.card(card))
    else:
        as_json(card)


def _only(chosen: list[str], card: dict[str, Any]) -> list[str]:
    """Return the calls that were chosen by id, or by the number that the card gives them."""
    calls = list(dict.fromkeys(item["call_id"] for item in card["items"]))
    numbered = {str(number): call for number, call in enumerate(calls, 1)}
    return [word if word in calls else numbered.get(word, word) for word in chosen]


def sessions(parsed: argparse.Namespace) -> int:
    """List the threads."""
    copilot = open_copilot(parsed)
    found = copilot.threads.recent(None if parsed.all else copilot.folder)
    if parsed.json:
        as_json([{"id": t.id, "folder": t.folder, "title": t.title, "updated": t.updated} for t in found])
        return DONE
    heads = ["Thread", "Last used (UTC)", "About", *(["Folder"] if parsed.all else [])]
    rows = [(t.id, t.updated[:16].replace("T", " "), t.title, t.folder)[: len(heads)] for t in found]
    render.console().print(render.table(heads, rows) if rows else "No threads yet.")
    return DONE


def bot(parsed: argparse.Namespace) -> int:
    """Serve the bot."""
    from copilot.hosts.bot_commands import bot as run

    return run(parsed)


def batch(parsed: argparse.Namespace) -> int:
    """Begin a run over many documents, look at runs, answer what they ask."""
    from copilot.hosts.batch_commands import batch as run

    return run(parsed)


def worker(parsed: argparse.Namespace) -> int:
    """Work on runs that others began."""
    from copilot.hosts.batch_commands import worker as run

    return run(parsed)


def schedule(parsed: argparse.Namespace) -> int:
    """Begin runs by the clock."""
    from copilot.hosts.schedule_commands import schedule as run

    return run(parsed)


def watch(parsed: argparse.Namespace) -> int:
    """Do what comes into a folder or place, as it comes."""
    from copilot.hosts.watch_commands import watch as run

    return run(parsed)


def recipe(parsed: argparse.Namespace) -> int:
    """Make, check, test and follow recipes."""
    from copilot.hosts.recipe_commands import recipe as run

    return run(parsed)


def plugins(parsed: argparse.Namespace) -> int:
    """Install, update, list, check and make plugins."""
    from copilot.hosts.plugin_commands import plugins as run

    return run(parsed)


def eval(parsed: argparse.Namespace) -> int:
    """Give models small tasks and keep their marks; with --skill, run the skill's evals."""
    from copilot.hosts.eval_commands import eval as run

    return run(parsed)


def doctor(parsed: argparse.Namespace) -> int:
    """Check the installation, the settings and the plugins."""
    from copilot.hosts.doctor import checks

    found = checks(parsed)
    if parsed.json:
        as_json([{"check": c.name, "ok": c.ok, "text": c.text} for c in found])
    else:
        for check in found:
            print(f"{'ok  ' if check.ok else 'FAIL'} {check.name}: {safe_text(check.text)}")
    return DONE if all(check.ok for check in found) else FAILED
