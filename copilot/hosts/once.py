"""`everpilot -p`: one question, one answer, an exit code that a script can use."""

from __future__ import annotations

import argparse
import difflib
import os
import select
import shlex
import stat
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from copilot import settings
from copilot.agent.copilot import Copilot
from copilot.agent.events import ApprovalEvent, Event, Final, Switched, ToolEvent
from copilot.agent.threads import Thread
from copilot.cli import DONE, FAILED, NEEDS_APPROVAL, NO_MODEL, exit_code_of
from copilot.errors import DocumentError, EverpilotError, SettingsError, ThreadError
from copilot.hosts import render
from copilot.hosts.output import as_json, as_line, command, say
from copilot.models.builtin import PIPED
from copilot.plugins.mcp.elicitation import Elicit
from copilot.settings import Settings

#: Error codes that mean: no model could do it.
_NO_MODEL = frozenset({"no_model", "model", "too_long", "needs_model", "asked"})
#: Modes that a flag of the same name chooses; without one it is `trust.mode` of the settings.
_MODES = ("yes", "dry-run", "auto", "read-only")
_FIRST_BYTE = 3.0  # seconds to wait for something piped in before it is taken for nothing


def once(parsed: argparse.Namespace) -> int:
    """Answer `parsed.prompt` and return the exit code."""
    output = parsed.output_format
    try:
        copilot = open_copilot(parsed)
        thread = chosen_thread(copilot, parsed)
        copilot = reaching(copilot, thread, parsed.model)
        if output == "text" and not thread and copilot.persona and copilot.persona.disclaimer:
            say(copilot.persona.disclaimer)
        said, typed = _said(copilot, parsed.prompt)
        turn = copilot.stream(said, thread=thread, files=parsed.files, typed=typed)
        return _Answer(copilot, output, again(parsed)).run(turn, ask=not parsed.dry_run)
    except EverpilotError as error:
        if output == "text":
            raise
        show(iter([Final("", parsed.resume or "", error={"code": error.code, "message": str(error)})]), output)
        return exit_code_of(error)


def make_copilot(parsed: argparse.Namespace, elicit: Elicit | None = None) -> Copilot:
    """Return the assistant over `--dir` and the folders of the named files; `elicit` asks what servers want to know."""
    folder = Path(parsed.dir or ".")
    named = [Path(f).expanduser() for f in getattr(parsed, "files", [])]
    parsed.files = [str(f if f.is_absolute() or not f.exists() else f.resolve()) for f in named]
    outside = [f.resolve().parent for f in named if f.is_file()]
    mode = next((name for name in _MODES if getattr(parsed, name.replace("-", "_"), False)), "")
    root = folder.expanduser().resolve()
    for given in named:
        _must_be_a_file(given if given.exists() else root / given, given)
    more = [p for p in dict.fromkeys(outside) if not p.is_relative_to(root)]
    if getattr(parsed, "without", ()) and not parsed.agent:
        hint = "Name the agent with --agent."
        raise EverpilotError(
            "--without switches off what an agent may use, and there is none.", hint=hint, code="usage"
        )
    chosen = _within(settings.load(root), getattr(parsed, "max_budget_usd", None))
    files = [str(Path(f).expanduser().resolve()) for f in getattr(parsed, "mcp_config", None) or []]
    if missing := next((file for file in files if not Path(file).is_file()), None):
        raise SettingsError(f"There is no file {missing}, which --mcp-config names.")
    if files:  # they come before the servers of the settings
        chosen = chosen.model_copy(update={"mcp": chosen.mcp.model_copy(update={"files": [*files, *chosen.mcp.files]})})
    return Copilot(
        parsed.dir or ".",
        folders=more,
        model=getattr(parsed, "model", None),
        mode=mode,
        settings=chosen,
        agent=getattr(parsed, "agent", None) or "",
        without=getattr(parsed, "without", ()),
        elicit=elicit,
    )


def _within(chosen: Settings, dollars: float | None) -> Settings:
    """Return the settings with a budget for a turn that is at most this."""
    if dollars is None:
        return chosen
    most = dollars if chosen.budgets.turn is None else min(dollars, chosen.budgets.turn)
    return chosen.model_copy(update={"budgets": chosen.budgets.model_copy(update={"turn": most})})


def _must_be_a_file(place: Path, given: Path) -> None:
    if place.is_dir():
        hint = f'To work in it: everpilot --dir "{given}"'
        raise DocumentError(f"{given} is a folder, not a document.", hint=hint, code="folder")
    if not place.is_file():
        beside = sorted(p.name for p in place.parent.iterdir() if p.is_file()) if place.parent.is_dir() else []
        close = difflib.get_close_matches(place.name, beside, n=3)
        hint = f"Did you mean {' or '.join(close)}?" if close else "Check its name and its folder."
        raise DocumentError(f"There is no file {given}.", hint=hint, code="missing")


