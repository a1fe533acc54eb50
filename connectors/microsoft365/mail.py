"""Mail through Microsoft Graph: reading, finding, marking and moving. Letters are written by mail_sending.py.

Ids are immutable ones ("Get immutable identifiers for Outlook resources"): they stay when a message is moved or a draft
is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, Unpack
from urllib.parse import parse_qsl, urlsplit

from copilot.errors import ServiceError
from copilot.plugins.connections.mail import (
    MOST_FILE,
    Absence,
    Address,
    Folder,
    Found,
    Headline,
    Letter,
    Marks,
    Message,
    Query,
    Rule,
)

from . import mail_sending, mail_shapes
from .graph import IMMUTABLE_IDS, Call, GraphError, Json, at, literal
from .graph.paging import NEXT
from .graph.requests import Method, More

if TYPE_CHECKING:
    from .connection import Microsoft365

T = TypeVar("T")

#: Pages that are asked for until enough messages fit what a search can't say.
_MOST_PAGES = 8
#: What may be refused while somebody is looked for: then others are asked.
_PASSED_OVER = frozenset({"scope", "denied", "missing", "unsupported", "invalid"})


class GraphMail:
    """The mail of one account; see copilot.plugins.connections.mail.Mail."""

    def __init__(self, connection: Microsoft365) -> None:
        self.connection = connection

    @property
    def account(self) -> str:
        """The account's name in the settings."""
        return self.connection.account

    @cached_property
    def me(self) -> Address:
        """Whose it is."""
        found = self._run(
            lambda: self.get(self.connection.me, params={"$select": "mail,userPrincipalName,displayName"})
        )
        return Address(
            str(found.get("mail") or found.get("userPrincipalName") or ""), str(found.get("displayName") or "")
        )

    def _run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        return self.connection.run(work)

    # --- calls --------------------------------------------------------------------------------------------------------

    def path(self, mailbox: str, below: str = "", *values: str) -> str:
        """Return a path in a mailbox: each `{}` of `below` is one segment."""
        return (at("/users/{}", mailbox) if mailbox else self.connection.me) + at(below, *values)

    @staticmethod
    def scope(right: str, mailbox: str) -> str:
        """Return the right that something in a mailbox needs."""
        return f"{right}.Shared" if mailbox else right

    async def get(self, path: str, **more: Unpack[More]) -> Json:
        """Return what lies at a path, with ids that stay."""
        more.setdefault("prefer", (IMMUTABLE_IDS,))
        return await self.connection.graph.get(path, **more)

    async def call(self, method: Method, path: str, json: Any = None, **more: Unpack[More]) -> Json:
        """Return what a call answers that changes something, with ids that stay."""
        more.setdefault("prefer", (IMMUTABLE_IDS,))
        return (await self.connection.graph.send(Call(method, path, json=json, **more))).json

    async def listed(self, path: str, limit: int, top: int | None = None, **more: Unpack[More]) -> list[Json]:
        """Return the first entries of a collection; `top` 0 where it takes no `$top`."""
        more.setdefault("prefer", (IMMUTABLE_IDS,))
        return (await self.connection.graph.items(path, limit=limit, top=top, **more)).items

    # --- folders ------------------------------------------------------------------------------------------------------

    def folders(self, mailbox: str = "") -> list[Folder]:
        """Return the folders, those within others after them."""
        return self._run(lambda: self._folders(mailbox))

    async def _folders(self, mailbox: str) -> list[Folder]:
        roles = await self._roles(mailbox)
        found: list[Folder] = []
        waiting = [("", self.path(mailbox, "/mailFolders"))]
        while waiting:
            above, path = waiting.pop(0)
            for each in await self.listed(path, 1000, what="the mail folders", scope=self.scope("Mail.Read", mailbox)):
                found.append(mail_shapes.folder(each, above, roles.get(str(each["id"]), "")))
                if each.get("childFolderCount"):
                    below = self.path(mailbox, "/mailFolders/{}/childFolders", str(each["id"]))
                    waiting.append((found[-1].path, below))
        return found

    async def _roles(self, mailbox: str) -> dict[str, Any]:
        """Return what folders are for, by their ids; one that a mailbox has not is left out."""
        names = list(mail_shapes.ROLES)
        paths = [self.path(mailbox, "/mailFolders/{}", name) for name in names]
        calls = [Call("GET", path, params={"$select": "id"}, prefer=(IMMUTABLE_IDS,)) for path in paths]
        answers = await self.connection.graph.batch(calls)
        return {
            str(answer.json.get("id")): mail_shapes.ROLES[name]
            for name, answer in zip(names, answers, strict=True)
            if not isinstance(answer, GraphError)
        }

    # --- reading ------------------------------------------------------------------------------------------------------

    def search(self, query: Query, limit: int = 25, page: str = "", mailbox: str = "") -> Found:
        """Return the messages that a query fits; as whole pages are looked through, there can be a few more."""
        return self._run(lambda: self._search(query, limit, page, mailbox))

    async def _search(self, query: Query, limit: int, page: str, mailbox: str) -> Found:
        where = ("/mailFolders/{}/messages", query.folder) if query.folder else ("/messages",)
        path, test = self.path(mailbox, *where), mail_shapes.fits(query)
        usual = {**mail_shapes.params_of(query), "$top": str(limit)}
        params: dict[str, str] = dict(parse_qsl(page)) if page else self._listing(usual)
        found: list[Headline] = []
        for _ in range(_MOST_PAGES):
            whole = await self.get(path, params=params, what="the search", scope=self.scope("Mail.Read", mailbox))
            found += [head for each in whole.get("value", ()) if test(head := mail_shapes.headline(each))]
            page = urlsplit(str(whole.get(NEXT) or "")).query
            if len(found) >= limit or not page:
                break
            params = dict(parse_qsl(page))
        return Found(tuple(found), page)

    @staticmethod
    def _listing(more: dict[str, str]) -> dict[str, str]:
        return {"$select": mail_shapes.FIELDS, "$expand": mail_shapes.EXPAND, **more}

    def read(self, id: str, mailbox: str = "") -> Message:
        """Return a message. It stays unread if it was."""
        return self._run(lambda: self._read(id, mailbox))

    async def _read(self, id: str, mailbox: str) -> Message:
        path, scope = self.path(mailbox, "/messages/{}", id), self.scope("Mail.Read", mailbox)
        params = {"$select": mail_shapes.WHOLE, "$expand": mail_shapes.EXPAND}
        data = await self.get(path, params=params, what="the message", scope=scope)
        parts: list[Json] = []
        if data.get("hasAttachments") or "cid:" in str((data.get("body") or {}).get("content", "")):
            chosen = {"$select": "id,name,contentType,size,isInline"}
            parts = await self.listed(f"{path}/attachments", 500, params=chosen, what="its attachments", scope=scope)
        return mail_shapes.message(data, parts)

    def thread(self, id: str, limit: int = 50, mailbox: str = "") -> list[Headline]:
        """Return the messages of the conversation that a message belongs to, the oldest first."""
        return self._run(lambda: self._thread(id, limit, mailbox))

    async def _thread(self, id: str, limit: int, mailbox: str) -> list[Headline]:
        scope = self.scope("Mail.Read", mailbox)
        chosen = {"$select": "conversationId"}
        one = await self.get(self.path(mailbox, "/messages/{}", id), params=chosen, what="the message", scope=scope)
        params = self._listing({"$filter": f"conversationId eq {literal(str(one.get('conversationId') or ''))}"})
        found = await self.listed(self.path(mailbox, "/messages"), limit, params=params, what="the thread", scope=scope)
        heads = [mail_shapes.headline(each) for each in found]
        return sorted(heads, key=lambda head: head.moment.timestamp() if head.moment else 0.0)

    def content(self, id: str, part: str, limit: int = MOST_FILE, mailbox: str = "") -> bytes:
        """Return an attachment's bytes; a message within is MIME. Code "full": more than `limit`."""
        path = self.path(mailbox, "/messages/{}/attachments/{}/$value", id, part)
        scope = self.scope("Mail.Read", mailbox)
        return self._run(
            lambda: self.connection.graph.content(
                path, limit=limit, what="the attachment", scope=scope, prefer=(IMMUTABLE_IDS,)
            )
        )

    # --- people -------------------------------------------------------------------------------------------------------

    def people(self, name: str) -> list[Address]:
        """Return who may be meant by a name: of the directory and the contacts first, then whom one wrote to.

        Who merely wrote to us is not among them: anybody can call themselves by any name.
        """
        return self._run(lambda: self._people(name))

    async def _people(self, name: str) -> list[Address]:
        plain = mail_shapes.plain(name)
        named = {"$search": f'"displayName:{plain}"', "$select": "displayName,mail"}
        sources: tuple[tuple[str, dict[str, str], bool], ...] = (
            ("/users", named, True),
            ("/groups", named, True),
            (f"{self.connection.me}/contacts", {"$search": f'"{plain}"'}, False),
            (f"{self.connection.me}/people", {"$search": f'"{plain}"'}, False),
        )
        found: list[Address] = []
        for path, params, eventual in sources:
            with suppress(_Passed):
                for each in await self._asked(path, params, eventual):
                    found += _addressed(each)
        if not found:
            sent = self.path("", "/mailFolders/sentitems/messages")
            with suppress(_Passed):
                asked = {"$search": f'"recipients:{plain}"', "$select": "toRecipients,ccRecipients"}
                for each in await self._asked(sent, asked, False):
                    found += [a for k in ("toRecipients", "ccRecipients") for a in mail_shapes.addresses(each.get(k))]
        words = plain.casefold().split()
        named_so = [each for each in found if all(word in str(each).casefold() for word in words) and each.address]
        return list({each.address.casefold(): each for each in reversed(named_so)}.values())[::-1]

    async def _asked(self, path: str, params: dict[str, str], eventual: bool) -> list[Json]:
        try:
            return await self.listed(path, 25, params=params, eventual=eventual, what="people of that name")
        except GraphError as error:
            if error.code in _PASSED_OVER:
                raise _Passed from error
            raise

    # --- changing -----------------------------------------------------------------------------------------------------

    def mark(self, ids: Sequence[str], marks: Marks, mailbox: str = "") -> None:
        """Change what is noted about messages. Raises ServiceError, which says how many were not changed."""
        self.connection.needs("mail", writes=True)
        self._run(lambda: self._mark(ids, marks, mailbox))

    async def _mark(self, ids: Sequence[str], marks: Marks, mailbox: str) -> None:
        paths = [self.path(mailbox, "/messages/{}", id) for id in ids]
        had: list[Json] = [{}] * len(paths)
        if marks.add or marks.remove:
            chosen = {"$select": "categories"}
            asked = [Call("GET", p, params=chosen, what="a message", prefer=(IMMUTABLE_IDS,)) for p in paths]
            had = [each.json for each in _all(await self.connection.graph.batch(asked), "read")]
        scope = self.scope("Mail.ReadWrite", mailbox)
        changes = [
            Call("PATCH", path, json=_marked(marks, each), what="a message", scope=scope, idempotent=True,
                 prefer=(IMMUTABLE_IDS,))
            for path, each in zip(paths, had, strict=True)
        ]  # fmt: skip
        _all(await self.connection.graph.batch(changes), "changed")

    def move(self, ids: Sequence[str], folder: str, mailbox: str = "") -> None:
        """Move messages into a folder, by its id. Raises ServiceError, which says how many were not moved."""
        self.connection.needs("mail", writes=True)
        scope = self.scope("Mail.ReadWrite", mailbox)
        calls = [
            Call(
                "POST",
                self.path(mailbox, "/messages/{}/move", id),
                json={"destinationId": folder},
                what="a message",
                scope=scope,
                idempotent=True,
                prefer=(IMMUTABLE_IDS,),
            )
            for id in ids
        ]  # fmt: skip - with ids that stay, moving twice is like once
        _all(self._run(lambda: self.connection.graph.batch(calls)), "moved")

    # --- settings -----------------------------------------------------------------------------------------------------

    def rules(self, mailbox: str = "") -> list[Rule]:
        """Return the rules of the inbox, in their order."""
        return self._run(lambda: self._rules(mailbox))

    async def _rules(self, mailbox: str) -> list[Rule]:
        path = self.path(mailbox, "/mailFolders/inbox/messageRules")
        found = await self.listed(path, 500, 0, what="the rules", scope="MailboxSettings.Read")
        names = {folder.id: folder.path for folder in await self._folders(mailbox)} if found else {}
        ordered = sorted(found, key=lambda each: int(each.get("sequence") or 0))
        return [mail_shapes.rule(each, names) for each in ordered]

    def absence(self, mailbox: str = "") -> Absence:
        """Return the automatic reply."""
        path = self.path(mailbox, "/mailboxSettings/automaticRepliesSetting")
        found = self._run(lambda: self.get(path, what="the automatic reply", scope="MailboxSettings.Read"))
        return mail_shapes.absence(found)

    # --- writing ------------------------------------------------------------------------------------------------------

    def draft(self, letter: Letter, key: str, mailbox: str = "") -> str:
        """Return the id of the draft that keeps a letter; with the same key there is one."""
        self.connection.needs("mail", writes=True)
        return self._run(lambda: mail_sending.draft(self, letter, key, mailbox))

    def send(self, letter: Letter, key: str, mailbox: str = "") -> str:
        """Send a letter and return a receipt; with the same key it goes out once."""
        self.connection.needs("mail", writes=True)
        return self._run(lambda: mail_sending.send(self, letter, key, mailbox))

    def send_draft(self, id: str, key: str, mailbox: str = "") -> str:
        """Send a draft as it is and return a receipt."""
        self.connection.needs("mail", writes=True)
        return self._run(lambda: mail_sending.send_draft(self, id, mailbox))


