"""Letters as drafts, and drafts sent: each at most once, whatever breaks on the way.

A draft carries the key of its delivery as an extended property, and keeps its immutable id when it is sent ("Get
immutable identifiers for Outlook resources"). So the mailbox itself says whether a letter was made, and whether it went
out: a draft that is none any more was sent, and the same draft can't be sent twice.
"""

from __future__ import annotations

import base64
import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING

from copilot.errors import ServiceError
from copilot.plugins.connections.mail import Answers, Enclosure, Letter

from .graph import GraphError, Json, literal
from .mail_shapes import KEY, body_of

if TYPE_CHECKING:
    from .mail import GraphMail

#: Bytes up to which an attachment goes in one request; from 3 MB on it needs an upload session.
_SMALL = 2 * 2**20
_CREATES: dict[Answers, str] = {"reply": "createReply", "reply_all": "createReplyAll"}
_WRITE, _SEND = "Mail.ReadWrite", "Mail.Send"


async def draft(mail: GraphMail, letter: Letter, key: str, mailbox: str) -> str:
    """Return the id of the draft that keeps a letter, with its attachments; there is one for each key."""
    made = await _made(mail, letter, _short(key), mailbox)
    return str(made["id"])


async def send(mail: GraphMail, letter: Letter, key: str, mailbox: str) -> str:
    """Send a letter and return a receipt. When it could not be sent, no draft of it is left.

    Raises ServiceError; its code is "uncertain" when it may have gone out.
    """
    made = await _made(mail, letter, _short(key), mailbox)
    id = str(made["id"])
    try:
        if made.get("isDraft", True):
            await _go(mail, id, mailbox)
    except ServiceError as error:
        if error.code != "uncertain":
            await _drop(mail, id, mailbox)
        raise
    return "A copy is in the sent items."


async def send_draft(mail: GraphMail, id: str, mailbox: str) -> str:
    """Send a draft as it is and return a receipt. When it could not be sent, it stays."""
    await _go(mail, id, mailbox)
    return "A copy is in the sent items."


async def _go(mail: GraphMail, id: str, mailbox: str) -> None:
    """Send a draft; where its answer got lost, the draft itself is looked at."""
    path, scope = mail.path(mailbox, "/messages/{}", id), mail.scope(_SEND, mailbox)
    try:
        await mail.call("POST", f"{path}/send", what="the message", scope=scope, idempotent=True)
    except GraphError as error:
        if error.code not in ("uncertain", "missing"):
            raise
        if not await _is_sent(mail, path, error):
            raise


async def _is_sent(mail: GraphMail, path: str, error: GraphError) -> bool:
    """Return whether what was a draft is none any more. Raises the error itself when that can't be seen."""
    try:
        found = await mail.get(path, params={"$select": "isDraft"}, what="the message")
    except ServiceError:
        raise error from None
    return found.get("isDraft") is False


# --- drafts -----------------------------------------------------------------------------------------------------------


async def _made(mail: GraphMail, letter: Letter, key: str, mailbox: str) -> Json:
    """Return the draft of a letter, complete; or what was sent, when that was the same delivery."""
    made = await _found(mail, key, mailbox)
    if made is not None and not made.get("isDraft"):
        return made
    fresh = made is None
    if made is None:
        made = await _created(mail, letter, key, mailbox)
    id = str(made["id"])
    try:
        if not fresh or letter.answers in _CREATES:
            await _fill(mail, letter, key, id, mailbox)
        await _attach(mail, letter, id, mailbox, fresh=fresh)
    except ServiceError:
        await _drop(mail, id, mailbox)
        raise
    return {**made, "isDraft": True}


async def _found(mail: GraphMail, key: str, mailbox: str) -> Json | None:
    """Return what carries a key, None if nothing does."""
    test = f"singleValueExtendedProperties/any(ep: ep/id eq {literal(KEY)} and ep/value eq {literal(key)})"
    params = {"$filter": test, "$select": "id,isDraft"}
    found = await mail.listed(
        mail.path(mailbox, "/messages"), 2, params=params, what="the draft", scope=mail.scope(_WRITE, mailbox)
    )
    return next((each for each in found if not each.get("isDraft")), found[0] if found else None)


