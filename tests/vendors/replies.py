"""What a server of the tests answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Call:
    """A tool call. `raw` replaces the JSON of `args` on the wire: cut or malformed arguments.

    `whole` sends an object where the protocol has text; other protocols take no notice of it.
    """

    name: str
    args: dict[str, Any] = field(default_factory=dict)
    id: str = ""
    raw: str | None = None
    whole: bool = False

    @property
    def arguments(self) -> str:
        return json.dumps(self.args) if self.raw is None else self.raw

    @property
    def broken(self) -> bool:
        """Whether the arguments are no JSON."""
        try:
            json.loads(self.arguments)
        except ValueError:
            return True
        return False

    @property
    def sent_args(self) -> dict[str, Any]:
        """What a vendor sends that hands arguments over as an object: an empty one when the model wrote no JSON."""
        try:
            return dict(json.loads(self.arguments))
        except ValueError:
            return {}


@dataclass(frozen=True)
class Reply:
    """An answer. `finish` is the vendor's own word for its end; left out, what fits the content.

    `cached_tokens` are among the input, `reasoning_tokens` among the output. `index_step` is the distance between the
    numbers of its calls, which is 1 with every vendor and not with every server.
    """

    text: str = ""
    calls: tuple[Call, ...] = ()
    thinking: str = ""
    refusal: str = ""
    finish: str | None = None
    input_tokens: int = 7
    output_tokens: int = 3
    index_step: int = 1
    cached_tokens: int = 0
    reasoning_tokens: int = 0

    def with_(self, **changes: Any) -> Reply:
        return replace(self, **changes)


@dataclass(frozen=True)
class Request:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def tools(self) -> list[str]:
        """The names of the tools that were sent."""
        tools = self.body.get("tools") or (self.body.get("toolConfig") or {}).get("tools") or []
        return [(tool.get("function") or tool.get("toolSpec") or tool).get("name", "") for tool in tools]

    @property
    def messages(self) -> list[dict[str, Any]]:
        return list(self.body.get("messages") or [])

    @property
    def last_text(self) -> str:
        """The text of the last message, whatever its form."""
        return text_of(self.messages[-1].get("content")) if self.messages else ""


Answerer = Callable[[Request], "Reply | str"]


def text_of(content: object) -> str:
    """Return the text in a message's content, of tool results too."""
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        return str(content.get("text", "")) or text_of(content.get("content") or content.get("toolResult"))
    return "".join(text_of(block) for block in content) if isinstance(content, list) else ""


def echo(request: Request) -> Reply:
    """Answer with the words of the last message."""
    return Reply(f"Echo: {request.last_text}")


def as_reply(answer: Reply | str) -> Reply:
    return Reply(answer) if isinstance(answer, str) else answer