def notes_of(copilot: Copilot) -> list[str]:
    """Return what was ignored in the settings and the environment, and why."""
    from copilot.models.setup import notes

    skills = [f"{problem.where}: {problem.reason}" for problem in copilot.project_skills[1]]
    return [*copilot.settings.notes, *notes(os.environ), *skills]


def open_copilot(parsed: argparse.Namespace) -> Copilot:
    """Return `make_copilot` and say what was ignored; a person at the terminal is asked what servers want to know."""
    from copilot.hosts.terminal.form import here as form

    as_text = getattr(parsed, "output_format", "text") == "text" and not getattr(parsed, "json", False)
    copilot = make_copilot(parsed, form(wanted=as_text))
    for note in notes_of(copilot):
        say(note)
    return copilot


def chosen_thread(copilot: Copilot, parsed: argparse.Namespace) -> str | None:
    """Return the thread that -c or -r names, or None for a new one; raises ThreadError when there is none."""
    if parsed.resume:
        return here(copilot, parsed.resume).id
    return last_thread(copilot) if parsed.continue_ else None


def here(copilot: Copilot, thread: str) -> Thread:
    """Return a thread of this folder; raises ThreadError for one that is unknown or belongs to another folder."""
    found = copilot.threads.find(thread)
    if found.folder != str(copilot.folder):
        hint = f'Continue it with: everpilot --dir "{found.folder}" -r {found.id}'
        raise ThreadError(f"Thread {found.id} belongs to {found.folder}.", hint=hint)
    return found


def last_thread(copilot: Copilot) -> str:
    """Return the thread last used in this folder; raises ThreadError when there is none."""
    recent = copilot.threads.recent(copilot.folder, 1)
    if not recent:
        raise ThreadError(f"There is no thread in {copilot.folder} to continue.", hint="Start one without -c.")
    return recent[0].id


def reaching(copilot: Copilot, thread: str | None, model: str | None = None) -> Copilot:
    """Return an assistant that also reaches what earlier commands of the thread named outside of its folder.

    Where none is named, it is the agent that the thread was held with.
    """
    others = copilot.threads.others(thread) if thread else []
    outside = [p for p in others if p.is_dir() and not any(p.is_relative_to(root) for root in copilot.roots)]
    agent = copilot.threads.agent(thread) if thread and not copilot.agent else ""
    if not outside and not agent:
        return copilot
    changes = {name: value for name, value in (("agent", agent), ("model", model)) if value}
    return copilot.like(folders=[*copilot.roots[1:], *outside], **changes)


def again(parsed: argparse.Namespace) -> str:
    """Return the options that the command which answers an approval needs as well, "" for none.

    A thread knows its folders and its agent; the servers that were only named for one command it does not.
    """
    return "".join(f" --mcp-config {shlex.quote(file)}" for file in getattr(parsed, "mcp_config", None) or [])


def show(events: Iterator[Event], output: str, more: str = "") -> int:
    """Show the events of a turn in the wanted form and return the exit code; `more` is what `again` returned."""
    final = _shown(events, output)
    if final is None:
        say("the turn ended without an answer.")
        return FAILED
    if output == "json":
        as_json({k: v for k, v in final.to_dict().items() if k != "type"})
    elif output == "text":
        _print_final(final, more)
    return exit_code(final)


def exit_code(final: Final) -> int:
    """Return the documented exit code of a turn."""
    if final.approvals:
        return NEEDS_APPROVAL
    if final.error:
        return NO_MODEL if final.error["code"] in _NO_MODEL else FAILED
    return DONE


