"""An API's answer by the manifest's `response_semantics`: its items, each by its card, and how confidential they are.

`data_path` and `properties` are JSONPath queries (RFC 9535), those in `properties` relative to each item. A template is
the item's own (`template_selector` leads to it in the answer) or the manifest's. What a card leaves out is written
below it: a model needs the ids that a person does not want to see.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any

from copilot.errors import PluginError
from copilot.plugins import jsonpaths
from copilot.plugins.api_plugin.manifest import ResponseSemantics
from copilot.plugins.cards import expand, markdown
from copilot.plugins.cards.expressions import Budget
from copilot.plugins.cards.functions import shortened
from copilot.trust.labels import Confidentiality
from copilot.trust.sanitise import safe_markdown, safe_text

#: Items that are shown, nodes that a query may give, fields and characters of what is written below a card.
MOST_ITEMS, MOST_NODES, MOST_FIELDS, MOST_REST = 50, 1_000, 200, 1_500
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

Tell = Callable[[str, str], None]


@dataclass(frozen=True)
class Shown:
    """An answer as it is shown: Markdown, the items as JSON types, where they come from, and what went wrong with a
    card."""

    markdown: str
    items: list[Any] = field(default_factory=list)
    sources: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Query:
    """A JSONPath query (RFC 9535)."""

    text: str
    compiled: Any

    @classmethod
    def of(cls, text: str, *, singular: bool = False) -> Query:
        """Return the query; raises PluginError that says what is wrong with it.

        `singular` takes only names and indexes (section 2.3.5.1): for a query that came with an answer.
        """
        text = text.strip()
        try:
            compiled = jsonpaths.compiled(text)
        except jsonpaths.PathError as error:
            told = safe_text(str(error))[:120]
            raise PluginError(f"{safe_text(text[:60])!r} is no JSONPath (RFC 9535) that is taken: {told}.") from None
        if singular and not getattr(compiled, "singular_query", bool)():
            raise PluginError(f"{safe_text(text[:60])!r} does not lead to one place.")
        return cls(text, compiled)

    def values(self, data: Any) -> list[Any]:
        """Return the values that the query selects, at most MOST_NODES; raises PluginError if it takes too long."""
        try:
            return list(islice(jsonpaths.values(self.compiled, data), MOST_NODES))
        except jsonpaths.PathError as error:
            raise PluginError(f"{safe_text(self.text)[:60]!r} can't be followed: {safe_text(str(error))}.") from None

    def first(self, data: Any) -> Any:
        """Return the first of them, None if there is none, or it can't be followed."""
        try:
            return next(iter(self.values(data)), None)
        except PluginError:
            return None


