"""The state of a thread: LangChain's messages, and the join of the labels of all that entered it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, NotRequired

from langchain.agents.middleware import AgentState
from langchain_core.messages import BaseMessage, ToolMessage

from copilot.trust.labels import USER, Label
from copilot.trust.typed import Typed

#: Under this key of a message's `additional_kwargs` lies its label, and under STAMP of its metadata who made it.
LABEL = "everpilot_label"
STAMP = "everpilot"


def _join(old: dict[str, Any] | None, new: dict[str, Any] | None) -> dict[str, Any]:
    labels = [Label.from_dict(each) for each in (old, new) if each]
    return (labels[0] | labels[-1] if labels else USER).to_dict()


def _more(old: list[Any] | None, new: list[Any] | None) -> list[Any]:
    return [*(old or []), *(new or [])]


class State(AgentState[Any]):
    """`label` outlives the messages: what was summarised away still counts.

    `typed` is what a person typed, which files they named with it and who that is, a [words, files, user] for each
    message. It is kept apart from the messages: a summary comes as a message of the user's, and what was piped in
    stands in one, too.
    `offered` is which tools the model is offered, where they are found by searching (tool_search.Offer).
    """

    label: NotRequired[Annotated[dict[str, Any], _join]]
    typed: NotRequired[Annotated[list[Any], _more]]
    offered: NotRequired[dict[str, Any]]


def label_of(state: Any) -> Label:
    """Return the label of a thread."""
    found = state.get("label")
    return Label.from_dict(found) if found else USER


def typed_of(state: Any, user: str = "") -> Typed:
    """Return what a person typed in a thread: in one of several people nobody's words endorse what another's turn does,
    which may be done with that one's accounts. What was written down without a name is the word of whoever asks.
    """
    said = [(words, files) for words, files, *by in state.get("typed") or () if not by or by[0] == user]
    return Typed(tuple(words for words, _ in said), tuple(file for _, files in said for file in files))


def leads_of(state: Any) -> frozenset[str]:
    """Return the web addresses that search engines gave in a thread."""
    told = (m.artifact for m in state.get("messages", ()) if isinstance(m, ToolMessage))
    return frozenset(url for each in told if isinstance(each, dict) for url in each.get("leads", ()))


def stamp_of(message: BaseMessage) -> dict[str, Any]:
    """Return who made a message and how (served_by, attempts, usage, menu); empty for messages that are not ours."""
    found = message.response_metadata.get(STAMP) if hasattr(message, "response_metadata") else None
    return found if isinstance(found, dict) else {}


def moment_of(message: BaseMessage) -> datetime | None:
    """Return when a message was finished, None where nobody noted it."""
    try:
        return datetime.fromisoformat(str(stamp_of(message).get("at", "")))
    except ValueError:
        return None
