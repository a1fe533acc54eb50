"""A skill's evals: tasks with what a right outcome is (agentskills.io, "Evaluating skills": evals/evals.json).

`{skill_name, evals: [{id, prompt, expected_output, files, assertions}]}`; assertions are in plain words. Ours beside
them are `checks`: data that code can look at (CHECKS below). What writers do differently (a bare list, `expectations`,
assertions as objects, `query`) is read and noted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from copilot.errors import PluginError
from copilot.plugins.files import PluginFiles, decoded, parsed_json, read_bytes
from copilot.plugins.skill import Problem, Severity

PLACES = ("evals/evals.json", "evals.json")
MOST_EVALS, MOST_FILES, MOST_BYTES = 500, 200, 50_000_000
#: Our checks, and the fields that each must and may have.
CHECKS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "answer_contains": (("text",), ()),
    "answer_lacks": (("text",), ()),
    "answer_matches": (("pattern",), ()),
    "tool_called": (("tool",), ("args",)),
    "tool_not_called": (("tool",), ()),
    "unchanged": (("file",), ()),
    "exists": (("file",), ()),
    "missing": (("file",), ()),
    "contains": (("file", "text"), ()),
    "lacks": (("file", "text"), ()),
    "cell_equals": (("file", "cell", "value"), ("sheet", "tolerance")),
    "command": (("run",), ("exit", "seconds")),
}
#: Other names for the same fields, as they are met.
_PROMPTS = ("prompt", "query", "input", "task", "question", "user_prompt")
_EXPECTED = ("expected_output", "expected", "expected_behavior", "expected_outcome", "ideal_behavior")
_ASSERTIONS = (
    "assertions",
    "expectations",
    "expect",
    "criteria",
    "expected_behaviors",
    "must",
    "rubric",
    "evaluation_criteria",
)
_NEVER = ("fail", "must_not", "anti_expectations", "forbidden")
_WORDS = ("text", "assertion", "description", "check", "statement", "expectation", "criterion", "pass_if", "name")
#: Fields of an eval that hold more than a word; a list or an object under another name is told, not passed over.
_KNOWN = frozenset(
    {*_PROMPTS, *_EXPECTED, *_ASSERTIONS, *_NEVER, "files", "checks", "tags", "labels", "metadata", "skills"}
)
_LISTS = ("evals", "cases", "tests", "test_cases", "evaluations", "scenarios")


@dataclass(frozen=True)
class Check:
    """Something that code looks at after a run: its kind, one of CHECKS, and its fields."""

    kind: str
    fields: Mapping[str, Any]

    @property
    def words(self) -> str:
        """The check as a person reads it: "contains notes.txt, -- Ada"."""
        return f"{self.kind} {', '.join(str(value) for value in self.fields.values())}"


@dataclass(frozen=True)
class Input:
    """A file of an eval: where it lies in the skill, and where it is put in the folder of a run."""

    source: Path
    target: str


@dataclass(frozen=True)
class Eval:
    """One task. `assertions` are in plain words; `trouble` says why it can't be run, "" if it can."""

    id: str
    prompt: str
    expected: str = ""
    inputs: tuple[Input, ...] = ()
    assertions: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    trouble: str = ""

    @property
    def statements(self) -> tuple[str, ...]:
        """What is judged in plain words: the assertions, else that the outcome is as expected."""
        return self.assertions or ((f"The outcome is as expected: {self.expected}",) if self.expected else ())


@dataclass(frozen=True)
class Evals:
    """The evals of a skill, and what is odd about the file."""

    skill: str
    evals: tuple[Eval, ...]
    problems: tuple[Problem, ...] = ()


