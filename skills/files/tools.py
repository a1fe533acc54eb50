"""The tools of the skill `files`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field

from copilot.documents.hunks import Hunk
from copilot.errors import ToolInputError
from copilot.plugins.connections.files import ChecksOut, FileVersion, Found, KeepsVersions, Permission, Shares
from copilot.plugins.context import ToolContext
from copilot.plugins.tools import Result, tool
from copilot.slots import ALL_SUFFIXES, AnyPath, Role, Slot
from copilot.trust.labels import Label
from copilot.trust.outgoing import Outgoing
from copilot.workspace.change import Change
from copilot.workspace.mounts import Node
from copilot.workspace.reading import MAX_BYTES

Account = Annotated[str, Role("target"), Field(description="The account's name in the settings, if there are several.")]
File = Annotated[AnyPath, Field(description="The file, in a place that is opened.")]
SharedFile = Annotated[str, Role("path"), Slot("document", ALL_SUFFIXES), Field(description="The file.")]
Kind = Annotated[Literal["view", "edit"], Role("option"), Slot("choice"), Field(description="What they may do.")]
Scope = Annotated[
    Literal["organization", "users", "anonymous"],
    Role("recipient"),
    Field(description="Who can use the link: the organisation, people who have access already, or anyone."),
]


def _cell(text: object) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ")


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(map(_cell, row))} |" for row in rows)])


# --- places -----------------------------------------------------------------------------------------------------------


@tool(
    examples=["which SharePoint sites are there?", "which places can I open?", "list the libraries of Finance"],
    cues=["sites", "libraries", "sharepoint", "onedrive", "places"],
)
def places(
    context: ToolContext,
    query: Annotated[str, Slot("query"), Field(description="Words in the name of a site; all if left out.")] = "",
    account: Account = "",
) -> Result:
    """List the places that can be opened: one's own files, and the libraries of sites."""
    found = context.connection("files", account).places(query)
    context.labels.append(Label(sources=("the list of sites",)))
    if not found:
        return Result("No place was found.", [])
    rows = [(each.name, each.title, each.description) for each in found]
    data = [{"place": each.name, "title": each.title, "description": each.description} for each in found]
    return Result(_table(("place", "title", "description"), rows), data)


@tool(
    examples=["what is in microsoft365:Finance/Documents?", "browse microsoft365:/me"],
    cues=["browse", "what is in the library", "folder in sharepoint"],
)
def browse(
    context: ToolContext,
    place: Annotated[str, Role("target"), Field(min_length=1, description="As files.places names it, and a folder.")],
    account: Account = "",
) -> Result:
    """List what is in a folder of a place, which need not be opened."""
    found = context.connection("files", account).browse(place)
    context.labels.append(Label(sources=(place,)))
    return _listed(found, f"There is nothing in {place}.")


@tool(
    examples=["find the latest budget in microsoft365:Finance/Documents", "search OneDrive for licences"],
    cues=["search sharepoint", "search onedrive", "find in the site"],
)
def find(
    context: ToolContext,
    query: Annotated[
        str, Slot("query"), Role("body"), Field(min_length=1, description="Words of the name or content.")
    ],
    place: Annotated[str, Role("target"), Field(description="Where; one's own OneDrive if left out.")] = "",
    limit: Annotated[int, Role("option"), Field(ge=1, le=100, description="Files at most.")] = 25,
    account: Account = "",
) -> Result:
    """Find files at a place by name and content, the newest first; none is fetched."""
    found = context.connection("files", account).search(query, place, limit)
    context.labels.append(Label(sources=(place or "OneDrive",)))
    newest = sorted(found, key=lambda each: str(each.modified), reverse=True)
    return _listed(newest, f"Nothing was found for {query!r}.")


def _listed(found: Sequence[Found], nothing: str) -> Result:
    if not found:
        return Result(nothing, [])
    rows = [(each.place, "folder" if each.folder else f"{each.size:,} bytes", each.modified, each.by) for each in found]
    data = [
        {"place": e.place, "folder": e.folder, "size": e.size, "modified": e.modified, "by": e.by, "url": e.url}
        for e in found
    ]
    return Result(_table(("place", "size", "changed", "by"), rows), data)


