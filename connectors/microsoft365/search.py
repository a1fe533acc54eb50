"""Microsoft Search, and the retrieval API of Microsoft 365 Copilot.

Source: Microsoft Graph v1.0, "Use the Microsoft Search API to query data"; "Keyword Query Language (KQL) syntax
reference"; Microsoft 365 Copilot APIs, "Retrieve grounding data".
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TYPE_CHECKING

from copilot.errors import ServiceError, ToolInputError
from copilot.plugins.connections.search import HitKind, Hits, Passage, Passages, Sought

from .graph import Graph, Json
from .search_shapes import hit, labels, plain
from .search_words import query

if TYPE_CHECKING:
    from .connection import Microsoft365


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of Graph for a kind of hit: its entity type, the right that it needs, and the most at once."""

    type: str
    scope: str
    most: int = 100
    fields: tuple[str, ...] = ()


ASKED: Mapping[HitKind, Asked] = {
    "file": Asked("driveItem", "Files.Read.All"),
    "mail": Asked("message", "Mail.Read", 25),
    "chat": Asked("chatMessage", "Chat.Read", 25),
    "event": Asked("event", "Calendars.Read", 25),
    "person": Asked("person", "People.Read", 25),
    "site": Asked("site", "Sites.Read.All"),
    "list": Asked("list", "Sites.Read.All"),
}
#: Errors that leave one kind out and not the others; after one of the retrieval API the ordinary search is asked.
_LEFT_OUT = frozenset({"scope", "denied", "unsupported", "missing"})
#: Characters of a question, and passages ("Retrieve grounding data").
_QUESTION, _PASSAGES = 1500, 25


class GraphSearch:
    """The search of one account."""

    def __init__(self, connection: Microsoft365) -> None:
        self._connection = connection

    @property
    def account(self) -> str:
        """The account's name in the settings."""
        return self._connection.account

    @property
    def _graph(self) -> Graph:
        return self._connection.graph

    def find(
        self, sought: Sought, kinds: tuple[HitKind, ...] = ("file", "mail", "chat"), limit: int = 15, page: str = ""
    ) -> Hits:
        """Return what is found, of all kinds together, each kind by its own ranking.

        A kind that can't be looked at is noted; when that is all of them, its ServiceError is raised.
        """
        asked = {kind: text for kind in dict.fromkeys(kinds) if (text := query(sought, kind))}
        if not asked:
            raise ToolInputError(
                f"{', '.join(kinds)} can't be searched for that.",
                hint="Leave out what such hits don't have, such as a file type.",
            )
        starts = _starts(page, asked)
        return self._connection.run(lambda: self._find({k: asked[k] for k in starts}, starts, limit))

    async def _find(self, asked: Mapping[HitKind, str], starts: Mapping[HitKind, int], limit: int) -> Hits:
        answers = await asyncio.gather(
            *(self._of(kind, text, starts[kind], limit) for kind, text in asked.items()), return_exceptions=True
        )
        good: dict[HitKind, Hits] = {}
        lost: list[ServiceError] = []
        for kind, answer in zip(asked, answers, strict=True):
            if isinstance(answer, ServiceError) and answer.code in _LEFT_OUT:
                lost.append(answer)
            elif isinstance(answer, BaseException):
                raise answer
            else:
                good[kind] = answer
        if lost and not good:
            raise lost[0]
        return _together(good, starts, limit, tuple(str(each) for each in lost))

    async def _of(self, kind: HitKind, text: str, start: int, limit: int) -> Hits:
        about = ASKED[kind]
        size = min(limit, about.most)
        request: Json = {"entityTypes": [about.type], "query": {"queryString": text}, "from": start, "size": size}
        answer = await self._graph.post(
            "/search/query", {"requests": [request]}, what=f"the search for {_PLURAL[kind]}", scope=about.scope
        )
        boxes = [box for each in answer.get("value") or () for box in each.get("hitsContainers") or ()]
        hits = tuple(made for box in boxes for each in box.get("hits") or () if (made := hit(kind, each)))
        more = any(box.get("moreResultsAvailable") for box in boxes)
        return Hits(hits, sum(int(box.get("total") or 0) for box in boxes), "more" if more else "")

    def passages(self, question: str, limit: int = 10, place: str = "") -> Passages:
        """Return stretches of documents that may answer a question; summaries of hits where there is no Copilot."""
        if not question.strip() or len(question) > _QUESTION:
            raise ToolInputError(f"A question has 1 to {_QUESTION:,} characters; this has {len(question):,}.")
        try:
            return self._connection.run(lambda: self._passages(question, min(limit, _PASSAGES), place))
        except ServiceError as error:
            if error.code not in _LEFT_OUT:
                raise
            found = self.find(Sought(question_words(question), place=place), ("file",), limit)
            passages = tuple(
                Passage(each.summary, each.title, each.url, each.author, labels=each.labels) for each in found.items
            )
            note = f"These are summaries of files that were found, not passages for the question: {error}"
            return Passages(passages, (note, *found.notes))

    async def _passages(self, question: str, limit: int, place: str) -> Passages:
        body: Json = {
            "queryString": " ".join(question.split()),
            "resourceMetadata": ["title", "author"],
            "maximumNumberOfResults": limit,
        }
        body |= {"filterExpression": query(Sought("", place=place), "file")} if place else {}
        sources = [self._from(body, source) for source in ("sharePoint", "oneDriveBusiness")]
        held = await asyncio.gather(*sources)
        every = [each for answer in held for each in answer.get("retrievalHits") or ()]
        found = [made for each in every for made in _passages(each)]
        unique = {(each.url, each.text): each for each in found}
        return Passages(tuple(sorted(unique.values(), key=lambda each: -each.score)[:limit]))

    async def _from(self, body: Json, source: str) -> Json:
        asked = {**body, "dataSource": source}
        return await self._graph.post("/copilot/retrieval", asked, what="the retrieval", scope="Sites.Read.All")


