"""Mailboxes, their folders and messages: the rules, apart from the protocol.

Source: Microsoft Graph, "Outlook mail API overview", "message resource type", "mailFolder resource type".
"""

from __future__ import annotations

import base64
import binascii
import copy
import hashlib
import html
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from copilot.demo.microsoft365.refusals import Refusal, bad_request, conflict, not_found
from copilot.demo.microsoft365.state import Collection, Resource, State

#: The folders that every mailbox has: well-known name, and the name that people see.
WELL_KNOWN: Mapping[str, str] = {
    "inbox": "Inbox",
    "drafts": "Drafts",
    "sentitems": "Sent Items",
    "deleteditems": "Deleted Items",
    "junkemail": "Junk Email",
    "archive": "Archive",
    "outbox": "Outbox",
}
ROOT = "msgfolderroot"
#: What a client may set of a message, and what only of a draft ("Update message").
ALWAYS = ("categories", "importance", "inferenceClassification", "isRead", "flag")
IN_DRAFTS = (
    *("subject", "body", "toRecipients", "ccRecipients", "bccRecipients", "replyTo", "from", "sender"),
    *("isDeliveryReceiptRequested", "isReadReceiptRequested", "internetMessageId"),
)
#: Bytes of an attachment that fit into one request.
MOST_IN_ONE = 3 * 2**20
_PREVIEW = 255