class _Passed(Exception):
    """One of several places to look for people does not let us."""


def _addressed(data: Json) -> list[Address]:
    """Return the addresses of somebody: of a user or a group, a contact, or a person."""
    name = str(data.get("displayName") or "")
    several = data.get("emailAddresses") or data.get("scoredEmailAddresses") or ()
    found = [str(data.get("mail") or ""), *(str(each.get("address") or "") for each in several)]
    return [Address(each, name) for each in found if each]


def _marked(marks: Marks, had: Json) -> Json:
    """Return what is changed of a message that has these categories."""
    change: Json = {}
    if marks.read is not None:
        change["isRead"] = marks.read
    if marks.flagged is not None:
        change["flag"] = {"flagStatus": "flagged" if marks.flagged else "notFlagged"}
    if marks.add or marks.remove:
        removed = {each.casefold() for each in marks.remove}
        kept = [each for each in had.get("categories") or () if each.casefold() not in removed]
        change["categories"] = list(dict.fromkeys([*kept, *marks.add]))
    return change


def _all(answers: Sequence[Any], done: str) -> list[Any]:
    """Return the answers. Raises ServiceError when one of them is an error; which says how many there are."""
    failed = [each for each in answers if isinstance(each, GraphError)]
    if not failed:
        return list(answers)
    first = failed[0]
    if len(answers) == 1:
        raise first
    raise ServiceError(
        f"{len(failed)} of {len(answers)} messages were not {done}: {first.message}", hint=first.hint, code=first.code
    )
