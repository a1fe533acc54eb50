"""Chats, teams, channels and what is said in them: the rules, apart from the protocol.

Source: Microsoft Graph v1.0, "chat", "team", "channel", "chatMessage".
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

from copilot.demo.microsoft365.call import Call
from copilot.demo.microsoft365.refusals import Refusal, bad_request, forbidden, not_found
from copilot.demo.microsoft365.state import Resource, State, written

#: Characters (in fact about 28 KB) that a message may have ("Limits and specifications for Microsoft Teams").
MOST = 28_000
_AT = re.compile(r'<at id="(\d+)">')
_SPACE = UUID("5f0c2d9e-31aa-4f0e-8ac5-0d3f5a0c1d77")


def add_chat(state: State, kind: str, members: Iterable[str], topic: str | None = None) -> Resource:
    """Return a new chat of people, by their ids; a chat of two is there once ("Create chat")."""
    ids = list(dict.fromkeys(members))
    if kind == "oneOnOne":
        for chat in state.collection("chats"):
            if chat["chatType"] == kind and set(chat["_members"]) == set(ids):
                return chat
    ending = "unq.gbl.spaces" if kind == "oneOnOne" else "thread.v2"
    name = uuid5(_SPACE, state.new_id()).hex
    names = {"oneOnOne": "_".join(sorted(ids)), "meeting": f"meeting_{name}"}
    id = f"19:{names.get(kind, name)}@{ending}"
    now = state.stamp()
    return state.collection("chats").add(
        {
            "id": id,
            "topic": topic,
            "createdDateTime": now,
            "lastUpdatedDateTime": now,
            "chatType": kind,
            "webUrl": f"https://teams.example/l/chat/{id}/0?tenantId={state.tenant}",
            "tenantId": state.tenant,
            "_members": ids,
            "_read": {},
        }
    )


def add_team(state: State, group: Resource, channels: Iterable[str]) -> Resource:
    """Return a new team of a group, with its channels; the first is General."""
    team = state.collection("teams").add(
        {
            "id": group["id"],
            "createdDateTime": group["createdDateTime"],
            "displayName": group["displayName"],
            "description": group["description"],
            "isArchived": False,
            "visibility": "private",
            "tenantId": state.tenant,
            "webUrl": f"https://teams.example/l/team/{group['id']}/conversations",
        }
    )
    for name in ("General", *channels):
        id = f"19:{uuid5(_SPACE, state.new_id()).hex}@thread.tacv2"
        state.collection("channels", team["id"]).add(
            {
                "id": id,
                "createdDateTime": state.stamp(),
                "displayName": name,
                "description": f"{name} of {team['displayName']}",
                "email": "",
                "tenantId": state.tenant,
                "membershipType": "standard",
                "isArchived": False,
                "webUrl": f"https://teams.example/l/channel/{id}/{name}?groupId={team['id']}",
            }
        )
    return team


def say(state: State, place: str, user: Resource | None, body: Resource, team: str = "", answers: str = "") -> Resource:
    """Return a new message of a chat, or of a channel of a team. Raises the 400 for what Teams does not take."""
    given = body.get("body")
    if not isinstance(given, dict) or not str(given.get("content", "")).strip():
        raise bad_request("Missing body content.", "BadRequest")
    if len(str(given["content"]).encode()) > MOST:
        raise Refusal(413, "RequestEntityTooLarge", "The message exceeds the maximum size.")
    _check_mentions(body)
    held = state.collection("chatMessages", place)
    moment = state.now()
    while (id := str(int(moment.timestamp() * 1000))) in held:
        moment += timedelta(milliseconds=1)
    stamp = written(moment).replace("Z", f".{moment.microsecond // 1000:03}Z")
    made = {
        "id": id,
        "replyToId": answers or None,
        "etag": id,
        "messageType": body.get("messageType", "message"),
        "createdDateTime": stamp,
        "lastModifiedDateTime": stamp,
        "lastEditedDateTime": None,
        "deletedDateTime": None,
        "subject": body.get("subject"),
        "summary": None,
        "chatId": None if team else place,
        "importance": body.get("importance", "normal"),
        "locale": "en-us",
        "webUrl": f"https://teams.example/l/message/{place}/{id}" if team else None,
        "channelIdentity": {"teamId": team, "channelId": place} if team else None,
        "policyViolation": None,
        "eventDetail": body.get("eventDetail"),
        "from": {"application": None, "device": None, "user": identity(state, user)} if user else None,
        "body": {"contentType": given.get("contentType", "text"), "content": given["content"]},
        "attachments": body.get("attachments", []),
        "mentions": body.get("mentions", []),
        "reactions": [],
    }
    held.add(made)
    if not team and place in state.collection("chats"):
        state.collection("chats").change(place, {"lastUpdatedDateTime": stamp})
        if user:
            state.collection("chats").get(place)["_read"][user["id"]] = stamp  # type: ignore[index]
    return made


def _check_mentions(body: Resource) -> None:
    """Each `<at id="0">` of the text needs its mention, and each mention its `<at>` ("chatMessageMention")."""
    named = {int(n) for n in _AT.findall(str(body["body"]["content"]))}
    mentions = body.get("mentions", [])
    if named != {m.get("id") for m in mentions} or not all(m.get("mentioned") for m in mentions):
        raise bad_request("Neither Body nor adaptive card content contains marker for mention.", "BadRequest")
    if named and body["body"].get("contentType") != "html":
        raise bad_request("Mentions need a body of the content type html.", "BadRequest")


def identity(state: State, user: Resource) -> Resource:
    """Return who said something, as messages name them."""
    return {
        "@odata.type": "#microsoft.graph.teamworkUserIdentity",
        "id": user["id"],
        "displayName": user["displayName"],
        "userIdentityType": "aadUser",
    }


def mention(state: State, number: int, user: Resource) -> Resource:
    """Return the mention that belongs to `<at id="number">`."""
    named = {k: v for k, v in identity(state, user).items() if k != "@odata.type"}
    return {"id": number, "mentionText": user["displayName"], "mentioned": {"user": named}}


def chat_of(call: Call) -> Resource:
    """Return the chat of the path, to one who is in it. Raises the 404 and the 403."""
    found = call.state.collection("chats").get(call.params["chat"])
    if found is None:
        raise not_found("NotFound", "NotFound")
    if call.grant.user is not None and call.grant.user not in found["_members"]:
        raise forbidden("User is not part of the chat roster.", "Forbidden")
    return found


def team_of(call: Call) -> Resource:
    """Return the team of the path, to a member. Raises the 404 and the 403."""
    found = call.state.collection("teams").get(call.params["team"])
    group = call.state.groups.get(call.params["team"])
    if found is None or group is None:
        raise not_found("No team found with Group Id " + call.params["team"], "NotFound")
    if call.grant.user is not None and call.grant.user not in group["_members"]:
        raise forbidden("User is not a member of the team.", "Forbidden")
    return found


def channel_of(call: Call) -> tuple[Resource, Resource]:
    """Return the team and the channel of the path. Raises the 404 and the 403."""
    team = team_of(call)
    found = call.state.collection("channels", team["id"]).get(call.params["channel"])
    if found is None:
        raise not_found("NotFound", "NotFound")
    return team, found


def message_of(call: Call, place: str) -> Resource:
    """Return the message of the path. Raises the 404."""
    found = call.state.collection("chatMessages", place).get(call.params["message"])
    if found is None:
        raise not_found("NotFound", "NotFound")
    return found


def text_of(message: Resource) -> str:
    """Return the words of a message."""
    return html.unescape(re.sub(r"<[^>]+>", " ", str(message["body"]["content"])))


def newest_first(messages: Iterable[Resource]) -> list[Resource]:
    """Return messages as lists of them come."""
    return sorted(messages, key=lambda each: str(each["createdDateTime"]), reverse=True)


def remove(state: State, place: str, id: str) -> None:
    """Delete a message as Teams does: it stays, without its text."""
    gone: dict[str, Any] = {"deletedDateTime": state.stamp(), "body": {"contentType": "html", "content": ""}}
    state.collection("chatMessages", place).change(id, {**gone, "attachments": [], "mentions": []})
