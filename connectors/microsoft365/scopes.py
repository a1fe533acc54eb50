"""Which rights of Graph each kind of work needs, the least of them, for reading and for changing.

Sources: Microsoft Graph, "Permissions reference", and "Permissions" in the page of each call. `by_admin` are those that
the reference marks with "AdminConsentRequired: Yes" for people; nobody else can agree to them, and a sign-in that asked
for one would end at "Need admin approval". They are asked for only when they are named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from copilot.errors import ServiceError
from copilot.plugins.connections import KINDS, WorkKind
from copilot.plugins.connections.signing import Right, Wishes, declared

from .clouds import bare

#: Every right that is asked for, in plain words.
RIGHTS: Mapping[str, Right] = {
    right.name: right
    for right in (
        Right("User.Read", "see who you are"),
        Right("Files.Read.All", "read the files that you can open, in OneDrive and SharePoint"),
        Right("Files.ReadWrite.All", "change the files that you can open, in OneDrive and SharePoint"),
        Right("Sites.Read.All", "find SharePoint sites and read what is on them"),
        Right("Mail.Read", "read your mail"),
        Right("Mail.Read.Shared", "read mail in mailboxes that are shared with you"),
        Right("Mail.ReadWrite", "draft, move, flag and delete your mail"),
        Right("Mail.ReadWrite.Shared", "do the same in mailboxes that are shared with you"),
        Right("Mail.Send", "send mail as you"),
        Right("Mail.Send.Shared", "send mail for mailboxes that are shared with you"),
        Right("MailboxSettings.Read", "read your mail rules, categories, time zone and working hours"),
        Right("Calendars.Read", "read your calendars"),
        Right("Calendars.Read.Shared", "read calendars that are shared with you, and when people are free"),
        Right("Calendars.ReadWrite", "create, change and cancel events in your calendars"),
        Right("Place.Read.All", "list rooms", by_admin=True),
        Right("OnlineMeetings.Read", "read details of your online meetings"),
        Right("OnlineMeetingTranscript.Read.All", "read transcripts of your online meetings", by_admin=True),
        Right("Chat.Read", "read your chats in Teams"),
        Right("Chat.Create", "start chats in Teams"),
        Right("ChatMessage.Send", "post in chats as you"),
        Right("Team.ReadBasic.All", "list your teams"),
        Right("Channel.ReadBasic.All", "list the channels of your teams"),
        Right("ChannelMessage.Read.All", "read messages in channels", by_admin=True),
        Right("ChannelMessage.Send", "post in channels as you"),
        Right("Presence.Read.All", "see who is available"),
        Right("User.ReadBasic.All", "find people of your organisation by name and address"),
        Right("User.Read.All", "see departments, managers and reports of people", by_admin=True),
        Right("People.Read", "see whom you work with"),
        Right("Contacts.Read", "read your contacts"),
        Right("GroupMember.Read.All", "find groups and who is in them", by_admin=True),
        Right("Tasks.Read", "read your tasks in To Do and Planner"),
        Right("Tasks.ReadWrite", "create, change and complete tasks in To Do and Planner"),
    )
}


@dataclass(frozen=True)
class Needed:
    """The rights of one kind: to read, to change (besides the first), and what is useful and not needed.

    A right to change includes the one to read of the same name, which is then not asked for.
    """

    read: tuple[str, ...]
    write: tuple[str, ...] = ()
    more: tuple[str, ...] = ()


KIND_RIGHTS: Mapping[WorkKind, Needed] = {
    "files": Needed(("Files.Read.All", "Sites.Read.All"), ("Files.ReadWrite.All",)),
    "mail": Needed(
        ("Mail.Read", "Mail.Read.Shared", "MailboxSettings.Read"),
        ("Mail.ReadWrite", "Mail.ReadWrite.Shared", "Mail.Send", "Mail.Send.Shared"),
    ),
    "calendar": Needed(
        ("Calendars.Read", "Calendars.Read.Shared", "MailboxSettings.Read", "OnlineMeetings.Read"),
        ("Calendars.ReadWrite",),
        ("OnlineMeetingTranscript.Read.All", "Place.Read.All"),
    ),
    "chat": Needed(
        ("Chat.Read", "Team.ReadBasic.All", "Channel.ReadBasic.All", "Presence.Read.All"),
        ("Chat.Create", "ChatMessage.Send", "ChannelMessage.Send"),
        ("ChannelMessage.Read.All",),
    ),
    "people": Needed(
        ("User.ReadBasic.All", "People.Read", "Contacts.Read", "Presence.Read.All"),
        (),
        ("User.Read.All", "GroupMember.Read.All"),
    ),
    "search": Needed(("Files.Read.All", "Sites.Read.All")),
    "tasks": Needed(("Tasks.Read",), ("Tasks.ReadWrite",)),
}
#: What an app without a person is given instead of the right of that name; the others have the same name, or there is
#: no such right for an app ("").
APP_RIGHTS: Mapping[str, str] = {
    "User.Read": "",
    "Mail.Read.Shared": "",
    "Mail.ReadWrite.Shared": "",
    "Mail.Send.Shared": "",
    "Calendars.Read.Shared": "",
    "OnlineMeetings.Read": "OnlineMeetings.Read.All",
    "Chat.Read": "Chat.Read.All",
    "ChatMessage.Send": "",
    "ChannelMessage.Send": "",
    "User.ReadBasic.All": "User.Read.All",
    "People.Read": "People.Read.All",
    "Tasks.Read": "Tasks.Read.All",
    "Tasks.ReadWrite": "Tasks.ReadWrite.All",
}
_CHANGES = ("Write", "Send", "Create", "Manage", "FullControl", "Delete", "Access")
_LEVELS: Mapping[str, tuple[str, ...]] = {
    "readwrite": ("readwrite", "read", "readbasic"),
    "read": ("read", "readbasic"),
}
#: The one that every sign-in of a person asks for.
ALWAYS = "User.Read"


def names(kind: WorkKind, *, writes: bool) -> tuple[str, ...]:
    """Return the names of the rights that a kind can't do without."""
    needed = KIND_RIGHTS[kind]
    return least((*needed.read, *(needed.write if writes else ())))


