"""The runtimes of a manifest: an OpenAPI document, a remote MCP server, or commands of an Office add-in.

Each says which functions it has (by operationId, by a tool's name), and makes tools of those that it serves.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from copilot.errors import PluginError
from copilot.plugins.api_plugin import confirmation
from copilot.plugins.api_plugin.functions import adapted, carded
from copilot.plugins.api_plugin.manifest import Function, Runtime
from copilot.plugins.api_plugin.normalise import variables
from copilot.plugins.api_plugin.semantics import Semantics
from copilot.plugins.files import PluginFiles
from copilot.plugins.plugin import Reading
from copilot.plugins.service import Service
from copilot.plugins.skill import Severity
from copilot.plugins.tools import Tool, renamed, tool_name
from copilot.slots import Slot
from copilot.trust.sanitise import safe_text

if TYPE_CHECKING:
    from copilot.plugins.mcp.config import Server
    from copilot.plugins.openapi.model import Api, Operation

#: Where else a document may lie that the manifest names by an address on the web.
_FOLDERS = ("", "apiSpecificationFile/", ".well-known/")
#: Which documents the hosts of an Office add-in open ("Local endpoint specification object").
_OPENS = {
    "document": (".docx",),
    "workbook": (".xlsx",),
    "presentation": (".pptx",),
    "mail": (),
}
#: A host, perhaps with a port; placeholders that somebody forgot to fill in are none.
_HOST = re.compile(r"[\w.\-]+(?::\d+)?|\[[0-9A-Fa-f:.]+\](?::\d+)?")
Tell = Callable[[str, str, Severity], None]


@dataclass(frozen=True)
class Place:
    """Where a manifest lies and what its runtimes are given: `slug` is the plugin's name among tools and services."""

    path: Path
    files: PluginFiles
    reading: Reading
    slug: str
    tell: Tell


@dataclass
class Serving:
    """One runtime at work: `names` are the functions that it has, None where only the server itself can say."""

    runtime: Runtime
    place: Place

    @property
    def names(self) -> tuple[str, ...] | None:
        """The functions that it has."""
        return None

    def serves(self, name: str) -> bool:
        """Return whether the manifest lets it serve a function, by name, by a glob, or because it has it."""
        patterns = self.runtime.serves
        if patterns is None:
            return self.names is None or name in self.names
        return any(name == each or fnmatchcase(name, each) for each in patterns[:1_000])

    def claims(self, name: str) -> bool:
        """Return whether it serves a function by its own name."""
        return name in (self.runtime.serves or ())

    def inferred(self) -> list[Function]:
        """Return the functions that a manifest has which names none."""
        return [Function(name, place=self.runtime.place) for name in self.names or () if self.serves(name)]

    def tool(self, function: Function, name: str, semantics: Semantics | None) -> Tool | None:
        """Return the tool of a function, None where there is none (it was told why, or comes from a server)."""
        raise NotImplementedError

    def say(self, reason: str, severity: Severity = "unsupported", place: str = "") -> None:
        """Report something about the runtime, or about a place in the manifest."""
        self.place.tell(place or self.runtime.place, reason, severity)


