"""`everpilot eval`: small tasks for models, or a skill's own evals as a comparison of models, with and without it."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot.cli import DONE, FAILED, NEEDS_APPROVAL
from copilot.errors import PluginError, ToolInputError
from copilot.hosts import model_commands, render
from copilot.hosts.once import open_copilot
from copilot.hosts.output import agreed, as_json, say
from copilot.plugins import loader
from copilot.plugins.contents import copy_files
from copilot.plugins.evals import Evals, load
from copilot.plugins.projects import Admitted
from copilot.plugins.skill import Skill, Skills
from copilot.plugins.trusting import Decisions, skill_content
from copilot.trust.sanitise import safe_text

if TYPE_CHECKING:
    from copilot.agent.copilot import Copilot
    from copilot.agent.evals import Plan, Result

_HEADS = ("Model", "Skill", "Passed", "Tokens", "Cost", "Seconds")


def eval(parsed: argparse.Namespace) -> int:
    """Give models small tasks and keep their marks; with --skill, run the skill's evals."""
    return _of_skill(parsed) if parsed.skill else model_commands.eval(parsed)


def _of_skill(parsed: argparse.Namespace) -> int:
    from copilot.agent.evals import Evaluation

    copilot = open_copilot(parsed)
    with _chosen(copilot, parsed) as (skill, loaded):
        if skill is None:
            return NEEDS_APPROVAL
        if skill.root is None:
            raise PluginError(f"The skill {skill.name} has no folder, and so no evals.")
        found = load(skill.root)
        if not parsed.json:
            for problem in found.problems:
                say(f"{problem.where}: {problem.reason}")
        plan = _plan(parsed, copilot, found)
        results = Evaluation(copilot, skill, loaded, _progress, env=os.environ).results(plan)
    _reported(parsed, skill.name, found, results)
    return FAILED if any(result.passed is False and result.with_skill for result in results) else DONE


def _plan(parsed: argparse.Namespace, copilot: Copilot, found: Evals) -> Plan:
    """Return what is run; raises PluginError for an eval that is not there, or numbers that can't be."""
    from copilot.agent.evals import Plan

    known = {each.id: each for each in found.evals}
    if unknown := [name for name in parsed.only if name not in known]:
        raise ToolInputError.unknown("eval", unknown[0], known)
    if not 1 <= parsed.runs <= 100:
        raise PluginError("--runs is between 1 and 100.", code="usage")
    names = [name.strip() for name in (parsed.models or "").split(",") if name.strip()] or parsed.names
    chosen = [known[name] for name in parsed.only] or list(found.evals)
    return Plan(
        evals=chosen,
        models=list(dict.fromkeys(names)) or _all_models(copilot),
        runs=parsed.runs,
        baseline=not parsed.no_baseline,
        judge=parsed.judge or "",
        commands=parsed.commands,
    )


def _all_models(copilot: Copilot) -> list[str]:
    from copilot.agent.router import describe

    rows = describe(copilot.settings, copilot.state, os.environ)
    return [row["name"] for row in rows if not row["state"].startswith("missing")]


@contextmanager
def _chosen(copilot: Copilot, parsed: argparse.Namespace) -> Iterator[tuple[Skill | None, Skills]]:
    """Give the skill and all that are loaded; (None, ...) when its Python may not run.

    A skill by name is one that is loaded. One by its folder is copied, and read from the copy.
    """
    folder = Path(parsed.skill).expanduser()
    if not folder.is_dir():
        by_name = {skill.name: skill for skill in copilot.skills.skills}
        if parsed.skill not in by_name:
            raise ToolInputError.unknown("skill", parsed.skill, by_name)
        yield by_name[parsed.skill], copilot.skills
        return
    folder = folder.resolve()
    if not _may_run(folder, copilot.state, parsed):
        yield None, copilot.skills
        return
    with tempfile.TemporaryDirectory(prefix="everpilot-skill-") as place:
        copy = Path(place).resolve() / "skills" / folder.name
        copy_files(folder, copy)
        loaded = loader.load(copilot.settings.skills, admitted=[Admitted(folder, copy)])
        skill = next((each for each in loaded.skills if each.root == copy), None)
        if skill is None:
            told = "; ".join(p.reason for p in loaded.problems if str(copy) in p.where) or "it is no skill."
            raise PluginError(f"{folder} can't be evaluated: {told}")
        yield replace(skill, root=copy), loaded