# --- versions ---------------------------------------------------------------------------------------------------------


@tool(
    examples=["show the versions of budget.xlsx", "who changed budget.xlsx?", "version history of budget.xlsx"],
    cues=["versions", "version history", "who changed"],
)
def versions(context: ToolContext, path: File) -> Result:
    """List the versions of a file that its place keeps, the present one first: when, by whom, how large."""
    mount, node = context.placed(path)
    found = _versions(mount, node)
    rows = [(v.id, v.modified, v.by, f"{v.size:,}", "present" if v.present else "") for v in found]
    data = [{"id": v.id, "modified": v.modified, "by": v.by, "size": v.size, "present": v.present} for v in found]
    return Result(_table(("version", "when", "by", "bytes", ""), rows), data, (node.name,))


@tool(
    effect="write",
    examples=["bring back version 1.0 of budget.xlsx from SharePoint", "restore version 2.0 of budget.xlsx there"],
    cues=["bring back version", "restore version"],
)
def restore(
    context: ToolContext,
    path: File,
    version: Annotated[
        str, Slot("value", cues=("version",)), Field(min_length=1, description="As files.versions says.")
    ],
) -> Change:
    """Bring a version that the place keeps back, as a new version; that can be undone as any change."""
    mount, node = context.placed(path)
    listed = {each.id: each for each in _versions(mount, node)}
    chosen = listed.get(version)
    if chosen is None:
        raise ToolInputError.unknown("version", version, listed)
    file = context.open(path)
    content = mount.version_content(node, version, MAX_BYTES)  # type: ignore[attr-defined]  # _versions made sure
    told = f"version {version} ({chosen.modified}, {chosen.by})"
    hunk = Hunk(file.name, "the present version", told, "file")
    return Change(file.path, file.sha256, content, (hunk,), f"Bring {told} back", label=context.label)


def _versions(mount: Any, node: Node) -> list[FileVersion]:
    if not isinstance(mount, KeepsVersions):
        raise _unable(node, "keeps no versions")
    return mount.versions(node)


def _unable(node: Node, what: str) -> ToolInputError:
    return ToolInputError(f"The place of {node.name} {what}.", code="not_offered")


# --- check-out --------------------------------------------------------------------------------------------------------


@tool(effect="send", examples=["check out budget.xlsx"], cues=["check out"])
def check_out(context: ToolContext, path: SharedFile) -> Outgoing:
    """Check a file out: until it is checked in, nobody else can change it, or sees what is changed."""
    mount, node = _checks_out(context, path)

    def deliver(key: str) -> str:
        mount.check_out(node)
        return f"{node.name} is checked out."

    return context.send("change", (), f"Check out {node.name}", deliver)


@tool(effect="send", examples=["check in budget.xlsx"], cues=["check in"])
def check_in(
    context: ToolContext,
    path: SharedFile,
    comment: Annotated[str, Role("body"), Field(description="What was changed, for others.")] = "",
) -> Outgoing:
    """Check a file in: others see what was changed since it was checked out."""
    mount, node = _checks_out(context, path)

    def deliver(key: str) -> str:
        mount.check_in(node, comment)
        return f"{node.name} is checked in."

    return context.send("change", (), f"Check in {node.name}: {comment or '(no comment)'}", deliver)


@tool(effect="send", examples=["discard the check-out of budget.xlsx"], cues=["discard check-out", "undo check-out"])
def discard_check_out(context: ToolContext, path: SharedFile) -> Outgoing:
    """Give a check-out up: what was changed since is dropped at the place."""
    mount, node = _checks_out(context, path)

    def deliver(key: str) -> str:
        mount.discard(node)
        return f"The check-out of {node.name} is given up."

    return context.send("change", (), f"Drop what was changed in {node.name} since it was checked out", deliver)


