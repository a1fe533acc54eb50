"""Chats, teams, channels, messages and presence. Source: Microsoft Graph v1.0, "Working with Teams"."""

from __future__ import annotations

import re

from copilot.demo.microsoft365.call import Body, Call, created
from copilot.demo.microsoft365.odata import page, shape
from copilot.demo.microsoft365.refusals import bad_request
from copilot.demo.microsoft365.routing import Routes
from copilot.demo.microsoft365.state import Resource
from copilot.demo.microsoft365.talk import (
    add_chat,
    channel_of,
    chat_of,
    message_of,
    newest_first,
    say,
    team_of,
)

routes = Routes()

_CHAT = "Chat.Read | Chat.ReadBasic"
_CHANNEL = "ChannelMessage.Read.All"
_BOUND = re.compile(r"/users(?:\('([^']+)'\)|/([^/]+))\Z")
_MOST = 50

# --- chats ------------------------------------------------------------------------------------------------------------


@routes.get("/users/{user}/chats", needs=_CHAT)
def chats(call: Call) -> Body:
    """List the chats of a person."""
    me = call.mailbox()
    found = [_viewed(each, me) for each in call.state.collection("chats") if me in each["_members"]]
    expand = {"members": lambda each: _members(call, each), "lastMessagePreview": lambda each: _last(call, each)}
    if call.query.get("$orderby", "").startswith("lastMessagePreview/createdDateTime"):
        found = [{**each, "lastMessagePreview": _last(call, each)} for each in found]
    return page(call, found, "chats", size=20, most=_MOST, expand=expand)


@routes.post("/chats", needs="Chat.Create")
def new_chat(call: Call) -> Body:
    """Make a chat; of two people it may be there."""
    body = call.json()
    members = [_bound(call, each) for each in body.get("members", ())]
    kind = body.get("chatType")
    if kind not in ("oneOnOne", "group") or (kind == "oneOnOne" and (len(members) != 2 or body.get("topic"))):
        raise bad_request("Invalid chatType or number of members for the chat.", "BadRequest")
    if call.grant.user not in members:
        raise bad_request("The caller must be one of the members specified in request body.", "BadRequest")
    made = add_chat(call.state, kind, members, body.get("topic"))
    return created(shape(call, _viewed(made, call.grant.user or ""), "chats/$entity"))


@routes.get("/chats/{chat}", needs=_CHAT)
def chat(call: Call) -> Body:
    """Return a chat."""
    found = chat_of(call)
    expand = {"members": lambda each: _members(call, each), "lastMessagePreview": lambda each: _last(call, each)}
    return shape(call, _viewed(found, call.grant.user or ""), "chats/$entity", expand)


@routes.get("/chats/{chat}/members", needs=_CHAT)
def chat_members(call: Call) -> Body:
    """List who is in a chat."""
    return page(call, _members(call, chat_of(call)), "chats/members")


@routes.get("/chats/{chat}/messages", needs="Chat.Read")
def chat_messages(call: Call) -> Body:
    """List what was said, newest first; $filter needs the $orderby of the same property."""
    ordered, filtered = call.query.get("$orderby", ""), call.query.get("$filter", "")
    if filtered and ordered.partition(" ")[0] not in filtered:
        raise bad_request("$filter is only supported with $orderby on the same property.", "BadRequest")
    found = newest_first(call.state.collection("chatMessages", chat_of(call)["id"]))
    return page(call, found, "chats/messages", size=20, most=_MOST)


@routes.get("/chats/{chat}/messages/{message}", needs="Chat.Read")
def chat_message(call: Call) -> Body:
    """Return one message of a chat."""
    return shape(call, message_of(call, chat_of(call)["id"]), "chats/messages/$entity")


@routes.post("/chats/{chat}/messages", needs="ChatMessage.Send | Chat.ReadWrite")
def post_in_chat(call: Call) -> Body:
    """Say something in a chat."""
    made = say(call.state, chat_of(call)["id"], call.me(), call.json())
    return created(shape(call, made, "chats/messages/$entity"))


@routes.post("/chats/{chat}/markChatReadForUser", needs="Chat.ReadWrite")
def mark_read(call: Call) -> Body:
    """Note that a person has read all of a chat."""
    chat_of(call)["_read"][call.json().get("user", {}).get("id") or call.grant.user] = call.state.stamp()
    return None


# --- teams and channels -----------------------------------------------------------------------------------------------


@routes.get("/users/{user}/joinedTeams", needs="Team.ReadBasic.All")
def joined(call: Call) -> Body:
    """List the teams that a person is in."""
    me = call.mailbox()
    found = [t for t in call.state.collection("teams") if me in (call.state.groups.get(t["id"]) or {})["_members"]]
    return page(call, found, "teams")


@routes.get("/teams/{team}", needs="Team.ReadBasic.All")
def team(call: Call) -> Body:
    """Return a team."""
    return shape(call, team_of(call), "teams/$entity")


@routes.get("/teams/{team}/channels", needs="Channel.ReadBasic.All")
def channels(call: Call) -> Body:
    """List the channels of a team; it takes no $top."""
    if "$top" in call.query:
        raise bad_request("Query option 'Top' is not allowed.", "BadRequest")
    return page(call, call.state.collection("channels", team_of(call)["id"]), "teams/channels")