def essential(kind: WorkKind, *, writes: bool) -> tuple[str, ...]:
    """Return the rights without which nothing of a kind works; the table names them first."""
    needed = KIND_RIGHTS[kind]
    return (*needed.read[:1], *(needed.write[:1] if writes else ()))


def least(asked: Iterable[str]) -> tuple[str, ...]:
    """Return rights without those that another of them includes, each once, in their order."""
    every = tuple(dict.fromkeys(asked))
    return tuple(name for name in every if not any(other != name and includes(other, name) for other in every))


def includes(granted: str, wanted: str) -> bool:
    """Return whether a right includes another: itself, one to read beside one to change, what is less wide."""
    have, want = granted.casefold().split("."), wanted.casefold().split(".")
    if have == want:
        return True
    if have[0] != want[0] or want[1] not in _LEVELS.get(have[1], ()):
        return False
    return have[2:] == want[2:] or (have[2:] == ["all"] and not want[2:])


def reads(name: str) -> bool:
    """Return whether a right changes and sends nothing."""
    return not any(word in name for word in _CHANGES)


def missing(granted: Iterable[str], wanted: Iterable[str]) -> tuple[Right, ...]:
    """Return the wanted rights that none of the granted ones includes."""
    held = tuple(granted)
    return tuple(described(name) for name in wanted if not any(includes(each, name) for each in held))


def described(name: str) -> Right:
    """Return a right by its name; one that is not in the table is named as it is."""
    plain = bare(name)
    return RIGHTS.get(plain) or Right(plain, f"{plain} (a right of Graph that you named yourself)")


def wished(wishes: Wishes, also: Iterable[str] = (), *, writes: bool = True) -> tuple[Right, ...]:
    """Return the rights to ask a person for, the least that serve the wishes; `writes` False: none that change things.

    `also` are the names of further ones, of which those that change things are then left out. Raises ServiceError for a
    wish that is not known, and for a right that changes things where none may.
    """
    asked = [ALWAYS]
    for need in (*wishes.needs, *declared((w for w in wishes.more if _is_kind(w)), writes=writes).needs):
        asked += names(need.kind, writes=need.writes and writes)
    named = [_named(word) for word in wishes.more if not _is_kind(word)]
    if not writes and (beyond := next((name for name in named if not reads(name)), "")):
        raise ServiceError(
            f"{beyond} is no right to read, and only those are asked for.",
            hint="Leave out --read-only.",
            code="account",
        )
    asked += [*named, *(name for name in map(_named, also) if writes or reads(name))]
    return tuple(described(name) for name in least(asked))


def for_app(wishes: Wishes, also: Iterable[str] = ()) -> tuple[Right, ...]:
    """Return the rights that an administrator has to give to an app for these wishes."""
    rights = {APP_RIGHTS.get(right.name, right.name): right for right in wished(wishes, also)}
    return tuple(Right(name, right.words, by_admin=True) for name, right in rights.items() if name)


def left_out(wishes: Wishes, asked: Iterable[Right]) -> tuple[Right, ...]:
    """Return what would be useful for the wishes, and is not asked for: only an administrator can agree to it."""
    useful = [name for need in wishes.needs for name in KIND_RIGHTS[need.kind].more]
    return missing((right.name for right in asked), dict.fromkeys(useful))


def _is_kind(word: str) -> bool:
    return word.partition(":")[0] in KINDS


def _named(word: str) -> str:
    """Return a right's name as Graph writes it."""
    plain = bare(word).casefold()
    known = next((name for name in RIGHTS if name.casefold() == plain), "")
    if known or plain.count(".") >= 1:
        return known or bare(word)
    raise ServiceError(
        f"There is no right {word!r}.",
        hint=f"Name a kind ({', '.join(KINDS)}), one only to read (mail:read), or a right of Graph (Mail.Send).",
        code="account",
    )
