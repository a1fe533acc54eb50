"""OpenAPI documents as plugins: compiled once, kept by the hash of their content, made into tools from that."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

from copilot.errors import PluginError
from copilot.plugins.files import PluginFiles
from copilot.plugins.openapi.client import Client, kind_of
from copilot.plugins.openapi.document import MOST_JSON, Document, parsed
from copilot.plugins.openapi.model import Api
from copilot.plugins.openapi.operations import plain_address
from copilot.plugins.openapi.schemas import shortened
from copilot.plugins.openapi.tools import Present, present, tool_of
from copilot.plugins.plugin import Plugin, Reading
from copilot.plugins.service import Service
from copilot.plugins.skill import Problem, Severity, Skill
from copilot.plugins.tools import Tool, slug

#: Raised when what is compiled changes, so that nothing old is used.
_EDITION = 2
_FOLDER = "compiled"
#: What a folder's document may be called.
NAMES = ("openapi.json", "openapi.yaml", "openapi.yml", "swagger.json", "swagger.yaml", "swagger.yml")
_SEVERITIES: dict[str, Severity] = {"refused": "refused", "repaired": "repaired", "unsupported": "unsupported"}


def read(path: Path, reading: Reading) -> Plugin:
    """Return the plugin of an OpenAPI document, or of a folder that holds one.

    Raises PluginError when it is none, or no operation of it can be called.
    """
    root, relative = _entry(path)
    api = load(PluginFiles(root), relative, reading)
    name = slug(api.title or root.name)
    chosen = reading.settings.services.get(name)
    api = placed(api, chosen.url if chosen else "")
    service = Service(name, api.origins, reading.clearance(name), references=_asked(api, name, reading))
    client = Client(service, api.schemes, reading.secrets, (name,))
    tools, problems = tools_of(api, client, name, str(path))
    if not tools:
        raise PluginError(f"{path}: no operation of it can be called: {problems[-1].reason}")
    skill = Skill(
        name,
        _description(api),
        _instructions(api, name, reading),
        tools,
        root,
        f"plugin {name}",
        form=api.form,
        plugin=name,
        examples=tuple(example for tool in tools[:3] for example in tool.examples[:1]),
    )
    return Plugin(name, api.form, root, api.version, skill.description, (skill,), problems=tuple(problems))


def load(files: PluginFiles, relative: str, reading: Reading, *, base: str = "") -> Api:
    """Return the compiled document at a path below the plugin's root, from what was kept if nothing of it changed.

    `base` is where the document itself lies on the web, for servers that are relative to it. Raises PluginError.
    """
    content = files.read(relative, MOST_JSON)
    key = hashlib.sha256(b"\0".join([str(_EDITION).encode(), base.encode(), relative.encode(), content])).hexdigest()
    kept = reading.home / _FOLDER / f"{key}.json"
    found = _kept(kept, files)
    if found is not None:
        return found
    document = Document(relative, files.read)
    document.put(parsed(content, relative))
    api = compiled(document, base=base)
    _keep(kept, api, document, files)
    return api


def compiled(document: Document, *, base: str = "") -> Api:
    """Return a document compiled. Raises PluginError that says what it is, or why nothing of it can be called."""
    from copilot.plugins.openapi.operations import Compiler

    root = document.root.map
    form = _form(root, document)
    compiler = Compiler(document, base)
    if form.startswith("swagger"):
        from copilot.plugins.openapi.swagger import converted

        document.put(converted(document))
        compiler = Compiler(document, base)
        compiler.tell("", "Swagger 2.0 is read as OpenAPI 3.0.", "noted")
    try:
        return compiler.api(form)
    except PluginError as error:
        raise PluginError(f"{document.path}: {error.message}", hint=error.hint, code=error.code) from None


def _asked(api: Api, name: str, reading: Reading) -> tuple[str, ...]:
    """Return the reference of its credentials; a document that says nothing of them gets what is set for it."""
    return (name,) if api.schemes or name in reading.settings.auth else ()


def tools_of(
    api: Api, client: Client, skill: str, where: str, present: Present = present
) -> tuple[tuple[Tool, ...], list[Problem]]:
    """Return the tools of all operations, and what is to be told of the document: repairs, and what is left out."""
    problems = [
        Problem(f"{where} {place}".strip(), reason, _SEVERITIES.get(kind, "noted"))
        for place, reason, kind in api.problems
    ]
    tools = []
    for operation in api.operations:
        try:
            if not operation.server.startswith("http"):
                hint = f'Set its address: [plugins.services.{client.service.name}] url = "https://..."'
                raise PluginError("nobody knows where it is called: the document names no server.", hint=hint)
            tools.append(tool_of(operation, client, skill, present=present))
        except PluginError as error:
            problems.append(Problem(f"{where} {operation.label}", str(error)))
    return tuple(tools), problems


def placed(api: Api, base: str) -> Api:
    """Return the API with its relative servers below `base`, an address of the person's; "" leaves them."""
    url = plain_address(base) if base else None
    if not url or not url.startswith("http"):
        return api
    found = (replace(o, server=o.server if o.server.startswith("http") else url + o.server) for o in api.operations)
    return replace(api, operations=tuple(found))


