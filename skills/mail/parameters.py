"""What the tools have in common: parameters, moments, folders, and who is meant by a name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, cast

import idna
from pydantic import Field

from copilot.errors import ToolInputError
from copilot.plugins.connections.mail import Address, Folder, FolderRole, Mail
from copilot.plugins.context import ToolContext
from copilot.slots import Role, Slot
from copilot.trust.labels import UNKNOWN

from .show import line

MessageId = Annotated[str, Role("target"), Field(min_length=1, description="The id of a mail, as a list gave it.")]
MessageIds = Annotated[
    list[str], Role("target"), Field(min_length=1, max_length=100, description="Ids of mails, as a list gave them.")
]
Account = Annotated[
    str, Role("target"), Field(description="The account's name in the settings, where there are several.")
]
Mailbox = Annotated[str, Role("target"), Field(description="The address of a shared mailbox.")]
People = Annotated[list[str], Role("recipient"), Field(description='Addresses, names, or "me".')]
Text = Annotated[str, Role("body"), Field(description="The text, as Markdown.")]
Files = Annotated[list[str], Role("path"), Field(description="Files of the folder to attach.")]
Day = Annotated[
    str,
    Slot("value", cues=("since", "after")),
    Field(description='A day or moment (ISO 8601), "today", "7 days".'),
]

#: What people call the folders that every mailbox has.
_CALLED: dict[FolderRole, tuple[str, ...]] = {
    "inbox": ("inbox", "posteingang"),
    "sent": ("sent", "sent items", "sent mail"),
    "drafts": ("drafts", "draft"),
    "trash": ("trash", "deleted", "deleted items", "bin"),
    "junk": ("junk", "spam", "junk email"),
    "archive": ("archive",),
}
_ADDRESS = re.compile(r"[^@\s<>(),;:\"\\\[\]\x00-\x20\x7f]{1,64}@[^@\s<>(),;:\"\\\[\]]{1,253}")
_NAMED = re.compile(r'"?([^"<>\r\n]*?)"?\s*<([^<>]+)>')
_AGO = re.compile(r"(?:the )?(?:last |past )?(\d{1,4}) (day|week|month)s?(?: ago)?", re.IGNORECASE)
_RECENT = ("today", "yesterday")
_DAYS = {"day": 1, "week": 7, "month": 30}


def mail_of(context: ToolContext, account: str) -> Mail:
    """Return the mail of an account. Raises ServiceError."""
    return cast(Mail, context.connection("mail", account))


def from_whom(sender: str, since: str) -> tuple[str, str]:
    """Return sender and beginning, where "from" was said of a day: "mails from yesterday"."""
    told = sender.strip().lower()
    is_day = told in _RECENT or _AGO.fullmatch(told)
    return ("", sender) if is_day and not since else (sender, since)


def moment_of(text: str, now: datetime | None) -> datetime | None:
    """Return the moment that a text names, None for ""; a day is its beginning, in UTC. Raises ToolInputError."""
    wanted = text.strip().lower()
    if not wanted:
        return None
    today = (now or datetime.now(UTC)).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if wanted in _RECENT:
        return today - timedelta(days=wanted == "yesterday")
    if ago := _AGO.fullmatch(wanted):
        return today - timedelta(days=int(ago[1]) * _DAYS[ago[2].lower()])
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        hint = 'Write it as 2026-05-31 or 2026-05-31T14:00:00Z, or "today", "yesterday", "7 days".'
        raise ToolInputError(f"{text!r} is no day or moment.", hint=hint, code="moment") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


# --- folders ----------------------------------------------------------------------------------------------------------


def folder_of(folders: Sequence[Folder], name: str) -> Folder:
    """Return the folder of a name, a path or a purpose ("sent"). Raises ToolInputError with those that there are."""
    wanted = " ".join(name.split()).strip("/").casefold()
    role = next((role for role, names in _CALLED.items() if wanted in names), "")
    tests: tuple[Callable[[Folder], bool], ...] = (
        lambda f: f.path.casefold() == wanted,
        lambda f: bool(role) and f.role == role,
        lambda f: f.path.casefold().rpartition("/")[2] == wanted,
    )
    for test in tests:
        found = [each for each in folders if test(each)]
        if len(found) == 1:
            return found[0]
    raise ToolInputError.unknown("mail folder", name, [line(each.path, 80) for each in folders])


# --- people -----------------------------------------------------------------------------------------------------------


def whom(context: ToolContext, mail: Mail, names: Iterable[str]) -> tuple[Address, ...]:
    """Return who is meant, each once. Raises ToolInputError: nobody, or several people of that name, who are listed."""
    given = [name.strip() for each in names for name in re.split(r"[;\n]", each) if name.strip()]
    found = [_one(context, mail, name) for name in given]
    return tuple({each.address.casefold(): each for each in found}.values())


def _one(context: ToolContext, mail: Mail, name: str) -> Address:
    if name.casefold() in ("me", "myself"):
        return mail.me
    if "@" in name:
        return checked(name)
    context.labels.append(UNKNOWN)  # names are what people call themselves
    candidates = mail.people(name)
    exact = [each for each in candidates if each.name.casefold() == name.casefold()]
    chosen = exact or candidates
    if len(chosen) == 1:
        return checked(chosen[0].address, chosen[0].name)
    if not chosen:
        hint = "Give the address, or ask the user for it."
        raise ToolInputError(f"Nobody named {name!r} was found.", hint=hint, code="unknown_recipient")
    listed = "; ".join(line(str(each), 120) for each in chosen[:10])
    raise ToolInputError(
        f"{name!r} can be {len(chosen)} people.", hint=f"Ask the user which: {listed}.", code="ambiguous_recipient"
    )


def checked(text: str, name: str = "") -> Address:
    """Return an address, its domain as it is looked up (UTS 46). Raises ToolInputError for what is none."""
    named = _NAMED.fullmatch(text.strip())
    called, address = named.groups() if named else ("", text.strip())
    if not _ADDRESS.fullmatch(address):
        raise ToolInputError(f"{text!r} is no mail address.", code="unknown_recipient")
    local, _, domain = address.rpartition("@")
    try:
        domain = domain if domain.isascii() else idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        raise ToolInputError(f"{domain!r} is no domain of mail.", code="unknown_recipient") from None
    return Address(f"{local}@{domain}", line(name or called, 100))
