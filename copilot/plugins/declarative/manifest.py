"""Reads a declarative agent manifest (v1.0, v1.2 to v1.8) as a persona.

The published schema is closed and its descriptions, its samples and the agents that people share all differ: so what is
written is read as it is meant, and every difference is a Problem. `$schema` is never fetched.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from copilot.errors import PluginError
from copilot.plugins.declarative.actions import Actions
from copilot.plugins.declarative.capabilities import Version, capabilities
from copilot.plugins.declarative.editorial import answers
from copilot.plugins.declarative.fields import Fields, Notes, brief
from copilot.plugins.declarative.knowledge import resources
from copilot.plugins.declarative.localisation import Strings
from copilot.plugins.declarative.texts import Texts
from copilot.plugins.files import PluginFiles
from copilot.plugins.persona import Capability, Mode, Persona, Starter, Worker
from copilot.plugins.plugin import Plugin, Reading
from copilot.trust.labels import WORKSPACE, Confidentiality, Integrity, Label
from copilot.trust.sanitise import safe_text

FILE = "declarativeAgent.json"
#: The fields of a manifest, each with the version that brought it.
FIELDS: Mapping[str, Version] = {
    **dict.fromkeys(("version", "id", "name", "description", "instructions", "capabilities"), (1, 0)),
    **dict.fromkeys(("conversation_starters", "actions"), (1, 0)),
    **dict.fromkeys(("behavior_overrides", "disclaimer"), (1, 4)),
    **dict.fromkeys(("sensitivity_label", "worker_agents", "user_overrides"), (1, 6)),
    "editorial_answers": (1, 7),
    "agent_skills": (1, 9),
}
VERSIONS: tuple[Version, ...] = ((1, 0), *((1, minor) for minor in range(2, 9)))
#: Spellings of fields that are met in the wild.
_ALIASES = {
    "schema_version": "version",
    "conversationStarters": "conversation_starters",
    "sensitivityLabel": "sensitivity_label",
    "workerAgents": "worker_agents",
    "behaviorOverrides": "behavior_overrides",
    "agentSkills": "agent_skills",
}
_MODES: Mapping[str, Mode] = {"": "", "auto": "", "quick response": "fast", "think deeper": "quality"}
_VERSION = re.compile(r"v?\s*(\d{1,3})\.(\d{1,3})")
_SCHEMA = re.compile(r"v(\d{1,3})\.(\d{1,3})/(?:schema|declarative)")
#: Instructions that are the name of a file, as if every text could be one.
_FILE_NAME = re.compile(r"[\w./\\-]{1,200}\.(?:md|txt)")
#: The form that the documentation gives for what a person may switch off (manifest v1.8, user override object).
_OVERRIDE = re.compile(r"\$\.capabilities\[\s*\?\s*\(?\s*@\.name\s*==\s*(['\"])(\w+)\1\s*\)?\s*\]")
_MOST_STARTERS, _MOST_WORKERS, _DEEPEST = 12, 20, 4


@dataclass(frozen=True)
class Place:
    """Where a manifest lies: in which plugin's files, at which path, with whose words; `above` are who asked for it."""

    files: PluginFiles
    path: str
    plugin: str = ""
    strings: Strings = Strings()  # noqa: RUF009 - frozen
    above: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The path as a person looks for it."""
        return str(self.files.root / self.path)


def read(path: Path, reading: Reading) -> Plugin:
    """Return the plugin of one manifest, or of a folder with a declarativeAgent.json. Raises PluginError.

    With `reading.strict` anything that is not as the standard wants it refuses the manifest.
    """
    file = path / FILE if path.is_dir() else path
    persona, notes = agent(Place(PluginFiles(file.parent), file.name), reading)
    problems = notes.all()
    refuse_if_strict(persona.name, problems, reading)
    return Plugin(
        persona.handle,
        persona.form,
        file.parent.resolve(),
        description=persona.description,
        personas=(replace(persona, plugin=persona.handle),),
        servers=persona.all_servers,
        problems=problems,
    )


def refuse_if_strict(name: str, problems: Any, reading: Reading) -> None:
    """Raise PluginError in strict reading where anything had to be mended or left out."""
    if reading.strict and problems:
        told = " ".join(each.reason for each in problems[:3])
        raise PluginError(f"{name} is not as the standard wants it: {told}", hint="Mend it, or load it leniently.")


def agent(place: Place, reading: Reading) -> tuple[Persona, Notes]:
    """Return the agent of a manifest, and what was met in it; raises PluginError when there is no agent in it."""
    notes = Notes(place.shown)
    texts = Texts(place.files, PurePosixPath(place.path).parent.as_posix(), notes, place.strings)
    value = place.files.json(place.path)
    if not isinstance(value, dict) or not {"name", "instructions", "description"} & value.keys():
        raise PluginError(f"{place.shown} holds no declarative agent: it has no name and no instructions.", code="form")
    manifest = Fields(_renamed(value, notes), "", notes, texts.mend)
    version = _version(manifest, str(value.get("$schema", "")))
    _known_fields(manifest, version)
    return _persona(manifest, version, place, texts, reading), notes


def _persona(manifest: Fields, version: Version | None, place: Place, texts: Texts, reading: Reading) -> Persona:
    label = label_of(manifest, reading.labels)
    able = capabilities(manifest, version)
    embedded = next((each for each in able if each.name == "EmbeddedKnowledge"), None)
    actions = Actions(place.files, texts, reading).of(manifest)
    behaviour = _behaviour(manifest)
    return Persona(
        name=_name(manifest, place),
        description=_described(manifest),
        instructions=_instructions(manifest, texts),
        id=manifest.raw("id"),
        form=f"declarative-agent v{version[0]}.{version[1]}" if version else "declarative-agent",
        root=place.files.root,
        plugin=place.plugin,
        capabilities=able,
        starters=_starters(manifest),
        skills=actions.skills,
        servers=actions.servers,
        knowledge=resources(embedded, texts, label),
        answers=answers(manifest, texts),
        workers=_workers(manifest, place, texts, reading),
        removable=_removable(manifest, able),
        disclaimer=_disclaimer(manifest),
        label=label,
        **behaviour,
    )


# --- what it is -------------------------------------------------------------------------------------------------------


def _renamed(value: Mapping[str, Any], notes: Notes) -> dict[str, Any]:
    found = dict(value)
    for odd, usual in _ALIASES.items():
        if odd in found and found.get(usual) is None:
            found[usual] = found.pop(odd)
            notes.add(f"{odd} is read as {usual}.", "repaired")
    for name in ("name", "description"):
        if isinstance(found.get(name), Mapping):  # as an app's manifest has them
            found[name] = found[name].get("full" if name == "description" else "short") or ""
            notes.add(f"{name} is an object, as in an app's manifest; its text is used.", "repaired")
    return found


def _version(manifest: Fields, schema: str) -> Version | None:
    """Return the version that the manifest says it has, or its `$schema` does; None where neither is one."""
    written = manifest.raw("version").strip()
    named, meant = _VERSION.fullmatch(written), _SCHEMA.search(schema)
    of_schema = (int(meant[1]), int(meant[2])) if meant else None
    if named is None:
        told = f"version is {brief(written)!r}, and it must be like 'v1.8'" if written else "version is missing"
        as_what = f"it is read as v{of_schema[0]}.{of_schema[1]}" if of_schema else "it is read as the newest"
        manifest.notes.add(f"{told}; {as_what}.", "repaired")
        return of_schema
    version = int(named[1]), int(named[2])
    if written != f"v{version[0]}.{version[1]}":
        manifest.notes.add(f"version is {brief(written)!r}, read as v{version[0]}.{version[1]}.", "repaired")
    if version not in VERSIONS:
        newest = f"v{VERSIONS[-1][0]}.{VERSIONS[-1][1]}"
        manifest.notes.add(f"version {brief(written)} is not one that is known; it is read as {newest}.", "noted")
    elif of_schema and of_schema != version:
        told = f"$schema is that of v{of_schema[0]}.{of_schema[1]}, and version says {brief(written)}, which counts."
        manifest.notes.add(told, "noted")
    return version


def _known_fields(manifest: Fields, version: Version | None) -> None:
    manifest.only(FIELDS)
    for name, since in FIELDS.items():
        if version is not None and version < since and manifest.has(name):
            told = f"{name} came with v{since[0]}.{since[1]}, which is later than this manifest's; it is used."
            manifest.notes.add(told, "noted")


def _name(manifest: Fields, place: Place) -> str:
    name = " ".join(safe_text(manifest.text("name", 100)).split())
    if name:
        return name
    named = PurePosixPath(place.path).parent.name or place.files.root.name
    manifest.notes.add(f"name is missing; the agent is called {named!r} after its folder.", "repaired")
    return named or "agent"


def _described(manifest: Fields) -> str:
    if description := manifest.text("description", 1_000):
        return description
    manifest.notes.add("description is missing.", "noted")
    return ""


def _instructions_of(file: str, manifest: Fields, texts: Texts) -> str:
    """Return the text of a file that stands where the text itself is meant; reported, also where there is none."""
    found = texts.mend(f"$[file('{file}')]", "instructions").strip()
    if not found:
        told = f"instructions is only the name of a file, {brief(file)!r}: the agent has its capabilities and no words."
        manifest.notes.add(told, "unsupported")
    return found


def _instructions(manifest: Fields, texts: Texts) -> str:
    written = manifest.raw("instructions").strip()
    if _FILE_NAME.fullmatch(written):
        return _instructions_of(written, manifest, texts)
    if instructions := manifest.text("instructions", 8_000):
        return instructions
    if not written:  # else what stands in their place is reported already
        told = "instructions are missing: the agent has its capabilities and actions, and no words."
        manifest.notes.add(told, "noted")
    return ""


def _disclaimer(manifest: Fields) -> str:
    value = manifest.value().get("disclaimer")
    if isinstance(value, str):
        manifest.notes.add("disclaimer is a text where an object is meant; it is read as its text.", "repaired")
        return manifest.text("disclaimer", 500)
    found = manifest.object("disclaimer")
    if found is None:
        return ""
    found.only(("text",))
    return found.text("text", 500)


# --- how it behaves ---------------------------------------------------------------------------------------------------


def _behaviour(manifest: Fields) -> dict[str, Any]:
    found = manifest.object("behavior_overrides")
    if found is None:
        return {}
    found.only(("suggestions", "special_instructions", "default_response_mode"))
    special, suggestions = found.object("special_instructions"), found.object("suggestions")
    mode = found.raw("default_response_mode").strip()
    if mode.lower() not in _MODES:
        told = f"{found.at('default_response_mode')} is {brief(mode)!r}, not Auto, Quick response or Think deeper."
        found.notes.add(f"{told} It is read as Auto.", "unsupported")
    return {
        "sources_only": special.flag("discourage_model_knowledge") if special else False,
        "suggestions": not (suggestions.flag("disabled") if suggestions else False),
        "mode": _MODES.get(mode.lower(), ""),
    }


def _starters(manifest: Fields) -> tuple[Starter, ...]:
    found = [_starter(each) for each in manifest.objects("conversation_starters", _MOST_STARTERS, single="text")]
    return tuple(each for each in found if each)


def _starter(fields: Fields) -> Starter | None:
    fields.only(("text", "title", "depends_on"))
    text, title = " ".join(fields.text("text").split()), " ".join(fields.text("title").split())
    if not text and not title:
        fields.notes.add(f"{fields.place} has no text, and is ignored.", "unsupported")
        return None
    if not text:
        fields.notes.add(f"{fields.place} has no text; its title is used.", "repaired")
    needs = [each.raw("id") for each in fields.objects("depends_on", 50, single="id")]
    return Starter(text or title, title, tuple(need for need in needs if need))


def _removable(manifest: Fields, able: tuple[Capability, ...]) -> frozenset[str]:
    have, found = {each.name for each in able}, set()
    for each in manifest.objects("user_overrides", 50):
        each.only(("path", "allowed_actions"))
        path, actions = each.raw("path").strip(), each.texts("allowed_actions", 10)
        match = _OVERRIDE.fullmatch(path)
        if match is None or match[2] not in have or actions != ["remove"]:
            told = f"{each.place} ({brief(path)!r}, {', '.join(map(brief, actions)) or 'no action'}) is ignored:"
            each.notes.add(f"{told} known is only the removal of one of its capabilities.", "unsupported")
            continue
        found.add(match[2])
    return frozenset(found)


def label_of(manifest: Fields, known: Mapping[str, str]) -> Label:
    """Return the label of every conversation with it: by its sensitivity label's GUID; an unknown one is restricted."""
    value = manifest.value().get("sensitivity_label")
    if isinstance(value, str) and value.strip():
        manifest.notes.add("sensitivity_label is a text where an object is meant; it is read as its id.", "repaired")
        value = {"id": value}
    if value in (None, "", {}, {"id": ""}, {"id": None}):
        return WORKSPACE
    guid = Fields(value, "sensitivity_label", manifest.notes).blank("id") if isinstance(value, Mapping) else ""
    plain = guid.strip("{}").lower()
    levels = {name.strip().strip("{}").lower(): level for name, level in known.items()}
    if plain not in levels:
        told = f"sensitivity_label {brief(guid or value)} is not in [trust.labels]: what is said here is restricted."
        manifest.notes.add(told, "noted")
    return Label(Integrity.WORKSPACE, Confidentiality.parse(levels.get(plain, "restricted")))