_PLURAL: Mapping[HitKind, str] = {
    "file": "files",
    "mail": "mail",
    "chat": "chat messages",
    "event": "events",
    "person": "people",
    "site": "sites",
    "list": "lists",
}
#: Words of a question that say nothing of what it is about.
_STOP = frozenset({
    *("a", "an", "the", "this", "that", "these", "those", "and", "or", "as", "at", "by", "for", "from", "in", "of"),
    *("on", "to", "with", "is", "are", "was", "were", "be", "do", "does", "did", "has", "have", "will", "it", "i"),
    *("me", "my", "we", "our", "you", "your", "they", "their", "how", "what", "when", "where", "which", "who", "why"),
})  # fmt: skip


def question_words(question: str) -> str:
    """Return the words of a question that are worth looking for; all of them if there is no other."""
    words = [word.strip(".,;:?!") for word in question.split()]
    return " ".join(word for word in words if word.casefold() not in _STOP) or question


def _starts(page: str, asked: Iterable[HitKind]) -> dict[HitKind, int]:
    """Return where each kind goes on, of "file=15,mail=15"; raises ToolInputError for what is no page."""
    if not page:
        return dict.fromkeys(asked, 0)
    try:
        given = {kind: int(start) for kind, _, start in (each.partition("=") for each in page.split(","))}
    except ValueError:
        given = {}
    found: dict[HitKind, int] = {kind: given[kind] for kind in asked if given.get(kind, -1) >= 0}
    if not found:
        raise ToolInputError(f"{page!r} is no page of this search.", hint="Take it as it was given.")
    return found


def _together(good: Mapping[HitKind, Hits], starts: Mapping[HitKind, int], limit: int, notes: tuple[str, ...]) -> Hits:
    """Return the hits of several kinds as one list, by turns: the ranks of two kinds can't be compared."""
    turns = zip_longest(*(each.items for each in good.values()))
    shown = [each for turn in turns for each in turn if each is not None][:limit]
    left: list[str] = []
    for kind, hits in good.items():
        taken = sum(each.kind == kind for each in shown)
        if hits.page or taken < len(hits.items):
            left.append(f"{kind}={starts[kind] + taken}")
    return Hits(tuple(shown), sum(each.total for each in good.values()), ",".join(left), notes)


def _passages(data: Json) -> Iterator[Passage]:
    about = data.get("resourceMetadata") or {}
    url = str(data.get("webUrl") or "")
    whole = Passage(
        "",
        str(about.get("title") or "") or url.rpartition("/")[2],
        url,
        str(about.get("author") or ""),
        labels=labels(data),
    )
    for extract in data.get("extracts") or ():
        if text := plain(str(extract.get("text") or "")):
            yield replace(whole, text=text, score=float(extract.get("relevanceScore") or 0.0))
