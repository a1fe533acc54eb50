"""A tool as the planner sees it: parameters with the meaning of each, the words that lead to it, a judge of calls."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Literal, Union, get_args, get_origin

from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticUndefined

from copilot.errors import ToolInputError
from copilot.models.builtin.lexing import Token, scan, shapes
from copilot.models.builtin.words import DETERMINERS, PREPOSITIONS, VERBS, synonyms, word_set
from copilot.plugins.arguments import Arguments, PythonArguments
from copilot.plugins.langchain import of_langchain
from copilot.plugins.tools import Tool, public_name
from copilot.slots import ALL_SUFFIXES, Slot, SlotKind

#: Words in a parameter's name and the slot that they stand for, when nothing is declared. The first that fits.
_BY_NAME: tuple[tuple[str, SlotKind], ...] = (
    (r"\b(output|target|destination|new) ?(path|file|name)?\b", "new_document"),
    (r"\b(path|file|filename|document|workbook|presentation|deck|source)\b", "document"),
    (r"\b(sheet|worksheet)\b", "sheet"), (r"\btable\b", "table"), (r"\b(column|field|by|group by)\b", "column"),
    (r"\bcell\b", "cell"), (r"\brange\b", "range"), (r"\b(find|old|search for)\b", "found_text"),
    (r"\b(query|question|q|search|keywords?|topic)\b", "query"), (r"\bstyle\b", "style"), (r"\bheading\b", "heading"),
    (r"\b(operator|op|comparison)\b", "operator"), (r"\b(function|aggregate)\b", "function"),
    (r"\b(text|content|body|title|message|subject|replacement|new|name)\b", "text"), (r"\bvalue\b", "value"),
)  # fmt: skip


@dataclass(frozen=True)
class Parameter:
    """One argument of a tool: its slot, whether it must be given, the words that an enum allows."""

    name: str
    slot: Slot
    required: bool
    choices: tuple[Any, ...] = ()
    types: frozenset[type] = frozenset()
    declared: bool = True
    default: Any = None

    @property
    def words(self) -> str:
        """The parameter's name as words."""
        return self.name.replace("_", " ")

    @property
    def list_like(self) -> bool:
        """Whether the argument is a list of values."""
        return self.slot.many or bool(self.types & {list, tuple, set})


@dataclass(frozen=True)
class ToolView:
    """A tool that may be called. `check` returns what is wrong with arguments, or None.

    One that is `first` is asked before others that take the same question.
    """

    name: str
    wire_name: str
    description: str
    effect: str
    parameters: tuple[Parameter, ...]
    examples: tuple[str, ...] = ()
    cues: tuple[str, ...] = ()
    check: Callable[[dict[str, Any]], str | None] = field(default=lambda args: None, compare=False)
    first: bool = False

    @property
    def acts(self) -> bool:
        """Whether a call changes, sends or deletes something; a stranger's tool is taken to."""
        return self.effect != "read"

    @cached_property
    def lines(self) -> tuple[tuple[str, ...], ...]:
        """The examples (or the first sentence of the description) as shapes, for ranking."""
        first = re.split(r"(?<=[.!?])\s", self.description, maxsplit=1)[0]
        texts = self.examples or (first, self.name.replace(".", " ").replace("_", " "))
        return tuple(tuple(shapes(scan(text))) for text in texts)

    @cached_property
    def verbs(self) -> frozenset[str]:
        """Words that open its examples, its cues, and for a stranger the words of its name."""
        firsts = {tokens[0].lower for e in self.examples if (tokens := _without_lead(scan(e)))}
        heads = firsts - DETERMINERS - PREPOSITIONS
        named = set() if self.examples else set(re.split(r"[._\s]+", self.name.lower())) & VERBS
        first = {scan(self.description)[0].lower.removesuffix("s")} & VERBS if not self.examples else set()
        return frozenset(heads | {c.lower() for c in self.cues if c.lower() in VERBS} | named | first)

    @cached_property
    def near_verbs(self) -> frozenset[str]:
        """Synonyms of its verbs."""
        return frozenset().union(*(synonyms(v) for v in self.verbs)) if self.verbs else frozenset()

    @cached_property
    def cue_stems(self) -> tuple[list[str], ...]:
        """The stems of the words of each cue."""
        found = ([t.stem for t in scan(cue) if t.kind == "word"] for cue in self.cues)
        return tuple(stems for stems in found if stems)

    @cached_property
    def objects(self) -> frozenset[str]:
        """Stems of the nouns that its examples name right after their verb: add a *row*, make a column *chart*."""
        return frozenset(o for e in self.examples for o in direct_objects(_without_lead(scan(e))[1:]))

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """Stems of all words that the tool declares about itself in examples, cues, slot cues and parameter names."""
        texts = (*self.examples, *self.cues, *(p.words for p in self.parameters))
        texts += tuple(c for p in self.parameters for c in p.slot.cues)
        texts += () if self.examples else (self.description, re.sub(r"[._]", " ", self.name))
        texts += tuple(str(c) for p in self.parameters for c in p.choices)
        # A capital inside an example is somebody's name ("the Orders table"), which explains nothing elsewhere.
        return frozenset(
            t.shape
            for text in texts
            for t in scan(text)
            if t.kind == "word" and (t.start == 0 or not t.text[0].isupper())
        )

    @cached_property
    def wider_vocabulary(self) -> frozenset[str]:
        """The vocabulary with the words of the description, enough to explain a reading request."""
        return self.vocabulary | frozenset(t.shape for t in scan(self.description) if t.kind == "word")


