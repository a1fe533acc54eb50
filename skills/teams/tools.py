"""The tools of the skill `teams`: those that read are here, those that post in posting.py."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from copilot.plugins.context import ToolContext
from copilot.plugins.tools import Result, tool
from copilot.slots import Role, Slot

from .parameters import Account, Day, PlaceName, chat_of, is_id, moment_of, people_of, place_of
from .posting import post, write
from .show import data_of, line, message, noted, place_data, place_line

__all__ = ["post", "write"]


@tool(
    examples=["list my Teams chats", "which Teams channels are there?", "show my teams and channels"],
    cues=["chats", "channels", "teams channels", "teams"],
)
def places(
    context: ToolContext,
    name: Annotated[str, Field(description="Only those with these words in their name or members.")] = "",
    unread: Annotated[bool, Field(description="Only those with unread messages.")] = False,
    account: Account = "",
) -> Result:
    """List chats and channels with their members and ids."""
    chat = chat_of(context, account)
    words = name.casefold().split()
    every = [*chat.chats(), *([] if unread else chat.channels())]
    texts = [f"{each.name} {' '.join(map(str, each.members))}".casefold() for each in every]
    found = [each for each, text in zip(every, texts, strict=True) if all(word in text for word in words)]
    found = [each for each in found if each.unread or not unread]
    text = "\n\n".join(place_line(each) for each in found) or "No chat or channel fits."
    return Result(f"{len(found)} chats and channels:\n\n{text}", place_data(found), ("Teams",))


@tool(
    examples=[
        "read the Teams chat with Tomas Berg",
        "what was said in the Budget Q3 chat since yesterday?",
        "show the last messages in the channel Finance / Budget 2026",
    ],
    cues=["teams chat", "teams channel", "chat with", "messages in", "was said", "teams messages"],
)
def read(
    context: ToolContext,
    place: PlaceName,
    since: Day = "",
    limit: Annotated[int, Slot("number"), Field(ge=1, le=100, description="How many, the last ones.")] = 30,
    page: Annotated[str, Field(description="What an earlier answer named, to go back in time.")] = "",
    account: Account = "",
) -> Result:
    """Read the last messages of a chat or channel, the newest last, with replies, reactions and what hangs on them."""
    chat = chat_of(context, account)
    named = place if is_id(place) else place_of(chat, place).id
    found = chat.messages(named, moment_of(since, context.moment), limit, page)
    sources = noted(context, place, found.items)
    earlier = f"There are earlier ones: page=`{found.page}`.\n\n" if found.page else ""
    text = "\n\n".join(message(each) for each in found.items) or "Nothing was said in that time."
    data = {"place": named, "messages": [data_of(each) for each in found.items], "page": found.page}
    return Result(f"{earlier}{text}\n\nplace: `{named}`", data, sources)


@tool(
    examples=["show the replies to that message", "read the thread of that Teams message"],
    cues=["replies", "thread", "teams thread"],
)
def thread(
    context: ToolContext,
    place: PlaceName,
    message_id: Annotated[str, Role("target"), Field(min_length=1, description="The id of the message.")],
    account: Account = "",
) -> Result:
    """Show one message with all its replies."""
    chat = chat_of(context, account)
    named = place if is_id(place) else place_of(chat, place).id
    found = chat.message(named, message_id)
    return Result(message(found), data_of(found), noted(context, place, [found]))


@tool(
    examples=["what did I miss in Teams?", "show my unread chats", "where was I mentioned in Teams since yesterday?"],
    cues=["missed", "unread chats", "mentioned", "mentions", "what did I miss"],
)
def missed(context: ToolContext, since: Day = "", account: Account = "") -> Result:
    """Show what others said in chats that is not read, and where one was mentioned in channels (of the last 3 days)."""
    chat = chat_of(context, account)
    news = chat.news(moment_of(since, context.moment))
    pieces: list[str] = []
    sources: list[str] = []
    for each in news.missed:
        sources += noted(context, each.place.name, each.items)
        mark = " · you are mentioned" if each.mentioned else ""
        shown = "\n\n".join(message(said) for said in each.items)
        pieces.append(f"**{line(each.place.name, 120)}** ({each.place.kind}){mark} · id: `{each.place.id}`\n\n{shown}")
    pieces = pieces or ["Nothing: all chats are read, and nobody mentioned you."]
    data = [
        {"place": m.place.id, "name": m.place.name, "mentioned": m.mentioned, "messages": [data_of(s) for s in m.items]}
        for m in news.missed
    ]
    return Result("\n\n".join([*pieces, *(f"Note: {each}" for each in news.notes)]), data, tuple(sources))


@tool(
    examples=[
        "is Tomas Berg available?",
        "who of Priya and Leo can be reached now?",
        "show the presence of Sofia",
    ],
    cues=["available", "presence", "online", "busy", "reached"],
)
def presence(
    context: ToolContext,
    people: Annotated[
        list[str], Slot("query", many=True), Field(min_length=1, max_length=50, description="Names or addresses.")
    ],
    account: Account = "",
) -> Result:
    """Show whether people can be reached in Teams now."""
    chat = chat_of(context, account)
    members = people_of(chat, people)
    held = {each.member: each for each in chat.presence(members)}
    rows, data = [], []
    for each in members:
        there = held.get(each.id)
        said = f"{there.availability}, {there.activity}" if there else "not known"
        note = f" · “{line(there.note, 200)}”" if there and there.note else ""
        rows.append(f"> {line(str(each), 120)}: {line(said, 80)}{note}")
        data.append({"who": str(each), "availability": there.availability if there else "", "note": note})
    return Result("\n".join(rows), data, ("Teams, presence",))
