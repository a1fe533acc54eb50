"""Mail: folders, messages, drafts and answers, sending, rules, settings and categories.

Source: Microsoft Graph v1.0, "Use the Outlook mail REST API" and the pages of each call.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from email.message import EmailMessage
from typing import Any

from copilot.demo.microsoft365 import kql
from copilot.demo.microsoft365.call import Answer, Body, Call, accepted, created
from copilot.demo.microsoft365.mailbox import Mailbox, attached, headers_of, shown_id, take, text_of
from copilot.demo.microsoft365.odata import delta, page, shape
from copilot.demo.microsoft365.refusals import bad_request, if_match
from copilot.demo.microsoft365.routing import Routes
from copilot.demo.microsoft365.state import Resource

routes = Routes()

READ, WRITE, SEND = "Mail.Read", "Mail.ReadWrite", "Mail.Send"
_SETTINGS = "MailboxSettings.Read"
#: What comes only when it is selected or expanded.
_HIDDEN = ("internetMessageHeaders", "singleValueExtendedProperties")
#: Extended properties that follow from headers: the set of named properties of internet headers ([MS-OXPROPS] 1.3.2).
_OF_HEADERS = "String {00020386-0000-0000-C000-000000000046} Name "
_SENSITIVITY = "Integer 0x36"
_SENSITIVITIES = ("normal", "personal", "private", "company-confidential")


def box_of(call: Call) -> Mailbox:
    """Return the mailbox that the path names. Raises the 403 and the 404."""
    return Mailbox.of(call.state, call.mailbox())


def view(call: Call, box: Mailbox, message: Resource) -> Resource:
    """Return a message as it is answered."""
    seen = {k: v for k, v in message.items() if k != "id"}
    body = seen["body"]
    if call.prefers("outlook.body-content-type") == "text":
        seen["body"] = {"contentType": "text", "content": text_of(body)}
    return {
        "@odata.etag": f'W/"{message["changeKey"]}"',
        "id": shown_id(message, immutable=call.prefers("IdType").lower() == "immutableid"),
        **seen,
        "internetMessageHeaders": [] if message["isDraft"] else headers_of(message),
        "singleValueExtendedProperties": _properties(message),
    }


def _properties(message: Resource) -> list[Resource]:
    headers = {k.lower(): v for k, v in message["_headers"].items()}
    found = {f"{_OF_HEADERS}{name}": value for name, value in headers.items()}
    level = headers.get("sensitivity", "normal").lower()
    found[_SENSITIVITY] = str(_SENSITIVITIES.index(level) if level in _SENSITIVITIES else 0)
    return [{"id": k, "value": v} for k, v in {**found, **message["_properties"]}.items()]


def _expand(call: Call, box: Mailbox) -> dict[str, Any]:
    wanted = {each.casefold() for each in re.findall(r"id eq '([^']*)'", call.query.get("$expand", ""))}

    def properties(message: Resource) -> list[Resource]:
        return [p for p in message["singleValueExtendedProperties"] if p["id"].casefold() in wanted]

    def attachments(message: Resource) -> list[Resource]:
        id = message["id"].rpartition(".")[0] or message["id"]
        return [attached(box, each) for each in box.attachments.where(_message=id)]

    return {"singleValueExtendedProperties": properties, "attachments": attachments}


def answer(call: Call, box: Mailbox, message: Resource) -> Resource:
    """Return a message as the answer to a call."""
    return shape(call, view(call, box, message), _context(call, "messages/$entity"), _expand(call, box), _HIDDEN)


def _context(call: Call, rest: str) -> str:
    return f"users('{call.params['user']}')/{rest}"


# --- folders ----------------------------------------------------------------------------------------------------------


@routes.get("/users/{user}/mailFolders", needs=READ)
def folders(call: Call) -> Body:
    """List the folders at the top."""
    return _folders(call, "")


@routes.get("/users/{user}/mailFolders/{folder}/childFolders", needs=READ)
def children(call: Call) -> Body:
    """List the folders in a folder."""
    name = call.params["folder"]
    return _folders(call, "" if name == "msgfolderroot" else box_of(call).folder(name)["id"])


def _folders(call: Call, parent: str) -> Resource:
    box = box_of(call)
    found = [box.folder_view(each) for each in box.folders.where(_parent=parent)]
    return page(call, found, _context(call, "mailFolders"), size=10, most=1000)


@routes.post("/users/{user}/mailFolders", needs=WRITE)
@routes.post("/users/{user}/mailFolders/{folder}/childFolders", needs=WRITE)
def add_folder(call: Call) -> Body:
    """Make a folder."""
    box = box_of(call)
    parent = box.folder(call.params["folder"])["id"] if "folder" in call.params else ""
    made = box.add_folder(str(call.json().get("displayName") or ""), parent)
    return created(shape(call, box.folder_view(made), _context(call, "mailFolders/$entity")))


@routes.get("/users/{user}/mailFolders/{folder}", needs=READ)
def folder(call: Call) -> Body:
    """Return a folder."""
    box = box_of(call)
    found = box.folder_view(box.folder(call.params["folder"]))
    return shape(call, found, _context(call, "mailFolders/$entity"))


# --- messages ---------------------------------------------------------------------------------------------------------


@routes.get("/users/{user}/messages", needs=READ)
@routes.get("/users/{user}/mailFolders/{folder}/messages", needs=READ)
def messages(call: Call) -> Body:
    """List messages, the newest first."""
    box = box_of(call)
    _combinations(call)
    found: Iterable[Resource] = box.messages
    if "folder" in call.params:
        found = box.messages.where(parentFolderId=box.folder(call.params["folder"])["id"])
    newest = sorted(found, key=lambda m: m["receivedDateTime"], reverse=True)
    shown = [view(call, box, each) for each in newest]
    return page(
        *(call, shown, _context(call, "messages")),
        size=10,
        most=1000,
        fields=lambda message: _searched(box, message),
        expand=_expand(call, box),
        hidden=_HIDDEN,
    )


def _combinations(call: Call) -> None:
    """Raise the 400 for options that Exchange does not take together ("Use the $search query parameter", "Filter")."""
    asked = call.query
    if "$search" in asked and "$filter" in asked:
        raise bad_request("The query parameter '$search' is not supported with '$filter'.", "SearchWithFilter")
    if "$search" in asked and "$orderby" in asked:
        raise bad_request("The query parameter '$orderby' is not supported with '$search'.", "SearchWithOrderBy")
    order = asked.get("$orderby", "").partition(",")[0].split()
    if "$filter" in asked and order and not asked["$filter"].lstrip("( ").startswith(order[0]):
        message = "The restriction or sort order is too complex for this operation."
        raise bad_request(message, "InefficientFilter")


def _searched(box: Mailbox, message: Resource) -> kql.Searched:
    """Return what of a message is searched, by the names that "$search on message collections" lists."""

    def people(*fields: str) -> str:
        found = [
            r["emailAddress"] for f in fields for r in (message[f] if isinstance(message[f], list) else [message[f]])
        ]
        return " ".join(f"{each['name']} {each['address']}" for each in found)

    id = message["id"].rpartition(".")[0] or message["id"]
    names = " ".join(each["name"] for each in box.attachments.where(_message=id))
    body = text_of(message["body"])
    to, cc, bcc = people("toRecipients"), people("ccRecipients"), people("bccRecipients")
    sender = people("from")
    fields = {
        **{"from": sender, "to": to, "cc": cc, "bcc": bcc, "subject": message["subject"], "body": body},
        **{"recipients": f"{to} {cc} {bcc}", "participants": f"{sender} {to} {cc} {bcc}", "attachment": names},
        **{"hasattachment": message["hasAttachments"], "hasattachments": message["hasAttachments"]},
        **{"received": message["receivedDateTime"], "sent": message["sentDateTime"], "kind": "email"},
        **{"importance": message["importance"], "size": len(body)},
    }
    return kql.Searched(f"{message['subject']} {body} {sender} {to} {cc} {names}", fields)


@routes.post("/users/{user}/messages", needs=WRITE)
@routes.post("/users/{user}/mailFolders/{folder}/messages", needs=WRITE)
def add(call: Call) -> Body:
    """Make a draft."""
    box = box_of(call)
    made = box.add(call.params.get("folder", "drafts"), call.json())
    made.update({"isDraft": True, "isRead": True})
    _take_attachments(box, made, call.json())
    return created(answer(call, box, made))


def _take_attachments(box: Mailbox, message: Resource, given: Resource) -> None:
    for each in given.get("attachments", ()):
        take(box, message, each)


@routes.get("/users/{user}/messages/{message}", needs=READ)
@routes.get("/users/{user}/mailFolders/{folder}/messages/{message}", needs=READ)
def message(call: Call) -> Body:
    """Return a message."""
    box = box_of(call)
    return answer(call, box, box.message(call.params["message"]))


@routes.patch("/users/{user}/messages/{message}", needs=WRITE)
@routes.patch("/users/{user}/mailFolders/{folder}/messages/{message}", needs=WRITE)
def change(call: Call) -> Body:
    """Change a message."""
    box = box_of(call)
    found = box.message(call.params["message"])
    if_match(call, found["changeKey"], code="ErrorIrresolvableConflict")
    return answer(call, box, box.change(found, call.json()))


@routes.delete("/users/{user}/messages/{message}", needs=WRITE)
@routes.delete("/users/{user}/mailFolders/{folder}/messages/{message}", needs=WRITE)
def remove(call: Call) -> Body:
    """Delete a message: it can be recovered by an administrator, not by a client."""
    box = box_of(call)
    box.remove(box.message(call.params["message"]))
    return None


@routes.get("/users/{user}/messages/{message}/$value", needs=READ)
def mime(call: Call) -> Body:
    """Return a message as MIME."""
    box = box_of(call)
    return Answer(200, mime_of(box, box.message(call.params["message"])), {"Content-Type": "text/plain"})


def mime_of(box: Mailbox, message: Resource) -> bytes:
    """Return a message as RFC 5322 has it."""
    made = EmailMessage()
    for each in headers_of(message):
        if each["name"] not in ("MIME-Version", "Content-Type"):
            made[each["name"]] = each["value"]
    for header, name in (("To", "toRecipients"), ("Cc", "ccRecipients")):
        if message[name]:
            made[header] = ", ".join(each["emailAddress"]["address"] for each in message[name])
    made.set_content(
        message["body"]["content"], subtype=message["body"]["contentType"].lower().replace("text", "plain")
    )
    for each in box.attachments.where(_message=message["id"]):
        main, _, sub = each["contentType"].partition("/")
        data = box.state.blobs.get(each["_blob"])
        made.add_attachment(data, maintype=main, subtype=sub or "octet-stream", filename=each["name"])
    return made.as_bytes()


@routes.post("/users/{user}/messages/{message}/move", needs=WRITE)
def move(call: Call) -> Body:
    """Move a message; it has another id then, unless ids are immutable."""
    box = box_of(call)
    target = box.folder(str(call.json().get("destinationId") or ""))
    return created(answer(call, box, box.move(box.message(call.params["message"]), target)))


@routes.post("/users/{user}/messages/{message}/copy", needs=WRITE)
def copy(call: Call) -> Body:
    """Copy a message."""
    box = box_of(call)
    target = box.folder(str(call.json().get("destinationId") or ""))
    return created(answer(call, box, box.copy(box.message(call.params["message"]), target["id"])))


@routes.get("/users/{user}/mailFolders/{folder}/messages/delta", needs=READ)
@routes.get("/users/{user}/mailFolders/{folder}/messages/delta()", needs=READ)
def changes(call: Call) -> Body:
    """List what changed in a folder since a token."""
    box = box_of(call)
    folder = box.folder(call.params["folder"])["id"]

    def seen(message: Resource) -> Resource:
        return {k: v for k, v in view(call, box, message).items() if k not in _HIDDEN}

    def here(message: Resource) -> bool:
        return bool(message["parentFolderId"] == folder)

    size = int(call.prefers("odata.maxpagesize") or 10)
    return delta(call, box.messages, "Collection(message)", keep=here, view=seen, size=size)


# --- answers, sending -------------------------------------------------------------------------------------------------


@routes.post("/users/{user}/messages/{message}/createReply", needs=WRITE)
@routes.post("/users/{user}/messages/{message}/createReplyAll", needs=WRITE)
@routes.post("/users/{user}/messages/{message}/createForward", needs=WRITE)
def draft_answer(call: Call) -> Body:
    """Make the draft of an answer."""
    box = box_of(call)
    kind = call.path.rpartition("/create")[2]
    made = box.answer(box.message(call.params["message"]), kind[:1].lower() + kind[1:], call.json())
    return created(answer(call, box, made))


@routes.post("/users/{user}/messages/{message}/reply", needs=SEND)
@routes.post("/users/{user}/messages/{message}/replyAll", needs=SEND)
@routes.post("/users/{user}/messages/{message}/forward", needs=SEND)
def send_answer(call: Call) -> Body:
    """Answer at once."""
    box = box_of(call)
    kind = call.path.rpartition("/")[2]
    box.send(box.answer(box.message(call.params["message"]), kind, call.json()))
    return accepted()


@routes.post("/users/{user}/messages/{message}/send", needs=SEND)
def send(call: Call) -> Body:
    """Send a draft."""
    box = box_of(call)
    box.send(box.message(call.params["message"]))
    return accepted()


@routes.post("/users/{user}/sendMail", needs=SEND)
def send_mail(call: Call) -> Body:
    """Send a message that is no draft before."""
    box = box_of(call)
    given = call.json()
    made = box.add("drafts", given.get("message") or {})
    made.update({"isDraft": True})
    _take_attachments(box, made, given.get("message") or {})
    try:
        box.send(made, keep=given.get("saveToSentItems", True))
    except Exception:
        box.remove(made)
        raise
    return accepted()


# --- rules, settings, categories --------------------------------------------------------------------------------------


@routes.get("/users/{user}/mailFolders/{folder}/messageRules", needs=_SETTINGS)
def rules(call: Call) -> Body:
    """List the rules of the inbox."""
    found = call.state.collection("messageRules", call.mailbox())
    return page(call, found, _context(call, "mailFolders('inbox')/messageRules"))


@routes.get("/users/{user}/mailboxSettings", needs=_SETTINGS)
def settings(call: Call) -> Body:
    """Return the settings of a mailbox."""
    return shape(call, settings_of(call), _context(call, "mailboxSettings"))


@routes.get("/users/{user}/mailboxSettings/automaticRepliesSetting", needs=_SETTINGS)
def replies(call: Call) -> Body:
    """Return the automatic reply."""
    found = settings_of(call)["automaticRepliesSetting"]
    return shape(call, found, _context(call, "mailboxSettings/automaticRepliesSetting"))


@routes.patch("/users/{user}/mailboxSettings", needs="MailboxSettings.ReadWrite")
def change_settings(call: Call) -> Body:
    """Change the settings of a mailbox."""
    call.state.users.change(call.mailbox(), {"_mailbox": {**settings_of(call), **call.json()}})
    return settings(call)


def settings_of(call: Call) -> Resource:
    """Return the settings of the path's mailbox, as Exchange has them where nobody set anything."""
    user = call.state.users.get(call.mailbox()) or {}
    off = {
        "status": "disabled",
        "externalAudience": "all",
        "internalReplyMessage": "",
        "externalReplyMessage": "",
        "scheduledStartDateTime": {"dateTime": "2026-06-01T18:00:00.0000000", "timeZone": "UTC"},
        "scheduledEndDateTime": {"dateTime": "2026-06-02T18:00:00.0000000", "timeZone": "UTC"},
    }
    return {
        "archiveFolder": Mailbox.of(call.state, call.mailbox()).folder("archive")["id"],
        "timeZone": "W. Europe Standard Time",
        "dateFormat": "yyyy-MM-dd",
        "timeFormat": "HH:mm",
        "language": {"locale": "en-GB", "displayName": "English (United Kingdom)"},
        "workingHours": {
            "daysOfWeek": ["monday", "tuesday", "wednesday", "thursday", "friday"],
            "startTime": "08:00:00.0000000",
            "endTime": "17:00:00.0000000",
            "timeZone": {"name": "W. Europe Standard Time"},
        },
        "userPurpose": "shared" if user.get("_shared_with") else "user",
        "automaticRepliesSetting": off,
        **user.get("_mailbox", {}),
    }


@routes.get("/users/{user}/outlook/masterCategories", needs=_SETTINGS)
def categories(call: Call) -> Body:
    """List the categories."""
    found = call.state.collection("masterCategories", call.mailbox())
    return page(call, found, _context(call, "outlook/masterCategories"))
