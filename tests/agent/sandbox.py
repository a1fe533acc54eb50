"""A folder with fake mail and web sinks: tools as a connector would bring them, and lists of what really went out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from copilot import Change, Copilot, Hunk, Outgoing, Result, Role, Slot, ToolContext, tool
from copilot.documents.hunks import Edited
from copilot.errors import DocumentError, EverpilotError
from copilot.settings import Settings, TrustSettings

ALLOWED = "https://intranet-docs.contoso.com"


@dataclass
class World:
    """What lies outside: pages and mails that others wrote, and what reached it."""

    pages: dict[str, str] = field(default_factory=dict)
    mails: dict[int, str] = field(default_factory=dict)
    mailed: list[dict[str, Any]] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    altered: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)


WORLD = World()


@tool
def read(ctx: ToolContext, path: Annotated[str, Slot("document")]) -> Result:
    """Read a text file."""
    file = ctx.open(path)
    return Result(file.content.decode(), sources=(file.name,))


@tool(name="list")
def list_files(ctx: ToolContext) -> str:
    """List the files."""
    return "\n".join(ctx.show(p) for p in ctx.files())


@tool
def mail(ctx: ToolContext, number: int) -> str:
    """Read a mail of the inbox."""
    return WORLD.mails[number]


@tool(effect="fetch")
def get(ctx: ToolContext, url: Annotated[str, Role("url")]) -> str:
    """Fetch a page."""
    WORLD.fetched.append(url)
    return WORLD.pages.get(url, "(nothing there)")


@tool(effect="send", cues=["send", "mail", "email", "forward", "reply", "tell"])
def send(
    ctx: ToolContext,
    to: Annotated[list[str], Role("recipient")],
    body: Annotated[str, Role("body")],
    subject: Annotated[str, Role("body")] = "",
    attachments: Annotated[tuple[str, ...], Role("path")] = (),
) -> Outgoing:
    """Send a mail."""
    files = tuple(ctx.attach(path) for path in attachments)

    def deliver(key: str) -> str:
        WORLD.mailed.append({"to": to, "body": body, "attachments": [f.name for f in files]})
        WORLD.keys.append(key)
        return f"Message {len(WORLD.mailed)}."

    return ctx.send("mail", to, body, deliver, subject=subject, attachments=files)


@tool(effect="send")
def post(ctx: ToolContext, channel: Annotated[str, Role("recipient")], body: Annotated[str, Role("body")]) -> Outgoing:
    """Post into a channel."""
    return ctx.send("post", [channel], body, lambda key: WORLD.mailed.append({"to": channel, "body": body}) or "")


@tool(effect="send")
def upload(ctx: ToolContext, url: Annotated[str, Role("url")], path: Annotated[str, Role("path")]) -> Outgoing:
    """Upload a file."""
    file = ctx.attach(path)
    return ctx.send("upload", [], "", lambda key: WORLD.fetched.append(url) or "", hosts=(url,), attachments=(file,))


@tool(effect="send")
def share(ctx: ToolContext, path: Annotated[str, Role("path")], person: Annotated[str, Role("recipient")]) -> Outgoing:
    """Share a file with somebody."""
    file = ctx.attach(path)
    return ctx.send("share", [person], "", lambda key: WORLD.mailed.append({"to": person}) or "", attachments=(file,))


@tool(effect="send")
def remove_mail(ctx: ToolContext, number: Annotated[int, Role("target")]) -> Outgoing:
    """Delete a mail of the inbox."""
    return ctx.send("delete", [], f"Mail {number}", lambda key: WORLD.altered.append(f"mail {number}") or "")


@tool(effect="write")
def create(ctx: ToolContext, path: Annotated[str, Slot("new_document")], text: Annotated[str, Slot("text")]) -> Change:
    """Write a file."""
    return ctx.create(path, text.encode(), f"Wrote {path}")


@tool(effect="write")
def swap(
    ctx: ToolContext,
    path: Annotated[str, Slot("document")],
    old: Annotated[str, Slot("found_text")],
    new: Annotated[str, Slot("text")],
) -> Change:
    """Replace words in a file."""
    file = ctx.open(path)
    text = file.content.decode()
    if old not in text:
        raise DocumentError(f"{old!r} does not occur in {path}.")
    after = text.replace(old, new)
    return ctx.edit(file, Edited(after.encode(), (Hunk("text", text, after),)), f"Replaced {old}")


@tool(effect="write")
def put(
    ctx: ToolContext,
    path: Annotated[str, Slot("document")],
    cell: Annotated[str, Slot("cell")],
    value: Annotated[str | int | float, Slot("value")],
) -> Change:
    """Put a value into a cell of a table of lines `A1=...`."""
    file = ctx.open(path)
    lines = [line for line in file.content.decode().splitlines() if not line.startswith(f"{cell}=")]
    after = "\n".join([*lines, f"{cell}={value}"])
    hunk = Hunk(cell, "", str(value), "cell")
    return ctx.edit(file, Edited(after.encode(), (hunk,)), f"Put {value} into {cell}")


@tool(effect="delete")
def delete(ctx: ToolContext, path: Annotated[str, Slot("document")]) -> Change:
    """Delete a file."""
    file = ctx.open(path)
    return Change(file.path, file.sha256, None, (Hunk(file.name, "(the file)", "", "file"),), f"Delete {file.name}")


class NotSent(EverpilotError):
    """The server said no."""


TOOLS = (read, list_files, mail, get, send, post, upload, share, remove_mail, create, swap, put, delete)


def fill(folder: Path) -> None:
    """Make the documents of the sandbox, and an empty world around it."""
    WORLD.__init__()  # type: ignore[misc]
    folder.mkdir(exist_ok=True)
    (folder / "notes.txt").write_text("The meeting is on 2026-05-13. Acme owes 30 days.")
    (folder / "budget.txt").write_text("A1=Total\nB2=7")
    (folder / "salaries.txt").write_text("SECRET-4711: Bob earns 90000.")
    (folder.parent / "outside").mkdir(exist_ok=True)
    (folder / "way-out").symlink_to(folder.parent / "outside")


def assistant(folder: Path, model: Any, mode: str = "auto", **trust: Any) -> Copilot:
    """Return an assistant with these tools over `folder`, and this model."""
    settings = Settings(trust=TrustSettings(**{"hosts": ["intranet-docs.contoso.com"], **trust}))
    return Copilot(folder, model=model, tools=TOOLS, mode=mode, settings=settings)
