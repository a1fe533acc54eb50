"""`everpilot eval`: how well a model does small tasks with tools; the policy "quality" ranks by it."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolCall, ToolMessage
from langchain_core.tools import BaseTool, tool
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from copilot.errors import NoModelError, SettingsError
from copilot.models.router import RoutedChatModel

_ROUNDS = 5  # answers of a model in one task
_SYSTEM = "You work on the user's office documents with tools. Call them directly; if something is missing, ask."


class Task(BaseModel):
    """One task, and what a right answer is; see evaluation.toml."""

    model_config = ConfigDict(extra="forbid")

    name: str
    ask: str
    calls: list[tuple[str, dict[str, Any]]] = Field(default_factory=list)
    results: dict[str, str] = Field(default_factory=dict)
    says: list[str] = Field(default_factory=list)
    silent: list[str] = Field(default_factory=list)


class Outcome(BaseModel):
    """What became of a task: "" as `problem` means that it was done right."""

    task: str
    problem: str


@tool
def read_cell(path: str, cell: str) -> str:
    """Read one cell of a workbook."""
    return f"{cell} of {path} holds 41"


@tool
def write_cell(path: str, cell: str, value: int | float | str) -> str:
    """Write a value into one cell of a workbook."""
    return "Done and saved."


@tool
def replace_text(path: str, find: str, replace: str) -> str:
    """Replace a text everywhere in a Word document."""
    return "Done and saved."


@tool
def search(words: str) -> str:
    """Search the documents of the folder for words."""
    return "Nothing was found."


TOOLS: tuple[BaseTool, ...] = (read_cell, write_cell, replace_text, search)


def tasks(path: Path | None = None) -> list[Task]:
    """Return the tasks of a file, or our own.

    Raises:
        SettingsError: the file can't be read, or a task in it is none.
    """
    try:
        text = (path or files("copilot.models") / "evaluation.toml").read_text("utf-8")
        found = [Task.model_validate(entry) for entry in tomllib.loads(text).get("task", [])]
    except OSError as error:
        raise SettingsError(f"{path} can't be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is no valid TOML: {error}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"{path}: {where}: {first['msg']}.", hint="See docs/models.md for the form.") from None
    if not found:
        raise SettingsError(f"{path} holds no [[task]].", hint="See docs/models.md for the form.")
    return found


def evaluate(
    router: RoutedChatModel, name: str, asked: list[Task], progress: Callable[[Outcome], None] = lambda outcome: None
) -> list[Outcome]:
    """Return what became of each task with the model `name`, which is asked alone; its mark is kept in the ledger.

    Raises:
        SettingsError: there is no model of that name.
        NoModelError: it did not answer at all; its mark stays as it was.
    """
    candidate = router.roster.find(name)
    model = router.only(name).bind_tools(list(TOOLS))
    outcomes = []
    for task in asked:
        outcomes.append(Outcome(task=task.name, problem=_problem(model, task)))
        progress(outcomes[-1])
    router.ledger.mark(candidate.identity, sum(not o.problem for o in outcomes) / len(outcomes))
    return outcomes


def _problem(model: Any, task: Task) -> str:
    thread: list[BaseMessage] = [SystemMessage(_SYSTEM), HumanMessage(task.ask)]
    made: list[ToolCall] = []
    for _ in range(_ROUNDS):
        try:
            answer: AIMessage = model.invoke(thread)
        except NoModelError as error:
            if error.failure != "soft":
                raise
            return f"no usable answer: {error.message}"
        thread.append(answer)
        if not answer.tool_calls:
            return next(_wrong(task, made, str(answer.text)), "")
        made += answer.tool_calls
        thread += [ToolMessage(_result(task, call), tool_call_id=call["id"]) for call in answer.tool_calls]
    return "came to no end"


def _result(task: Task, call: ToolCall) -> str:
    if call["name"] in task.results:
        return task.results[call["name"]]
    return str(next(t for t in TOOLS if t.name == call["name"]).invoke(call["args"]))


def _wrong(task: Task, made: list[ToolCall], said: str) -> Iterator[str]:
    """Yield what is wrong with the calls and the last words."""
    left = list(made)
    for name, arguments in task.calls:
        fits = next((call for call in left if call["name"] == name and _fits(call["args"], arguments)), None)
        if fits is None:
            yield f"did not call {name} with {arguments}"
        else:
            left.remove(fits)
    for call in left:
        if call["name"] != search.name:  # looking around is no mistake
            yield f"called {call['name']} with {call['args']}"
    for text in task.says:
        if text.lower() not in said.lower():
            yield f"did not say {text!r}"
    for text in task.silent:
        if text.lower() in said.lower():
            yield f"said {text!r}"


def _fits(made: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Return whether each wanted argument is there; a number may come as its text."""
    return all(made.get(key) == value or str(made.get(key)) == str(value) for key, value in wanted.items())
