"""What a call asks for besides its messages, in LangChain's standard words, and how each client takes it (terms.toml).

The words: `tool_choice`, `strict` and `parallel_tool_calls` of `bind_tools`; `response_format` in OpenAI's form;
`temperature`, `max_tokens`, `stop` and whatever else a vendor's client knows, which goes to it as it is.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import RunnableBinding

from copilot.models.attempt import Client
from copilot.models.request import Request
from copilot.models.toolset import Toolset, said

#: Options that belong to the tools: a client takes them when they are bound.
OF_TOOLS = ("tool_choice", "strict", "parallel_tool_calls")
Json = Literal["", "object", "schema"]


@dataclass(frozen=True)
class Terms:
    """How one client takes it; see terms.toml for what each field means."""

    any: Any = "any"
    none: Any = "none"
    named: bool = True
    without: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    schema: bool = True
    bare_json: bool = True
    plain_schemas: bool = False

    def bound(self, client: BaseChatModel, tools: Toolset) -> Client:
        """Return the client with the tools bound, and told about them what it can be told."""
        wanted = tools.choice
        if not tools.tools or (wanted == "none" and not self.none):
            return client
        told = {**self._known(tools.options), "tool_choice": self._choice(wanted, tools.options.get("tool_choice"))}
        if told["tool_choice"] is None:
            del told["tool_choice"]
        return client.bind_tools(list(tools.plain if self.plain_schemas else tools.tools), **told)

    def _choice(self, wanted: str, given: Any) -> Any:
        if wanted in ("any", "none"):
            return getattr(self, wanted) or None
        if wanted:
            return wanted if self.named else None
        return given if isinstance(given, dict) and not said(given) else None  # a vendor's own: it knows what it means

    def words(self, request: Request) -> str:
        """Return what must be said to the model in words, because its client can't be told, or ""."""
        wanted, known = request.tools.choice, request.tools.names
        if wanted in known and not self.named:
            return f"Answer with a call of the tool {wanted!r}, and nothing else."
        if wanted == "any" and known and not self.any:
            return "Answer with a call of one of the tools, and nothing else."
        bare = json_wanted(request.response_format) == "object" and not self._format(request.response_format)
        return "Answer with a JSON object, and nothing else." if bare else ""

    def asked(self, client: Client, options: Mapping[str, Any]) -> tuple[Client, dict[str, Any]]:
        """Return whom to ask, and with which options: the client, or a copy of it that has some of them as fields."""
        known = self._known(options)
        held = {name: known.pop(ours) for ours, name in self.fields.items() if ours in known}
        return (_with(client, held) if held else client), {self.renamed.get(n, n): v for n, v in known.items()}

    def _known(self, options: Mapping[str, Any]) -> dict[str, Any]:
        known = {name: value for name, value in options.items() if name not in self.without and value is not None}
        if (wanted := known.get("response_format")) is not None and (fit := self._format(wanted)) != wanted:
            del known["response_format"]
            known |= {"response_format": fit} if fit else {}
        return known

    def _format(self, wanted: Any) -> Any:
        """Return a wish for JSON as the client takes it; JSON of no known shape is left to the prompt if need be."""
        if json_wanted(wanted) != "object":
            return wanted
        if self.bare_json:
            return {"type": "json_object"}
        return {"type": "json_schema", "json_schema": wanted["json_schema"]} if wanted.get("json_schema") else None


def terms_of(client: str) -> Terms:
    """Return how the client "module:Class" takes what a call asks for."""
    return _all().get(client, _PLAIN)


_PLAIN = Terms()


@cache
def _all() -> Mapping[str, Terms]:
    raw = tomllib.loads((files("copilot.models") / "terms.toml").read_text("utf-8"))
    return {name: Terms(**{**facts, "without": tuple(facts.get("without", ()))}) for name, facts in raw.items()}


def json_wanted(response_format: Any) -> Json:
    """Return which JSON an answer must be, by a `response_format` in OpenAI's form: an "object", of a "schema", ""."""
    kind = response_format.get("type") if isinstance(response_format, Mapping) else None
    return {"json_object": "object", "json_schema": "schema"}.get(str(kind), "")  # type: ignore[return-value]


def _with(client: Client, values: Mapping[str, Any]) -> Client:
    if isinstance(client, RunnableBinding):
        return client.model_copy(update={"bound": _with(client.bound, values)})
    return client.model_copy(update=dict(values)) if isinstance(client, BaseChatModel) else client