# --- whom it may ask --------------------------------------------------------------------------------------------------


def _workers(manifest: Fields, place: Place, texts: Texts, reading: Reading) -> tuple[Worker, ...]:
    found = [_worker(each, place, texts, reading) for each in manifest.objects("worker_agents", _MOST_WORKERS)]
    return tuple(each for each in found if each)


def _worker(fields: Fields, place: Place, texts: Texts, reading: Reading) -> Worker | None:
    fields.only(("id", "file"))
    file = fields.raw("file").strip()
    if not file:
        return Worker(id=name) if (name := fields.blank("id")) else _no_worker(fields, "it has neither id nor file")
    try:
        path = place.files.path(texts.relative(file)).relative_to(place.files.root).as_posix()
        above = (*place.above, place.path)
        if path in above:
            return _no_worker(fields, f"{brief(file)!r} is an agent that asks this one: they would ask for ever")
        if len(above) > _DEEPEST:
            return _no_worker(fields, f"agents ask agents more than {_DEEPEST} deep")
        persona, notes = agent(replace(place, path=path, above=above), reading)
    except PluginError as error:
        return _no_worker(fields, str(error))
    fields.notes.take(notes.all())
    return Worker(id=persona.id, persona=persona)


def _no_worker(fields: Fields, why: str) -> Worker | None:
    fields.notes.add(f"{fields.place} is left out: {why.rstrip('.')}.", "unsupported")
    return None
