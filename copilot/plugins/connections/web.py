"""The web: asking a search engine, and fetching single pages. Everything that comes from there is untrusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from copilot.plugins.service import Service
from copilot.settings import WebSettings
from copilot.trust.labels import Label

#: How recent a result must be.
Recent = Literal["", "day", "week", "month", "year"]


@dataclass(frozen=True, slots=True)
class Hit:
    """One result of a search: `text` is what the engine quotes of the page, `date` when it is from ("": not known)."""

    title: str
    url: str
    text: str = ""
    date: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What an engine found, the best first. `answer` is what it says itself, where it is one that does."""

    engine: str
    hits: tuple[Hit, ...] = ()
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A page as Markdown. `url` is where it came from in the end, after redirects; `media` its type.

    Text that a person would not see stands in it, marked; `notes` say in words what was left out.
    """

    url: str
    markdown: str
    title: str = ""
    media: str = ""
    notes: tuple[str, ...] = ()


class WebSearch(Protocol):
    """Asks a search engine."""

    def search(self, query: str, *, sites: Sequence[str] = (), recent: Recent = "", most: int = 8) -> Found:
        """Return at most so many results, of these sites only if any are named.

        Raises ServiceError: no engine is set up, it refuses the key, has had enough calls, or does not answer.
        """
        ...


class Fetch(Protocol):
    """Fetches single pages: GET, with no cookies and no credentials. robots.txt is for crawlers, and is not asked."""

    def fetch(self, url: str, *, sites: Sequence[str] | None = None) -> Page:
        """Return a page; one that was fetched a short while ago is not fetched again.

        Each redirect is judged like the address itself, also by `sites` where they are given. Raises ToolInputError:
        not allowed, not reached, too large, of a kind that can't be read.
        """
        ...

    def kept(self, url: str) -> Page | None:
        """Return a page that was fetched a short while ago, None where it was not; nobody is asked."""
        ...


class Web(WebSearch, Fetch, Protocol):
    """Both, as the settings say."""

    def whom(self, args: Mapping[str, Any]) -> Service:
        """Return who a call with these arguments goes to: where `url` leads, else the engine."""
        ...

    def label(self, url: str) -> Label:
        """Return the label of what lies at an address: untrusted, and public outside of the own network."""
        ...


class Browses(Protocol):
    """A connector that goes to the web: `copilot.connectors.<name>.connector` with this method."""

    def browse(self, settings: WebSettings, hosts: Sequence[str], env: Mapping[str, str]) -> Web:
        """Return the web; pages come from `hosts` (`trust.hosts`) only. Raises SettingsError; nobody is asked."""
        ...
