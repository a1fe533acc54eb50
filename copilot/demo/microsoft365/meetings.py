"""Online meetings with their transcripts, rooms, and the time zones that Exchange knows.

Source: Microsoft Graph v1.0, "onlineMeeting", "callTranscript", "place", "outlookUser: supportedTimeZones".
"""

from __future__ import annotations

from copilot.demo.microsoft365.call import Answer, Body, Call
from copilot.demo.microsoft365.odata import page, shape
from copilot.demo.microsoft365.refusals import bad_request, not_found
from copilot.demo.microsoft365.routing import Routes
from copilot.demo.microsoft365.state import Resource, State
from copilot.plugins.connections.zones import windows_zones

routes = Routes()
_MEETINGS, _TRANSCRIPTS = "OnlineMeetings.Read", "OnlineMeetingTranscript.Read.All"
_TRANSCRIPT = "/users/{user}/onlineMeetings/{meeting}/transcripts"


@routes.get("/users/{user}/onlineMeetings", needs=_MEETINGS)
def meetings(call: Call) -> Body:
    """Find the meeting of a link to join: the list needs a $filter by JoinWebUrl."""
    asked = call.query.get("$filter", "")
    if not asked.lower().startswith("joinweburl eq "):
        raise bad_request("The filter must be by JoinWebUrl or by joinMeetingIdSettings.", "InvalidArgument")
    wanted = asked[len("joinweburl eq ") :].strip().strip("'").replace("''", "'")
    found = call.state.collection("onlineMeetings", call.mailbox()).where(joinWebUrl=wanted)
    shown = [shape(call, each, "") for each in found]
    for each in shown:
        each.pop("@odata.context")
    return {"@odata.context": call.link("/$metadata") + "#users/onlineMeetings", "value": shown}


@routes.get("/users/{user}/onlineMeetings/{meeting}", needs=_MEETINGS)
def meeting(call: Call) -> Body:
    """Return an online meeting."""
    return shape(call, _meeting(call), "users/onlineMeetings/$entity")


@routes.get(_TRANSCRIPT, needs=_TRANSCRIPTS)
def transcripts(call: Call) -> Body:
    """List the transcripts of a meeting."""
    held = call.state.collection("transcripts", _meeting(call)["id"])
    return page(call, [_shown(call, each) for each in held], "users/onlineMeetings/transcripts")


@routes.get(_TRANSCRIPT + "/{transcript}", needs=_TRANSCRIPTS)
def transcript(call: Call) -> Body:
    """Return what is known of a transcript."""
    return shape(call, _shown(call, _transcript(call)), "users/onlineMeetings/transcripts/$entity")


@routes.get(_TRANSCRIPT + "/{transcript}/content", needs=_TRANSCRIPTS)
def transcript_content(call: Call) -> Body:
    """Return a transcript as WebVTT; another format was never offered here."""
    found = _transcript(call)
    wanted = call.query.get("$format") or call.headers.get("accept", "")
    if "text/vtt" not in wanted:
        raise bad_request("The format must be text/vtt.", "BadRequest")
    return Answer(200, call.state.blobs.get(found["_blob"]), {"Content-Type": "text/vtt"})


def _meeting(call: Call) -> Resource:
    found = call.state.collection("onlineMeetings", call.mailbox()).get(call.params["meeting"])
    if found is None:
        raise not_found("The meeting does not exist.", "NotFound")
    return found


def _transcript(call: Call) -> Resource:
    found = call.state.collection("transcripts", _meeting(call)["id"]).get(call.params["transcript"])
    if found is None:
        raise not_found("The transcript does not exist.", "NotFound")
    return found


def _shown(call: Call, transcript: Resource) -> Resource:
    path = f"/users/{call.mailbox()}/onlineMeetings/{call.params['meeting']}/transcripts/{transcript['id']}/content"
    return {**transcript, "transcriptContentUrl": call.link(path)}


def add_transcript(state: State, mailbox: str, meeting: str, text: str) -> Resource:
    """Put a transcript, as WebVTT, to a meeting."""
    made = {
        "meetingId": meeting,
        "callId": state.new_id(),
        "contentCorrelationId": state.new_id(),
        "createdDateTime": state.stamp(),
        "endDateTime": state.stamp(),
        "meetingOrganizer": {"user": {"id": mailbox, "displayName": (state.users.get(mailbox) or {})["displayName"]}},
        "_blob": state.blobs.put(text.encode()),
    }
    return state.collection("transcripts", meeting).add(made, "VjIj")


# --- rooms and zones --------------------------------------------------------------------------------------------------


@routes.get("/places/room", needs="Place.Read.All")
def rooms(call: Call) -> Body:
    """List the rooms of the tenant."""
    return page(call, call.state.collection("rooms"), "places/microsoft.graph.room")


@routes.get("/places/roomlist", needs="Place.Read.All")
def room_lists(call: Call) -> Body:
    """List the lists of rooms."""
    return page(call, call.state.collection("roomLists"), "places/microsoft.graph.roomList")


@routes.get("/users/{user}/outlook/supportedTimeZones", needs="User.Read")
@routes.get("/users/{user}/outlook/supportedTimeZones()", needs="User.Read")
def supported(call: Call) -> Body:
    """List the time zones, by their names of Windows or of IANA."""
    standard = call.arguments.get("TimeZoneStandard", "Windows").rpartition("'")[0].rpartition("'")[2] or "Windows"
    iana = sorted({zone for zones in windows_zones().values() for zone in zones})
    names = iana if standard.casefold() == "iana" else sorted(windows_zones())
    found = [{"alias": name, "displayName": name} for name in names]
    return {"@odata.context": call.link("/$metadata") + "#Collection(timeZoneInformation)", "value": found}
