"""The web as the settings reach it: one searcher, and pages that are fetched one by one and kept for a while."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from copilot.errors import ToolInputError
from copilot.plugins.connections.web import Found, Page, Recent
from copilot.plugins.service import Service, origin
from copilot.plugins.web import Answer, UnknownOutcome, ask
from copilot.settings import WebSettings
from copilot.trust import hosts
from copilot.trust.labels import Confidentiality, Label

from .pages import read
from .searching import Searcher

#: Bytes of a page after it is unpacked, seconds for it with all redirects, and how many of them.
MOST_BYTES, PATIENCE, MOST_REDIRECTS = 20_000_000, 45.0, 5
#: Pages that are kept, and for how many seconds: so long its parts are read without asking anybody again.
_KEPT, _LASTS = 32, 900.0
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ACCEPT = "text/html,application/xhtml+xml,text/plain,text/markdown,application/json,application/pdf,*/*;q=0.5"


class Browser:
    """See copilot/plugins/connections/web.py."""

    def __init__(
        self,
        settings: WebSettings,
        allowed: Sequence[str],
        env: Mapping[str, str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._searcher = Searcher(settings, env)
        self._allowed, self._intranet = tuple(allowed), frozenset(map(origin, settings.intranet))
        self._clock = clock
        self._pages: OrderedDict[str, tuple[float, Page]] = OrderedDict()
        self._lock = threading.Lock()

    def whom(self, args: Mapping[str, Any]) -> Service:
        """Return who a call with these arguments goes to: where `url` leads, else the engine."""
        url = args.get("url")
        return self._place(url) if isinstance(url, str) and url else self._searcher.service

    def search(self, query: str, *, sites: Sequence[str] = (), recent: Recent = "", most: int = 8) -> Found:
        """Return at most so many results. Raises ServiceError."""
        return self._searcher.search(query, sites=sites, recent=recent, most=most)

    def kept(self, url: str) -> Page | None:
        """Return a page that was fetched a short while ago, None where it was not."""
        with self._lock:
            at, page = self._pages.get(_key(url), (0.0, None))
            return page if page is not None and self._clock() - at < _LASTS else None

    def fetch(self, url: str, *, sites: Sequence[str] | None = None) -> Page:
        """Return a page, after redirects that are each judged again. Raises ToolInputError."""
        if (kept := self.kept(url)) is not None and (sites is None or _is_at(kept.url, sites)):
            return kept
        answer = self._followed(url, sites)
        page = read(answer)
        with self._lock:
            for name in (_key(url), _key(answer.url)):
                self._pages[name] = (self._clock(), page)
                self._pages.move_to_end(name)
            while len(self._pages) > _KEPT:
                self._pages.popitem(last=False)
        return page

    def label(self, url: str) -> Label:
        """Return the label of what lies at an address: untrusted, and public outside of the own network."""
        place = self._place(url)
        own = origin(url) in self._intranet
        level = Confidentiality.INTERNAL if own else Confidentiality.PUBLIC
        return Label(confidentiality=level, sources=(url,), origins=place.source.origins)

    def _place(self, url: str) -> Service:
        """Return the place of an address: for an agreed origin of the own network the policy looks no further."""
        found = origin(url)
        host = urlsplit(found).hostname or "the web"
        return Service(host, (found,) if found in self._intranet else (), place="web")

    def _followed(self, url: str, sites: Sequence[str] | None) -> Answer:
        """Return the answer at the end of all redirects."""
        first, ends = url, time.monotonic() + PATIENCE
        for _ in range(MOST_REDIRECTS + 1):
            self._judge(url, first, sites)
            answer = _got(url, ends - time.monotonic())
            target = answer.header("location")
            if answer.status not in _REDIRECTS or not target:
                return _whole(answer, url)
            url = _joined(url, target)
        raise ToolInputError(f"{first} redirects over and over.", code="redirects")

    def _judge(self, url: str, first: str, sites: Sequence[str] | None) -> None:
        """Refuse an address that may not be asked; only a page of the own network may redirect into it."""
        came = "" if url == first else f", where {first} redirects to,"
        if sites is not None and not _is_at(url, sites):
            hint = f"It may use: {', '.join(sites) or 'none'}."
            raise ToolInputError(f"This agent may not go to {url}{came.rstrip(',')}.", hint=hint, code="outside_sites")
        if origin(url) in self._intranet and origin(first) in self._intranet:
            return
        rule, why = hosts.problem(url, self._allowed)
        if rule:
            hint = "Hosts are allowed under [trust] hosts in copilot.toml." if rule == "unlisted-host" else ""
            raise ToolInputError(f"{url}{came} is not fetched: {why}", hint=hint, code=rule)


def _got(url: str, patience: float) -> Answer:
    import httpx

    try:
        request = httpx.Request("GET", url, headers={"Accept": _ACCEPT, "User-Agent": "everpilot"})
    except httpx.InvalidURL as error:
        raise ToolInputError(f"{url!r} is no address ({error}).", code="host") from None
    service = Service(request.url.host, (origin(url),))
    try:
        return ask(request, service, most=MOST_BYTES, patience=max(patience, 0.0), follow=False)
    except UnknownOutcome as error:
        raise ToolInputError(str(error), hint="Try again later.", code="timeout") from None


def _whole(answer: Answer, url: str) -> Answer:
    """Return the answer, if it is a page and whole; it came from `url`, query and all."""
    if answer.status >= 300 or answer.status < 200:
        known = {
            404: "There is no such page",
            410: "That page is gone",
            401: "It wants a sign-in",
            403: "It refuses us",
        }
        why = known.get(answer.status, "It answered with an error")
        raise ToolInputError(f"{why}: {url} ({answer.status}).", code="status")
    if answer.cut:
        raise ToolInputError(f"{url} is larger than {MOST_BYTES // 1_000_000} MB, and is not read.", code="too_large")
    return Answer(answer.status, answer.headers, answer.content, url.partition("#")[0])


def _joined(url: str, target: str) -> str:
    import httpx

    try:
        return str(httpx.URL(url).join(target))
    except (httpx.InvalidURL, ValueError):
        raise ToolInputError(f"{url} redirects to what is no address.", code="host") from None


def _is_at(url: str, sites: Sequence[str]) -> bool:
    return any(hosts.is_below(url, site) for site in sites)


def _key(url: str) -> str:
    return url.partition("#")[0]