class OpenApi(Serving):
    """Operations of an OpenAPI document."""

    @cached_property
    def api(self) -> Api | None:
        """The compiled document, None where it can't be used, which was then told."""
        try:
            api = self._loaded()
        except PluginError as error:
            self.say(str(error), "refused")
            return None
        for where, reason, severity in api.problems:
            known = severity if severity in ("refused", "repaired", "unsupported") else "noted"
            self.say(f"{where}: {reason}" if where else reason, known)  # type: ignore[arg-type]
        return api

    @property
    def names(self) -> tuple[str, ...]:
        """The operationIds."""
        return tuple(each.id for each in self.api.operations) if self.api else ()

    def tool(self, function: Function, name: str, semantics: Semantics | None) -> Tool | None:
        """Return the tool of the operation that the function is named after."""
        if self.api is None:
            return None
        operation = self._operation(self.api, function)
        if operation is None:
            near = ", ".join(self.names[:8]) or "none"
            why = f"the API has no operation {safe_text(function.name)!r}; it has: {near}."
            self.say(why, "refused", function.place)
            return None
        from copilot.plugins.openapi.tools import tool_of

        made = tool_of(
            operation,
            self._client(self.api),
            self.place.slug,
            name=name,
            present=partial(_presented, semantics),
            asks=confirmation.is_consequential(function) or None,
        )
        ours = frozenset(filter(None, (operation.select, operation.pages)))
        tell = partial(_told_as, self.place.tell, "noted")
        return adapted(made, function, semantics, tell, ours=ours, shows=False)

    def _operation(self, api: Api, function: Function) -> Operation | None:
        found = api.operation(function.name)
        if found is None:
            same = [each for each in api.operations if _letters(each.id) == _letters(function.name)]
            found = same[0] if len(same) == 1 else None
            if found is not None:
                why = f"{safe_text(function.name)!r} is taken as the operation {safe_text(found.id)!r}."
                self.say(why, "repaired", function.place)
        if found is not None and self.runtime.auth != "None" and not found.security:
            first = next(iter(api.schemes), "")  # the manifest says that it signs in, whatever the document says
            found = replace(found, security=({first: []},))
        return found

    def _client(self, api: Api) -> Any:
        from copilot.plugins.openapi.client import Client

        name = self.place.slug
        signs_in = self.runtime.auth != "None"
        references = tuple(filter(None, (self.runtime.reference, name))) if signs_in else ()
        service = Service(name, api.origins, self.place.reading.clearance(name), references=references)
        return Client(service, api.schemes, self.place.reading.secrets, references)

    def _loaded(self) -> Api:
        from copilot.plugins.openapi.document import MOST_JSON, Document, parsed
        from copilot.plugins.openapi.reader import compiled, load

        text, url = self.runtime.spec.get("api_description", ""), self.runtime.spec.get("url", "").strip()
        if text.strip():
            named = f"{self.place.path.name} ({self.runtime.place}.spec.api_description)"
            document = Document(named, self.place.files.read)
            document.put(parsed(text.encode("utf-8"), named))
            return compiled(document)
        if not url:
            raise PluginError("its spec has neither url nor api_description.")
        relative, base = self._found(url)
        content = self.place.files.read(relative, MOST_JSON)
        if b"${{" not in content:
            return load(self.place.files, relative, self.place.reading, base=base)
        return self._filled(relative, content.decode("utf-8", "replace"), base)

    def _filled(self, relative: str, content: str, base: str) -> Api:
        """Return a document that holds variables of the packing tool, compiled with those that are set."""
        from copilot.plugins.openapi.document import Document, parsed
        from copilot.plugins.openapi.reader import compiled

        text, unset = variables(content, self.place.reading.env)
        document = Document(relative, self.place.files.read)
        document.put(parsed(text.encode("utf-8"), relative))
        try:
            return compiled(document, base=base)
        except PluginError as error:
            hint = f"The packing tool fills in {', '.join(unset)}: set it in the environment." if unset else error.hint
            raise PluginError(error.message, hint=hint) from None

    def _found(self, url: str) -> tuple[str, str]:
        """Return where the document lies in the plugin, and its address on the web ("" for none)."""
        url, unset = variables(url, self.place.reading.env)
        if unset:
            raise PluginError(
                f"its url {safe_text(url)[:200]!r} is not filled in.",
                hint=f"The packing tool does that: set {', '.join(unset)} in the environment.",
            )
        parts = urlsplit(url.replace("\\", "/"))
        relative = unquote(parts.path)
        local = not parts.scheme and not parts.netloc
        name = relative.rpartition("/")[2]
        beside = next((f"{f}{name}" for f in _FOLDERS if name and self.place.files.exists(f"{f}{name}")), "")
        if local and (not beside or ".." in relative or self.place.files.exists(relative.removeprefix("./"))):
            return relative.removeprefix("./"), ""
        if beside:
            why = "is not there" if local else "is not fetched"
            self.say(f"{safe_text(url)[:200]} {why}; {beside} beside the manifest is read.", "repaired")
            return beside, "" if local else url.rpartition("/")[0]
        raise PluginError(
            f"the API's description lies at {safe_text(url)[:200]}, and nothing is fetched while a plugin is loaded.",
            hint=f"Put it beside the manifest as {safe_text(name) or 'openapi.json'}, and name it there.",
        )


