"""The actions of a declarative agent: API plugin manifests that it names, or holds."""

from __future__ import annotations

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

_MOST = 10
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
        for each in manifest.objects("actions", _MOST, single="file"):
            plugin = self._read(each)
            if plugin is None:
                continue
            each.notes.take(plugin.problems)
            servers += plugin.servers
            for skill in plugin.skills:
                if skills.setdefault(skill.name, skill) is not skill:
                    each.notes.add(
                        f"{each.place}: a second action named {brief(skill.name)!r} is left out.", "unsupported"
                    )
        return Acting(tuple(skills.values()), tuple(servers))

    def _read(self, action: Fields) -> Plugin | None:
        try:
            if action.has("file"):
                action.only(("id", "file"))
                return self._from_file(action.raw("file"))
            if not _INLINE.isdisjoint(action.value()):
                return self._manifest(action.value(), Path(self._texts.notes.where))
        except PluginError as error:
            action.notes.add(f"{action.place} is left out: {error}", "unsupported")
            return None
        action.notes.add(f"{action.place} is left out: it names no file, and holds no plugin.", "unsupported")
        return None

    def _from_file(self, named: str) -> Plugin:
        from copilot.plugins.readers import read, recognise

        path = self._files.path(self._texts.relative(named))
        if path.is_file() and recognise(path).form == "api-plugin":
            return self._manifest(PluginFiles(path.parent).json(path.name), path)
        return read(path, self._reading)

    def _manifest(self, value: object, path: Path) -> Plugin:
        """Return what an API plugin manifest brings, in the words of the app package; its paths start beside `path`."""
        from copilot.plugins.api_plugin.reader import read_manifest

        return read_manifest(value, path, self._reading, localised=self._texts.keys)
