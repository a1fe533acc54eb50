"""The assistant as a bot: in Teams, Web Chat, Microsoft 365 Copilot. Nothing is imported before it is asked for."""

from __future__ import annotations

import importlib
from typing import Any

_WHERE = {
    "create_app": "copilot.hosts.bot.app",
    "Inbox": "copilot.hosts.bot.inbox",
    "Channel": "copilot.hosts.bot.inbox",
}

__all__ = ["Channel", "Inbox", "create_app"]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'copilot.hosts.bot' has no attribute {name!r}")
    return getattr(importlib.import_module(_WHERE[name]), name)
