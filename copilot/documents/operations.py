"""Operations on a document, given as data: `{"op": "merge_cells", "range": "A1:C1"}` becomes a checked call.

An operation is a typed function of a document and keyword arguments. Its name, its parameters and the first line of
its docstring are all that a model or a script has to know of it, so that dozens of them fit behind one tool.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Annotated, Any, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from copilot.documents import structures
from copilot.errors import ToolInputError

#: The key that names the operation.
OP = "op"
#: Turns the name of a file, as an operation gives it, into what is in it.
Opener = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class FromFile:
    """Marks a parameter that takes a file's content: as data, an operation names the file."""


FileContent = Annotated[bytes, FromFile()]
#: Several files by name: as data, each is the name of a file.
FileContents = Annotated[dict[str, bytes] | None, FromFile()]


@dataclass(frozen=True)
class Operation:
    """One operation: a function whose first parameter is the document, the others what it takes."""

    function: Callable[..., Any]

    @property
    def name(self) -> str:
        """What `op` says: the function's name."""
        return self.function.__name__

    @property
    def summary(self) -> str:
        """What it does: the first line of its docstring."""
        return inspect.cleandoc(self.function.__doc__ or "").partition("\n")[0]

    @cached_property
    def arguments(self) -> type[BaseModel]:
        """The model that checks the arguments."""
        return _model(self.function)

    @property
    def signature(self) -> str:
        """Its name and fields, `?` behind those that may be left out: "merge_cells{range, across?}"."""
        fields = self.arguments.model_fields.items()
        return f"{self.name}{{{', '.join(name + ('' if f.is_required() else '?') for name, f in fields)}}}"

    @property
    def parts(self) -> dict[str, str]:
        """The fields of parameters that are structures or lists of them: {"series": "{values, name?}"}."""
        fields = self.arguments.model_fields.items()
        return {name: taken for name, field in fields if (taken := structures.spelled(field.annotation))}

    def checked(self, given: Mapping[str, Any], opener: Opener | None = None) -> dict[str, Any]:
        """Return the arguments in their Python types; raises ToolInputError that names each wrong one.

        `opener` reads the files that arguments name (see `FileContent`); it raises for one that can't be had.
        """
        try:
            parsed = self.arguments.model_validate(self._with_lists(self._with_files(given, opener)))
        except ValidationError as error:
            message = f"{self.name} can't take this: {structures.problems(error, given)}."
            wrong = {str(each["loc"][0]) for each in error.errors() if len(each["loc"]) > 1}
            parts = [f"{name} takes {taken}" for name, taken in self.parts.items() if name in wrong]
            hint = "; ".join([f"It is {self.signature}", *parts]) + "."
            raise ToolInputError(message, hint=hint, code="arguments") from None
        return {name: getattr(parsed, name) for name in type(parsed).model_fields if name in parsed.model_fields_set}

    def _with_files(self, given: Mapping[str, Any], opener: Opener | None) -> dict[str, Any]:
        found = dict(given)
        for name, field in self.arguments.model_fields.items():
            named = found.get(name)
            if named is None or not any(isinstance(m, FromFile) for m in field.metadata):
                continue
            if isinstance(named, Mapping):
                found[name] = {key: self._opened(name, each, opener) for key, each in named.items()}
            else:
                found[name] = self._opened(name, named, opener)
        return found

    def _with_lists(self, given: dict[str, Any]) -> dict[str, Any]:
        """Let one text stand for a list of it: {"addresses": "p3:1a2b"}."""
        fields = self.arguments.model_fields
        lists = {name for name, field in fields.items() if get_origin(field.annotation) in (list, Sequence)}
        return {name: [value] if name in lists and isinstance(value, str) else value for name, value in given.items()}

    def _opened(self, name: str, named: Any, opener: Opener | None) -> Any:
        if not isinstance(named, str):
            return named
        if opener is None:
            raise ToolInputError(f"{self.name}: no file can be opened here for {name}.", code="arguments")
        return opener(named)


@lru_cache(maxsize=512)
def _model(function: Callable[..., Any]) -> type[BaseModel]:
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    for parameter in list(inspect.signature(function).parameters.values())[1:]:
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (hints[parameter.name], default)
    made: type[BaseModel] = create_model(function.__name__, __config__=ConfigDict(extra="forbid"), **fields)
    return made


@dataclass(frozen=True)
class Call:
    """An operation with its checked arguments, ready to be run on a document.

    `number` counts from 1 in its batch; 0 is the only one of a batch, whose errors need not say which it was.
    """

    operation: Operation
    arguments: Mapping[str, Any]
    number: int = 0

    def run(self, document: Any) -> Any:
        """Return what the function returns; a ToolInputError says which operation of the batch it was."""
        try:
            return self.operation.function(document, **self.arguments)
        except ToolInputError as error:
            if not self.number or error.message.startswith("Operation "):
                raise
            message = f"Operation {self.number} ({self.operation.name}): {error.message}"
            raise ToolInputError(message, hint=error.hint, code=error.code) from error


def run_each(calls: Iterable[Call], run: Callable[[Call], None]) -> list[str]:
    """Run a batch; return what is to be said of operations that changed nothing (ToolInputError "unchanged").

    Raises the error of the first of them when all were so, and any other error at once.
    """
    said: list[ToolInputError] = []
    count = 0
    for count, call in enumerate(calls, 1):  # noqa: B007 - counted
        try:
            run(call)
        except ToolInputError as error:
            if error.code != "unchanged":
                raise
            said.append(error)
    if said and len(said) == count:
        raise said[0]
    return [error.message for error in said]


class Operations:
    """The operations on one kind of document, by name."""

    def __init__(self, functions: Iterable[Callable[..., Any]]) -> None:
        self._known = {function.__name__: Operation(function) for function in functions}

    def __iter__(self) -> Any:
        return iter(self._known.values())

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in the order they were given in."""
        return tuple(self._known)

    def calls(self, given: Sequence[Mapping[str, Any]], opener: Opener | None = None) -> list[Call]:
        """Return a batch as calls, all checked before any is run; `opener` reads the files that they name.

        Raises ToolInputError for an empty batch, an unknown operation (with the closest name) or wrong fields.
        """
        if not given:
            raise ToolInputError("There is no operation.", hint=f"Give at least one {{{OP!r}: ...}}.", code="arguments")
        if len(given) == 1:
            return [self._call(0, given[0], opener)]
        return [self._call(number, each, opener) for number, each in enumerate(given, 1)]

    def _call(self, number: int, given: Mapping[str, Any], opener: Opener | None) -> Call:
        name = str(given.get(OP, "")).strip()
        operation = self._known.get(name)
        if operation is None:
            raise ToolInputError.unknown("operation", name, list(self._known))
        try:
            arguments = operation.checked({key: value for key, value in given.items() if key != OP}, opener)
        except ToolInputError as error:
            message = f"Operation {number}: {error.message}" if number else error.message
            raise ToolInputError(message, hint=error.hint, code=error.code) from None
        return Call(operation, arguments, number)
