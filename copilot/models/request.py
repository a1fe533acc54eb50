"""What the router is asked, and what it must know of it before anything leaves the machine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from copilot.models.clearance import held
from copilot.models.occasion import Occasion, current
from copilot.models.toolset import NONE, Toolset, estimate_tokens
from copilot.trust.labels import Confidentiality, Label

#: Under this key of a message's `additional_kwargs` lies its label; of an answer's `response_metadata` our stamp.
LABEL = "everpilot_label"
STAMP = "everpilot"

_IMAGES = frozenset({"image", "image_url", "input_image"})
_BINARY = _IMAGES | {"file", "input_file", "document", "audio", "input_audio", "video", "media"}
ANSWER_ROOM = 512  # tokens that an answer needs at least


@dataclass
class Request:
    """One call of the router. Made in the caller's context, because it reads what is held there."""

    messages: Sequence[BaseMessage]
    tools: Toolset = NONE
    options: dict[str, Any] = field(default_factory=dict)
    default_label: Confidentiality = Confidentiality.INTERNAL
    held: Confidentiality = field(default_factory=lambda: held().confidentiality)
    occasion: Occasion = field(default_factory=current)

    @cached_property
    def confidentiality(self) -> Confidentiality:
        """The highest label of anything in the request; a message without one has the configured default."""
        return max([self.held, *(self._label(m) for m in self.messages)])

    def _label(self, message: BaseMessage) -> Confidentiality:
        found = message.additional_kwargs.get(LABEL)
        return self.default_label if found is None else Label.from_dict(found).confidentiality

    @cached_property
    def tokens(self) -> int:
        """About how many tokens the request needs, with its tools, and room for an answer."""
        return self.size + ANSWER_ROOM

    @cached_property
    def size(self) -> int:
        """About how many tokens the request has, tools included."""
        texts, images = _measure(self.messages)
        return estimate_tokens(texts, images) + self.tools.size // 4

    @cached_property
    def has_images(self) -> bool:
        """Whether a message shows a picture."""
        return any(_is_image(block) for m in self.messages if isinstance(m.content, list) for block in m.content)

    @property
    def wants_schema(self) -> bool:
        """Whether the answer must fit a JSON schema that the server holds it to."""
        wanted = self.response_format
        return isinstance(wanted, dict) and wanted.get("type") == "json_schema"

    @property
    def response_format(self) -> Any:
        """Which JSON the answer must be, in OpenAI's form, or None."""
        return self.options.get("response_format") or self.tools.options.get("response_format")

    @cached_property
    def in_turn(self) -> bool:
        """Whether a turn is going on: the person's last words were followed by an answer, a call or its result."""
        last = next((m for m in reversed(self.messages) if isinstance(m, HumanMessage | AIMessage)), None)
        return isinstance(last, AIMessage)

    @cached_property
    def turn(self) -> str:
        """An id of the turn, for budgets: what the caller said, else the id of the person's last message, or ""."""
        last = next((m for m in reversed(self.messages) if isinstance(m, HumanMessage)), None)
        return self.occasion.turn or (last.id or "" if last else "")

    @cached_property
    def home(self) -> str:
        """The name of the model that the thread belongs to: that gave its answers until one failed, or ""."""
        stamps = (m.response_metadata.get(STAMP) for m in reversed(self.messages) if isinstance(m, AIMessage))
        found = next((s for s in stamps if isinstance(s, dict)), {})
        return str(found.get("home") or found.get("served_by") or "")

    @cached_property
    def served_last(self) -> str:
        """The name of the model that gave the thread's last answer, or ""."""
        last = next((m for m in reversed(self.messages) if isinstance(m, AIMessage)), None)
        stamp = last.response_metadata.get(STAMP) if last else None
        return str(stamp.get("served_by", "")) if isinstance(stamp, dict) else ""


def _measure(messages: Sequence[BaseMessage]) -> tuple[list[str], int]:
    texts: list[str] = []
    images = 0
    for message in messages:
        for block in [message.content] if isinstance(message.content, str) else message.content:
            if isinstance(block, str):
                texts.append(block)
            elif _is_binary(block):
                images += 1
            else:
                texts.append(str(block.get("text") or json.dumps(block, default=str)))
        if isinstance(message, AIMessage) and message.tool_calls:
            texts.append(json.dumps([call["args"] for call in message.tool_calls], default=str))
    return texts, images


def _is_image(block: object) -> bool:
    return isinstance(block, dict) and block.get("type") in _IMAGES


def _is_binary(block: object) -> bool:
    return isinstance(block, dict) and not block.get("text") and block.get("type") in _BINARY