class Mailbox:
    """One mailbox; it is made when it is first looked for."""

    def __init__(self, state: State, user: Resource) -> None:
        self.state, self.user = state, user
        self.owner = str(user["id"])
        if not len(self.folders):
            for name, title in WELL_KNOWN.items():
                self.add_folder(title, "", name)

    @classmethod
    def of(cls, state: State, owner: str) -> Mailbox:
        """Return the mailbox of a user's id or address. Raises the 404."""
        found = state.user(owner)
        if found is None:
            raise not_found("The mailbox does not exist.", "ErrorNonExistentMailbox")
        return cls(state, found)

    @property
    def folders(self) -> Collection:
        """Its folders."""
        return self.state.collection("mailFolders", self.owner)

    @property
    def messages(self) -> Collection:
        """Its messages, of all folders."""
        return self.state.collection("messages", self.owner)

    @property
    def attachments(self) -> Collection:
        """The attachments of its messages (`_message`)."""
        return self.state.collection("attachments", self.owner)

    @property
    def address(self) -> Resource:
        """Whose it is, as a recipient."""
        return recipient(self.user["mail"], self.user["displayName"])

    # --- folders ----------------------------------------------------------------------------------------------------

    def folder(self, name: str) -> Resource:
        """Return a folder by its id or well-known name. Raises the 404."""
        wanted = name.casefold()
        for each in self.folders:
            if name == each["id"] or wanted == each["_name"]:
                return each
        raise not_found("The specified folder could not be found in the store.", "ErrorItemNotFound")

    def add_folder(self, title: str, parent: str, name: str = "") -> Resource:
        """Return a new folder. Raises the 409 for a name that is taken."""
        if any(f["displayName"].casefold() == title.casefold() and f["_parent"] == parent for f in self.folders):
            raise conflict("ErrorFolderExists", f"A folder with the specified name already exists., {title}")
        return self.folders.add({"displayName": title, "isHidden": False, "_parent": parent, "_name": name}, "AAMk")

    def folder_view(self, folder: Resource) -> Resource:
        """Return a folder as it is answered, with its counts."""
        held = self.messages.where(parentFolderId=folder["id"])
        return {
            **folder,
            "parentFolderId": folder["_parent"] or f"AQMk{ROOT}",
            "childFolderCount": len(self.folders.where(_parent=folder["id"])),
            "unreadItemCount": sum(not m["isRead"] for m in held),
            "totalItemCount": len(held),
        }

    # --- messages ---------------------------------------------------------------------------------------------------

    def message(self, id: str) -> Resource:
        """Return a message by its immutable id, or by the one that it has in its present folder. Raises the 404."""
        found = self.messages.get(id)
        if found is None:
            bare, _, stamp = id.rpartition(".")
            found = self.messages.get(bare)
            if found is None or stamp != _stamp(found):
                raise not_found("The specified object was not found in the store.", "ErrorItemNotFound")
        return found

    def add(self, folder: str, fields: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Resource:
        """Return a new message in a folder, with what is not given as Exchange fills it in."""
        now = self.state.stamp()
        given = {k: _taken(k, fields[k]) for k in (*ALWAYS, *IN_DRAFTS) if k in fields}
        number = self.state.tick()
        subject = str(given.get("subject", ""))
        made: Resource = {
            "createdDateTime": now,
            "lastModifiedDateTime": now,
            "changeKey": "",
            "categories": [],
            "receivedDateTime": now,
            "sentDateTime": now,
            "hasAttachments": False,
            "internetMessageId": f"<{_short(f'{self.owner}{number}')}@fabrikam.example>",
            "subject": subject,
            "bodyPreview": "",
            "importance": "normal",
            "parentFolderId": self.folder(folder)["id"],
            "conversationId": fields.get("conversationId") or "AAQk" + _short(f"{self.state.tenant}{number}"),
            "conversationIndex": "AQHa" + _short(str(number)),
            "isDeliveryReceiptRequested": False,
            "isReadReceiptRequested": False,
            "isRead": False,
            "isDraft": False,
            "inferenceClassification": "focused",
            "body": {"contentType": "text", "content": ""},
            "sender": self.address,
            "from": self.address,
            "toRecipients": [],
            "ccRecipients": [],
            "bccRecipients": [],
            "replyTo": [],
            "flag": {"flagStatus": "notFlagged"},
            "_headers": dict(headers or {}),
            "_properties": {},
            **given,
        }
        self._follow(made)
        self._properties(made, fields)
        self.messages.add(made, "AAkA")
        made["webLink"] = (
            f"https://outlook.office365.example/owa/?ItemID={made['id']}&exvsurl=1&viewmodel=ReadMessageItem"
        )
        return self._touched(made)

    def change(self, message: Resource, fields: Mapping[str, Any]) -> Resource:
        """Change a message. Raises the 400 for what can be set of drafts only."""
        allowed = (*ALWAYS, *IN_DRAFTS) if message["isDraft"] else ALWAYS
        if beyond := [k for k in fields if k in IN_DRAFTS and k not in allowed]:
            raise bad_request(f"Property '{beyond[0]}' is read-only and cannot be set.", "ErrorInvalidPropertySet")
        message.update({k: _taken(k, fields[k]) for k in allowed if k in fields})
        self._follow(message)
        self._properties(message, fields)
        return self._touched(message)

    def move(self, message: Resource, folder: Resource) -> Resource:
        """Put a message into a folder."""
        message["parentFolderId"] = folder["id"]
        return self._touched(message)

    def copy(self, message: Resource, folder: str) -> Resource:
        """Return a copy of a message, with its attachments, in a folder."""
        made = self.add(folder, message, message["_headers"])
        kept = {k: copy.deepcopy(v) for k, v in message.items() if k not in ("id", "parentFolderId", "webLink")}
        made.update(kept)
        self.carry(message, made)
        return self._touched(made)

    def remove(self, message: Resource) -> None:
        """Delete a message and its attachments."""
        for each in self.attachments.where(_message=message["id"]):
            self.attachments.remove(each["id"])
        self.messages.remove(message["id"])

    def _follow(self, message: Resource) -> None:
        """Bring up to date what follows from the rest."""
        message["bodyPreview"] = " ".join(text_of(message["body"]).split())[:_PREVIEW]

    def _properties(self, message: Resource, fields: Mapping[str, Any]) -> None:
        for each in fields.get("singleValueExtendedProperties", ()):
            message["_properties"][str(each["id"])] = str(each["value"])
        for each in fields.get("internetMessageHeaders", ()):
            if not str(each["name"]).lower().startswith("x-"):
                message_ = f"The internet message header name '{each['name']}' should start with 'x-' or 'X-'."
                raise bad_request(message_, "InvalidInternetMessageHeader")
            message["_headers"][str(each["name"])] = str(each["value"])

    def _touched(self, message: Resource) -> Resource:
        message["lastModifiedDateTime"] = self.state.stamp()
        message["changeKey"] = "CQAA" + _short(str(self.state.tick()))
        self.messages.touch(message["id"])
        return message

    # --- attachments ------------------------------------------------------------------------------------------------

    def attach(self, message: Resource, given: Mapping[str, Any], data: bytes) -> Resource:
        """Return a new attachment of a message."""
        kind = str(given.get("@odata.type") or "#microsoft.graph.fileAttachment").removeprefix("#microsoft.graph.")
        made = {
            "@odata.type": f"#microsoft.graph.{kind}",
            "lastModifiedDateTime": self.state.stamp(),
            "name": str(given.get("name") or ""),
            "contentType": given.get("contentType") or "application/octet-stream",
            "size": len(data) + 500,  # Exchange counts its own properties, too
            "isInline": bool(given.get("isInline", False)),
            "_message": message["id"],
            "_blob": self.state.blobs.put(data),
        }
        if kind == "fileAttachment":
            made |= {"contentId": given.get("contentId"), "contentLocation": None}
        found = self.attachments.add(made, "AAMk")
        message["hasAttachments"] = message["hasAttachments"] or not made["isInline"]
        self._touched(message)
        return found

    def carry(self, message: Resource, into: Resource, target: Mailbox | None = None) -> None:
        """Copy the attachments of a message to another one, perhaps of another mailbox."""
        box = target or self
        for each in self.attachments.where(_message=message["id"]):
            box.attachments.add({**each, "id": self.state.new_id("AAMk"), "_message": into["id"]})
        into["hasAttachments"] = message["hasAttachments"]

    # --- sending ----------------------------------------------------------------------------------------------------

    def send(self, message: Resource, *, keep: bool = True) -> None:
        """Send a draft: it lies in the sent items then, and in the inboxes of who got it. Raises 400, 404."""
        if not message["isDraft"]:
            raise not_found("The specified object was not found in the store.", "ErrorItemNotFound")
        whom = list(addresses(message, "toRecipients", "ccRecipients", "bccRecipients"))
        if not whom:
            raise bad_request(
                "At least one recipient isn't valid., Recipient is not resolved.", "ErrorInvalidRecipients"
            )
        now = self.state.stamp()
        message.update({"isDraft": False, "isRead": True, "sentDateTime": now, "receivedDateTime": now})
        self.state.collection("deliveries").add(
            {"from": self.user["mail"], "to": whom, "messageId": message["internetMessageId"]}
        )
        for owner in self._owners(whom):
            Mailbox(self.state, owner).receive(message, self)
        if keep:
            self.move(message, self.folder("sentitems"))
        else:
            self.remove(message)

    def receive(self, message: Resource, sender: Mailbox) -> Resource:
        """Put a message that somebody sent into the inbox."""
        made = self.add("inbox", message, message["_headers"])
        kept = ("conversationId", "conversationIndex", "internetMessageId", "sentDateTime", "from", "sender", "body")
        made.update({k: copy.deepcopy(message[k]) for k in kept})
        made.update({"bccRecipients": [], "isRead": False, "categories": [], "flag": {"flagStatus": "notFlagged"}})
        sender.carry(message, made, self)
        return self._touched(made)

    def _owners(self, whom: Iterable[str]) -> list[Resource]:
        """Return the people of the company among recipients, members of groups included, each once."""
        found: dict[str, Resource] = {}
        for address in whom:
            groups = [g for g in self.state.groups if g["mail"].casefold() == address.casefold()]
            ids = [member for group in groups for member in group["_members"]]
            users = [self.state.user(address), *(self.state.users.get(id) for id in ids)]
            found |= {user["id"]: user for user in users if user is not None}
        return list(found.values())

    # --- answers ----------------------------------------------------------------------------------------------------

    def answer(self, message: Resource, kind: str, given: Mapping[str, Any]) -> Resource:
        """Return the draft of a reply, replyAll or forward. `given` is the body of the request. Raises the 400."""
        comment, changes = given.get("comment"), given.get("message") or {}
        if comment is not None and "body" in changes:
            raise bad_request("Both 'Comment' and 'Message.Body' are specified.", "ErrorInvalidRequest")
        forward = kind == "forward"
        prefix = "FW: " if forward else "RE: "
        subject = message["subject"]
        fields = {
            "subject": subject if subject.upper().startswith(prefix) else prefix + subject,
            "body": {"contentType": "html", "content": _quoted(message, str(comment or ""))},
            "conversationId": message["conversationId"],
            **({} if forward else self._answered(message, everybody=kind == "replyAll")),
            **({"toRecipients": given["toRecipients"]} if "toRecipients" in given else {}),
        }
        above = message["_headers"].get("References", "")
        headers = {
            "In-Reply-To": message["internetMessageId"],
            "References": f"{above} {message['internetMessageId']}".strip(),
        }
        made = self.add("drafts", fields, headers)
        made.update({"isDraft": True, "isRead": True})
        if forward:
            self.carry(message, made)
        return self.change(made, changes)

    def _answered(self, message: Resource, *, everybody: bool) -> Resource:
        to = message["replyTo"] or [message["from"]]
        if not everybody:
            return {"toRecipients": to}
        known = {self.user["mail"].casefold(), *(each["emailAddress"]["address"].casefold() for each in to)}
        others = {
            name: [r for r in message[name] if r["emailAddress"]["address"].casefold() not in known]
            for name in ("toRecipients", "ccRecipients")
        }
        return {"toRecipients": [*to, *others["toRecipients"]], "ccRecipients": others["ccRecipients"]}


# --- shapes -----------------------------------------------------------------------------------------------------------


def _taken(name: str, value: Any) -> Any:
    """Return a field as it is kept: who has no name is called by the address. Raises the 400."""
    kept = copy.deepcopy(value)
    people = kept if name.endswith("Recipients") or name == "replyTo" else [kept] if name in ("from", "sender") else []
    for each in people:
        found = each.get("emailAddress") if isinstance(each, dict) else None
        if not isinstance(found, dict):
            raise bad_request("The recipient has no emailAddress.", "RequestBodyRead")
        found.setdefault("name", found.get("address", ""))
    return kept


def recipient(address: str, name: str = "") -> Resource:
    """Return a recipient as Graph writes it."""
    return {"emailAddress": {"name": name or address, "address": address}}


def addresses(message: Resource, *fields: str) -> Iterator[str]:
    """Yield the addresses of recipients; the 400 for what is none."""
    for name in fields:
        for each in message.get(name, ()):
            address = str(each.get("emailAddress", {}).get("address") or "")
            if not re.fullmatch(r"[^@\s]+@[^@\s]+", address):
                raise Refusal(400, "ErrorInvalidRecipients", "At least one recipient isn't valid.")
            yield address


def take(box: Mailbox, message: Resource, given: Resource) -> Resource:
    """Return a new attachment as a request describes it, with its bytes. Raises the 400 and the 413."""
    try:
        data = base64.b64decode(given.get("contentBytes") or "", validate=True)
    except (binascii.Error, TypeError):
        raise bad_request("Cannot convert the contentBytes to the type Edm.Binary.", "RequestBodyRead") from None
    if len(data) > MOST_IN_ONE:
        raise Refusal(413, "ErrorMessageSizeExceeded", "The message exceeds the maximum supported size.")
    return box.attach(message, given, data)


def attached(box: Mailbox, attachment: Resource) -> Resource:
    """Return an attachment as it is answered: one that is a file with its bytes."""
    if attachment["@odata.type"] != "#microsoft.graph.fileAttachment":
        return attachment
    return {**attachment, "contentBytes": base64.b64encode(box.state.blobs.get(attachment["_blob"])).decode()}


def text_of(body: Resource) -> str:
    """Return a body as text."""
    content = str(body.get("content") or "")
    if body.get("contentType", "text").lower() != "html":
        return content
    bare = re.sub(r"(?is)<(style|script|head)\b.*?</\1>", "", content)
    lines = re.sub(r"(?i)<(?:br|/p|/div|/tr|/li|/h\d)\b[^>]*>", "\n", bare)
    return html.unescape(re.sub(r"<[^>]+>", "", lines)).strip()


def shown_id(message: Resource, *, immutable: bool) -> str:
    """Return the id of a message: the usual one changes when it is moved ("immutable identifiers")."""
    return str(message["id"]) if immutable else f"{message['id']}.{_stamp(message)}"


def headers_of(message: Resource) -> list[Resource]:
    """Return the internet headers of a message that came or went."""
    when = datetime.fromisoformat(message["sentDateTime"]).astimezone(UTC).strftime("%a, %d %b %Y %H:%M:%S +0000")
    sender = message["from"]["emailAddress"]
    usual = {
        "From": f"{sender['name']} <{sender['address']}>",
        "Subject": message["subject"],
        "Date": when,
        "Message-ID": message["internetMessageId"],
        "MIME-Version": "1.0",
    }
    return [{"name": k, "value": v} for k, v in {**usual, **message["_headers"]}.items()]


def _quoted(message: Resource, comment: str) -> str:
    sender = message["from"]["emailAddress"]
    inner = message["body"]["content"]
    if message["body"]["contentType"].lower() != "html":
        inner = html.escape(inner).replace("\n", "<br>")
    to = "; ".join(each["emailAddress"]["name"] for each in message["toRecipients"])
    head = (
        f"<b>From:</b> {html.escape(sender['name'])} &lt;{html.escape(sender['address'])}&gt;<br>"
        f"<b>Sent:</b> {message['sentDateTime']}<br><b>To:</b> {html.escape(to)}<br>"
        f"<b>Subject:</b> {html.escape(message['subject'])}"
    )
    return (
        f'<html><body>{html.escape(comment)}<hr tabindex="-1"><div id="divRplyFwdMsg">{head}</div>{inner}</body></html>'
    )


def _stamp(message: Resource) -> str:
    return _short(str(message["parentFolderId"]))[:8]


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
