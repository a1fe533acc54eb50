"""The reader of API plugin manifests: one JSON file, with its API descriptions, tool lists and cards beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot.errors import PluginError
from copilot.plugins.api_plugin import runtimes
from copilot.plugins.api_plugin.functions import instructions
from copilot.plugins.api_plugin.manifest import Function, Manifest, parse
from copilot.plugins.api_plugin.runtimes import Place, RemoteMcp, Serving, chosen, names_of, serving
from copilot.plugins.api_plugin.semantics import Semantics
from copilot.plugins.cards import templating
from copilot.plugins.files import PluginFiles
from copilot.plugins.plugin import Plugin, Reading
from copilot.plugins.skill import Problem, Severity, Skill
from copilot.plugins.tools import Tool, slug
from copilot.trust.sanitise import safe_text

if TYPE_CHECKING:
    from copilot.plugins.mcp.config import Server

#: Bytes of a manifest and of one card.
MOST_MANIFEST, MOST_CARD = 8_000_000, 1_000_000
#: Characters of a skill's description (Agent Skills, `description`).
_MOST_DESCRIPTION = 1_024
#: How the manifests of a folder are told from its other JSON: `schema_version` and the name for people (or what is
#: only there) stand at the top, and how many files are looked at.
_BEGINS = re.compile(
    rb'\A(?:\xef\xbb\xbf)?\s*\{(?=.*"schema_version"\s*:)(?=.*"(?:name_for_human|namespace)"\s*:)', re.DOTALL
)
_MOST_LOOKED_AT = 200


def manifests(folder: Path) -> list[Path]:
    """Return the files in a folder that begin as an API plugin manifest does: what else lies there belongs to them."""
    names = (path for end in ("*.json", ".well-known/ai-plugin.json") for path in sorted(folder.glob(end)))
    return [path for path in islice(names, _MOST_LOOKED_AT) if path.is_file() and _BEGINS.search(_beginning(path))]


def _beginning(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(4_000)
    except OSError:
        return b""  # it is told where it is needed


def read(path: Path, reading: Reading) -> Plugin:
    """Return the plugin of a manifest file, or of the folder of one.

    Raises PluginError when it is none, nothing of it can be used, or the folder has several.
    """
    if path.is_dir():
        found = manifests(path)
        if len(found) != 1:
            named = ", ".join(each.name for each in found[:10]) or "none"
            raise PluginError(f"{path} has not one API plugin manifest: {named}.", hint="Name one of them.")
        path = found[0]
    files = PluginFiles(path.parent)
    files.read(path.name, MOST_MANIFEST)
    return read_manifest(files.json(path.name), path, reading)


def read_manifest(value: Any, path: Path, reading: Reading, *, localised: Mapping[str, str] | None = None) -> Plugin:
    """Return the plugin of a manifest's JSON value, whose relative paths start in the folder of `path`.

    `localised` are the texts that `[[key]]` stands for, where an app package has them. Raises PluginError.
    """
    strict = reading.strict
    manifest = parse(value, str(path), env=reading.env, localised=localised, strict=strict)
    return _Reader(manifest, path, reading).plugin()


def _root(path: Path) -> Path:
    """Return the folder that a manifest's paths start in: its own, or the site that `.well-known` belongs to."""
    return path.parent.parent if path.parent.name == ".well-known" else path.parent


