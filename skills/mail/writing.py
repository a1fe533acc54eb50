"""The tools that write mail. None of them sends when it is called: each returns the whole of what would go out."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Annotated

from pydantic import Field

from copilot.errors import ToolInputError
from copilot.plugins.connections.mail import MOST_LETTER, Address, Answers, Enclosure, Letter, Mail, Message
from copilot.plugins.context import ToolContext
from copilot.plugins.tools import tool
from copilot.slots import Role
from copilot.trust.outgoing import Attachment, Outgoing
from copilot.trust.sanitise import safe_html, safe_markdown, safe_text
from copilot.workspace.change import sha256

from .body import body_of, visible
from .files import fetched
from .parameters import Account, Files, Mailbox, MessageId, People, Text, mail_of, whom
from .show import line, noted, quoted, size, source, when

#: Characters of history that an answer quotes.
_MOST_HISTORY = 30_000
_HTML = '<html><head><meta charset="utf-8"></head><body>{}</body></html>'
Subject = Annotated[str, Role("body"), Field(min_length=1, max_length=250)]
_AsDraft = Annotated[bool, Field(description="Only make a draft; nothing is sent.")]


@dataclass(frozen=True)
class _Writing:
    """What a letter is made for: where it is kept or sent, by whom, and whether it is only drafted."""

    context: ToolContext
    mail: Mail
    mailbox: str = ""
    draft: bool = False


@tool(
    effect="send",
    examples=["draft a mail to Tomas with the changes", "write a draft to finance@fabrikam.example"],
    cues=["draft", "prepare a mail", "write a draft"],
)
def draft(
    context: ToolContext,
    to: People,
    subject: Subject,
    body: Text,
    cc: People = [],  # noqa: B006 - never changed
    bcc: People = [],  # noqa: B006
    attachments: Files = [],  # noqa: B006
    mailbox: Mailbox = "",
    account: Account = "",
) -> Outgoing:
    """Keep a new mail in the drafts, with files of the folder. It is sent to nobody."""
    work = _Writing(context, mail_of(context, account), mailbox, draft=True)
    return _written(work, to, cc, bcc, subject, body, attachments)


@tool(
    effect="send",
    examples=["send Tomas a mail that the numbers are ready", "mail budget.xlsx to priya.raman@fabrikam.example"],
    cues=["send", "mail", "email", "e-mail", "write to"],
)
def send(
    context: ToolContext,
    to: People,
    subject: Subject,
    body: Text,
    cc: People = [],  # noqa: B006 - never changed
    bcc: People = [],  # noqa: B006
    attachments: Files = [],  # noqa: B006
    mailbox: Mailbox = "",
    account: Account = "",
) -> Outgoing:
    """Send a new mail, with files of the folder."""
    return _written(_Writing(context, mail_of(context, account), mailbox), to, cc, bcc, subject, body, attachments)


def _written(
    work: _Writing,
    to: Sequence[str],
    cc: Sequence[str],
    bcc: Sequence[str],
    subject: str,
    body: str,
    attachments: Sequence[str],
) -> Outgoing:
    people = [whom(work.context, work.mail, each) for each in (to, cc, bcc)]
    return _outgoing(work, _letter(people, subject, body, _files(work.context, attachments)))


@tool(
    effect="send",
    examples=["reply to that mail that it is fine", "answer everybody that we meet on Friday"],
    cues=["reply", "answer", "respond"],
)
def reply(
    context: ToolContext,
    message: MessageId,
    body: Text,
    everybody: Annotated[
        bool, Role("recipient"), Field(description="Answer all who got it, not only who wrote.")
    ] = False,
    attachments: Files = [],  # noqa: B006 - never changed
    draft: _AsDraft = False,
    mailbox: Mailbox = "",
    account: Account = "",
) -> Outgoing:
    """Answer a mail; its text is quoted below."""
    work = _Writing(context, mail_of(context, account), mailbox, draft)
    found = work.mail.read(message, mailbox)
    noted(context, [found.head], work.mail.me)
    to, cc = _answered(found, Address(mailbox) if mailbox else work.mail.me, everybody)
    text = f"{body.strip()}\n\n{_history(found)}"
    letter = _letter([to, cc, ()], _prefixed("Re", found.head.subject), text, _files(context, attachments))
    kind: Answers = "reply_all" if everybody else "reply"
    return _outgoing(work, replace(letter, answers=kind, answered=message))


@tool(
    effect="send",
    examples=["forward that mail to Sofia", "pass the offer on to tomas.berg@fabrikam.example"],
    cues=["forward", "pass on"],
)
def forward(
    context: ToolContext,
    message: MessageId,
    to: People,
    body: Text = "",
    cc: People = [],  # noqa: B006 - never changed
    draft: _AsDraft = False,
    mailbox: Mailbox = "",
    account: Account = "",
) -> Outgoing:
    """Pass a mail on, with its attachments."""
    work = _Writing(context, mail_of(context, account), mailbox, draft)
    found = work.mail.read(message, mailbox)
    noted(context, [found.head], work.mail.me)
    files = [_passed_on(work, found, number) for number, part in enumerate(found.parts) if not part.inline]
    people = [whom(context, work.mail, to), whom(context, work.mail, cc), ()]
    text = f"{body.strip()}\n\n{_history(found, forwarded=True)}".strip()
    letter = _letter(people, _prefixed("Fwd", found.head.subject), text, files)
    return _outgoing(work, replace(letter, answers="forward", answered=message))


@tool(effect="send", examples=["send that draft"], cues=["send the draft", "send it"])
def send_draft(context: ToolContext, message: MessageId, mailbox: Mailbox = "", account: Account = "") -> Outgoing:
    """Send a draft as it lies in the drafts."""
    mail = mail_of(context, account)
    found = mail.read(message, mailbox)
    if not found.head.draft:
        raise ToolInputError("That mail is no draft.", hint="List the drafts by folder=drafts.", code="no_draft")
    noted(context, [found.head], mail.me)
    body = body_of(found)
    if body.cut:
        hint = "Send it from a mail program."
        raise ToolInputError("The draft is too long to be shown whole.", hint=hint, code="too_large")
    files = [(p, fetched(mail, message, p, mailbox)) for p in found.parts]  # also those within the text: they go out
    shown = [Attachment(line(p.name, 120), sha256(data), len(data)) for p, data in files]

    def deliver(key: str) -> str:
        if mail.read(message, mailbox) != found:
            raise ToolInputError("The draft was changed since it was shown.", hint="Show it again.", code="conflict")
        return mail.send_draft(message, key, mailbox)

    head = found.head
    people = [each.address for each in (*head.to, *head.cc, *found.bcc)]
    text = "\n\n".join(filter(None, (*_odd_ways(found, mail, mailbox), body.text, body.history))).strip()
    about = {"subject": head.subject, "attachments": tuple(shown), "ways": _ways(head.to, head.cc, found.bcc)}
    return context.send("mail", people, text, deliver, **about)


def _odd_ways(draft: Message, mail: Mail, mailbox: str) -> list[str]:
    """Return what a draft says of where answers go to, and of who writes, where that is not whose it is."""
    own = (mailbox or mail.me.address).casefold()
    sender = [draft.head.sender] if draft.head.sender.address else []
    told = (("From", sender), ("Answers go to", draft.reply_to))
    others = {name: [each for each in whom if each.address.casefold() != own] for name, whom in told}
    return [f"{name}: {', '.join(line(str(each), 120) for each in whom)}" for name, whom in others.items() if whom]


def _ways(to: Sequence[Address], cc: Sequence[Address], bcc: Sequence[Address]) -> dict[str, str]:
    """Return how those get a mail whom it does not go to openly and first."""
    found = {each.address: name for name, whom in (("Bcc", bcc), ("Cc", cc)) for each in whom}
    return {address: name for address, name in found.items() if address not in {each.address for each in to}}


# --- letters ----------------------------------------------------------------------------------------------------------


def _letter(people: Sequence[Sequence[Address]], subject: str, body: str, files: Sequence[Enclosure]) -> Letter:
    """Return a letter whose HTML says exactly what its text says."""
    text = safe_markdown(body).strip()
    to, cc, bcc = (tuple(each) for each in people)
    if not (to or cc or bcc):
        raise ToolInputError("The mail goes to nobody.", hint="Give a recipient.", code="unknown_recipient")
    return Letter(to, line(subject, 250), text, _HTML.format(safe_html(text)), cc, bcc, tuple(files))


def _outgoing(work: _Writing, letter: Letter) -> Outgoing:
    files = tuple(Attachment(f.name, sha256(f.content), len(f.content)) for f in letter.files)
    people = [each.address for each in (*letter.to, *letter.cc, *letter.bcc)]
    mail, mailbox = work.mail, work.mailbox
    if work.draft:
        about = {"subject": f"Draft: {letter.subject}", "attachments": files}
        whose = mailbox or mail.me.address or mail.account

        def keep(key: str) -> str:
            return f"The draft has the id `{mail.draft(letter, key, mailbox)}`."

        return work.context.send("change", [whose], f"{_addressed(letter)}\n\n{letter.text}", keep, **about)
    return work.context.send(
        *("mail", people, letter.text, lambda key: mail.send(letter, key, mailbox)),
        subject=letter.subject,
        attachments=files,
        ways=_ways(letter.to, letter.cc, letter.bcc),
    )


def _addressed(letter: Letter) -> str:
    """Return whom a draft is written to, as its first lines: it goes to nobody yet."""
    people = (("To", letter.to), ("Cc", letter.cc), ("Bcc", letter.bcc))
    return "\n".join(f"{name}: {', '.join(map(str, whom))}" for name, whom in people if whom)


def _files(context: ToolContext, paths: Sequence[str]) -> list[Enclosure]:
    """Return files of the folder as they go out. Raises ToolInputError when they are too large together."""
    files = [context.open(path) for path in paths]
    _not_too_large(sum(len(each.content) for each in files))
    return [_enclosed(PurePath(each.name).name, each.content) for each in files]


def _enclosed(name: str, content: bytes, media: str = "") -> Enclosure:
    guessed = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Enclosure(safe_text(name), content, media or guessed)


def _passed_on(work: _Writing, message: Message, number: int) -> Enclosure:
    """Return an attachment of a mail that is forwarded. Raises DocumentError for one that is refused."""
    part = message.parts[number]
    _not_too_large(sum(each.size for each in message.parts[: number + 1] if not each.inline))
    content = fetched(work.mail, message.head.id, part, work.mailbox)
    work.context.received(content, f"{source(message.head)}, attachment {line(part.name, 80)}")
    return _enclosed(line(part.name, 120), content, part.media)


def _not_too_large(total: int) -> None:
    if total > MOST_LETTER:
        hint = "Share a link to them, or send fewer."
        raise ToolInputError(
            f"The attachments have {size(total)}; a mail takes {size(MOST_LETTER)}.", hint=hint, code="too_large"
        )


def _answered(message: Message, me: Address, everybody: bool) -> tuple[tuple[Address, ...], tuple[Address, ...]]:
    """Return whom an answer goes to, and who gets a copy: the others, but not oneself."""
    head, own = message.head, me.address.casefold()
    to = message.reply_to or (head.sender,)
    if head.sender.address.casefold() == own:  # one goes on after one's own mail
        to = head.to
    if not everybody:
        return tuple(to), ()
    known = {own, *(each.address.casefold() for each in to)}
    others = [each for each in (*head.to, *head.cc) if each.address.casefold() not in known]
    return tuple(to), tuple({each.address.casefold(): each for each in others}.values())


def _prefixed(prefix: str, subject: str) -> str:
    plain = line(subject, 240)
    return plain if plain.lower().startswith(f"{prefix.lower()}:") else f"{prefix}: {plain}"


def _history(message: Message, *, forwarded: bool = False) -> str:
    """Return what a person sees of a mail, as a quote under a line that says whose it is."""
    head = message.head
    text = visible(message)
    if len(text) > _MOST_HISTORY:
        text = text[:_MOST_HISTORY] + "\n[...]"
    if not forwarded:
        return f"On {when(head.moment)}, {line(str(head.sender), 120)} wrote:\n\n{quoted(text)}"
    to = ", ".join(line(str(each), 80) for each in head.to[:20])
    sender, subject = line(str(head.sender), 120), line(head.subject, 200)
    facts = [f"From: {sender}", f"Date: {when(head.moment)}", f"Subject: {subject}", f"To: {to}"]
    return "Forwarded message\n\n" + "\n".join(f"- {each}" for each in facts) + f"\n\n{text}"