@dataclass
class _Reader:
    """Reads one file, and notes what is odd."""

    files: PluginFiles
    where: str
    problems: list[Problem] = field(default_factory=list)

    def note(self, reason: str, where: str = "", severity: Severity = "repaired") -> None:
        """Keep what was read otherwise than it is written, once."""
        problem = Problem(f"{self.where}#{where}" if where else self.where, reason, severity)
        if problem not in self.problems:
            self.problems.append(problem)

    def evals(self, rows: Iterable[Any]) -> Iterator[Eval]:
        """Yield the evals; what is none is a problem."""
        seen: set[str] = set()
        for number, row in enumerate(rows, 1):
            if number > MOST_EVALS:
                self.problems.append(Problem(self.where, f"it has over {MOST_EVALS} evals; the rest is left out"))
                return
            if not isinstance(row, Mapping):
                self.problems.append(Problem(f"{self.where}#{number}", "it is no object and is left out"))
                continue
            name = self._id(row, number, seen)
            seen.add(name)
            prompt = self._text(row, _PROMPTS, name)
            if prompt.strip():
                yield self._eval(row, name, prompt)
            else:
                self.problems.append(Problem(f"{self.where}#{name}", "it has no prompt and is left out"))

    def _id(self, row: Mapping[str, Any], number: int, seen: set[str]) -> str:
        given = row.get("id", row.get("name"))
        name = str(given) if isinstance(given, str | int) and str(given).strip() else str(number)
        if name in seen:
            self.note(f"the id {name!r} is there twice; this one is {name}_{number}", name)
            return f"{name}_{number}"
        return name

    def _text(self, row: Mapping[str, Any], names: tuple[str, ...], where: str) -> str:
        """Return the first of these fields that is text; lists of texts are joined."""
        for name in names:
            value = row.get(name)
            if isinstance(value, list) and value and all(isinstance(each, str) for each in value):
                value = "\n".join(value)
            if isinstance(value, str) and value:
                if name != names[0]:
                    self.note(f"`{name}` is read as `{names[0]}`", where)
                return value
        return ""

    def _eval(self, row: Mapping[str, Any], name: str, prompt: str) -> Eval:
        for key in (key for key, value in row.items() if isinstance(value, list | Mapping) and value):
            if key not in _KNOWN:
                self.note(
                    f"`{str(key)[:60]}` is not understood, and nothing of it is looked at", severity="unsupported"
                )
        inputs, trouble = self._inputs(row.get("files"), prompt)
        behaviour = row.get("expected_behavior")
        listed = behaviour if isinstance(behaviour, list) else []  # statements, not one text
        expected = self._text({**row, "expected_behavior": None} if listed else row, _EXPECTED, name)
        stated = (*self._assertions(row, name), *self._worded(listed, f"{name}.expected_behavior"))
        checks = tuple(self._checks(row.get("checks"), name))
        return Eval(name, prompt, expected, inputs, stated, checks, trouble)

    def _assertions(self, row: Mapping[str, Any], name: str) -> Iterator[str]:
        for key in _ASSERTIONS:
            if row.get(key) and key != "assertions":
                self.note(f"`{key}` is read as `assertions`", name)
            yield from self._worded(row.get(key), f"{name}.{key}")
        for key in _NEVER:
            for words in self._worded(row.get(key), f"{name}.{key}"):
                self.note(f"`{key}` is read as assertions of what must not be", name)
                yield f"This must not be the case: {words}"

    def _worded(self, value: Any, where: str) -> Iterator[str]:
        """Yield assertions: texts, or objects of which one field holds the words; an object of texts by its values."""
        if isinstance(value, Mapping) and not set(_WORDS) & value.keys():
            value = list(value.values())
        for each in value if isinstance(value, list) else [value] if isinstance(value, str | Mapping) else []:
            if isinstance(each, Mapping):
                words = next((each[key] for key in _WORDS if isinstance(each.get(key), str)), "")
            else:
                words = each if isinstance(each, str) else ""
            if words.strip():
                yield words.strip()
            else:
                self.problems.append(Problem(f"{self.where}#{where}", "an assertion without words is left out"))

    def _checks(self, value: Any, name: str) -> Iterator[Check]:
        if value is not None and not isinstance(value, list):
            self.problems.append(Problem(f"{self.where}#{name}", "`checks` is no list and is left out"))
            return
        for number, each in enumerate(value or [], 1):
            try:
                yield _check(each)
            except PluginError as error:
                self.problems.append(Problem(f"{self.where}#{name}.checks[{number}]", f"left out: {error.message}"))

    def _inputs(self, value: Any, prompt: str) -> tuple[tuple[Input, ...], str]:
        """Return the files of an eval, and why it can't be run."""
        found: dict[str, Input] = {}
        for given in value if isinstance(value, list) else [value] if isinstance(value, str) else []:
            name = given.get("path", given.get("name")) if isinstance(given, Mapping) else given
            if not isinstance(name, str) or not name.strip():
                return (), "a file of it has no name"
            try:
                found |= {each.target: each for each in self._input(name.strip(), prompt)}
            except PluginError as error:
                return (), error.message
        if len(found) > MOST_FILES or sum(each.source.stat().st_size for each in found.values()) > MOST_BYTES:
            return (), f"it has over {MOST_FILES} files, or over {MOST_BYTES // 1_000_000} MB"
        return tuple(found.values()), ""

    def _input(self, name: str, prompt: str) -> Iterator[Input]:
        parts = PurePosixPath(name).parts
        ends = ("/".join(parts[n:]) for n in range(1, len(parts) - 1))  # written from the repository's root
        tried = (name, f"evals/{name}", f"evals/files/{name}", *(ends if ".." not in parts else ()))
        place = next((n for n in tried if self.files.exists(n)), "")
        if not place:
            self.files.path(name)  # which says that it leads out
            raise PluginError(f"its file {name!r} is not there")
        path = self.files.path(place)
        if path.is_file():
            yield Input(path, _target(place, prompt))
            return
        for inside in self.files.glob(f"{PurePosixPath(place).as_posix()}/**/*"):
            yield Input(self.files.path(inside), PurePosixPath(inside).relative_to(PurePosixPath(place)).as_posix())


