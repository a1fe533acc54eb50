"""The tools that sort mail: nothing leaves the mailbox, and nothing is lost; each is shown and asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

from pydantic import Field

from copilot.errors import ToolInputError
from copilot.plugins.connections.mail import Headline, Mail, Marks
from copilot.plugins.context import ToolContext
from copilot.plugins.tools import tool
from copilot.slots import Role
from copilot.trust.outgoing import Kind, Outgoing

from .parameters import Account, Mailbox, MessageIds, folder_of, mail_of
from .show import line, noted, when

_Switch = Annotated[bool | None, Role("option")]
_Names = Annotated[list[str], Role("target"), Field(max_length=20)]


@tool(
    effect="send", examples=["move that mail to Projects", "archive these mails"], cues=["move", "archive", "file away"]
)
def move(
    context: ToolContext,
    messages: MessageIds,
    folder: Annotated[str, Role("target"), Field(min_length=1, description='A folder: its name, or "archive".')],
    mailbox: Mailbox = "",
    account: Account = "",
) -> Outgoing:
    """Move mails into a folder."""
    mail = mail_of(context, account)
    target = folder_of(mail.folders(mailbox), folder)
    what = f"Move to {line(target.path, 100)}"
    return _outgoing(context, mail, "move", messages, mailbox, what, lambda: mail.move(messages, target.id, mailbox))


@tool(effect="send", examples=["delete that mail", "delete these newsletters"], cues=["delete", "trash", "remove"])
def delete(context: ToolContext, messages: MessageIds, mailbox: Mailbox = "", account: Account = "") -> Outgoing:
    """Put mails into the trash. What lies there already stays there: this deletes nothing for ever."""
    mail = mail_of(context, account)
    trash = folder_of(mail.folders(mailbox), "trash")
    return _outgoing(
        context, mail, "delete", messages, mailbox, "Put into the trash", lambda: mail.move(messages, trash.id, mailbox)
    )


@tool(
    effect="send",
    examples=["mark that mail as read", "flag the mail of Tomas", "give it the category Finance"],
    cues=["mark", "flag", "unflag", "category", "as read", "as unread"],
)
def mark(
    context: ToolContext,
    messages: MessageIds,
    read: _Switch = None,
    flagged: _Switch = None,
    add_categories: _Names = [],  # noqa: B006 - never changed
    remove_categories: _Names = [],  # noqa: B006
    mailbox: Mailbox = "",
    account: Account = "",
) -> Outgoing:
    """Mark mails as read or unread, flag them, give and take categories."""
    mail = mail_of(context, account)
    marks = Marks(read, flagged, tuple(add_categories), tuple(remove_categories))
    if marks == Marks():
        raise ToolInputError("Nothing is to be changed.", hint="Give read, flagged or categories.", code="no_change")
    return _outgoing(
        context, mail, "change", messages, mailbox, _told(marks), lambda: mail.mark(messages, marks, mailbox)
    )


def _told(marks: Marks) -> str:
    words = [
        *([f"mark as {'read' if marks.read else 'unread'}"] if marks.read is not None else []),
        *(["flag" if marks.flagged else "take the flag off"] if marks.flagged is not None else []),
        *(f"add the category {line(each, 60)}" for each in marks.add),
        *(f"remove the category {line(each, 60)}" for each in marks.remove),
    ]
    text = ", ".join(words)
    return text[:1].upper() + text[1:]


def _outgoing(
    context: ToolContext,
    mail: Mail,
    kind: Kind,
    ids: Sequence[str],
    mailbox: str,
    what: str,
    work: Callable[[], None],
) -> Outgoing:
    heads = [mail.read(id, mailbox).head for id in ids]
    noted(context, heads, mail.me)
    body = f"{what}:\n" + "\n".join(_listed(head) for head in heads)

    def deliver(key: str) -> str:
        work()
        return f"{len(heads)} mail(s)."

    whose = mailbox or mail.me.address or mail.account
    return context.send(kind, [whose], body, deliver, subject=what)


def _listed(head: Headline) -> str:
    return f"- {line(head.subject, 100) or '(no subject)'}, {line(str(head.sender), 80)}, {when(head.moment)}"
