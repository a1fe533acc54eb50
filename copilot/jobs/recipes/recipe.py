"""A recipe as data: its inputs, steps, outputs and tests. How it is written is in reading.py and docs/recipes.md."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, field_validator

from copilot.jobs.recipes.expressions import NOT_NAMES
from copilot.jobs.recipes.fields import Schema

#: What an input may be: `table` is a list of rows, each a map by column, `file` the path of another document.
InputType = Literal["text", "number", "integer", "boolean", "date", "choice", "list", "table", "file"]
#: What happens to the document when a step fails: it fails, goes on with the next step, or is left as it is.
OnError = Literal["fail", "continue", "skip"]

#: Steps in a recipe, all levels together, and levels of `if` and `map` in each other.
MOST_STEPS, DEEPEST_STEPS = 500, 8
#: Names that are there without being made; see running.py.
BUILTIN = ("document", "row", "today")
#: What a tool that needs a `path` is given where the recipe says none.
WHOLE_DOCUMENT = "{{ document }}"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\Z")
#: Words of the language itself, which can be no names in it.
_RESERVED = frozenset({"and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "True", "False", "None"})


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


def checked_name(name: str) -> str:
    """Return a name that values may have in expressions; raises ValueError that says what one is."""
    if not _NAME.match(name) or name in _RESERVED | NOT_NAMES:
        raise ValueError("a name is letters, digits and _, not a digit first, and no word like 'if'")
    if name in BUILTIN:
        raise ValueError(f"{name} is there already: {', '.join(BUILTIN)} always are")
    return name


def is_name(name: str) -> bool:
    """Return whether values may have this name."""
    return bool(_NAME.match(name)) and name not in _RESERVED | NOT_NAMES and name not in BUILTIN


Name = Annotated[str, Field(strict=True), BeforeValidator(lambda name: checked_name(str(name)))]
#: Text that may hold expressions; a number written without quotes is meant as text.
Text = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, int | float) else value)]


def _typed(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


class Input(_Data):
    """A value that is asked for before the run."""

    type: InputType = "text"
    help: str = ""
    default: Any = None
    required: bool | None = Field(default=None, description="Whether it must be given: if it has no default.")
    choices: list[str | int | float] = Field(default_factory=list)

    @property
    def must_be_given(self) -> bool:
        """Whether there is no run without it."""
        return self.default is None if self.required is None else self.required


class _Step(_Data):
    title: str = Field(default="", alias="name", description="What the step is called in messages.")
    when: str | bool | None = Field(default=None, description="Only if this holds.")
    on_error: OnError = "fail"
    as_: Name | None = Field(default=None, alias="as", description="The name of its result.")

    @property
    def kind(self) -> str:
        """The word that makes it the step that it is."""
        return type(self).__name__.lower().removesuffix("step")

    @property
    def blocks(self) -> Mapping[str, list[Step]]:
        """The steps inside of it, by the field that holds them."""
        return {}


class PromptStep(_Step):
    """Asks the agent about the document; with `fields` its answer is values, else a text."""

    prompt: Text
    fields: Schema | None = None


class ToolStep(_Step):
    """Calls a tool; `path` is the document where the tool needs one and none is given."""

    tool: str
    with_: dict[str, Any] = Field(default_factory=dict, alias="with")


class CheckStep(_Step):
    """Holds that something is so; if not, the step fails with the message."""

    check: str | bool
    message: Text = ""


class IfStep(_Step):
    """Goes on with `then` if something is so, else with `else`."""

    if_: str | bool = Field(alias="if")
    then: list[Step] = Field(default_factory=list)
    else_: list[Step] = Field(default_factory=list, alias="else")

    @property
    def blocks(self) -> Mapping[str, list[Step]]:
        """Both branches."""
        return {"then": self.then, "else": self.else_}


class MapStep(_Step):
    """Does the steps for each item of a list, which is called `as` in them; `collect` of each becomes the list `into`.

    Names that the steps make are gone after each item.
    """

    map: str
    steps: list[Step] = Field(default_factory=list)
    collect: Any = None
    into: Name | None = None

    @property
    def blocks(self) -> Mapping[str, list[Step]]:
        """The steps for each item."""
        return {"steps": self.steps}


class SetStep(_Step):
    """Gives names to values, one after the other."""

    set: dict[Name, Any] = Field(min_length=1)


KINDS = ("prompt", "tool", "check", "if", "map", "set")
#: A step as it is written is told by its word, as a model by its class.
_CLASSES: dict[str, str] = {kind: f"{kind.title()}Step" for kind in KINDS}


def _kind(value: Any) -> str | None:
    if isinstance(value, _Step):
        return value.kind
    found = [kind for kind in KINDS if isinstance(value, Mapping) and kind in value]
    return found[0] if len(found) == 1 else None


Step = Annotated[
    Annotated[PromptStep, Tag("prompt")]
    | Annotated[ToolStep, Tag("tool")]
    | Annotated[CheckStep, Tag("check")]
    | Annotated[IfStep, Tag("if")]
    | Annotated[MapStep, Tag("map")]
    | Annotated[SetStep, Tag("set")],
    Discriminator(_kind),
]


class Outputs(_Data):
    """What a document gives: a row of values, a text, and whether its changed file counts."""

    row: dict[str, Any] = Field(default_factory=dict)
    text: Text = ""
    files: Literal["changed", "none"] = "changed"


class Built(_Data):
    """A document of a test: a file beside the recipe, or one made of Markdown, rows or text."""

    name: str = Field(min_length=1, max_length=200)
    markdown: str | None = None
    sheets: dict[str, list[list[str | int | float | bool | None]]] | None = None
    text: str | None = None
    file: str | None = Field(default=None, description="Beside the recipe.")


def _as_built(value: Any) -> Any:
    return {"name": value.replace("\\", "/").rsplit("/", 1)[-1], "file": value} if isinstance(value, str) else value


Document = Annotated[Built, BeforeValidator(_as_built)]


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) or value is None else [value]


Texts = Annotated[list[Text], BeforeValidator(_listed)]


class Expect(_Data):
    """What must have come of a test; what is left out is not looked at."""

    status: Literal["done", "failed", "skipped", "asked"] | None = None
    fails_with: Texts = Field(default_factory=list, description="Words of the message.")
    changed: bool | None = None
    text: Texts = Field(default_factory=list, description="Words in the document afterwards.")
    no_text: Texts = Field(default_factory=list, description="Words that are not in it.")
    cells: dict[str, Any] = Field(default_factory=dict, description='By address: "Sheet1!B2".')
    row: dict[str, Any] = Field(default_factory=dict, description="Values of these columns.")
    answer: Texts = Field(default_factory=list, description="Words of the output text.")
    files: dict[str, Texts] = Field(default_factory=dict, description="Words in other files, by name.")


class Case(_Data):
    """One test: a document, inputs, what the model would answer, and what must come of it."""

    name: str = ""
    document: Document | None = None
    files: list[Document] = Field(default_factory=list, description="Other files in its folder.")
    inputs: dict[str, Any] = Field(default_factory=dict)
    row: dict[str, Any] = Field(default_factory=dict, description="The row of the table that the run goes over.")
    replies: list[str | dict[str, Any]] = Field(default_factory=list, description="One for each prompt, in order.")
    today: str = "2026-01-15"
    expect: Expect = Field(default_factory=Expect)


class Recipe(_Data):
    """What is done with each document."""

    name: str = Field(min_length=1, max_length=100)
    version: Text = "1"
    description: str = ""
    inputs: dict[Name, Annotated[Input, BeforeValidator(_typed)]] = Field(default_factory=dict)
    files: Texts = Field(default_factory=list, description="The documents, as patterns, if none are named.")
    steps: list[Step] = Field(min_length=1)
    outputs: Outputs = Field(default_factory=Outputs)
    tests: list[Case] = Field(default_factory=list)

    @field_validator("version")
    @classmethod
    def _is_version(cls, version: str) -> str:
        if not re.match(r"\d{1,9}(\.\d{1,9}){0,2}([-+][0-9A-Za-z.+-]{1,50})?\Z", version):
            raise ValueError("a version is a number or like 1.4.0 (semver.org)")
        return version

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as JSON types, as `Job.recipe` keeps it; `of` makes it again."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Self:
        """Return the recipe that `to_dict` gave; raises pydantic's ValidationError for anything else."""
        return cls.model_validate(dict(kept))

    @property
    def digest(self) -> str:
        """SHA-256 of all that it does, its tests left out: what a run is bound to; the same once it is completed."""
        bare = self.model_copy(update={"tests": []}, deep=True)
        for _, step in bare.walk():
            if isinstance(step, ToolStep) and step.with_.get("path") == WHOLE_DOCUMENT:
                del step.with_["path"]
        text = json.dumps(bare.to_dict(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode("ascii")).hexdigest()

    @property
    def needs_model(self) -> bool:
        """Whether a step asks a model."""
        return any(isinstance(step, PromptStep) for _, step in self.walk())

    def walk(self) -> Iterator[tuple[tuple[str | int, ...], Step]]:
        """Yield every step with its place in the recipe: ("steps", 2, "then", 0)."""
        yield from _walk(self.steps, ("steps",))


def _walk(steps: list[Step], place: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Step]]:
    for number, step in enumerate(steps):
        yield (*place, number), step
        for field, inner in step.blocks.items():
            yield from _walk(inner, (*place, number, field))
