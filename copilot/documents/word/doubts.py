"""What to warn about after an edit, each thing once with the places that it concerns."""

from __future__ import annotations

from collections.abc import Iterator

from copilot.documents.word.blocks import Block
from copilot.documents.word.names import Element, child, name, value

_PLACES = 5  # named in one warning


class Doubts:
    """Warnings that are gathered place by place."""

    def __init__(self) -> None:
        self._places: dict[str, dict[str, None]] = {}

    def add(self, warning: str, block: Block) -> None:
        """Note a warning (without a full stop) for a block."""
        self._places.setdefault(warning, {})[block.where] = None

    def add_controls(self, element: Element, block: Block) -> None:
        """Note the content controls around an element that are locked, or filled from data (17.5.2)."""
        for control in element.iterancestors():
            if name(control) != "w:sdt":
                continue
            properties = child(control, "w:sdtPr")
            if child(properties, "w:dataBinding") is not None:
                self.add("A content control is filled from data, and Word may put the old text back", block)
            if value(child(properties, "w:lock")) in ("contentLocked", "sdtContentLocked"):
                self.add("A content control is locked against editing", block)

    def warnings(self) -> Iterator[str]:
        """Yield the warnings with their places."""
        for warning, places in self._places.items():
            named = list(places)[:_PLACES]
            more = f" and {len(places) - _PLACES} more" if len(places) > _PLACES else ""
            yield f"{warning}: {', '.join(named)}{more}."
