"""The capabilities of declarative agents: which there are, how each is limited, and which of our skills serves it.

Source: the schemas of Microsoft's declarative agent manifests v1.0 to v1.8.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from copilot.plugins.declarative.fields import Fields, brief
from copilot.plugins.persona import Capability, Persona
from copilot.plugins.skill import Problem, Skill

Version = tuple[int, int]
_MANY = 1_000  # entries of a list that the schema sets no limit to


@dataclass(frozen=True)
class Shape:
    """The fields of an object: texts, switches, lists of texts and lists of objects, with the most entries of each."""

    texts: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    strings: Mapping[str, int] = field(default_factory=dict)
    objects: Mapping[str, tuple[int, Shape]] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """All names."""
        return (*self.texts, *self.flags, *self.strings, *self.objects)

    @property
    def limits(self) -> tuple[str, ...]:
        """The fields that limit what can be reached: without any of them it is everything."""
        return tuple(name for name in self.names if name not in self.flags)


@dataclass(frozen=True)
class Kind:
    """A capability: the version that brought it, how it is limited, and names that older drafts had for its fields.

    `skills` are the names of skills that serve it here, the first that is loaded; `acts`: also what they change. With
    `own` the agent serves it itself. `files`: it makes files, so the skills for documents may write.
    """

    since: Version
    shape: Shape = field(default_factory=Shape)
    renamed: Mapping[str, str] = field(default_factory=dict)
    skills: tuple[str, ...] = ()
    acts: bool = False
    own: bool = False
    files: bool = False


_URL = Shape(("url",))
_SHAREPOINT = Shape(
    ("site_id", "web_id", "list_id", "unique_id", "part_type", "part_id"), flags=("search_associated_sites",)
)
_CONNECTION = Shape(
    ("connection_id", "additional_search_terms"),
    objects={
        "items_by_external_id": (_MANY, Shape(("item_id",))),
        "items_by_external_url": (_MANY, _URL),
        "items_by_path": (_MANY, Shape(("path",))),
        "items_by_container_name": (_MANY, Shape(("container_name",))),
        "items_by_container_url": (_MANY, Shape(("container_url",))),
    },
)
_DATAVERSE = Shape(("host_name", "skill"), objects={"tables": (_MANY, Shape(("table_name",)))})
_MEETING = Shape(("id",), flags=("is_series",))

KINDS: Mapping[str, Kind] = {
    "WebSearch": Kind((1, 0), Shape(objects={"sites": (4, _URL)}), skills=("web",)),
    "OneDriveAndSharePoint": Kind(
        (1, 0),
        Shape(objects={"items_by_sharepoint_ids": (_MANY, _SHAREPOINT), "items_by_url": (_MANY, _URL)}),
        skills=("files", "sharepoint", "onedrive"),
    ),
    "GraphConnectors": Kind((1, 0), Shape(objects={"connections": (_MANY, _CONNECTION)}), skills=("graph-connectors",)),
    "GraphicArt": Kind((1, 2), skills=("images",)),
    "CodeInterpreter": Kind((1, 2), files=True),
    "Dataverse": Kind((1, 3), Shape(objects={"knowledge_sources": (_MANY, _DATAVERSE)}), skills=("dataverse",)),
    "TeamsMessages": Kind(
        (1, 3), Shape(objects={"urls": (5, _URL)}), renamed={"channels_by_url": "urls"}, skills=("teams",)
    ),
    "Email": Kind(
        (1, 3),
        Shape(
            ("shared_mailbox",),
            strings={"group_mailboxes": 25},
            objects={"folders": (_MANY, Shape(("folder_id",)))},
        ),
        skills=("mail",),
    ),
    "EmailActions": Kind((1, 8), skills=("mail",), acts=True),
    "People": Kind((1, 3), Shape(flags=("include_related_content",)), skills=("people",)),
    "ScenarioModels": Kind((1, 4), Shape(objects={"models": (_MANY, Shape(("id",)))}), own=True),
    "Meetings": Kind((1, 5), Shape(objects={"items_by_id": (5, _MEETING)}), skills=("calendar",)),
    "MeetingActions": Kind((1, 8), skills=("calendar",), acts=True),
    "EmbeddedKnowledge": Kind(
        (1, 6), Shape(("embedded_resource_snapshot_id",), objects={"files": (10, Shape(("file",)))}), own=True
    ),
}
_BY_LETTERS = {name.casefold(): name for name in KINDS}


def capabilities(manifest: Fields, version: Version | None) -> tuple[Capability, ...]:
    """Return the manifest's capabilities, one of each kind; unknown ones and those of a later version are reported."""
    found: dict[str, Capability] = {}
    for each in manifest.objects("capabilities", 100, single="name"):
        capability = _capability(each, version)
        if capability is None:
            continue
        if (first := found.get(capability.name)) is not None:
            each.notes.add(
                f"{each.place}: {capability.name} is there twice; the limits of both hold together.", "repaired"
            )
            capability = _together(first, capability)
        found[capability.name] = capability
    return tuple(found.values())


