"""The tools that post. They show who reads it, and the whole text; nothing is sent before that was agreed to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from copilot.errors import ToolInputError
from copilot.plugins.connections.chat import Member, Place, Post
from copilot.plugins.context import ToolContext
from copilot.plugins.tools import tool
from copilot.slots import Role
from copilot.trust.outgoing import Outgoing

from .parameters import Account, chat_of, people_of, place_of
from .show import line, noted

Text = Annotated[str, Role("body"), Field(min_length=1, description='The text, as Markdown; "@Name" for each mention.')]
Mentions = Annotated[list[str], Role("recipient"), Field(description="Whom it mentions: names or addresses.")]
Importance = Annotated[Literal["normal", "high", "urgent"], Role("option"), Field(description="How urgent it is.")]
#: Characters of a message ("Limits and specifications for Microsoft Teams": about 28 KB with its HTML).
_MOST = 20_000


@tool(
    effect="send",
    examples=["post in the channel Finance / Budget 2026 that the numbers are ready", "answer in the Budget Q3 chat"],
    cues=["post", "say in", "channel", "announce", "reply in"],
)
def post(
    context: ToolContext,
    place: Annotated[
        str, Role("recipient"), Field(min_length=1, description='A chat or channel: id, name, or "Team / Channel".')
    ],
    text: Text,
    reply_to: Annotated[str, Role("target"), Field(description="In a channel: the id of the message it answers.")] = "",
    mentions: Mentions = [],  # noqa: B006 - never changed
    subject: Annotated[
        str, Role("body"), Field(max_length=200, description="A subject, for a new message in a channel.")
    ] = "",
    importance: Importance = "normal",
    account: Account = "",
) -> Outgoing:
    """Post a message in a chat or channel that is there, or answer one."""
    chat = chat_of(context, account)
    where, named = place_of(chat, place), people_of(chat, mentions)
    made = Post(_checked(text), named, importance, subject, reply_to)
    answered = ""
    if reply_to:
        first = chat.message(where.id, reply_to)
        noted(context, where.name, [first])
        answered = f", in answer to {line(first.author.name, 60)}: “{line(first.markdown, 80)}”"
    title = f"{_readers(where)}{answered}{_marked(importance)}"
    return context.send(
        "post",
        _whom(where, named, chat.me),
        made.markdown,
        lambda key: chat.post(where.id, made, key),
        subject=f"{title}: {line(subject, 200)}" if subject else title,
    )


@tool(
    effect="send",
    examples=["write Tomas Berg in Teams that I am late", "send Priya and Leo a Teams message that we meet at 10"],
    cues=["teams message", "write in teams", "message", "ping", "chat"],
)
def write(
    context: ToolContext,
    to: Annotated[list[str], Role("recipient"), Field(min_length=1, max_length=20, description="Names or addresses.")],
    text: Text,
    title: Annotated[str, Role("body"), Field(max_length=200, description="The title of a new group chat.")] = "",
    importance: Importance = "normal",
    account: Account = "",
) -> Outgoing:
    """Write to people in Teams: in the chat with exactly them, or in a new one if there is none."""
    chat = chat_of(context, account)
    people = tuple(each for each in people_of(chat, to) if each.id != chat.me.id)
    if not people:
        raise ToolInputError("There is nobody to write to.", hint="Name others than oneself.", code="unknown_recipient")
    if outside := [each for each in people if not each.id]:
        raise ToolInputError(
            f"{', '.join(line(str(each), 80) for each in outside)}: not in the organisation, so not in Teams.",
            hint="Write a mail.",
            code="unknown_recipient",
        )
    there = chat.between([each.address for each in people])
    made = Post(_checked(text), importance=importance)

    def deliver(key: str) -> str:
        return chat.post(there.id, made, key) if there else chat.start(people, title, made, key)

    new = f"New {'group chat' if len(people) > 1 else 'chat'} {line(title, 200)}".strip()
    where = _readers(there) if there else new
    whom = [each.address or each.name for each in people]
    return context.send("post", whom, made.markdown, deliver, subject=where + _marked(importance))


def _checked(text: str) -> str:
    if len(text) > _MOST:
        raise ToolInputError(f"The text has {len(text):,} characters; Teams takes about {_MOST:,}.", code="too_long")
    return text.strip()


def _whom(place: Place, mentions: Sequence[Member], me: Member) -> list[str]:
    """Return who reads it: the members of a chat, a channel by its name; those who are told besides."""
    others = [each.address or each.name for each in place.members if each.id != me.id]
    readers = others if place.kind != "channel" else [place.name]
    return list(dict.fromkeys([*readers, *(each.address or each.name for each in mentions)]))


def _readers(place: Place) -> str:
    kinds = {"one": "Chat", "group": "Group chat", "meeting": "Chat of the meeting", "channel": "Channel"}
    return f"{kinds[place.kind]} {line(place.name, 100)}"


def _marked(importance: str) -> str:
    return "" if importance == "normal" else f" ({importance})"
