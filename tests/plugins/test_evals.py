"""evals/evals.json in the shapes that are met, and the checks that code makes on what a run left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from copilot.errors import PluginError
from copilot.plugins import eval_checks
from copilot.plugins.eval_checks import NotChecked, Run, hashes, wrong
from copilot.plugins.evals import CHECKS, Check, load
from copilot.plugins.files import PluginFiles


def evals(folder: Path, value: Any) -> Any:
    (folder / "evals" / "files").mkdir(parents=True, exist_ok=True)
    (folder / "evals" / "files" / "notes.txt").write_text("notes")
    (folder / "evals" / "evals.json").write_text(value if isinstance(value, str) else json.dumps(value))
    return load(folder)


STANDARD = {
    "skill_name": "orders",
    "evals": [
        {
            "id": 1,
            "prompt": "Sum notes.txt",
            "expected_output": "A sum.",
            "files": ["evals/files/notes.txt"],
            "assertions": ["It names the sum."],
        }
    ],
}


def test_the_form_of_the_standard(tmp_path: Path) -> None:
    found = evals(tmp_path, STANDARD)
    (one,) = found.evals
    assert (found.skill, found.problems) == ("orders", ())
    assert (one.id, one.expected, one.assertions, one.trouble) == ("1", "A sum.", ("It names the sum.",), "")
    assert [each.target for each in one.inputs] == ["notes.txt"]
    bare = evals(tmp_path, [{"prompt": "x", "expected_output": "A sum."}]).evals[0]
    assert bare.statements == ("The outcome is as expected: A sum.",)


#: What writers do differently, and the assertions that come of it.
SHAPES: dict[str, tuple[Any, tuple[str, ...]]] = {
    "expectations": ({"evals": [{"prompt": "x", "expectations": ["A"]}]}, ("A",)),
    "a bare list": (
        [{"id": "a", "prompt": "x", "expect": ["A"], "fail": ["B"]}],
        ("A", "This must not be the case: B"),
    ),
    "objects with text": (
        {"evals": [{"prompt": "x", "assertions": [{"id": "i", "text": "A", "type": "semantic"}]}]},
        ("A",),
    ),
    "objects with a description": (
        {"evals": [{"prompt": "x", "assertions": [{"name": "n", "description": "A"}]}]},
        ("A",),
    ),
    "objects with a check": ({"evals": [{"prompt": "x", "assertions": [{"name": "n", "check": "A"}]}]}, ("A",)),
    "cases with input": (
        {"skill": "s", "cases": [{"id": "c", "input": "x", "rubric": [{"dimension": "d", "pass_if": "A"}]}]},
        ("A",),
    ),
    "criteria by name": (
        {"test_cases": [{"prompt": "x", "evaluation_criteria": {"one": "A", "two": "B"}}]},
        ("A", "B"),
    ),
    "query": ([{"query": "x", "should_trigger": True, "expected_behavior": ["A", "B"]}], ("A", "B")),
    "no id": ({"evals": [{"prompt": "x"}, {"prompt": "y"}]}, ()),
}


@pytest.mark.parametrize(("value", "assertions"), SHAPES.values(), ids=SHAPES)
def test_other_shapes_are_read_and_noted(value: Any, assertions: tuple[str, ...], tmp_path: Path) -> None:
    found = evals(tmp_path, value)
    assert (found.evals[0].prompt, found.evals[0].assertions) == ("x", assertions)
    assert all(problem.severity == "repaired" for problem in found.problems)


def test_what_nobody_looks_at_is_told_once(tmp_path: Path) -> None:
    rows = [{"prompt": "x", "scorers": [{"type": "regex"}]}, {"prompt": "y", "scorers": [1]}]
    (problem,) = evals(tmp_path, {"evals": rows}).problems
    assert (problem.severity, "scorers" in problem.reason) == ("unsupported", True)


def test_what_is_wrong_is_named_and_the_rest_is_kept(tmp_path: Path) -> None:
    rows = [
        *(
            None,
            3,
            {"id": "no prompt"},
            {"id": "a", "prompt": "x"},
            {"id": "a", "prompt": "y", "assertions": [None, {}]},
        ),
        {
            "id": "b",
            "prompt": "z",
            "files": ["../../etc/passwd"],
            "checks": [{"check": "contains"}, 4, {"check": "no"}],
        },
        {"id": "c", "prompt": "z", "files": ["gone.txt"], "checks": {"check": "x"}},
        {"id": "d", "prompt": "z", "checks": [{"check": "exists", "file": 3}, {"check": "command", "run": "rm -rf /"}]},
    ]
    found = evals(tmp_path, {"evals": rows})
    assert [each.id for each in found.evals] == ["a", "a_5", "b", "c", "d"]
    troubles = {each.id: each.trouble for each in found.evals}
    assert "leads out" in troubles["b"]
    assert "gone.txt" in troubles["c"]
    assert len(found.problems) == 12
    assert all(each.checks == () for each in found.evals)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"evals": {}}', '{"evals": [1]}', "null", "[" * 5000])
def test_a_file_without_evals_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"evals\.json"):
        evals(tmp_path, text)


def test_folders_and_paths_that_the_prompt_names(tmp_path: Path) -> None:
    (tmp_path / "evals" / "case" / "in").mkdir(parents=True)
    (tmp_path / "evals" / "case" / "in" / "a.txt").write_text("a")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "b.txt").write_text("b")
    rows = [{"prompt": "x", "files": ["evals/case"]}, {"prompt": "sum data/b.txt", "files": ["data/b.txt"]}]
    rows.append({"prompt": "x", "files": ["skills/orders/data/b.txt"]})
    first, second, third = evals(tmp_path, {"evals": rows}).evals
    assert [each.target for each in first.inputs] == ["in/a.txt"]
    assert [each.target for each in second.inputs] == ["data/b.txt"]
    assert [each.target for each in third.inputs] == ["b.txt"]


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A folder after a run: one file changed, one not, a workbook."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "same.txt").write_text("same")
    (folder / "notes.txt").write_text("before")
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet["B4"], sheet["B5"] = 42, "open"
    book.save(folder / "budget.xlsx")
    before = hashes(folder)
    (folder / "notes.txt").write_text("after:\n  two   words")
    calls = [("word.replace_text", {"path": "a.docx", "find": "x"}), ("excel.read", {})]
    return Run(folder, "The total is 42.\nDone.", calls, before, commands=True)


#: A check, and what is wrong ("" for nothing).
LOOKS: list[tuple[dict[str, Any], str]] = [
    ({"check": "answer_contains", "text": "TOTAL IS"}, ""),
    ({"check": "answer_contains", "text": "43"}, "does not say"),
    ({"check": "answer_lacks", "text": "43"}, ""),
    ({"check": "answer_lacks", "text": "42"}, "says"),
    ({"check": "answer_matches", "pattern": r"total is \d+\."}, ""),
    ({"check": "answer_matches", "pattern": r"^Done$(?!x)y"}, "does not match"),
    ({"check": "tool_called", "tool": "word.replace_text", "args": {"find": "x"}}, ""),
    ({"check": "tool_called", "tool": "word.replace_text", "args": {"find": "y"}}, "not called like this"),
    ({"check": "tool_not_called", "tool": "mail.send"}, ""),
    ({"check": "tool_not_called", "tool": "excel.read"}, "was called"),
    ({"check": "unchanged", "file": "same.txt"}, ""),
    ({"check": "unchanged", "file": "notes.txt"}, "changed"),
    ({"check": "unchanged", "file": "never.txt"}, "no never.txt before"),
    ({"check": "exists", "file": "notes.txt"}, ""),
    ({"check": "exists", "file": "new.txt"}, "there is no"),
    ({"check": "missing", "file": "new.txt"}, ""),
    ({"check": "missing", "file": "notes.txt"}, "is there"),
    ({"check": "contains", "file": "notes.txt", "text": "two words"}, ""),
    ({"check": "contains", "file": "notes.txt", "text": "three"}, "does not contain"),
    ({"check": "contains", "file": "../x", "text": "three"}, "leads out"),
    ({"check": "lacks", "file": "notes.txt", "text": "before"}, ""),
    ({"check": "lacks", "file": "notes.txt", "text": "after:"}, "contains"),
    ({"check": "cell_equals", "file": "budget.xlsx", "cell": "B4", "value": 42.0}, ""),
    ({"check": "cell_equals", "file": "budget.xlsx", "cell": "B4", "value": 41, "tolerance": 2}, ""),
    ({"check": "cell_equals", "file": "budget.xlsx", "cell": "B5", "value": "open", "sheet": "Sheet"}, ""),
    ({"check": "cell_equals", "file": "budget.xlsx", "cell": "B4", "value": 43}, "is 42"),
    ({"check": "cell_equals", "file": "budget.xlsx", "cell": "B4", "value": 43, "sheet": "No"}, "can't be read"),
    ({"check": "cell_equals", "file": "notes.txt", "cell": "B4", "value": 43}, "can't be read"),
    ({"check": "command", "run": ["true"]}, ""),
    ({"check": "command", "run": ["false"], "exit": 1}, ""),
    ({"check": "command", "run": ["false"]}, "ended with 1"),
    ({"check": "command", "run": ["no-such-program-here"]}, "No such file"),
]


def test_checks_say_what_is_wrong(left: Run) -> None:
    assert {look["check"] for look, _ in LOOKS} == set(CHECKS)
    for look, words in LOOKS:
        kind = look["check"]
        told = wrong(Check(kind, {key: value for key, value in look.items() if key != "check"}), left)
        assert (words in told) if words else (told == ""), (look, told)


def test_what_can_not_be_told_is_not_checked(left: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eval_checks, "_REGEX_SECONDS", 0.02)
    careful = Run(left.folder, "a" * 60, commands=False)
    for look in (
        Check("command", {"run": ["true"]}),
        Check("answer_matches", {"pattern": "("}),
        Check("answer_matches", {"pattern": "(a|a|aa)+$(?<=b)"}),
    ):
        with pytest.raises(NotChecked):
            wrong(look, careful)


def test_the_reader_stays_in_the_folder(tmp_path: Path) -> None:
    assert PluginFiles(tmp_path).exists("../x") is False