def load(folder: Path) -> Evals:
    """Return the evals of the skill in a folder. Raises PluginError when there are none, or they can't be read."""
    files = PluginFiles(folder)
    place = next((name for name in PLACES if files.exists(name)), "")
    if not place:
        raise PluginError(f"{folder} has no evals.", hint=f"They lie in {PLACES[0]}; see docs/plugins.md.")
    return parse(parsed_json(decoded(read_bytes(files.path(place)), folder / place), folder / place), files, place)


def parse(value: Any, files: PluginFiles, where: str = PLACES[0]) -> Evals:
    """Return the evals of a file's value; raises PluginError when there is none that can be run."""
    reader = _Reader(files, where)
    top = value if isinstance(value, Mapping) else {}
    key = next((name for name in _LISTS if isinstance(top.get(name), list)), "")
    rows = value if isinstance(value, list) else top.get(key)
    if not isinstance(rows, list):
        raise PluginError(f"{files.root / where} has no list `evals`.", hint="See agentskills.io on evaluating skills.")
    if key != "evals":
        reader.note(f"`{key}` is read as `evals`" if key else "the list at the top is read as `evals`")
    found = tuple(reader.evals(rows))
    if not found:
        told = "; ".join(f"{p.where}: {p.reason}" for p in reader.problems[:3])
        raise PluginError(f"{files.root / where} holds no eval that can be run. {told}".strip())
    skill = top.get("skill_name", top.get("skill", ""))
    return Evals(skill if isinstance(skill, str) else "", found, tuple(reader.problems))


def _check(value: Any) -> Check:
    if not isinstance(value, Mapping) or not isinstance(value.get("check"), str):
        raise PluginError('a check is an object like {"check": "contains", "file": "a.docx", "text": "..."}')
    kind = value["check"]
    if kind not in CHECKS:
        raise PluginError(f"there is no check {kind[:60]!r}; there is: {', '.join(CHECKS)}")
    needed, allowed = CHECKS[kind]
    given = {str(key): each for key, each in value.items() if key != "check"}
    if missing := [name for name in needed if name not in given]:
        raise PluginError(f"{kind} needs {' and '.join(missing)}")
    if unknown := [name for name in given if name not in (*needed, *allowed)]:
        raise PluginError(f"{kind} knows no {' and '.join(unknown)}")
    for name in ("file", "text", "pattern", "tool", "cell", "sheet"):
        if name in given and not isinstance(given[name], str):
            raise PluginError(f"{name} of {kind} must be a text")
    if kind == "command" and not (isinstance(given["run"], list) and all(isinstance(w, str) for w in given["run"])):
        raise PluginError('`run` of command is a list of words: ["python", "check.py"]')
    return Check(kind, given)


def _target(place: str, prompt: str) -> str:
    """Return where a file is put in the folder of a run: by its path if the prompt names that, else by its name."""
    for prefix in ("evals/files/", "evals/"):
        if place.startswith(prefix):
            inner = place.removeprefix(prefix)
            return place if place in prompt else inner if inner in prompt else PurePosixPath(place).name
    return place if place in prompt else PurePosixPath(place).name
