"""Resources: the documents of the folder as Markdown, and what belongs to the skills."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import mcp_types as types
from mcp.shared.exceptions import MCPError

from copilot.documents.kinds import SUFFIX_KINDS
from copilot.errors import EverpilotError
from copilot.hosts.mcp_server import answers, own, uris
from copilot.hosts.mcp_server.asking import Context, is_modern
from copilot.hosts.mcp_server.desk import Desk, above
from copilot.hosts.mcp_server.pages import page
from copilot.hosts.mcp_server.served import Served
from copilot.plugins.skill import Resource, Skill
from copilot.trust.sanitise import safe_text

#: A resource that is not there, in revisions before 2026-07-28 ("Resources", "Error Handling").
_NOT_FOUND = -32002
_MARKDOWN = "text/markdown"


class Resources:
    """Answers what clients ask about resources."""

    def __init__(self, served: Served) -> None:
        self._served = served

    async def list(self, ctx: Context, params: types.PaginatedRequestParams | None) -> types.ListResourcesResult:
        """Return a page of the skills' files and of the documents."""
        found = [*self._of_skills(), *await self._documents(ctx)]
        shown, cursor = page(found, params)
        return types.ListResourcesResult(resources=shown, next_cursor=cursor)

    async def templates(
        self, ctx: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        """Return the two forms of addresses."""
        document = types.ResourceTemplate(
            name="document",
            title="A document of the folder",
            uri_template=uris.DOCUMENT_TEMPLATE,
            description="Word, Excel, PowerPoint, PDF, mail or text, as Markdown with the places of its pieces.",
            mime_type=_MARKDOWN,
        )
        skill = types.ResourceTemplate(
            name="skill",
            title="A skill's instructions",
            uri_template=uris.SKILL_TEMPLATE,
            description="How to work with the tools of a skill.",
            mime_type=_MARKDOWN,
        )
        return types.ListResourceTemplatesResult(resource_templates=[document, skill])

    async def read(self, ctx: Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        """Return a document or a skill's file. Raises MCPError when there is none, or it may not be handed over."""
        uri = str(params.uri)
        desk = await desk_of(self._served, ctx)
        if (path := uris.path_of(uri)) is not None:
            return await anyio.to_thread.run_sync(_document, desk, uri, path, is_modern(ctx), abandon_on_cancel=True)
        if (named := uris.skill_of(uri)) is not None:
            return await anyio.to_thread.run_sync(self._skill_file, desk, uri, named, is_modern(ctx))
        raise _missing(uri, f"There is no resource {safe_text(uri)}.", modern=is_modern(ctx))

    async def _documents(self, ctx: Context) -> Sequence[types.Resource]:
        """Return the documents; none where no folder is open."""
        try:
            desk = await self._served.desk(ctx)
        except EverpilotError:
            return []
        return await anyio.to_thread.run_sync(lambda: tuple(_documents(desk)))

    def _of_skills(self) -> Iterator[types.Resource]:
        for skill in self._served.catalogue.skills:
            yield types.Resource(
                uri=uris.skill_uri(skill.name),
                name=f"{skill.name}/{uris.MAIN}",
                title=f"How to work with {skill.name}",
                description=skill.description,
                mime_type=_MARKDOWN,
            )
            for each in skill.resources:
                yield types.Resource(
                    uri=uris.skill_uri(skill.name, each.name),
                    name=f"{skill.name}/{each.name}",
                    description=each.description or None,
                    mime_type=each.media_type or None,
                )

    def _skill_file(self, desk: Desk, uri: str, named: tuple[str, str], modern: bool) -> types.ReadResourceResult:
        name, file = named
        skill = next((s for s in self._served.catalogue.skills if s.name == name), None)
        if skill is None:
            raise _missing(uri, f"There is no skill {safe_text(name)}.", modern=modern)
        if file == uris.MAIN:
            return _text(uri, whole(skill), _MARKDOWN)
        resource = next((r for r in skill.resources if r.name == file), None)
        if resource is None:
            raise _missing(uri, f"{name} has no {safe_text(file)}.", modern=modern)
        return _handed_over(desk, uri, resource)


async def desk_of(served: Served, ctx: Context) -> Desk:
    """Return the desk of a client; raises MCPError where no folder is open."""
    try:
        return await served.desk(ctx)
    except EverpilotError as error:
        raise MCPError(code=types.INVALID_PARAMS, message=str(error)) from error


def whole(skill: Skill) -> str:
    """Return a skill as a SKILL.md: what describes it, and its instructions."""
    front = f"---\nname: {skill.name}\ndescription: {' '.join(skill.description.split())}\n---\n\n"
    return front + (skill.instructions or skill.description)


def document_names(desk: Desk) -> list[str]:
    """Return the paths of the documents that can be read, as the workspace shows them."""
    return [desk.copilot.workspace.show(path) for path in _paths(desk)]


def _paths(desk: Desk) -> list[Path]:
    return desk.copilot.workspace.files(tuple(SUFFIX_KINDS))


def _documents(desk: Desk) -> Iterator[types.Resource]:
    for path in _paths(desk):
        name = desk.copilot.workspace.show(path)
        yield types.Resource(
            uri=uris.document_uri(name),
            name=name,
            title=safe_text(path.name),
            mime_type=_MARKDOWN,
            annotations=types.Annotations(last_modified=_modified(path)),
        )


def _modified(path: Path) -> str | None:
    try:
        return datetime.fromtimestamp(os.stat(path).st_mtime, UTC).isoformat(timespec="seconds")
    except OSError:
        return None


def _document(desk: Desk, uri: str, path: str, modern: bool) -> types.ReadResourceResult:
    """Read it as a tool would: by the policy, with a record in the audit log."""
    outcome = desk.do(desk.look(desk.order(own.DOCUMENT, {"path": path}, "")))
    if outcome.failed:
        raise _missing(uri, outcome.text, modern=modern)
    return _text(uri, outcome.text, _MARKDOWN, {answers.LABEL: outcome.label.to_dict()})


def _handed_over(desk: Desk, uri: str, resource: Resource) -> types.ReadResourceResult:
    if (denied := above(resource.label, desk.level)) is not None:
        raise MCPError(code=types.INVALID_PARAMS, message=denied.why, data={"uri": uri})
    try:
        content = resource.read()
    except EverpilotError as error:
        raise MCPError(code=types.INTERNAL_ERROR, message=str(error), data={"uri": uri}) from error
    desk.seen.add(resource.label)
    meta = {answers.LABEL: resource.label.to_dict()}
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return _blob(uri, content, resource.media_type, meta)
    return _text(uri, text, resource.media_type or "text/plain", meta)


def _text(uri: str, text: str, media_type: str, meta: dict[str, Any] | None = None) -> types.ReadResourceResult:
    text = text.encode("utf-8", "replace").decode("utf-8")
    return types.ReadResourceResult(
        contents=[types.TextResourceContents(uri=uri, mime_type=media_type, text=text, _meta=meta)]
    )


def _blob(uri: str, content: bytes, media_type: str, meta: dict[str, Any]) -> types.ReadResourceResult:
    import base64

    blob = base64.b64encode(content).decode("ascii")
    return types.ReadResourceResult(
        contents=[types.BlobResourceContents(uri=uri, mime_type=media_type or None, blob=blob, _meta=meta)]
    )


def _missing(uri: str, text: str, *, modern: bool) -> MCPError:
    return MCPError(code=types.INVALID_PARAMS if modern else _NOT_FOUND, message=text, data={"uri": uri})
