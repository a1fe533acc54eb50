"""Chats and channels of Teams. Source: Microsoft Graph v1.0, "chat", "channel", "chatMessage", "presence"."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from copilot.errors import ServiceError
from copilot.plugins.connections.chat import Member, Missed, News, Place, Post, Presence, Said, Talk
from copilot.plugins.connections.people import Whom

from .graph import Graph, GraphError, Json, after, at
from .people import found, presences
from .teams_shapes import base, channel, chat, member, moment, said, written
from .teams_text import same_words, to_html

if TYPE_CHECKING:
    from .connection import Microsoft365

#: What Graph gives at once, and how many pages are looked through for a moment in the past.
_PAGE, _PAGES = 50, 20
#: Chats that are looked through for one with certain people, and channels for mentions.
_CHATS, _CHANNELS = 200, 30
#: How far the clocks of this computer and of Teams may lie apart, and after how long it is looked whether a message is
#: there whose sending is uncertain, in seconds.
_SKEW, _SETTLE = timedelta(seconds=90), 3.0
_LEFT_OUT = frozenset({"scope", "denied", "unsupported", "missing"})


class GraphChat:
    """The chats and channels of one account."""

    def __init__(self, connection: Microsoft365) -> None:
        self._connection = connection

    @property
    def account(self) -> str:
        """The account's name in the settings."""
        return self._connection.account

    @property
    def _graph(self) -> Graph:
        return self._connection.graph

    @cached_property
    def me(self) -> Member:
        """Whose it is."""
        return self._connection.run(self._me)

    async def _me(self) -> Member:
        params = {"$select": "id,displayName,mail,userPrincipalName"}
        return member(await self._graph.get(self._connection.me, params=params, what="who you are", scope="User.Read"))

    # --- what there is ------------------------------------------------------------------------------------------------

    def chats(self, limit: int = 50) -> list[Place]:
        """Return the chats, those in which something was said last first."""
        me = self.me
        return self._connection.run(lambda: self._chats(me, limit))

    async def _chats(self, me: Member, limit: int) -> list[Place]:
        held = await self._graph.items(
            f"{self._connection.me}/chats",
            limit=limit,
            top=min(limit, _PAGE),
            params={
                "$expand": "members,lastMessagePreview",
                "$orderby": "lastMessagePreview/createdDateTime desc",
            },
            what="your chats",
            scope="Chat.Read",
        )
        return [chat(each, me) for each in held.items]

    def channels(self) -> list[Place]:
        """Return the channels of the teams that one is in."""
        return self._connection.run(self._channels)

    async def _channels(self) -> list[Place]:
        path, scope = f"{self._connection.me}/joinedTeams", "Team.ReadBasic.All"
        teams = await self._graph.items(path, limit=500, top=0, what="your teams", scope=scope)
        listed = await asyncio.gather(*(self._in_team(team) for team in teams.items))
        return [each for channels in listed for each in channels]

    async def _in_team(self, team: Json) -> list[Place]:
        held = await self._graph.items(
            at("/teams/{}/channels", str(team["id"])),
            limit=1000,
            top=0,
            what=f"the channels of {team.get('displayName', 'a team')}",
            scope="Channel.ReadBasic.All",
        )
        return [channel(each, team) for each in held.items]

    # --- what was said ------------------------------------------------------------------------------------------------

    def messages(self, place: str, since: datetime | None = None, limit: int = 30, page: str = "") -> Talk:
        """Return the last messages of a place; `page` is the moment before which they are wanted."""
        return self._connection.run(lambda: self._messages(place, since, limit, moment(page)))

    async def _messages(self, place: str, since: datetime | None, limit: int, before: datetime | None) -> Talk:
        params: dict[str, str | int] = {"$expand": "replies"}
        is_chat = "/" not in place
        if is_chat:
            params = {"$orderby": "createdDateTime desc"}
            params |= {"$filter": f"createdDateTime lt {written(before)}"} if before else {}
        kept: list[Said] = []
        pages = 0
        path, scope = base(place) + "/messages", "Chat.Read" if is_chat else "ChannelMessage.Read.All"
        async for page in self._graph.pages(path, top=_PAGE, params=params, what="the messages", scope=scope):
            listed = [said(each) for each in page.items]
            kept += [each for each in listed if _within(each, since, before)]
            pages += 1
            ended = bool(listed) and since is not None and not any(_within(each, since, None) for each in listed)
            if len(kept) > limit or ended or pages >= _PAGES:
                break
        kept.sort(key=_when)
        shown = kept[-limit:]
        return Talk(tuple(shown), written(_when(shown[0])) if len(kept) > limit else "")

    def message(self, place: str, id: str) -> Said:
        """Return one message with its replies."""
        return self._connection.run(lambda: self._message(place, id))

    async def _message(self, place: str, id: str) -> Said:
        path, is_chat = f"{base(place)}/messages/{at('{}', id)}", "/" not in place
        scope = "Chat.Read" if is_chat else "ChannelMessage.Read.All"
        found = said(await self._graph.get(path, what="the message", scope=scope))
        if is_chat:
            return found
        held = await self._graph.items(path + "/replies", limit=200, top=_PAGE, what="the replies", scope=scope)
        return replace(found, replies=tuple(sorted(map(said, held.items), key=_when)))

    # --- what was missed ----------------------------------------------------------------------------------------------

    def news(self, since: datetime | None = None, limit: int = 20) -> News:
        """Return what others said in chats and was not read, and where one was mentioned in channels since a moment.

        Without a moment, channels are looked at for the last three days.
        """
        me = self.me
        return self._connection.run(lambda: self._news(me, since, limit))

    async def _news(self, me: Member, since: datetime | None, limit: int) -> News:
        unread = [each for each in await self._chats(me, _PAGE) if each.unread and (not since or _late(each, since))]
        missed = list(await asyncio.gather(*(self._unread(me, each) for each in unread[:limit])))
        notes = [f"{len(unread) - limit} more chats have unread messages."] if len(unread) > limit else []
        try:
            named, more = await self._named(me, since or self._graph.clock.now() - timedelta(days=3))
        except ServiceError as error:
            if error.code not in _LEFT_OUT:
                raise
            named, more = [], [f"Channels were not looked at: {error}"]
        return News(tuple(each for each in (*missed, *named) if each.items), (*notes, *more))

    async def _unread(self, me: Member, place: Place) -> Missed:
        talk = await self._messages(place.id, place.read, 20, None)
        fresh = [each for each in talk.items if each.author.id != me.id and not each.system]
        fresh = [each for each in fresh if place.read is None or _when(each) > place.read]
        return Missed(place, tuple(fresh), any(_names(each, me) for each in fresh))

    async def _named(self, me: Member, since: datetime) -> tuple[list[Missed], list[str]]:
        places = await self._channels()
        talks = await asyncio.gather(*(self._messages(each.id, since, _PAGE, None) for each in places[:_CHANNELS]))
        found = []
        for place, talk in zip(places, talks, strict=False):
            every = [each for top in talk.items for each in (top, *top.replies)]
            mine = tuple(each for each in every if _names(each, me) and _when(each) >= since)
            found += [Missed(place, mine, True)] if mine else []
        more = len(places) - _CHANNELS
        return found, [f"{more} more channels were not looked at for mentions."] if more > 0 else []

    # --- people -------------------------------------------------------------------------------------------------------

    def between(self, addresses: Sequence[str]) -> Place | None:
        """Return the chat that has exactly these people and oneself in it; the untitled one, if there are several."""
        me = self.me
        listed = self._connection.run(lambda: self._chats(me, _CHATS))
        wanted = {each.casefold() for each in addresses} - {me.address.casefold()}
        fitting = [each for each in listed if each.kind != "meeting" and _others(each, me) == wanted]
        return min(fitting, key=lambda each: (each.kind != "one", bool(each.title)), default=None)

    def people(self, name: str) -> list[Member]:
        """Return who may be meant by a name or an address."""
        people = self._connection.run(lambda: found(self._graph, self._connection.me, Whom(name), 20))
        return [Member(each.id if each.source != "contact" else "", each.name, each.address) for each in people.items]

    def presence(self, members: Sequence[Member]) -> list[Presence]:
        """Return whether people can be reached."""
        held = self._connection.run(lambda: presences(self._graph, [each.id for each in members if each.id]))
        return [_presence(each) for each in held]

    # --- saying something ---------------------------------------------------------------------------------------------

    def post(self, place: str, post: Post, key: str) -> str:
        """Say something in a place, once, and return a receipt.

        Teams knows no key that names a message. So where the answer got lost it is looked for by its text, and sent
        again only if it is not there. Code "uncertain": that could not be found out either.
        """
        me = self.me
        return self._connection.run(lambda: self._posted(me, place, post, key))

    async def _posted(self, me: Member, place: str, post: Post, key: str) -> str:
        content, mentions = to_html(post.markdown, post.mentions)
        body: Json = {"body": {"contentType": "html", "content": content}, "importance": post.importance}
        body |= {"mentions": mentions} if mentions else {}
        body |= {"subject": post.subject} if post.subject and "/" in place else {}
        started = self._graph.clock.now() - _SKEW
        for last in (False, True):
            try:
                return _receipt(await self._graph.post(_posting(place, post), body, what="the message", key=key))
            except GraphError as error:
                if error.code != "uncertain":
                    raise
                if there := await self._sent(me, place, post, content, started, error):
                    return _receipt(there)
                if last:
                    raise
        raise AssertionError("the loop ends with an error")

    async def _sent(
        self, me: Member, place: str, post: Post, content: str, started: datetime, trouble: GraphError
    ) -> Json | None:
        """Return the message if it is there; raises the trouble itself where it can't be looked."""
        await self._graph.clock.sleep(_SETTLE)
        path = _posting(place, post)
        try:
            held = await self._graph.items(path, limit=_PAGE, top=_PAGE, what="the message that was sent")
        except ServiceError:
            raise trouble from None
        mine = [each for each in held.items if said(each).author.id == me.id and _when(said(each)) >= started]
        return next((e for e in mine if same_words(str((e.get("body") or {}).get("content") or ""), content)), None)

    def start(self, members: Sequence[Member], title: str, post: Post, key: str) -> str:
        """Say something to people with whom there is no chat yet: it is made. Return a receipt."""
        me = self.me
        place = self._connection.run(lambda: self._made(me, members, title, key))
        return self.post(place, post, key)

    async def _made(self, me: Member, members: Sequence[Member], title: str, key: str) -> str:
        """Return the id of a new chat; of two people Teams keeps one, however often it is asked for."""
        one = len(members) == 1
        body: Json = {"chatType": "oneOnOne" if one else "group", "members": [self._bound(m) for m in (me, *members)]}
        body |= {"topic": title} if title and not one else {}
        try:
            made = await self._graph.post(
                "/chats", body, what="the new chat", scope="Chat.Create", key=key, idempotent=one
            )
        except GraphError as error:
            if error.code != "uncertain":
                raise
            await self._graph.clock.sleep(_SETTLE)
            wanted = {each.address.casefold() for each in members}
            listed = await after("the new chat", self._chats(me, _PAGE))
            there = next((p for p in listed if p.title == title and p.last is None and _others(p, me) == wanted), None)
            if there is None:
                raise
            return there.id
        return str(made["id"])

    def _bound(self, someone: Member) -> Json:
        if not someone.id:
            raise ServiceError(f"{someone} is not in the directory: Teams can't write to them.", code="missing")
        return {
            "@odata.type": "#microsoft.graph.aadUserConversationMember",
            "roles": ["owner"],
            "user@odata.bind": f"{self._graph.base_url}/v1.0/users('{someone.id}')",
        }


