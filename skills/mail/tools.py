"""The tools of the skill `mail`: those that read are here, those that write and send in writing.py and sorting.py."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from copilot.documents.reading import read as read_document
from copilot.errors import ToolInputError
from copilot.plugins.connections.mail import Query
from copilot.plugins.context import ToolContext
from copilot.plugins.tools import Result, tool
from copilot.slots import Role, Slot
from copilot.trust.labels import UNKNOWN
from copilot.workspace.change import Change

from .body import body_of
from .files import fetched, part_named, safe_name
from .parameters import Account, Day, Mailbox, MessageId, folder_of, from_whom, mail_of, moment_of
from .show import attachments, data_of, heading, line, listed, noted, part_of, quoted, size, source, when
from .sorting import delete, mark, move
from .triage import grouped
from .writing import draft, forward, reply, send, send_draft

__all__ = ["delete", "draft", "forward", "mark", "move", "reply", "send", "send_draft"]

Limit = Annotated[int, Slot("number"), Field(ge=1, le=100, description="How many, about.")]
PartNumber = Annotated[int, Field(ge=1, description="Which part of a long text.")]
FolderName = Annotated[str, Role("target"), Field(description='A folder: its name, "Projects/Budget", or "sent".')]


@tool(
    examples=[
        "find mail about the budget",
        "show unread mails",
        "what did Tomas write about the offer?",
        "search my inbox for invoices",
        "list flagged messages",
        "show mails from priya.raman@fabrikam.example since yesterday",
        "mails from Tomas",
        "do I have new mail?",
    ],
    cues=["mail", "mails", "email", "emails", "inbox", "unread", "messages from", "wrote"],
)
def search(
    context: ToolContext,
    query: Annotated[
        str,
        Slot("query", cues=("about", "for", "mentioning", "regarding", "containing")),
        Field(description='Words in subject, text or names; an exact phrase in double quotes: "net 30".'),
    ] = "",
    sender: Annotated[
        str, Slot("query", cues=("from", "sent by")), Field(description="A name or address, or part of it.")
    ] = "",
    to: Annotated[str, Field(description="A name or address, or part of it.")] = "",
    subject: Annotated[str, Field(description="Words of the subject.")] = "",
    unread: bool | None = None,
    flagged: bool | None = None,
    has_attachment: bool | None = None,
    since: Day = "",
    until: Annotated[str, Field(description="As `since`; this moment is not included.")] = "",
    folder: FolderName = "",
    category: str = "",
    limit: Limit = 20,
    page: Annotated[str, Field(description="What an earlier answer named to go on with.")] = "",
    mailbox: Mailbox = "",
    account: Account = "",
) -> Result:
    """Find mails, the newest first, with sender, date, the beginning of the text and an id. Everything given must fit.

    Without anything given it lists the newest mails of all folders.
    """
    mail = mail_of(context, account)
    sender, since = from_whom(sender, since)
    wanted = Query(
        *(query, sender, to, subject),
        attachment=has_attachment,
        unread=unread,
        flagged=flagged,
        since=moment_of(since, context.moment),
        until=moment_of(until, context.moment),
        folder=folder_of(mail.folders(mailbox), folder).id if folder else "",
        category=category,
    )
    found = mail.search(wanted, limit, page, mailbox)
    sources = noted(context, found.items, mail.me)
    if not found.items:
        context.labels.append(UNKNOWN)
        return Result("No mail fits.", {"mails": [], "page": found.page})
    more = f"\n\nThere are more; go on with page=`{found.page}`." if found.page else ""
    text = "\n\n".join(listed(head) for head in found.items)
    data = {"mails": [data_of(head) for head in found.items], "page": found.page}
    return Result(f"{len(found.items)} mails:\n\n{text}{more}", data, sources)


@tool(
    examples=["read that mail", "open the mail", "what does the message say?"],
    cues=["read the mail", "open the mail", "show the message", "what does it say"],
)
def read(
    context: ToolContext,
    message: MessageId,
    history: Annotated[bool, Field(description="Show the quoted history, too.")] = False,
    part: PartNumber = 1,
    mailbox: Mailbox = "",
    account: Account = "",
) -> Result:
    """Show one mail: its headers, its text and its attachments. It stays unread if it was.

    Hidden text is marked, remote images are not fetched, links are shown with their full target. The quoted history of
    a conversation is folded unless asked for.
    """
    mail = mail_of(context, account)
    found = mail.read(message, mailbox)
    sources = noted(context, [found.head], mail.me)
    body = body_of(found)
    text = f"{body.text}\n\n{body.history}".strip() if history else body.text
    shown, count = part_of(text, part)
    lines = len(body.history.splitlines())
    pieces = [
        heading(found),
        quoted(shown) or "> (no text)",
        f"[quoted history: {lines} lines, folded; history=true shows it]" if lines and not history else "",
        f"Part {part} of {count}." if count > 1 else "",
        attachments(found.parts),
        "\n".join(f"Note: {line(each, 300)}" for each in body.notes),
    ]
    data = {
        **data_of(found.head),
        "text": body.text,
        "history": body.history,
        "notes": list(body.notes),
        "files": [{"name": p.name, "type": p.media, "size": p.size} for p in found.parts],
    }
    return Result("\n\n".join(each for each in pieces if each), data, sources)


@tool(
    examples=["show the whole conversation", "show the thread of that mail"],
    cues=["thread", "conversation", "whole exchange"],
)
def thread(
    context: ToolContext, message: MessageId, limit: Limit = 50, mailbox: Mailbox = "", account: Account = ""
) -> Result:
    """List the mails of a conversation, in all folders, the oldest first."""
    mail = mail_of(context, account)
    found = mail.thread(message, limit, mailbox)
    sources = noted(context, found, mail.me)
    text = "\n\n".join(listed(head) for head in found)
    return Result(f"{len(found)} mails in this conversation:\n\n{text}", [data_of(head) for head in found], sources)


@tool(
    examples=["triage my inbox", "what needs my answer?", "what am I waiting for?", "which mails are important?"],
    cues=["triage", "needs an answer", "waiting for", "important mails", "inbox zero", "sort my inbox"],
)
def triage(
    context: ToolContext,
    days: Annotated[int, Slot("number"), Field(ge=1, le=90, description="How many days back.")] = 14,
    limit: Limit = 60,
    mailbox: Mailbox = "",
    account: Account = "",
) -> Result:
    """Group the mail of the last days by fixed rules: what needs an answer, what one waits for, bulk mail, the rest.

    A sender with a known name at an unknown place is a group of its own. Nothing is moved or marked.
    """
    mail = mail_of(context, account)
    today = moment_of("today", context.moment)
    assert today is not None
    folders = mail.folders(mailbox)
    since = today - timedelta(days=days)
    inbox, sent = (
        mail.search(Query(since=since, folder=folder_of(folders, name).id), limit, "", mailbox).items
        for name in ("inbox", "sent")
    )
    sources = noted(context, (*inbox, *sent), mail.me)
    groups = grouped(inbox, sent, mail.me)
    text = "\n\n".join(
        f"**{name}** ({len(heads)})\n\n" + "\n\n".join(listed(head) for head in heads) for name, heads in groups.items()
    )
    data = {name: [data_of(head) for head in heads] for name, heads in groups.items()}
    return Result(text or f"There is no mail of the last {days} days.", data, sources)


# --- attachments ------------------------------------------------------------------------------------------------------

AttachmentName = Annotated[
    str, Role("target"), Field(description="The attachment's name; may be left out for the only one.")
]


@tool(
    examples=["read the attachment of that mail", "what does the attached contract say?"],
    cues=["attachment", "attached", "enclosed file"],
)
def attachment(
    context: ToolContext,
    message: MessageId,
    name: AttachmentName = "",
    part: PartNumber = 1,
    mailbox: Mailbox = "",
    account: Account = "",
) -> Result:
    """Show the text of an attachment: a document of any kind, or a forwarded mail. Programs are refused."""
    mail = mail_of(context, account)
    found = mail.read(message, mailbox)
    noted(context, [found.head], mail.me)
    chosen = part_named(found, name)
    content = fetched(mail, message, chosen, mailbox)
    where = f"{source(found.head)}, attachment {line(chosen.name, 80)}"
    context.received(content, where)
    reading = read_document(content, chosen.name)
    shown, count = part_of(reading.markdown, part)
    told = [f"Attention: it has {line(each)}." for each in reading.flags]
    told += [f"Not shown: {line(each, 300)}" for each in reading.omitted]
    told += [f"Part {part} of {count}."] if count > 1 else []
    head = f"{line(chosen.name, 120)} ({size(len(content))}):"
    text = "\n\n".join([head, quoted(shown) or "> (no text)", "\n".join(told)]).strip()
    data = {"name": chosen.name, "bytes": len(content), "markdown": reading.markdown, "flags": list(reading.flags)}
    return Result(text, data, (where,))


@tool(
    effect="write",
    examples=["save the attachment in the folder", "save the attached budget as budget.xlsx"],
    cues=["save the attachment", "download the attachment", "keep the attached file"],
)
def save_attachment(
    context: ToolContext,
    message: MessageId,
    name: AttachmentName = "",
    path: Annotated[
        str,
        Slot("new_document", cues=("as", "to", "into", "named")),
        Field(description="The new file; the attachment's name in the folder, if left out."),
    ] = "",
    mailbox: Mailbox = "",
    account: Account = "",
) -> Change:
    """Save an attachment as a file of the folder. Programs are refused."""
    mail = mail_of(context, account)
    found = mail.read(message, mailbox)
    noted(context, [found.head], mail.me)
    chosen = part_named(found, name)
    content = fetched(mail, message, chosen, mailbox)
    context.received(content, f"{source(found.head)}, attachment {line(chosen.name, 80)}")
    target = path or safe_name(chosen.name)
    if not content:
        raise ToolInputError(f"{line(chosen.name, 120)} is empty.", code="empty")
    return context.create(target, content, f"Save {line(chosen.name, 80)} from {source(found.head)}")


# --- the mailbox ------------------------------------------------------------------------------------------------------


@tool(examples=["list my mail folders", "how many unread mails do I have?"], cues=["mail folders", "how many unread"])
def folders(context: ToolContext, mailbox: Mailbox = "", account: Account = "") -> Result:
    """List the folders of a mailbox, with how many mails are in them and unread."""
    found = mail_of(context, account).folders(mailbox)
    context.labels.append(UNKNOWN)
    lines = [f"> - {line(f.path, 120)}: {f.total} mails, {f.unread} unread" for f in found]
    data = [{"path": f.path, "for": f.role, "total": f.total, "unread": f.unread} for f in found]
    return Result("\n".join(lines) or "There are no folders.", data)


@tool(examples=["show my mail rules", "which inbox rules do I have?"], cues=["mail rules", "inbox rules"])
def rules(context: ToolContext, mailbox: Mailbox = "", account: Account = "") -> Result:
    """List the rules of the inbox: when each applies and what it does. A rule that forwards deserves attention."""
    found = mail_of(context, account).rules(mailbox)
    context.labels.append(UNKNOWN)
    lines = [
        f"> - **{line(r.name, 120)}**{'' if r.enabled else ' (off)'}: {line('; '.join(r.when) or 'always', 300)} "
        f"→ {line('; '.join(r.then), 300)}"
        for r in found
    ]
    data = [{"name": r.name, "on": r.enabled, "when": list(r.when), "then": list(r.then)} for r in found]
    return Result("\n".join(lines) or "There are no rules.", data)


@tool(
    examples=["is my out of office on?", "show my automatic reply"],
    cues=["out of office", "automatic reply", "vacation reply"],
)
def absence(context: ToolContext, mailbox: Mailbox = "", account: Account = "") -> Result:
    """Show the automatic reply of a mailbox: whether it is on, for how long, and what it says."""
    found = mail_of(context, account).absence(mailbox)
    context.labels.append(UNKNOWN)
    if not found.on:
        return Result("The automatic reply is off.", {"on": False})
    period = f" from {when(found.start)} to {when(found.end)}" if found.start else ""
    texts = [
        f"{name}:\n{quoted(_plain(text))}" for name, text in (("Inside", found.inside), ("Outside", found.outside))
    ]
    data = {"on": True, "inside": _plain(found.inside), "outside": _plain(found.outside)}
    return Result(f"The automatic reply is on{period}.\n\n" + "\n\n".join(texts), data)


def _plain(html: str) -> str:
    from copilot.documents.htmltext import read_html

    return read_html(html).visible if "<" in html else html
