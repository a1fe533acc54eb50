"""Search engines as data: where they are asked, what their parameters are called, and where in the answer results lie.

Sources: Brave Search API, "Web search" (query parameters, `web.results`); Tavily, "POST /search"; SearXNG, "Search
API"; each as its vendor documents it. `custom` is an engine of this form that the settings describe.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from copilot.errors import SettingsError
from copilot.plugins.connections.web import Found, Hit, Recent
from copilot.settings import WebSettings
from copilot.trust.sanitise import safe_text

_TAG = re.compile(r"<[^<>]{0,200}>")
#: Characters of a result's text and title.
_MOST_TEXT, _MOST_TITLE = 1_200, 300
#: Where the settings are described.
HINT = "See docs/web.md for what can be set."


class Engine(BaseModel):
    """An engine that is asked with one request and answers with a list in JSON.

    `query`, `count`, `recency` and `sites` are names of parameters; `sites` takes a list of hosts, and without it they
    go into the query (`site:`). `key` is the header that the key goes into, with `prefix` before it. The rest says
    where in the answer things lie ("web.results").
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(min_length=1)
    method: Literal["GET", "POST"] = "GET"
    query: str = "q"
    count: str = ""
    most: int = Field(default=20, ge=1)
    recency: str = ""
    recencies: dict[str, str] = Field(default_factory=dict)
    sites: str = ""
    key: str = ""
    prefix: str = ""
    fixed: dict[str, str | int | bool] = Field(default_factory=dict)
    results: str = "results"
    title: str = "title"
    link: str = "url"
    text: str = "description"
    date: str = ""

    def request(self, query: str, sites: Sequence[str], recent: Recent, most: int) -> dict[str, Any]:
        """Return the parameters of a search."""
        asked: dict[str, Any] = dict(self.fixed)
        asked[self.query] = query if self.sites or not sites else f"{query} {operators(sites)}"
        if self.sites and sites:
            asked[self.sites] = list(sites)
        if self.count:
            asked[self.count] = min(most, self.most)
        if self.recency and recent in self.recencies:
            asked[self.recency] = self.recencies[recent]
        return asked

    def found(self, answer: Any, name: str) -> Found:
        """Return the results in an answer; what is no result in it is passed over."""
        listed = at(answer, self.results)
        hits = [self._hit(each) for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
        return Found(name, tuple(hit for hit in hits if hit.url.startswith(("http://", "https://"))))

    def _hit(self, result: Mapping[str, Any]) -> Hit:
        title, url, text = (str(at(result, name) or "") for name in (self.title, self.link, self.text))
        date = str(at(result, self.date) or "") if self.date else ""
        return Hit(plain(title)[:_MOST_TITLE], url.strip(), plain(text)[:_MOST_TEXT], date[:40])


ENGINES: Mapping[str, Engine] = {
    "brave": Engine(
        url="https://api.search.brave.com/res/v1/web/search",
        count="count",
        recency="freshness",
        recencies={"day": "pd", "week": "pw", "month": "pm", "year": "py"},
        key="X-Subscription-Token",
        results="web.results",
        date="page_age",
    ),
    "tavily": Engine(
        url="https://api.tavily.com/search",
        method="POST",
        query="query",
        count="max_results",
        recency="time_range",
        recencies={"day": "day", "week": "week", "month": "month", "year": "year"},
        sites="include_domains",
        key="Authorization",
        prefix="Bearer ",
        text="content",
        date="published_date",
    ),
    "searxng": Engine(
        url="/search",  # everybody has their own
        fixed={"format": "json"},
        recency="time_range",
        recencies={"day": "day", "week": "month", "month": "month", "year": "year"},  # there is no week
        text="content",
        date="publishedDate",
    ),
}


def engine(settings: WebSettings) -> Engine:
    """Return the engine that the settings name, at its place. Raises SettingsError."""
    if settings.engine == "custom":
        return _custom(settings)
    if settings.engine not in ENGINES:
        names = ", ".join((*ENGINES, "bing", "custom"))
        raise SettingsError(f"[web] engine: there is no engine {settings.engine!r}.", hint=f"There is: {names}.")
    found = ENGINES[settings.engine]
    if settings.options:
        raise SettingsError(f"[web.options]: {settings.engine} takes none.", hint=HINT)
    path = re.sub(r"\Ahttps?://[^/]+", "", found.url)
    url = f"{settings.base_url}{path}" if settings.base_url else found.url
    if url.startswith("/"):
        raise SettingsError(f"[web]: {settings.engine} needs base_url, where your own is.", hint=HINT)
    return found.model_copy(update={"url": url})


def _custom(settings: WebSettings) -> Engine:
    try:
        return Engine.model_validate({"url": settings.base_url, **settings.options})
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise SettingsError(f"[web.options] of a custom engine: {told}.", hint=HINT) from None


def operators(sites: Sequence[str]) -> str:
    """Return sites as words of a query: "(site:a.com OR site:b.com)"."""
    found = [f"site:{site}" for site in sites]
    return found[0] if len(found) == 1 else f"({' OR '.join(found)})"


def at(value: Any, path: str) -> Any:
    """Return what lies at a path of names ("web.results"), None where nothing does."""
    for name in path.split(".") if path else ():
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def plain(text: str) -> str:
    """Return a text without the tags by which engines mark the words that were looked for, and what nobody sees."""
    return " ".join(safe_text(html.unescape(_TAG.sub("", text))).split())
