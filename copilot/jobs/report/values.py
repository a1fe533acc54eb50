"""What was extracted from a document as HTML: each value with how sure it is, what stands there, and where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from copilot.jobs.job import Citation, Confidence, Outcome
from copilot.jobs.report.markup import cut, flag, rows, spelled, text

#: What each confidence means to a person, and whether they should look.
MEANING: Mapping[Confidence, tuple[str, str]] = MappingProxyType(
    {
        "exact": ("exact", "stands so in the document"),
        "near": ("check", "follows from the quote, but does not stand in it so"),
        "unsupported": ("unsupported", "the quote is not in the document"),
        "missing": ("missing", "no value was found"),
    }
)
_MOST_FIELDS = 500
_MOST_VALUE = 2_000


def doubtful(outcome: Outcome) -> dict[Confidence, int]:
    """Return how many values of a document are not exact, by their confidence."""
    found: dict[Confidence, int] = {}
    for _, _, citation in _entries(outcome):
        if citation.confidence != "exact":
            found[citation.confidence] = found.get(citation.confidence, 0) + 1
    return found


def extracted(outcome: Outcome) -> str:
    """Return the values of a document as a table, "" if there are none."""
    entries = _entries(outcome)
    if not entries:
        return ""
    body = "".join(_row(*entry) for entry in entries[:_MOST_FIELDS])
    left = len(entries) - _MOST_FIELDS
    more = f'<p class="dim">{left:,} more values are in the output of the run.</p>' if left > 0 else ""
    return rows(("Field", "Value", "How sure"), body, "Extracted values", "values") + more


def _entries(outcome: Outcome) -> list[tuple[str, Any, Citation]]:
    """Return (field, value, citation) for each value, then for each place inside one that has a citation of its own."""
    values = outcome.values or {}
    cited = {citation.field: citation for citation in outcome.citations}
    found = [(name, value, _cited(name, value, cited)) for name, value in values.items()]
    return found + [(name, None, citation) for name, citation in cited.items() if name not in values]


def _cited(name: str, value: Any, cited: Mapping[str, Citation]) -> Citation:
    """Return the citation of a value. One that has none is as certain as the least certain place inside it."""
    if name in cited:
        return cited[name]
    inside = [each.confidence for each in cited.values() if each.field.startswith((f"{name}.", f"{name}["))]
    nothing: Confidence = "missing" if value in (None, "", [], {}) else "unsupported"
    order: Sequence[Confidence] = ("unsupported", "missing", "near", "exact")
    return Citation(field=name, confidence=min(inside, key=order.index) if inside else nothing)


def _row(name: str, value: Any, citation: Citation) -> str:
    word, meaning = MEANING[citation.confidence]
    told = text(cut(spelled(value), _MOST_VALUE), lines=True)
    shown = told or ("" if citation.quote else '<span class="dim">none</span>')
    return (
        f'<tr><th scope="row">{text(cut(name, 200))}</th><td dir="auto">{shown}{_quote(citation)}</td>'
        f'<td>{flag(word, citation.confidence)} <span class="dim">{text(meaning)}</span></td></tr>'
    )


def _quote(citation: Citation) -> str:
    quoted = f"<q>{text(cut(citation.quote, _MOST_VALUE))}</q>" if citation.quote else ""
    where = f'<span class="where">{text(cut(citation.where, 200))}</span>' if citation.where else ""
    return f'<div class="quote">{quoted} {where}</div>' if quoted or where else ""