class RemoteMcp(Serving):
    """Tools of a remote MCP server; it makes them itself once it was trusted and asked."""

    @cached_property
    def names(self) -> tuple[str, ...] | None:
        """The tools that the manifest describes; None where it leaves that to the server."""
        described = self.runtime.spec.get("mcp_tool_description")
        if described is None:
            return None
        try:
            return tuple(self._described(described))
        except PluginError as error:
            self.say(f"{error} The server is asked for its tools.", "repaired")
            return None

    def tool(self, function: Function, name: str, semantics: Semantics | None) -> Tool | None:
        """Return None: the tool comes from the server. One that the manifest does not describe is told."""
        if self.names is not None and function.name not in self.names:
            self.say(f"mcp_tool_description has no tool {safe_text(function.name)!r}.", "noted", function.place)
        return None

    def server(self, functions: Mapping[str, tuple[Function, Semantics | None]], name: str) -> Server | None:
        """Return the server, which offers these functions (all of its tools if there are none)."""
        from copilot.plugins.mcp.config import read_entry

        url, unset = variables(self.runtime.spec.get("url", ""), self.place.reading.env)
        if unset or not _HOST.fullmatch(urlsplit(url).netloc if "://" in url else ""):
            hint = f" The packing tool fills in {', '.join(unset)}: set it in the environment." if unset else ""
            self.say(f"{safe_text(url)[:200]!r} is no address of a server.{hint}", "refused")
            return None
        entry: dict[str, Any] = {"type": "http", "url": url}
        if self.runtime.reference:
            entry["auth"] = self.runtime.reference
        try:
            made, notes = read_entry(
                name,
                entry,
                str(self.place.path),
                ask=True,
                plugin=self.place.slug,
                max_confidentiality=self.place.reading.clearance(name),
            )
        except PluginError as error:
            self.say(str(error), "refused")
            return None
        for severity, reason in notes:
            self.say(reason, severity)
        tell = partial(_told_as, self.place.tell, "noted")
        adapt = {name: partial(_adapted, f, shown, tell) for name, (f, shown) in functions.items()}
        asks = frozenset(name for name, (f, _) in functions.items() if confirmation.is_consequential(f))
        return replace(made, only=tuple(functions) or None, adapt=adapt, asks=asks)

    def _described(self, described: Mapping[str, Any]) -> Iterable[str]:
        value: Any = described
        if isinstance(described.get("file"), str):
            value = self.place.files.json(described["file"].removeprefix("./"))
        tools = value.get("tools") if isinstance(value, dict) else value
        if not isinstance(tools, list):
            raise PluginError("mcp_tool_description holds no list of tools.")
        for number, tool in enumerate(tools[:2_000]):
            name = tool.get("name") if isinstance(tool, dict) else None
            if isinstance(name, str) and name and isinstance(tool.get("inputSchema", {}), dict):
                yield name
            else:
                self.say(f"mcp_tool_description.tools[{number}] is no tool; it is ignored.", "unsupported")


class Local(Serving):
    """Commands of an Office add-in, whose JavaScript does not run here: our own tools of the same name do it."""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Nothing: what an add-in has, only it knows."""
        return ()

    def serves(self, name: str) -> bool:
        """Return whether the manifest lets it serve a function; without a list it serves all."""
        return self.runtime.serves is None or super().serves(name)

    def tool(self, function: Function, name: str, semantics: Semantics | None) -> Tool | None:
        """Return our own tool that is named like the function and works on the hosts' documents."""
        found = [each for each in _own_tools() if _letters(each.name.partition(".")[2]) == _letters(function.name)]
        fitting = [tool for tool in found if self._opens(tool)]
        if len(fitting) != 1:
            why = "it is a command of an Office add-in, which does not run here, and no tool of ours has its name."
            self.say(why, "unsupported", function.place)
            return None
        self.say(f"{fitting[0].name} does it in place of the Office add-in.", "repaired", function.place)
        return replace(renamed(fitting[0], self.place.slug), name=f"{self.place.slug}.{name}")

    def _opens(self, tool: Tool) -> bool:
        hosts = self.runtime.spec.get("allowed_host")
        wanted = {s for host in hosts or _OPENS if isinstance(host, str) for s in _OPENS.get(host, ())}
        return not wanted.isdisjoint(_suffixes(tool))


_KINDS: dict[str, type[Serving]] = {"OpenApi": OpenApi, "RemoteMCPServer": RemoteMcp, "LocalPlugin": Local}


def serving(runtime: Runtime, place: Place) -> Serving:
    """Return a runtime at work."""
    return _KINDS[runtime.kind](runtime, place)


def chosen(function: Function, servings: Sequence[Serving]) -> list[Serving]:
    """Return the runtimes that serve a function, the one that names it first."""
    return sorted((each for each in servings if each.serves(function.name)), key=lambda s: not s.claims(function.name))


def names_of(functions: Iterable[Function]) -> dict[str, str]:
    """Return the second parts of tools' names by the functions' names, each once."""
    made: dict[str, str] = {}
    for function in functions:
        made[function.name] = tool_name(function.name, made.values())
    return made


def _presented(semantics: Semantics | None, operation: Operation, answer: Any, data: Any) -> Any:
    from copilot.plugins.openapi.tools import present

    result = present(operation, answer, data)
    return carded(result, semantics) if semantics is not None and answer.status < 300 else result


def _adapted(function: Function, semantics: Semantics | None, tell: Callable[[str, str], None], tool: Tool) -> Tool:
    return adapted(tool, function, semantics, tell)


def _told_as(tell: Tell, severity: Severity, place: str, reason: str) -> None:
    tell(place, reason, severity)


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _own_tools() -> list[Tool]:
    """Return the tools of the skills that everybody has."""
    from copilot.plugins.loader import load

    return list(load().tools().values())


def _suffixes(tool: Tool) -> set[str]:
    """Return the kinds of documents that a tool takes."""
    from copilot.plugins.arguments import PythonArguments

    if not isinstance(tool.arguments, PythonArguments):
        return set()
    slots = (m for f in tool.arguments.model.model_fields.values() for m in f.metadata if isinstance(m, Slot))
    return {suffix for slot in slots if slot.kind == "document" for suffix in slot.suffixes}