def _entry(path: Path) -> tuple[Path, str]:
    if path.is_dir():
        name = next((name for name in NAMES if (path / name).is_file()), "")
        if not name:
            raise PluginError(f"{path} holds no {NAMES[0]} or {NAMES[1]}.")
        return path, name
    return path.parent, path.name


def _form(root: Any, document: Document) -> str:
    version = str(root.get("openapi") or root.get("swagger") or "")
    if "swagger" in root and version.startswith("2"):
        return "swagger 2.0"
    if version.startswith("3."):
        return f"openapi {'.'.join(version.split('.')[:2])}"
    if not version:
        raise PluginError(f"{document.path} is no OpenAPI document: it has no `openapi: 3...` at its top.", code="form")
    raise PluginError(
        f"{document.path} says it is of version {shortened(version, 40)!r}; 3.0, 3.1, 3.2 and Swagger 2.0 are read.",
        code="form",
    )


def _description(api: Api) -> str:
    what = f"The web API {api.title}" if api.title else "A web API"
    said = f"{what}: {api.description}" if api.description else f"{what}, {len(api.operations)} operations."
    return said[:1024]


def _instructions(api: Api, name: str, reading: Reading) -> str:
    lines = [
        "Reading tools take `select`, a JSONPath, to keep answers short. Anything else is shown before it is sent."
    ]
    kinds = sorted({kind_of(scheme) for scheme in api.schemes.values()})
    known = reading.settings.auth if reading.settings else {}
    if kinds and not any(key == name or key.startswith(f"{name}.") for key in known):
        lines.append(f"It may need a credential: the person sets [plugins.auth.{name}] (kind: {' or '.join(kinds)}).")
    return "\n".join(lines)


# --- what is kept -----------------------------------------------------------------------------------------------------


def _kept(path: Path, files: PluginFiles) -> Api | None:
    """Return what was compiled before, None if there is nothing, or another file that it refers to has changed."""
    try:
        found = json.loads(path.read_bytes())
        if any(_hash(files, name) != digest for name, digest in found["files"].items()):
            return None
        return Api.from_json(found["api"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, PluginError):
        return None


def _keep(path: Path, api: Api, document: Document, files: PluginFiles) -> None:
    """Write what was compiled, whole or not at all; where that fails, it is compiled again the next time."""
    others = {name: _hash(files, name) for name in document.files() if name != document.path}
    beside = path.with_name(f".{path.stem}-{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(json.dumps({"api": api.to_json(), "files": others}, separators=(",", ":")))
        beside.replace(path)
    except (OSError, RecursionError):
        beside.unlink(missing_ok=True)


def _hash(files: PluginFiles, name: str) -> str:
    """Return the hash of a file's content, "" where there is none that can be read: one may come."""
    try:
        return hashlib.sha256(files.read(name, MOST_JSON)).hexdigest()
    except PluginError:
        return ""