def _may_run(folder: Path, state: Path, parsed: argparse.Namespace) -> bool:
    """Return whether the Python of a skill's folder may run: there is none, it is trusted, or the person says so."""
    if not (folder / "tools.py").is_file() or parsed.yes:
        return True
    if Decisions(state).standing(skill_content(folder)).state == "trusted":
        return True
    if not (sys.stdin and sys.stdin.isatty()):
        say(f"{folder / 'tools.py'} would run as you do, and nobody trusted it. To run it for this once: add --yes")
        return False
    return agreed(f"Run {folder / 'tools.py'} as you, for these evals?")


def _progress(result: Result) -> None:
    if sys.stderr.isatty():
        skill = "with" if result.with_skill else "without"
        say(f"{result.model} {skill}: {result.eval}: {_word(result)} ({result.seconds:.1f} s)")


# --- what is shown ----------------------------------------------------------------------------------------------------


def _reported(parsed: argparse.Namespace, name: str, found: Evals, results: Sequence[Result]) -> None:
    rows = [_summary(group) for group in _groups(results)]
    if parsed.out:
        path = Path(parsed.out).expanduser()
        try:
            path.write_text(report(name, rows, results), "utf-8")
        except OSError as error:
            raise PluginError(f"The report can't be written to {path}: {error.strerror}.") from error
    if parsed.json:
        problems = [{"where": p.where, "severity": p.severity, "reason": p.reason} for p in found.problems]
        as_json({"skill": name, "models": rows, "runs": [r.to_dict() for r in results], "problems": problems})
        return
    render.console().print(render.table(_HEADS, [_cells(row) for row in rows]))
    for result in results:
        if result.passed is not True or result.unchecked:
            print(safe_text(f"{_word(result)}: {_where(result)}: {_why(result)}"))


def _groups(results: Iterable[Result]) -> list[list[Result]]:
    groups: dict[tuple[str, bool], list[Result]] = {}
    for result in results:
        groups.setdefault((result.model, result.with_skill), []).append(result)
    return list(groups.values())


def _summary(group: Sequence[Result]) -> dict[str, Any]:
    """Return one row: a model, with or without the skill; the pass rate counts what was checked."""
    checked = [result for result in group if result.passed is not None]
    passed = sum(bool(result.passed) for result in checked)
    costs = [result.cost for result in group if result.cost is not None]
    return {
        "model": group[0].model,
        "with_skill": group[0].with_skill,
        "passed": passed,
        "checked": len(checked),
        "unchecked": len(group) - len(checked),
        "pass_rate": passed / len(checked) if checked else None,
        "tokens": sum(result.tokens for result in group),
        "cost": sum(costs) if costs else None,
        "seconds": round(sum(result.seconds for result in group), 3),
    }


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    share = "-" if row["pass_rate"] is None else f"{row['passed']} of {row['checked']} ({row['pass_rate']:.0%})"
    if row["unchecked"]:
        share += f", {row['unchecked']} not checked"
    cost = "not known" if row["cost"] is None else f"${row['cost']:.4f}"
    skill = "with" if row["with_skill"] else "without"
    return (row["model"], skill, share, f"{row['tokens']:,}", cost, f"{row['seconds']:.1f}")


def _word(result: Result) -> str:
    return {True: "passed", False: "failed", None: "not checked"}[result.passed]


def _where(result: Result) -> str:
    skill = "with" if result.with_skill else "without"
    return f"{result.model} {skill} the skill, {result.eval}, run {result.run}"


def _why(result: Result) -> str:
    return "; ".join((*result.failures, *result.unchecked)) or "nothing of it could be checked"


def report(name: str, rows: Sequence[dict[str, Any]], results: Sequence[Result]) -> str:
    """Return the comparison as Markdown: the table, then each run with what was wrong. Nothing in it is active."""
    lines = [f"# Evals of {_cell(name)}", "", f"| {' | '.join(_HEADS)} |", f"|{'---|' * len(_HEADS)}"]
    lines += [f"| {' | '.join(_cell(cell) for cell in _cells(row))} |" for row in rows]
    lines += ["", "| Run | Outcome | Why |", "|---|---|---|"]
    for result in results:
        why = _why(result) if result.passed is not True else "; ".join(result.unchecked)
        lines.append(f"| {_cell(_where(result))} | {_word(result)} | {_cell(why)} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """Return text for a cell of a table: what a model or a file said is shown, not rendered."""
    plain = " ".join(safe_text(text).split())
    return "".join(f"\\{c}" if c in "\\`*_[]<>|!#" else c for c in plain)
