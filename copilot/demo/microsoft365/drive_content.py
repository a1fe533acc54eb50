"""Content of files: down by a pre-authenticated URL, up in one piece or in ranges.

Source: Microsoft Graph v1.0, "Download driveItem content", "Upload small files", "driveItem: createUploadSession".
"""

from __future__ import annotations

import re
from datetime import timedelta

from copilot.demo.microsoft365 import tickets
from copilot.demo.microsoft365.call import Answer, Body, Call
from copilot.demo.microsoft365.drive_access import (
    READ,
    WRITE,
    answer,
    by,
    clash_of,
    download_url,
    drive_of,
    item_of,
    may,
)
from copilot.demo.microsoft365.drives import Drive, ctag, etag
from copilot.demo.microsoft365.refusals import Refusal, bad_request, conflict, if_match, not_found, stale
from copilot.demo.microsoft365.routing import Routes
from copilot.demo.microsoft365.state import Resource, read_moment, written

routes = Routes()

#: Ranges of an upload are multiples of this, but for the last.
PIECE = 320 * 1024
MOST_IN_ONE = 250 * 10**6
MOST_IN_RANGE = 60 * 2**20
_LASTS = timedelta(hours=24)
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)\Z")
_WANTED = re.compile(r"bytes=(\d*)-(\d*)\Z")


# --- down -------------------------------------------------------------------------------------------------------------


@routes.get("/drives/{drive}/items/{item}/content", needs=READ)
def content(call: Call) -> Body:
    """Lead to the content: a URL that needs no token."""
    drive, found = item_of(call)
    if "file" not in found:
        raise bad_request("You cannot get content for a folder.")
    if "format" in call.query:
        raise Refusal(406, "notSupported", f"The file can't be converted to {call.query['format']}.")
    return Answer(302, None, {"Location": download_url(call, drive, found["_blob"], found)})


@routes.get("/_content/{ticket}", open=True)
def download(call: Call) -> Body:
    """Send content, or the range of it that is asked for (RFC 9110, section 14)."""
    drive_id, item_id, blob = tickets.read(call, "content")
    data = call.state.blobs.get(blob)
    item = Drive.of(call.state, drive_id).item(item_id)
    headers = {"Content-Type": item["file"]["mimeType"], "Accept-Ranges": "bytes", "ETag": etag(item)}
    wanted = _WANTED.match(call.headers.get("range", ""))
    if wanted is None or wanted.groups() == ("", ""):
        return Answer(200, data, headers)
    first, last = _bounds(wanted[1], wanted[2], len(data))
    if first >= len(data) or first > last:
        raise Refusal(
            416, "invalidRange", "The range is outside of the file.", {"Content-Range": f"bytes */{len(data)}"}
        )
    headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
    return Answer(206, data[first : last + 1], headers)


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    if not first:
        return max(size - int(last), 0), size - 1
    return int(first), min(int(last), size - 1) if last else size - 1


# --- up in one piece --------------------------------------------------------------------------------------------------


@routes.put("/drives/{drive}/items/{item}/content", needs=WRITE)
def upload(call: Call) -> Body:
    """Store content: a new version of what is there, else a new file at the path."""
    if len(call.body) > MOST_IN_ONE:
        raise Refusal(413, "invalidRequest", "The file is too large for one request; use an upload session.")
    drive, folder, name, there = _place(call)
    if there is not None and (":" not in call.params["item"] or clash_of(call, "replace") == "replace"):
        made = drive.write(there, call.body, by(call))
        return Answer(200, answer(call, drive, made))
    made = drive.store(folder, name, call.body, by(call), clash_of(call, "replace"))
    return Answer(201, answer(call, drive, made))


def _place(call: Call) -> tuple[Drive, Resource, str, Resource | None]:
    """Return the drive, folder and name that content goes to, and the file that is there.

    Raises the 404 for an id that there is not, the 412 of If-Match, and of If-None-Match: * for what is there.
    """
    drive = drive_of(call, "write")
    at, missing = drive.place(call.params["item"])
    may(call, drive, at, "write")
    if not missing:
        if_match(call, etag(at), ctag(at))
        if call.headers.get("if-none-match") == "*":
            raise stale("The item exists already.")
        if "file" not in at:
            raise conflict()
        return drive, drive.item(at["_parent"]), at["name"], at
    if call.headers.get("if-match"):
        raise stale("There is no item that could match.")
    return drive, drive.add_folders(at, missing[:-1], by(call)), missing[-1], None


