"""The /commands of the chat."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence

from copilot.agent.copilot import Copilot
from copilot.agent.events import Usage
from copilot.errors import ToolInputError
from copilot.hosts import render
from copilot.hosts.agent_commands import agent_rows
from copilot.hosts.once import here
from copilot.hosts.output import remarks, short
from copilot.hosts.terminal.complete import COMMANDS
from copilot.hosts.terminal.greeting import greet, starters_of
from copilot.hosts.terminal.screen import Screen
from copilot.plugins.examine import is_carrier
from copilot.plugins.plugin import Plugin
from copilot.plugins.starts import started, starts
from copilot.plugins.tools import slug
from copilot.trust.sanitise import safe_text

_NAMED = 30  # skills and prompts that /help names
_SHOWN = 200  # characters of what a skill is for


def names_of(copilot: Copilot) -> dict[str, str]:
    """Return the names that start a skill or a prompt, each with what it is for, as a terminal may show it."""
    known = starts(copilot.skills.skills, taken=COMMANDS)
    return {name: safe_text(f"{start.hint} {start.description}".strip()) for name, start in known.items()}


class Commands:
    """Runs /commands over the assistant; `thread` is the present conversation."""

    def __init__(self, copilot: Copilot, screen: Screen, thread: str) -> None:
        self.copilot = copilot
        self.thread = thread
        self._screen = screen
        self._run: dict[str, Callable[[str], None]] = {name: getattr(self, f"_{name[1:]}") for name in COMMANDS}
        self._stay = True
        self._starts = starts(copilot.skills.skills, taken=COMMANDS)

    def started(self, line: str) -> tuple[str, str] | None:
        """Return the message of a skill or prompt that a line starts, and what of it was typed; None for other lines.

        Raises EverpilotError when something is missing.
        """
        return started(line, self._starts)

    def run(self, line: str) -> bool:
        """Run one line; returns False when the person wants to leave. Raises EverpilotError."""
        name, _, rest = line.replace("\n", " ").partition(" ")
        if name not in self._run:
            raise ToolInputError.unknown("command", name, [*COMMANDS, *self._starts])
        self._run[name](rest.strip())
        return self._stay

    def starters(self) -> tuple[str, ...]:
        """Return the requests that the agent offers to begin with, as a terminal may show them."""
        return starters_of(self.copilot.persona)

    def _help(self, _: str) -> None:
        self._table(("Command", "What it does"), COMMANDS.items())
        if self._starts:
            names = list(self._starts)
            more = f" and {len(names) - _NAMED} more: type / and Tab" if len(names) > _NAMED else ""
            self._screen.note(f"A skill or prompt starts with its name: {', '.join(names[:_NAMED])}{more}")
        self._screen.note("Alt-Enter begins a new line, @ completes a file, Ctrl-C stops a turn, Ctrl-D leaves.")

    def _exit(self, _: str) -> None:
        self._stay = False

    def _clear(self, _: str) -> None:
        self.thread = self.copilot.threads.new_id()
        self._screen.console.clear()
        self._screen.note("A new thread.")

    def _model(self, name: str) -> None:
        if not name:
            self._models("")
            return
        chosen = self.copilot.like(model=name)
        chosen.prepare()  # raises for a name that is not there; the present model then stays
        self.copilot = chosen
        self._screen.note(f"{name} is preferred from now on.")

    def _models(self, _: str) -> None:
        from copilot.agent.router import describe

        rows = describe(self.copilot.settings, self.copilot.state, os.environ)
        self._table(
            ("Model", "Provider", "Vendor's name", "State"),
            [(r["name"], r["provider"], r["model"], r["state"]) for r in rows],
        )

    def _skills(self, _: str) -> None:
        loaded = self.copilot.skills
        self._table(
            ("Skill", "From", "What for"),
            [(s.name, s.origin, short(s.description.partition(". ")[0], _SHOWN)) for s in loaded.skills],
        )
        for remark in remarks(loaded.problems):
            self._screen.problem(remark)

    def _tools(self, _: str) -> None:
        tools = self.copilot.offered.tools().values()
        self._table(
            ("Tool", "Effect", "What it does"), [(t.name, t.effect.value, t.description.splitlines()[0]) for t in tools]
        )

    def _plugins(self, _: str) -> None:
        rows = [(p.name, p.version, p.form, _brings(p)) for p in self.copilot.plugins]
        if rows:
            self._table(("Plugin", "Version", "Form", "Brings"), rows)
        else:
            self._screen.note("No plugin is installed: everpilot plugins install SOURCE")
        for problem in self.copilot.plugin_problems:
            if problem.severity == "refused":
                self._screen.problem(f"{problem.where}: {problem.reason}")

    def _mcp(self, _: str) -> None:
        rows = list(server_rows(self.copilot))
        if rows:
            self._table(("Server", "From", "State"), rows)
        else:
            self._screen.note("No MCP server is set: [mcp.servers.NAME] in copilot.toml, or --mcp-config FILE")

    def _agents(self, name: str) -> None:
        if not name:
            self._table(("Agent", "Name", "What for"), agent_rows(self.copilot))
            return
        chosen = self.copilot.like(agent="" if name == "none" else name)
        chosen.prepare()  # raises for an agent that is not there; the present one then stays
        self.copilot, self.thread = chosen, chosen.threads.new_id()
        self._screen.note("A new thread.")
        greet(self._screen, chosen.persona)

    def _undo(self, what: str) -> None:
        workspace = self.copilot.workspace
        if what == "turn":
            undone = workspace.undo_turn(thread=self.thread)
        elif what == "thread":
            undone = workspace.undo_thread(self.thread)
        else:
            undone = [workspace.undo(_number(what))]
        for entry in undone:
            self._screen.note(f"{workspace.show(entry.path)} is as it was before change {entry.undoes}.")

    def _redo(self, number: str) -> None:
        entry = self.copilot.workspace.redo(_number(number))
        self._screen.note(f"{self.copilot.workspace.show(entry.path)} is again as it was before change {entry.undoes}.")

    def _diff(self, number: str) -> None:
        entries = self.copilot.workspace.history()
        chosen = [e for e in entries if not number or str(e.number) == number]
        if not chosen:
            self._screen.note("Nothing was changed." if not number else f"There is no change {number}.")
        for e in reversed(chosen[:10]):
            self._screen.note(
                f"change {e.number}, {e.time[:16].replace('T', ' ')} UTC" + (" (undone)" if e.undone_by else "")
            )
            path = self.copilot.workspace.show(e.path)
            shown = {"path": path, "summary": e.summary, "hunks": list(e.hunks), "committed": True}
            self._screen.console.print(render.changes([shown]))

    def _cost(self, _: str) -> None:
        rows = [
            (
                model,
                str(len(used)),
                f"{sum(u.input_tokens for u in used):,}",
                f"{sum(u.output_tokens for u in used):,}",
                _cost(used),
            )
            for model, used in self._screen.used.items()
            if model != "builtin"
        ]
        if rows:
            self._table(("Model", "Calls", "Tokens in", "Tokens out", "Cost"), rows)
        else:
            self._screen.note("No vendor's model was used in this session.")

    def _sessions(self, _: str) -> None:
        recent = self.copilot.threads.recent(self.copilot.folder)
        rows = [
            (("→ " if t.id == self.thread else "") + t.id, t.updated[:16].replace("T", " "), t.title) for t in recent
        ]
        if rows:
            self._table(("Thread", "Last used (UTC)", "About"), rows)
        else:
            self._screen.note("No threads in this folder yet.")

    def _resume(self, thread: str) -> None:
        if not thread:
            self._sessions("")
            return
        found = here(self.copilot, thread)
        self.thread = found.id
        self._screen.note(f"Thread {found.id} goes on: {found.title}")

    def _table(self, heads: tuple[str, ...], rows: Iterable[Sequence[object]]) -> None:
        self._screen.console.print(render.table(heads, rows))


def _brings(plugin: Plugin) -> str:
    """Return how much of what a plugin brings, in words."""
    skills = [skill for skill in plugin.skills if not is_carrier(skill)]
    counts = {
        "skill": len(skills),
        "command": sum(len(skill.prompts) for skill in plugin.skills),
        "tool": sum(len(skill.tools) for skill in skills),
        "server": len(plugin.servers),
        "agent": len(plugin.personas),
    }
    return ", ".join(f"{count} {what}{'' if count == 1 else 's'}" for what, count in counts.items() if count)


def server_rows(copilot: Copilot) -> Iterator[tuple[str, str, str]]:
    """Yield a row for each MCP server: its name, where it comes from, how many tools it offers or why none."""
    why = {problem.where: problem.reason for problem in copilot.skills.problems}
    tools = {skill.name: len(skill.tools) for skill in copilot.skills.skills if skill.form == "mcp-servers"}
    for server in copilot.servers.servers:
        count = tools.get(slug(server.name), tools.get(slug(f"{server.name}-mcp"), 0))
        state = why.get(server.key) or f"{count} tools"
        yield server.name, f"plugin {server.plugin}" if server.plugin else server.where or "settings", state


def _number(text: str) -> int | None:
    if text and not text.isdecimal():
        raise ToolInputError(f"{text!r} is no number of a change.", hint="List them with /diff.")
    return int(text) if text else None


def _cost(used: Sequence[Usage]) -> str:
    known = [u.cost for u in used if u.cost is not None]
    return f"${sum(known):.4f}" + ("" if len(known) == len(used) else " and more") if known else "no price known"
