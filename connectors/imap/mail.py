"""The mail interface over IMAP. A message's id names its folder, its unique id there, and its Message-ID.

Unique ids are good in one folder only (RFC 3501, section 2.3.1.1); when a message is not there any more, it is looked
for by its Message-ID in the other folders.
"""

from __future__ import annotations

import base64
import imaplib
import json
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from copilot.errors import ServiceError
from copilot.plugins.connections import Account
from copilot.plugins.connections.mail import (
    MOST_FILE,
    Absence,
    Address,
    Folder,
    FolderRole,
    Found,
    Headline,
    Letter,
    Marks,
    Message,
    Query,
    Rule,
)

from . import mime, sending
from .names import quoted
from .options import Options
from .session import Fetched, Mailbox

#: What a list is made of: marks, time, and the beginning of a message, which holds its headers.
_LISTED = "FLAGS INTERNALDATE RFC822.SIZE BODYSTRUCTURE BODY.PEEK[]<0.24576>"
#: Bytes of a message that is read as a whole.
MOST = 64 * 2**20
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()  # noqa: SIM905 - as RFC 3501 has them
_APART: frozenset[FolderRole] = frozenset({"trash", "junk"})
_KEYWORD = re.compile(r"[^A-Za-z0-9_$.-]+")


@dataclass(frozen=True)
class Place:
    """Where a message lies."""

    folder: str
    validity: str
    uid: int
    message_id: str = ""

    @property
    def id(self) -> str:
        """The place as an id."""
        text = json.dumps([self.folder, self.validity, self.uid, self.message_id], ensure_ascii=False)
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def of(cls, id: str) -> Place:
        """Return the place that an id names. Raises ServiceError for what is none."""
        try:
            folder, validity, uid, message_id = json.loads(base64.urlsafe_b64decode(id + "=" * (-len(id) % 4)))
            return cls(str(folder), str(validity), int(uid), str(message_id))
        except (ValueError, TypeError):
            raise ServiceError(
                f"{id[:60]!r} is no id of a mail.", hint="Take one from a list.", code="missing"
            ) from None