async def _created(mail: GraphMail, letter: Letter, key: str, mailbox: str) -> Json:
    """Return a new draft; where an answer got lost, the one that was made."""
    error: GraphError | None = None
    for _ in range(3):
        if error is not None and (made := await _found(mail, key, mailbox)) is not None:
            return made
        try:
            return await _create(mail, letter, key, mailbox)
        except GraphError as lost:
            if lost.code != "uncertain":
                raise
            error = lost
    if (made := await _found(mail, key, mailbox)) is not None:
        return made
    raise GraphError("The draft could not be made.", hint="Try again later.", code="unreachable") from error


async def _create(mail: GraphMail, letter: Letter, key: str, mailbox: str) -> Json:
    content = {**body_of(letter), "singleValueExtendedProperties": [{"id": KEY, "value": key}]}
    path, scope = mail.path(mailbox, "/messages"), mail.scope(_WRITE, mailbox)
    if call := _CREATES.get(letter.answers):
        path, content = mail.path(mailbox, "/messages/{}/" + call, letter.answered), {"message": content}
    return await mail.call("POST", path, content, what="the draft", scope=scope)


async def _fill(mail: GraphMail, letter: Letter, key: str, id: str, mailbox: str) -> None:
    """Make a draft say exactly what the letter says: an answer begins with words of Exchange's own."""
    content = {**body_of(letter), "singleValueExtendedProperties": [{"id": KEY, "value": key}]}
    path, scope = mail.path(mailbox, "/messages/{}", id), mail.scope(_WRITE, mailbox)
    await mail.call("PATCH", path, content, what="the draft", scope=scope, idempotent=True)


async def _drop(mail: GraphMail, id: str, mailbox: str) -> None:
    """Take a draft away that will not be sent; one that stays does no harm."""
    with suppress(ServiceError):
        await mail.call("DELETE", mail.path(mailbox, "/messages/{}", id), what="the draft")


# --- attachments ------------------------------------------------------------------------------------------------------


async def _attach(mail: GraphMail, letter: Letter, id: str, mailbox: str, *, fresh: bool) -> None:
    """Put the files of a letter on its draft; those that are there stay."""
    path = mail.path(mailbox, "/messages/{}/attachments", id)
    there = 0 if fresh or not letter.files else len(await _names(mail, path))
    for number, file in enumerate(letter.files):
        if number >= there:
            await _attach_one(mail, path, file, number, mail.scope(_WRITE, mailbox))


async def _attach_one(mail: GraphMail, path: str, file: Enclosure, before: int, scope: str) -> None:
    for _ in range(3):
        try:
            return await _attached(mail, path, file, scope)
        except GraphError as error:
            if error.code != "uncertain":
                raise
            if len(await _names(mail, path)) > before:
                return None
    raise GraphError(f"{file.name} could not be attached.", hint="Try again later.", code="unreachable")


async def _attached(mail: GraphMail, path: str, file: Enclosure, scope: str) -> None:
    what = f"the attachment {file.name}"
    if len(file.content) <= _SMALL:
        content = {
            "@odata.type": "#microsoft.graph.fileAttachment",
            "name": file.name,
            "contentType": file.media,
            "contentBytes": base64.b64encode(file.content).decode(),
        }
        await mail.call("POST", path, content, what=what, scope=scope)
        return
    item = {"attachmentType": "file", "name": file.name, "size": len(file.content), "contentType": file.media}
    await mail.connection.graph.upload(path, file.content, body={"AttachmentItem": item}, what=what, scope=scope)


async def _names(mail: GraphMail, path: str) -> list[str]:
    found = await mail.listed(path, 500, params={"$select": "id,name"}, what="the attachments")
    return [str(each.get("name")) for each in found]


def _short(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:40]