@routes.get("/teams/{team}/channels/{channel}", needs="Channel.ReadBasic.All")
def channel(call: Call) -> Body:
    """Return a channel."""
    return shape(call, channel_of(call)[1], "teams/channels/$entity")


@routes.get("/teams/{team}/channels/{channel}/messages", needs=_CHANNEL)
def channel_messages(call: Call) -> Body:
    """List what was said in a channel, without replies unless they are expanded; the last that changed first."""
    if "$filter" in call.query or "$orderby" in call.query:
        raise bad_request("Only $top and $expand are supported.", "BadRequest")
    place = channel_of(call)[1]["id"]
    found = newest_first(call.state.collection("chatMessages", place).where(replyToId=None))
    return page(call, found, "channels/messages", size=20, most=_MOST, expand={"replies": lambda m: _replies(call, m)})


@routes.get("/teams/{team}/channels/{channel}/messages/{message}", needs=_CHANNEL)
def channel_message(call: Call) -> Body:
    """Return one message of a channel."""
    found = message_of(call, channel_of(call)[1]["id"])
    return shape(call, found, "channels/messages/$entity", {"replies": lambda m: _replies(call, m)})


@routes.get("/teams/{team}/channels/{channel}/messages/{message}/replies", needs=_CHANNEL)
def replies(call: Call) -> Body:
    """List the replies to a message, the newest first."""
    found = message_of(call, channel_of(call)[1]["id"])
    return page(call, newest_first(_replies(call, found)), "channels/messages/replies", size=20, most=_MOST)


@routes.post("/teams/{team}/channels/{channel}/messages", needs="ChannelMessage.Send")
def post_in_channel(call: Call) -> Body:
    """Say something in a channel."""
    team, channel = channel_of(call)
    made = say(call.state, channel["id"], call.me(), call.json(), team["id"])
    return created(shape(call, made, "channels/messages/$entity"))


@routes.post("/teams/{team}/channels/{channel}/messages/{message}/replies", needs="ChannelMessage.Send")
def reply(call: Call) -> Body:
    """Answer a message of a channel."""
    team, channel = channel_of(call)
    answered = message_of(call, channel["id"])
    made = say(call.state, channel["id"], call.me(), call.json(), team["id"], answered["id"])
    return created(shape(call, made, "channels/messages/replies/$entity"))


# --- presence ---------------------------------------------------------------------------------------------------------


@routes.post("/communications/getPresencesByUserId", needs="Presence.Read.All")
def presences(call: Call) -> Body:
    """Return whether people can be reached, by their ids: at most 650."""
    ids = call.json().get("ids")
    if not isinstance(ids, list) or not 0 < len(ids) <= 650:
        raise bad_request("Number of ids must be between 1 and 650.", "BadRequest")
    found = [_presence(call, str(id)) for id in ids if call.state.users.get(str(id))]
    return {"@odata.context": call.link("/$metadata") + "#Collection(microsoft.graph.presence)", "value": found}


@routes.get("/users/{user}/presence", needs="Presence.Read | Presence.Read.All")
def presence(call: Call) -> Body:
    """Return whether somebody can be reached."""
    return shape(call, _presence(call, call.user()["id"]), "users/presence/$entity")


def _presence(call: Call, id: str) -> Resource:
    held = call.state.collection("presence").get(id) or {}
    return {"id": id, "availability": "Offline", "activity": "Offline", "statusMessage": None, **held}


# --- shapes -----------------------------------------------------------------------------------------------------------


def _viewed(chat: Resource, me: str) -> Resource:
    return {**chat, "viewpoint": {"isHidden": False, "lastMessageReadDateTime": chat["_read"].get(me)}}


def _members(call: Call, chat: Resource) -> list[Resource]:
    people = [call.state.users.get(id) for id in chat["_members"]]
    return [
        {
            "@odata.type": "#microsoft.graph.aadUserConversationMember",
            "id": f"{chat['id']}-{each['id']}",
            "roles": ["owner"],
            "displayName": each["displayName"],
            "visibleHistoryStartDateTime": "0001-01-01T00:00:00Z",
            "userId": each["id"],
            "email": each["mail"],
            "tenantId": call.state.tenant,
        }
        for each in people
        if each
    ]


def _last(call: Call, chat: Resource) -> Resource | None:
    """Return the chatMessageInfo of the last message."""
    said = newest_first(call.state.collection("chatMessages", chat["id"]))
    if not said:
        return None
    names = ("id", "createdDateTime", "messageType", "eventDetail", "from", "body")
    return {**{k: said[0][k] for k in names}, "isDeleted": said[0]["deletedDateTime"] is not None}


def _replies(call: Call, message: Resource) -> list[Resource]:
    place = message["channelIdentity"]["channelId"]
    return call.state.collection("chatMessages", place).where(replyToId=message["id"])


def _bound(call: Call, member: Resource) -> str:
    """Return the id of the user that a member is bound to. Raises the 400."""
    found = _BOUND.search(str(member.get("user@odata.bind", "")))
    user = call.state.user((found.group(1) or found.group(2)) if found else "")
    if user is None:
        raise bad_request("Bad bind: the user of a member could not be found.", "BadRequest")
    return str(user["id"])
