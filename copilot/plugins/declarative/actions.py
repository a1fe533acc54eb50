"""What a declarative agent can do by itself: API plugin manifests that it names or holds, and skills in its package."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from copilot.errors import PluginError
from copilot.plugins.declarative.fields import Fields, brief
from copilot.plugins.declarative.texts import Texts
from copilot.plugins.files import PluginFiles
from copilot.plugins.plugin import Plugin, Reading
from copilot.plugins.skill import Skill

if TYPE_CHECKING:
    from copilot.plugins.mcp.config import Server

_MOST, _MOST_SKILLS = 10, 20
#: What the file of an action may be: the standard names the first, the others say the same in other words.
FORMS = ("api-plugin", "openapi", "mcp-servers")
#: One of these at its top makes an action a plugin manifest of its own (manifest v1.8, actions object).
_INLINE = frozenset({"schema_version", "name_for_human", "functions", "runtimes"})


@dataclass(frozen=True)
class Acting:
    """What the actions bring."""

    skills: tuple[Skill, ...] = ()
    servers: tuple[Server, ...] = ()


class Actions:
    """Reads the actions of the manifests of one plugin."""

    def __init__(self, files: PluginFiles, texts: Texts, reading: Reading) -> None:
        self._files = files
        self._texts = texts
        self._reading = reading

    def of(self, manifest: Fields) -> Acting:
        """Return what the manifest's actions bring; one that can't be read is reported, and the others stay."""
        skills: dict[str, Skill] = {}
        servers: list[Server] = []
        listed: list[tuple[Fields, Callable[[Fields], Plugin]]] = []
        listed += [(each, self._action) for each in manifest.objects("actions", _MOST, single="file")]
        listed += [(each, self._skill) for each in manifest.objects("agent_skills", _MOST_SKILLS, single="folder")]
        for each, read in listed:
            plugin = _guarded(each, read)
            if plugin is None:
                continue
            each.notes.take(plugin.problems)
            servers += plugin.servers
            for skill in plugin.skills:
                if skills.setdefault(skill.name, skill) is not skill:
                    told = f"{each.place}: a second one named {brief(skill.name)!r} is left out."
                    each.notes.add(told, "unsupported")
        return Acting(tuple(skills.values()), tuple(servers))

    def _action(self, action: Fields) -> Plugin:
        if action.has("file"):
            action.only(("id", "file"))
            return self._from_file(action.raw("file"))
        if not _INLINE.isdisjoint(action.value()):
            return self._manifest(action.value(), Path(self._texts.notes.where))
        raise PluginError("it names no file, and holds no plugin.")

    def _skill(self, skill: Fields) -> Plugin:
        """Return a skill of the agent's own: a folder with SKILL.md ("Custom skills in declarative agents")."""
        from copilot.plugins.packages.folders import read_any

        skill.only(("folder",))
        if not (folder := skill.raw("folder").strip()):
            raise PluginError("it names no folder.")
        return read_any(self._files.path(self._texts.relative(folder)), self._reading)

    def _from_file(self, named: str) -> Plugin:
        from copilot.plugins.readers import read_part, recognise

        path = self._files.path(self._texts.relative(named))
        if path.is_file() and recognise(path).form == "api-plugin":
            return self._manifest(PluginFiles(path.parent).json(path.name), path)
        return read_part(path, self._reading, FORMS)

    def _manifest(self, value: object, path: Path) -> Plugin:
        """Return what an API plugin manifest brings, in the words of the app package; its paths start beside `path`."""
        from copilot.plugins.api_plugin.reader import read_manifest

        return read_manifest(value, path, self._reading, localised=self._texts.keys)


def _guarded(fields: Fields, read: Callable[[Fields], Plugin]) -> Plugin | None:
    try:
        return read(fields)
    except PluginError as error:
        fields.notes.add(f"{fields.place} is left out: {error}", "unsupported")
        return None