def _without_lead(tokens: list[Token]) -> list[Token]:
    """Drop what may stand before the verb of an example."""
    words = [t for t in tokens if t.kind != "punct"]
    while words and words[0].lower in {"please", "can", "could", "you"}:
        words = words[1:]
    return words


def direct_objects(tokens: Iterable[Token]) -> list[str]:
    """Return the stems of the nouns right after a verb, up to the first thing that is no plain word."""
    found: list[str] = []
    for token in tokens:
        if token.kind != "word" or token.lower in _ENDS_OBJECT or len(found) == 3:
            break
        if token.lower not in DETERMINERS:
            found.append(token.shape)
    return found


_ENDS_OBJECT = word_set("""in on at from of for to into with by as called named titled saying that after before""")


def views(tools: Iterable[Any]) -> tuple[ToolView, ...]:
    """Return how the planner sees the tools that a model was given: ours, LangChain's, or JSON schemas.

    Those that take operations as data are left out: no words of a request become such a call.
    """
    seen = (_view(tool) for tool in tools)
    return tuple(v for v in seen if not any(p.slot.kind == "operations" for p in v.parameters))


def _view(tool: Any) -> ToolView:
    ours = of_langchain(tool)
    if ours is None:
        return _stranger(tool)

    wire = str(getattr(tool, "name", ours.wire_name))
    return _of_python(ours, wire) if isinstance(ours.arguments, PythonArguments) else _of_ours(ours, wire)


def _of_ours(ours: Tool, wire: str) -> ToolView:
    def check(args: dict[str, Any]) -> str | None:
        try:
            ours.validate(args)
        except ToolInputError as error:
            return str(error)
        return None

    parameters = tuple(_declared(ours.arguments))
    return ToolView(
        ours.name, wire, ours.description, ours.effect.value, parameters, ours.examples, ours.cues, check, ours.first
    )


@lru_cache(maxsize=512)
def _of_python(ours: Tool, wire: str) -> ToolView:
    """The view of a function's tool: each agent is given the same ones, and their words are read once."""
    return _of_ours(ours, wire)


def _declared(arguments: Arguments) -> Iterator[Parameter]:
    """Yield the parameters of one of our tools: a Python function's, or those of a JSON Schema."""
    if isinstance(arguments, PythonArguments):
        yield from _parameters(arguments.model)
        return
    schema = arguments.json_schema()
    required = set(schema.get("required", ()))
    for name, each in schema["properties"].items():
        yield _of_schema(name, each if isinstance(each, dict) else {}, name in required)


def _parameters(model: type[BaseModel]) -> Iterable[Parameter]:
    for name, info in model.model_fields.items():
        slot = next((m for m in info.metadata if isinstance(m, Slot)), None) or _nested_slot(info.annotation)
        types, choices = _types(info.annotation)
        default = None if info.default is PydanticUndefined else info.default
        yield Parameter(
            name, slot or _guess(name, types, choices), info.is_required(), choices, types, slot is not None, default
        )


def _nested_slot(annotation: Any) -> Slot | None:
    """Find the slot of `WordPath | None` or `list[Annotated[str, Slot(...)]]`."""
    for meta in getattr(annotation, "__metadata__", ()):
        if isinstance(meta, Slot):
            return meta
    many = get_origin(annotation) in (list, tuple, set)
    for inner in get_args(annotation) if get_origin(annotation) is not Literal else ():
        if isinstance(inner, Slot):
            return inner
        if found := _nested_slot(inner):
            return Slot(found.kind, found.suffixes, found.cues, many or found.many)
    return None


def _types(annotation: Any) -> tuple[frozenset[type], tuple[Any, ...]]:
    """Return the plain types that an annotation allows, and the values of its Literal."""
    origin = get_origin(annotation)
    if origin is Literal:
        values = get_args(annotation)
        return frozenset(type(v) for v in values), values
    if origin in (list, tuple, set, dict):
        return frozenset({origin}), ()
    if origin is not None and (origin is Union or getattr(origin, "__name__", "") in ("UnionType", "Annotated")):
        parts = [_types(part) for part in get_args(annotation)]
        return frozenset().union(*(p[0] for p in parts)), tuple(c for p in parts for c in p[1])
    return (frozenset({annotation}) if isinstance(annotation, type) else frozenset()), ()


def _guess(name: str, types: frozenset[type], choices: tuple[Any, ...]) -> Slot:
    """Return the slot of a parameter that declares none, by its type and name."""
    if choices or bool in types:
        return Slot("choice")
    if types & {int, float} and str not in types:
        return Slot("number")
    words = name.replace("_", " ").lower()
    kind: SlotKind = next((kind for pattern, kind in _BY_NAME if re.search(pattern, words)), "address")
    return Slot(kind, ALL_SUFFIXES if kind == "document" else ())


_JSON_TYPES: dict[str, type] = {
    "string": str, "integer": int, "number": float, "boolean": bool, "array": list, "object": dict,
}  # fmt: skip


def _stranger(tool: Any) -> ToolView:
    """See a tool that is not ours through its name, description and JSON schema."""
    function = convert_to_openai_tool(tool)["function"]
    schema = function.get("parameters", {})
    required = set(schema.get("required", ()))
    parameters = tuple(_of_schema(n, s, n in required) for n, s in schema.get("properties", {}).items())
    model = tool.args_schema if isinstance(tool, BaseTool) else None

    def check(args: dict[str, Any]) -> str | None:
        if isinstance(model, type) and issubclass(model, BaseModel):
            try:
                model.model_validate(args)
            except ValidationError as error:
                return str(error)
        missing = required - set(args)
        return f"{', '.join(sorted(missing))} is missing" if missing else None

    name = str(function["name"])
    description = str(function.get("description", "")) or name
    # Nothing says that a stranger's tool only reads: it is taken to act, so it runs only on a clear command.
    return ToolView(public_name(name), name, description, "write", parameters, check=check)


def _of_schema(name: str, schema: dict[str, Any], required: bool) -> Parameter:
    options = [o for o in (schema, *schema.get("anyOf", ())) if isinstance(o, dict)]
    named = [n for o in options for n in (o["type"] if isinstance(o.get("type"), list) else [o.get("type")])]
    types = frozenset(_JSON_TYPES[n] for n in named if n in _JSON_TYPES)
    choices = tuple(c for o in options for c in o.get("enum", ()))
    return Parameter(name, _guess(name, types, choices), required, choices, types, False, schema.get("default"))
