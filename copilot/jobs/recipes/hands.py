"""Hands over `Copilot`: a recipe's tools and prompts, on the document itself, asking as the mode says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from copilot.errors import EverpilotError, NoModelError, ToolInputError
from copilot.jobs.recipes.fields import misfit
from copilot.jobs.recipes.running import Reply
from copilot.models.clearance import labelled
from copilot.trust.labels import WORKSPACE

if TYPE_CHECKING:
    from copilot.agent.copilot import Copilot
    from copilot.agent.events import Final

#: Is handed what would be done, as Change.to_dict, and returns what the person says.
Decide = Callable[[list[dict[str, Any]]], bool]
#: Errors of a turn that are no fault of the document.
_NO_MODEL = frozenset({"no_model", "model", "needs_model", "too_long", "asked"})


class CopilotHands:
    """Works on one document of an assistant's folder. What must be asked is asked of `decide`; without it, nobody.

    `changes` are those that were made, by tools and by the agent. A turn that waits for a person and a call that
    nobody allowed end the recipe; nothing of them is done.
    """

    def __init__(self, copilot: Copilot, path: str, decide: Decide | None = None) -> None:
        self.path = path
        self._copilot = copilot
        self._decide = decide
        self._seen = WORKSPACE  # what the steps read: a prompt may hold any of it
        self.changes: list[dict[str, Any]] = []

    async def prompt(self, text: str, fields: dict[str, Any] | None) -> Reply:
        """Return what the agent answers; raises NoModelError where no model can, ToolInputError for a wrong answer."""
        said = f"{text}\n\n{_wanted(fields)}" if fields else text
        with labelled(self._seen):
            final = await self._copilot.aask(said, files=[self.path] if self.path else [], typed="")
            final = await self._answered(final)
        self.changes += final.changes
        if final.error:
            raise _error(final.error)
        return Reply(final.text, values_in(final.text, fields) if fields else None)

    async def _answered(self, final: Final) -> Final:
        """Return the end of the turn after everything that it asked was answered."""
        while final.approvals:
            card = final.approvals[0]
            if self._decide is None:
                hint = f"Answer it with: everpilot approve {final.thread}"
                raise ToolInputError("The turn waits for an approval.", hint=hint, code="ask")
            said = await asyncio.to_thread(self._decide, card["items"])
            final = await self._copilot.aresume(final.thread, approve=said, card=card["digest"])
        return final

    async def call(self, tool: str, args: dict[str, Any]) -> dict[str, Any]:
        """Return what `Copilot.call` does."""
        step = await asyncio.to_thread(self._copilot.step, tool, args, decide=self._decide)
        self._seen |= step.label
        outcome = step.told(tool)
        self.changes += outcome["changes"] if outcome["status"] == "done" else []
        return outcome


def _error(error: Mapping[str, Any]) -> EverpilotError:
    code, message = str(error["code"]), str(error["message"])
    if code not in _NO_MODEL:
        return ToolInputError(message, code=code)
    hint = "Set a key such as ANTHROPIC_API_KEY, or start Ollama: everpilot doctor"
    return NoModelError(f"A prompt of the recipe needs a language model. {message}", hint=hint)


def _wanted(fields: Mapping[str, Any]) -> str:
    schema = json.dumps(fields, ensure_ascii=False)
    return f"Answer with one JSON object by this schema, null for what is not in the document, nothing else:\n{schema}"


def values_in(text: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON object in an answer, checked by its schema; raises ToolInputError that says what is wrong."""
    found = _object_in(text)
    if found is None:
        raise ToolInputError("The answer is no JSON object with the fields that were asked for.", code="fields")
    return checked(found, fields)


def checked(found: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return values that fit the JSON Schema of the fields; raises ToolInputError that says what is wrong."""
    if wrong := misfit(dict(found), fields):
        raise ToolInputError(wrong, code="fields")
    return dict(found)


def _object_in(text: str) -> dict[str, Any] | None:
    """Return the first JSON object in a text, whatever stands around it."""
    start = text.find("{")
    while 0 <= start < len(text):
        try:
            found, _ = json.JSONDecoder().raw_decode(text, start)
        except (ValueError, RecursionError):
            start = text.find("{", start + 1) if text.count("{", start) < 200 else -1
            continue
        return found if isinstance(found, dict) else None
    return None