# --- up in ranges -----------------------------------------------------------------------------------------------------


@routes.post("/drives/{drive}/items/{item}/createUploadSession", needs=WRITE)
def begin(call: Call) -> Body:
    """Begin an upload: a URL that takes the ranges, one after the other."""
    drive, folder, name, there = _place(call)
    asked = call.json().get("item", {})
    usual = "replace" if there is not None and ":" not in call.params["item"] else "fail"
    clash = clash_of(call, usual, asked)
    if there is not None and clash == "fail":
        raise conflict()
    drive.room_for(int(asked.get("fileSize") or 0))
    session = call.state.collection("uploads").add(
        {
            "expirationDateTime": written(call.state.now() + _LASTS),
            "_drive": drive.id,
            "_folder": folder["id"],
            "_name": asked.get("name") or name,
            "_clash": clash,
            "_match": etag(there) if there is not None and call.headers.get("if-match") else "",
            "_by": by(call),
            "_parts": [],
            "_had": 0,
            "_size": None,
        }
    )
    url = tickets.make(call, "upload", session["id"], seconds=_LASTS.total_seconds() * 2)
    return {"uploadUrl": url, **_status(session)}


def _status(session: Resource) -> Resource:
    """Business drives take ranges in their order, so that one range is expected: from here to the end, if known."""
    last = "" if session["_size"] is None else session["_size"] - 1
    return {
        "expirationDateTime": session["expirationDateTime"],
        "nextExpectedRanges": [f"{session['_had']}-{last}"],
    }


def _session(call: Call) -> Resource:
    """Return the session of the URL. Raises the 401, and the 404 when it is over."""
    (id,) = tickets.read(call, "upload")
    found = call.state.collection("uploads").get(id)
    if found is None or read_moment(found["expirationDateTime"]) <= call.state.now():
        raise not_found("The upload session was not found or is expired.")
    return found


@routes.get("/_upload/{ticket}", open=True)
def standing(call: Call) -> Body:
    """Tell which ranges are missing."""
    return _status(_session(call))


@routes.delete("/_upload/{ticket}", open=True)
def cancel(call: Call) -> Body:
    """End a session; nothing is stored."""
    call.state.collection("uploads").remove(_session(call)["id"])
    return None


@routes.put("/_upload/{ticket}", open=True)
def take(call: Call) -> Body:
    """Take a range; with the last one the file is there. Raises the 416 for a range that was not expected."""
    session = _session(call)
    first, last, size = _given(call)
    if session["_size"] not in (None, size) or first != session["_had"]:
        inner = {"code": "fragmentOverlap" if first < session["_had"] else "fragmentOutOfOrder"}
        raise Refusal(416, "invalidRange", "The uploaded fragment is not the expected one.", inner=inner)
    if last + 1 < size and len(call.body) % PIECE:
        raise bad_request(f"The size of a fragment must be a multiple of {PIECE} bytes.")
    session["_parts"].append(call.state.blobs.put(call.body))
    session["_had"], session["_size"] = last + 1, size
    return _stored(call, session) if last + 1 == size else Answer(202, _status(session))


def _given(call: Call) -> tuple[int, int, int]:
    found = _RANGE.match(call.headers.get("content-range", ""))
    if found is None:
        raise bad_request("The Content-Range header is missing or malformed.")
    first, last, size = (int(each) for each in found.groups())
    if last - first + 1 != len(call.body) or last >= size:
        raise bad_request("The Content-Range header length does not match the provided number of bytes.")
    if len(call.body) > MOST_IN_RANGE:
        raise Refusal(413, "invalidRequest", "The fragment is too large.")
    return first, last, size


def _stored(call: Call, session: Resource) -> Answer:
    """Store what came; the session is over, also when the place was changed or taken meanwhile (412, 409)."""
    call.state.collection("uploads").remove(session["id"])
    drive = Drive.of(call.state, session["_drive"])
    folder = drive.item(session["_folder"])
    there = drive.child(folder["id"], session["_name"])
    if session["_match"] and (there is None or etag(there) != session["_match"]):
        raise stale()
    data = b"".join(call.state.blobs.get(key) for key in session["_parts"])
    made = drive.store(folder, session["_name"], data, session["_by"], session["_clash"])
    return Answer(200 if made is there else 201, answer(call, drive, made))
