"""Everpilot: a Copilot that you own, over your own documents, on any model.

    from copilot import Copilot

    answer = Copilot("~/Contracts").ask("what does contract.docx say about termination?")
    print(answer.text)

Everything public is listed in `__all__` and loaded when it is first used.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

from copilot._redaction import guard_logs

if TYPE_CHECKING:
    from copilot.agent.events import Event as Event
    from copilot.agent.events import Final as Final
    from copilot.documents.hunks import Edited as Edited
    from copilot.documents.hunks import Hunk as Hunk
    from copilot.hosts.script import Batch as Batch
    from copilot.hosts.script import Copilot as Copilot
    from copilot.hosts.script import Done as Done
    from copilot.models.providers import Provider as Provider
    from copilot.models.router import RoutedChatModel as RoutedChatModel
    from copilot.plugins.connectors import Connector as Connector
    from copilot.plugins.context import ToolContext as ToolContext
    from copilot.plugins.skill import Skill as Skill
    from copilot.plugins.tools import Result as Result
    from copilot.plugins.tools import tool as tool
    from copilot.slots import Role as Role
    from copilot.slots import Slot as Slot
    from copilot.trust.outgoing import Attachment as Attachment
    from copilot.trust.outgoing import Outgoing as Outgoing
    from copilot.workspace.change import Change as Change

# Who uses us as a library decides what is logged; unasked, nothing goes to stderr, and no secret goes anywhere.
logging.getLogger(__name__).addHandler(logging.NullHandler())
guard_logs(__name__)

_WHERE = {
    "Batch": "copilot.hosts.script",
    "Copilot": "copilot.hosts.script",
    "Done": "copilot.hosts.script",
    "Event": "copilot.agent.events",
    "Final": "copilot.agent.events",
    "Edited": "copilot.documents.hunks",
    "Hunk": "copilot.documents.hunks",
    "Provider": "copilot.models.providers",
    "RoutedChatModel": "copilot.models.router",
    "Connector": "copilot.plugins.connectors",
    "ToolContext": "copilot.plugins.context",
    "Skill": "copilot.plugins.skill",
    "Result": "copilot.plugins.tools",
    "tool": "copilot.plugins.tools",
    "Role": "copilot.slots",
    "Slot": "copilot.slots",
    "Attachment": "copilot.trust.outgoing",
    "Outgoing": "copilot.trust.outgoing",
    "Change": "copilot.workspace.change",
}

__all__ = [
    "Attachment",
    "Batch",
    "Change",
    "Connector",
    "Copilot",
    "Done",
    "Edited",
    "Event",
    "Final",
    "Hunk",
    "Outgoing",
    "Provider",
    "Result",
    "Role",
    "RoutedChatModel",
    "Skill",
    "Slot",
    "ToolContext",
    "errors",
    "tool",
]


def __getattr__(name: str) -> Any:
    if name == "errors":
        return importlib.import_module("copilot.errors")
    if name not in _WHERE:
        raise AttributeError(f"module 'copilot' has no attribute {name!r}")
    return getattr(importlib.import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
