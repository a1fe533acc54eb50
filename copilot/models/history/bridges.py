"""The order of roles that a vendor asks for: messages are put between others, never left out."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from copilot.models.dialects import Dialect
from copilot.models.history.content import joined, plain

#: After an answer that ended the thread. Leaving the answer out would make the next model say it again; sending it
#: last would ask for a continuation in mid-sentence, which vendors refuse.
CONTINUE = "Continue."
#: Before an answer that begins the thread, when what led to it was summarised away.
BEGINNING = "(The conversation begins here.)"
#: Between tool results and the user's next words: the answer that never came.
INTERRUPTED = "(I was interrupted before I could answer.)"


def bridge(messages: Sequence[BaseMessage], dialect: Dialect) -> list[BaseMessage]:
    """Return the messages in an order of roles that the dialect takes."""
    bridged: list[BaseMessage] = []
    for message in messages:
        before = bridged[-1] if bridged else None
        if before is None or isinstance(before, SystemMessage):
            bridged += _opening(message, dialect)
        elif dialect.alternating and _same_role(before, message):
            message = _alternate(bridged, message)
        elif isinstance(before, ToolMessage) and isinstance(message, HumanMessage) and not dialect.user_after_tool:
            bridged.append(AIMessage(content=INTERRUPTED))
        bridged.append(message)
    return [*bridged, *_closing(bridged, dialect)]


def _opening(message: BaseMessage, dialect: Dialect) -> list[BaseMessage]:
    needed = dialect.first_must_be_user and isinstance(message, AIMessage)
    return [HumanMessage(content=BEGINNING)] if needed else []


def _closing(messages: list[BaseMessage], dialect: Dialect) -> list[BaseMessage]:
    last = messages[-1] if messages else None
    silent = last is None or isinstance(last, SystemMessage)
    if silent or (isinstance(last, AIMessage) and not dialect.trailing_assistant):
        return [HumanMessage(content=CONTINUE)]
    return []


def _same_role(before: BaseMessage, message: BaseMessage) -> bool:
    return any(isinstance(before, role) and isinstance(message, role) for role in (AIMessage, HumanMessage))


def _alternate(bridged: list[BaseMessage], message: BaseMessage) -> BaseMessage:
    """Return what to append after the last of `bridged`, which has the same role: joined with it where that is safe.

    Two answers are not joined: one may have to go back as the vendor signed it.
    """
    if isinstance(message, HumanMessage):
        before = bridged.pop()
        return HumanMessage(content=joined([*plain(before.content), *plain(message.content)]))
    bridged.append(HumanMessage(content=CONTINUE))
    return message
