"""Scripts that skills bring: run in the sandbox after a person agreed to exactly that, and never over the workspace.

A run works on copies. What it leaves is kept beside the state, and comes into the workspace only as a change like any
other: shown, approved, undone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import Field

from copilot.errors import ToolInputError
from copilot.plugins.context import ToolContext
from copilot.plugins.sandbox.interpreters import Interpreter, of_script
from copilot.plugins.sandbox.job import SKILL, STOPPED, Job, Ran
from copilot.plugins.sandbox.limits import Limits
from copilot.plugins.sandbox.outputs import Outputs, collect
from copilot.plugins.sandbox.run import chosen, run
from copilot.plugins.script_runs import Kept, Runs
from copilot.plugins.skill import Skill, Skills
from copilot.plugins.tools import Tool, build, tool
from copilot.plugins.trusting import Content, skill_content
from copilot.slots import Role, Slot
from copilot.trust.labels import UNKNOWN, Label, join
from copilot.trust.outgoing import Attachment, Outgoing
from copilot.trust.sanitise import safe_text
from copilot.workspace.change import Change
from copilot.workspace.file import File

FOLDER = "scripts"
_MOST_ARGUMENTS, _LONGEST = 64, 4_000
#: Files of a run that are named to the model.
_TOLD = 40


def has_scripts(skill: Skill) -> bool:
    """Return whether a skill brings scripts."""
    return skill.root is not None and (skill.root / FOLDER).is_dir()


def script_names(skill: Skill) -> list[str]:
    """Return the scripts of a skill, by their names in its folder; raises PluginError as `skill_content` does."""
    return sorted(_scripts(skill_content(skill.root))) if skill.root is not None and has_scripts(skill) else []


def script_tools(skills: Skills, state: Path, limits: Limits | None = None) -> tuple[Tool, ...]:
    """Return the tools that run scripts and keep what they left; none where no skill has a script."""
    known = {skill.name: skill for skill in skills.skills if has_scripts(skill)}
    if not known:
        return ()
    runs = Runs(state)
    most = limits or Limits()

    @tool(effect="send")
    def run_script(
        context: ToolContext,
        skill: Annotated[str, Role("target"), Slot("operations"), Field(description="The skill's name.")],
        script: Annotated[str, Role("target"), Field(description="Its path in the skill, scripts/convert.py.")],
        arguments: Annotated[list[str], Role("body"), Field(description="As on a command line.")] = [],  # noqa: B006
        files: Annotated[
            list[str], Role("path"), Field(description="Files it gets copies of, in its working folder.")
        ] = [],  # noqa: B006
    ) -> Outgoing:
        """Run a script of a skill in a sandbox: no network, no files but those named, nothing written but its own."""
        if skill not in known:
            raise ToolInputError.unknown("skill with scripts", skill, known)
        planned = _planned(context, known[skill], script, arguments, files, most)
        return planned.outgoing(runs, context)

    @tool(effect="write")
    def keep_file(
        context: ToolContext,
        run: Annotated[str, Slot("operations"), Field(description="The run's id, as its result names it.")],
        file: Annotated[str, Field(description="One of the files that it left.")],
        path: Annotated[str, Slot("new_document"), Field(description="Where to save it in the workspace.")],
    ) -> Change:
        """Save a file that a script left in the workspace."""
        kept = runs.get(run)
        content = runs.read(kept, file)
        context.labels.append(kept.label)
        return context.create(path, content, f"Keep {safe_text(file)} of the run {kept.id}")

    return (build(run_script, skill="skills"), build(keep_file, skill="skills"))


class _Planned:
    """A run as it would be done: everything is resolved, and nothing of it has happened."""

    def __init__(
        self,
        skill: Skill,
        content: Content,
        script: str,
        arguments: Sequence[str],
        files: Sequence[File],
        limits: Limits,
    ) -> None:
        self.skill, self.content, self.script = skill, content, script
        self.arguments, self.files, self.limits = tuple(arguments), tuple(files), limits
        self.interpreter: Interpreter = of_script(script, content.files[script])
        self.way = chosen()

    def outgoing(self, runs: Runs, context: ToolContext) -> Outgoing:
        """Return what the person is shown; when they agree, `deliver` runs what was shown."""
        label = join(context.labels) | UNKNOWN
        return Outgoing(
            "run",
            (),
            self.body,
            lambda key: self.deliver(runs, key, label),
            subject=f"{self.script} of the skill {self.skill.name}",
            attachments=tuple(Attachment(f.name, f.sha256, len(f.content)) for f in self.files),
            label=label,
        )

    @property
    def body(self) -> str:
        """What would be run, and what it could do, as a person reads it."""
        lines = [
            f"Script: {self.script} (SHA-256 {self.content.parts[self.script]})",
            f"Skill: {self.skill.name} from {self.skill.origin} (SHA-256 of all its files {self.content.digest})",
            f"Run by: {self.interpreter.name}",
            "Arguments:" if self.arguments else "Arguments: none",
            *(f"- {each if each.isprintable() else json.dumps(each)}" for each in self.arguments),  # a line each
            f"It runs in a sandbox ({self.way.name}): no network, copies of the files below and no others, at most "
            f"{self.limits.seconds:g} seconds and {self.limits.memory >> 20} MB. Your files are not changed by it.",
        ]
        return "\n".join(lines)

    def deliver(self, runs: Runs, key: str, label: Label) -> str:
        """Run it, keep what it left, and return what to tell the model."""
        kept, work = runs.begin(key, label)
        folder = runs.copy_skill(kept, self.content)
        before = runs.give(kept, {file.name: file.content for file in self.files})
        command = (*self.interpreter.command, f"{SKILL}/{self.script}", *self.arguments)
        try:
            ran = run(Job(command, folder, work, self.interpreter.readable, self.limits), self.way)
            left = collect(work, before, self.limits)
            kept = runs.keep(kept, left)
        finally:
            runs.clear(kept)
        return _told(kept, ran, left)


def _planned(
    context: ToolContext, skill: Skill, script: str, arguments: Sequence[str], files: Sequence[str], limits: Limits
) -> _Planned:
    assert skill.root is not None
    content = skill_content(skill.root)
    names = _scripts(content)
    found = next((n for n in names if n in (script, f"{FOLDER}/{script}", script.removeprefix("./"))), None)
    if found is None:
        raise ToolInputError.unknown("script", script, names, where=f"the skill {skill.name}")
    if len(arguments) > _MOST_ARGUMENTS or any(len(each) > _LONGEST or "\0" in each for each in arguments):
        text = f"A script takes at most {_MOST_ARGUMENTS} arguments of {_LONGEST:,} characters."
        raise ToolInputError(text, hint="Give longer texts as a file.", code="arguments")
    opened = [context.open(path) for path in dict.fromkeys(files)]
    return _Planned(skill, content, found, arguments, _distinct(opened), limits)


def _distinct(files: Sequence[File]) -> Sequence[File]:
    """Return the files; raises ToolInputError for one whose name can't be given to a script."""
    for file in files:
        parts = PurePosixPath(file.name).parts
        if ".." in parts or file.name.startswith("/") or not file.name.isprintable():
            raise ToolInputError(f"{file.name!r} can't be given to a script by that name.", code="arguments")
    if len({file.name for file in files}) < len(files):
        raise ToolInputError("Two of the files have the same name.", code="arguments")
    return files


def _scripts(content: Content) -> list[str]:
    return [name for name in content.files if name.startswith(f"{FOLDER}/")]


def _told(kept: Kept, ran: Ran, left: Outputs) -> str:
    ended = STOPPED[ran.stopped] if ran.stopped else f"It ended with the exit code {ran.code}."
    lines = [f"Run {kept.id}. {ended}"]
    for title, text in (("Output", ran.output), ("Errors", ran.errors)):
        if text.strip():
            lines += [f"{title}:", text.rstrip()]
    files = [f"- {each.name} ({each.size:,} bytes)" for each in kept.files[:_TOLD]]
    if files:
        lines += [f"Files that it left (save one with skills__keep_file, run {kept.id}):", *files]
    if len(kept.files) > _TOLD:
        lines.append(f"- and {len(kept.files) - _TOLD} more")
    if left.left_out:
        lines += ["Not kept:", *(f"- {each}" for each in left.left_out[:_TOLD])]
    return "\n".join(lines)
