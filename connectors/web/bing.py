"""Grounding with Bing Search, through a project of Azure AI Foundry.

Bing gives no list of results: a model of the project is asked, has to search (`tool_choice`), and answers with
citations. Source: Microsoft Foundry, "Grounding agents with Bing Search tools" (REST); the answer is one of the
Responses API. Its terms want citations shown exactly as they came, so that addresses are not touched here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from copilot.errors import SettingsError
from copilot.plugins.connections.web import Found, Hit, Recent
from copilot.settings import WebSettings

from .engines import HINT, operators

_FRESHNESS = {"day": "Day", "week": "Week", "month": "Month"}
_ASK = "Search the web and answer in a few sentences, citing each page: "


class BingOptions(BaseModel):
    """`[web.options]` of the engine bing: the project's model, and its connection to Bing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(min_length=1)
    connection: str = Field(min_length=1)
    market: str = ""


class Bing:
    """An engine that is a model with a tool."""

    method = "POST"
    key, prefix = "Authorization", "Bearer "

    def __init__(self, settings: WebSettings) -> None:
        if not settings.base_url:
            hint = "It is https://RESOURCE.services.ai.azure.com/api/projects/PROJECT."
            raise SettingsError("[web]: bing needs base_url, the endpoint of your Foundry project.", hint=hint)
        try:
            self._options = BingOptions.model_validate(settings.options)
        except ValidationError as error:
            told = ", ".join(".".join(map(str, e["loc"])) for e in error.errors())
            raise SettingsError(f"[web.options] of bing: {told} is missing or unknown.", hint=HINT) from None
        self.url = f"{settings.base_url}/openai/v1/responses"

    def request(self, query: str, sites: Sequence[str], recent: Recent, most: int) -> dict[str, Any]:
        """Return the body of a search."""
        options = self._options
        search: dict[str, Any] = {"project_connection_id": options.connection, "count": most}
        search |= {"freshness": _FRESHNESS[recent]} if recent in _FRESHNESS else {}
        search |= {"market": options.market} if options.market else {}
        words = f"{query} {operators(sites)}" if sites else query
        return {
            "model": options.model,
            "input": f"{_ASK}{words}",
            "tool_choice": "required",
            "store": False,
            "tools": [{"type": "bing_grounding", "bing_grounding": {"search_configurations": [search]}}],
        }

    def found(self, answer: Any, name: str) -> Found:
        """Return the answer and the pages that it cites, each once."""
        parts = list(_parts(answer))
        cited = {
            str(note["url"]): Hit(str(note.get("title") or note["url"])[:300], str(note["url"]))
            for part in parts
            for note in _listed(part, "annotations")
            if note.get("type") == "url_citation" and str(note.get("url", "")).startswith(("http://", "https://"))
        }
        return Found(name, tuple(cited.values()), "\n\n".join(str(part.get("text", "")) for part in parts).strip())


def _parts(answer: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the pieces of text in an answer of the Responses API."""
    for item in _listed(answer, "output"):
        for part in _listed(item, "content") if item.get("type") == "message" else ():
            if part.get("type") == "output_text":
                yield part


def _listed(value: Any, name: str) -> list[Mapping[str, Any]]:
    found = value.get(name) if isinstance(value, Mapping) else None
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []
