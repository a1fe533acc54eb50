"""The files that an agent brings along (EmbeddedKnowledge), and the tools that search and read them."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import PurePosixPath
from typing import Annotated, Any

from pydantic import Field

from copilot.errors import DocumentError, PluginError, ToolInputError
from copilot.plugins.context import ToolContext
from copilot.plugins.declarative.fields import brief
from copilot.plugins.declarative.texts import Texts
from copilot.plugins.persona import Capability
from copilot.plugins.skill import Resource, Skill
from copilot.plugins.tools import Result, build, tool
from copilot.slots import Slot
from copilot.trust.labels import Integrity, Label

#: What the vendor lets one file have (manifest v1.8, embedded knowledge object), and what is read of a larger one.
ALLOWED_BYTES, MOST_BYTES = 1_000_000, 20_000_000
ALLOWED = frozenset({".doc", ".docx", ".ppt", ".pptx", ".xls", ".xlsx", ".txt", ".pdf"})
_EXAMPLES = ("what does the handbook say about holidays?", "when does the warranty end?", "how much is refunded?")
_CUES = ("when", "who", "how much", "how many", "how long", "where", "what does", "say about", "is there", "knowledge")
_SHOWN = 6  # passages of a search
_MOST_READ = 40_000  # characters of one reading


def resources(capability: Capability | None, texts: Texts, label: Label) -> tuple[Resource, ...]:
    """Return the files of an EmbeddedKnowledge capability; one that is not there, or leads out, is reported."""
    if capability is None:
        return ()
    if capability.scope.get("embedded_resource_snapshot_id"):
        told = "EmbeddedKnowledge: a snapshot in the vendor's storage can't be read from here; only files can."
        texts.notes.add(told, "unsupported")
    named = [str(each.get("file", "")) for each in capability.scope.get("files", ())]
    return tuple(made for name in named if name and (made := _resource(name, texts, label)))


def _resource(name: str, texts: Texts, label: Label) -> Resource | None:
    place = texts.relative(name)
    try:
        size = texts.files.path(place).stat().st_size
        read = partial(texts.files.read, place, MOST_BYTES)
    except (PluginError, OSError) as error:
        texts.notes.add(f"EmbeddedKnowledge: {brief(name)!r} is left out. {_reason(error)}", "unsupported")
        return None
    if size > ALLOWED_BYTES:
        texts.notes.add(
            f"EmbeddedKnowledge: {brief(name)!r} has {size:,} bytes, and 1 MB is allowed; it is used.", "noted"
        )
    if PurePosixPath(name).suffix.lower() not in ALLOWED:
        texts.notes.add(f"EmbeddedKnowledge: {brief(name)!r} is of a kind that is not listed; it is used.", "noted")
    return Resource(name, read, "A file of the agent.", mimetypes.guess_type(name)[0] or "", label)


def _reason(error: Exception) -> str:
    return "There is no such file." if isinstance(error, FileNotFoundError) else str(error)


def knowledge_skill(files: Sequence[Resource], asked: Sequence[str] = ()) -> Skill:
    """Return the skill over these files: `knowledge.search` and `knowledge.read`.

    `asked` are requests that the agent is made for: the builtin planner takes such ones for a search.
    """
    known = {each.name: each for each in files}

    def opened(context: ToolContext, name: str) -> Any:
        resource = known[name]
        context.labels.append(Label(Integrity.UNTRUSTED, resource.label.confidentiality, (name,)))
        return _reading(resource)

    @tool(effect="read", examples=[*asked, *_EXAMPLES], cues=_CUES)
    def search(
        context: ToolContext, question: Annotated[str, Slot("query"), Field(description="What to look for.")]
    ) -> Result:
        """Search the files of this agent; returns the passages that fit best, each with its file and place."""
        return _found(question, {name: _passages(opened, context, name) for name in known})

    @tool(effect="read")
    def read(
        context: ToolContext,
        file: Annotated[str, Field(description="The file's name, as a search gives it.")],
        start: Annotated[int, Field(description="The character to begin with, for long files.", ge=0)] = 0,
    ) -> Result:
        """Read a file of this agent as Markdown."""
        if file not in known:
            raise ToolInputError.unknown("file", file, known)
        text = opened(context, file).markdown
        part = text[start : start + _MOST_READ]
        more = (
            f"\n[{len(text):,} characters in all; go on with start={start + len(part)}]"
            if start + len(part) < len(text)
            else ""
        )
        return Result(f"{part}{more}", sources=(file,))

    names = ", ".join(known)
    return Skill(
        "knowledge",
        f"Files of this agent: {names}. Search them before you answer.",
        tools=(replace(build(search, skill="knowledge"), first=True), build(read, skill="knowledge")),
        origin="agent",
        resources=tuple(files),
    )


def _passages(opened: Any, context: ToolContext, name: str) -> Sequence[Any]:
    """Return the passages of a file; one that can't be read has none, and does not hide the others."""
    from copilot.documents.passages import passages

    try:
        return passages(opened(context, name), hidden=False)
    except (DocumentError, PluginError):
        return ()


def _found(query: str, passages: dict[str, Sequence[Any]]) -> Result:
    from copilot.documents.answers import Index

    owners = [name for name, each in passages.items() for _ in each]
    pairs = [(name, p) for name, each in passages.items() for p in each]
    best = Index([p for _, p in pairs], owners).best(query, _SHOWN)
    owner = {id(p): name for name, p in pairs}
    hits = [(owner[id(answer.passage)], answer.passage) for answer in best if answer.found]
    if not hits:
        return Result(f"Nothing about that stands in {', '.join(passages) or 'the files'}.")
    lines = [f"- {name}, {p.where}: {' '.join(p.text.split())[:600]}" for name, p in hits]
    return Result("\n".join(lines), [{"file": n, "where": p.where, "text": p.text} for n, p in hits], _sources(hits))


def _sources(hits: Sequence[tuple[str, Any]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(f"{name}, {passage.where}" for name, passage in hits))


@lru_cache(maxsize=64)
def _read_once(content: bytes, name: str) -> Any:
    from copilot.documents.reading import read

    return read(content, name)


def _reading(resource: Resource) -> Any:
    return _read_once(resource.read(), PurePosixPath(resource.name).name)
