"""What a vendor's wire format demands and how its answers end, as data (dialects.toml).

A dialect is the shape of the messages, not the vendor: Azure OpenAI, Azure AI Foundry and every compatible server speak
`openai`; Claude on Foundry speaks `anthropic`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Literal

from copilot.errors import SettingsError

#: How an answer ended: `good` and `tool` may be accepted; `missing` means that the stream broke off without saying why.
Ending = Literal["good", "tool", "length", "refusal", "filter", "bad_call", "failed", "missing", "unknown"]


@dataclass(frozen=True, slots=True)
class IdRule:
    """Which ids of calls and file names a vendor takes: characters, as in a regular expression's [], and how many."""

    alphabet: str
    max_length: int = 64
    length: int | None = None

    def accepts(self, call_id: str) -> bool:
        """Return whether `call_id` may be sent as it is."""
        count = f"{{{self.length}}}" if self.length else f"{{1,{self.max_length}}}"
        return re.fullmatch(f"[{self.alphabet}]{count}", call_id) is not None


@dataclass(frozen=True, slots=True)
class Dialect:
    """One wire format.

    finish_keys                  where in `response_metadata` the reason for the end stands, as dotted paths
    *_finish                     the reasons, by what they mean
    tool_call_id                 which ids of calls are accepted
    empty_arguments              a call without arguments is streamed as no text at all; elsewhere that is a cut call
    tool_name_max, ..._first     how long a tool's name may be; whether it may not begin with a digit or dash
    words_with_calls             an answer's words may stand in the message that holds its calls
    user_after_tool              a user message may follow tool results without an assistant message between them
    system_anywhere              a system message may stand later than first
    tools_with_tool_blocks       tools must be sent when the history holds tool calls
    images, files                a user message may hold them
    image_urls                   ... and images as an address, not only as bytes
    image_types                  the types of images that are taken; empty: any
    image_bytes                  how large an image may be; 0: any size
    file_names                   which names of files are taken, each once in a request, words beside it; None: any
    tool_result_images           a tool result may hold images
    trailing_assistant           the history may end with an assistant message
    first_must_be_user           the first message that is not system must be the user's
    alternating                  user and assistant must take turns
    thinking_blocks              types of content blocks that hold reasoning, sent back to the same model only
    own_blocks                   types of content blocks that an answer of the same model may take back with it
    thinking_must_lead_tool_use  with thinking on, tool calls of the running turn must come with their reasoning
    thinking_off                 fields that a copy of the client gets for a request without thinking; given with the
                                 call they do nothing, the client's own settings win
    """

    name: str
    finish_keys: tuple[str, ...]
    good_finish: frozenset[str]
    tool_finish: frozenset[str]
    length_finish: frozenset[str]
    refusal_finish: frozenset[str]
    filter_finish: frozenset[str]
    bad_call_finish: frozenset[str]
    failed_finish: frozenset[str]
    tool_call_id: IdRule
    empty_arguments: bool
    tool_name_max: int
    tool_name_letter_first: bool
    words_with_calls: bool
    user_after_tool: bool
    system_anywhere: bool
    tools_with_tool_blocks: bool
    images: bool
    image_urls: bool
    image_types: frozenset[str]
    image_bytes: int
    files: bool
    file_names: IdRule | None
    tool_result_images: bool
    trailing_assistant: bool
    first_must_be_user: bool
    alternating: bool
    thinking_blocks: frozenset[str]
    own_blocks: frozenset[str]
    thinking_must_lead_tool_use: bool
    thinking_off: Mapping[str, Any]

    def finish(self, metadata: Mapping[str, Any]) -> str | None:
        """Return the reason for the end that a message's `response_metadata` tells, or None: it never ended."""
        reason = next((found for key in self.finish_keys if (found := _text_at(metadata, key))), None)
        return None if reason is None else self._once(reason)

    def ending(self, metadata: Mapping[str, Any]) -> Ending:
        """Return what the end of an answer means, from its `response_metadata`."""
        reason = self.finish(metadata)
        if reason is None:
            return "missing"
        return next((ending for ending, reasons in self._endings() if reason in reasons), "unknown")

    def meaning(self, reason: str) -> Ending:
        """Return what a reason for the end means, said in this vendor's words in any case of letters."""
        found = (ending for ending, reasons in self._endings() if reason.lower() in map(str.lower, reasons))
        return next(found, "unknown")

    def _endings(self) -> tuple[tuple[Ending, frozenset[str]], ...]:
        return (
            ("good", self.good_finish),
            ("tool", self.tool_finish),
            ("length", self.length_finish),
            ("refusal", self.refusal_finish),
            ("filter", self.filter_finish),
            ("bad_call", self.bad_call_finish),
            ("failed", self.failed_finish),
        )

    def _once(self, reason: str) -> str:
        # LangChain joins equal keys of chunks by adding strings: a server that says "stop" twice arrives as "stopstop".
        known = (one for _, reasons in self._endings() for one in reasons)
        return next((one for one in known if one * (len(reason) // len(one)) == reason), reason)


def get(name: str) -> Dialect:
    """Return the dialect `name`.

    Raises:
        SettingsError: there is none of that name.
    """
    found = _all().get(name)
    if found is None:
        raise SettingsError(f"No dialect named {name!r}.", hint=f"There is: {', '.join(names())}.")
    return found


def names() -> tuple[str, ...]:
    """Return the names of all dialects."""
    return tuple(_all())


@cache
def _all() -> dict[str, Dialect]:
    raw = tomllib.loads((files("copilot.models") / "dialects.toml").read_text(encoding="utf-8"))
    defaults = raw.pop("defaults")
    return {name: _dialect(name, {**defaults, **facts}) for name, facts in raw.items()}


def _dialect(name: str, facts: dict[str, Any]) -> Dialect:
    sets = {key: frozenset(value) for key, value in facts.items() if isinstance(value, list) and key != "finish_keys"}
    return Dialect(
        **{
            **facts,
            **sets,
            "name": name,
            "thinking_off": MappingProxyType(facts["thinking_off"]),
            "finish_keys": tuple(facts["finish_keys"]),
            "tool_call_id": IdRule(**facts["tool_call_id"]),
            "file_names": IdRule(**facts["file_names"]) if facts["file_names"] else None,
        }
    )


def _text_at(metadata: Mapping[str, Any], path: str) -> str | None:
    """Return the text under a dotted path. An enum counts by its name, as the Google SDK hands them over."""
    found: Any = metadata
    for key in path.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    name = getattr(found, "name", found)
    return name if isinstance(name, str) and name else None