@dataclass(frozen=True)
class Semantics:
    """How the answers of one function are shown. Build it with `of`."""

    data: Query
    properties: Mapping[str, Query]
    template: Mapping[str, Any] | None
    labels: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        written: ResponseSemantics,
        template: Mapping[str, Any] | None,
        labels: Mapping[str, str],
        tell: Tell,
    ) -> Semantics:
        """Return the semantics; `tell(place, reason)` of queries that can't be read, which then select nothing.

        `labels` are the GUIDs of sensitivity labels and how confidential they are (trust.labels). Raises PluginError
        when `data_path` can't be read.
        """
        data = _lenient(written.data_path, "data_path", tell)
        properties = {}
        for name, text in written.properties.items():
            try:
                properties[name] = _lenient(text, f"properties.{name}", tell)
            except PluginError as error:
                tell(f"properties.{name}", error.message)
        return cls(data, properties, template, labels)

    def show(self, answer: Any) -> Shown:
        """Return an answer (JSON types) as it is shown. Never raises for whatever an API may answer."""
        try:
            items = self._items(answer)
        except PluginError as error:
            return Shown(safe_markdown(shortened(answer, MOST_REST)), problems=(error.message,))
        problems: list[str] = []
        budget = Budget()
        blocks = [self._item(item, answer, problems, budget) for item in items[:MOST_ITEMS]]
        if not items:
            blocks = [self._nothing(problems, budget) or "There is nothing that fits."]
        if len(items) > MOST_ITEMS:
            blocks.append(f"[{len(items) - MOST_ITEMS} more items are not shown; ask for fewer]")
        text = "\n\n".join(block for block in blocks if block)
        sources = tuple(dict.fromkeys(s for item in items[:MOST_ITEMS] if (s := self._source(item))))
        return Shown(text, items, sources, tuple(dict.fromkeys(problems)))

    def _items(self, answer: Any) -> list[Any]:
        """Return what `data_path` selects; a list that it leads to stands for its items."""
        found = self.data.values(answer)
        if len(found) == 1 and isinstance(found[0], list):
            found = found[0]
        return [item for item in found if item is not None][:MOST_NODES]

    def _item(self, item: Any, answer: Any, problems: list[str], budget: Budget) -> str:
        known = self._known(item)
        template = self._template(item, answer) or self.template
        card = self._card(template, {**known, **item} if isinstance(item, dict) else item, problems, budget)
        head = "" if card else _heading(known)
        place = _line(known.get("url"), 2_000)
        unsaid = place.startswith("https://") and place not in card + head
        link = f"Source: {safe_text(place)}" if unsaid else ""
        rest = _rest(item, f"{head}\n{card}\n{place}")
        return "\n\n".join(part for part in (head, card, safe_markdown(link), rest) if part)

    def _known(self, item: Any) -> dict[str, Any]:
        return {name: value for name, q in self.properties.items() if (value := q.first(item)) is not None}

    def _template(self, item: Any, answer: Any) -> Mapping[str, Any] | None:
        """Return the card that the item asks for: it is in the item, or the item has the path to it in the answer."""
        chosen = self.properties["template_selector"].first(item) if "template_selector" in self.properties else None
        if isinstance(chosen, str):
            try:
                chosen = Query.of(chosen, singular=True).first(answer)
            except PluginError:
                return None
        return chosen if isinstance(chosen, dict) else None

    def _card(self, template: Mapping[str, Any] | None, data: Any, problems: list[str], budget: Budget) -> str:
        if template is None:
            return ""
        try:
            made = expand(template, data, keep_missing=False, budget=budget)
        except PluginError as error:
            problems.append(error.message)
            return ""
        problems += made.problems
        return markdown(made.value)

    def _nothing(self, problems: list[str], budget: Budget) -> str:
        return self._card(self.template, [], problems, budget) if self._says_nothing_is_there else ""

    @cached_property
    def _says_nothing_is_there(self) -> bool:
        """Whether the template has words for an empty list ("Prevent blank Adaptive Cards")."""
        return "$when" in json.dumps(self.template, default=str) if self.template else False

    def _source(self, item: Any) -> str:
        known = self._known(item)
        title, url = (safe_text(_line(known.get(name), 300)) for name in ("title", "url"))
        return f"{title} ({url})" if title and url else title or url

    def confidentiality(self, answer: Any) -> Confidentiality | None:
        """Return how confidential the items of an answer say that they are, None where they don't."""
        query = self.properties.get("information_protection_label")
        if query is None or answer is None:
            return None
        try:
            found = [value for item in self._items(answer) for value in query.values(item)]
        except PluginError:
            return Confidentiality.RESTRICTED  # nobody knows what they say
        return max((level for value in found for level in self._levels(value)), default=None)

    def _levels(self, value: Any) -> Iterator[Confidentiality]:
        """Yield what a sensitivity label means: by its GUID through the person's map; any other one is restricted."""
        text = shortened(value, 5_000)
        if value in (None, "", {}, [], False):
            return
        known = {guid.strip().strip("{}").lower(): level for guid, level in self.labels.items()}
        found = [known.get(guid.lower()) for guid in _GUID.findall(text)] or [None]
        yield from (Confidentiality.parse(level) if level else Confidentiality.RESTRICTED for level in found)


def _lenient(text: str, place: str, tell: Tell) -> Query:
    """Return a query; one without its `$` is read as if it had it, and that is told. Raises PluginError."""
    text = text.strip()
    if text and not text.startswith("$"):
        tell(place, f"{safe_text(text[:60])!r} has no $; it is read as if it had.")
        text = f"$[{text[1:]}" if text.startswith("[") else f"$.{text.removeprefix('@.').removeprefix('.')}"
    return Query.of(text)


def _heading(known: Mapping[str, Any]) -> str:
    title, subtitle = _line(known.get("title")), _line(known.get("subtitle"))
    line = " · ".join(part for part in (f"**{title}**" if title else "", subtitle) if part)
    return safe_markdown(line)


def _rest(item: Any, said: str) -> str:
    """Return the parts of an item that are not yet said, as JSON on a line of its own."""
    if not isinstance(item, dict):
        text = shortened(item, MOST_REST)
        return "" if text in said else safe_markdown(text)
    fields = list(item.items())[:MOST_FIELDS]
    rest = {k: v for k, v in fields if v not in (None, "", [], {}) and not _is_said(v, said)}
    return safe_markdown(f"Data: {shortened(rest, MOST_REST)}") if rest else ""


def _is_said(value: Any, said: str) -> bool:
    """Return whether a text stands in another as words of its own; a number may be a part of anything."""
    return isinstance(value, str) and value in said and bool(re.search(rf"(?<!\w){re.escape(value)}(?!\w)", said))


def _line(value: Any, most: int = 500) -> str:
    """Return a plain value on one line, "" for a list or an object."""
    return "" if isinstance(value, list | dict) else " ".join(shortened(value, most).split())
