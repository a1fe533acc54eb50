"""Attachments of messages: small ones with their bytes in JSON, large ones by an upload session.

Source: Microsoft Graph v1.0, "Add attachment", "attachment: createUploadSession", "Get attachment".
"""

from __future__ import annotations

import re
from datetime import timedelta

from copilot.demo.microsoft365 import tickets
from copilot.demo.microsoft365.call import Answer, Body, Call, created
from copilot.demo.microsoft365.mail import READ, WRITE, box_of
from copilot.demo.microsoft365.mailbox import Mailbox, attached, take
from copilot.demo.microsoft365.odata import page, shape
from copilot.demo.microsoft365.refusals import Refusal, bad_request, not_found
from copilot.demo.microsoft365.routing import Routes
from copilot.demo.microsoft365.state import Resource, written

routes = Routes()

#: Bytes that an upload session takes.
MOST = 150 * 2**20
_LASTS = timedelta(hours=1)
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)\Z")


def _found(call: Call) -> tuple[Mailbox, Resource]:
    box = box_of(call)
    message = box.message(call.params["message"])
    found = box.attachments.get(call.params["attachment"])
    if found is None or found["_message"] != message["id"]:
        raise not_found("The specified object was not found in the store.", "ErrorItemNotFound")
    return box, found


_PATH = "/users/{user}/messages/{message}/attachments"


def _context(call: Call) -> str:
    return f"users('{call.params['user']}')/messages('{call.params['message']}')/attachments"


@routes.get(_PATH, needs=READ)
def attachments(call: Call) -> Body:
    """List the attachments of a message."""
    box = box_of(call)
    held = box.attachments.where(_message=box.message(call.params["message"])["id"])
    return page(call, [attached(box, each) for each in held], _context(call))


@routes.get(_PATH + "/{attachment}", needs=READ)
def attachment(call: Call) -> Body:
    """Return an attachment."""
    box, found = _found(call)
    return shape(call, attached(box, found), _context(call) + "/$entity")


@routes.get(_PATH + "/{attachment}/$value", needs=READ)
def content(call: Call) -> Body:
    """Return the bytes of an attachment; a message within as MIME."""
    box, found = _found(call)
    if found["@odata.type"] == "#microsoft.graph.referenceAttachment":
        raise Refusal(405, "ErrorInvalidRequest", "The OData request is not supported.")
    return Answer(200, box.state.blobs.get(found["_blob"]), {"Content-Type": found["contentType"]})


@routes.post(_PATH, needs=WRITE)
def add(call: Call) -> Body:
    """Attach something to a draft."""
    box = box_of(call)
    made = take(box, box.message(call.params["message"]), call.json())
    return created(shape(call, attached(box, made), _context(call) + "/$entity"))


@routes.delete(_PATH + "/{attachment}", needs=WRITE)
def remove(call: Call) -> Body:
    """Take an attachment off."""
    box, found = _found(call)
    box.attachments.remove(found["id"])
    return None


# --- large ones -------------------------------------------------------------------------------------------------------


@routes.post(_PATH + "/createUploadSession", needs=WRITE)
def begin(call: Call) -> Body:
    """Begin an upload: a URL that takes the ranges, one after the other."""
    box = box_of(call)
    message = box.message(call.params["message"])
    item = call.json().get("AttachmentItem") or {}
    size = int(item.get("size") or 0)
    if not item.get("name") or not 0 < size <= MOST:
        raise bad_request("The attachment's name or size is missing or not supported.", "ErrorInvalidArgument")
    session = call.state.collection("mailUploads").add(
        {"_user": box.owner, "_message": message["id"], "_item": item, "_size": size, "_parts": [], "_had": 0}
    )
    url = tickets.make(call, "attach", session["id"], seconds=_LASTS.total_seconds())
    body = {"@odata.context": call.link("/$metadata") + "#microsoft.graph.uploadSession", "uploadUrl": url}
    return created({**body, **_status(call, session)})


def _status(call: Call, session: Resource) -> Resource:
    return {
        "expirationDateTime": written(call.state.now() + _LASTS),
        "nextExpectedRanges": [f"{session['_had']}-"],
    }


def _session(call: Call) -> Resource:
    (id,) = tickets.read(call, "attach")
    found = call.state.collection("mailUploads").get(id)
    if found is None:
        raise not_found("The upload session was not found.", "ErrorItemNotFound")
    return found


@routes.get("/_attach/{ticket}", open=True)
def standing(call: Call) -> Body:
    """Tell which ranges are missing."""
    return _status(call, _session(call))


@routes.delete("/_attach/{ticket}", open=True)
def cancel(call: Call) -> Body:
    """End a session; nothing is attached."""
    call.state.collection("mailUploads").remove(_session(call)["id"])
    return None


@routes.put("/_attach/{ticket}", open=True)
def receive(call: Call) -> Body:
    """Take a range; with the last one the attachment is there."""
    session = _session(call)
    found = _RANGE.match(call.headers.get("content-range", ""))
    if found is None:
        raise bad_request("The Content-Range header is missing or malformed.", "ErrorInvalidArgument")
    first, last, size = (int(each) for each in found.groups())
    if size != session["_size"] or last - first + 1 != len(call.body):
        raise bad_request("The Content-Range header does not fit the session or the body.", "ErrorInvalidArgument")
    if first != session["_had"]:
        raise Refusal(416, "ErrorInvalidRange", "The range is not the expected one.")
    session["_parts"].append(call.state.blobs.put(call.body))
    session["_had"] = last + 1
    return _attached(call, session) if last + 1 == size else _status(call, session)


def _attached(call: Call, session: Resource) -> Answer:
    call.state.collection("mailUploads").remove(session["id"])
    box = Mailbox.of(call.state, session["_user"])
    message = box.message(session["_message"])
    data = b"".join(call.state.blobs.get(key) for key in session["_parts"])
    made = box.attach(message, session["_item"], data)
    place = call.link(f"/users/{box.owner}/messages/{message['id']}/attachments/{made['id']}")
    return Answer(201, None, {"Location": place})