def _posting(place: str, post: Post) -> str:
    """Return the path that a message is posted to: in a channel, an answer goes below what it answers."""
    path = base(place) + "/messages"
    return f"{path}/{at('{}', post.answers)}/replies" if post.answers and "/" in place else path


def _receipt(message: Json) -> str:
    url = message.get("webUrl")
    return f"Posted in Teams as message {message.get('id', '')}{f' ({url})' if url else ''}."


def _when(message: Said) -> datetime:
    return message.moment or datetime.min.replace(tzinfo=UTC)


def _within(message: Said, since: datetime | None, before: datetime | None) -> bool:
    """Whether a message, or a reply to it, was said in a time."""
    moments = [_when(each) for each in (message, *message.replies)]
    return (since is None or max(moments) >= since) and (before is None or moments[0] < before)


def _late(place: Place, since: datetime) -> bool:
    return place.last is not None and place.last >= since


def _names(message: Said, me: Member) -> bool:
    return any(each.id == me.id for each in message.mentions)


def _others(place: Place, me: Member) -> set[str]:
    return {each.address.casefold() for each in place.members if each.id != me.id}


def _presence(data: Json) -> Presence:
    note = ((data.get("statusMessage") or {}).get("message") or {}).get("content") or ""
    return Presence(str(data["id"]), str(data.get("availability") or ""), str(data.get("activity") or ""), str(note))