class _Reader:
    def __init__(self, manifest: Manifest, path: Path, reading: Reading) -> None:
        self._manifest = manifest
        self._problems = list(manifest.problems)
        name = manifest.namespace or manifest.name
        self._place = Place(path, PluginFiles(_root(path)), reading, slug(name), self._tell)
        self._servings = [serving(runtime, self._place) for runtime in manifest.runtimes]
        self._semantics: dict[str, Semantics | None] = {}

    def plugin(self) -> Plugin:
        bound = self._bound()
        names = names_of(function for function, _ in bound)
        tools = tuple(self._tools(bound, names))
        servers = tuple(self._servers(bound))
        if not tools and not servers:
            raise self._nothing()
        form = f"api-plugin {self._manifest.version}"
        served = {tool.name.partition(".")[2] for tool in tools}
        told = {
            self._called(function, names, served): function
            for function, each in bound
            if names[function.name] in served or isinstance(each, RemoteMcp)
        }
        skill = Skill(
            self._place.slug,
            self._description(),
            instructions(self._opening(), told),
            tools,
            self._place.files.root,
            f"plugin {self._place.slug}",
            form=form,
            plugin=self._place.slug,
            examples=self._manifest.starters,
        )
        return Plugin(
            self._place.slug,
            form,
            self._place.files.root,
            description=self._description(),
            skills=(skill,) if tools or skill.instructions else (),
            servers=servers,
            problems=tuple(self._problems),
        )

    def _tell(self, place: str, reason: str, severity: Severity) -> None:
        where = str(self._place.path)
        problem = Problem(f"{where}#{place}" if place else where, reason, severity)
        if problem not in self._problems:
            self._problems.append(problem)

    # --- which runtime serves what ------------------------------------------------------------------------------------

    def _bound(self) -> list[tuple[Function, Serving]]:
        """Return each function with the runtime that serves it ("More than one runtime MUST NOT ...")."""
        functions = self._manifest.functions
        if functions is None:
            functions = tuple({f.name: f for each in self._servings for f in each.inferred()}.values())
        bound = []
        for function in functions:
            able = chosen(function, self._servings)
            if not able:
                self._tell(function.place, f"no runtime serves {safe_text(function.name)!r}.", "refused")
                continue
            if len(able) > 1:
                others = ", ".join(each.runtime.place for each in able[1:])
                self._tell(function.place, f"{others} serves it, too; {able[0].runtime.place} is taken.", "repaired")
            bound.append((function, able[0]))
        self._unknown({function.name for function in functions})
        return bound

    def _unknown(self, known: set[str]) -> None:
        """Report names in `run_for_functions` that no function has."""
        for each in self._servings:
            for name in each.runtime.serves or ():
                if name not in known and not set(name) & set("*?[") and self._manifest.functions is not None:
                    place = f"{each.runtime.place}.run_for_functions"
                    self._tell(place, f"there is no function {safe_text(name)[:80]!r}; it is ignored.", "noted")

    def _tools(self, bound: list[tuple[Function, Serving]], names: Mapping[str, str]) -> list[Tool]:
        tools = []
        for function, each in bound:
            try:
                made = each.tool(function, names[function.name], self._shown(function))
            except PluginError as error:
                self._tell(function.place, str(error), "refused")
                continue
            tools += [made] if made is not None else []
        return tools

    def _servers(self, bound: list[tuple[Function, Serving]]) -> list[Server]:
        made: list[Server] = []
        for each in self._servings:
            if isinstance(each, RemoteMcp):
                mine = {f.name: (f, self._shown(f)) for f, serving in bound if serving is each}
                server = each.server(mine, slug(self._place.slug, [s.name for s in made]))
                made += [server] if server is not None else []
        return made

    # --- cards --------------------------------------------------------------------------------------------------------

    def _shown(self, function: Function) -> Semantics | None:
        """Return how a function's answers are shown, read once."""
        if function.name not in self._semantics:
            self._semantics[function.name] = self._read_semantics(function)
        return self._semantics[function.name]

    def _read_semantics(self, function: Function) -> Semantics | None:
        written = function.semantics
        if written is None:
            return None
        place = f"{function.place}.capabilities.response_semantics"
        template = written.template
        if written.file:
            template = self._card(written.file, f"{place}.static_template")
        for reason in templating.problems(template) if template else ():
            self._tell(f"{place}.static_template", f"{safe_text(reason)}; the text stays as it is.", "unsupported")

        def tell(below: str, reason: str) -> None:
            self._tell(f"{place}.{below}", reason, "repaired" if "read as" in reason else "unsupported")

        try:
            return Semantics.of(written, template, self._place.reading.labels, tell)
        except PluginError as error:
            self._tell(f"{place}.data_path", f"{error.message} Answers are shown without it.", "unsupported")
            return None

    def _card(self, file: str, place: str) -> Mapping[str, Any] | None:
        relative = file.replace("\\", "/").removeprefix("./")
        try:
            self._place.files.read(relative, MOST_CARD)
            found = self._place.files.json(relative)
        except PluginError as error:
            self._tell(place, f"{error} Answers are shown without the card.", "unsupported")
            return None
        if isinstance(found, dict):
            return found
        self._tell(place, f"{safe_text(file)[:80]} holds no card; answers are shown without it.", "unsupported")
        return None

    # --- words --------------------------------------------------------------------------------------------------------

    def _called(self, function: Function, names: Mapping[str, str], served: set[str]) -> str:
        name = names[function.name]
        return f"{self._place.slug}.{name}" if name in served else function.name

    def _opening(self) -> str:
        """Return what the manifest tells the model, where that is more than the skill's description holds."""
        told = self._manifest.for_model
        return told if len(told) > _MOST_DESCRIPTION else ""

    def _description(self) -> str:
        """Return what it is for and when to use it: the manifest says that to the model."""
        said = self._manifest.for_model or self._manifest.description or f"The plugin {self._manifest.name}."
        return safe_text(said).strip()[:_MOST_DESCRIPTION] or self._place.slug

    def _nothing(self) -> PluginError:
        reasons = [p.reason for p in self._problems if p.severity in ("refused", "unsupported")]
        where = [p.where.partition("#")[2] for p in self._problems if p.severity in ("refused", "unsupported")]
        told = "; ".join(f"{w}: {r.rstrip('.')}" if w else r.rstrip(".") for w, r in zip(where, reasons, strict=True))
        why = told[:600] or ("it has no runtime" if not self._manifest.runtimes else "its runtimes have no function")
        return PluginError(f"{self._place.path}: nothing of the API plugin can be used: {why}.", code="empty")


__all__ = ["read", "read_manifest", "runtimes"]