def _checks_out(context: ToolContext, path: str) -> tuple[ChecksOut, Node]:
    mount, node = context.placed(path)
    if not isinstance(mount, ChecksOut):
        raise _unable(node, "knows no check-out")
    return mount, node


# --- sharing ----------------------------------------------------------------------------------------------------------


@tool(
    examples=["who may read budget.xlsx?", "who has access to budget.xlsx?", "show the permissions of budget.xlsx"],
    cues=["permissions", "who can see", "who may read", "access"],
)
def permissions(context: ToolContext, path: File) -> Result:
    """List who may read and change a file at its place: people, groups, links; and what comes from folders above."""
    mount, node = _shares(context, path)
    found = mount.permissions(node)
    rows = [(_who(each), ", ".join(each.roles), "inherited" if each.inherited else "", each.expires) for each in found]
    data = [
        {"who": list(e.who), "roles": list(e.roles), "link": e.link, "scope": e.scope, "inherited": e.inherited}
        for e in found
    ]
    return Result(_table(("who", "may", "", "until"), rows), data, (node.name,))


def _who(permission: Permission) -> str:
    people = ", ".join(permission.who)
    if not permission.link:
        return people or "somebody"
    whom = {"anonymous": "anyone", "organization": "the organisation"}.get(permission.scope, people or "certain people")
    return f"whoever has the {permission.link} link: {whom}"


@tool(effect="send", examples=["make a link to budget.xlsx for my organisation"], cues=["link", "share"])
def share(
    context: ToolContext,
    path: SharedFile,
    kind: Kind = "view",
    scope: Scope = "users",
    expires: Annotated[str, Role("option"), Field(description="The last day of the link: 2026-12-31.")] = "",
) -> Outgoing:
    """Make a link to a file. "users": only for those who have access already; others need more, and see the file."""
    mount, node = _shares(context, path)
    until = f"{_day(expires)}T23:59:59Z" if expires else ""
    attached = context.attach(path)
    whom = {"organization": _domain(context, path), "anonymous": "anyone with the link", "users": "people with access"}
    told = f"A link to {kind} {node.name}, for {whom[scope]}" + (f", until {expires}" if expires else "")
    return context.send(
        "share",
        () if scope == "users" else (whom[scope],),
        told,
        lambda key: f"The link: {mount.share(node, kind, scope, until)}",
        subject=f"{kind} link, {scope}",
        attachments=(attached,),
    )


@tool(effect="send", examples=["share budget.xlsx with tomas.berg@fabrikam.example"], cues=["share with", "invite"])
def invite(
    context: ToolContext,
    path: SharedFile,
    people: Annotated[list[str], Role("recipient"), Field(min_length=1, max_length=50, description="Addresses.")],
    kind: Kind = "view",
    message: Annotated[str, Role("body"), Field(description="What the mail to them says.")] = "",
) -> Outgoing:
    """Share a file with people, who get a mail with the link."""
    mount, node = _shares(context, path)
    if wrong := [each for each in people if "@" not in each]:
        raise ToolInputError(f"{', '.join(wrong)}: no address.", hint="Look it up first.", code="unknown_recipient")
    attached = context.attach(path)
    return context.send(
        "share",
        people,
        f"They may {kind} {node.name}.\n{message}".strip(),
        lambda key: f"Shared with {', '.join(mount.invite(node, people, kind, message))}.",
        subject=f"{kind} {node.name}",
        attachments=(attached,),
    )


def _shares(context: ToolContext, path: str) -> tuple[Shares, Node]:
    mount, node = context.placed(path)
    if not isinstance(mount, Shares):
        raise _unable(node, "can't share it")
    return mount, node


def _domain(context: ToolContext, path: str) -> str:
    """Return the domain of the account, whose organisation is meant."""
    account = context.placed(path)[0].account
    return f"@{account.rpartition('@')[2]}" if "@" in account else "the whole organisation"


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ToolInputError(f"{text!r} is no day.", hint="Write it as 2026-12-31.", code="unknown_value") from None
