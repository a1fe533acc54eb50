"""A persona: an agent as somebody describes it, with its own instructions, tools, knowledge and limits.

Whatever form it was written in, this is what a reader makes of it. It runs on any model: `Copilot(agent=NAME)`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from copilot.errors import ToolInputError
from copilot.plugins.skill import Resource, Skill
from copilot.trust.labels import WORKSPACE, Label

if TYPE_CHECKING:
    from copilot.plugins.mcp.config import Server

#: "fast" answers soon, "quality" thinks longer, "" leaves it to the settings: names of `routing.policy`.
Mode = Literal["", "fast", "quality"]


@dataclass(frozen=True)
class Capability:
    """What a persona may use beside its own tools, by Microsoft's name of it ("WebSearch").

    `scope` limits it, as JSON types, in the words of the manifest: sites, folders, mailboxes, connections. An empty
    scope is all of it.
    """

    name: str
    scope: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Starter:
    """A request that a person may begin with; `needs` are the capabilities without which it is not shown."""

    text: str
    title: str = ""
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class EditorialAnswer:
    """A question with the answer that its author wrote.

    From a similarity of `certain` on (0 to 10) the answer is given as it is, from `close` on it is shown to the model.
    """

    question: str
    answer: str
    close: float = 5.0
    certain: float = 9.0


@dataclass(frozen=True)
class Worker:
    """Another persona that this one may ask: the persona itself, or the `id` by which an installed one is found."""

    id: str = ""
    persona: Persona | None = None


@dataclass(frozen=True)
class Persona:
    """An agent: who it is, what it may use, and how it behaves.

    `skills` and `servers` are those of its actions, `knowledge` the files that came with it. `removable` are the
    capabilities that a person may switch off. With `sources_only` it answers from what it read, not from what the model
    knows. `label` is that of every conversation with it. `suggestions` False: nothing is suggested to the person.
    """

    name: str
    description: str = ""
    instructions: str = ""
    id: str = ""
    form: str = ""
    root: Path | None = None
    plugin: str = ""
    capabilities: tuple[Capability, ...] = ()
    starters: tuple[Starter, ...] = ()
    skills: tuple[Skill, ...] = ()
    servers: tuple[Server, ...] = ()
    knowledge: tuple[Resource, ...] = ()
    answers: tuple[EditorialAnswer, ...] = ()
    workers: tuple[Worker, ...] = ()
    removable: frozenset[str] = frozenset()
    disclaimer: str = ""
    mode: Mode = ""
    sources_only: bool = False
    suggestions: bool = True
    label: Label = WORKSPACE

    @property
    def handle(self) -> str:
        """The name as one types it: lower-case letters and digits of any script, and hyphens."""
        return handle(self.name)

    def capability(self, name: str) -> Capability | None:
        """Return the capability of that name, None where the persona has it not."""
        return next((each for each in self.capabilities if each.name == name), None)

    @property
    def shown_starters(self) -> tuple[Starter, ...]:
        """The starters whose capabilities are all there (manifest v1.7, depends on object)."""
        have = {each.name for each in self.capabilities}
        return tuple(each for each in self.starters if have.issuperset(each.needs))

    @property
    def all_servers(self) -> tuple[Server, ...]:
        """The servers of its actions, and of those of its workers."""
        below = [server for each in self.workers if each.persona for server in each.persona.all_servers]
        return (*self.servers, *below)

    @property
    def all_skills(self) -> tuple[Skill, ...]:
        """The skills of its actions, and of those of its workers: what a person trusts with it."""
        below = [skill for each in self.workers if each.persona for skill in each.persona.all_skills]
        return (*self.skills, *below)

    def without(self, names: Iterable[str]) -> Persona:
        """Return the persona without these capabilities; raises ToolInputError for one that may not be removed."""
        gone = {_known(name, self.removable) for name in names}
        return replace(self, capabilities=tuple(each for each in self.capabilities if each.name not in gone))


def _known(name: str, removable: frozenset[str]) -> str:
    found = {each.casefold(): each for each in removable}.get(name.casefold())
    if found is None:
        raise ToolInputError.unknown("capability", name, sorted(removable), where="what this agent lets you switch off")
    return found


def handle(name: str) -> str:
    """Return a name as one types it: "Contoso Help Desk" is "contoso-help-desk"."""
    return re.sub(r"[\W_]+", "-", name.casefold()).strip("-") or "agent"


def named(name: str, personas: Sequence[Persona]) -> Persona:
    """Return the persona of that name, id or handle; raises ToolInputError that names the closest, or all that fit."""
    wanted = name.strip()
    exact = [p for p in personas if wanted in (p.name, p.id)] or [p for p in personas if p.handle == handle(wanted)]
    if len(exact) == 1:
        return exact[0]
    if exact:
        places = ", ".join(f"{p.name!r} in {p.plugin or p.root}" for p in exact)
        hint = f"Name one by its id. There is: {places}."
        raise ToolInputError(f"{len(exact)} agents are named {name!r}.", hint=hint, code="unknown_agent")
    raise ToolInputError.unknown("agent", name, [p.handle for p in personas])