def _capability(fields: Fields, version: Version | None) -> Capability | None:
    written = fields.raw("name")
    name = _BY_LETTERS.get(re.sub(r"[\W_]+", "", written).casefold())
    if name is None:
        told = f"is no capability ({brief(written)!r})" if written else "has no name"
        fields.notes.add(f"{fields.place} {told}, and is ignored. Known are: {', '.join(KINDS)}.", "unsupported")
        return None
    if name != written:
        fields.notes.add(f"{fields.place}: {brief(written)!r} is read as {name}.", "repaired")
    kind = KINDS[name]
    if version is not None and version < kind.since:
        told = f"{fields.place}: {name} came with v{kind.since[0]}.{kind.since[1]}, later than this manifest."
        fields.notes.add(told, "noted")
    return _limited(fields, name, kind)


def _limited(fields: Fields, name: str, kind: Kind) -> Capability | None:
    """Return the capability with its scope, None where it is limited in a way that can't be read."""
    fields = _renamed(fields, kind.renamed)
    known = ("name", *kind.shape.names)
    fields.only(known)
    scope = _scope(fields, kind.shape)
    given = [limit for limit in kind.shape.limits if fields.has(limit)]
    unread = [limit for limit in given if limit not in scope]
    unread += [name for name, value in fields.value().items() if name not in known and isinstance(value, list | dict)]
    if unread:
        told = f"{fields.place}: what limits {name} ({', '.join(unread)}) can't be read, so {name} is left out."
        fields.notes.add(told, "unsupported")
        return None
    if given and not any(scope[limit] for limit in given):
        fields.notes.add(f"{fields.place}: {', '.join(given)} is empty, so {name} reaches nothing.", "noted")
    return Capability(name, scope)


def _renamed(fields: Fields, renamed: Mapping[str, str]) -> Fields:
    value = fields.value()
    for old, new in renamed.items():
        if old in value and new not in value:
            fields.notes.add(f"{fields.at(old)} is read as {new}, as it is called since.", "repaired")
            value[new] = value.pop(old)
    return fields.with_value(value)


def _scope(fields: Fields, shape: Shape) -> dict[str, Any]:
    """Return the fields that are there and could be read; a list of which nothing could be read is left out."""
    found: dict[str, Any] = {}
    for name in shape.texts:
        if text := fields.blank(name):
            found[name] = text
    found |= {name: fields.flag(name) for name in shape.flags if fields.has(name)}
    for name, most in shape.strings.items():
        _put(found, fields, name, fields.texts(name, most))
    for name, (most, inner) in shape.objects.items():
        made = [_entry(each, inner) for each in fields.objects(name, most, single=inner.texts[0])]
        _put(found, fields, name, [each for each in made if each])
    return found


def _entry(fields: Fields, shape: Shape) -> dict[str, Any]:
    """Return one entry of a list; one that is limited in a way that can't be read would reach too much: it is empty."""
    fields.only(shape.names)
    found = _scope(fields, shape)
    return found if all(name in found for name in shape.limits if fields.has(name)) else {}


def _put(found: dict[str, Any], fields: Fields, name: str, made: list[Any]) -> None:
    if made or fields.value().get(name) == []:
        found[name] = made


def _together(one: Capability, other: Capability) -> Capability:
    """Return one capability out of two: lists of places are joined; what only one of them limits stays limited."""
    scope = {**other.scope, **one.scope}
    for name in one.scope.keys() & other.scope.keys():
        if isinstance(one.scope[name], list) and isinstance(other.scope[name], list):
            scope[name] = [*one.scope[name], *(each for each in other.scope[name] if each not in one.scope[name])]
    return replace(one, scope=scope)


# --- who serves them here ---------------------------------------------------------------------------------------------


def serving(capability: str, skills: Iterable[Skill]) -> Skill | None:
    """Return the loaded skill that serves a capability, None where none does."""
    loaded = {skill.name: skill for skill in skills}
    return next((loaded[name] for name in KINDS[capability].skills if name in loaded), None)


def unserved(persona: Persona, skills: Sequence[Skill]) -> list[Problem]:
    """Return a problem for each capability that nothing here serves: the agent works without it."""
    where = f"agent {persona.name!r}"
    missing = [c.name for c in persona.capabilities if not KINDS[c.name].own and serving(c.name, skills) is None]
    return [Problem(where, _why_not(name), "unsupported") for name in missing]


def _why_not(name: str) -> str:
    if KINDS[name].files:
        return f"{name}: no code that a model writes is run here; the skills for documents compute and make files."
    wanted = " or ".join(repr(skill) for skill in KINDS[name].skills)
    return f"{name} is not served here; a skill named {wanted} would."