class _Answer:
    """One turn; a person at a terminal is asked what a script is told by exit code 3."""

    def __init__(self, copilot: Copilot, output: str, more: str = "") -> None:
        self._copilot = copilot
        self._output = output
        self._more = more

    def run(self, events: Iterator[Event], *, ask: bool) -> int:
        """Show the turn and return its exit code."""
        if not (ask and self._output == "text" and sys.stdin.isatty() and sys.stdout.isatty()):
            return show(events, self._output, self._more)
        final = _shown(events, self._output)
        seen: list[Any] = []
        while final is not None and final.approvals:
            seen += [item["hunks"] for item in final.approvals[0]["items"]]
            decided = self._decide(final.approvals[0])
            if decided is None:
                _print_how_to_answer(final.thread, self._more)
                return NEEDS_APPROVAL
            final = _shown(self._resumed(final, decided), self._output)
        if final is not None:  # what was approved a moment ago need not be shown again
            short = [{**c, "hunks": []} if c["hunks"] in seen else c for c in final.changes]
            final = replace(final, changes=short)
        return show(iter([final] if final else []), self._output, self._more)

    def _resumed(self, final: Final, decided: bool | list[str] | Literal["always"]) -> Iterator[Event]:
        always, card = decided == "always", final.approvals[0]["digest"]
        answer: bool | list[str] = True if decided == "always" else decided
        return self._copilot.stream_resume(final.thread, approve=answer, card=card, always=always)

    def _decide(self, card: dict[str, Any]) -> bool | list[str] | Literal["always"] | None:
        from copilot.hosts.terminal.prompt import approval, more
        from copilot.hosts.terminal.screen import Screen

        screen = Screen()
        screen.approval(card)
        calls = list(dict.fromkeys(item["call_id"] for item in card["items"]))
        grantable = any(item.get("grantable") for item in card["items"])
        return approval(calls, lambda: screen.page(card, more), grantable=grantable)


def _shown(events: Iterator[Event], output: str) -> Final | None:
    """Show what happens and return the end of the turn."""
    final: Final | None = None
    for event in events:
        if output == "stream-json":
            as_line(event.to_dict())
        elif output == "text":
            _narrate(event)
        if isinstance(event, Final):
            final = event
    return final


def _narrate(event: Event) -> None:
    """Say on stderr what happens while the answer is made."""
    if isinstance(event, Switched):
        say(f"{event.reason}, continued on {event.target}")
    elif isinstance(event, ToolEvent) and event.status == "progress" and sys.stderr.isatty():
        say(event.text)
    elif isinstance(event, ApprovalEvent) and sys.stderr.isatty():
        say("this needs your approval")


def _print_final(final: Final, more: str) -> None:
    out = render.console()
    if final.text:
        render.show_markdown(out, final.text)
    if final.changes and not final.approvals:
        out.print(render.changes(final.changes))
    for card in final.approvals:
        out.print(render.card(card))
        _print_how_to_answer(final.thread, more)
    if final.error and not final.text:
        say(final.error["message"])


def _print_how_to_answer(thread: str, more: str) -> None:
    print(f"\nNothing was written. To do it:       {command()} approve {thread}{more}")
    print(f"To leave it:                         {command()} approve {thread}{more} --reject")
    print("To approve such changes beforehand:  the same command with --yes (make chat: YES=1)")


def _said(copilot: Copilot, given: str) -> tuple[str, str]:
    """Return the words of the turn, and what of them the person typed; a skill or a prompt is started by its name."""
    said = _prompt(given)
    if given == "-":
        return said, ""  # what comes out of a pipe endorses nothing
    if not said.startswith("/"):
        return said, given
    from copilot.plugins.starts import started, starts

    start = started(said, starts(copilot.skills.skills))
    return (start[0], "".join(given.split(maxsplit=1)[1:])) if start else (said, given)


def _prompt(given: str) -> str:
    """Return the words of the turn; raises EverpilotError (code "usage") when there are none."""
    piped = decoded(sys.stdin.buffer.read()) if given == "-" else decoded(_piped())
    prompt = piped if given == "-" else given
    if not prompt.strip():
        raise EverpilotError("The prompt is empty.", hint="Say what to do: everpilot -p PROMPT", code="usage")
    return f"{prompt}\n\n{PIPED}\n\n{piped}" if given != "-" and piped.strip() else prompt


def decoded(piped: bytes) -> str:
    """Return piped bytes as text, whatever wrote them; raises EverpilotError (code "usage") for what is no text."""
    if b"\0" in piped[:8192] and not piped.startswith((b"\xff\xfe", b"\xfe\xff")):
        hint = "Name the file instead: everpilot -p PROMPT FILE"
        raise EverpilotError("What is piped in is no text.", hint=hint, code="usage")
    encoding = "utf-16" if piped.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    return piped.decode(encoding, "replace")


def _piped() -> bytes:
    """Return what is piped in; an inherited stdin on which nothing comes is no input."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError, AttributeError):
        return b""  # no stdin at all
    if stat.S_ISREG(mode):
        return sys.stdin.buffer.read()
    if not stat.S_ISFIFO(mode) and not stat.S_ISSOCK(mode):
        return b""
    if os.name == "nt" or select.select([sys.stdin], [], [], _FIRST_BYTE)[0]:
        return sys.stdin.buffer.read()
    say(f"nothing came on stdin within {_FIRST_BYTE:.0f} s; going on without it (to wait for it: -p -)")
    return b""
