"""What a server asks a person in the middle of a call (MCP 2025-11-25, "Elicitation"), and what they answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from copilot.plugins.mcp import limits
from copilot.plugins.service import origin
from copilot.trust.sanitise import safe_text


@dataclass(frozen=True)
class Answer:
    """What the person said: "accept" (with the fields of a form), "decline", or "cancel" (they did not choose)."""

    action: Literal["accept", "decline", "cancel"]
    content: dict[str, Any] | None = None


@dataclass(frozen=True)
class Question:
    """What is asked. A form has a `schema` (a flat object); else `url` is where the person is to go.

    The message comes from the server: nobody vouches for it. A host shows who asks, and opens no address unasked.
    """

    server: str
    message: str
    url: str = ""
    schema: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, server: str, params: Any) -> Question:
        """Return the question of a request's parameters."""
        message = safe_text(str(params.message))[: limits.DESCRIPTION]
        if params.mode == "url":
            return cls(server, message, url=safe_text(str(params.url)))
        return cls(server, message, schema=dict(params.requested_schema))

    def filled(self, answer: Answer) -> Answer:
        """Return the answer with the form's defaults for the fields that were left out."""
        fields = self.schema.get("properties")
        if answer.action != "accept" or self.url or not isinstance(fields, Mapping):
            return answer
        defaults = {n: f["default"] for n, f in fields.items() if isinstance(f, Mapping) and "default" in f}
        return replace(answer, content={**defaults, **(answer.content or {})})

    @property
    def is_elsewhere(self) -> bool:
        """Whether the address leads to no web page: a file, or a program of this machine, opens by one, too."""
        return bool(self.url) and (not origin(self.url) or not self.url.lower().startswith(("https://", "http://")))

    def misfit(self, answer: Answer) -> str:
        """Return why an answer does not fit the form, "" when it does."""
        if answer.action != "accept" or self.url:
            return ""
        from jsonschema import Draft202012Validator
        from jsonschema.exceptions import SchemaError, best_match

        try:
            Draft202012Validator.check_schema(self.schema)
            found = best_match(Draft202012Validator(self.schema).iter_errors(answer.content or {}))
        except SchemaError:
            return "Its form is broken, so nothing was sent."
        return f"The answer does not fit its form: {found.message[: limits.LOG_WIDTH]}" if found else ""


#: How a host asks the person; it is called in a thread of its own, and may take its time.
Elicit = Callable[[Question], Answer]