class ImapMail:
    """The mail of one account; see copilot.plugins.connections.mail.Mail."""

    def __init__(self, account: Account, options: Options, mailbox: Mailbox) -> None:
        self._account, self.options, self.mailbox = account, options, mailbox

    @property
    def account(self) -> str:
        """The account's name in the settings."""
        return self._account.name

    @property
    def me(self) -> Address:
        """Whose it is."""
        return Address(self.options.address, self.options.name)

    def _own(self, mailbox: str) -> None:
        if mailbox and mailbox.casefold() != self.options.address.casefold():
            raise ServiceError(
                f"The account {self.account} has no mailbox {mailbox!r}; over IMAP each has an account of its own.",
                code="unsupported",
            )

    def _writing(self, mailbox: str) -> None:
        self._own(mailbox)
        if not self._account.writes:
            raise ServiceError("It was not done: this account is read-only.", code="denied")

    # --- folders ------------------------------------------------------------------------------------------------------

    def folders(self, mailbox: str = "") -> list[Folder]:
        """Return the folders, those within others after them."""
        self._own(mailbox)
        counted = [(each, self.mailbox.counts(raw)) for each, raw, _ in self.mailbox.folders()]
        return [replace(each, total=total, unread=unread) for each, (total, unread) in counted]

    def raw(self, path: str) -> str:
        """Return the name that IMAP has for a folder. Raises ServiceError."""
        for folder, raw, _ in self.mailbox.folders():
            if folder.path == path:
                return raw
        raise ServiceError(f"There is no folder {path!r}.", code="missing")

    def for_role(self, role: FolderRole) -> str:
        """Return the name that IMAP has for the folder of a purpose. Raises ServiceError when there is none."""
        for folder, raw, _ in self.mailbox.folders():
            if folder.role == role:
                return raw
        raise ServiceError(f"The mailbox of {self.options.address} has no folder for {role}.", code="missing")

    def _where(self, query: Query) -> list[tuple[str, str]]:
        """Return path and raw name of the folders to look in: the one named, the one that holds all, or all."""
        listed = self.mailbox.folders()
        if query.folder:
            return [(query.folder, self.raw(query.folder))]
        whole = [(folder.path, raw) for folder, raw, flags in listed if "\\all" in flags]
        return whole or [(folder.path, raw) for folder, raw, _ in listed if folder.role not in _APART]

    # --- reading ------------------------------------------------------------------------------------------------------

    def search(self, query: Query, limit: int = 25, page: str = "", mailbox: str = "") -> Found:
        """Return the messages that a query fits."""
        self._own(mailbox)
        start = int(page) if page.isdecimal() else 0
        criteria, texts = _criteria(query)
        heads: list[Headline] = []
        more = False
        for path, raw in self._where(query):
            uids = self.mailbox.search(raw, criteria, texts)[::-1]
            more = more or len(uids) > start + limit
            heads += self._heads(path, raw, uids[: start + limit])
        chosen = sorted({h.id: h for h in heads if _fits(query, h)}.values(), key=_time, reverse=True)
        shown = chosen[start : start + limit]
        return Found(tuple(shown), str(start + limit) if more or len(chosen) > start + limit else "")

    def _heads(self, path: str, raw: str, uids: Sequence[int]) -> Iterator[Headline]:
        for each in self.mailbox.fetch(raw, uids, _LISTED):
            yield self._head(path, each)

    def _head(self, path: str, fetched: Fetched) -> Headline:
        flags = {flag.lower() for flag in fetched.flags}
        words = tuple(sorted(flag for flag in fetched.flags if not flag.startswith(("\\", "$"))))
        structure = fetched.about.lower()
        known: dict[str, Any] = {
            "folder": path,
            "unread": "\\seen" not in flags,
            "flagged": "\\flagged" in flags,
            "draft": "\\draft" in flags,
            "categories": words,
            "attachments": b'"attachment"' in structure or b'"message" "rfc822"' in structure,
        }
        head = mime.headline(fetched.content, "", **known)
        place = Place(path, self.mailbox.validity, fetched.uid, head.headers.get("message-id", ""))
        return replace(head, id=place.id, moment=_arrived(fetched.about) or head.moment)

    def _found(self, id: str) -> tuple[Place, str]:
        """Return where a message lies now, and the folder's raw name. Raises ServiceError when it is gone."""
        place = Place.of(id)
        raws = {folder.path: raw for folder, raw, _ in self.mailbox.folders()}
        if place.folder in raws:
            there = self.mailbox.fetch(raws[place.folder], [place.uid], "FLAGS")
            if there and self.mailbox.validity == place.validity:
                return place, raws[place.folder]
        for path, raw in raws.items() if place.message_id else ():
            if uids := self.with_message_id(raw, place.message_id):
                return Place(path, self.mailbox.validity, uids[-1], place.message_id), raw
        raise ServiceError("The mail is not there any more.", hint="Look for it again.", code="missing")

    def with_message_id(self, raw: str, message_id: str) -> list[int]:
        """Return the messages of a folder that have a Message-ID."""
        return self.mailbox.search(raw, ("HEADER", "Message-ID", quoted(message_id)))

    def whole(self, id: str) -> tuple[Place, str, Fetched]:
        """Return a message with all its bytes. Code "full": more than `MOST`."""
        place, raw = self._found(id)
        sized = self.mailbox.fetch(raw, [place.uid], "RFC822.SIZE")
        if sized and sized[0].size > MOST:
            raise ServiceError(f"The mail has more than {MOST >> 20} MB; it was not fetched.", code="full")
        items = "FLAGS INTERNALDATE RFC822.SIZE BODYSTRUCTURE BODY.PEEK[]"
        found = self.mailbox.fetch(raw, [place.uid], items)
        if not found:
            raise ServiceError("The mail is not there any more.", hint="Look for it again.", code="missing")
        return place, raw, found[0]

    def read(self, id: str, mailbox: str = "") -> Message:
        """Return a message. It stays unread if it was."""
        self._own(mailbox)
        place, _, fetched = self.whole(id)
        head = replace(self._head(place.folder, fetched), id=id)
        return mime.message(fetched.content, head)

    def content(self, id: str, part: str, limit: int = MOST_FILE, mailbox: str = "") -> bytes:
        """Return an attachment's bytes. Code "full": more than `limit`."""
        self._own(mailbox)
        _, _, fetched = self.whole(id)
        try:
            found = mime.content_of(fetched.content, part)
        except KeyError:
            raise ServiceError("The mail has no such attachment.", code="missing") from None
        if len(found) > limit:
            raise ServiceError(f"The attachment has more than {limit >> 20} MB.", code="full")
        return found

    def thread(self, id: str, limit: int = 50, mailbox: str = "") -> list[Headline]:
        """Return the messages that refer to the same beginning (RFC 5322, section 3.6.4), the oldest first."""
        self._own(mailbox)
        place, _, fetched = self.whole(id)
        root = self._head(place.folder, fetched).thread
        if not root:
            return [self.read(id).head]
        found: list[Headline] = []
        for path, raw in self._where(Query()):
            keys = [("HEADER", name, quoted(root)) for name in ("Message-ID", "References", "In-Reply-To")]
            uids = sorted({uid for key in keys for uid in self.mailbox.search(raw, key)})
            found += self._heads(path, raw, uids[-limit:])
        known = {head.headers.get("message-id") or head.id: head for head in found}
        return sorted(known.values(), key=_time)[-limit:]

    def people(self, name: str) -> list[Address]:
        """Return those of a name whom one wrote to; who merely wrote to us is not among them."""
        raw = self.for_role("sent")
        criteria, texts = _criteria(Query(to=name))
        heads = self._heads("", raw, self.mailbox.search(raw, criteria, texts)[-100:])
        words = name.casefold().split()
        found = [who for head in heads for who in (*head.to, *head.cc)]
        fitting = [who for who in found if all(word in str(who).casefold() for word in words)]
        return list({who.address.casefold(): who for who in fitting}.values())

    # --- changing -----------------------------------------------------------------------------------------------------

    def mark(self, ids: Sequence[str], marks: Marks, mailbox: str = "") -> None:
        """Change the flags of messages; a category is a keyword (RFC 3501, section 2.3.2)."""
        self._writing(mailbox)
        on = [*(["\\Seen"] if marks.read else []), *(["\\Flagged"] if marks.flagged else []), *map(_keyword, marks.add)]
        off = [
            *(["\\Seen"] if marks.read is False else []),
            *(["\\Flagged"] if marks.flagged is False else []),
            *map(_keyword, marks.remove),
        ]
        for raw, uids in self._by_folder(ids):
            for sign, flags in (("+FLAGS.SILENT", on), ("-FLAGS.SILENT", off)):
                if flags:
                    self._store(raw, uids, sign, flags)

    def _store(self, raw: str, uids: str, sign: str, flags: Sequence[str]) -> None:
        def store(client: imaplib.IMAP4) -> tuple[str, list[Any]]:
            lost = [each for each in flags if not each.startswith("\\") and each.lower() not in self.mailbox.keeps]
            if lost and "\\*" not in self.mailbox.keeps and sign.startswith("+"):
                raise ServiceError(f"This mailbox keeps no categories ({', '.join(lost)}).", code="unsupported")
            return client.uid("STORE", uids, sign, f"({' '.join(flags)})")

        self.mailbox.change(raw, store, "the marks")

    def move(self, ids: Sequence[str], folder: str, mailbox: str = "") -> None:
        """Move messages into a folder (RFC 6851, else a copy and RFC 4315)."""
        self._writing(mailbox)
        target = quoted(self.raw(folder))
        for raw, uids in self._by_folder(ids):
            if quoted(raw) == target:
                continue
            if self.mailbox.has("MOVE"):
                self.mailbox.change(raw, lambda client, uids=uids: client.uid("MOVE", uids, target), "the move")  # type: ignore[misc]
            else:
                self.mailbox.change(raw, lambda client, uids=uids: client.uid("COPY", uids, target), "the move")  # type: ignore[misc]
                self.expunge(raw, uids)

    def expunge(self, raw: str, uids: str) -> None:
        """Take messages out of a folder; those that others marked stay, where the server can tell them apart."""
        self._store(raw, uids, "+FLAGS.SILENT", ["\\Deleted"])
        if self.mailbox.has("UIDPLUS"):
            self.mailbox.change(raw, lambda client: client.uid("EXPUNGE", uids), "the move")

    def _by_folder(self, ids: Sequence[str]) -> list[tuple[str, str]]:
        found: dict[str, list[int]] = {}
        for id in ids:
            place, raw = self._found(id)
            found.setdefault(raw, []).append(place.uid)
        return [(raw, ",".join(map(str, sorted(uids)))) for raw, uids in found.items()]

    # --- settings -----------------------------------------------------------------------------------------------------

    def rules(self, mailbox: str = "") -> list[Rule]:
        """Raise ServiceError: IMAP has no rules."""
        raise ServiceError("The rules of this mailbox can't be read: IMAP has none.", code="unsupported")

    def absence(self, mailbox: str = "") -> Absence:
        """Raise ServiceError: IMAP has no automatic reply."""
        raise ServiceError("The automatic reply can't be read: IMAP has none.", code="unsupported")

    # --- writing ------------------------------------------------------------------------------------------------------

    def draft(self, letter: Letter, key: str, mailbox: str = "") -> str:
        """Return the id of the draft that keeps a letter; with the same key there is one."""
        self._writing(mailbox)
        return sending.draft(self, letter, key)

    def send(self, letter: Letter, key: str, mailbox: str = "") -> str:
        """Send a letter and return a receipt; with the same key it goes out once, as far as the sent items tell."""
        self._writing(mailbox)
        return sending.send(self, self._account, letter, key)

    def send_draft(self, id: str, key: str, mailbox: str = "") -> str:
        """Send a draft as it is and return a receipt."""
        self._writing(mailbox)
        return sending.send_draft(self, self._account, id)


