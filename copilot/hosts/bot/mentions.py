"""Mentions: whether a message in a group is for the bot, and what it says without its name.

Source: Microsoft Teams, "Channel and group chat conversations with a bot", "Work with mentions"; Bot Framework --
Activity, "Mention entity".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from copilot.hosts.bot.inbox import Activity

_TAG = re.compile(r"</?at(?:\s[^<>]{0,200})?>")
_SPACE = re.compile(r"&nbsp;|\N{NO-BREAK SPACE}")


def is_addressed(activity: Activity) -> bool:
    """Return whether a message in a group is for the bot: it is mentioned, or one of its cards was answered.

    The mention counts, not the name in the text, which anybody can type.
    """
    return any(True for _ in _of_bot(activity)) or _is_card_answer(activity)


def without_mentions(activity: Activity) -> str:
    """Return the words of a message: without the bot's name, and of other mentions the plain names."""
    text = str(activity.get("text") or "")
    for entity in _of_bot(activity):
        told = entity.get("text")
        if isinstance(told, str) and told.strip():
            text = text.replace(told, " ")
    return _SPACE.sub(" ", _TAG.sub("", text)).strip()


def _of_bot(activity: Activity) -> Iterator[Mapping[str, Any]]:
    recipient = activity.get("recipient")
    bot = recipient.get("id") if isinstance(recipient, dict) else None
    for entity in activity.get("entities") or ():
        mentioned = entity.get("mentioned")
        if entity.get("type") == "mention" and bot and isinstance(mentioned, dict) and mentioned.get("id") == bot:
            yield entity


def _is_card_answer(activity: Activity) -> bool:
    """Return whether a button of a card was clicked: such a message has a value and, in most clients, no words."""
    return isinstance(activity.get("value"), dict) and not str(activity.get("text") or "").strip()
