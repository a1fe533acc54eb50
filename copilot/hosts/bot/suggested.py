"""Prompts that a person can send with one click, below an answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from copilot.hosts.bot.channels import ChannelProfile
from copilot.trust.sanitise import safe_text

#: Characters of a prompt that a button shows whole; what is longer is left out: a person sends what they read.
MOST_CHARACTERS = 80


def suggested_actions(prompts: Iterable[str], profile: ChannelProfile, to: str = "") -> dict[str, Any] | None:
    """Return `suggestedActions` of a message, as many as the channel shows; None for none.

    `to` is the id of the person that sees them (Teams wants it in group chats).
    """
    texts = dict.fromkeys(text for each in prompts if (text := " ".join(safe_text(each).split())))
    short = [text for text in texts if len(text) <= MOST_CHARACTERS][: profile.suggestions]
    if not short:
        return None
    actions = [{"type": "imBack", "title": text, "value": text} for text in short]
    return {"to": [to] if to else [], "actions": actions}