# --- queries ----------------------------------------------------------------------------------------------------------


def _criteria(query: Query) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the keys of a search (RFC 3501, section 6.4.4), and those whose words are not ASCII apart."""
    keys = [
        *(_mark(query.unread, "UNSEEN", "SEEN") + _mark(query.flagged, "FLAGGED", "UNFLAGGED")),
        *(["SINCE", _day(query.since)] if query.since else []),
        *(["BEFORE", _day(query.until + timedelta(days=1))] if query.until else []),
        *(["KEYWORD", _keyword(query.category)] if query.category else []),
    ]
    texts: list[tuple[str, str]] = []
    words = [phrase or word for phrase, word in re.findall(r'"([^"]*)"|(\S+)', query.words)]
    terms = [("TEXT", each) for each in words] + [("FROM", query.sender), ("TO", query.to), ("SUBJECT", query.subject)]
    for key, text in terms:
        if not text.strip():
            continue
        if not text.isascii():
            texts.append((key, text))
        elif key == "TO":
            keys += ["OR", "TO", quoted(text), "CC", quoted(text)]
        else:
            keys += [key, quoted(text)]
    return keys, texts


def _mark(wanted: bool | None, yes: str, no: str) -> list[str]:
    return [] if wanted is None else [yes if wanted else no]


def _day(moment: datetime) -> str:
    """Return a day as RFC 3501 writes it, whatever the language of this machine."""
    day = moment.astimezone(UTC)
    return f"{day.day}-{_MONTHS[day.month - 1]}-{day.year}"


def _fits(query: Query, head: Headline) -> bool:
    """Return whether a message fits what a search says to the day only, or not at all."""
    return (
        query.attachment in (None, head.attachments)
        and (not query.since or head.moment is None or head.moment >= query.since)
        and (not query.until or head.moment is None or head.moment < query.until)
    )


def _keyword(category: str) -> str:
    """Return a category as a keyword. Raises ServiceError for one that has no ASCII letter."""
    found = _KEYWORD.sub("_", category.strip()).strip("_")
    if not found:
        raise ServiceError(f"{category!r} can't be a category over IMAP.", hint="Use ASCII letters.", code="invalid")
    return found


def _arrived(about: bytes) -> datetime | None:
    found = re.search(rb'INTERNALDATE "[^"]+"', about)
    moment = imaplib.Internaldate2tuple(found[0]) if found else None
    if moment is None:
        return None
    return datetime.fromtimestamp(time.mktime(moment), UTC)


def _time(head: Headline) -> float:
    return head.moment.timestamp() if head.moment else 0.0
